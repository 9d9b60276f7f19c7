//! `stale-permission`: used, but long ago, and observable since.

use super::shared::{and_more, changes, grant_proofs, manages, names, rows, service_of};
use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, Status};

pub(super) static KIND: Kind = Kind {
    id: "stale-permission",
    summary: "Permissions whose last use is older than the staleness limit, and observable since",
    since: "0.1.0",
    page: include_str!("../../docs/findings/stale-permission.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let stale: Vec<_> = rows(gap, Status::Stale).collect();
    for chunk in stale.chunk_by(|left, right| left.service == right.service) {
        let actions: Vec<u32> = chunk.iter().flat_map(|row| row.actions.clone()).collect();
        let granted_by: Vec<u32> =
            chunk.iter().flat_map(|row| row.granted_by.iter().copied()).collect();
        let severe = actions.iter().any(|id| manages(analysis, *id) || changes(analysis, *id));
        let names = names(analysis, &actions);
        let last = chunk.iter().filter_map(|row| row.last_used).max();
        let mut evidence: Vec<Proof> = chunk
            .iter()
            .map(|row| Proof {
                side: "use",
                place: row.place,
                config: None,
                text: format!(
                    "{} uses, last {}",
                    row.uses,
                    row.last_used.map(|at| at.to_string()).unwrap_or_default()
                )
                .into(),
            })
            .collect();
        evidence.truncate(3);
        evidence.extend(grant_proofs(gap, &granted_by, 2));
        sink.push(
            analysis,
            gap,
            if severe { Severity::Medium } else { Severity::Low },
            Draft {
                subject: service_of(analysis, gap, &names[0]),
                title: and_more(&names),
                remedy: format!("remove {} from the grant", and_more(&names)),
                actions: names,
                resources: chunk.iter().flat_map(|row| row.resources.iter().cloned()).collect(),
                date: last,
                evidence,
                shared_with: analysis.shared_with(gap, &granted_by),
                ..Draft::default()
            },
        );
    }
}
