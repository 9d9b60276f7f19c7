//! Use out of the generic usage table, aggregated while it is read.
//!
//! Owns the keys and bounds of the aggregation: memory grows with distinct (identity, action, outcome, scope,
//! on-behalf-of), of which at most [`SCOPE_CAP`] scopes are kept, the smallest by hash, so that the choice does
//! not depend on order. What a cell means is `values`'.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};

use super::columns::usage as column;
use super::rows::Record;
use super::values;
use crate::model::usage::SCOPE_CAP;
use crate::model::{Outcome, Place, ScopeSet, Str, Time, UsageRow};
use crate::platform::Intake;

/// More uses in one record are no count that a system could have kept.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// Longer sessions, addresses and user agents are cut.
const SIDE_BYTES: usize = 128;

type RowKey = (ScopeSet, Option<Str>);

#[derive(Debug, Default)]
struct Group {
    rows: BTreeMap<RowKey, UsageRow>,
    /// Kept scopes by hash.
    scopes: BTreeSet<([u8; 8], Str)>,
}

/// Aggregates records into usage rows.
#[derive(Debug, Default)]
pub(super) struct Aggregator {
    groups: HashMap<(Str, Str, Outcome), Group>,
    names: HashSet<Str>,
    assumed_utc: bool,
    assumed_allowed: bool,
    unknown_outcomes: u64,
}

/// What one record says.
struct Event<'r> {
    count: u64,
    first: Time,
    last: Time,
    slots: Option<RoaringBitmap>,
    place: Place,
    record: &'r Record<'r>,
}

impl Aggregator {
    /// Adds a record.
    pub(super) fn add(&mut self, record: &Record<'_>) -> Result<(), String> {
        let (first, last) = self.times(record)?;
        let count = match record.get(column::COUNT) {
            None => 1,
            Some(text) => text
                .parse::<u64>()
                .ok()
                .filter(|count| (1..=MAX_COUNT).contains(count))
                .ok_or("count is no whole number from 1 on")?,
        };
        let slots = match record.get(column::SLOTS) {
            None => None,
            Some(text) => Some(slots(text).ok_or("slots is no list of quarter-hours")?),
        };
        let outcome = self.outcome(record);
        let name = |names: &mut HashSet<Str>, column: usize| {
            names
                .get_or_insert_with(record.get(column).unwrap_or_default(), |text| text.into())
                .clone()
        };
        let key = (
            name(&mut self.names, column::IDENTITY),
            name(&mut self.names, column::ACTION),
            outcome,
        );
        let on_behalf_of =
            record.get(column::ON_BEHALF_OF).map(|_| name(&mut self.names, column::ON_BEHALF_OF));
        let scope = match record.get(column::RESOURCE) {
            None => ScopeSet::Unknown,
            Some(text) => {
                let known = self.names.get(text).cloned();
                ScopeSet::One(known.unwrap_or_else(|| text.into()))
            }
        };
        let event = Event { count, first, last, slots, place: record.place, record };
        let group = self.groups.entry(key.clone()).or_default();
        let scope = group.admit(scope, &on_behalf_of);
        if let ScopeSet::One(name) = &scope {
            self.names.insert(name.clone());
        }
        let row = group
            .rows
            .entry((scope.clone(), on_behalf_of.clone()))
            .or_insert_with(|| empty(key, scope, on_behalf_of));
        apply(row, event);
        Ok(())
    }

    fn times(&mut self, record: &Record<'_>) -> Result<(Time, Time), String> {
        let mut read = |column: usize, name: &str| match record.get(column) {
            None => Ok(None),
            Some(text) => {
                let (time, is_assumed) =
                    values::time(text).ok_or_else(|| format!("{name} is no time"))?;
                self.assumed_utc |= is_assumed;
                Ok::<_, String>(Some(time))
            }
        };
        let time = read(column::TIME, "time")?;
        let first = read(column::FIRST, "first")?;
        let last = read(column::LAST, "last")?;
        match (time, first, last) {
            (_, Some(first), Some(last)) if first <= last => Ok((first, last)),
            (_, Some(_), Some(_)) => Err("first is later than last".to_string()),
            (Some(time), ..) => Ok((time, time)),
            (None, None, None) => {
                Err("the record has no time: it needs time, or first and last".to_string())
            }
            _ => Err("the record has only one of first and last".to_string()),
        }
    }

    fn outcome(&mut self, record: &Record<'_>) -> Outcome {
        let error = record.get(column::ERROR);
        match (record.get(column::OUTCOME), error) {
            (Some(word), _) => values::outcome(word).unwrap_or_else(|| {
                self.unknown_outcomes += 1;
                Outcome::Undetermined
            }),
            // An error without an outcome is a denial only if it says so.
            (None, Some(error)) => match values::outcome(error) {
                Some(Outcome::Denied) => Outcome::Denied,
                _ => Outcome::Undetermined,
            },
            (None, None) => {
                self.assumed_allowed = true;
                Outcome::Allowed
            }
        }
    }

