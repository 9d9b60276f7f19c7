//! `escalation-path`: permissions that together give more than they say.

use super::shared::{grant_proofs, names};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, Status};
use crate::model::{ActionSet, Decision};

pub(super) static KIND: Kind = Kind {
    id: "escalation-path",
    summary: "Permissions that together let an identity gain more than it was given",
    since: "0.1.0",
    page: include_str!("../../docs/findings/escalation-path.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if gap.is_admin || gap.grants.actions.is_disjoint(&analysis.input.escalation.actions) {
        return;
    }
    let mut certain = ActionSet::new();
    for row in gap.grants.rows.iter().filter(|row| row.decision == Decision::Allow) {
        certain |= &row.actions;
    }
    let used: ActionSet = gap
        .rows
        .iter()
        .filter(|row| matches!(row.status, Status::Used | Status::OutOfScope | Status::Stale))
        .flat_map(|row| row.actions.iter().copied())
        .collect();
    for (method, ids) in analysis.input.escalation.satisfied(&gap.grants.actions) {
        // Assuming one named role is what roles are for; any role is another matter (docs/escalation.md). In RBAC
        // `resourceNames` guards in the same way.
        let platform = crate::platform::by_id(&analysis.identity(gap).platform);
        let needs_any = &*method.id == "aws.sts-001" || method.id.starts_with("k8s.");
        let is_open = |id: &crate::model::ActionId| {
            gap.grants.rows.iter().filter(|row| row.actions.contains(*id)).any(|row| {
                let is_open = |pattern: &crate::model::Str| match platform {
                    Some(platform) => platform.is_unguarded(pattern),
                    None => &**pattern == "*",
                };
                row.resources.iter().any(is_open)
            })
        };
        if needs_any && !ids.iter().all(is_open) {
            continue;
        }
        let is_certain = ids.iter().all(|id| certain.contains(*id));
        let is_open = !analysis.identity(gap).holes.is_empty() || !is_certain;
        let granted_by: Vec<u32> = (0..gap.grants.rows.len() as u32)
            .filter(|at| {
                let row = &gap.grants.rows[*at as usize];
                ids.iter().any(|id| row.actions.contains(*id))
            })
            .collect();
        let names = names(analysis, &ids);
        let may = if is_open { "may apply, a condition or a missing policy decides: " } else { "" };
        let times = if ids.iter().all(|id| used.contains(*id)) { ", all used" } else { "" };
        let list = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
        sink.push(
            analysis,
            gap,
            if method.is_self() { Severity::High } else { Severity::Medium },
            Draft {
                subject: method.id.clone().into(),
                title: format!("{may}{list} ({}){times}", method.category),
                actions: names,
                evidence: grant_proofs(gap, &granted_by, 5),
                remedy: format!(
                    "remove one of them, or limit its resources; source {}",
                    method.source
                ),
                shared_with: analysis.shared_with(gap, &granted_by),
                ..Draft::default()
            },
        );
    }
}
