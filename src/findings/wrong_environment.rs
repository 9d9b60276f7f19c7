//! `wrong-environment`: see its page.

use super::shared::{by_facet, use_facet};
use super::{Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::intent::Facet;

pub(super) static KIND: Kind = Kind {
    id: "wrong-environment",
    summary: "Calls on resources of another environment than the identity's",
    since: "0.1.0",
    page: include_str!("../../docs/findings/wrong-environment.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let violations = by_facet(gap, Facet::Environment);
    if let Some(draft) = use_facet(analysis, gap, Facet::Environment, &violations) {
        let remedy = "deny the other environment, or use an identity of its own for it".to_string();
        sink.push(analysis, gap, Severity::High, super::Draft { remedy, ..draft });
    }
}
