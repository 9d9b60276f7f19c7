//! What identities may do: RBAC over the clusters of a run, with equal attachments computed once.
//!
//! RBAC only allows: no rule denies and none has a condition, so every row is unconditional. Other authorizers may
//! allow more (reference: kubernetes/apiserver pkg/server/config.go, the union of authorizers).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use hashbrown::HashMap;

use super::aggregate::RoleKey;
use super::expand::{Index, Sets};
use super::unlogged::Unlogged;
use super::view::{Attached, MASTERS, View, Who, role_key, show_role};
use super::{ID, ask, builtin};
use crate::catalogue::RunCatalogue;
use crate::model::{
    ActionSet, Decision, GrantRow, GrantSet, Identity, Layer, Origin, Place, Str, Time,
};
use crate::platform::{Answer, Evaluator, Request};

/// An identity that grants were found for.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Number of its cluster.
    pub cluster: usize,
    /// Who it is to the API server.
    pub who: Who,
    /// Actions of the discovery roles that it was seen to use: shown as granted, so that the use is explained.
    pub public: BTreeSet<Str>,
}

/// Sets of grants by cluster and bindings.
type Computed = HashMap<(usize, Vec<Attached>), Arc<GrantSet>>;

/// The evaluator of all clusters.
#[derive(Default)]
pub struct KubernetesEvaluator {
    /// Clusters, in the order of their names.
    pub views: Vec<View>,
    /// Identities by id.
    pub known: HashMap<Str, Known>,
    /// What the log leaves out.
    pub unlogged: Unlogged,
    /// How many identities hold each role, by its name in origins.
    pub holders: HashMap<Str, usize>,
    /// By cluster: the sets of the rules of each bound role.
    prepared: Vec<HashMap<RoleKey, Vec<Sets>>>,
    index: Index,
    computed: RwLock<Computed>,
}

/// Rows with these in common are one: cluster-wide or not, role, rule, on the Namespace object, names.
type RowKey = (Str, u32, u8);

/// A row as it grows.
#[derive(Default)]
struct Growing {
    actions: ActionSet,
    resources: BTreeSet<Str>,
    origins: Vec<Origin>,
}

impl KubernetesEvaluator {
    /// How a role is named in origins: with its cluster where there are several.
    pub fn policy(&self, cluster: usize, key: &RoleKey) -> Str {
        let role = show_role(key);
        match self.views.get(cluster) {
            Some(view) if self.views.len() > 1 => format!("{}:{role}", view.name).into(),
            _ => role.into(),
        }
    }

    fn compute(&self, cluster: usize, attached: &[Attached], known: &Known) -> GrantSet {
        let Some(view) = self.views.get(cluster) else { return GrantSet::default() };
        let mut rows: BTreeMap<RowKey, Growing> = BTreeMap::new();
        let whole = |actions: &ActionSet| actions.clone();
        for one in attached {
            let Some(binding) = view.bindings.get(one.binding as usize) else { continue };
            if builtin::is_public(binding) {
                continue;
            }
            self.rows_of(view, cluster, one, &whole, &mut rows);
        }
        let masters = known.who.groups.iter().any(|group| &**group == MASTERS);
        if masters {
            let row = rows.entry((MASTERS.into(), 0, 0)).or_default();
            row.actions = self.index.known.clone();
            row.resources.insert("*".into());
            row.origins.push(Origin {
                layer: Layer::Identity,
                policy: "system:masters".into(),
                statement: 0,
                sid: None,
                via: Some("the API server itself, before RBAC".into()),
                place: None,
                since: None,
                shareable: true,
            });
        }
        finish(rows, &self.index)
    }

