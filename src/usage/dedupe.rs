//! Exact deduplication by event id, after the fact.
//!
//! First, last, slots and sets are the same however often an event is delivered; only the count is not. So
//! each record only leaves its id and row here, off the hot path, and the counts are corrected at the end.
//! Copies lie anywhere (a second trail, a redelivery weeks later), so no window over time would be exact.
//!
//! Ids are spread over [`PARTS`] partitions. Up to a limit they stay in memory; beyond it each partition is
//! written in chunks to one temporary file. At the end the copies in each partition are found, by any thread.

use std::fs::File;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::evidence::positioned;

/// Partitions. Each is looked through in memory: a hundred million events make parts of 19 MB.
pub(crate) const PARTS: usize = 128;

/// Bytes of an entry on disk.
const ENTRY_BYTES: usize = 24;

/// Entries in a chunk on disk: just under 4 KiB.
const CHUNK: usize = 170;

/// One record: its id, and who keeps the count. Ordered so that the copy that keeps it comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    high: u64,
    low: u64,
    rank: u32,
    row: u32,
}

/// The temporary file that all threads write to.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    file: OnceLock<Result<File, String>>,
    end: AtomicU64,
}

impl Spill {
    fn write(&self, bytes: &[u8]) -> Result<u64, String> {
        let file =
            self.file.get_or_init(|| tempfile::tempfile().map_err(|error| error.to_string()));
        let file = file.as_ref().map_err(Clone::clone)?;
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        positioned::write_all_at(file, bytes, at).map_err(|error| error.to_string())?;
        Ok(at)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> Result<(), String> {
        let Some(Ok(file)) = self.file.get() else {
            return Err("the temporary file is gone".to_string());
        };
        match positioned::read_at(file, out, at) {
            Ok(count) if count == out.len() => Ok(()),
            Ok(_) => Err("the temporary file is too short".to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The ids of one thread.
pub(crate) struct Ids<'a> {
    parts: Vec<Vec<Entry>>,
    /// Where the full chunks of each part are in the file.
    chunks: Vec<Vec<u64>>,
    count: usize,
    limit: usize,
    spilling: bool,
    spill: &'a Spill,
    /// Why spilling failed; the ids then stay in memory.
    pub(crate) error: Option<String>,
}

impl<'a> Ids<'a> {
    /// Up to `limit` ids stay in memory.
    pub(crate) fn new(limit: usize, spill: &'a Spill) -> Ids<'a> {
        Ids {
            parts: vec![Vec::new(); PARTS],
            chunks: vec![Vec::new(); PARTS],
            count: 0,
            limit,
            spilling: false,
            spill,
            error: None,
        }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, id: u128, rank: u8, row: u32) {
        let (high, low) = ((id >> 64) as u64, id as u64);
        // Ids may be counters: their bits are mixed for the choice of the part.
        let part = ((high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as usize;
        let Some(entries) = self.parts.get_mut(part) else {
            return;
        };
        if self.spilling && entries.capacity() == 0 {
            entries.reserve_exact(CHUNK);
        }
        entries.push(Entry { high, low, rank: u32::from(rank), row });
        self.count += 1;
        if self.spilling {
            if entries.len() >= CHUNK {
                self.write(part);
            }
        } else if self.count > self.limit && self.error.is_none() {
            self.spilling = true;
            for part in 0..PARTS {
                self.write(part);
            }
        }
    }

    /// Writes the full chunks of a part; what is left stays.
    fn write(&mut self, part: usize) {
        let entries = std::mem::take(&mut self.parts[part]);
        let mut left = entries.as_slice();
        while let Some((chunk, rest)) = left.split_at_checked(CHUNK) {
            if self.error.is_some() {
                break;
            }
            match self.spill.write(&bytes_of(chunk)) {
                Ok(at) => self.chunks[part].push(at),
                Err(error) => {
                    self.error = Some(error);
                    self.spilling = false;
                    break;
                }
            }
            left = rest;
        }
        if left.len() < CHUNK && entries.capacity() <= CHUNK * 2 {
            let left = left.len();
            let mut entries = entries;
            entries.drain(..entries.len() - left);
            self.parts[part] = entries;
        } else {
            self.parts[part] = left.to_vec();
        }
    }

    /// Takes all entries of a part, with their rows numbered anew.
    fn take(&self, part: usize, rows: &[u32], out: &mut Vec<Entry>) -> Result<(), String> {
        let row_of = |row: u32| rows.get(row as usize).copied().unwrap_or(u32::MAX);
        if let Some(entries) = self.parts.get(part) {
            out.extend(entries.iter().map(|entry| Entry { row: row_of(entry.row), ..*entry }));
        }
        let mut bytes = [0; CHUNK * ENTRY_BYTES];
        for at in self.chunks.get(part).into_iter().flatten() {
            self.spill.read(*at, &mut bytes)?;
            let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
            out.extend(entries.iter().map(|bytes| {
                let entry = entry_of(bytes);
                Entry { row: row_of(entry.row), ..entry }
            }));
        }
        Ok(())
    }
}

/// Finds the copies of events among the entries of a part. Gives the row of each that does not keep the count.
fn copies_in(
    entries: &[Entry],
    known: &mut HashTable<u32>,
    hasher: &DefaultHashBuilder,
    mut each: impl FnMut(u32),
) {
    let id = |entry: &Entry| (entry.high, entry.low);
    let at = |place: u32| entries.get(place as usize).copied().unwrap_or_default();
    let hash = |entry: &Entry| hasher.hash_one(id(entry));
    known.clear();
    known.reserve(entries.len(), |place| hash(&at(*place)));
    for (entry, place) in entries.iter().zip(0..) {
        let same = |place: &u32| id(&at(*place)) == id(entry);
        match known.entry(hash(entry), same, |place| hash(&at(*place))) {
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(place);
            }
            hashbrown::hash_table::Entry::Occupied(mut keeper) => {
                let kept = at(*keeper.get());
                if *entry < kept {
                    *keeper.get_mut() = place;
                    each(kept.row);
                } else {
                    each(entry.row);
                }
            }
        }
    }
}

fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        out.extend_from_slice(&entry.high.to_le_bytes());
        out.extend_from_slice(&entry.low.to_le_bytes());
        out.extend_from_slice(&entry.rank.to_le_bytes());
        out.extend_from_slice(&entry.row.to_le_bytes());
    }
    out
}

fn entry_of(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let (words, _) = bytes.as_chunks::<8>();
    let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
    let last = word(2);
    Entry { high: word(0), low: word(1), rank: last as u32, row: (last >> 32) as u32 }
}

/// Counts, for each row, the copies of events whose count another row (or the same one) keeps: of the copies
/// of an event the one with the smallest rank and then the smallest row keeps it. `rows` has for each
/// thread's row its final number.
///
/// `run` runs a task on all threads and returns when they are done.
pub(crate) fn count_copies(
    ids: &[Ids<'_>],
    rows: &[Vec<u32>],
    total: usize,
    run: impl FnOnce(&(dyn Fn() + Sync)),
) -> (Vec<u64>, Vec<String>) {
    let copies: Vec<AtomicU64> = (0..total).map(|_| AtomicU64::new(0)).collect();
    let next = AtomicUsize::new(0);
    // Seeded anew: nobody can choose ids that meet in the table.
    let hasher = DefaultHashBuilder::default();
    let problems = std::sync::Mutex::new(Vec::new());
    run(&|| {
        let (mut entries, mut known) = (Vec::new(), HashTable::new());
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS {
                break;
            }
            entries.clear();
            for (ids, rows) in ids.iter().zip(rows) {
                if let Err(error) = ids.take(part, rows, &mut entries)
                    && let Ok(mut problems) = problems.lock()
                {
                    problems.push(error);
                }
            }
            copies_in(&entries, &mut known, &hasher, |row| {
                if let Some(count) = copies.get(row as usize) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let mut problems = problems.into_inner().unwrap_or_default();
    problems.extend(ids.iter().filter_map(|ids| ids.error.clone()));
    problems.sort();
    problems.dedup();
    let copies = copies.into_iter().map(AtomicU64::into_inner).collect();
    (copies, problems)
}
