//! Aggregation: records with equal keys become one row, without being looked into.
//!
//! Decompression sweeps the caches, so that each row has to be fetched again. Records are therefore added in
//! batches: all look-ups, then all comparisons of keys, then all updates, so that the waits overlap.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::usage::BOUNDED_CAP;
use crate::model::{Slot, Str, Time};
use crate::platform::events::{RawEvent, key_parts};

/// Records in a batch.
pub(crate) const BATCH: usize = 32;

/// Longest value of a bounded set, in bytes; longer ones are cut. Their authors are not trusted.
const VALUE_BYTES: usize = 256;

/// Where a record is: file and position. Ordered as the records lie in the evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) file: u32,
    /// Number of the record, of the line, or of the block and of the line in it.
    pub(crate) at: u64,
}

/// A record that waits for its batch.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) event: RawEvent,
    pub(crate) time: Time,
    pub(crate) spot: Spot,
    pub(crate) format: u16,
    hash: u64,
}

/// One aggregated key.
#[derive(Debug)]
pub(crate) struct Row {
    key_at: usize,
    key_length: u32,
    pub(crate) format: u16,
    pub(crate) count: u64,
    pub(crate) first: (Time, Spot),
    pub(crate) last: (Time, Spot),
    last_slot: Slot,
    /// Quarter-hours, with repetitions.
    pub(crate) slots: Vec<Slot>,
    /// Hashes of the network, agent and session that came last: most repeat. The hash is seeded for each
    /// run, so that nobody can choose two values for it.
    recent: [u64; 3],
}

/// The bounded sets of a row: networks, agents, sessions.
#[derive(Debug, Default)]
pub(crate) struct Sets(pub(crate) [SmallSet; 3]);

/// The smallest values, sorted, and whether there were more ([`crate::model::Bounded`]).
#[derive(Debug, Default)]
pub(crate) struct SmallSet {
    pub(crate) values: Vec<Str>,
    pub(crate) overflow: bool,
}

/// The rows of one thread.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) sets: Vec<Sets>,
    keys: Vec<u8>,
    index: HashTable<(u64, u32)>,
    pool: Pool,
    hasher: DefaultHashBuilder,
}

impl Table {
    pub(crate) fn new(hasher: DefaultHashBuilder) -> Table {
        Table {
            rows: Vec::new(),
            sets: Vec::new(),
            keys: Vec::new(),
            index: HashTable::new(),
            pool: Pool::default(),
            hasher,
        }
    }

    /// The key of a row.
    pub(crate) fn key(&self, row: &Row) -> &[u8] {
        key_of(&self.keys, row)
    }

    /// Prepares a record for its batch, while it is at hand.
    pub(crate) fn prepare(&self, pending: &mut Pending) {
        pending.hash = hash(&self.hasher, pending.format, pending.event.key());
    }

    /// Adds a batch. Gives each record's row to `each`.
    pub(crate) fn add(&mut self, batch: &[Pending], mut each: impl FnMut(&Pending, u32)) {
        const NONE: u32 = u32::MAX;
        let mut found = [NONE; BATCH];
        let batch = &batch[..batch.len().min(BATCH)];
        for (pending, found) in batch.iter().zip(&mut found) {
            let entry = self.index.find(pending.hash, |(hash, _)| *hash == pending.hash);
            *found = entry.map_or(NONE, |(_, row)| *row);
        }
        for (pending, found) in batch.iter().zip(&mut found) {
            let same = self.rows.get(*found as usize).is_some_and(|row| {
                row.format == pending.format && key_of(&self.keys, row) == pending.event.key()
            });
            if !same {
                *found = NONE;
            }
        }
        for (pending, found) in batch.iter().zip(found) {
            let row = if found == NONE { self.find_or_insert(pending) } else { found };
            self.update(row, pending);
            each(pending, row);
        }
    }

    fn find_or_insert(&mut self, pending: &Pending) -> u32 {
        let key = pending.event.key();
        if let Some(row) = self.find(pending.format, pending.hash, key) {
            return row;
        }
        // Keys are checked when they are new: what is stored is UTF-8.
        if key_parts(key).iter().all(|part| std::str::from_utf8(part).is_ok()) {
            return self.insert(pending, pending.hash, key);
        }
        let mut clean = RawEvent::default();
        for part in key_parts(key) {
            clean.part(String::from_utf8_lossy(part).as_bytes());
        }
        // A part that grew over its limit was cut, perhaps inside a character.
        let clean: Vec<u8> = clean.key().to_vec();
        let hash = hash(&self.hasher, pending.format, &clean);
        match self.find(pending.format, hash, &clean) {
            Some(row) => row,
            None => self.insert(pending, hash, &clean),
        }
    }

    fn find(&self, format: u16, hash: u64, key: &[u8]) -> Option<u32> {
        let same = |entry: &(u64, u32)| {
            entry.0 == hash
                && self
                    .rows
                    .get(entry.1 as usize)
                    .is_some_and(|row| row.format == format && key_of(&self.keys, row) == key)
        };
        self.index.find(hash, same).map(|(_, row)| *row)
    }

