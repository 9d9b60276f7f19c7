//! Public samples: what is read of them is what was derived by hand.

use std::collections::BTreeMap;

use super::*;
use crate::platform::kubernetes::names;

/// A row of `expected-usage.json`, in this project's words.
fn expected(cluster: &str, row: &Value) -> (String, (u64, String, String)) {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    let identity = match text("identity").strip_prefix("serviceaccount ") {
        Some(account) => {
            let (namespace, name) = account.split_once('/').unwrap();
            names::identity(cluster, &format!("system:serviceaccount:{namespace}:{name}")).id
        }
        None => names::identity(cluster, text("identity")).id,
    };
    let (resource, sub) = text("resource").split_once('/').unwrap_or((text("resource"), ""));
    let what = match row["path"].as_str() {
        Some(path) => format!("{} {path}", text("verb")),
        None => {
            let action = names::action(text("verb"), text("apiGroup"), resource, sub);
            format!("{action} in {}", text("namespace"))
        }
    };
    let key = format!("{identity} {what} {}", text("outcome"));
    let second = |key: &str| text(key).get(..19).unwrap().to_string();
    (key, (row["count"].as_u64().unwrap(), second("first"), second("last")))
}

/// Usage in the same words: scopes without names, paths with their class left out.
fn found(usage: &[UsageRow]) -> BTreeMap<String, (u64, String, String)> {
    let mut out: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
    for row in usage.iter().filter(|row| row.via.is_none()) {
        if row.inferred && !row.action.starts_with("k8s:impersonate:") {
            continue;
        }
        let scope = row.scope.as_str();
        let what = match row.action.strip_prefix("no-permission:") {
            Some(_) => format!("get {scope}"),
            None => {
                let namespace = scope.split('/').next().unwrap().replace('*', "");
                format!("{} in {namespace}", row.action)
            }
        };
        let key = format!("{} {what} {}", row.identity, row.outcome.as_str());
        let (first, last) = (row.first.unwrap().to_string(), row.last.unwrap().to_string());
        let (first, last) = (first.replace('Z', ""), last.replace('Z', ""));
        let known = out.entry(key).or_insert_with(|| (0, first.clone(), last.clone()));
        known.0 += row.count;
        known.1 = known.1.clone().min(first);
        known.2 = known.2.clone().max(last);
    }
    out
}

fn compare(folder: &str, file: &str, format: &AuditLog, cluster: &str) -> Option<Read> {
    let folder = shared("audit")?.join(folder);
    let read = read_files(&[&folder.join(file)], format, "c");
    let table = json_of(&folder.join("expected-usage.json"));
    let rows = table["rows"].as_array().unwrap();
    let rows: BTreeMap<_, _> = rows.iter().map(|row| expected(cluster, row)).collect();
    let usage = merged(&read.out.usage);
    similar(&found(&usage), &rows);
    println!("{}: {} rows", folder.display(), rows.len());
    Some(read)
}

fn similar<V: PartialEq + std::fmt::Debug>(
    found: &BTreeMap<String, V>,
    wanted: &BTreeMap<String, V>,
) {
    for (key, value) in found {
        assert_eq!(wanted.get(key), Some(value), "{key} was read");
    }
    for key in wanted.keys() {
        assert!(found.contains_key(key), "{key} was not read");
    }
}

#[test]
fn audit2rbacs_log_is_read_as_derived() {
    let Some(read) = compare("audit2rbac", "demo.log", &NATIVE, "c") else { return };
    assert_eq!((read.logs.events, read.logs.duplicates), (37, 0));
    // Nobody but the impersonator appears as itself.
    let own = |row: &&UsageRow| &*row.identity == "k8s://c/user/system:admin";
    let own: Vec<&UsageRow> = read.out.usage.iter().filter(own).collect();
    assert!(own.iter().all(|row| row.action.starts_with("k8s:impersonate:")));
    let others = read.out.usage.iter().filter(|row| !row.inferred);
    for row in others {
        assert_eq!(row.on_behalf_of.as_deref(), Some("k8s://c/user/system:admin"));
    }
    assert!(read.out.grants.is_empty(), "no decisions, no reasons");
}