    /// Adds the rows of one binding.
    fn rows_of(
        &self,
        view: &View,
        cluster: usize,
        attached: &Attached,
        limit: &dyn Fn(&ActionSet) -> ActionSet,
        rows: &mut BTreeMap<RowKey, Growing>,
    ) {
        let Some(binding) = view.bindings.get(attached.binding as usize) else { return };
        let Some(key) = role_key(binding) else { return };
        let Some(sets) = self.prepared.get(cluster).and_then(|roles| roles.get(&key)) else {
            return;
        };
        let policy = self.policy(cluster, &key);
        let role_created = view.role(&key).and_then(|role| role.meta.created);
        let since = match (binding.meta.created, role_created) {
            (Some(binding), Some(role)) => Some(binding.max(role)),
            // A built-in role is as old as the cluster.
            (Some(binding), None) if !view.declares(&key) => Some(binding),
            _ => None,
        };
        for (number, (one, sets)) in view.rules(binding).iter().zip(sets).enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let names: Vec<&Str> =
                one.rule.names.iter().filter(|name| !one.rule.is_dead_name(name)).collect();
            if names.is_empty() && !one.rule.names.is_empty() {
                continue;
            }
            let namespace = &binding.meta.namespace;
            let place = if binding.is_cluster { "*" } else { &**namespace };
            let within: Vec<String> = match (names.as_slice(), binding.is_cluster) {
                ([], true) => vec!["*".to_string()],
                ([], false) => vec![format!("{namespace}/*")],
                (names, _) => names.iter().map(|name| format!("{place}/{name}")).collect(),
            };
            let own_is_named = names.is_empty() || names.contains(&namespace);
            let own =
                if own_is_named { vec![format!("{namespace}/{namespace}")] } else { Vec::new() };
            let parts: [(u8, &ActionSet, Vec<String>); 2] = if binding.is_cluster {
                [(0, &sets.cluster, within), (2, &sets.own, Vec::new())]
            } else {
                [(1, &sets.namespace, within), (2, &sets.own, own)]
            };
            for (kind, actions, resources) in parts {
                let actions = limit(actions);
                if actions.is_empty() || resources.is_empty() {
                    continue;
                }
                let row = rows.entry((policy.clone(), number, kind)).or_default();
                row.actions |= actions;
                row.resources.extend(resources.into_iter().map(Str::from));
                row.origins.push(Origin {
                    layer: Layer::Identity,
                    policy: policy.clone(),
                    statement: number,
                    sid: one.part.as_ref().map(|part| format!("{part}#{}", one.number).into()),
                    via: Some(via(&binding.show(), attached).into()),
                    place: one.rule.place.or(binding.meta.place),
                    since,
                    shareable: true,
                });
            }
        }
    }
}

fn via(binding: &str, attached: &Attached) -> String {
    match &attached.group {
        Some(group) => format!("{binding} through group {group}"),
        None => binding.to_string(),
    }
}

/// The rows in their order, what they grant together, since when, and whether that is everything.
fn finish(rows: BTreeMap<RowKey, Growing>, index: &Index) -> GrantSet {
    let mut set = GrantSet::default();
    let mut wide = ActionSet::new();
    for row in rows.into_values() {
        set.actions |= &row.actions;
        let resources: Arc<[Str]> = if row.resources.contains("*") {
            wide |= &row.actions;
            Arc::new(["*".into()])
        } else {
            row.resources.into_iter().collect()
        };
        let mut origins = row.origins;
        origins.sort();
        origins.dedup();
        set.rows.push(GrantRow {
            actions: row.actions,
            decision: Decision::Allow,
            resources,
            except: Arc::new([]),
            conditions: Arc::new([]),
            origin: origins.into(),
        });
    }
    set.since = since(&set.rows, &set.actions);
    set.administrative = administrative(&set.rows, &wide, index);
    set
}

/// Whether everything, or everything of the API group that holds roles and bindings, is granted in the whole cluster.
fn administrative(rows: &[GrantRow], wide: &ActionSet, index: &Index) -> Option<Str> {
    let (all, what) = if !index.known.is_empty() && index.known.is_subset(wide) {
        (&index.known, "every action on every resource of the cluster")
    } else if !index.rbac.is_empty() && index.rbac.is_subset(wide) {
        (&index.rbac, "every action on roles and bindings of the cluster")
    } else {
        return None;
    };
    let alone = |row: &&GrantRow| row.is_unlimited() && all.is_subset(&row.actions);
    let by = rows.iter().find(alone).and_then(|row| row.origin.first());
    Some(match by {
        Some(origin) => format!("{what} by {}", origin.policy).into(),
        None => what.into(),
    })
}