    /// Says what was assumed while a file was read, and forgets it.
    pub(super) fn notes(&mut self, intake: &mut Intake) {
        if std::mem::take(&mut self.assumed_utc) {
            intake.note("times without a zone were read as UTC");
        }
        if std::mem::take(&mut self.assumed_allowed) {
            intake.note("records without an outcome were read as allowed");
        }
        match std::mem::take(&mut self.unknown_outcomes) {
            0 => {}
            count => intake.note(format!(
                "{count} records have an outcome that is no known word; read as undetermined"
            )),
        }
    }

    /// All rows, sorted by key.
    pub(super) fn rows(self) -> Vec<UsageRow> {
        let mut groups: Vec<((Str, Str, Outcome), Group)> = self.groups.into_iter().collect();
        groups.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let mut rows: Vec<UsageRow> =
            groups.into_iter().flat_map(|(_, group)| group.rows.into_values()).collect();
        rows.sort_by(|left, right| left.key().cmp(&right.key()));
        rows
    }
}

impl Group {
    /// The scope to book a use on: itself if it is kept, else the overflow.
    fn admit(&mut self, scope: ScopeSet, on_behalf_of: &Option<Str>) -> ScopeSet {
        let ScopeSet::One(name) = &scope else {
            return scope;
        };
        if self.rows.contains_key(&(scope.clone(), on_behalf_of.clone())) {
            return scope;
        }
        let mut hash = [0; 8];
        for (to, from) in hash.iter_mut().zip(Sha256::digest(name.as_bytes())) {
            *to = from;
        }
        self.scopes.insert((hash, name.clone()));
        if self.scopes.len() <= SCOPE_CAP {
            return scope;
        }
        let Some((_, largest)) = self.scopes.pop_last() else {
            return scope;
        };
        if largest == *name {
            return ScopeSet::Overflow;
        }
        self.overflow(largest);
        scope
    }

    /// Moves the rows of a scope into the overflow rows.
    fn overflow(&mut self, scope: Str) {
        let wanted = ScopeSet::One(scope);
        let keys: Vec<RowKey> = self
            .rows
            .range((wanted.clone(), None)..)
            .map(|(key, _)| key.clone())
            .take_while(|key| key.0 == wanted)
            .collect();
        for key in keys {
            let Some(mut row) = self.rows.remove(&key) else {
                continue;
            };
            row.scope = ScopeSet::Overflow;
            match self.rows.entry((ScopeSet::Overflow, key.1)) {
                std::collections::btree_map::Entry::Occupied(mut there) => {
                    there.get_mut().merge(&row)
                }
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(row);
                }
            }
        }
    }
}

fn empty(key: (Str, Str, Outcome), scope: ScopeSet, on_behalf_of: Option<Str>) -> UsageRow {
    UsageRow { scope, on_behalf_of, ..UsageRow::new(super::ID.into(), key.0, key.1, key.2) }
}

/// As [`UsageRow::merge`] of a row made of the event, without making one.
fn apply(row: &mut UsageRow, event: Event<'_>) {
    row.count = row.count.saturating_add(event.count);
    let place = Some(event.place);
    if row.first.is_none() || (Some(event.first), place) < (row.first, row.first_place) {
        (row.first, row.first_place) = (Some(event.first), place);
    }
    let is_later =
        Some(event.last) > row.last || (Some(event.last) == row.last && place < row.last_place);
    if is_later {
        (row.last, row.last_place) = (Some(event.last), place);
    }
    match event.slots {
        Some(slots) => row.slots |= slots,
        None => {
            row.slots.insert(event.first.slot());
            row.slots.insert(event.last.slot());
        }
    }
    if let Some(region) = event.record.get(column::REGION)
        && !row.regions.contains(region)
    {
        row.regions.insert(region.into());
    }
    let side = |column: usize| event.record.get(column).map(|text| cut(text, SIDE_BYTES));
    if let Some(address) = side(column::SOURCE_IP) {
        insert(&mut row.networks, address);
    }
    if let Some(agent) = side(column::USER_AGENT) {
        // The family is the product without its version (RFC 9110, section 10.1.5).
        let family = agent.split(['/', ' ']).next().unwrap_or(agent);
        insert(&mut row.agents, family);
    }
    if let Some(session) = side(column::SESSION) {
        insert(&mut row.sessions, session);
    }
}

fn insert(set: &mut crate::model::Bounded, text: &str) {
    if !set.contains(text) {
        set.insert(text.into());
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `[1969360,1969361]`.
fn slots(text: &str) -> Option<RoaringBitmap> {
    let slots: Vec<u32> = serde_json::from_str(text).ok()?;
    Some(slots.into_iter().collect())
}
