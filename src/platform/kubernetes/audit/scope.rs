//! Which object a request was for, as scopes are written, and which paths everybody may read.
//!
//! A scope is kept by name where objects of the kind keep their names (secrets, roles, deployments), by namespace
//! where they come and go (pods, events, jobs): each of those would be a row of its own, and no role could name it.

use std::collections::BTreeSet;

use crate::model::{ScopeSet, Str};
use crate::platform::kubernetes::names;

use super::key::{Key, Part};

/// Whether objects of a kind have names that a controller or a random suffix makes. The list holds the built-in kinds
/// and those of widespread operators (Kubernetes API reference; `metadata.generateName`).
pub(super) fn churns(resource: &[u8]) -> bool {
    matches!(
        resource,
        b"pods"
            | b"events"
            | b"replicasets"
            | b"jobs"
            | b"endpointslices"
            | b"controllerrevisions"
            | b"certificatesigningrequests"
            | b"nodes"
            | b"csinodes"
            | b"persistentvolumes"
            | b"volumeattachments"
            | b"csistoragecapacities"
            | b"resourceclaims"
            | b"resourceslices"
            | b"ipaddresses"
            | b"podcertificaterequests"
            | b"leasecandidates"
            | b"tokenreviews"
            | b"subjectaccessreviews"
            | b"localsubjectaccessreviews"
            | b"podmetrics"
            | b"nodemetrics"
            | b"ciliumendpoints"
            | b"ciliumidentities"
            | b"ciliumnodes"
            | b"certificaterequests"
            | b"orders"
            | b"challenges"
            | b"workflows"
            | b"workflowtaskresults"
            | b"workflowtasksets"
            | b"pipelineruns"
            | b"taskruns"
            | b"machines"
            | b"nodeclaims"
            | b"builds"
            | b"apirequestcounts"
    )
}

/// Built-in kinds that lie in namespaces (Kubernetes 1.36, `kubectl api-resources --namespaced`), by group.
fn is_namespaced(group: &str, resource: &str) -> bool {
    let kinds: &[&str] = match group {
        "" => &[
            "bindings",
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "persistentvolumeclaims",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
            "secrets",
            "serviceaccounts",
            "services",
        ],
        "apps" | "extensions" => &[
            "controllerrevisions",
            "daemonsets",
            "deployments",
            "ingresses",
            "networkpolicies",
            "replicasets",
            "statefulsets",
        ],
        "authorization.k8s.io" => &["localsubjectaccessreviews"],
        "autoscaling" => &["horizontalpodautoscalers"],
        "batch" => &["cronjobs", "jobs"],
        "certificates.k8s.io" => &["podcertificaterequests"],
        "coordination.k8s.io" => &["leasecandidates", "leases"],
        "discovery.k8s.io" => &["endpointslices"],
        "events.k8s.io" => &["events"],
        "metrics.k8s.io" => &["pods"],
        "networking.k8s.io" => &["ingresses", "networkpolicies"],
        "policy" => &["poddisruptionbudgets"],
        "rbac.authorization.k8s.io" => &["rolebindings", "roles"],
        "resource.k8s.io" => &["resourceclaims", "resourceclaimtemplates"],
        "scheduling.k8s.io" => &["podgroups", "workloads"],
        "storage.k8s.io" => &["csistoragecapacities"],
        _ => &[],
    };
    kinds.contains(&resource)
}

/// Built-in kinds that lie in no namespace, by group.
fn is_cluster_wide(group: &str, resource: &str) -> bool {
    match group {
        "" => matches!(
            resource,
            "componentstatuses" | "namespaces" | "nodes" | "persistentvolumes" | "users" | "groups"
        ),
        "admissionregistration.k8s.io"
        | "apiextensions.k8s.io"
        | "apiregistration.k8s.io"
        | "authentication.k8s.io"
        | "flowcontrol.apiserver.k8s.io"
        | "internal.apiserver.k8s.io"
        | "node.k8s.io"
        | "storagemigration.k8s.io" => true,
        "authorization.k8s.io"
        | "certificates.k8s.io"
        | "rbac.authorization.k8s.io"
        | "resource.k8s.io"
        | "scheduling.k8s.io"
        | "storage.k8s.io" => !is_namespaced(group, resource),
        "networking.k8s.io" => {
            matches!(resource, "ingressclasses" | "ipaddresses" | "servicecidrs")
        }
        "metrics.k8s.io" => resource == "nodes",
        _ => false,
    }
}

/// Which kinds a log showed in namespaces, and which without.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    namespaced: BTreeSet<(Str, Str)>,
    cluster_wide: BTreeSet<(Str, Str)>,
}

/// Kinds that are learned; names of kinds in refused requests are the caller's choice.
const KINDS_KEPT: usize = 10_000;

