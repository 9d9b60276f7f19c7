//! `stale-identity`: it was used, and not for a long time.

use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::Label;

pub(super) static KIND: Kind = Kind {
    id: "stale-identity",
    summary: "An identity whose last sign of use is older than the staleness limit",
    since: "0.1.0",
    page: include_str!("../../docs/findings/stale-identity.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let identity = analysis.identity(gap);
    let (Some(as_of), Some(last)) = (analysis.input.as_of, gap.last_used) else {
        return;
    };
    let limit = as_of.plus_days(-i64::from(analysis.input.stale_after_days));
    if last >= limit || gap.counts.granted == 0 || identity.is(Label::Disabled) {
        return;
    }
    // Without a report of its last use, only a log that covers the time since then can say that there was none.
    if identity.last_used != Some(last) && !gap.is_watched {
        return;
    }
    let has_key = analysis.credentials_of(&identity.id).iter().any(|one| one.active == Some(true));
    sink.push(
        analysis,
        gap,
        if has_key { Severity::Medium } else { Severity::Low },
        Draft {
            subject: "identity".into(),
            title: format!("{} actions granted, last use {}", gap.counts.granted, last.date()),
            date: Some(last),
            evidence: vec![Proof {
                side: "use",
                place: identity.place,
                config: None,
                text: format!("last use {last}").into(),
            }],
            remedy: "deactivate it, and delete it if nobody asks for it".to_string(),
            ..Draft::default()
        },
    );
}
