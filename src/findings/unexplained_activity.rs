//! `unexplained-activity`: allowed use that no known grant covers.

use super::shared::{and_more, changes, names, rows, service_of};
use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, Status};

pub(super) static KIND: Kind = Kind {
    id: "unexplained-activity",
    summary: "Allowed use that no grant in the evidence covers",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unexplained-activity.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let unexplained: Vec<_> = rows(gap, Status::Unexplained).collect();
    for chunk in unexplained.chunk_by(|left, right| left.service == right.service) {
        let actions: Vec<u32> = chunk.iter().flat_map(|row| row.actions.clone()).collect();
        let severe = actions.iter().any(|id| changes(analysis, *id));
        let names = names(analysis, &actions);
        let uses: u64 = chunk.iter().map(|row| row.uses).sum();
        sink.push(
            analysis,
            gap,
            if severe { Severity::High } else { Severity::Medium },
            Draft {
                subject: service_of(analysis, gap, &names[0]),
                title: format!("{}, {uses} allowed, no known grant", and_more(&names)),
                actions: names,
                resources: chunk.iter().flat_map(|row| row.resources.iter().cloned()).collect(),
                date: chunk.iter().filter_map(|row| row.last_used).max(),
                evidence: chunk
                    .iter()
                    .map(|row| Proof {
                        side: "use",
                        place: row.place,
                        config: None,
                        text: format!(
                            "{}, allowed {} times",
                            analysis.action(row.actions[0]),
                            row.uses
                        )
                        .into(),
                    })
                    .collect(),
                remedy:
                    "find the grant: a resource policy, a changed policy, or an export that is \
                         not complete"
                        .to_string(),
                ..Draft::default()
            },
        );
    }
}
