//! `wildcard-grant`: a whole service by wildcard, or write on every resource.

use std::collections::{BTreeMap, BTreeSet};

use super::shared::{grant_proofs, is_agent, manages};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{ActionId, Str};

pub(super) static KIND: Kind = Kind {
    id: "wildcard-grant",
    summary: "A grant of a whole service, or of write on every resource",
    since: "0.1.0",
    page: include_str!("../../docs/findings/wildcard-grant.md"),
    find,
    find_all: None,
};

/// A service with fewer actions is not called whole: two actions may well be all that is wanted.
const SMALL_SERVICE: u64 = 3;

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    // Settings of agents can rarely limit a tool to resources: every tool would be wide.
    if gap.is_admin || is_agent(analysis, gap) {
        return;
    }
    let mut whole: BTreeSet<Str> = BTreeSet::new();
    let mut writes: BTreeSet<ActionId> = BTreeSet::new();
    let mut granted_by = Vec::new();
    for (number, row) in gap.grants.rows.iter().enumerate() {
        let mut is_wide = false;
        // Actions of a service lie together, so that a service is whole if so many of its actions pass by.
        let mut passed: BTreeMap<u32, u64> = BTreeMap::new();
        for id in &row.actions {
            let entry = analysis.input.catalogue.entry(id);
            let is_pattern = entry.is_pattern && entry.name.ends_with(":*");
            if entry.is_known {
                *passed.entry(entry.service_number).or_default() += 1;
            }
            if is_pattern {
                whole.insert(entry.service.clone());
                is_wide = true;
            } else if row.is_unlimited() && entry.level.changes() && entry.takes_resource {
                writes.insert(id);
                is_wide = true;
            }
        }
        for (number, count) in passed {
            let all = analysis.input.catalogue.service_by_number(number);
            let known = all.iter().filter(|id| analysis.input.catalogue.entry(*id).is_known);
            let is_whole = count >= SMALL_SERVICE && count == known.count() as u64;
            if let Some(first) = all.min().filter(|_| is_whole) {
                whole.insert(analysis.input.catalogue.entry(first).service.clone());
                is_wide = true;
            }
        }
        if is_wide {
            granted_by.push(number as u32);
        }
    }
    if whole.is_empty() && writes.is_empty() {
        return;
    }
    push(analysis, gap, sink, (&whole, &writes), &granted_by);
}

fn push(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    sink: &mut Sink<'_>,
    (whole, writes): (&BTreeSet<Str>, &BTreeSet<ActionId>),
    granted_by: &[u32],
) {
    let severe = gap.grants.actions.iter().any(|id| {
        manages(analysis, id)
            && (writes.contains(&id) || whole.contains(&analysis.input.catalogue.entry(id).service))
    });
    let mut parts: Vec<String> =
        whole.iter().take(3).map(|service| format!("{service}:*")).collect();
    if whole.len() > 3 {
        parts.push(format!("{} more services", whole.len() - 3));
    }
    let others = writes
        .iter()
        .filter(|id| !whole.contains(&analysis.input.catalogue.entry(**id).service))
        .count();
    if others > 0 {
        let noun = if others == 1 { "action" } else { "actions" };
        parts.push(format!("{others} changing {noun} on *"));
    }
    let mut actions: Vec<Str> = whole.iter().map(|service| format!("{service}:*").into()).collect();
    actions.extend(
        writes
            .iter()
            .filter(|id| !whole.contains(&analysis.input.catalogue.entry(**id).service))
            .map(|id| analysis.action(*id).clone()),
    );
    sink.push(
        analysis,
        gap,
        if severe { Severity::High } else { Severity::Medium },
        Draft {
            subject: "wildcard".into(),
            title: parts.join(", "),
            actions,
            resources: vec!["*".into()],
            evidence: grant_proofs(gap, granted_by, 5),
            remedy: "name the actions and resources that are used (--table recommendations)"
                .to_string(),
            shared_with: analysis.shared_with(gap, granted_by),
            ..Draft::default()
        },
    );
}
