//! JSON: the whole report, streamed, and reading it back.
//!
//! Each field of the report begins a line, and so does each element of its lists: two reports can be compared by
//! lines, and none of it is held in memory as text.

use std::io;

use serde::{Deserialize, Serialize};

use super::model::{Report, SCHEMA};
use super::{Format, View};

/// The format.
pub struct Json;

impl Format for Json {
    fn id(&self) -> &'static str {
        "json"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn write(&self, report: &Report, _view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let mut object = Object { out, is_empty: true };
        // Without `..`, so that a new field of the report cannot be forgotten here.
        let Report {
            schema,
            tool,
            catalogue,
            as_of,
            as_of_basis,
            window,
            inputs,
            coverage,
            summary,
            rollups,
            identities,
            findings,
            recommendations,
            links,
        } = report;
        object.field("schema", schema)?;
        object.field("tool", tool)?;
        object.list("catalogue", catalogue)?;
        object.field("as_of", as_of)?;
        object.field("as_of_basis", as_of_basis)?;
        object.field("window", window)?;
        object.list("inputs", inputs)?;
        object.list("coverage", coverage)?;
        object.field("summary", summary)?;
        object.list("rollups", rollups)?;
        object.list("identities", identities)?;
        object.list("findings", findings)?;
        object.list("recommendations", recommendations)?;
        object.list("links", links)?;
        object.end()
    }
}

/// Writes a value on one line.
fn to_writer<T: Serialize>(out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    Ok(value.serialize(&mut serde_json::Serializer::with_formatter(out, Harmless))?)
}

/// As compact as it gets, but without `##` in it: a pipeline that prints it takes `##[` and `##vso[` for commands
/// wherever they stand in a line (actions/runner, `ActionCommand.cs`).
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut parts = fragment.split("##");
        out.write_all(parts.next().unwrap_or_default().as_bytes())?;
        for part in parts {
            out.write_all(b"#\\u0023")?;
            out.write_all(part.as_bytes())?;
        }
        Ok(())
    }
}

/// An object that is being written.
struct Object<'a> {
    out: &'a mut dyn io::Write,
    is_empty: bool,
}

impl Object<'_> {
    fn name(&mut self, name: &str) -> io::Result<()> {
        let before = if self.is_empty { "{\n" } else { ",\n" };
        self.is_empty = false;
        write!(self.out, "{before}\"{name}\": ")
    }

    fn field<T: Serialize>(&mut self, name: &str, value: &T) -> io::Result<()> {
        self.name(name)?;
        to_writer(&mut *self.out, value)
    }

    fn list<T: Serialize>(&mut self, name: &str, values: &[T]) -> io::Result<()> {
        self.name(name)?;
        for (at, value) in values.iter().enumerate() {
            self.out.write_all(if at == 0 { b"[\n" } else { b",\n" })?;
            to_writer(&mut *self.out, value)?;
        }
        self.out.write_all(if values.is_empty() { b"[]" } else { b"\n]" })
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

/// The one field that every version of the report has.
#[derive(Deserialize)]
struct Version {
    schema: String,
}

/// Reads a JSON report.
///
/// # Errors
///
/// What is wrong with it, and where, without values out of it: not JSON, not a report, another version's.
pub fn read(bytes: &[u8]) -> Result<Report, String> {
    let version: Version = serde_json::from_slice(bytes).map_err(|error| {
        let at = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => "not a report: it has no `schema`".to_string(),
            serde_json::error::Category::Eof => format!("ends early, at line {}", at.0),
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => {
                format!("not JSON: line {}, column {}", at.0, at.1)
            }
        }
    })?;
    if version.schema != SCHEMA {
        let theirs: String = version.schema.chars().take(40).collect();
        let theirs = super::escape::terminal(&theirs);
        return Err(format!("schema is `{theirs}`, this version reads `{SCHEMA}`"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The message may quote the value at fault, which was written by others.
        super::escape::terminal(&format!("not a report of `{SCHEMA}`: {error}"))
    })
}
