//! `administrative-grant`: everything, or everything on the platform's permission service.

use super::shared::plural;
use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{Label, Layer};

pub(super) static KIND: Kind = Kind {
    id: "administrative-grant",
    summary: "An unconditional grant of everything, or of everything on the permission service",
    since: "0.1.0",
    page: include_str!("../../docs/findings/administrative-grant.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let Some(how) = &gap.grants.administrative else {
        return;
    };
    let identity = analysis.identity(gap);
    let is_third_party = identity.is(Label::ThirdParty);
    let severity =
        if is_third_party || gap.is_never_used { Severity::Critical } else { Severity::High };
    let mut evidence = Vec::new();
    let mut rows = Vec::new();
    for (number, row) in gap.grants.rows.iter().enumerate() {
        if row.is_unlimited() && row.conditions.is_empty() {
            rows.push(number as u32);
            evidence.extend(
                row.origin.iter().filter(|origin| origin.layer == Layer::Identity).map(|origin| {
                    Proof {
                        side: "grant",
                        place: origin.place,
                        config: None,
                        text: format!("{}: {how}", origin.short()).into(),
                    }
                }),
            );
        }
    }
    evidence.dedup();
    sink.push(
        analysis,
        gap,
        severity,
        Draft {
            subject: "administrator".into(),
            title: format!(
                "{how}; {} of {} used",
                gap.counts.used,
                plural(gap.counts.granted, "action")
            ),
            resources: vec!["*".into()],
            date: gap.last_used,
            evidence,
            remedy: "replace it by the actions that are used (--table recommendations)".to_string(),
            shared_with: analysis.shared_with(gap, &rows),
            ..Draft::default()
        },
    );
}
