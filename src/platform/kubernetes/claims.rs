//! What the audit logs of a run would have shown: claims of `not-seen` for each cluster.
//!
//! A log speaks for the days on which it has an event: a cluster whose leaders renew leases every two seconds has no
//! quiet day. What a policy leaves out is subtracted identity by identity (`unlogged`).

use std::collections::{BTreeMap, BTreeSet};

use super::ID;
use super::facts::AUDIT;
use super::unlogged::Unlogged;
use crate::model::time::DAY_SECONDS;
use crate::model::{Claim, ClaimScope, Intervals, Rw, Says, Select, Source, Str, Time};
use crate::platform::{LogSpan, LogSummary};

/// Builds the claims of all clusters' logs.
pub(super) fn claims(logs: &LogSummary, unlogged: &Unlogged, out: &mut Vec<Claim>) {
    let mut by_cluster: BTreeMap<&Str, BTreeMap<Option<bool>, Vec<&LogSpan>>> = BTreeMap::new();
    for span in logs.spans.iter().filter(|span| &*span.platform == ID && &*span.class == AUDIT) {
        by_cluster.entry(&span.account).or_default().entry(span.read_only).or_default().push(span);
    }
    for (cluster, kinds) in by_cluster {
        let damaged = logs
            .damaged
            .iter()
            .filter(|(platform, of, _)| &**platform == ID && (of.is_empty() || of == cluster))
            .fold(Intervals::none(), |all, (_, _, part)| all.union(part));
        // An event of any kind shows that the log was on that day: quiet days of reads are no gaps of theirs.
        let days: BTreeSet<i64> =
            kinds.values().flatten().flat_map(|span| span.days.iter().copied()).collect();
        let days = Intervals::from_unsorted(
            days.into_iter()
                .map(|day| {
                    let start = Time::from_seconds(day.saturating_mul(DAY_SECONDS));
                    (start, start.plus_days(1))
                })
                .collect(),
        );
        let is_stated = unlogged.has_policy(cluster);
        for (read_only, spans) in kinds {
            let (Some(first), Some(last)) = (
                spans.iter().map(|span| span.first).min(),
                spans.iter().map(|span| span.last).max(),
            ) else {
                continue;
            };
            let covered = Intervals::span(first, last.plus_seconds(1));
            let covered = covered.intersect(&days).minus(&damaged);
            if covered.is_empty() {
                continue;
            }
            let files = spans.iter().map(|span| span.files).max().unwrap_or(0);
            let basis = if is_stated {
                format!("audit policy and events in {files} audit log files")
            } else {
                format!("events in {files} audit log files")
            };
            out.push(Claim {
                platform: ID.into(),
                source: if is_stated { Source::StatedLog } else { Source::InferredLog },
                says: Says::NotSeen,
                scope: ClaimScope::Account(cluster.clone()),
                actions: Select::Class(AUDIT.into()),
                rw: match read_only {
                    None => Rw::All,
                    Some(true) => Rw::Read,
                    Some(false) => Rw::Write,
                },
                resources: None,
                region: None,
                covered,
                own_policies_only: false,
                basis: basis.into(),
                place: None,
            });
        }
    }
}
