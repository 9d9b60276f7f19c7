//! `wrong-destination`: see its page.

use super::shared::{by_facet, use_facet};
use super::{Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::intent::Facet;

pub(super) static KIND: Kind = Kind {
    id: "wrong-destination",
    summary: "Calls to Regions or accounts that the intent does not name",
    since: "0.1.0",
    page: include_str!("../../docs/findings/wrong-destination.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let violations = by_facet(gap, Facet::Destination);
    if let Some(draft) = use_facet(analysis, gap, Facet::Destination, &violations) {
        let remedy = "deny other Regions and accounts, or widen the intent".to_string();
        sink.push(analysis, gap, Severity::High, super::Draft { remedy, ..draft });
    }
}