    fn insert(&mut self, pending: &Pending, hash: u64, key: &[u8]) -> u32 {
        let number = self.rows.len() as u32;
        self.rows.push(Row {
            key_at: self.keys.len(),
            key_length: key.len() as u32,
            format: pending.format,
            count: 0,
            first: (pending.time, pending.spot),
            last: (pending.time, pending.spot),
            last_slot: Slot::MAX,
            slots: Vec::new(),
            recent: [0; 3],
        });
        self.sets.push(Sets::default());
        self.keys.extend_from_slice(key);
        self.index.insert_unique(hash, (hash, number), |(hash, _)| *hash);
        number
    }

    fn update(&mut self, number: u32, pending: &Pending) {
        let Some(row) = self.rows.get_mut(number as usize) else {
            return;
        };
        let (time, spot) = (pending.time, pending.spot);
        row.count += 1;
        if (time, spot) < row.first {
            row.first = (time, spot);
        }
        // Of two uses in one second the earlier place stays, so that the result does not depend on order.
        if time > row.last.0 || (time == row.last.0 && spot < row.last.1) {
            row.last = (time, spot);
        }
        let slot = time.slot();
        if slot != row.last_slot {
            row.last_slot = slot;
            add_slot(&mut row.slots, slot);
        }
        let event = &pending.event;
        for (which, value) in [&event.network, &event.agent, &event.session].into_iter().enumerate()
        {
            if value.is_empty() {
                continue;
            }
            let hash = self.hasher.hash_one(value.as_slice());
            if row.recent[which] == hash {
                continue;
            }
            row.recent[which] = hash;
            if let Some(sets) = self.sets.get_mut(number as usize) {
                sets.0[which].add(value, hash, &mut self.pool, &self.hasher);
            }
        }
    }
}

fn key_of<'a>(keys: &'a [u8], row: &Row) -> &'a [u8] {
    keys.get(row.key_at..row.key_at + row.key_length as usize).unwrap_or(&[])
}

fn hash(hasher: &DefaultHashBuilder, format: u16, key: &[u8]) -> u64 {
    hasher.hash_one(key) ^ u64::from(format)
}

/// Appends; before the list grows, repetitions are removed, which mostly makes room.
fn add_slot(slots: &mut Vec<Slot>, slot: Slot) {
    if slots.len() == slots.capacity() && slots.len() >= 32 {
        slots.sort_unstable();
        slots.dedup();
        // With little room made, growing is cheaper than sorting again soon.
        if slots.len() * 4 < slots.capacity() * 3 {
            slots.push(slot);
            return;
        }
        slots.reserve_exact(slots.capacity() / 2);
    }
    if slots.capacity() == 0 {
        slots.reserve_exact(4);
    }
    slots.push(slot);
}

impl SmallSet {
    fn add(&mut self, value: &[u8], hash: u64, pool: &mut Pool, hasher: &DefaultHashBuilder) {
        if let Some(known) = pool.find(value, hash) {
            // Every value of a set is in the pool, as one and the same allocation.
            if self.values.iter().any(|mine| std::sync::Arc::ptr_eq(mine, known)) {
                return;
            }
        }
        let text = String::from_utf8_lossy(value);
        let text = &text[..text.floor_char_boundary(VALUE_BYTES)];
        let full = self.values.len() >= BOUNDED_CAP;
        if full && self.values.last().is_some_and(|last| text > &**last) {
            self.overflow = true;
            return;
        }
        if let Err(at) = self.values.binary_search_by(|mine| (**mine).cmp(text)) {
            if full {
                self.values.pop();
                self.overflow = true;
            }
            self.values.insert(at, pool.intern(text, hasher));
        }
    }
}

/// Values that rows share. Values that no row holds any more are dropped from time to time.
#[derive(Debug)]
struct Pool {
    values: HashTable<(u64, Str)>,
    limit: usize,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { values: HashTable::new(), limit: 4_096 }
    }
}

impl Pool {
    fn find(&self, value: &[u8], hash: u64) -> Option<&Str> {
        self.values.find(hash, |(_, known)| known.as_bytes() == value).map(|(_, known)| known)
    }

    fn intern(&mut self, value: &str, hasher: &DefaultHashBuilder) -> Str {
        let hash = hasher.hash_one(value.as_bytes());
        if let Some(known) = self.find(value.as_bytes(), hash) {
            return known.clone();
        }
        if self.values.len() >= self.limit {
            self.values.retain(|(_, known)| std::sync::Arc::strong_count(known) > 1);
            self.limit = (self.values.len() * 2).max(4_096);
        }
        let new = Str::from(value);
        self.values.insert_unique(hash, (hash, new.clone()), |(hash, _)| *hash);
        new
    }
}