impl Kinds {
    /// Learns from a request.
    pub(super) fn learn(&mut self, key: &Key<'_>) {
        let (group, resource) = (key.get(Part::Group), key.get(Part::Resource));
        let known = is_namespaced(group, resource) || is_cluster_wide(group, resource);
        if known || self.namespaced.len() + self.cluster_wide.len() >= KINDS_KEPT {
            return;
        }
        let kind = (group.into(), resource.into());
        if !key.get(Part::Namespace).is_empty() {
            self.namespaced.insert(kind);
        } else if matches!(key.get(Part::Verb), "get" | "create" | "update" | "patch" | "delete") {
            // Without a namespace one object can only be named, and made, where there is none.
            self.cluster_wide.insert(kind);
        }
    }

    fn spans_namespaces(&self, group: &str, resource: &str) -> bool {
        if is_namespaced(group, resource) {
            return true;
        }
        let kind = (Str::from(group), Str::from(resource));
        !is_cluster_wide(group, resource)
            && (self.namespaced.contains(&kind) || !self.cluster_wide.contains(&kind))
    }

    /// The scope of a request for a resource: `NAMESPACE/NAME`, `/NAME` at cluster scope, `*` for what the authorizer
    /// saw no name of, `*/*` for all namespaces.
    pub(super) fn scope(&self, asked: &Asked<'_>) -> ScopeSet {
        let is_over_many = matches!(asked.verb, "list" | "watch" | "deletecollection");
        let namespace = match asked.namespace {
            "" if is_over_many && self.spans_namespaces(asked.group, asked.resource) => "*",
            stated => stated,
        };
        let name = match asked.name {
            name if is_name(name) => name,
            _ => "",
        };
        if !namespace.is_empty() && namespace != "*" && !is_name(namespace) {
            return ScopeSet::Unknown;
        }
        ScopeSet::One(names::resource(namespace, name).into())
    }
}

/// A permission that was asked for, on a resource.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) subresource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// What is written for a part that is no name of anything: it would read as a pattern, or fake a separator.
const OTHER: &str = "(other)";

/// Whether a text can be a name: characters of paths, no wildcards and no separators.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.bytes().any(|byte| matches!(byte, b'*' | b'?' | b'/' | 0..=0x20 | 0x7f))
}

/// A verb as it is written in actions.
pub(super) fn verb_of(verb: &str) -> &str {
    if is_name(verb) { verb } else { OTHER }
}

impl Asked<'_> {
    /// The action. Kinds and groups come from paths that anybody may write: what could not be one is not kept.
    pub(super) fn action(&self) -> String {
        let part = |text| if is_name(text) { text } else { OTHER };
        let optional = |text: &str| text.is_empty() || is_name(text);
        let group = if optional(self.group) { self.group } else { OTHER };
        let subresource = match self.subresource {
            // The keys of extra values stand here, and they may be paths.
            text if self.resource == "userextras" && !text.contains(['*', '?', ' ']) => text,
            text if optional(text) => text,
            _ => OTHER,
        };
        names::action(part(self.verb), group, part(self.resource), subresource)
    }
}

/// What everybody may do through the default roles `system:discovery`, `system:public-info-viewer` and
/// `system:basic-user` (Kubernetes documentation, "Using RBAC Authorization", API discovery roles): no permission of
/// one's own to judge. The class, or nothing.
pub(super) fn everybody(verb: &str, path: &str) -> Option<&'static str> {
    if verb != "get" {
        return None;
    }
    let is_below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    match path {
        "/healthz" | "/livez" | "/readyz" => Some("health"),
        "/version" | "/version/" => Some("version"),
        "/api"
        | "/apis"
        | "/openapi"
        | "/swaggerapi"
        | "/swagger.json"
        | "/swagger-2.0.0.pb-v1" => Some("discovery"),
        _ if ["/api", "/apis", "/openapi", "/swaggerapi"].into_iter().any(is_below) => {
            Some("discovery")
        }
        _ => None,
    }
}

/// Whether a request is a question about oneself, which `system:basic-user` lets everybody ask.
pub(super) fn is_about_oneself(asked: &Asked<'_>) -> bool {
    match asked.group {
        "authorization.k8s.io" => {
            matches!(asked.resource, "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
        }
        "authentication.k8s.io" => asked.resource == "selfsubjectreviews",
        _ => false,
    }
}

/// First parts of paths that servers have. Of others, refused, nothing is kept: scanners try thousands.
const ROOTS: &[&str] = &[
    ".well-known",
    "api",
    "apis",
    "configz",
    "debug",
    "flagz",
    "healthz",
    "livez",
    "logs",
    "metrics",
    "openapi",
    "openid",
    "readyz",
    "statusz",
    "swagger.json",
    "ui",
    "version",
];

/// The path of a refused request, as far as it is kept.
pub(super) fn refused_path(path: &str) -> String {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (root, below) = rest.split_once('/').unwrap_or((rest, ""));
    match (ROOTS.contains(&root), below) {
        _ if rest.is_empty() => "/".to_string(),
        (true, "") => format!("/{root}"),
        (true, _) => format!("/{root}/{OTHER}"),
        (false, _) => format!("/{OTHER}"),
    }
}
