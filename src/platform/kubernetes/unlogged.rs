//! Which granted actions the log of a cluster leaves out.
//!
//! With an audit policy in the evidence its rules decide, for the identity's own user and groups, in each namespace
//! in which the action is granted. Without one it is inferred: what one of the published policies drops is not
//! observable, and of the rest only what somebody was seen to do is (Kubernetes, "Auditing"; `audit::presets`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLock;

use hashbrown::HashMap;

use super::audit::policy::{AuditPolicy, Observability};
use super::audit::presets;
use super::catalogue::{Scope, scope};
use super::names::{self, Parsed};
use super::view::Who;
use super::{ID, facts};
use crate::catalogue::RunCatalogue;
use crate::evidence::tree::Node;
use crate::model::{ActionId, ActionSet, GrantSet, Place, Str, UsageRow};

/// A kind of request: API group, resource, subresource, and whether it reads.
type Class = (Str, Str, Str, bool);

/// Of whom a policy's answer is: the username and groups as far as the policy tells them from others.
type Asker = (Str, Vec<Str>);

/// Whether an action is left out, by kind of resource.
type Answers = HashMap<(ActionId, Str), bool>;

/// What is known of one cluster's log.
#[derive(Debug, Default)]
struct Log {
    /// Whether the policies are the cluster's own, from the evidence, or published ones.
    is_stated: bool,
    policies: Vec<AuditPolicy>,
    /// Users, groups, namespaces and names that the policies tell from others.
    stated: BTreeSet<Str>,
    /// Kinds of requests that the log shows of anybody.
    seen: BTreeSet<Class>,
    /// Answers that were worked out before: by asker, then by action and kind of resource.
    answers: RwLock<HashMap<Asker, Answers>>,
}

/// What the logs of a run leave out.
#[derive(Debug, Default)]
pub struct Unlogged {
    clusters: BTreeMap<Str, Log>,
}

/// Published policies whose gaps count where the evidence holds none. Those that drop every read are not among them:
/// whether reads are recorded, the log itself shows.
const PUBLISHED: [&str; 5] = ["aks", "eks", "gke-data", "kube-up", "openshift"];

impl Unlogged {
    /// Takes what the evidence says of a cluster's log.
    pub(super) fn add(
        &mut self,
        cluster: &Str,
        policies: &[(Place, Node)],
        usage: &[&UsageRow],
        notes: &mut Vec<(Option<Place>, String)>,
    ) {
        let seen = usage.iter().filter(|row| !row.inferred).filter_map(|row| class(&row.action));
        let mut log = Log { seen: seen.collect(), ..Log::default() };
        for (place, node) in policies {
            match AuditPolicy::from_node(node) {
                Ok(policy) => {
                    log.is_stated = true;
                    log.policies.push(policy);
                }
                Err(reason) => notes.push((Some(*place), reason)),
            }
        }
        if !log.is_stated {
            let published = PUBLISHED.iter().filter_map(|name| presets::preset(name));
            log.policies = published.map(|preset| preset.policy.clone()).collect();
        }
        let stated = log.policies.iter().flat_map(AuditPolicy::stated);
        log.stated = stated.map(Str::from).collect();
        self.clusters.insert(cluster.clone(), log);
    }

    /// Whether an audit policy of the cluster is in the evidence.
    pub(super) fn has_policy(&self, cluster: &str) -> bool {
        self.clusters.get(cluster).is_some_and(|log| log.is_stated)
    }

