//! Which organisation policies stand over an account.
//!
//! At every level from the root to the account at least one service control policy must allow, and none may
//! deny; a missing level or content makes the limit partial: only known denies may be used then
//! (Organizations User Guide, orgs_manage_policies_scps_evaluation). The management account is exempt.

use std::collections::BTreeSet;

use super::documents::organization::{OrgKind, OrgPolicy, Organisation, full_access};
use super::documents::pool::PolicyDocument;
use super::policy::{Bound, OrgLimit};
use crate::model::{Hole, HoleKind, Layer, Str};

/// The limits over one account, and what is missing of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guardrails {
    pub(crate) scps: OrgLimit,
    pub(crate) rcps: OrgLimit,
    pub(crate) holes: Vec<Hole>,
}

/// Units nest five levels deep (Organizations User Guide, orgs_reference_limits); more is a cycle.
const DEPTH: usize = 16;

/// Finds the limits over an account.
pub(crate) fn guardrails(organisation: &Organisation, account: &str) -> Guardrails {
    let mut guardrails = Guardrails::default();
    let is_management = organisation.management.as_deref() == Some(account);
    if !organisation.is_seen || is_management {
        return guardrails;
    }
    for kind in [OrgKind::Scp, OrgKind::Rcp] {
        let is_off = organisation.enabled.as_ref().is_some_and(|enabled| !enabled.contains(&kind));
        // Every organisation is expected to have service control policies; resource control policies are
        // younger, and their absence from the evidence means that nobody uses them.
        let is_expected = kind == OrgKind::Scp
            || organisation.kinds.contains(&kind)
            || organisation.enabled.is_some();
        if is_off || !is_expected {
            continue;
        }
        let limit = limit(organisation, kind, account);
        if let OrgLimit::Partial(_) = limit {
            let what = match kind {
                OrgKind::Scp => "service control policies",
                OrgKind::Rcp => "resource control policies",
            };
            guardrails.holes.push(Hole {
                kind: HoleKind::Limits,
                policy: format!("{what} of account {account}").into(),
                note: "not all levels from the root to the account are in the evidence: less may be allowed"
                    .into(),
                place: None,
            });
        }
        match kind {
            OrgKind::Scp => guardrails.scps = limit,
            OrgKind::Rcp => guardrails.rcps = limit,
        }
    }
    guardrails
}

/// The nodes from the root to the account; whether the first one is a root.
fn path(organisation: &Organisation, account: &str) -> (Vec<Str>, bool) {
    let mut path: Vec<Str> = vec![account.into()];
    while let Some(parent) = path.last().and_then(|node| organisation.parents.get(node)) {
        if path.len() > DEPTH || path.contains(parent) {
            return (path, false);
        }
        path.push(parent.clone());
    }
    path.reverse();
    let is_whole = path.first().is_some_and(|node| node.starts_with("r-"));
    (path, is_whole)
}

fn limit(organisation: &Organisation, kind: OrgKind, account: &str) -> OrgLimit {
    let (path, mut is_whole) = path(organisation, account);
    let mut levels: Vec<Vec<Bound>> = Vec::new();
    for (level, node) in path.iter().enumerate() {
        let (ids, is_complete) = attached(organisation, kind, node);
        is_whole &= is_complete;
        let mut bounds = Vec::new();
        for id in ids {
            let built_in;
            let policy = match organisation.policies.get(&id) {
                Some(policy) => Some(policy),
                None => {
                    built_in = full_access(&id);
                    built_in.as_ref()
                }
            };
            match policy.and_then(|policy| bound(policy, kind, level)) {
                Some(bound) => bounds.push(bound),
                None => is_whole = false,
            }
        }
        // At least one policy is attached at every level while the type is on.
        is_whole &= !bounds.is_empty();
        levels.push(bounds);
    }
    if is_whole {
        OrgLimit::Levels(levels)
    } else {
        OrgLimit::Partial(levels.into_iter().flatten().collect())
    }
}

/// What is attached to a node, and whether that is all.
fn attached(organisation: &Organisation, kind: OrgKind, node: &Str) -> (BTreeSet<Str>, bool) {
    if let Some(ids) = organisation.attached.get(&(node.clone(), kind)) {
        return (ids.clone(), true);
    }
    let is_at_node =
        |id: &&Str| organisation.targets.get(*id).is_some_and(|targets| targets.contains(node));
    let is_of_kind = |id: &&Str| {
        let known = organisation.policies.get(*id).map(|policy| policy.kind);
        known.or_else(|| Some(full_access(id)?.kind)) == Some(kind)
    };
    let ids: BTreeSet<Str> =
        organisation.targets.keys().filter(is_of_kind).filter(is_at_node).cloned().collect();
    let all = organisation.listed.get(&kind);
    let is_complete =
        all.is_some_and(|all| all.iter().all(|id| organisation.targets.contains_key(id)));
    (ids, is_complete)
}

fn bound(policy: &OrgPolicy, kind: OrgKind, level: usize) -> Option<Bound> {
    let PolicyDocument::Parsed(document) = &policy.document else {
        return None;
    };
    Some(Bound {
        policy: document.clone(),
        name: policy.name.clone(),
        layer: match kind {
            OrgKind::Scp => Layer::Scp,
            OrgKind::Rcp => Layer::Rcp,
        },
        level: u32::try_from(level).ok(),
        via: None,
        since: None,
        shareable: true,
    })
}
