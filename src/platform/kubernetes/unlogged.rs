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

/// What is known of one cluster's log.
#[derive(Debug, Default)]
struct Log {
    /// Whether the policies are the cluster's own, from the evidence, or published ones.
    is_stated: bool,
    policies: Vec<AuditPolicy>,
    /// Users and groups that the policies name.
    named: BTreeSet<Str>,
    /// Kinds of requests that the log shows of anybody.
    seen: BTreeSet<Class>,
    /// Answers that were worked out before: by asker, then by action and resource pattern.
    answers: RwLock<HashMap<Asker, HashMap<(ActionId, Str), bool>>>,
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
                    for rule in node.get("rules").map(Node::list).unwrap_or_default() {
                        for key in ["users", "userGroups"] {
                            let names = rule.get(key).map(Node::texts).unwrap_or_default();
                            log.named.extend(names.into_iter().map(Str::from));
                        }
                    }
                }
                Err(reason) => notes.push((Some(*place), reason)),
            }
        }
        if !log.is_stated {
            let published = PUBLISHED.iter().filter_map(|name| presets::preset(name));
            log.policies = published.map(|preset| preset.policy.clone()).collect();
        }
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
        let before = log.answers.read().ok().and_then(|all| all.get(&asker).cloned());
        let mut answers = before.unwrap_or_default();
        let known = answers.len();
        let mut out = ActionSet::new();
        for row in &grants.rows {
            for id in &row.actions {
                let entry = catalogue.entry(id);
                if &*entry.platform != ID || out.contains(id) {
                    continue;
                }
                let mut is_left_out = |pattern: &Str| {
                    let key = (id, pattern.clone());
                    *answers.entry(key).or_insert_with(|| log.leaves_out(who, &entry.name, pattern))
                };
                if row.resources.iter().any(&mut is_left_out) {
                    out.insert(id);
                }
            }
        }
        if answers.len() > known
            && let Ok(mut all) = log.answers.write()
        {
            all.entry(asker).or_default().extend(answers);
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
    /// Published policies tell only users of the system apart, so that all others are one asker.
    fn asker(&self, who: &Who) -> Asker {
        if self.is_stated {
            let is_named = |name: &&Str| self.named.contains(*name);
            let username = Some(&who.username).filter(is_named).cloned().unwrap_or_default();
            return (username, who.groups.iter().filter(is_named).cloned().collect());
        }
        let in_system = match names::service_account(&who.username) {
            Some((namespace, _)) => namespace == "kube-system",
            None => who.username.starts_with("system:"),
        };
        if in_system { (who.username.clone(), Vec::new()) } else { Asker::default() }
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
