//! `out-of-hours`: see its page.

use super::shared::{by_facet, use_facet};
use super::{Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::intent::Facet;

pub(super) static KIND: Kind = Kind {
    id: "out-of-hours",
    summary: "Calls outside the hours that the intent allows",
    since: "0.1.0",
    page: include_str!("../../docs/findings/out-of-hours.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let violations = by_facet(gap, Facet::Hours);
    if let Some(draft) = use_facet(analysis, gap, Facet::Hours, &violations) {
        let remedy = "find out what ran then, or widen the hours".to_string();
        sink.push(analysis, gap, Severity::Medium, super::Draft { remedy, ..draft });
    }
}
