//! The report: its data, and one file a format.
//!
//! A format turns a [`model::Report`] into bytes. It computes nothing about the estate, reads no evidence and
//! knows no command line. Columns are defined once, in [`columns`], for every format that has tables. Adding a
//! format: `CONTRIBUTING.md`, "A report format".

pub mod annotations;
pub mod build;
pub mod columns;
pub mod comment;
pub mod csv;
pub mod escape;
pub mod explain;
pub mod filter;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod pipeline;
pub mod sarif;
pub mod schema;
mod summary;
pub mod terminal;
mod words;

#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
mod tests;

use std::io;

use model::Report;

use crate::findings::Severity;

/// A way to write a report.
pub trait Format: Sync {
    /// The value of `--format`.
    fn id(&self) -> &'static str;

    /// Extensions, without the dot, by which `-o FILE` selects it.
    fn extensions(&self) -> &'static [&'static str];

    /// Writes the report.
    ///
    /// # Errors
    ///
    /// What the writer says; a format has no errors of its own.
    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()>;

    /// What [`Format::write`] leaves out since whoever takes the file takes no more, in sentences; for standard
    /// error. Most formats leave out nothing.
    fn left_out(&self, _report: &Report, _view: &View) -> Vec<String> {
        Vec::new()
    }
}

/// The formats of this version, the default first.
pub static FORMATS: &[&dyn Format] = &[
    &terminal::Terminal,
    &csv::Csv,
    &markdown::Markdown,
    &json::Json,
    &sarif::Sarif,
    &junit::Junit,
    &annotations::Annotations,
    &comment::Comment,
];

/// Looks a format up by its id.
pub fn by_id(id: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.id() == id)
}

/// Looks a format up by a file's extension, without regard to ASCII case.
pub fn by_extension(extension: &str) -> Option<&'static dyn Format> {
    let is_it = |known: &&'static str| known.eq_ignore_ascii_case(extension);
    FORMATS.iter().copied().find(|format| format.extensions().iter().any(is_it))
}

/// Which table a format with tables shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TableKind {
    /// Findings; on a terminal and in Markdown with all blocks of the report around them.
    #[default]
    Findings,
    /// Identities.
    Identities,
    /// Permission rows.
    Permissions,
    /// Recommendations.
    Recommendations,
    /// What the logs cover.
    Coverage,
    /// Input files.
    Inputs,
}

impl TableKind {
    /// All, in the order in which `--help` names them.
    pub const ALL: [TableKind; 6] = [
        TableKind::Findings,
        TableKind::Identities,
        TableKind::Permissions,
        TableKind::Recommendations,
        TableKind::Coverage,
        TableKind::Inputs,
    ];

    /// The value of `--table`.
    pub fn as_str(self) -> &'static str {
        match self {
            TableKind::Findings => "findings",
            TableKind::Identities => "identities",
            TableKind::Permissions => "permissions",
            TableKind::Recommendations => "recommendations",
            TableKind::Coverage => "coverage",
            TableKind::Inputs => "inputs",
        }
    }

    /// Reads the value of `--table`.
    pub fn parse(word: &str) -> Option<TableKind> {
        TableKind::ALL.into_iter().find(|table| table.as_str() == word)
    }
}

/// How a report is looked at. Formats that hold everything (JSON) take nothing from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The table.
    pub table: TableKind,
    /// Whether a terminal gets colour.
    pub color: bool,
    /// Columns of the terminal; fewer than 40 are taken as 40.
    pub width: usize,
    /// No column dropped, no cell cut.
    pub wide: bool,
    /// Every identity, instead of the first [`terminal::SHOWN_IDENTITIES`].
    pub all: bool,
    /// Whether the report was built with one row an action.
    pub expand: bool,
    /// The PATH arguments, for the commands that a report prints.
    pub command_paths: Vec<String>,
    /// The filters that are on, as options: `--owner data-team` ([`filter::Filter::words`]).
    pub filters: Vec<String>,
    /// Severity from which a new finding fails a check; formats for pipelines mark those.
    pub fail_on: Severity,
    /// What a check concluded, which then decides what fails instead of `fail_on`.
    pub verdict: Option<pipeline::Verdict>,
    /// The repository, for formats for pipelines, whose places are relative to its root.
    pub repository: Option<pipeline::Repository>,
}

impl Default for View {
    fn default() -> View {
        View {
            table: TableKind::Findings,
            color: false,
            width: 100,
            wide: false,
            all: false,
            expand: false,
            command_paths: Vec::new(),
            filters: Vec::new(),
            fail_on: Severity::High,
            verdict: None,
            repository: None,
        }
    }
}
