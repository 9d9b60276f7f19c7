//! The time as of which a report is made, when the user does not say: the latest plausible time of the logs.

use std::collections::BTreeMap;

use crate::model::Time;

/// Days without any event that split clusters (`docs/data-model.md`, "As of").
pub const GAP_DAYS: i64 = 400;

/// Events that a trailing cluster needs to be believed.
const FEWEST_EVENTS: u64 = 3;

/// A trailing cluster needs one event in so many of all.
const SMALLEST_SHARE: u64 = 1_000;

/// The last time of the last plausible day. `days` has the events of each day (UTC, since the epoch), and
/// `last_in_day` the last time of each.
///
/// Days with events form clusters that gaps of more than [`GAP_DAYS`] days split. One event from 2100 does
/// not set the clock: trailing clusters with fewer than 3 events or less than 0.1 % of all are passed over.
/// If none is left, the one with the most events counts, the earliest of several.
pub fn latest_plausible(
    days: &BTreeMap<i64, u64>,
    last_in_day: &BTreeMap<i64, Time>,
) -> Option<Time> {
    let total: u64 = days.values().sum();
    let mut clusters: Vec<(i64, u64)> = Vec::new();
    let mut before = None;
    for (&day, &count) in days.iter().filter(|(_, count)| **count > 0) {
        match (before, clusters.last_mut()) {
            (Some(before), Some(cluster)) if day - before <= GAP_DAYS => {
                *cluster = (day, cluster.1 + count);
            }
            _ => clusters.push((day, count)),
        }
        before = Some(day);
    }
    let believed =
        |count: u64| count >= FEWEST_EVENTS && count.saturating_mul(SMALLEST_SHARE) >= total;
    let (day, _) = clusters
        .iter()
        .rev()
        .find(|(_, count)| believed(*count))
        .or_else(|| clusters.iter().rev().max_by_key(|(_, count)| *count))?;
    let midnight = Time::from_seconds(0).plus_days(*day);
    Some(last_in_day.get(day).copied().unwrap_or(midnight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(days: &[(i64, u64)]) -> Option<i64> {
        let last =
            days.iter().map(|(day, _)| (*day, Time::from_seconds(day * 86_400 + 7))).collect();
        let time = latest_plausible(&days.iter().copied().collect(), &last)?;
        assert_eq!(time.seconds() % 86_400, 7);
        Some(time.day())
    }

    #[test]
    fn no_events_have_no_time() {
        assert_eq!(latest(&[]), None);
    }

    #[test]
    fn one_event_from_2100_does_not_set_the_clock() {
        assert_eq!(latest(&[(20_000, 50), (20_001, 50), (47_482, 1)]), Some(20_001));
        assert_eq!(latest(&[(20_000, 50), (47_482, 2)]), Some(20_000));
        assert_eq!(latest(&[(20_000, 50), (47_482, 3)]), Some(47_482));
    }

    #[test]
    fn a_cluster_of_less_than_a_thousandth_is_passed_over() {
        assert_eq!(latest(&[(20_000, 99_990), (47_482, 10)]), Some(20_000));
        assert_eq!(latest(&[(20_000, 9_990), (47_482, 10)]), Some(47_482));
    }

    #[test]
    fn a_gap_of_400_days_does_not_split() {
        assert_eq!(latest(&[(20_000, 50), (20_400, 1)]), Some(20_400));
        assert_eq!(latest(&[(20_000, 50), (20_401, 1)]), Some(20_000));
        assert_eq!(latest(&[(20_000, 50), (20_300, 1), (20_600, 1)]), Some(20_600));
    }

    #[test]
    fn several_stray_clusters_are_passed_over() {
        assert_eq!(latest(&[(0, 1), (20_000, 50), (30_000, 1), (47_482, 1)]), Some(20_000));
    }

    #[test]
    fn a_few_events_alone_are_believed() {
        assert_eq!(latest(&[(20_000, 1)]), Some(20_000));
        assert_eq!(latest(&[(20_000, 1), (47_482, 1)]), Some(20_000));
        assert_eq!(latest(&[(0, 1), (20_000, 2)]), Some(20_000));
    }
}
