//! One thread's reading of records: fast or slow, into the table, the ids and the counts of the file.

use std::collections::BTreeMap;

use super::dedupe::{Ids, Spill};
use super::frame::{Ask, Parsed, Sink};
use super::plan::{Plan, Ranges};
use super::table::{BATCH, Pending, Seeds, Spot, Table};
use super::twin::{self, Broken};
use super::walk::{PAD, Stop, Walker};
use crate::evidence::Compression;
use crate::model::Time;
use crate::platform::REJECTS_KEPT;
use crate::platform::events::{EventFormat, Sort};

/// What one thread read of one file.
#[derive(Debug)]
pub(crate) struct FileCount {
    pub(crate) records: u64,
    pub(crate) used: u64,
    pub(crate) rejected: Vec<(u64, String)>,
    pub(crate) rejected_count: u64,
    pub(crate) skipped: BTreeMap<&'static str, u64>,
    /// Earliest and latest time.
    pub(crate) span: Option<(Time, Time)>,
    /// Time of the record that was read last.
    pub(crate) last_read: Option<Time>,
    pub(crate) notes: Vec<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) compression: Compression,
    pub(crate) damaged: Option<String>,
    pub(crate) failed: Option<String>,
    /// Places are lines and not records.
    pub(crate) by_line: bool,
}

impl Default for FileCount {
    fn default() -> FileCount {
        FileCount {
            records: 0,
            used: 0,
            rejected: Vec::new(),
            rejected_count: 0,
            skipped: BTreeMap::new(),
            span: None,
            last_read: None,
            notes: Vec::new(),
            sha256: None,
            compression: Compression::None,
            damaged: None,
            failed: None,
            by_line: false,
        }
    }
}

impl FileCount {
    pub(crate) fn reject(&mut self, at: u64, reason: String) {
        self.records += 1;
        self.rejected_count += 1;
        if self.rejected.len() < REJECTS_KEPT {
            self.rejected.push((at, reason));
        }
    }

    /// Adds what another thread read of the file.
    pub(crate) fn merge(&mut self, other: FileCount) {
        self.records += other.records;
        self.used += other.used;
        self.rejected_count += other.rejected_count;
        self.rejected.extend(other.rejected);
        self.rejected.sort();
        self.rejected.truncate(REJECTS_KEPT);
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.last_read = self.last_read.max(other.last_read);
        self.notes.extend(other.notes);
        self.notes.sort();
        self.notes.dedup();
        self.sha256 = self.sha256.take().or(other.sha256);
        self.damaged = self.damaged.take().or(other.damaged);
        self.failed = self.failed.take().or(other.failed);
        self.by_line |= other.by_line;
        if self.compression == Compression::None {
            self.compression = other.compression;
        }
    }
}

/// Events of a day, and the last time in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Day {
    pub(crate) count: u64,
    pub(crate) last: Time,
}

