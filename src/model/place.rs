//! Places: where in the evidence something stands.

use serde::{Deserialize, Serialize};

/// Number of an input file. Files are numbered in the sorted order of their paths.
pub type FileId = u32;

/// Where in a file.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum At {
    /// The file as a whole.
    #[default]
    File,
    /// A line and column, both from 1.
    Line(u32, u32),
    /// Record N, from 1, of a compressed or one-line file.
    Record(u64),
}

/// A place in the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// Where in it.
    pub at: At,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: FileId) -> Place {
        Place { file, at: At::File }
    }

    /// A line and column, from 1.
    pub fn line(file: FileId, line: u32, column: u32) -> Place {
        Place { file, at: At::Line(line, column) }
    }

    /// A record, from 1.
    pub fn record(file: FileId, record: u64) -> Place {
        Place { file, at: At::Record(record) }
    }

    /// `path`, `path:line:column` or `path#record`.
    pub fn show(&self, path: &str) -> String {
        match self.at {
            At::File => path.to_string(),
            At::Line(line, column) => format!("{path}:{line}:{column}"),
            At::Record(record) => format!("{path}#{record}"),
        }
    }
}

/// Turns byte offsets of one text into lines and columns.
///
/// Built once a document; each answer is a binary search.
#[derive(Debug, Clone, Default)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Indexes the line starts of a text.
    pub fn new(text: &[u8]) -> LineIndex {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
        LineIndex { starts }
    }

    /// Line and column (in bytes) of an offset, both from 1.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (line as u32, (offset.saturating_sub(start) + 1) as u32)
    }
}
