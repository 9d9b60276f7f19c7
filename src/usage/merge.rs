//! The tables of all threads into one, in an order that does not depend on threads.

use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::dedupe::{self, Ids};
use super::engine::Engine;
use super::table::{Row, Spot, Table};
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
    formats: &[&'static dyn EventFormat],
    runner: &Runner,
    places: &(dyn Fn(Spot) -> Place + Sync),
) -> Merged {
    let (tables, ids): (Vec<Table>, Vec<Ids<'_>>) =
        engines.into_iter().map(|engine| (engine.table, engine.ids)).unzip();
    let mut order: Vec<(u32, u32)> = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        order.extend((0..table.rows.len()).map(|row| (number as u32, row as u32)));
    }
    let row = |(table, row): (u32, u32)| {
        let table = &tables[table as usize];
        (table, &table.rows[row as usize])
    };
    let key = |at: (u32, u32)| {
        let (table, row) = row(at);
        (row.format, table.key(row))
    };
    runner.install(|| order.par_sort_unstable_by(|left, right| key(*left).cmp(&key(*right))));
    let groups: Vec<&[(u32, u32)]> =
        order.chunk_by(|left, right| key(*left) == key(*right)).collect();
    let mut numbers: Vec<Vec<u32>> = tables.iter().map(|table| vec![0; table.rows.len()]).collect();
    for (number, group) in groups.iter().enumerate() {
        for (table, row) in *group {
            numbers[*table as usize][*row as usize] = number as u32;
        }
    }
    let (copies, problems) = dedupe::count_copies(&ids, &numbers, groups.len(), |task| {
        runner.on_all(|| task());
    });
    drop(ids);
    drop(numbers);
    let build = |(group, copies): (&&[(u32, u32)], &u64)| {
        let parts: Vec<(&Table, &Row, u32)> = group
            .iter()
            .map(|at| {
                let (table, row) = row(*at);
                (table, row, at.1)
            })
            .collect();
        raw_row(&parts, *copies, places)
    };
    let rows: Vec<(u16, RawRow)> =
        runner.install(|| groups.par_iter().zip(&copies).filter_map(build).collect::<Vec<_>>());
    let mut out: Vec<FormatRows> =
        formats.iter().map(|format| FormatRows { format: *format, rows: Vec::new() }).collect();
    for (format, row) in rows {
        if let Some(of_format) = out.get_mut(usize::from(format)) {
            of_format.rows.push(row);
        }
    }
    Merged { rows: out, copies: copies.iter().sum(), problems }
}

/// One key's rows into one.
fn raw_row(
    parts: &[(&Table, &Row, u32)],
    copies: u64,
    places: &(dyn Fn(Spot) -> Place + Sync),
) -> Option<(u16, RawRow)> {
    let (table, row, _) = parts.first()?;
    let (mut first, mut last, mut count) = (row.first, row.last, 0);
    let mut slots: Vec<Slot> = Vec::new();
    let mut sets = [(); 3].map(|()| Bounded::default());
    for (table, row, number) in parts {
        count += row.count;
        first = first.min(row.first);
        if (row.last.0, std::cmp::Reverse(row.last.1)) > (last.0, std::cmp::Reverse(last.1)) {
            last = row.last;
        }
        slots.extend_from_slice(&row.slots);
        for (set, small) in sets.iter_mut().zip(&table.sets[*number as usize].0) {
            set.overflow |= small.overflow;
            for value in &small.values {
                set.insert(value.clone());
            }
        }
    }
    slots.sort_unstable();
    slots.dedup();
    let [networks, agents, sessions] = sets;
    let dated = |(time, spot): (Time, Spot)| (time, places(spot));
    let merged = RawRow {
        key: table.key(row).to_vec(),
        count: count.saturating_sub(copies),
        first: dated(first),
        last: dated(last),
        slots: RoaringBitmap::from_sorted_iter(slots).unwrap_or_default(),
        networks,
        agents,
        sessions,
    };
    Some((row.format, merged))
}