/// The oldest date since which each action is granted, where all its origins have one.
fn since(rows: &[GrantRow], actions: &ActionSet) -> Vec<(Time, ActionSet)> {
    let mut open = actions.clone();
    let mut dated: BTreeMap<Time, ActionSet> = BTreeMap::new();
    for row in rows {
        let times: Option<Vec<Time>> = row.origin.iter().map(|origin| origin.since).collect();
        match times.and_then(|times| times.into_iter().min()) {
            Some(time) => *dated.entry(time).or_default() |= &row.actions,
            None => open -= &row.actions,
        }
    }
    let mut out = Vec::new();
    for (time, actions) in dated {
        let fresh = actions & &open;
        if !fresh.is_empty() {
            open -= &fresh;
            out.push((time, fresh));
        }
    }
    out
}

impl Evaluator for KubernetesEvaluator {
    fn prepare(&mut self, catalogue: &RunCatalogue) {
        self.index = Index::new(catalogue);
        self.prepared = Vec::new();
        for view in &self.views {
            let mut roles: HashMap<RoleKey, Vec<Sets>> = HashMap::new();
            for binding in &view.bindings {
                let Some(key) = role_key(binding) else { continue };
                roles.entry(key).or_insert_with(|| {
                    view.rules(binding).iter().map(|one| self.index.sets(&one.rule)).collect()
                });
            }
            self.prepared.push(roles);
        }
        if let Ok(mut computed) = self.computed.write() {
            computed.clear();
        }
    }

    fn grants(&self, identity: &Identity, catalogue: &RunCatalogue) -> Arc<GrantSet> {
        let Some(known) = self.known.get(&identity.id) else { return Arc::default() };
        let Some(view) = self.views.get(known.cluster) else { return Arc::default() };
        let attached = view.attached(&known.who);
        let masters = known.who.groups.iter().any(|group| &**group == MASTERS);
        if !known.public.is_empty() {
            let set = self.compute(known.cluster, &attached, known);
            return Arc::new(self.with_public(set, known, &attached, catalogue));
        }
        let key = (known.cluster, attached);
        if !masters
            && let Ok(computed) = self.computed.read()
            && let Some(set) = computed.get(&key)
        {
            return set.clone();
        }
        let set = Arc::new(self.compute(known.cluster, &key.1, known));
        match self.computed.write() {
            Ok(mut computed) if !masters => computed.entry(key).or_insert(set).clone(),
            _ => set,
        }
    }

    fn decide(&self, request: &Request<'_>) -> Answer {
        ask::decide(self, request)
    }

    fn unlogged(&self, identity: &Identity, catalogue: &RunCatalogue) -> ActionSet {
        let Some(known) = self.known.get(&identity.id) else { return ActionSet::new() };
        let Some(view) = self.views.get(known.cluster) else { return ActionSet::new() };
        let grants = self.grants(identity, catalogue);
        self.unlogged.of(&view.name, &known.who, &grants, catalogue)
    }

    fn shared_with(&self, policy: &str) -> usize {
        self.holders.get(policy).copied().unwrap_or(0).saturating_sub(1)
    }
}

impl KubernetesEvaluator {
    /// Adds rows for the actions of the discovery roles that the identity used.
    fn with_public(
        &self,
        mut set: GrantSet,
        known: &Known,
        attached: &[Attached],
        catalogue: &RunCatalogue,
    ) -> GrantSet {
        let Some(view) = self.views.get(known.cluster) else { return set };
        let used: ActionSet =
            known.public.iter().filter_map(|action| catalogue.id(ID, action)).collect();
        let limit = |actions: &ActionSet| actions & &used;
        let mut rows: BTreeMap<RowKey, Growing> = BTreeMap::new();
        for one in attached {
            let binding = view.bindings.get(one.binding as usize);
            if binding.is_some_and(builtin::is_public) {
                self.rows_of(view, known.cluster, one, &limit, &mut rows);
            }
        }
        let more = finish(rows, &Index::default());
        set.actions |= &more.actions;
        for (_, dated) in &mut set.since {
            *dated -= &more.actions;
        }
        set.rows.extend(more.rows);
        set
    }

    /// The place of a role, for answers.
    pub(super) fn place_of(&self, cluster: usize, key: &RoleKey) -> Option<Place> {
        self.views.get(cluster)?.role(key)?.meta.place
    }
}
