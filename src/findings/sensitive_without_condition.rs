//! `sensitive-without-condition`: data above the limit can be reached, and nothing ties the grant to its class.

use std::collections::BTreeSet;

use super::shared::{and_more, grant_proofs, intent_proof};
use super::{Draft, Kind, Severity, Sink};
use crate::catalogue::risk::Risk;
use crate::gap::{Analysis, IdentityGap, within};
use crate::intent::{Intent, Spot};
use crate::model::{AccessLevel, ActionId, ConditionClass, GrantRow, Str};
use crate::platform;

pub(super) static KIND: Kind = Kind {
    id: "sensitive-without-condition",
    summary: "Sensitive data can be read with no condition on its classification",
    since: "0.1.0",
    page: include_str!("../../docs/findings/sensitive-without-condition.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if gap.is_admin {
        return;
    }
    let config = analysis.input.config;
    let intent = analysis.intent(gap);
    let limited = intent
        .filter(|intent| intent.max.is_some() || intent.require_condition_above.is_some())
        .filter(|_| !config.labels.is_empty());
    let mut reached = Reached::default();
    for (number, row) in gap.grants.rows.iter().enumerate() {
        // A data-label condition, on the allow or as a deny's `unless`, is the guard.
        if row.conditions.iter().any(|one| one.class == ConditionClass::DataLabel) {
            continue;
        }
        let before = reached.actions.len();
        for id in sensitive_actions(analysis, row, limited.is_some()) {
            reached.add(analysis, id, row, limited);
        }
        if reached.actions.len() > before {
            reached.granted_by.push(number as u32);
        }
    }
    if !reached.actions.is_empty() {
        push(analysis, gap, sink, reached, limited.is_some());
    }
}

/// What unguarded grants reach.
#[derive(Default)]
struct Reached {
    actions: BTreeSet<ActionId>,
    resources: BTreeSet<Str>,
    spots: BTreeSet<(Spot, String)>,
    granted_by: Vec<u32>,
}

impl Reached {
    fn add(
        &mut self,
        analysis: &Analysis<'_>,
        id: ActionId,
        row: &GrantRow,
        limited: Option<&Intent>,
    ) {
        let Some(intent) = limited else {
            let platform = platform::by_id(&analysis.input.catalogue.entry(id).platform);
            let is_open = |pattern: &&Str| match platform {
                Some(platform) => platform.is_unguarded(pattern),
                None => &***pattern == "*",
            };
            for pattern in row.resources.iter().filter(is_open) {
                self.actions.insert(id);
                self.resources.insert(pattern.clone());
            }
            return;
        };
        let name = analysis.action(id);
        for sensitive in intent.sensitive_reach(name, &row.resources, &row.except) {
            if !within::is_resource_of(analysis.input.catalogue.entry(id), &sensitive.pattern) {
                continue;
            }
            self.actions.insert(id);
            self.spots.insert((
                sensitive.limit,
                format!("reaches {} labelled {}", sensitive.pattern, sensitive.sensitivity),
            ));
            self.resources.insert(sensitive.pattern);
        }
    }
}

fn push(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    sink: &mut Sink<'_>,
    reached: Reached,
    has_labels: bool,
) {
    let names: Vec<Str> = reached.actions.iter().map(|id| analysis.action(*id).clone()).collect();
    let mut evidence: Vec<_> = reached
        .spots
        .iter()
        .take(2)
        .map(|(spot, text)| intent_proof(analysis, *spot, text))
        .collect();
    evidence.extend(grant_proofs(gap, &reached.granted_by, 3));
    let last = super::shared::allowed(analysis, gap)
        .filter(|row| names.contains(&row.action))
        .filter_map(|row| row.last)
        .max();
    let reach = if has_labels {
        "labelled data above the limit".to_string()
    } else if reached.resources.contains("*") {
        "every resource".to_string()
    } else {
        let places: Vec<Str> = reached.resources.iter().cloned().collect();
        format!("everything in {}", and_more(&places))
    };
    sink.push(
        analysis,
        gap,
        if has_labels { Severity::High } else { Severity::Medium },
        Draft {
            subject: "data".into(),
            title: format!("{} on {reach}, no condition on its class", and_more(&names)),
            actions: names,
            resources: reached.resources.into_iter().collect(),
            date: last,
            evidence,
            remedy: "name the resources, or require a tag of the resource in a condition"
                .to_string(),
            shared_with: analysis.shared_with(gap, &reached.granted_by),
            ..Draft::default()
        },
    );
}

/// The actions of a row that return what a label protects: with labels any read of data, without them only the
/// secret-reading risk tags.
fn sensitive_actions(analysis: &Analysis<'_>, row: &GrantRow, has_labels: bool) -> Vec<ActionId> {
    row.actions
        .iter()
        .filter(|id| {
            let entry = analysis.input.catalogue.entry(*id);
            let is_secret = entry.risks.contains(&Risk::CredentialExposure)
                || (entry.risks.contains(&Risk::DataAccess)
                    && matches!(&*entry.service, "secretsmanager" | "ssm"));
            // What takes no resource has no class of data that a condition could name.
            if !entry.takes_resource {
                return false;
            }
            let is_read = matches!(entry.level, AccessLevel::Read | AccessLevel::Unknown);
            is_secret || (has_labels && is_read && (entry.touches_data || entry.index.is_none()))
        })
        .collect()
}
