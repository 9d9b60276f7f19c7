//! Kubernetes audit logs of any size: the same bytes for the same arguments.
//!
//! One event a line, level Metadata, 1.5 to 2 KB, in gzip files: what the controllers, operators and people of a
//! cluster do, in the shares that such logs have (leases and watches most, then reads, then writes).

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::generate::{COPIES, Numbers, SPAN, START, guid, gzip};

/// Service accounts.
const ACCOUNTS: u64 = 40;

/// Verb, group, version, resource, subresource, code.
type Call = (&'static str, &'static str, &'static str, &'static str, &'static str, u16);

const CALLS: &[Call] = &[
    ("update", "coordination.k8s.io", "v1", "leases", "", 200),
    ("get", "coordination.k8s.io", "v1", "leases", "", 200),
    ("watch", "", "v1", "configmaps", "", 200),
    ("watch", "", "v1", "pods", "", 200),
    ("watch", "apps", "v1", "deployments", "", 200),
    ("list", "", "v1", "pods", "", 200),
    ("get", "", "v1", "configmaps", "", 200),
    ("get", "", "v1", "secrets", "", 200),
    ("get", "", "v1", "services", "", 404),
    ("patch", "", "v1", "pods", "status", 200),
    ("create", "", "v1", "serviceaccounts", "token", 201),
    ("get", "apps", "v1", "deployments", "", 200),
    ("update", "apps", "v1", "deployments", "status", 409),
    ("patch", "apps", "v1", "deployments", "", 201),
    ("list", "argoproj.io", "v1alpha1", "applications", "", 200),
    ("create", "authorization.k8s.io", "v1", "subjectaccessreviews", "", 201),
    ("get", "rbac.authorization.k8s.io", "v1", "clusterroles", "", 200),
    ("delete", "batch", "v1", "jobs", "", 200),
    ("create", "", "v1", "pods", "", 201),
    ("list", "", "v1", "secrets", "", 403),
];

/// Writes `events` events into `files` files of a folder.
///
/// # Errors
/// As writing files fails.
pub(crate) fn write(folder: &Path, events: u64, files: u64) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for file in 0..files {
        let mut text = String::new();
        for number in file * events / files..(file + 1) * events / files {
            let is_copy = number % COPIES == COPIES - 1;
            event(&mut text, if is_copy { number / 2 } else { number }, events);
        }
        let path = folder.join(format!("audit-{file:06}.log.gz"));
        std::fs::write(path, gzip(text.as_bytes())?)?;
    }
    Ok(())
}

fn event(out: &mut String, number: u64, events: u64) {
    let mut numbers = Numbers::of(number);
    let at = START + number * SPAN / events.max(1);
    let who = numbers.below(ACCOUNTS);
    // Of all calls the first ones are made most.
    let which = numbers.below(CALLS.len() as u64).min(numbers.below(CALLS.len() as u64));
    let (verb, group, version, resource, subresource, code) = CALLS[which as usize];
    let namespace = format!("team-{}", (who + which) % 12);
    let name =
        format!("{}-{}", ["api", "web", "worker", "cache"][(who % 4) as usize], numbers.below(6));
    let has_name = !matches!(verb, "list" | "watch");
    let root = if group.is_empty() { "/api".to_string() } else { format!("/apis/{group}") };
    let _ = write!(
        out,
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{}\",\"stage\":\"ResponseComplete\",\"requestURI\":\"{root}/{version}/namespaces/{namespace}/{resource}",
        guid(&mut numbers)
    );
    if has_name {
        let _ = write!(out, "/{name}");
    }
    if !subresource.is_empty() {
        let _ = write!(out, "/{subresource}");
    }
    if verb == "watch" {
        let _ = write!(
            out,
            "?allowWatchBookmarks=true\\u0026resourceVersion={}\\u0026timeout=8m{}s\\u0026timeoutSeconds={}\\u0026watch=true",
            numbers.below(90_000_000),
            numbers.below(60),
            numbers.below(600)
        );
    } else {
        out.push_str("?fieldManager=controller\\u0026timeout=5s");
    }
    user(out, verb, who, &mut numbers);
    let _ =
        write!(out, ",\"objectRef\":{{\"resource\":\"{resource}\",\"namespace\":\"{namespace}\"");
    if has_name {
        let _ = write!(out, ",\"name\":\"{name}\",\"uid\":\"{}\"", guid(&mut numbers));
    }
    if !group.is_empty() {
        let _ = write!(out, ",\"apiGroup\":\"{group}\"");
    }
    let _ = write!(
        out,
        ",\"apiVersion\":\"{version}\",\"resourceVersion\":\"{}\"",
        numbers.below(90_000_000)
    );
    if !subresource.is_empty() {
        let _ = write!(out, ",\"subresource\":\"{subresource}\"");
    }
    ending(out, (verb, resource, code), (who, &namespace), at, &mut numbers);
}

