//! The usage store: the usage table as a Parquet file that can stand in place of the logs.
//!
//! One row a usage row, columns as in `docs/data-model.md`; the file's key-value metadata holds, as JSON under
//! [`META_KEY`], what logs prove beside use: their coverage, the files that they came from (by hash, so that a
//! file is never counted twice), remarks and the days with events.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use polars::prelude::{Column, NamedFrom};
use polars::prelude::{
    DataFrame, IntoColumn, KeyValueMetadata, ListBuilderTrait, ListStringChunkedBuilder,
    ParquetCompression, ParquetReader, ParquetWriter, PolarsError, SerReader, Series,
};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::diagnostic::caught;
use crate::model::{Bounded, Intervals, Outcome, Place, ScopeSet, Str, Time, UsageRow};
use crate::platform::{LogSpan, LoggedGrant};
use crate::report::model::Remark;

/// Name of the store's shape.
pub const SCHEMA: &str = "authgap-usage/1";

/// Key of the metadata.
pub const META_KEY: &str = "authgap-usage";

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Rows, sorted by key.
    pub rows: Vec<UsageRow>,
    /// Coverage as seen.
    pub spans: Vec<LogSpan>,
    /// Grants that the logs name.
    pub grants: Vec<LoggedGrant>,
    /// Files behind it: path and SHA-256.
    pub inputs: Vec<(String, String)>,
    /// Counted remarks.
    pub remarks: Vec<Remark>,
    /// Distinct events.
    pub events: u64,
    /// Duplicate deliveries.
    pub duplicates: u64,
    /// Days with events, with the last event of each and how many there were.
    pub days: Vec<(i64, Time, u64)>,
    /// Times that a damaged log file lost: platform, account or empty, when.
    pub damaged: Vec<(Str, Str, Intervals)>,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    schema: String,
    version: String,
    inputs: Vec<(String, String)>,
    spans: Vec<LogSpan>,
    #[serde(default)]
    grants: Vec<LoggedGrant>,
    remarks: Vec<Remark>,
    events: u64,
    duplicates: u64,
    days: Vec<(i64, Time, u64)>,
    damaged: Vec<(Str, Str, Intervals)>,
}

/// Writes a store.
///
/// # Errors
/// If the table cannot be built or the writer fails.
pub fn write(store: &Store, out: &mut dyn Write) -> Result<(), String> {
    let meta = Meta {
        schema: SCHEMA.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        inputs: store.inputs.clone(),
        spans: store.spans.clone(),
        grants: store.grants.clone(),
        remarks: store.remarks.clone(),
        events: store.events,
        duplicates: store.duplicates,
        days: store.days.clone(),
        damaged: store.damaged.clone(),
    };
    let meta = serde_json::to_string(&meta).map_err(|error| error.to_string())?;
    let mut table = table(&store.rows).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![(
            META_KEY.to_string(),
            meta,
        )])))
        .set_parallel(false)
        .finish(&mut table)
        .map_err(|error| error.to_string())?;
    out.write_all(&bytes).map_err(|error| error.to_string())
}

fn text<'a>(
    name: &str,
    rows: &'a [UsageRow],
    get: impl Fn(&'a UsageRow) -> Option<&'a str>,
) -> Column {
    let values: Vec<Option<&str>> = rows.iter().map(get).collect();
    Series::new(name.into(), values).into_column()
}

fn time(name: &str, rows: &[UsageRow], get: impl Fn(&UsageRow) -> Option<Time>) -> Column {
    let values: Vec<Option<i64>> = rows.iter().map(|row| get(row).map(Time::seconds)).collect();
    Series::new(name.into(), values).into_column()
}

fn flag(name: &str, rows: &[UsageRow], get: impl Fn(&UsageRow) -> bool) -> Column {
    Series::new(name.into(), rows.iter().map(get).collect::<Vec<bool>>()).into_column()
}

