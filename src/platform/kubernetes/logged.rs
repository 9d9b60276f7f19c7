//! Bindings and roles that only a log names, in the reasons of its decisions (`authorization.k8s.io/reason`).
//!
//! A reason names one binding that allowed a request, not all that would have: what comes of it is partial, and
//! every identity that has such a grant has a hole. Source: kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac
//! (reason strings); kubernetes/apiserver pkg/server/config.go (order of authorizers).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::aggregate::RoleKey;
use super::documents::Objects;
use super::names::{self, Parsed};
use super::objects::{Binding, Bound, Meta, Role};
use super::rules::Rule;
use super::view::role_key;
use super::{ID, builtin};
use crate::model::{Hole, HoleKind, Place, Str};
use crate::platform::LoggedGrant;

/// Facts of a logged grant in the words of the log's reader.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    binding: Str,
    kind: Str,
    role: Str,
    rolekind: Str,
    namespace: Str,
}

/// What a log's reasons add to a cluster.
#[derive(Debug, Default)]
pub(super) struct Logged {
    /// Roles that the evidence lacks, with the rules that were seen to be used.
    pub roles: Vec<Role>,
    /// Bindings that the evidence lacks.
    pub bindings: Vec<Binding>,
    /// Identities with such a grant, and the hole that it shows.
    pub holes: BTreeMap<Str, Hole>,
}

/// Reads the grants that the log of a cluster names and its documents do not hold.
pub(super) fn read(
    cluster: &str,
    objects: &Objects,
    grants: &[LoggedGrant],
    notes: &mut Vec<(Option<Place>, String)>,
) -> Logged {
    let mut known: BTreeSet<(bool, &str, &str)> = BTreeSet::new();
    for binding in objects.bindings.iter().chain(builtin::bindings()) {
        known.insert((binding.is_cluster, &binding.meta.namespace, &binding.meta.name));
    }
    let has_documents = !objects.bindings.is_empty();
    let mut logged = Logged::default();
    let mut bindings: BTreeMap<(bool, Str, Str), Binding> = BTreeMap::new();
    let mut actions: BTreeMap<RoleKey, BTreeSet<Str>> = BTreeMap::new();
    let mut told: BTreeSet<Str> = BTreeSet::new();
    for grant in grants.iter().filter(|grant| &*grant.platform == ID) {
        let Some((of, username)) = names::username(&grant.identity) else { continue };
        if of != cluster {
            continue;
        }
        let detail: Detail = serde_json::from_str(&grant.detail).unwrap_or_default();
        let is_cluster = &*detail.kind != "RoleBinding";
        let namespace = if is_cluster { "".into() } else { detail.namespace.clone() };
        if known.contains(&(is_cluster, &namespace, &detail.binding)) {
            continue;
        }
        let binding = binding(grant, detail, is_cluster, &namespace);
        if builtin::is_public(&binding) {
            continue;
        }
        if has_documents && told.insert(grant.by.clone()) {
            let text = format!("the log names a grant that the documents lack: {}", grant.by);
            notes.push((grant.place, text));
        }
        logged.holes.entry(grant.identity.clone()).or_insert_with(|| Hole {
            kind: HoleKind::Grants,
            policy: grant.by.clone(),
            note: "partial: from the log's reasons, which name one grant of possibly many".into(),
            place: grant.place,
        });
        if let Some(key) = role_key(&binding) {
            actions.entry(key).or_default().insert(grant.action.clone());
        }
        let at = (is_cluster, namespace, binding.meta.name.clone());
        let bound = Bound { kind: "User".into(), name: username.into(), namespace: "".into() };
        let known = bindings.entry(at).or_insert(binding);
        if !known.subjects.contains(&bound) {
            known.subjects.push(bound);
        }
    }
    logged.bindings = bindings.into_values().collect();
    logged.roles = actions.into_iter().map(|(key, actions)| role(key, &actions)).collect();
    logged
}

/// The binding of a reason. Without one (another authorizer allowed it) the words of the reason stand for it, for
/// this identity alone.
fn binding(grant: &LoggedGrant, detail: Detail, is_cluster: bool, namespace: &Str) -> Binding {
    let is_rbac = !detail.binding.is_empty() && !detail.role.is_empty();
    let (name, role, role_kind) = if is_rbac {
        (detail.binding, detail.role, detail.rolekind)
    } else {
        let role = format!("{} for {}", grant.by, grant.identity);
        (role.as_str().into(), role.as_str().into(), "ClusterRole".into())
    };
    Binding {
        meta: Meta { namespace: namespace.clone(), name, place: grant.place, ..Meta::default() },
        is_cluster: is_cluster || !is_rbac,
        role_kind,
        role,
        subjects: Vec::new(),
        is_logged: true,
    }
}

/// A role of what was seen through it; a role of that name in the documents or built in wins.
fn role((namespace, name): RoleKey, actions: &BTreeSet<Str>) -> Role {
    let rule = |action: &Str| {
        let mut rule = Rule::default();
        match names::parse(action)? {
            Parsed::Resource { verb, group, resource, subresource } => {
                rule.verbs.push(verb.into());
                rule.groups.push(group.into());
                rule.resources.push(match subresource {
                    "" => resource.into(),
                    _ => format!("{resource}/{subresource}").into(),
                });
            }
            Parsed::Path { verb, path } => {
                rule.verbs.push(verb.into());
                rule.urls.push(path.into());
            }
        }
        Some(rule)
    };
    Role {
        is_cluster: namespace.is_none(),
        meta: Meta { namespace: namespace.unwrap_or_else(|| "".into()), name, ..Meta::default() },
        rules: actions.iter().filter_map(rule).collect(),
        aggregates: None,
    }
}
