//! `unused-service`: every granted action of a service is excess.

use super::shared::{excess, grant_proofs, names, severity_of_unused, shared_with};
use super::{Draft, Kind, Sink};
use crate::gap::{Analysis, IdentityGap};

pub(super) static KIND: Kind = Kind {
    id: "unused-service",
    summary: "A whole service that is granted and that the evidence could have shown in use and did not",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unused-service.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink) {
    for part in excess(analysis, gap).into_iter().filter(|part| part.is_whole) {
        let names = names(analysis, &part.actions);
        let title = match names.as_slice() {
            [one] => format!("{one}, all that is granted of {}", part.service),
            many => format!("all {} granted {} actions", many.len(), part.service),
        };
        let shared = shared_with(analysis, gap, &part.granted_by);
        sink.push(
            analysis,
            gap,
            severity_of_unused(analysis, &part.actions),
            Draft {
                subject: part.service.clone().into(),
                title,
                remedy: format!("remove every {} action from the grant", part.service),
                actions: names,
                resources: part.resources,
                age_note: Some(part.age),
                evidence: grant_proofs(gap, &part.granted_by, 5),
                shared_with: shared,
                ..Draft::default()
            },
        );
    }
}
