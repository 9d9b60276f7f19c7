//! How identities, actions and resources of a cluster are written (docs/data-model.md, "Kubernetes").

use crate::model::{IdentityKind, Str};

/// What a username is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Identity id: `k8s://CLUSTER/NAMESPACE/serviceaccount/NAME`, `k8s://CLUSTER/node/NAME`,
    /// `k8s://CLUSTER/user/NAME`.
    pub id: Str,
    /// Kind.
    pub kind: IdentityKind,
    /// Whether it is a part of the control plane or of the cloud's own machinery: `system:` users, nodes, and the
    /// service accounts of `kube-system` that the controller manager runs as.
    pub is_system: bool,
}

/// The identity behind a username. A service account's name has exactly two parts after its prefix (Kubernetes,
/// `serviceaccount.SplitUsername`); anything else is a user.
pub fn identity(cluster: &str, username: &str) -> Named {
    if let Some((namespace, name)) = service_account(username) {
        return Named {
            id: format!("k8s://{cluster}/{namespace}/serviceaccount/{name}").into(),
            kind: IdentityKind::ServiceAccount,
            is_system: namespace == "kube-system" && name.ends_with("-controller"),
        };
    }
    if let Some(node) = username.strip_prefix("system:node:") {
        let id = format!("k8s://{cluster}/node/{node}").into();
        return Named { id, kind: IdentityKind::Other, is_system: true };
    }
    let is_system = username.starts_with("system:") || username.starts_with("eks:");
    let kind = if is_system { IdentityKind::Other } else { IdentityKind::Human };
    Named { id: format!("k8s://{cluster}/user/{username}").into(), kind, is_system }
}

/// Namespace and name of a service account's username.
pub fn service_account(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let is_whole = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
    is_whole.then_some((namespace, name))
}

/// The id of a group: groups have no use of their own, but hold grants.
pub fn group(cluster: &str, name: &str) -> Str {
    format!("k8s://{cluster}/group/{name}").into()
}

/// Word for the API group without a name, in actions only: no RBAC rule spells it so.
pub const CORE: &str = "core";

/// The action of a request for a resource: `k8s:get:apps/deployments/scale`, `k8s:list:core/pods`.
pub fn action(verb: &str, group: &str, resource: &str, subresource: &str) -> String {
    let group = if group.is_empty() { CORE } else { group };
    match subresource {
        "" => format!("k8s:{verb}:{group}/{resource}"),
        _ => format!("k8s:{verb}:{group}/{resource}/{subresource}"),
    }
}

/// The action of a request for a path that is no resource: `k8s:get:/metrics`. The query is no part of it.
pub fn path_action(verb: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    format!("k8s:{verb}:/{path}")
}

/// The service that an action belongs to: its API group, or `non-resource` for paths.
pub fn service(action: &str) -> &str {
    let Some((_, rest)) = action.strip_prefix("k8s:").and_then(|rest| rest.split_once(':')) else {
        return "k8s";
    };
    match rest.split_once('/') {
        Some(("", _)) => "non-resource",
        Some((group, _)) => group,
        None => rest,
    }
}

/// An object as resources are written: `NAMESPACE/NAME`, `/NAME` at cluster scope. Without a name the place of
/// it is `*`: every object there. A request over all namespaces has the namespace `*`.
///
/// Grants use the same form as patterns: `*` for everything, `NAMESPACE/*`, `NAMESPACE/NAME`, `*/NAME`.
pub fn resource(namespace: &str, name: &str) -> String {
    let name = if name.is_empty() { "*" } else { name };
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_parts_make_a_service_account() {
        assert_eq!(
            &*identity("c", "system:serviceaccount:ns:name").id,
            "k8s://c/ns/serviceaccount/name"
        );
        assert_eq!(service_account("system:serviceaccount:ns:a:b"), None);
        assert_eq!(service_account("system:serviceaccount:ns:"), None);
        assert_eq!(&*identity("c", "alice").id, "k8s://c/user/alice");
    }

    #[test]
    fn actions_name_their_group() {
        assert_eq!(action("get", "", "pods", "log"), "k8s:get:core/pods/log");
        assert_eq!(service("k8s:get:core/pods/log"), "core");
        assert_eq!(service(&path_action("get", "/healthz/x?verbose")), "non-resource");
        assert_eq!(path_action("get", "apis/apps/v1"), "k8s:get:/apis/apps/v1");
    }
}