/// Reads records.
pub(crate) struct Engine<'a> {
    formats: &'a [&'a dyn EventFormat],
    walkers: Vec<Walker>,
    /// The format of the file at hand.
    pub(crate) format: u16,
    slow: bool,
    ranges: Ranges,
    arena: Vec<u8>,
    batch: Vec<Pending>,
    filled: usize,
    pub(crate) table: Table,
    pub(crate) ids: Ids<'a>,
    pub(crate) days: BTreeMap<i64, Day>,
    day: (i64, Day),
    /// The name of the place that the file at hand is from.
    pub(crate) context: &'a str,
    /// The file at hand, and what is added to positions in it.
    pub(crate) file: u32,
    pub(crate) base: u64,
    pub(crate) count: FileCount,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        formats: &'a [&'a dyn EventFormat],
        slow: bool,
        id_limit: usize,
        spill: &'a Spill,
        seeds: Seeds,
    ) -> Engine<'a> {
        let mut batch = Vec::new();
        batch.resize_with(BATCH, Pending::default);
        Engine {
            formats,
            walkers: formats.iter().map(|format| Walker::new(Plan::new(format.fields()))).collect(),
            format: 0,
            slow,
            ranges: Ranges::new(),
            arena: Vec::new(),
            batch,
            filled: 0,
            table: Table::new(seeds),
            ids: Ids::new(id_limit, spill),
            days: BTreeMap::new(),
            day: (i64::MIN, Day::default()),
            context: "",
            file: 0,
            base: 0,
            count: FileCount::default(),
        }
    }

    /// Adds the records that wait.
    pub(crate) fn flush(&mut self) {
        let (batch, ids) = (&self.batch[..self.filled], &mut self.ids);
        self.table.add(batch, |pending, row| {
            if pending.event.id != 0 {
                ids.push(pending.event.id, pending.event.rank, row);
            }
        });
        self.filled = 0;
        self.end_day();
    }

    fn end_day(&mut self) {
        let (day, events) = self.day;
        if events.count > 0 {
            let known = self.days.entry(day).or_default();
            known.last = if known.count == 0 { events.last } else { known.last.max(events.last) };
            known.count += events.count;
        }
        self.day.1.count = 0;
    }

    fn emit(&mut self, text: &[u8], at: u64) {
        let record = self.ranges.record(text);
        let pending = &mut self.batch[self.filled];
        pending.event.clear();
        let sort =
            self.formats[usize::from(self.format)].event(self.context, &record, &mut pending.event);
        let time = match (sort, pending.event.time) {
            (Sort::Use, Some(time)) => time,
            (Sort::Use, None) => return self.count.reject(at, "no readable time".to_string()),
            (Sort::Reject(reason), _) => return self.count.reject(at, reason.to_string()),
            (Sort::Skip(reason), _) => {
                self.count.records += 1;
                *self.count.skipped.entry(reason).or_default() += 1;
                return;
            }
        };
        pending.time = time;
        pending.spot = Spot { file: self.file, at };
        pending.format = self.format;
        self.table.prepare(pending);
        self.filled += 1;
        self.count.records += 1;
        self.count.used += 1;
        self.count.last_read = Some(time);
        let (first, last) = self.count.span.unwrap_or((time, time));
        self.count.span = Some((first.min(time), last.max(time)));
        if self.day.0 != time.day() || self.day.1.count == 0 {
            self.end_day();
            self.day = (time.day(), Day { count: 0, last: time });
        }
        self.day.1.count += 1;
        self.day.1.last = self.day.1.last.max(time);
        if self.filled == BATCH {
            self.flush();
        }
    }

    fn slowly(&mut self, text: &[u8], ask: Ask) -> Parsed {
        let mut arena = std::mem::take(&mut self.arena);
        let plan = self.walkers[usize::from(self.format)].plan();
        let text = &text[..text.len().saturating_sub(PAD)];
        let read = twin::read(plan, text, &mut arena, &mut self.ranges);
        let parsed = match read {
            Ok(length) => {
                self.emit(&arena, self.base + ask.at);
                Parsed::Done(length)
            }
            Err(Broken::More) => Parsed::More,
            Err(Broken::Bad(at, reason)) => Parsed::Bad(at, reason),
        };
        // One large record must not keep its memory.
        arena.truncate(1 << 20);
        arena.shrink_to(1 << 20);
        self.arena = arena;
        parsed
    }
}

impl Sink for Engine<'_> {
    #[inline]
    fn record(&mut self, text: &[u8], ask: Ask) -> Parsed {
        if !self.slow && !ask.strict {
            let may_grow = !ask.last && text.len().saturating_sub(PAD) < ask.longest;
            match self.walkers[usize::from(self.format)].walk(text, &mut self.ranges) {
                Ok(length) if length <= ask.longest => {
                    self.emit(text, self.base + ask.at);
                    return Parsed::Done(length);
                }
                Err(Stop::More) if may_grow => return Parsed::More,
                _ => {}
            }
        }
        self.slowly(text, ask)
    }

    fn reject(&mut self, at: u64, reason: String) {
        self.count.reject(self.base + at, reason);
    }

    fn damaged(&mut self, reason: &str) {
        if self.count.damaged.is_none() {
            self.count.damaged = Some(reason.to_string());
        }
    }
}