    /// The granted actions that the cluster's log leaves out, on at least one of the resources they are granted on.
    pub(super) fn of(
        &self,
        cluster: &str,
        who: &Who,
        grants: &GrantSet,
        catalogue: &RunCatalogue,
    ) -> ActionSet {
        let Some(log) = self.clusters.get(cluster) else { return ActionSet::new() };
        let asker = log.asker(who);
        let known = log.answers.read().ok();
        let before = known.as_ref().and_then(|all| all.get(&asker));
        let mut fresh = Answers::new();
        let mut out = ActionSet::new();
        for row in &grants.rows {
            let places: BTreeSet<Str> = row.resources.iter().map(|one| log.kind_of(one)).collect();
            for id in &row.actions {
                let entry = catalogue.entry(id);
                if &*entry.platform != ID || out.contains(id) {
                    continue;
                }
                let is_left_out = places.iter().any(|place| {
                    let key = (id, place.clone());
                    if let Some(answer) = before.and_then(|answers| answers.get(&key)) {
                        return *answer;
                    }
                    let ask = || log.leaves_out(who, &entry.name, place);
                    *fresh.entry(key).or_insert_with(ask)
                });
                if is_left_out {
                    out.insert(id);
                }
            }
        }
        drop(known);
        if !fresh.is_empty()
            && let Ok(mut all) = log.answers.write()
        {
            all.entry(asker).or_default().extend(fresh);
        }
        out
    }
}

fn class(action: &str) -> Option<Class> {
    match names::parse(action)? {
        Parsed::Resource { verb, group, resource, subresource } => {
            let reads = matches!(verb, "get" | "list" | "watch");
            Some((group.into(), resource.into(), subresource.into(), reads))
        }
        Parsed::Path { .. } => None,
    }
}

impl Log {
    /// Whoever the policies do not tell apart is one asker.
    fn asker(&self, who: &Who) -> Asker {
        let is_stated = |name: &&Str| self.stated.contains(*name);
        let username = Some(&who.username).filter(is_stated).cloned().unwrap_or_default();
        (username, who.groups.iter().filter(is_stated).cloned().collect())
    }

    /// A resource pattern with what the policies do not tell apart taken for one: `-` is any namespace or name that
    /// they do not state.
    fn kind_of(&self, pattern: &str) -> Str {
        let (namespace, name) = pattern.split_once('/').unwrap_or(("*", "*"));
        let kept = |part| match part {
            "*" | "" => part,
            stated if self.stated.contains(stated) => stated,
            _ => "-",
        };
        format!("{}/{}", kept(namespace), kept(name)).into()
    }

    fn leaves_out(&self, who: &Who, action: &str, pattern: &str) -> bool {
        let groups: Vec<&str> = who.groups.iter().map(|group| &**group).collect();
        let is_whole = |found: Observability| found == Observability::Logged;
        match names::parse(action) {
            None => true,
            Some(Parsed::Path { verb, path }) => {
                !self.is_stated
                    || !self.policies.iter().all(|policy| {
                        is_whole(policy.is_path_logged(&who.username, &groups, verb, path))
                    })
            }
            Some(Parsed::Resource { verb, group, resource, subresource }) => {
                if !self.is_stated && !self.shows(action, (group, resource, subresource)) {
                    return true;
                }
                let (namespaces, names) =
                    places(scope(verb, group, resource, subresource), pattern);
                !self.policies.iter().all(|policy| {
                    is_whole(policy.is_logged(
                        &who.username,
                        &groups,
                        verb,
                        group,
                        resource,
                        subresource,
                        &namespaces,
                        &names,
                    ))
                })
            }
        }
    }

    /// Whether somebody was seen to do something of the kind.
    fn shows(&self, action: &str, (group, resource, subresource): (&str, &str, &str)) -> bool {
        let has = |reads: bool| {
            self.seen.contains(&(group.into(), resource.into(), subresource.into(), reads))
        };
        match facts::facts(action, None).log_reads {
            Some(reads) => has(reads),
            // Logged as the one or the other: one sign of either shows that the resource is recorded.
            None => has(true) || has(false),
        }
    }
}

/// Namespaces and names of a resource pattern, as a policy is asked about them: none is any, `""` the cluster.
fn places(scope: Scope, pattern: &str) -> (Vec<&str>, Vec<&str>) {
    let (namespace, name) = pattern.split_once('/').unwrap_or(("*", "*"));
    let namespaces = match (scope, namespace) {
        (Scope::Cluster, _) => vec![""],
        (_, "*") => Vec::new(),
        (_, one) => vec![one],
    };
    let names = if name == "*" { Vec::new() } else { vec![name] };
    (namespaces, names)
}
