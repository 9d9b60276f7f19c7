//! Records out of CSV, JSON Lines, JSON arrays, YAML lists and Parquet, one after the other.
//!
//! Owns the formats: what they are told by, where a record stands, and which records are malformed. A cell is
//! text whatever the format was; an empty one, or a null, is absent. One bad record costs itself only.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::columns::{self, Table};
use super::json::{self, Entries, plain};
use super::yaml;
use crate::model::Place;
use crate::model::place::LineIndex;
use crate::platform::{Document, Intake};

/// Unread columns that are named in a note.
const UNREAD_NAMED: usize = 8;

/// Longer names of columns are not kept, so that a hostile header cannot fill a report.
const NAME_BYTES: usize = 64;

/// One record, by the columns of its table.
pub(super) struct Record<'a> {
    pub(super) place: Place,
    cells: &'a [Cow<'a, str>],
}

impl Record<'_> {
    /// A cell's text without surrounding space; `None` if it is empty.
    pub(super) fn get(&self, column: usize) -> Option<&str> {
        let text = self.cells.get(column)?.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// Takes a record; the error is the reason for which it cannot be used.
pub(super) type Use<'u> = dyn FnMut(&Record<'_>, &mut Intake) -> Result<(), String> + 'u;

/// What a file's format looks like by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Objects,
    Array,
    Yaml,
    Parquet,
}

fn format(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    let rest = start.map_or(&[][..], |start| &bytes[start..]);
    match rest.first() {
        Some(b'{') => Format::Objects,
        Some(b'[') => Format::Array,
        Some(b'#') => Format::Yaml,
        Some(b'-') if rest.starts_with(b"- ") || rest.starts_with(b"---") => Format::Yaml,
        _ => Format::Csv,
    }
}

/// The names of the columns that the beginning of a file shows.
pub(super) fn header(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    match format(head) {
        Format::Csv => {
            let line = text.lines().next().unwrap_or_default();
            let mut reader = csv_reader(line.as_bytes(), line);
            let mut first = csv::StringRecord::new();
            let _ = reader.read_record(&mut first);
            first.iter().map(str::to_string).collect()
        }
        Format::Objects => json::first_keys(&text),
        Format::Array => {
            let inner = text.trim_start().strip_prefix('[').unwrap_or_default();
            json::first_keys(inner)
        }
        Format::Yaml => yaml::first_keys(&text),
        Format::Parquet => Vec::new(),
    }
}

/// Reads every record of a document and hands it to `take`.
pub(super) fn each(
    table: &Table,
    document: &Document<'_>,
    intake: &mut Intake,
    take: &mut Use<'_>,
) {
    let mut reading =
        Reading { table, file: document.file, intake, take, mapping: Mapping::default() };
    let form = format(document.bytes);
    if form == Format::Parquet {
        reading.parquet(document.bytes);
    } else {
        match std::str::from_utf8(document.bytes) {
            Err(error) => {
                let line = LineIndex::new(document.bytes).line_column(error.valid_up_to());
                let place = Place::line(document.file, line.0, line.1);
                reading.intake.reject(place, "the file is not valid UTF-8 from here on");
            }
            Ok(text) => match form {
                Format::Csv | Format::Parquet => reading.csv(text),
                Format::Objects => reading.objects(text),
                Format::Array => reading.array(text),
                Format::Yaml => reading.yaml(text),
            },
        }
    }
    reading.mapping.note(table, reading.intake);
}

/// How input columns map to the table's, for the keys that were seen last.
#[derive(Default)]
struct Mapping {
    names: Vec<String>,
    columns: Vec<Option<usize>>,
    unread: std::collections::BTreeSet<String>,
    /// Whether there are more than are named.
    is_cut: bool,
}

