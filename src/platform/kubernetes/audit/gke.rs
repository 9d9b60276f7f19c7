//! The key of a Cloud Logging entry of GKE's `k8s.io` service.
//!
//! Sources: octarinesec/kubectl-rbac and GoogleCloudPlatform/khi for real entries; Google Cloud documentation, "GKE
//! audit logging information" for the logs. The resource's path is preferred to the method's name, which turns API
//! groups around. Groups of the user are not logged, codes are those of gRPC, and there is no 201: a patch may have
//! made its object.

use crate::platform::events::{RawEvent, Sort};

use super::fields::{self as f, Record};
use super::key::{Part, Parts, flag};
use super::native::{self, Letters, Scratch, Wanted};
use super::outcome::{Stated, letter};
use super::request;

/// The service whose entries these are. `container.googleapis.com` is the API that makes clusters.
pub(super) const SERVICE: &[u8] = b"k8s.io";

/// Makes the key, time and id of one entry.
pub(super) fn event(context: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort {
    let get = |field: usize| record.get(field);
    if get(f::GKE_SERVICE) != SERVICE {
        return Sort::Skip("entries of other services");
    }
    let (user, method) = (get(f::GKE_USER), get(f::GKE_METHOD));
    if method.is_empty() {
        return Sort::Reject("no methodName");
    }
    if user.is_empty() {
        return Sort::Skip("requests without a user: not authenticated");
    }
    event.time = native::time(get(f::TIMESTAMP));
    if event.time.is_none() {
        return Sort::Reject("no time");
    }
    // An operation has an entry at its beginning and one at its end.
    let id = record.first(&[f::GKE_OPERATION, f::GKE_INSERT_ID]);
    if !id.is_empty() {
        event.id = native::hash(&[id, user, method, get(f::GKE_RESOURCE)]);
    }
    let cluster = cluster(context, record);
    let mut scratch = Scratch::take(event);
    write_key(cluster.as_bytes(), record, &mut scratch, event);
    scratch.give_back(event);
    native::network(get(f::GKE_CALLER), &mut event.network);
    native::agent(record.inside(f::GKE_AGENT), &mut event.agent);
    Sort::Use
}

/// The cluster as `gcloud container clusters get-credentials` names it in a kubeconfig: a name alone is unique in a
/// project and location only.
fn cluster(context: &str, record: &Record<'_>) -> String {
    let text = |field: usize| std::str::from_utf8(record.get(field)).unwrap_or_default();
    let name = text(f::GKE_CLUSTER);
    if name.is_empty() {
        return context.to_string();
    }
    let (project, location) = (text(f::GKE_PROJECT), text(f::GKE_LOCATION));
    format!("gke_{project}_{location}_{name}").replace('/', "_")
}

fn write_key(cluster: &[u8], record: &Record<'_>, scratch: &mut Scratch, event: &mut RawEvent) {
    let mut parts = Parts::new();
    parts.set(Part::Cluster, cluster);
    parts.set(Part::User, record.get(f::GKE_USER));
    let text = |field: usize| std::str::from_utf8(record.get(field)).unwrap_or_default();
    let method = text(f::GKE_METHOD);
    let called = Called::new(method);
    let path;
    let group;
    let wanted = match called.about(text(f::GKE_RESOURCE)) {
        About::Path(found) => {
            path = found;
            Wanted { path: path.as_bytes(), ..Wanted::default() }
        }
        About::Resource(found, of_method) => {
            group = of_method;
            let name = group.as_deref().unwrap_or(found.group);
            Wanted::of(request::Target::Resource(request::Resource { group: name, ..found }))
        }
    };
    let verb = called.verb.as_bytes();
    parts.set(Part::Verb, verb);
    parts.set(Part::Group, wanted.group);
    parts.set(Part::Resource, wanted.resource);
    parts.set(Part::Subresource, wanted.subresource);
    parts.set(Part::Path, wanted.path);
    native::set_object(&mut parts, &wanted, verb);
    let stated = Stated {
        decision: record.get(f::GKE_DECISION),
        reason: record.inside(f::GKE_REASON),
        code: native::code(record.get(f::GKE_CODE)),
        message: record.inside(f::GKE_MESSAGE),
        verb,
    };
    let ended = outcome(record, &stated);
    let mut letters = Letters::default();
    if !stated.decision.is_empty() {
        letters.push(flag::DECISION);
    }
    if ended == letter::ALLOWED {
        parts.set(Part::Reason, stated.reason);
        if matches!(verb, b"update" | b"patch") {
            letters.push(flag::MAY_HAVE_CREATED);
        }
    }
    if ended == letter::ALLOWED && stated.code == PERMISSION_DENIED {
        native::refused(&Stated { code: 403, ..stated }, &wanted, &mut scratch.refused);
    }
    let log = record.get(f::GKE_LOG);
    if log.ends_with(b"activity") {
        letters.push(flag::CHANGES_ONLY);
    } else if log.ends_with(b"data_access") {
        letters.push(flag::READS_ONLY);
    }
    parts.set(Part::Flags, letters.all());
    let ended = [ended];
    parts.set(Part::Outcome, &ended);
    parts.set(Part::Refused, &scratch.refused);
    event.parts(parts.all());
}

/// gRPC's PERMISSION_DENIED (google/rpc/code.proto): the authorizer's or admission's.
const PERMISSION_DENIED: u16 = 7;

/// The decision of the label beats `granted`, and that beats the status, which admission sets too.
fn outcome(record: &Record<'_>, stated: &Stated<'_>) -> u8 {
    match (stated.decision, record.get(f::GKE_GRANTED)) {
        (b"allow", _) => letter::ALLOWED,
        (b"forbid", _) => letter::DENIED,
        (_, b"true") => letter::ALLOWED,
        (_, b"false") => letter::DENIED,
        _ if stated.code == PERMISSION_DENIED => letter::DENIED,
        // Done, not found, there already, aborted, failed precondition: the handler's answers.
        _ if record.get(f::GKE_STATUS).is_empty() => letter::UNDETERMINED,
        _ if matches!(stated.code, 0 | 5 | 6 | 9 | 10) => letter::ALLOWED,
        _ => letter::UNDETERMINED,
    }
}

/// A method's name: `io.k8s.GROUP….VERSION.RESOURCE[.SUB].VERB`, or `io.k8s.VERB` for a path.
struct Called<'a> {
    parts: Vec<&'a str>,
    verb: &'a str,
}

