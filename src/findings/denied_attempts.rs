//! `denied-attempts`: calls that the platform refused.

use std::collections::BTreeMap;

use super::shared::{and_more, plural, service_of, use_proof};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{Outcome, ScopeSet, Str, UsageRow};

pub(super) static KIND: Kind = Kind {
    id: "denied-attempts",
    summary: "Calls that authorisation refused: probing, or a missing grant",
    since: "0.1.0",
    page: include_str!("../../docs/findings/denied-attempts.md"),
    find,
    find_all: None,
};

const MANY_CALLS: u64 = 20;
const MANY_ACTIONS: usize = 5;

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let rows = &analysis.input.usage[gap.usage.clone()];
    let mut services: BTreeMap<Str, Vec<&UsageRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.outcome == Outcome::Denied && !row.inferred) {
        services.entry(service_of(analysis, gap, &row.action).0).or_default().push(row);
    }
    for (service, rows) in services {
        let mut names: Vec<Str> = rows.iter().map(|row| row.action.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let calls: u64 = rows.iter().map(|row| row.count).sum();
        let many = calls >= MANY_CALLS || names.len() >= MANY_ACTIONS;
        let mut resources: Vec<Str> = rows
            .iter()
            .filter_map(|row| match &row.scope {
                ScopeSet::One(scope) => Some(scope.clone()),
                _ => None,
            })
            .collect();
        resources.sort_unstable();
        resources.dedup();
        resources.truncate(20);
        let granted = names
            .iter()
            .filter_map(|name| analysis.input.catalogue.id(&analysis.identity(gap).platform, name))
            .any(|id| gap.grants.actions.contains(id));
        sink.push(
            analysis,
            gap,
            if many { Severity::Medium } else { Severity::Low },
            Draft {
                subject: service.into(),
                title: format!("{}, {}", and_more(&names), plural(calls, "call")),
                actions: names,
                resources,
                date: rows.iter().filter_map(|row| row.last).max(),
                evidence: rows.iter().map(|row| use_proof(row)).collect(),
                remedy: if granted {
                    "find what refused it: a boundary, an organisation policy, another resource"
                        .to_string()
                } else {
                    "ask the owner: grant it, or stop the caller".to_string()
                },
                ..Draft::default()
            },
        );
    }
}
