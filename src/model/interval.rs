//! Sets of time: sorted, disjoint, half-open intervals of seconds.

use serde::{Deserialize, Serialize};

use super::Time;

/// A set of times. Every interval includes its start and excludes its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Intervals(Vec<(Time, Time)>);

impl Intervals {
    /// No time at all.
    pub fn none() -> Intervals {
        Intervals(Vec::new())
    }

    /// One interval; empty if `to` is not after `from`.
    pub fn span(from: Time, to: Time) -> Intervals {
        if to > from { Intervals(vec![(from, to)]) } else { Intervals::none() }
    }

    /// One moment, as the interval of its second.
    pub fn at(time: Time) -> Intervals {
        Intervals::span(time, time.plus_seconds(1))
    }

    /// The union of any intervals, in any order.
    pub fn from_unsorted(mut parts: Vec<(Time, Time)>) -> Intervals {
        parts.retain(|(from, to)| to > from);
        parts.sort_unstable();
        let mut out: Vec<(Time, Time)> = Vec::with_capacity(parts.len());
        for (from, to) in parts {
            match out.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => out.push((from, to)),
            }
        }
        Intervals(out)
    }

    /// The intervals in order.
    pub fn parts(&self) -> &[(Time, Time)] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first interval.
    pub fn first(&self) -> Option<(Time, Time)> {
        self.0.first().copied()
    }

    /// Start of the first and end of the last interval.
    pub fn bounds(&self) -> Option<(Time, Time)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// Times in either set.
    pub fn union(&self, other: &Intervals) -> Intervals {
        let mut parts = self.0.clone();
        parts.extend_from_slice(&other.0);
        Intervals::from_unsorted(parts)
    }

    /// Times in both sets.
    pub fn intersect(&self, other: &Intervals) -> Intervals {
        let mut out = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(left), Some(right)) = (self.0.get(i), other.0.get(j)) {
            let (from, to) = (left.0.max(right.0), left.1.min(right.1));
            if to > from {
                out.push((from, to));
            }
            if left.1 < right.1 {
                i += 1;
            } else {
                j += 1;
            }
        }
        Intervals(out)
    }

    /// Times in this set and not in the other.
    pub fn minus(&self, other: &Intervals) -> Intervals {
        let mut out = Vec::new();
        for &(mut from, to) in &self.0 {
            for &(gap_from, gap_to) in &other.0 {
                if gap_to <= from || gap_from >= to {
                    continue;
                }
                if gap_from > from {
                    out.push((from, gap_from));
                }
                from = gap_to;
                if from >= to {
                    break;
                }
            }
            if from < to {
                out.push((from, to));
            }
        }
        Intervals(out)
    }

    /// Total length in seconds.
    pub fn seconds(&self) -> i64 {
        self.0.iter().map(|(from, to)| to.seconds() - from.seconds()).sum()
    }

    /// Total length in days, rounded down to whole days after a tolerance of one hour, so that coverage from
    /// a first event at 00:05 to a last one at 23:50 counts the day.
    pub fn days(&self) -> u32 {
        ((self.seconds() + 3_600) / 86_400).max(0) as u32
    }

    /// Whether the moment is in the set.
    pub fn contains(&self, time: Time) -> bool {
        self.0.iter().any(|(from, to)| *from <= time && time < *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(parts: &[(i64, i64)]) -> Intervals {
        let parts = parts.iter().map(|(a, b)| (Time::from_seconds(*a), Time::from_seconds(*b)));
        Intervals::from_unsorted(parts.collect())
    }

    #[test]
    fn touching_intervals_join() {
        assert_eq!(set(&[(0, 5), (5, 9), (20, 21)]).parts().len(), 2);
    }

    proptest! {
        #[test]
        fn operations_equal_membership(
            left in proptest::collection::vec((0i64..40, 0i64..40), 0..6),
            right in proptest::collection::vec((0i64..40, 0i64..40), 0..6),
        ) {
            let (left, right) = (set(&left), set(&right));
            for second in 0..40 {
                let at = Time::from_seconds(second);
                let (a, b) = (left.contains(at), right.contains(at));
                prop_assert_eq!(left.union(&right).contains(at), a || b);
                prop_assert_eq!(left.intersect(&right).contains(at), a && b);
                prop_assert_eq!(left.minus(&right).contains(at), a && !b);
            }
        }
    }
}
