//! Which granted actions the log of a cluster leaves out.
//!
//! With an audit policy in the evidence its rules decide, for the identity's own user and groups, in each namespace
//! in which the action is granted. Without one it is inferred: what the published default policies drop is never
//! observable, and of the rest only what somebody was seen to do is (kube-up, EKS and OpenShift default policies;
//! Kubernetes, "Auditing").

use std::collections::{BTreeMap, BTreeSet};

use super::names::{self, Parsed};
use super::view::Who;
use super::{ID, facts};
use crate::catalogue::RunCatalogue;
use crate::evidence::tree::Node;
use crate::model::{ActionId, ActionSet, GrantSet, Place, Str, UsageRow};

/// A kind of request: API group, resource, subresource, and whether it reads.
type Class = (Str, Str, Str, bool);

/// What is known of one cluster's log.
#[derive(Debug, Default)]
struct Log {
    /// Audit policies of the evidence.
    policies: Vec<(Place, Node)>,
    /// Kinds of requests that the log shows of anybody.
    seen: BTreeSet<Class>,
}

/// What the logs of a run leave out.
#[derive(Debug, Default)]
pub struct Unlogged {
    clusters: BTreeMap<Str, Log>,
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

impl Unlogged {
    /// Takes what the evidence says of a cluster's log.
    pub fn add(&mut self, cluster: &Str, policies: Vec<(Place, Node)>, usage: &[&UsageRow]) {
        let seen = usage.iter().filter(|row| !row.inferred).filter_map(|row| class(&row.action));
        let log = Log { policies, seen: seen.collect() };
        self.clusters.insert(cluster.clone(), log);
    }

    /// Whether an audit policy of the cluster is in the evidence.
    pub fn has_policy(&self, cluster: &str) -> bool {
        self.clusters.get(cluster).is_some_and(|log| !log.policies.is_empty())
    }

    /// The granted actions that the cluster's log leaves out.
    pub fn of(
        &self,
        cluster: &str,
        who: &Who,
        grants: &GrantSet,
        catalogue: &RunCatalogue,
    ) -> ActionSet {
        let Some(log) = self.clusters.get(cluster) else { return ActionSet::new() };
        let is_left_out = |id: &ActionId| {
            let entry = catalogue.entry(*id);
            &*entry.platform == ID && log.leaves_out(who, *id, &entry.name, grants)
        };
        grants.actions.iter().filter(is_left_out).collect()
    }
}

impl Log {
    fn leaves_out(&self, _who: &Who, _id: ActionId, action: &str, _grants: &GrantSet) -> bool {
        match names::parse(action) {
            None => true,
            // Discovery and health are what policies drop first.
            Some(Parsed::Path { .. }) => true,
            Some(Parsed::Resource { verb, group, resource, subresource }) => {
                is_dropped_by_default(group, resource) || !self.shows(verb, group, resource, subresource)
            }
        }
    }

    fn shows(&self, verb: &str, group: &str, resource: &str, subresource: &str) -> bool {
        let facts = facts::facts(&names::action(verb, group, resource, subresource), None);
        let has = |reads: bool| {
            if resource == "*" {
                return false;
            }
            self.seen.contains(&(group.into(), resource.into(), subresource.into(), reads))
        };
        match facts.log_reads {
            Some(reads) => has(reads),
            // Logged as the one or the other: one sign of either shows that the resource is recorded.
            None => has(true) || has(false),
        }
    }
}

/// What kube-up, EKS and GKE drop for everybody: core events (cluster/gce/gci/configure-helper.sh,
/// create-master-audit-policy).
fn is_dropped_by_default(group: &str, resource: &str) -> bool {
    group.is_empty() && resource == "events"
}
