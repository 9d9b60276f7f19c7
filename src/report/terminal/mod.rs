//! The report on a terminal.
//!
//! Two colours with a meaning: red is "act on it", yellow is "not concluded or not read". Everything coloured has
//! a word or a mark beside it. Text of the evidence is shown, not obeyed ([`page::Line`] escapes all of it).

pub(super) mod closing;
mod findings;
pub(super) mod page;
pub(super) mod summary;
mod tables;

use std::io;

use super::model::Report;
use super::{Format, TableKind, View};
use page::Page;

/// How many identities a terminal shows without `--all`. Files always hold all.
pub const SHOWN_IDENTITIES: usize = 20;

/// How many other things findings are about (accounts) that a terminal shows without `--all`.
const SHOWN_OTHERS: usize = 5;

/// The format: `table`, the default.
pub struct Terminal;

impl Format for Terminal {
    fn id(&self) -> &'static str {
        "table"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["txt"]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let mut page = Page::new(out, view);
        if view.table == TableKind::Findings {
            summary::write(report, view, &mut page)?;
            page.blank()?;
            findings::write(report, view, &mut page)?;
            page.blank()?;
            closing::write(report, &mut page)?;
        } else {
            tables::write(report, view, &mut page)?;
        }
        page.flush()
    }
}

/// Fails if a table of the terminal names a column that is not defined.
#[cfg(test)]
pub(super) fn all_are_defined() {
    for table in TableKind::ALL.into_iter().filter(|table| *table != TableKind::Findings) {
        for name in tables::names(table) {
            assert!(super::columns::named(table, name).is_some(), "{table:?} {name}");
        }
    }
}
