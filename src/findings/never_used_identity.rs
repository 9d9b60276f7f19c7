//! `never-used-identity`: nothing was ever done with it, as far as the evidence reaches.

use super::shared::not_in;
use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, Status};

pub(super) static KIND: Kind = Kind {
    id: "never-used-identity",
    summary: "An identity with grants and no sign of use in all the time observed",
    since: "0.1.0",
    page: include_str!("../../docs/findings/never-used-identity.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if !gap.is_never_used {
        return;
    }
    let identity = analysis.identity(gap);
    let has_key = analysis.credentials_of(&identity.id).iter().any(|one| one.active == Some(true));
    let severity = if gap.is_admin || has_key { Severity::High } else { Severity::Medium };
    let created = identity.created.map(|at| format!(", created {}", at.date())).unwrap_or_default();
    let longest = gap
        .rows
        .iter()
        .filter(|row| row.status == Status::Excess)
        .max_by_key(|row| row.observed_days);
    let basis: Vec<String> =
        longest.map(|row| row.basis.iter().map(ToString::to_string).collect()).unwrap_or_default();
    sink.push(
        analysis,
        gap,
        severity,
        Draft {
            subject: "identity".into(),
            title: format!("{} actions granted{created}", gap.counts.granted),
            age_note: longest.map(not_in),
            evidence: vec![Proof {
                side: "grant",
                place: identity.place,
                config: None,
                text: format!("no use in: {}", basis.join("; ")).into(),
            }],
            remedy: "deactivate its credentials, then delete it".to_string(),
            ..Draft::default()
        },
    );
}
