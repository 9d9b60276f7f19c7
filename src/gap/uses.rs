//! What an identity was seen to do, by action.

use std::collections::{BTreeMap, BTreeSet};

use super::Frame;
use crate::model::time::SLOTS_A_DAY;
use crate::model::{ActionId, ActionSet, Intervals, Outcome, Place, Str, Time, UsageRow};

/// What is known of the use of one action by one identity.
#[derive(Debug, Default, Clone)]
pub(super) struct Use {
    pub(super) allowed: u64,
    pub(super) denied: u64,
    pub(super) undetermined: u64,
    pub(super) first: Option<Time>,
    last: Option<Time>,
    pub(super) place: Option<Place>,
    pub(super) last_denied: Option<Time>,
    pub(super) is_undated: bool,
    pub(super) is_named: bool,
    /// Numbers of the rows of allowed use.
    pub(super) rows: Vec<u32>,
    /// Numbers of the rows of which nobody knows whether they were allowed.
    pub(super) open: Vec<u32>,
}

/// Uses of one identity by action, and what its other rows tell.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) by_action: BTreeMap<ActionId, Use>,
    /// Services with events that could not be mapped to an action.
    pub(super) unmapped: BTreeSet<Str>,
    pub(super) last: Option<Time>,
    pub(super) active: roaring::RoaringBitmap,
}

impl Uses {
    pub(super) fn collect(frame: &Frame<'_>, range: std::ops::Range<usize>) -> Uses {
        let mut uses = Uses::default();
        for number in range {
            let row = &frame.usage[number];
            uses.last = uses.last.max(row.last);
            if row.unmapped {
                let service = row.action.split(':').next().unwrap_or_default();
                uses.unmapped.insert(service.to_ascii_lowercase().into());
            }
            if row.outcome == Outcome::Allowed {
                uses.active.extend(row.slots.iter().map(|slot| slot / SLOTS_A_DAY));
            }
            let Some(action) = frame.usage_actions[number] else {
                continue;
            };
            let one = uses.by_action.entry(action).or_default();
            match row.outcome {
                Outcome::Allowed => one.allow(row, number),
                Outcome::Denied => {
                    one.denied += row.count;
                    one.last_denied = one.last_denied.max(row.last);
                }
                Outcome::Undetermined => {
                    one.undetermined += row.count;
                    one.open.push(number as u32);
                }
            }
        }
        uses
    }

    /// Whether events of a service could not be mapped to an action.
    pub(super) fn is_unmapped(&self, service: &str) -> bool {
        !self.unmapped.is_empty() && self.unmapped.contains(&*service.to_ascii_lowercase())
    }

    /// Actions with allowed use.
    pub(super) fn allowed(&self) -> ActionSet {
        self.by_action.iter().filter(|(_, one)| one.allowed > 0).map(|(id, _)| *id).collect()
    }
}

impl Use {
    fn allow(&mut self, row: &UsageRow, number: usize) {
        self.allowed += row.count;
        self.rows.push(number as u32);
        self.is_undated |= row.last.is_none();
        self.is_named |= !row.inferred;
        if row.first.is_some() && (self.first.is_none() || row.first < self.first) {
            self.first = row.first;
        }
        if row.last > self.last || (row.last == self.last && self.place.is_none()) {
            self.last = row.last;
            self.place = row.last_place;
        }
    }
}

/// Whether a report's attempt is one that a log shows as denied: the report counts denied calls too (IAM User
/// Guide, access_policies_last-accessed), so it proves nothing more. A quarter-hour of slack, because the
/// report's times are the first use in 15 minutes.
pub(super) fn is_explained_by_denial(one: Option<&Use>, at: &Intervals) -> bool {
    let Some((from, to)) = at.bounds() else {
        return true;
    };
    let denied = one.and_then(|one| one.last_denied);
    denied.is_some_and(|denied| from.plus_seconds(-900) <= denied && denied <= to.plus_seconds(900))
}