impl Mapping {
    fn set<'n>(&mut self, table: &Table, names: impl Iterator<Item = &'n str> + Clone) {
        let is_same = !self.columns.is_empty()
            && names.clone().count() == self.names.len()
            && names.clone().zip(&self.names).all(|(new, old)| new == old);
        if is_same {
            return;
        }
        self.names = names.map(str::to_string).collect();
        let (columns, unread) = columns::map(table, &self.names);
        self.columns = columns;
        for number in unread {
            let name = columns::normal(&self.names[number]);
            if name.is_empty() || self.unread.contains(&name) {
                continue;
            }
            if self.unread.len() < UNREAD_NAMED && name.len() <= NAME_BYTES {
                self.unread.insert(name);
            } else {
                self.is_cut = true;
            }
        }
    }

    fn note(&self, table: &Table, intake: &mut Intake) {
        if self.unread.is_empty() && !self.is_cut {
            return;
        }
        let mut named: Vec<&str> = self.unread.iter().map(String::as_str).collect();
        if self.is_cut {
            named.push("and others");
        }
        let named = named.join(", ");
        intake.note(format!("columns that a {} table does not have: {named}", table.name));
    }
}

struct Reading<'r, 'u> {
    table: &'r Table,
    file: u32,
    intake: &'r mut Intake,
    take: &'r mut Use<'u>,
    mapping: Mapping,
}