#[test]
fn gkes_entries_are_read_as_derived() {
    let cluster = "gke_octarinesec-test-project_us-central1-a_octarinesec-cluster";
    let Some(read) = compare("gke", "audit_log.json", &GKE, cluster) else { return };
    assert_eq!(read.logs.events, 134);
    // The log of reads says nothing of changes.
    let spans: Vec<_> =
        read.out.spans.iter().map(|span| (&*span.account, span.read_only)).collect();
    assert_eq!(spans, [(cluster, Some(true))]);
    let paths = read.out.usage.iter().filter(|row| row.action.starts_with("no-permission:"));
    assert_eq!(paths.map(|row| row.count).sum::<u64>(), 46);
}

#[test]
fn openshifts_log_is_read_as_derived() {
    let Some(read) = compare("openshift", "audit_in.first70.log.gz", &NATIVE, "c") else { return };
    assert_eq!((read.logs.events, read.logs.duplicates), (70, 0));
    let denied = read.out.usage.iter().filter(|row| row.outcome == Outcome::Denied);
    assert_eq!(denied.count(), 0, "each decision is allow, whatever the code");
    let identities: std::collections::BTreeSet<&str> =
        read.out.usage.iter().filter(|row| row.via.is_none()).map(|row| &*row.identity).collect();
    assert_eq!(identities.len(), 13);
    // Twelve reviews about kube:admin, all answered with yes.
    let asked: Vec<&UsageRow> = read.out.usage.iter().filter(|row| row.via.is_some()).collect();
    assert_eq!(asked.iter().map(|row| row.count).sum::<u64>(), 12);
    assert!(asked.iter().all(|row| &*row.identity == "k8s://c/user/kube:admin" && row.inferred));
    let grant = read.out.grants.iter().find(|grant| {
        &*grant.identity == "k8s://c/openshift-cluster-version/serviceaccount/default"
            && &*grant.action == "k8s:get:core/namespaces"
    });
    let grant = grant.unwrap();
    assert_eq!(
        &*grant.by,
        "ClusterRoleBinding cluster-version-operator of ClusterRole cluster-admin"
    );
    assert_eq!(&*grant.resource, "*");
    let detail: Value = serde_json::from_str(&grant.detail).unwrap();
    assert_eq!(detail["role"], "cluster-admin");
    assert_eq!(detail["subject"], "ServiceAccount default/openshift-cluster-version");
}

#[test]
fn eks_events_are_read_as_derived_whatever_the_envelope_says() {
    let Some(read) = compare("eks", "minimal-risky-eks-audit.json", &WRAPPED, "c") else { return };
    assert_eq!(read.logs.events, 6);
    let path = shared("audit/eks/minimal-risky-audit.log").unwrap();
    let native = read_files(&[&path], &NATIVE, "c");
    assert_eq!(native.logs.events, 3);
    let used = |row: &&UsageRow| row.action.starts_with("k8s:get:core/secrets");
    assert_eq!(native.out.usage.iter().filter(used).map(|row| row.count).sum::<u64>(), 2);
}

/// (file, its kind, records, used, skipped, rejected)
type Taken = (&'static str, &'static str, u64, u64, u64, u64);

