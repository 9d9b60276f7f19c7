//! When and in which files a log showed that it recorded something: what a [`LogSpan`] says, while it is added up.

use std::collections::BTreeSet;

use super::LogSpan;
use super::events::RawRow;
use crate::model::time::SLOTS_A_DAY;
use crate::model::{Str, Time};

/// Days, files and ends of some rows.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    days: BTreeSet<i64>,
    files: BTreeSet<u32>,
    ends: Option<(Time, Time)>,
}

impl Recorded {
    /// Adds a row.
    pub(crate) fn see(&mut self, row: &RawRow) {
        let mut last = None;
        for slot in &row.slots {
            let day = i64::from(slot / SLOTS_A_DAY);
            if last.replace(day) != Some(day) {
                self.days.insert(day);
            }
        }
        self.files.extend([row.first.1.file, row.last.1.file]);
        let (first, end) = self.ends.unwrap_or((row.first.0, row.last.0));
        self.ends = Some((first.min(row.first.0), end.max(row.last.0)));
    }

    /// Adds the rows that another has seen.
    pub(crate) fn join(&mut self, mut other: Recorded) {
        self.days.append(&mut other.days);
        self.files.append(&mut other.files);
        self.ends = match (self.ends, other.ends) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (one, other) => one.or(other),
        };
    }

    /// The span, without what tells it from others; `None` if no row was added.
    pub(crate) fn span(self, platform: &str, account: Str, class: Str) -> Option<LogSpan> {
        let (first, last) = self.ends?;
        Some(LogSpan {
            platform: platform.into(),
            account,
            region: "".into(),
            class,
            read_only: None,
            resource: None,
            days: self.days.into_iter().collect(),
            first,
            last,
            files: self.files.len() as u64,
        })
    }
}
