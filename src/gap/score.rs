//! The gap score: the risk-weighted share of what is granted that neither use nor intent supports.
//!
//! The formula and the reasons for its weights are in `docs/scoring.md`. Unknown permissions are in neither the
//! numerator nor the denominator, so that missing logs neither raise nor lower the score.

use std::collections::BTreeMap;

use super::row::{PermissionRow, ScoreTerm, Status};
use crate::catalogue::RunCatalogue;
use crate::catalogue::risk::EscalationIndex;
use crate::model::{AccessLevel, ActionId, GrantSet};

/// Weight of an action by access level.
fn level_weight(level: AccessLevel, touches_data: bool) -> f64 {
    let base = match level {
        AccessLevel::PermissionsManagement => 8.0,
        AccessLevel::Write | AccessLevel::Delete | AccessLevel::Execute => 4.0,
        AccessLevel::Read | AccessLevel::Unknown => 2.0,
        AccessLevel::List | AccessLevel::Tagging => 1.0,
    };
    if touches_data { base * 2.0 } else { base }
}

/// An action in an escalation set weighs this many times as much.
const ESCALATION: f64 = 2.0;

/// A grant on every resource weighs this many times as much as one on named resources.
const UNLIMITED: f64 = 1.5;

/// Weights of all actions of a run.
pub(super) struct Weights(Vec<f64>);

impl Weights {
    pub(super) fn new(catalogue: &RunCatalogue, escalation: &EscalationIndex) -> Weights {
        let weight = |id: ActionId| {
            let entry = catalogue.entry(id);
            let weight = level_weight(entry.level, entry.touches_data);
            if escalation.actions.contains(id) { weight * ESCALATION } else { weight }
        };
        Weights((0..catalogue.len() as ActionId).map(weight).collect())
    }

    /// The score and its terms by status.
    pub(super) fn score(
        &self,
        rows: &[PermissionRow],
        grants: &GrantSet,
    ) -> (Option<u32>, Vec<ScoreTerm>) {
        let mut by_status: BTreeMap<Status, (f64, f64)> = BTreeMap::new();
        for row in rows {
            let share = match row.status {
                // Use outside the intent is not what the grant is for.
                Status::Excess | Status::Stale | Status::Drift | Status::OutOfScope => 1.0,
                Status::Used => 0.0,
                Status::Unknown | Status::Unexplained | Status::Shortfall | Status::NotGranted => {
                    continue;
                }
            };
            let unlimited = row
                .granted_by
                .iter()
                .any(|at| grants.rows.get(*at as usize).is_some_and(|row| row.is_unlimited()));
            let factor = if unlimited { UNLIMITED } else { 1.0 };
            let weight: f64 =
                row.actions.iter().map(|id| self.0.get(*id as usize).copied().unwrap_or(1.0)).sum();
            let term = by_status.entry(row.status).or_default();
            term.0 += weight * factor;
            term.1 += weight * factor * share;
        }
        let granted: f64 = by_status.values().map(|term| term.0).sum();
        let unsupported: f64 = by_status.values().map(|term| term.1).sum();
        let terms = by_status
            .into_iter()
            .map(|(status, (granted, unsupported))| ScoreTerm { status, granted, unsupported })
            .collect();
        let score = (granted > 0.0).then(|| (100.0 * unsupported / granted).round() as u32);
        (score, terms)
    }
}
