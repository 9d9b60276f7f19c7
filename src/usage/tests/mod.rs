//! Tests of the reader as a whole, on a small format.

mod bad_input;
mod dedupe;
mod equal;
mod records;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::At;
use crate::platform::events::{
    Field, Layout, RawEvent, Record, Sort, Take, Translated, UnwrapError, key_parts,
};

/// Every kind of field: nested, in arrays, text, scalars, raw, below a raw one.
const FIELDS: &[Field] = &[
    field(&["t"], Take::Text),
    field(&["id"], Take::Text),
    field(&["who", "name"], Take::Text),
    field(&["who", "session", "arn"], Take::Text),
    field(&["action"], Take::Text),
    field(&["things", "[]", "arn"], Take::Text),
    field(&["tags", "[]"], Take::Text),
    field(&["n"], Take::Scalar),
    field(&["params"], Take::Raw),
    field(&["params", "bucketNameWithAVeryLongKey"], Take::Text),
    field(&["ip"], Take::Text),
    field(&["agent"], Take::Text),
];

const fn field(path: &'static [&'static str], take: Take) -> Field {
    Field { path, take }
}

struct Small {
    id: &'static str,
    layout: Layout,
}

static SMALL: Small = Small { id: "small", layout: Layout::Records(&["Records", "Events"]) };

static WRAPPED: Small = Small { id: "wrapped", layout: Layout::Unwrap };

/// Records between backquotes.
fn quoted(text: &[u8], each: &mut dyn FnMut(u64, &[u8])) -> Result<(), UnwrapError> {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'`').collect();
    for (number, record) in parts.iter().skip(1).step_by(2).enumerate() {
        each(number as u64 + 1, record);
    }
    if parts.len().is_multiple_of(2) {
        return Err(UnwrapError {
            offset: text.len(),
            reason: "a quote is not closed".to_string(),
        });
    }
    Ok(())
}

impl EventFormat for Small {
    fn id(&self) -> &'static str {
        self.id
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn unwrap(
        &self,
        _: &str,
        text: &[u8],
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), UnwrapError> {
        quoted(text, each)
    }

    fn event(&self, _: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort {
        if record.get(4) == b"skip" {
            return Sort::Skip("told to skip");
        }
        if record.get(4) == b"reject" {
            return Sort::Reject("told to reject");
        }
        event.time = std::str::from_utf8(record.get(0)).ok().and_then(Time::parse);
        event.id = record
            .get(1)
            .iter()
            .fold(0u128, |id, byte| id.wrapping_mul(251).wrapping_add(u128::from(*byte)));
        event.rank = u8::from(record.get(7) == b"1");
        for part in 2..10 {
            event.part(record.get(part));
        }
        event.network.extend_from_slice(record.get(10));
        event.agent.extend_from_slice(record.get(11));
        event.session.extend_from_slice(record.get(3));
        Sort::Use
    }

    fn translate(&self, _rows: Vec<RawRow>, _out: &mut Translated) {}
}

/// A folder of logs, all of one format.
struct Logs {
    folder: tempfile::TempDir,
    paths: Vec<(PathBuf, String)>,
    format: &'static Small,
}

impl Logs {
    fn new() -> Logs {
        Logs { folder: tempfile::tempdir().unwrap(), paths: Vec::new(), format: &SMALL }
    }

    fn with(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Logs {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        self.paths.push((path, name.to_string()));
        self
    }

    fn files(&self) -> Vec<LogFile<'_>> {
        self.paths
            .iter()
            .enumerate()
            .map(|(at, (path, printed))| LogFile {
                file: at as u32,
                path,
                printed,
                format: self.format,
                context: "",
            })
            .collect()
    }

    fn read(&self, options: &ReadOptions) -> LogResult {
        read_logs(&self.files(), options, &NoProgress)
    }
}

/// The result of one file.
fn read(bytes: impl AsRef<[u8]>) -> LogResult {
    Logs::new().with("log", bytes).read(&options())
}

fn options() -> ReadOptions {
    ReadOptions { threads: 2, ..ReadOptions::default() }
}

/// All that a reader of the result can see, as text.
fn show(result: &LogResult) -> String {
    let mut out = String::new();
    for report in &result.files {
        out += &format!("{report:?}\n");
    }
    for rows in &result.rows {
        for row in &rows.rows {
            out += &format!("{} {row:?}\n", rows.format);
        }
    }
    out + &format!(
        "{} {} {} {:?} {:?} {:?} {:?}\n",
        result.records,
        result.duplicates,
        result.events,
        result.skipped,
        result.days,
        result.last_in_day,
        result.problems
    )
}

/// The rows' keys (joined by `|`, without what is empty) and counts.
fn rows(result: &LogResult) -> Vec<(String, u64)> {
    let rows = result.rows.iter().flat_map(|rows| &rows.rows);
    rows.map(|row| {
        let parts = key_parts(&row.key);
        let parts = parts.iter().filter(|part| !part.is_empty());
        let parts: Vec<_> = parts.map(|part| String::from_utf8(part.to_vec()).unwrap()).collect();
        (parts.join("|"), row.count)
    })
    .collect()
}

fn count(result: &LogResult) -> u64 {
    result.rows.iter().flat_map(|rows| &rows.rows).map(|row| row.count).sum()
}

/// `(place, reason)` of what the first file rejected.
fn rejected(result: &LogResult) -> Vec<(At, &str)> {
    let rejected = result.files[0].intake.rejected.iter();
    rejected.map(|(place, reason)| (place.at, reason.as_str())).collect()
}

fn record(number: u32) -> String {
    format!(
        r#"{{"t":"2026-03-{:02}T10:{:02}:00Z","id":"e{number}","who":{{"name":"bot{}","session":{{"arn":"s{number}"}}}},"action":"get","skipped":{{"x":["a\"}}",1,null]}},"ip":"10.0.0.{}"}}"#,
        number % 28 + 1,
        number % 60,
        number % 3,
        number % 20,
    )
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| record(number) + "\n").collect()
}

fn array(numbers: std::ops::Range<u32>) -> String {
    let records: Vec<String> = numbers.map(record).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::stream::encode_all(text.as_ref(), 1).unwrap()
}

fn exists(path: &Path) -> bool {
    path.exists()
}