fn user(out: &mut String, verb: &str, who: u64, numbers: &mut Numbers) {
    let space = format!("operators-{}", who % 9);
    let pod = Numbers::of(who * 4 + numbers.below(3)).next();
    let _ = write!(
        out,
        "\",\"verb\":\"{verb}\",\"user\":{{\"username\":\"system:serviceaccount:{space}:operator-{who}\",\"uid\":\"{}\",\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:{space}\",\"system:authenticated\"],\"extra\":{{\"authentication.kubernetes.io/credential-id\":[\"JTI={}\"],\"authentication.kubernetes.io/node-name\":[\"ip-10-0-{}-{}.eu-west-1.compute.internal\"],\"authentication.kubernetes.io/node-uid\":[\"{}\"],\"authentication.kubernetes.io/pod-name\":[\"operator-{who}-{:08x}-{:05x}\"],\"authentication.kubernetes.io/pod-uid\":[\"{}\"]}}}},\"sourceIPs\":[\"10.0.{}.{}\"],\"userAgent\":\"operator-{who}/v1.28.3 (linux/amd64) kubernetes/$Format/leader-election\"",
        guid(&mut Numbers::of(who)),
        guid(numbers),
        who,
        numbers.below(200),
        guid(numbers),
        pod >> 32,
        pod & 0xf_ffff,
        guid(numbers),
        who,
        numbers.below(200),
    );
}

fn ending(
    out: &mut String,
    (verb, resource, code): (&str, &str, u16),
    (who, namespace): (u64, &str),
    at: u64,
    numbers: &mut Numbers,
) {
    let space = format!("operators-{}", who % 9);
    let time = authgap::model::Time::from_seconds(at as i64).to_string();
    let time = time.trim_end_matches('Z');
    out.push_str("},\"responseStatus\":{\"metadata\":{}");
    if code >= 400 {
        let _ = write!(
            out,
            ",\"status\":\"Failure\",\"message\":\"{resource} is forbidden: User \\\"system:serviceaccount:{space}:operator-{who}\\\" cannot {verb} resource \\\"{resource}\\\" in API group \\\"\\\" in the namespace \\\"{namespace}\\\"\",\"reason\":\"Forbidden\",\"details\":{{\"kind\":\"{resource}\"}}"
        );
    }
    let decision = if code == 403 { "forbid" } else { "allow" };
    let reason = if code == 403 {
        String::new()
    } else {
        format!(
            "RBAC: allowed by ClusterRoleBinding \\\"operator-{who}\\\" of ClusterRole \\\"operator-{who}-manager\\\" to ServiceAccount \\\"operator-{who}/{space}\\\""
        )
    };
    let _ = writeln!(
        out,
        ",\"code\":{code}}},\"requestReceivedTimestamp\":\"{time}.{:06}Z\",\"stageTimestamp\":\"{time}.{:06}Z\",\"annotations\":{{\"authorization.k8s.io/decision\":\"{decision}\",\"authorization.k8s.io/reason\":\"{reason}\"}}}}",
        numbers.below(1_000_000),
        numbers.below(1_000_000),
    );
}