impl Reading<'_, '_> {
    fn record(&mut self, place: Place, cells: &[Cow<'_, str>]) {
        let record = Record { place, cells };
        let missing = self.table.required.iter().find(|column| record.get(**column).is_none());
        let answer = match missing {
            Some(column) => Err(format!("the record has no {}", self.table.columns[*column].name)),
            None => (self.take)(&record, self.intake),
        };
        match answer {
            Ok(()) => self.intake.used(1),
            Err(reason) => self.intake.reject(place, reason),
        }
    }

    fn csv(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        let mut reader = csv_reader(text.as_bytes(), line);
        let mut header = csv::StringRecord::new();
        if !matches!(reader.read_record(&mut header), Ok(true)) {
            self.intake.note("the file holds no record");
            return;
        }
        self.mapping.set(self.table, header.iter());
        let columns = self.mapping.columns.clone();
        let absent: Vec<&str> = self
            .table
            .required
            .iter()
            .filter(|column| columns[**column].is_none())
            .map(|column| self.table.columns[*column].name)
            .collect();
        if !absent.is_empty() {
            let reason =
                format!("the header has no column {}; no record was read", absent.join(", "));
            self.intake.reject(Place::line(self.file, 1, 1), reason);
            return;
        }
        let mut row = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    let place = self.line(line);
                    self.intake.reject(place, "the record is not readable as CSV");
                    if error.is_io_error() {
                        return;
                    }
                    continue;
                }
            }
            let line = row.position().map_or(1, csv::Position::line);
            let place = self.line(line);
            if row.len() != header.len() {
                let ends = reader.position().line();
                let mut reason = format!("{} fields, the header has {}", row.len(), header.len());
                if ends > line + 1 {
                    let last = ends - 1;
                    reason
                        .push_str(&format!("; it spans lines {line} to {last}: is a quote open?"));
                }
                self.intake.reject(place, reason);
                continue;
            }
            let cell = |column: &Option<usize>| {
                let text = column.and_then(|column| row.get(column));
                Cow::Borrowed(text.unwrap_or_default())
            };
            let cells: Vec<Cow<'_, str>> = columns.iter().map(cell).collect();
            self.record(place, &cells);
        }
    }

    fn line(&self, line: u64) -> Place {
        Place::line(self.file, u32::try_from(line).unwrap_or(u32::MAX), 1)
    }

    /// JSON Lines, or objects one after the other on any number of lines.
    fn objects(&mut self, text: &str) {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if serde_json::from_str::<&RawValue>(first).is_ok() {
            for (number, line) in text.lines().enumerate() {
                if !line.trim().is_empty() {
                    self.object(line, self.line(number as u64 + 1));
                }
            }
            return;
        }
        let lines = LineIndex::new(text.as_bytes());
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        loop {
            match values.next() {
                None => return,
                Some(Ok(value)) => self.object(value.get(), self.at(text, value.get(), &lines)),
                Some(Err(error)) => {
                    let place = Place::line(self.file, error.line() as u32, error.column() as u32);
                    self.intake.reject(place, "not readable as JSON from here on");
                    return;
                }
            }
        }
    }

    fn array(&mut self, text: &str) {
        let lines = LineIndex::new(text.as_bytes());
        let (items, error) = json::items(text);
        for item in items {
            self.object(item.get(), self.at(text, item.get(), &lines));
        }
        if let Some(error) = error {
            let place = Place::line(self.file, error.line() as u32, error.column() as u32);
            self.intake.reject(place, "not readable as a JSON array from here on");
        }
    }

    /// The place of a part of the text.
    fn at(&self, text: &str, part: &str, lines: &LineIndex) -> Place {
        let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let (line, column) = lines.line_column(offset);
        Place::line(self.file, line, column)
    }

    fn object(&mut self, text: &str, place: Place) {
        let entries: Entries<'_> = match serde_json::from_str(text) {
            Ok(entries) => entries,
            Err(_) => {
                let reason = "not a JSON object, or cut short";
                self.intake.reject(place, reason);
                return;
            }
        };
        let cells: Vec<Cow<'_, str>> = entries.0.iter().map(|(_, value)| plain(value)).collect();
        let names: Vec<&str> = entries.0.iter().map(|(name, _)| &**name).collect();
        self.named(place, &names, cells);
    }

    /// A record whose columns are named in it.
    fn named(&mut self, place: Place, names: &[&str], mut values: Vec<Cow<'_, str>>) {
        let mut sorted: Vec<String> = names.iter().map(|name| columns::normal(name)).collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            self.intake.reject(place, "a column stands twice in the record");
            return;
        }
        self.mapping.set(self.table, names.iter().copied());
        let columns = std::mem::take(&mut self.mapping.columns);
        let cells: Vec<Cow<'_, str>> = columns
            .iter()
            .map(|column| match column.and_then(|at| values.get_mut(at)) {
                Some(value) => std::mem::take(value),
                None => Cow::Borrowed(""),
            })
            .collect();
        self.mapping.columns = columns;
        self.record(place, &cells);
    }

    fn yaml(&mut self, text: &str) {
        let rows = match yaml::rows(text) {
            Ok(rows) => rows,
            Err((line, column, reason)) => {
                let place = Place::line(self.file, line, column);
                self.intake.reject(place, format!("not readable as a YAML list: {reason}"));
                return;
            }
        };
        for row in rows {
            let place = Place::line(self.file, row.line, row.column);
            let names: Vec<&str> = row.entries.iter().map(|(name, _)| name.as_str()).collect();
            let values = row.entries.iter().map(|(_, value)| Cow::Borrowed(value.as_str()));
            self.named(place, &names, values.collect());
        }
    }

    #[cfg(feature = "tables")]
    fn parquet(&mut self, bytes: &[u8]) {
        match super::parquet::parquet_rows(bytes) {
            Err(reason) => {
                let place = Place::file(self.file);
                self.intake.reject(place, format!("not readable as Parquet: {reason}"));
            }
            Ok(rows) => {
                for (number, row) in rows.iter().enumerate() {
                    let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
                    let values = row.iter().map(|(_, value)| Cow::Borrowed(value.as_str()));
                    let place = Place::record(self.file, number as u64 + 1);
                    self.named(place, &names, values.collect());
                }
            }
        }
    }

    #[cfg(not(feature = "tables"))]
    fn parquet(&mut self, _: &[u8]) {
        let place = Place::file(self.file);
        self.intake.reject(place, "this build reads no Parquet (feature `tables`)");
    }
}

/// Comma; `;` or a tab where the header has no comma, as spreadsheets of some languages write.
fn csv_reader<'b>(bytes: &'b [u8], header: &str) -> csv::Reader<&'b [u8]> {
    let delimiter = match header.contains(',') {
        true => b',',
        false if header.contains(';') => b';',
        false if header.contains('\t') => b'\t',
        false => b',',
    };
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes)
}