enum About<'a> {
    Path(String),
    /// A resource, and its group if only the method's name says it.
    Resource(request::Resource<'a>, Option<String>),
}

impl<'a> Called<'a> {
    fn new(method: &'a str) -> Called<'a> {
        let parts: Vec<&str> = method.split('.').take(64).collect();
        let mut verb = parts.last().copied().unwrap_or_default();
        let is_path = parts.len() <= 3;
        // `io.k8s.readyz`: a path that is read.
        if is_path && !METHODS.contains(&verb) {
            verb = "get";
        }
        Called { parts, verb }
    }

    fn about(&self, resource: &'a str) -> About<'a> {
        let last = self.parts.last().copied().unwrap_or_default();
        if self.parts.len() <= 3 {
            let path = match resource {
                "" if METHODS.contains(&last) => "/",
                "" => last,
                stated => stated,
            };
            return About::Path(format!("/{}", path.strip_prefix('/').unwrap_or(path)));
        }
        let mut parts = resource.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next()) {
            (Some(group), Some(version)) => {
                let group = if group == "core" { "" } else { group };
                let mut found = request::of_parts(group, parts);
                found.version = version;
                if found.resource.is_empty() {
                    self.by_name()
                } else {
                    About::Resource(found, None)
                }
            }
            _ => self.by_name(),
        }
    }

    /// Without a resource's path: what the method's name says.
    fn by_name(&self) -> About<'a> {
        let is_version = |part: &&str| {
            let digits = part.strip_prefix('v').unwrap_or_default();
            digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        };
        let Some(at) = self.parts.iter().position(is_version) else {
            return About::Path("/".to_string());
        };
        let before = self.parts.get(..at).unwrap_or_default();
        let after = self.parts.get(at + 1..self.parts.len() - 1).unwrap_or_default();
        let group = match before {
            ["io", "k8s", "core"] => String::new(),
            ["io", "k8s", group @ ("apps" | "autoscaling" | "batch" | "extensions" | "policy")] => {
                (*group).to_string()
            }
            _ => before.iter().rev().copied().collect::<Vec<_>>().join("."),
        };
        let resource = request::Resource {
            resource: after.first().copied().unwrap_or_default(),
            subresource: after.get(1).copied().unwrap_or_default(),
            ..request::Resource::default()
        };
        About::Resource(resource, Some(group))
    }
}

/// HTTP methods in small letters, which are the verbs of requests for no resource.
const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete", "options"];
