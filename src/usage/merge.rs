//! The tables of all threads into one, in an order that does not depend on threads.

use std::cmp::Reverse;

use hashbrown::HashTable;
use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::dedupe::{self, Ids};
use super::engine::Engine;
use super::table::{Spot, Table};
use super::{FormatRows, Runner};
use crate::model::{At, Bounded, Place, Slot, Time};
use crate::platform::events::{EventFormat, RawRow};

/// What was merged.
pub(crate) struct Merged {
    pub(crate) rows: Vec<FormatRows>,
    pub(crate) copies: u64,
    pub(crate) problems: Vec<String>,
}

/// How the places of a file are to be read.
#[derive(Debug, Clone)]
pub(crate) enum Places {
    Records,
    Lines,
    /// Block and line in it; here are the lines before each block.
    Blocks(Vec<u64>),
}

impl Places {
    /// The place of a position in a file.
    pub(crate) fn at(&self, at: u64) -> At {
        let line = |line: u64| At::Line(u32::try_from(line).unwrap_or(u32::MAX), 1);
        match self {
            Places::Records => At::Record(at),
            Places::Lines => line(at),
            Places::Blocks(before) => {
                let block = (at >> 32) as usize;
                line(before.get(block).copied().unwrap_or(0) + (at & 0xffff_ffff))
            }
        }
    }
}

/// Merges. `places` turns a spot into a place.
pub(crate) fn merge(
    engines: Vec<Engine<'_>>,
    formats: &[&dyn EventFormat],
    runner: &Runner,
    places: &(dyn Fn(Spot) -> Place + Sync),
) -> Merged {
    let (tables, ids): (Vec<Table>, Vec<Ids<'_>>) =
        engines.into_iter().map(|engine| (engine.table, engine.ids)).unzip();
    let groups = groups(&tables, runner);
    let mut numbers: Vec<Vec<u32>> = tables.iter().map(|table| vec![0; table.rows.len()]).collect();
    for (number, group) in groups.iter().enumerate() {
        for (table, row) in group {
            if let Some(place) =
                numbers.get_mut(*table as usize).and_then(|rows| rows.get_mut(*row as usize))
            {
                *place = number as u32;
            }
        }
    }
    let (copies, problems) = dedupe::count_copies(&ids, &numbers, groups.len(), |task| {
        runner.on_all(task);
    });
    drop(ids);
    drop(numbers);
    let build = |(group, copies): (&Group, &u64)| raw_row(&tables, group, *copies, places);
    let rows: Vec<(u16, RawRow)> =
        runner.install(|| groups.par_iter().zip(&copies).filter_map(build).collect::<Vec<_>>());
    let mut out: Vec<FormatRows> =
        formats.iter().map(|format| FormatRows { format: format.id(), rows: Vec::new() }).collect();
    for (format, row) in rows {
        if let Some(of_format) = out.get_mut(usize::from(format)) {
            of_format.rows.push(row);
        }
    }
    Merged { rows: out, copies: copies.iter().sum(), problems }
}

/// The rows of one key: table and row.
type Group = Vec<(u32, u32)>;

/// Brings rows with equal keys together, sorted by format and key.
fn groups(tables: &[Table], runner: &Runner) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashTable<(u64, u32)> = HashTable::new();
    let print = |at: (u32, u32)| {
        let table = tables.get(at.0 as usize)?;
        table.keys.get(at.1 as usize).map(|key| key.print)
    };
    for (number, table) in tables.iter().enumerate() {
        for (key, at) in table.keys.iter().zip(0..) {
            let here = (number as u32, at);
            let same = |entry: &(u64, u32)| {
                let group = groups.get(entry.1 as usize).and_then(|group| group.first());
                group.and_then(|first| print(*first)) == Some(key.print)
            };
            match known.find(key.print.hash(), same) {
                Some((_, group)) => {
                    if let Some(group) = groups.get_mut(*group as usize) {
                        group.push(here);
                    }
                }
                None => {
                    let entry = (key.print.hash(), groups.len() as u32);
                    known.insert_unique(entry.0, entry, |entry| entry.0);
                    groups.push(vec![here]);
                }
            }
        }
    }
    let key = |group: &Group| {
        let (table, row) = group.first().copied()?;
        let table = tables.get(table as usize)?;
        let key = table.keys.get(row as usize)?;
        Some((key.format, table.text(key)))
    };
    let mut keyed: Vec<_> =
        groups.into_iter().filter_map(|group| Some((key(&group)?, group))).collect();
    runner.install(|| keyed.par_sort_unstable_by(|left, right| left.0.cmp(&right.0)));
    keyed.into_iter().map(|(_, group)| group).collect()
}

/// One key's rows into one.
fn raw_row(
    tables: &[Table],
    group: &Group,
    copies: u64,
    places: &(dyn Fn(Spot) -> Place + Sync),
) -> Option<(u16, RawRow)> {
    let row_at = |(table, row): (u32, u32)| {
        let table = tables.get(table as usize)?;
        Some((table, table.rows.get(row as usize)?))
    };
    let (table, row) = row_at(*group.first()?)?;
    let key = table.keys.get(group.first()?.1 as usize)?;
    let (mut first, mut last, mut count) = (row.first(), row.last(), 0);
    let mut slots: Vec<Slot> = Vec::new();
    let mut sets = [const { (Vec::new(), false) }; 3];
    for at in group {
        let (table, row) = row_at(*at)?;
        count += row.count;
        first = first.min(row.first());
        if (row.last().0, Reverse(row.last().1)) > (last.0, Reverse(last.1)) {
            last = row.last();
        }
        slots.extend_from_slice(&row.slots);
        table.add_sets(at.1, &mut sets);
    }
    slots.sort_unstable();
    slots.dedup();
    let [networks, agents, sessions] =
        sets.map(|(values, overflow)| Bounded::new(values, overflow));
    let dated = |(time, spot): (Time, Spot)| (time, places(spot));
    let merged = RawRow {
        key: table.text(key).to_vec(),
        count: count.saturating_sub(copies),
        first: dated(first),
        last: dated(last),
        slots: RoaringBitmap::from_sorted_iter(slots).unwrap_or_default(),
        networks,
        agents,
        sessions,
    };
    Some((key.format, merged))
}
