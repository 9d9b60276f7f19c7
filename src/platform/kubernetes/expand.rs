//! The actions that a rule grants, over the catalogue of a run; and the actions that a rule names beyond it.

use hashbrown::HashMap;

use super::ID;
use super::catalogue::{self, Scope, scope};
use super::names::{self, Parsed};
use super::rules::{Rule, STANDARD_VERBS, Target, is_dead_resource};
use crate::catalogue::RunCatalogue;
use crate::model::{ActionId, ActionSet, Str};

/// What a rule grants, by how it is bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sets {
    /// Through a ClusterRoleBinding.
    pub cluster: ActionSet,
    /// Through a RoleBinding, on objects of its namespace.
    pub namespace: ActionSet,
    /// Through a RoleBinding, on the Namespace object itself.
    pub own: ActionSet,
}

/// One action of the run.
struct Entry {
    id: ActionId,
    verb: Str,
    resource: Str,
    subresource: Str,
    scope: Scope,
}

/// The actions of a run by API group, and its paths.
#[derive(Default)]
pub struct Index {
    groups: HashMap<Str, Vec<Entry>>,
    paths: Vec<(ActionId, Str, Str)>,
    /// All actions that a catalogue lists.
    pub known: ActionSet,
    /// Those of the API group that holds roles and bindings.
    pub rbac: ActionSet,
}

impl Index {
    /// Takes the run's actions apart, once.
    pub fn new(run: &RunCatalogue) -> Index {
        let mut index = Index::default();
        for id in run.platform(ID) {
            let entry = run.entry(id);
            if entry.is_known {
                index.known.insert(id);
                if &*entry.service == "rbac.authorization.k8s.io" {
                    index.rbac.insert(id);
                }
            }
            match names::parse(&entry.name) {
                Some(Parsed::Resource { verb, group, resource, subresource }) => {
                    index.groups.entry(group.into()).or_default().push(Entry {
                        id,
                        verb: verb.into(),
                        resource: resource.into(),
                        subresource: subresource.into(),
                        scope: scope(verb, group, resource, subresource),
                    });
                }
                Some(Parsed::Path { verb, path }) => {
                    index.paths.push((id, verb.into(), path.into()));
                }
                None => {}
            }
        }
        index
    }

    /// What a rule grants. Names do not limit which actions these are, but `deletecollection` carries none, so
    /// that a rule with names never grants it (REQ).
    pub fn sets(&self, rule: &Rule) -> Sets {
        let mut sets = Sets::default();
        let is_all = rule.groups.iter().any(|group| &**group == "*");
        if is_all {
            // Insertion into sets: the order of the map does not show.
            for entries in self.groups.values() {
                add(rule, entries, &mut sets);
            }
        } else {
            for group in &rule.groups {
                if let Some(entries) = self.groups.get(group) {
                    add(rule, entries, &mut sets);
                }
            }
        }
        if !rule.urls.is_empty() {
            for (id, verb, path) in &self.paths {
                if rule.allows(verb, &Target::Path(path)) {
                    sets.cluster.insert(*id);
                }
            }
        }
        sets
    }
}

fn add(rule: &Rule, entries: &[Entry], sets: &mut Sets) {
    for entry in entries {
        let nameless = !rule.names.is_empty() && &*entry.verb == "deletecollection";
        if nameless
            || !rule.has_verb(&entry.verb)
            || !rule.has_resource(&entry.resource, &entry.subresource)
        {
            continue;
        }
        sets.cluster.insert(entry.id);
        match entry.scope {
            Scope::Namespace | Scope::Unknown => {
                sets.namespace.insert(entry.id);
            }
            Scope::Own => {
                sets.own.insert(entry.id);
            }
            Scope::Cluster => {}
        }
    }
}

/// Actions that one rule may name beyond the catalogue.
const MAX_NAMED: usize = 20_000;

/// The actions that a rule names and no catalogue lists. Of groups without a catalogue wildcard resources stay one
/// pattern a verb; the verb `*` means the verbs that every custom resource has (Kubernetes, "Custom Resources").
pub fn named(rule: &Rule, out: &mut std::collections::BTreeSet<Str>) {
    let is_any_verb = rule.verbs.iter().any(|verb| &**verb == "*");
    let verbs: Vec<&str> = if is_any_verb {
        STANDARD_VERBS.to_vec()
    } else {
        rule.verbs.iter().map(|verb| &**verb).filter(|verb| is_plain(verb)).collect()
    };
    let mut left = MAX_NAMED;
    for group in &rule.groups {
        if (!is_plain(group) && &**group != "*") || group.contains('/') || &**group == names::CORE {
            continue;
        }
        for resource in rule.resources.iter().filter(|one| !is_dead_resource(one)) {
            let (name, sub) = resource.split_once('/').unwrap_or((resource, ""));
            let is_known = if &**group == "*" {
                name == "*" || !catalogue::groups_of(name).is_empty()
            } else if name == "*" {
                catalogue::is_known_group(group)
            } else {
                catalogue::is_known(group, name, sub)
            };
            // Of what is known `*` adds no verb.
            if is_known && (is_any_verb || name == "*") {
                continue;
            }
            for verb in &verbs {
                if left == 0 {
                    return;
                }
                left -= 1;
                out.insert(names::action(verb, group, name, sub).into());
            }
        }
    }
    for url in rule.urls.iter().filter(|url| !url.trim_end_matches('*').contains(['*', '?'])) {
        let verbs: &[&str] = if is_any_verb { &["get"] } else { &verbs };
        for verb in verbs {
            let url = if url.ends_with('*') {
                format!("{}*", url.trim_end_matches('*'))
            } else {
                url.to_string()
            };
            out.insert(names::path_action(verb, &url).into());
        }
    }
}

/// Whether a text can be a verb or group of an action.
fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', ' ']) && text.len() <= 256
}
