//! Aggregation: records with equal keys become one row, without being looked into.
//!
//! Keys are held equal when 128 bits of two hashes are, seeded anew for each run, so that nobody can choose
//! two keys for that: comparing the keys themselves would fetch some more cache lines for each event, for a
//! difference that no run will see (a million keys agree by chance once in 10^26 runs).
//!
//! Decompression sweeps the caches, so that each row has to be fetched again. Records are therefore added in
//! batches: all look-ups, then all comparisons of keys, then all updates, so that the waits overlap.

use std::hash::{BuildHasher as _, Hasher as _};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::usage::BOUNDED_CAP;
use crate::model::{Slot, Str, Time};
use crate::platform::events::{RawEvent, key_parts};

/// Records in a batch.
pub(crate) const BATCH: usize = 32;

/// Longest value of a bounded set, in bytes; longer ones are cut. Their authors are not trusted.
const VALUE_BYTES: usize = 256;

/// Networks and sessions of a row that are remembered.
const RECENT: usize = 3;

/// Values that a pool holds before it is swept.
const POOL: usize = 8_192;

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
    print: Print,
}

/// The fingerprint of a key and its format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Print(u64, u64);

impl Print {
    /// For a hash table.
    pub(crate) fn hash(self) -> u64 {
        self.0
    }
}

/// Hashes that all threads of a run share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seeds(DefaultHashBuilder, DefaultHashBuilder);

impl Seeds {
    fn print(&self, format: u16, key: &[u8]) -> Print {
        let mut second = self.1.build_hasher();
        // The two must not run alike, whatever the builders share.
        second.write_u64(!u64::from(format));
        second.write(key);
        Print(self.0.hash_one(key) ^ u64::from(format), second.finish())
    }

    fn value(&self, value: &[u8]) -> u64 {
        self.0.hash_one(value)
    }
}

/// One aggregated key: what is used for each record, in two cache lines.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Row {
    first: (Time, u64),
    last: (Time, u64),
    /// Quarter-hours, with repetitions.
    pub(crate) slots: Vec<Slot>,
    /// Hashes of the networks, sessions and agent that came last: most repeat. As with keys, seeded hashes
    /// stand for what they are of.
    recent: [u64; 2 * RECENT + 1],
    first_file: u32,
    last_file: u32,
    pub(crate) count: u64,
}

impl Row {
    fn new(time: Time, spot: Spot) -> Row {
        Row {
            first: (time, spot.at),
            last: (time, spot.at),
            slots: Vec::new(),
            recent: [0; 2 * RECENT + 1],
            first_file: spot.file,
            last_file: spot.file,
            count: 0,
        }
    }

    /// The first time and its place.
    pub(crate) fn first(&self) -> (Time, Spot) {
        let (file, at) = (self.first_file, self.first.1);
        (self.first.0, Spot { file, at })
    }

    /// The last time and its place: of several in one second the earliest, so that the result does not
    /// depend on order.
    pub(crate) fn last(&self) -> (Time, Spot) {
        let (file, at) = (self.last_file, self.last.1);
        (self.last.0, Spot { file, at })
    }

    #[inline]
    fn see(&mut self, time: Time, spot: Spot) {
        self.count += 1;
        if (time, spot) < self.first() {
            (self.first, self.first_file) = ((time, spot.at), spot.file);
        }
        if time > self.last.0 || (time == self.last.0 && spot < self.last().1) {
            (self.last, self.last_file) = ((time, spot.at), spot.file);
        }
        let slot = time.slot();
        if self.slots.last() != Some(&slot) {
            add_slot(&mut self.slots, slot);
        }
    }

    /// Whether a value came lately (`which`: 0 network, 1 agent, 2 session); remembers it.
    #[inline]
    fn is_recent(&mut self, which: usize, hash: u64) -> bool {
        let places = match which {
            0 => self.recent.get_mut(..RECENT),
            1 => self.recent.get_mut(2 * RECENT..),
            _ => self.recent.get_mut(RECENT..2 * RECENT),
        };
        let places = places.unwrap_or_default();
        if places.contains(&hash) {
            return true;
        }
        places.rotate_right(1);
        if let Some(first) = places.first_mut() {
            *first = hash;
        }
        false
    }
}

/// The key of a row.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) print: Print,
    pub(crate) format: u16,
    at: usize,
    length: u32,
}

/// The rows of one thread.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// Of each row.
    pub(crate) keys: Vec<Key>,
    /// Networks, agents and sessions of each row.
    sets: Vec<[SmallSet; 3]>,
    text: Vec<u8>,
    index: HashTable<(Print, u32)>,
    pool: Pool,
    seeds: Seeds,
}

