//! Who is bound to what in one cluster, ready to be asked.
//!
//! RULE (kubernetes/kubernetes pkg/registry/rbac/validation/rule.go @05c351a90): which subjects a binding has, which
//! role it refers to, and where it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use super::aggregate::{Effective, RoleKey, effective};
use super::builtin;
use super::catalogue::{Scope, scope};
use super::documents::Objects;
use super::names;
use super::objects::{Binding, Bound, Role};
use super::rules::Target;
use crate::model::{Place, Str};

/// A user as the API server sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Username; empty when a group is asked about.
    pub username: Str,
    /// Groups.
    pub groups: Vec<Str>,
}

/// A binding that holds for a user, and the group through which it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attached {
    /// Number of the binding.
    pub binding: u32,
    /// The group.
    pub group: Option<Str>,
}

/// One cluster's roles and bindings.
#[derive(Debug, Default)]
pub struct View {
    /// The cluster's name.
    pub name: Str,
    /// Bindings: those of the evidence, then built-in ones, then those that only a log names.
    pub bindings: Vec<Binding>,
    /// Whether any RBAC object was read.
    pub has_rbac: bool,
    /// Calls for roles and bindings that the collection of the evidence was refused: nobody's grants are whole.
    pub refused: Vec<(Place, String)>,
    /// Whether the evidence is an export of a live cluster, built-in objects included: what it lacks is not there.
    pub is_whole: bool,
    roles: BTreeMap<RoleKey, Role>,
    declared: BTreeSet<RoleKey>,
    rules: HashMap<RoleKey, Arc<[Effective]>>,
    by_user: HashMap<Str, Vec<u32>>,
    by_group: HashMap<Str, Vec<u32>>,
}

/// The group that the API server allows everything before it asks any authorizer (Kubernetes, "Using RBAC
/// Authorization"; pkg/server/config.go, privileged groups).
pub const MASTERS: &str = "system:masters";

/// The role that a binding refers to; none if it can refer to none.
pub fn role_key(binding: &Binding) -> Option<RoleKey> {
    match &*binding.role_kind {
        "ClusterRole" => Some((None, binding.role.clone())),
        "Role" if !binding.is_cluster => {
            Some((Some(binding.meta.namespace.clone()), binding.role.clone()))
        }
        _ => None,
    }
}

/// The username of a binding's subject, if it is a user or service account. A service account without a namespace
/// takes the RoleBinding's; a ClusterRoleBinding has none, and then it is nobody (RULE, `appliesToUser`).
pub fn bound_username(binding: &Binding, bound: &Bound) -> Option<Str> {
    match &*bound.kind {
        "User" => Some(bound.name.clone()),
        "ServiceAccount" => {
            let namespace = match (&*bound.namespace, binding.is_cluster) {
                ("", true) => return None,
                ("", false) => &*binding.meta.namespace,
                (namespace, _) => namespace,
            };
            Some(format!("system:serviceaccount:{namespace}:{}", bound.name).into())
        }
        _ => None,
    }
}

/// How a role is written: `ClusterRole/edit`, `Role/monitoring/prometheus-k8s`.
pub fn show_role(key: &RoleKey) -> String {
    match key {
        (None, name) => format!("ClusterRole/{name}"),
        (Some(namespace), name) => format!("Role/{namespace}/{name}"),
    }
}

impl View {
    /// Joins the objects of a cluster with the built-in ones. Two different objects of one name cannot be in one
    /// cluster at one time: the one read later is taken, and a note says so.
    pub fn new(
        name: &Str,
        objects: &mut Objects,
        logged: (Vec<Role>, Vec<Binding>),
        notes: &mut Vec<(Option<Place>, String)>,
    ) -> View {
        let mut view = View {
            name: name.clone(),
            has_rbac: !objects.roles.is_empty() || !objects.bindings.is_empty(),
            ..View::default()
        };
        for (place, text) in objects.refused.drain(..) {
            notes.push((Some(place), format!("refused when the evidence was collected: {text}")));
            if text.contains("rbac.authorization.k8s.io") {
                view.refused.push((place, text));
            }
        }
        view.is_whole =
            view.refused.is_empty() && objects.roles.iter().any(|role| role.meta.is_bootstrap());
        for role in objects.roles.drain(..) {
            let key = key_of(&role);
            if let Some(before) = view.roles.get(&key)
                && (before.rules != role.rules && !same_rules(before, &role))
            {
                let text = format!(
                    "{} is described twice with different rules: the later one is taken",
                    show_role(&key)
                );
                notes.push((role.meta.place, text));
            }
            view.declared.insert(key.clone());
            view.roles.insert(key, role);
        }
        for role in builtin::roles() {
            view.roles.entry(key_of(role)).or_insert_with(|| role.clone());
        }
        for role in logged.0 {
            view.roles.entry(key_of(&role)).or_insert(role);
        }
        let mut bindings: BTreeMap<(bool, Str, Str), Binding> = BTreeMap::new();
        let key =
            |one: &Binding| (one.is_cluster, one.meta.namespace.clone(), one.meta.name.clone());
        for binding in objects.bindings.drain(..) {
            let at = key(&binding);
            if let Some(before) = bindings.get(&at)
                && (before.role != binding.role || before.subjects != binding.subjects)
            {
                let text = format!("{} is described twice: the later one is taken", binding.show());
                notes.push((binding.meta.place, text));
            }
            bindings.insert(at, binding);
        }
        // A whole export holds the built-in bindings as they are; those of them that it lacks were removed.
        for binding in builtin::bindings().iter().filter(|_| !view.is_whole) {
            bindings.entry(key(binding)).or_insert_with(|| binding.clone());
        }
        view.bindings = bindings.into_values().collect();
        view.bindings.extend(logged.1);
        view.index();
        view
    }

