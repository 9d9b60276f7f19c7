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

/// The parts of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A verb on a resource; the group is as RBAC writes it, `""` for core, the subresource may be empty.
    Resource {
        /// Verb.
        verb: &'a str,
        /// API group.
        group: &'a str,
        /// Resource.
        resource: &'a str,
        /// Subresource, or empty.
        subresource: &'a str,
    },
    /// A verb on a path that is no resource.
    Path {
        /// Verb.
        verb: &'a str,
        /// Path with its `/`.
        path: &'a str,
    },
}

/// Takes an action apart. Verbs may hold colons (`impersonate:user-info`), groups hold none.
pub fn parse(action: &str) -> Option<Parsed<'_>> {
    let rest = action.strip_prefix("k8s:")?;
    let slash = rest.find('/')?;
    let colon = rest.get(..slash)?.rfind(':')?;
    let (verb, target) = (rest.get(..colon)?, rest.get(colon + 1..)?);
    if verb.is_empty() {
        return None;
    }
    if target.starts_with('/') {
        return Some(Parsed::Path { verb, path: target });
    }
    let (group, resource) = target.split_once('/')?;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let group = if group == CORE { "" } else { group };
    Some(Parsed::Resource { verb, group, resource, subresource })
}

/// The service that an action belongs to: its API group, or `non-resource` for paths.
pub fn service(action: &str) -> &str {
    match parse(action) {
        Some(Parsed::Path { .. }) => NON_RESOURCE,
        Some(Parsed::Resource { group: "", .. }) => CORE,
        Some(Parsed::Resource { group, .. }) => group,
        None => "k8s",
    }
}

/// The service of paths that are no resources.
pub const NON_RESOURCE: &str = "non-resource";

/// What an id is about: its cluster, the word that says the kind, and what comes before and after that.
fn split(id: &str) -> Option<(&str, &str, &str)> {
    const KINDS: [&str; 4] = ["/serviceaccount/", "/user/", "/node/", "/group/"];
    let rest = id.strip_prefix("k8s://")?;
    let first = KINDS.iter().filter_map(|kind| Some((rest.find(kind)?, *kind))).min()?;
    Some((rest.get(..first.0)?, first.1, rest.get(first.0 + first.1.len()..)?))
}

/// Cluster and username behind an identity's id; none for groups and other ids.
pub fn username(id: &str) -> Option<(&str, String)> {
    match split(id)? {
        (cluster, "/user/", name) => Some((cluster, name.to_string())),
        (cluster, "/node/", name) => Some((cluster, format!("system:node:{name}"))),
        (before, "/serviceaccount/", name) => {
            let (cluster, namespace) = before.rsplit_once('/')?;
            Some((cluster, format!("system:serviceaccount:{namespace}:{name}")))
        }
        _ => None,
    }
}

/// Cluster and name of a group's id.
pub fn group_of(id: &str) -> Option<(&str, &str)> {
    match split(id)? {
        (cluster, "/group/", name) => Some((cluster, name)),
        _ => None,
    }
}

/// The display name of an id: `kubernetes:serviceaccount/NAMESPACE/NAME`, `kubernetes:user/NAME`.
pub fn display(id: &str) -> Str {
    match split(id) {
        None => id.into(),
        Some((before, "/serviceaccount/", name)) => {
            let namespace = before.rsplit_once('/').map_or("", |(_, namespace)| namespace);
            format!("kubernetes:serviceaccount/{namespace}/{name}").into()
        }
        Some((_, kind, name)) => {
            format!("kubernetes:{}{name}", kind.trim_start_matches('/')).into()
        }
    }
}

/// The groups that the API server itself gives a user (Kubernetes, "Authenticating"; kubernetes/apiserver
/// pkg/authentication/serviceaccount): those of other users come from their authenticator.
pub fn implicit_groups(username: &str) -> Vec<Str> {
    let mut groups: Vec<Str> = Vec::new();
    match username {
        "system:anonymous" => return vec!["system:unauthenticated".into()],
        "system:apiserver" => groups.push("system:masters".into()),
        _ => {}
    }
    if let Some((namespace, _)) = service_account(username) {
        groups.push("system:serviceaccounts".into());
        groups.push(format!("system:serviceaccounts:{namespace}").into());
    }
    if username.starts_with("system:node:") {
        groups.push("system:nodes".into());
    }
    groups.push("system:authenticated".into());
    groups
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
        assert_eq!(
            service("k8s:impersonate:user-info:authentication.k8s.io/users"),
            "authentication.k8s.io"
        );
    }

    #[test]
    fn ids_lead_back_to_usernames() {
        for name in ["system:serviceaccount:ns:name", "alice", "system:node:n1", "a/b:c"] {
            let id = identity("c", name).id;
            assert_eq!(username(&id), Some(("c", name.to_string())));
        }
        assert_eq!(username("k8s://c/group/g"), None);
    }
}