impl Table {
    pub(crate) fn new(seeds: Seeds) -> Table {
        Table {
            rows: Vec::new(),
            keys: Vec::new(),
            sets: Vec::new(),
            text: Vec::new(),
            index: HashTable::new(),
            pool: Pool::default(),
            seeds,
        }
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &Key) -> &[u8] {
        self.text.get(key.at..key.at + key.length as usize).unwrap_or(&[])
    }

    /// Adds the values of a row's sets (networks, agents, sessions) to others, and whether there were more.
    pub(crate) fn add_sets(&self, row: u32, to: &mut [(Vec<Str>, bool); 3]) {
        let Some(sets) = self.sets.get(row as usize) else {
            return;
        };
        for (set, (values, overflow)) in sets.iter().zip(to) {
            *overflow |= set.overflow;
            values.reserve(set.values.len());
            let held = set.values.iter().filter_map(|value| self.pool.get(*value));
            values.extend(held.cloned());
        }
    }

    /// Prepares a record for its batch, while it is at hand.
    pub(crate) fn prepare(&self, pending: &mut Pending) {
        pending.print = self.seeds.print(pending.format, pending.event.key());
    }

    /// Adds a batch. Gives each record's row to `each`.
    pub(crate) fn add(&mut self, batch: &[Pending], mut each: impl FnMut(&Pending, u32)) {
        const NONE: u32 = u32::MAX;
        let mut found = [NONE; BATCH];
        let batch = &batch[..batch.len().min(BATCH)];
        for (pending, found) in batch.iter().zip(&mut found) {
            *found = self.find(pending.print).unwrap_or(NONE);
        }
        std::hint::black_box(self.fetch(&found));
        for (pending, found) in batch.iter().zip(found) {
            let row = if found == NONE { self.find_or_insert(pending) } else { found };
            self.update(row, pending);
            each(pending, row);
        }
        self.pool.sweep(&mut self.sets);
    }

    /// Has rows fetched into the caches, all at once: first what is at hand, then what that points to.
    fn fetch(&self, rows: &[u32; BATCH]) -> u64 {
        let mut seen = 0;
        for number in rows {
            let number = *number as usize;
            if let (Some(row), Some(sets)) = (self.rows.get(number), self.sets.get(number)) {
                seen ^= row.count ^ row.slots.len() as u64 ^ sets[2].values.len() as u64;
            }
        }
        for number in rows {
            let number = *number as usize;
            if let (Some(row), Some(sets)) = (self.rows.get(number), self.sets.get(number)) {
                for list in [&row.slots, &sets[0].values, &sets[2].values] {
                    seen ^= u64::from(list.last().copied().unwrap_or(0));
                }
            }
        }
        seen
    }

    fn find_or_insert(&mut self, pending: &Pending) -> u32 {
        if let Some(row) = self.find(pending.print) {
            return row;
        }
        // Keys are checked when they are new: what is stored is UTF-8.
        let key = pending.event.key();
        if key_parts(key).iter().all(|part| std::str::from_utf8(part).is_ok()) {
            return self.insert(pending, pending.print, key);
        }
        let mut clean = RawEvent::default();
        for part in key_parts(key) {
            // Parts are cut at 64 KiB; a character must not be.
            let part = String::from_utf8_lossy(part);
            let end = part.floor_char_boundary(usize::from(u16::MAX));
            clean.part(part[..end].as_bytes());
        }
        let print = self.seeds.print(pending.format, clean.key());
        match self.find(print) {
            Some(row) => row,
            None => self.insert(pending, print, clean.key()),
        }
    }

    fn find(&self, print: Print) -> Option<u32> {
        self.index.find(print.0, |(known, _)| *known == print).map(|(_, row)| *row)
    }

    fn insert(&mut self, pending: &Pending, print: Print, key: &[u8]) -> u32 {
        let number = self.rows.len() as u32;
        self.rows.push(Row::new(pending.time, pending.spot));
        self.keys.push(Key {
            print,
            format: pending.format,
            at: self.text.len(),
            length: key.len() as u32,
        });
        self.sets.push(Default::default());
        self.text.extend_from_slice(key);
        self.index.insert_unique(print.0, (print, number), |(print, _)| print.0);
        number
    }