fn list<'a, I: IntoIterator<Item = &'a Str>>(
    name: &str,
    rows: &'a [UsageRow],
    get: impl Fn(&'a UsageRow) -> I,
) -> Column {
    let mut builder = ListStringChunkedBuilder::new(name.into(), rows.len(), rows.len() * 2);
    for row in rows {
        builder.append_values_iter(get(row).into_iter().map(|value| &**value));
    }
    builder.finish().into_column()
}

fn table(rows: &[UsageRow]) -> Result<DataFrame, PolarsError> {
    let scope_kind = |row: &UsageRow| match &row.scope {
        ScopeSet::Unknown => "unknown",
        ScopeSet::One(_) => "one",
        ScopeSet::Overflow => "overflow",
    };
    let scope = |row: &'_ UsageRow| match &row.scope {
        ScopeSet::One(scope) => Some(scope.to_string()),
        ScopeSet::Unknown | ScopeSet::Overflow => None,
    };
    let scopes: Vec<Option<String>> = rows.iter().map(scope).collect();
    let slots: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| {
            let mut bytes = Vec::with_capacity(row.slots.serialized_size());
            // Writing to memory does not fail.
            let _ = row.slots.serialize_into(&mut bytes);
            bytes
        })
        .collect();
    let slots: Vec<&[u8]> = slots.iter().map(Vec::as_slice).collect();
    let counts: Vec<u64> = rows.iter().map(|row| row.count).collect();
    let also: Vec<u64> = rows.iter().map(|row| row.also).collect();
    let columns = vec![
        text("platform", rows, |row| Some(&*row.platform)),
        text("identity", rows, |row| Some(&*row.identity)),
        text("action", rows, |row| Some(&*row.action)),
        Series::new("scope".into(), scopes).into_column(),
        text("scope_kind", rows, |row| Some(scope_kind(row))),
        text("outcome", rows, |row| Some(row.outcome.as_str())),
        text("on_behalf_of", rows, |row| row.on_behalf_of.as_deref()),
        text("via", rows, |row| row.via.as_deref()),
        flag("inferred", rows, |row| row.inferred),
        flag("unmapped", rows, |row| row.unmapped),
        Series::new("count".into(), counts).into_column(),
        Series::new("also".into(), also).into_column(),
        time("first", rows, |row| row.first),
        time("last", rows, |row| row.last),
        Series::new("slots".into(), slots).into_column(),
        list("regions", rows, |row| &row.regions),
        list("networks", rows, |row| row.networks.values()),
        flag("networks_overflow", rows, |row| row.networks.overflow),
        list("agents", rows, |row| row.agents.values()),
        flag("agents_overflow", rows, |row| row.agents.overflow),
        list("sessions", rows, |row| row.sessions.values()),
        flag("sessions_overflow", rows, |row| row.sessions.overflow),
    ];
    DataFrame::new(rows.len(), columns)
}

/// Reads a store that may be damaged: the Parquet reader panics on some damaged files, and a file must cost itself
/// only.
///
/// # Errors
/// As [`read`].
pub fn read_safely(bytes: &[u8], file: u32) -> Result<Store, String> {
    caught(|| read(bytes, file)).unwrap_or_else(|| Err("damaged".to_string()))
}

/// Reads a store. `file` is the store's own number: it is the place of all of its rows.
///
/// # Errors
/// If it is no store, or of another version's shape.
pub fn read(bytes: &[u8], file: u32) -> Result<Store, String> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let meta = reader
        .get_metadata()
        .map_err(|error| error.to_string())?
        .key_value_metadata()
        .iter()
        .flatten()
        .find(|pair| pair.key == META_KEY)
        .and_then(|pair| pair.value.clone())
        .ok_or("not a usage store: no authgap metadata")?;
    let meta: Meta = serde_json::from_str(&meta).map_err(|error| error.to_string())?;
    if meta.schema != SCHEMA {
        return Err(format!("shape {} is not {SCHEMA}: made by another version", meta.schema));
    }
    let table =
        ParquetReader::new(Cursor::new(bytes)).finish().map_err(|error| error.to_string())?;
    let rows = rows(&table, file).map_err(|error| error.to_string())?;
    Ok(Store {
        rows: crate::audit::merge(rows),
        spans: meta.spans,
        grants: meta.grants,
        inputs: meta.inputs,
        remarks: meta.remarks,
        events: meta.events,
        duplicates: meta.duplicates,
        days: meta.days,
        damaged: meta.damaged,
    })
}

