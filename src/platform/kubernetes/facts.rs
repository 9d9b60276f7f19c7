//! What an action of a cluster does: access level, log class, whether it touches data, what it can lead to.
//!
//! Levels: Kubernetes documentation, "Using RBAC Authorization" and "Role Based Access Control Good Practices"
//! (privilege escalation risks). `list` and `watch` return whole objects, so they read as `get` does.

use super::names::{self, Parsed};
use crate::catalogue::risk::Risk;
use crate::catalogue::{Action, Facts};
use crate::model::AccessLevel;

/// Log class of what an API server's audit log records.
pub const AUDIT: &str = "audit";

/// Log class of checks that no request path carries, and of requests that go past the API server.
pub const NEVER_LOGGED: &str = "never-logged";

const RBAC: &str = "rbac.authorization.k8s.io";

/// The access level of an action.
pub fn level(action: &str) -> AccessLevel {
    match names::parse(action) {
        Some(Parsed::Resource { verb, group, resource, subresource }) => {
            resource_level(verb, group, resource, subresource)
        }
        Some(Parsed::Path { verb, .. }) => match verb {
            "get" | "head" | "options" => AccessLevel::Read,
            "delete" => AccessLevel::Delete,
            _ => AccessLevel::Write,
        },
        None => AccessLevel::Unknown,
    }
}

fn is_read(verb: &str) -> bool {
    matches!(verb, "get" | "list" | "watch")
}

fn resource_level(verb: &str, group: &str, resource: &str, subresource: &str) -> AccessLevel {
    if is_permission_check(verb) {
        return AccessLevel::PermissionsManagement;
    }
    if is_execution(group, resource, subresource) {
        return AccessLevel::Execute;
    }
    if is_read(verb) {
        return AccessLevel::Read;
    }
    let manages = match (group, resource, subresource) {
        (RBAC, ..) => true,
        ("", "serviceaccounts", "token") => true,
        ("certificates.k8s.io", "certificatesigningrequests", "approval") => true,
        ("certificates.k8s.io", "signers", _) => true,
        ("admissionregistration.k8s.io", resource, _) => resource.ends_with("configurations"),
        _ => false,
    };
    if manages {
        return AccessLevel::PermissionsManagement;
    }
    match verb {
        "delete" | "deletecollection" | "unsafe-delete-ignore-read-errors" => AccessLevel::Delete,
        "create" | "update" | "patch" => AccessLevel::Write,
        _ => AccessLevel::Unknown,
    }
}

/// Verbs that are asked for beside a request and give more rights.
fn is_permission_check(verb: &str) -> bool {
    matches!(verb, "bind" | "escalate" | "approve" | "sign" | "attest" | "use")
        || verb.starts_with("impersonate")
}

/// What runs code in a Pod or on a node, or opens a way to it. `get` suffices over WebSocket (kubernetes/kubernetes
/// #78741, #133515).
fn is_execution(group: &str, resource: &str, subresource: &str) -> bool {
    let in_pod = resource == "pods"
        && matches!(subresource, "exec" | "attach" | "portforward" | "ephemeralcontainers");
    let on_node = resource == "nodes" && subresource == "proxy";
    group.is_empty() && (in_pod || on_node)
}

/// Whether clients may make the request by GET and POST both, so that its verb in the log is either.
fn is_connection(resource: &str, subresource: &str) -> bool {
    let in_pod = matches!(subresource, "exec" | "attach" | "portforward");
    matches!(resource, "pods" | "services" | "nodes") && (in_pod || subresource == "proxy")
}

/// Whether no event of the API server's log shows the action's use (Kubernetes, "Admission Controllers",
/// OwnerReferencesPermissionEnforcement; "Kubelet authentication/authorization"; OpenShift, security context
/// constraints; paths are served by other components too).
fn is_never_logged(verb: &str, group: &str, resource: &str, subresource: &str) -> bool {
    let by_kubelet = group.is_empty()
        && resource == "nodes"
        && matches!(
            subresource,
            "metrics" | "stats" | "log" | "configz" | "healthz" | "pods" | "checkpoint"
        );
    // Which of the two a writer of roles and bindings needed, no event says.
    let inferred = matches!(verb, "bind" | "escalate" | "approve" | "sign" | "attest" | "use")
        || verb.starts_with("impersonate-on:")
        || verb == "unsafe-delete-ignore-read-errors";
    by_kubelet || inferred || (subresource == "finalizers" && verb == "update")
}

