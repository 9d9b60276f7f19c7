//! `intent-drift`: granted beyond the intent.

use std::collections::BTreeMap;

use super::shared::{and_more, grant_proofs, intent_proof, manages, names, rows};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, PermissionRow, Status};
use crate::intent::Facet;

pub(super) static KIND: Kind = Kind {
    id: "intent-drift",
    summary: "Grants that reach beyond what the identity is meant to do",
    since: "0.1.0",
    page: include_str!("../../docs/findings/intent-drift.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if gap.is_admin {
        return;
    }
    let mut by_facet: BTreeMap<Facet, Vec<&PermissionRow>> = BTreeMap::new();
    for row in rows(gap, Status::Drift) {
        let facet = row.facets.iter().next().unwrap_or(Facet::Action);
        by_facet.entry(facet).or_default().push(row);
    }
    for (facet, rows) in by_facet {
        let mut actions: Vec<u32> = rows.iter().flat_map(|row| row.actions.clone()).collect();
        actions.sort_unstable();
        actions.dedup();
        let mut granted_by: Vec<u32> =
            rows.iter().flat_map(|row| row.granted_by.iter().copied()).collect();
        granted_by.sort_unstable();
        granted_by.dedup();
        let mut resources: Vec<_> =
            rows.iter().flat_map(|row| row.resources.iter().cloned()).collect();
        resources.sort_unstable();
        resources.dedup();
        let is_reached = rows.iter().any(|row| row.is_reached);
        let severe = actions.iter().any(|id| manages(analysis, *id));
        let names = names(analysis, &actions);
        let title = match facet {
            Facet::Action => and_more(&names),
            other => format!("{} beyond the intended {}", and_more(&names), other.as_str()),
        };
        let spot = rows.iter().find_map(|row| row.intent.as_ref());
        let mut evidence: Vec<_> =
            spot.map(|(spot, why)| intent_proof(analysis, *spot, why)).into_iter().collect();
        evidence.extend(grant_proofs(gap, &granted_by, 4));
        sink.push(
            analysis,
            gap,
            if severe { Severity::High } else { Severity::Medium },
            Draft {
                facet: Some(facet),
                subject: "intent".into(),
                title,
                remedy: format!(
                    "remove {} beyond the intent, or widen the intent",
                    and_more(&names)
                ),
                actions: names,
                resources,
                // A use that lies in it is the finding of its own kind, with its date.
                age_note: (!is_reached).then(|| "no use on record".to_string()),
                evidence,
                shared_with: analysis.shared_with(gap, &granted_by),
                ..Draft::default()
            },
        );
    }
}
