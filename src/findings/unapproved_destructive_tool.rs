//! `unapproved-destructive-tool`: an agent may destroy or run code, and nobody is asked.

use std::collections::BTreeMap;

use super::shared::{and_more, grant_proofs, is_agent, names};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{AccessLevel, ActionId, Decision, Outcome, Str};

pub(super) static KIND: Kind = Kind {
    id: "unapproved-destructive-tool",
    summary: "Tools that destroy, change permissions or run code, which an agent calls without approval",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unapproved-destructive-tool.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if !is_agent(analysis, gap) {
        return;
    }
    let mut services: BTreeMap<Str, (Vec<ActionId>, Vec<u32>)> = BTreeMap::new();
    for (number, row) in gap.grants.rows.iter().enumerate() {
        if row.decision != Decision::Allow {
            continue;
        }
        for id in &row.actions {
            let entry = analysis.input.catalogue.entry(id);
            let destroys = matches!(
                entry.level,
                AccessLevel::Delete | AccessLevel::Execute | AccessLevel::PermissionsManagement
            );
            if destroys && !entry.is_pattern {
                let (actions, rows) = services.entry(entry.service.clone()).or_default();
                actions.push(id);
                rows.push(number as u32);
            }
        }
    }
    for (service, (mut actions, mut rows)) in services {
        actions.sort_unstable();
        actions.dedup();
        rows.dedup();
        let names = names(analysis, &actions);
        let usage = &analysis.input.usage[gap.usage.clone()];
        let used = usage.iter().filter(|row| row.outcome == Outcome::Allowed);
        let last = used.filter(|row| names.contains(&row.action)).filter_map(|row| row.last).max();
        // What runs code reaches all that the machine reaches.
        let runs = |id: &ActionId| analysis.input.catalogue.entry(*id).level != AccessLevel::Delete;
        let severity = if actions.iter().any(runs) { Severity::High } else { Severity::Medium };
        let draft = Draft {
            subject: service.into(),
            title: format!("{} without approval", and_more(&names)),
            remedy: format!(
                "let a person approve {}: an ask rule in the agent's settings",
                and_more(&names)
            ),
            actions: names,
            date: last,
            evidence: grant_proofs(gap, &rows, 5),
            shared_with: analysis.shared_with(gap, &rows),
            ..Draft::default()
        };
        sink.push(analysis, gap, severity, draft);
    }
}