/// Facts of an action; `action` is its row in the catalogue, if it has one.
pub fn facts(name: &str, _: Option<&Action>) -> Facts {
    let mut facts = Facts {
        service: Some(names::service(name).into()),
        class: AUDIT.into(),
        level: Some(level(name)),
        ..Facts::default()
    };
    match names::parse(name) {
        Some(Parsed::Resource { verb, group, resource, subresource }) => {
            facts.log_reads = (!is_connection(resource, subresource)).then(|| is_read(verb));
            if is_never_logged(verb, group, resource, subresource) {
                facts.class = NEVER_LOGGED.into();
            }
            facts.touches_data = touches_data(group, resource, subresource);
            facts.risks = risks(verb, group, resource, subresource);
        }
        Some(Parsed::Path { verb, path }) => {
            facts.log_reads = Some(matches!(verb, "get" | "head" | "options"));
            // Served by other components as well, which ask the API server or a cache.
            if !path.starts_with("/api") && !path.starts_with("/openapi") {
                facts.class = NEVER_LOGGED.into();
            }
        }
        None => {}
    }
    facts
}

fn touches_data(group: &str, resource: &str, subresource: &str) -> bool {
    group.is_empty()
        && match (resource, subresource) {
            ("secrets" | "configmaps", "") => true,
            ("pods", sub) => {
                matches!(sub, "log" | "exec" | "attach" | "portforward" | "proxy")
            }
            ("services" | "nodes", "proxy") => true,
            _ => false,
        }
}

fn risks(verb: &str, group: &str, resource: &str, subresource: &str) -> Vec<Risk> {
    let mut risks = Vec::new();
    let reads = is_read(verb);
    match (group, resource, subresource) {
        ("", "secrets", "") if reads => {
            risks.extend([Risk::CredentialExposure, Risk::DataAccess, Risk::PrivilegeEscalation]);
        }
        ("", "secrets", "") if matches!(verb, "create" | "update" | "patch") => {
            risks.push(Risk::PrivilegeEscalation);
        }
        ("", "configmaps", "") | ("", "pods", "log") if reads => risks.push(Risk::DataAccess),
        ("", "serviceaccounts", "token") => {
            risks.extend([Risk::CredentialExposure, Risk::PrivilegeEscalation]);
        }
        _ => {
            let level = resource_level(verb, group, resource, subresource);
            let changes = matches!(verb, "create" | "update" | "patch");
            let starts_pods = changes
                && subresource.is_empty()
                && super::objects::WORKLOADS
                    .iter()
                    .any(|(kind, _)| format!("{}s", kind.to_ascii_lowercase()) == resource);
            let is_escalation =
                matches!(level, AccessLevel::PermissionsManagement | AccessLevel::Execute)
                    || (group.is_empty() && resource == "persistentvolumes" && verb == "create")
                    || starts_pods;
            if is_escalation {
                risks.push(Risk::PrivilegeEscalation);
            }
        }
    }
    risks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_tell_reading_from_managing() {
        for (action, expected) in [
            ("k8s:list:core/secrets", AccessLevel::Read),
            ("k8s:get:core/pods/exec", AccessLevel::Execute),
            ("k8s:create:core/serviceaccounts/token", AccessLevel::PermissionsManagement),
            ("k8s:get:rbac.authorization.k8s.io/roles", AccessLevel::Read),
            ("k8s:patch:rbac.authorization.k8s.io/roles", AccessLevel::PermissionsManagement),
            ("k8s:impersonate:core/users", AccessLevel::PermissionsManagement),
            ("k8s:deletecollection:core/pods", AccessLevel::Delete),
            ("k8s:get:/metrics", AccessLevel::Read),
            ("k8s:update:apps/deployments/scale", AccessLevel::Write),
        ] {
            assert_eq!(level(action), expected, "{action}");
        }
    }

    #[test]
    fn no_log_speaks_of_checks_beside_requests_and_of_the_kubelet() {
        for (action, class) in [
            ("k8s:get:core/nodes/metrics", NEVER_LOGGED),
            ("k8s:get:core/nodes/proxy", AUDIT),
            ("k8s:bind:rbac.authorization.k8s.io/roles", NEVER_LOGGED),
            ("k8s:impersonate:core/users", AUDIT),
            ("k8s:update:apps/deployments/finalizers", NEVER_LOGGED),
            ("k8s:use:security.openshift.io/securitycontextconstraints", NEVER_LOGGED),
            ("k8s:get:/metrics", NEVER_LOGGED),
            ("k8s:list:core/secrets", AUDIT),
        ] {
            assert_eq!(&*facts(action, None).class, class, "{action}");
        }
    }

    #[test]
    fn exec_may_be_logged_as_a_read_or_a_change() {
        assert_eq!(facts("k8s:create:core/pods/exec", None).log_reads, None);
        assert_eq!(facts("k8s:create:core/pods", None).log_reads, Some(false));
        let secrets = facts("k8s:list:core/secrets", None);
        assert_eq!(secrets.log_reads, Some(true));
        assert!(secrets.risks.contains(&Risk::CredentialExposure) && secrets.touches_data);
    }
}
