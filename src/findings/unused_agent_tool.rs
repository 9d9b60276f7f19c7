//! `unused-agent-tool`: tools of an agent that its logs could have shown and did not.

use super::shared::{and_more, excess, grant_proofs, is_agent, names};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{AccessLevel, ActionId, Decision};

pub(super) static KIND: Kind = Kind {
    id: "unused-agent-tool",
    summary: "Tools that an agent has and that its logs could have shown in use and did not",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unused-agent-tool.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if !is_agent(analysis, gap) {
        return;
    }
    for part in excess(analysis, gap, None) {
        let names = names(analysis, &part.actions);
        let title = match (names.as_slice(), part.is_whole) {
            ([one], _) if one.ends_with("/*") => format!("every tool of {}", part.service),
            ([one], _) => one.to_string(),
            (many, true) => format!("all {} tools of {}", many.len(), part.service),
            (many, false) => format!("{} tools of {}", many.len(), part.service),
        };
        let remedy = match part.is_whole && part.service.starts_with("mcp:") {
            true => format!("take the server {} out of the client's file", &part.service[4..]),
            false => format!("deny {} or leave it out of the client's list", and_more(&names)),
        };
        let draft = Draft {
            subject: part.service.clone().into(),
            title,
            remedy,
            resources: part.resources,
            age_note: Some(part.age),
            evidence: grant_proofs(gap, &part.granted_by, 5),
            shared_with: analysis.shared_with(gap, &part.granted_by),
            actions: names,
            ..Draft::default()
        };
        sink.push(analysis, gap, severity(analysis, gap, &part.actions), draft);
    }
}

/// What runs without asking and destroys is worst, then what changes anything.
fn severity(analysis: &Analysis<'_>, gap: &IdentityGap, actions: &[ActionId]) -> Severity {
    let level = |id: &ActionId| analysis.input.catalogue.entry(*id).level;
    let destroys = |id: &&ActionId| {
        matches!(
            level(id),
            AccessLevel::Delete | AccessLevel::Execute | AccessLevel::PermissionsManagement
        )
    };
    let runs = |id: &ActionId| {
        let mut rows = gap.grants.rows.iter();
        rows.any(|row| row.decision == Decision::Allow && row.actions.contains(*id))
    };
    if actions.iter().filter(destroys).any(runs) {
        Severity::High
    } else if actions.iter().any(|id| level(id).changes()) {
        Severity::Medium
    } else {
        Severity::Low
    }
}
