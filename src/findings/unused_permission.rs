//! `unused-permission`: some of a service's granted actions are excess.

use super::shared::{and_more, excess, excess_parts, is_agent, names, push_unused};
use super::{Kind, Sink};
use crate::gap::{Analysis, IdentityGap};

pub(super) static KIND: Kind = Kind {
    id: "unused-permission",
    summary: "Granted permissions that the evidence could have shown in use and did not",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unused-permission.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    for part in excess_parts(analysis, gap) {
        let title = format!("{} on {}", part.service, and_more(&part.resources));
        let remedy = format!("take {} out of the grant's resources", and_more(&part.resources));
        push_unused(analysis, gap, sink, part, (title, remedy));
    }
    if is_agent(analysis, gap) {
        return;
    }
    for part in excess(analysis, gap, Some(false)) {
        let platform = &analysis.identity(gap).platform;
        let service = analysis.input.catalogue.service(platform, &part.service);
        let granted = service.intersection_len(&gap.grants.actions);
        let names = names(analysis, &part.actions);
        let title = match names.as_slice() {
            [one] => one.to_string(),
            many => format!("{} of {granted} {} actions", many.len(), part.service),
        };
        let remedy = format!("remove {} from the grant", and_more(&names));
        push_unused(analysis, gap, sink, part, (title, remedy));
    }
}