#[test]
fn every_sample_is_recognised_and_taken() {
    let Some(folder) = shared("audit") else { return };
    let wanted: &[Taken] = &[
        ("audit2rbac/demo.log", "kubernetes-audit", 37, 37, 0, 0),
        ("gke/audit_log.json", "kubernetes-gke", 134, 134, 0, 0),
        ("eks/minimal-risky-audit.log", "kubernetes-audit", 3, 3, 0, 0),
        ("eks/minimal-risky-eks-audit.json", "kubernetes-audit-wrapped", 6, 6, 0, 0),
        ("khi/container_recorder_test_1_1.yaml", "kubernetes-audit-wrapped", 1, 1, 0, 0),
        ("khi/container_recorder_test_1_2.yaml", "kubernetes-audit-wrapped", 1, 1, 0, 0),
        ("khi/container_recorder_test_1_3.yaml", "kubernetes-audit-wrapped", 1, 1, 0, 0),
        ("khi/test-log.yaml", "kubernetes-audit-wrapped", 1, 1, 0, 0),
        ("openshift/audit_in.first70.log.gz", "kubernetes-audit", 70, 70, 0, 0),
        ("openshift/raw_audit_kubernetes.json", "kubernetes-audit", 1, 1, 0, 0),
        ("openshift/raw_audit_openshift.json", "kubernetes-audit", 1, 1, 0, 0),
        ("openshift/raw_audit_oauth-apiserver.json", "kubernetes-audit", 1, 1, 0, 0),
        ("openshift/viaq_audit_kubernetes.json", "kubernetes-audit", 1, 1, 0, 0),
        ("openshift/viaq_audit_openshift.json", "kubernetes-audit", 1, 1, 0, 0),
        ("openshift/otlp_audit_kube.json", "kubernetes-audit-wrapped", 3, 3, 0, 0),
        ("panther/eks.jsonl", "kubernetes-audit", 187, 17, 29, 141),
        ("panther/aks.jsonl", "kubernetes-audit-wrapped", 34, 0, 0, 34),
        ("panther/gke.jsonl", "kubernetes-gke", 57, 10, 8, 39),
    ];
    let mut all = Vec::new();
    for (name, kind, ..) in wanted {
        let path = folder.join(name);
        let text = text_of(&path);
        let found = detected(&text).unwrap_or_else(|| panic!("{name} is not recognised"));
        assert_eq!(found.id, *kind, "{name}");
        let read = read_files(&[&path], &format_of(found), "c");
        let intake = &read.logs.files[0].intake;
        let left = intake.records - intake.used - intake.rejected_count;
        let taken = (intake.records, intake.used, left, intake.rejected_count);
        println!("{name}: {taken:?}");
        assert_eq!(read.logs.files[0].failed, None, "{name}");
        all.push((*name, taken));
    }
    let wanted_of = |one: &Taken| (one.0, (one.2, one.3, one.4, one.5));
    assert_eq!(all, wanted.iter().map(wanted_of).collect::<Vec<_>>());
    println!("{} files", wanted.len());
}

/// Events that tools wrote out again lack times and ids: with a time they are read, whatever else is odd.
#[test]
fn made_up_events_are_read_once_they_have_a_time() {
    let Some(folder) = shared("audit/panther") else { return };
    let mut found = Vec::new();
    for (name, path, format) in [
        ("eks.jsonl", &["requestReceivedTimestamp"][..], NATIVE),
        ("aks.jsonl", &["properties", "log"], WRAPPED),
        ("gke.jsonl", &["timestamp"], GKE),
    ] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let dated = text.lines().map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let time = "2026-05-12 10:00:00.38";
            match path {
                [key] => event[*key] = time.into(),
                _ => {
                    let log = event["properties"]["log"].as_str().unwrap();
                    let mut inner: Value = serde_json::from_str(log).unwrap();
                    inner["requestReceivedTimestamp"] = time.into();
                    event["properties"]["log"] = inner.to_string().into();
                }
            }
            event.to_string()
        });
        let read = read_text(&dated.collect::<Vec<_>>().join("\n"), &format);
        let intake = &read.logs.files[0].intake;
        found.push((name, intake.records, intake.used, intake.rejected_count));
    }
    println!("{found:?}");
    assert_eq!(
        found,
        [("eks.jsonl", 187, 148, 10), ("aks.jsonl", 34, 34, 0), ("gke.jsonl", 57, 39, 10)]
    );
}

fn text_of(path: &Path) -> Vec<u8> {
    use std::io::Read as _;
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut out).unwrap();
        return out;
    }
    bytes
}

#[test]
fn other_files_are_no_audit_logs() {
    let Some(folder) = shared("") else { return };
    let mut count = 0;
    for below in [
        "rbac/kube-prometheus",
        "rbac/argo-cd",
        "rbac/rbac-tool",
        "audit/openshift-policies",
        "audit/falco",
    ] {
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(detected(&text_of(&path)), None, "{}", path.display());
            count += 1;
        }
    }
    for name in ["rbac-cases.json", "api-resources.json", "audit/eks/minimal-risky.json"] {
        assert_eq!(detected(&text_of(&folder.join(name))), None, "{name}");
        count += 1;
    }
    println!("{count} files");
    assert!(count > 40);
}
