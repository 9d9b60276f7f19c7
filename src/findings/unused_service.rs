//! `unused-service`: every granted action of a service is excess.

use super::shared::{excess, is_agent, names, push_unused};
use super::{Kind, Sink};
use crate::gap::{Analysis, IdentityGap};

pub(super) static KIND: Kind = Kind {
    id: "unused-service",
    summary: "A whole service that is granted and that the evidence could have shown in use and did not",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unused-service.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    if is_agent(analysis, gap) {
        return;
    }
    for part in excess(analysis, gap, Some(true)) {
        let names = names(analysis, &part.actions);
        let title = match names.as_slice() {
            [one] => format!("{one}, all that is granted of {}", part.service),
            many => format!("all {} granted {} actions", many.len(), part.service),
        };
        let remedy = format!("remove every {} action from the grant", part.service);
        push_unused(analysis, gap, sink, part, (title, remedy));
    }
}