    fn index(&mut self) {
        for (number, binding) in self.bindings.iter().enumerate() {
            let number = number as u32;
            for bound in &binding.subjects {
                if let Some(username) = bound_username(binding, bound) {
                    self.by_user.entry(username).or_default().push(number);
                } else if &*bound.kind == "Group" {
                    self.by_group.entry(bound.name.clone()).or_default().push(number);
                }
            }
        }
        let keys: BTreeSet<RoleKey> = self.bindings.iter().filter_map(role_key).collect();
        for key in keys {
            let rules = effective(&key, &self.roles, &|key| self.declared.contains(key));
            self.rules.insert(key, rules.into());
        }
    }

    /// The rules that a binding gives; none if its role is not known.
    pub fn rules(&self, binding: &Binding) -> &[Effective] {
        role_key(binding).and_then(|key| self.rules.get(&key)).map_or(&[], |rules| rules)
    }

    /// A role.
    pub fn role(&self, key: &RoleKey) -> Option<&Role> {
        self.roles.get(key)
    }

    /// Whether the evidence itself holds a role.
    pub fn declares(&self, key: &RoleKey) -> bool {
        self.declared.contains(key)
    }

    /// Whether the evidence or the built-in table holds a binding.
    pub fn has_binding(&self, is_cluster: bool, namespace: &str, name: &str) -> bool {
        self.bindings.iter().any(|one| {
            !one.is_logged
                && one.is_cluster == is_cluster
                && *one.meta.name == *name
                && (is_cluster || *one.meta.namespace == *namespace)
        })
    }

    /// The bindings that hold for a user, by number; of several groups the first by name stands.
    pub fn attached(&self, who: &Who) -> Vec<Attached> {
        let mut found: BTreeMap<u32, Option<Str>> = BTreeMap::new();
        if !who.username.is_empty() {
            for number in self.by_user.get(&who.username).into_iter().flatten() {
                found.insert(*number, None);
            }
        }
        let mut groups: Vec<&Str> = who.groups.iter().collect();
        groups.sort_unstable();
        for group in groups {
            for number in self.by_group.get(group).into_iter().flatten() {
                found.entry(*number).or_insert_with(|| Some(group.clone()));
            }
        }
        found.into_iter().map(|(binding, group)| Attached { binding, group }).collect()
    }

    /// Which bindings and rules allow a request in a namespace (empty: cluster scope, and paths).
    pub fn allowing(
        &self,
        who: &Who,
        verb: &str,
        target: &Target<'_>,
        namespace: &str,
    ) -> Vec<(Attached, usize)> {
        let mut out = Vec::new();
        for attached in self.attached(who) {
            let Some(binding) = self.bindings.get(attached.binding as usize) else { continue };
            let reaches = binding.is_cluster
                || (*binding.meta.namespace == *namespace
                    && !namespace.is_empty()
                    && matches!(target, Target::Resource { .. }));
            if !reaches {
                continue;
            }
            for (number, one) in self.rules(binding).iter().enumerate() {
                if one.rule.allows(verb, target) {
                    out.push((attached.clone(), number));
                }
            }
        }
        out
    }

    /// Bindings of a user whose role the evidence lacks: `(binding, role)`.
    pub fn dangling(&self, who: &Who) -> Vec<(u32, RoleKey)> {
        self.attached(who)
            .into_iter()
            .filter_map(|attached| {
                let binding = self.bindings.get(attached.binding as usize)?;
                let key = role_key(binding)?;
                (!self.roles.contains_key(&key)).then_some((attached.binding, key))
            })
            .collect()
    }

    /// Whether everybody may do it through the discovery roles.
    pub fn is_public(&self, verb: &str, target: &Target<'_>) -> bool {
        self.bindings
            .iter()
            .filter(|binding| builtin::is_public(binding))
            .any(|binding| self.rules(binding).iter().any(|one| one.rule.allows(verb, target)))
    }

    /// Every username and group that a binding of the documents names, sorted.
    pub fn named(&self) -> (BTreeSet<Str>, BTreeSet<Str>) {
        let of_evidence = |numbers: &Vec<u32>| {
            numbers.iter().any(|number| {
                let binding = self.bindings.get(*number as usize);
                binding.is_some_and(|one| one.meta.place.is_some() && !one.is_logged)
            })
        };
        let take = |map: &HashMap<Str, Vec<u32>>| {
            map.iter().filter(|(_, at)| of_evidence(at)).map(|(name, _)| name.clone()).collect()
        };
        (take(&self.by_user), take(&self.by_group))
    }
}

fn key_of(role: &Role) -> RoleKey {
    if role.is_cluster {
        (None, role.meta.name.clone())
    } else {
        (Some(role.meta.namespace.clone()), role.meta.name.clone())
    }
}

/// Whether two descriptions of a role say the same, wherever they stand.
fn same_rules(left: &Role, right: &Role) -> bool {
    let bare = |role: &Role| -> Vec<super::rules::Rule> {
        role.rules.iter().map(|rule| super::rules::Rule { place: None, ..rule.clone() }).collect()
    };
    bare(left) == bare(right)
}

/// The namespace in which the authorizer is asked: a Namespace object carries its own name, resources of the cluster
/// carry none (REQ).
pub fn asked_namespace<'a>(verb: &str, target: &Target<'a>, namespace: &'a str) -> &'a str {
    let Target::Resource { group, resource, subresource, name } = *target else { return "" };
    match scope(verb, group, resource, subresource) {
        Scope::Own => name,
        Scope::Cluster => "",
        Scope::Namespace | Scope::Unknown => namespace,
    }
}

/// The user behind a username, with the groups that the API server gives it.
pub fn who(username: &str) -> Who {
    Who { username: username.into(), groups: names::implicit_groups(username) }
}