    fn update(&mut self, number: u32, pending: &Pending) {
        let Some(row) = self.rows.get_mut(number as usize) else {
            return;
        };
        row.see(pending.time, pending.spot);
        let event = &pending.event;
        let values = [&event.network, &event.agent, &event.session];
        for (which, value) in values.into_iter().enumerate() {
            if value.is_empty() {
                continue;
            }
            let hash = self.seeds.value(value);
            if row.is_recent(which, hash) {
                continue;
            }
            let Some(sets) = self.sets.get_mut(number as usize) else {
                continue;
            };
            if !sets[which].refuses(value, &self.pool) {
                let value = self.pool.intern(value, hash, &self.seeds);
                sets[which].add(value, &self.pool);
            }
        }
    }
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
    slots.push(slot);
}

/// The smallest values, and whether there were more ([`Bounded`]); numbers in the pool, in any order, up to
/// twice as many as are kept.
#[derive(Debug, Default)]
struct SmallSet {
    values: Vec<u32>,
    /// The largest of the values that are kept, once there were more.
    largest: u32,
    overflow: bool,
}

impl SmallSet {
    /// Whether a value would not be kept, told by its text alone: the pool need not know it then. `false` for
    /// texts that the pool would alter.
    fn refuses(&self, value: &[u8], pool: &Pool) -> bool {
        self.overflow
            && value.len() <= VALUE_BYTES
            && value.is_ascii()
            && pool.get(self.largest).is_some_and(|largest| value >= largest.as_bytes())
    }

    fn add(&mut self, value: u32, pool: &Pool) {
        if self.values.contains(&value) {
            return;
        }
        if self.overflow && pool.get(value) >= pool.get(self.largest) {
            return;
        }
        self.values.push(value);
        if self.values.len() >= 2 * BOUNDED_CAP {
            self.settle(pool);
        }
    }

    /// Keeps the smallest.
    fn settle(&mut self, pool: &Pool) {
        if self.values.len() > BOUNDED_CAP {
            self.values.sort_unstable_by(|left, right| pool.get(*left).cmp(&pool.get(*right)));
            self.values.truncate(BOUNDED_CAP);
            self.overflow = true;
            self.largest = self.values.last().copied().unwrap_or(0);
        }
    }
}

/// Networks, agents and sessions that rows share, by number. What no row holds is swept out when the pool
/// has doubled, so that it is bounded by the rows whatever the logs hold.
#[derive(Debug)]
struct Pool {
    values: Vec<Str>,
    index: HashTable<(u64, u32)>,
    /// Numbers that are free.
    free: Vec<u32>,
    limit: usize,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { values: Vec::new(), index: HashTable::new(), free: Vec::new(), limit: POOL }
    }
}

impl Pool {
    fn get(&self, value: u32) -> Option<&Str> {
        self.values.get(value as usize)
    }

    fn intern(&mut self, value: &[u8], hash: u64, seeds: &Seeds) -> u32 {
        if let Some(known) = self.find(hash) {
            return known;
        }
        let text = String::from_utf8_lossy(value);
        let text = &text[..text.floor_char_boundary(VALUE_BYTES)];
        let hash = seeds.value(text.as_bytes());
        if let Some(known) = self.find(hash) {
            return known;
        }
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.values.push(Str::default());
                self.values.len() as u32 - 1
            }
        };
        if let Some(value) = self.values.get_mut(number as usize) {
            *value = Str::from(text);
        }
        self.index.insert_unique(hash, (hash, number), |(hash, _)| *hash);
        number
    }

    /// By hash alone, as [`Row::is_recent`]: the text would have to be fetched.
    fn find(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |entry| entry.0 == hash).map(|(_, number)| *number)
    }

    /// Drops what no row holds, if much was added since the last time.
    fn sweep(&mut self, sets: &mut [[SmallSet; 3]]) {
        if self.index.len() < self.limit {
            return;
        }
        let mut held = vec![false; self.values.len()];
        for set in sets.iter_mut().flatten() {
            set.settle(self);
            for value in &set.values {
                if let Some(held) = held.get_mut(*value as usize) {
                    *held = true;
                }
            }
        }
        let is_held = |number: u32| held.get(number as usize).copied().unwrap_or(false);
        let before = self.index.len();
        self.index.retain(|(_, number)| is_held(*number));
        if self.index.len() < before {
            self.free.clear();
            for (number, value) in self.values.iter_mut().enumerate() {
                if !is_held(number as u32) {
                    *value = Str::default();
                    self.free.push(number as u32);
                }
            }
        }
        self.limit = (self.index.len() * 2).max(POOL);
    }
}