fn texts(table: &DataFrame, name: &str) -> Result<Vec<Option<Str>>, PolarsError> {
    Ok(table.column(name)?.str()?.iter().map(|value| value.map(Str::from)).collect())
}

fn flags(table: &DataFrame, name: &str) -> Result<Vec<bool>, PolarsError> {
    Ok(table.column(name)?.bool()?.iter().map(|value| value.unwrap_or(false)).collect())
}

fn times(table: &DataFrame, name: &str) -> Result<Vec<Option<Time>>, PolarsError> {
    let column = table.column(name)?.i64()?;
    Ok(column.iter().map(|value| value.map(Time::from_seconds)).collect())
}

fn lists(table: &DataFrame, name: &str) -> Result<Vec<Vec<Str>>, PolarsError> {
    let column = table.column(name)?.list()?;
    (0..column.len())
        .map(|at| match column.get_as_series(at) {
            None => Ok(Vec::new()),
            Some(series) => Ok(series.str()?.iter().flatten().map(Str::from).collect()),
        })
        .collect()
}

fn bounded(table: &DataFrame, name: &str) -> Result<Vec<Bounded>, PolarsError> {
    let overflow = flags(table, &format!("{name}_overflow"))?;
    let values = lists(table, name)?;
    Ok(values
        .into_iter()
        .zip(overflow)
        .map(|(values, overflow)| Bounded::new(values, overflow))
        .collect())
}

fn rows(table: &DataFrame, file: u32) -> Result<Vec<UsageRow>, PolarsError> {
    let text: BTreeMap<&str, Vec<Option<Str>>> =
        ["platform", "identity", "action", "scope", "scope_kind", "outcome", "on_behalf_of", "via"]
            .into_iter()
            .map(|name| Ok((name, texts(table, name)?)))
            .collect::<Result<_, PolarsError>>()?;
    let cell = |name: &str, at: usize| text.get(name).and_then(|column| column[at].clone());
    let word = |name: &str, at: usize| cell(name, at).unwrap_or_else(|| "".into());
    let (inferred, unmapped) = (flags(table, "inferred")?, flags(table, "unmapped")?);
    let numbers = |name: &str| -> Result<Vec<u64>, PolarsError> {
        Ok(table.column(name)?.u64()?.iter().map(|value| value.unwrap_or(0)).collect())
    };
    let (counts, also) = (numbers("count")?, numbers("also")?);
    let (first, last) = (times(table, "first")?, times(table, "last")?);
    let slots: Vec<RoaringBitmap> = table
        .column("slots")?
        .binary()?
        .iter()
        .map(|bytes| RoaringBitmap::deserialize_from(bytes.unwrap_or_default()).unwrap_or_default())
        .collect();
    let regions = lists(table, "regions")?;
    let (networks, agents) = (bounded(table, "networks")?, bounded(table, "agents")?);
    let sessions = bounded(table, "sessions")?;
    Ok((0..table.height())
        .map(|at| UsageRow {
            platform: word("platform", at),
            identity: word("identity", at),
            action: word("action", at),
            scope: match &*word("scope_kind", at) {
                "one" => ScopeSet::One(word("scope", at)),
                "overflow" => ScopeSet::Overflow,
                _ => ScopeSet::Unknown,
            },
            outcome: match &*word("outcome", at) {
                "allowed" => Outcome::Allowed,
                "denied" => Outcome::Denied,
                _ => Outcome::Undetermined,
            },
            on_behalf_of: cell("on_behalf_of", at),
            via: cell("via", at),
            inferred: inferred[at],
            unmapped: unmapped[at],
            count: counts[at],
            also: also[at],
            first: first[at],
            last: last[at],
            first_place: first[at].map(|_| Place::record(file, at as u64 + 1)),
            last_place: last[at].map(|_| Place::record(file, at as u64 + 1)),
            slots: slots[at].clone(),
            regions: regions[at].iter().cloned().collect(),
            networks: networks[at].clone(),
            agents: agents[at].clone(),
            sessions: sessions[at].clone(),
        })
        .collect())
}
