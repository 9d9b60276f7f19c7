//! The other tables: identities, permissions, recommendations, coverage, inputs.
//!
//! No borders: two spaces between columns, numbers right-aligned, so that `grep`, `cut` and copying work. A first
//! pass over the rows finds the widths, a second prints them in pieces, so that memory does not grow with the
//! number of rows.

use std::collections::BTreeMap;
use std::io;

use comfy_table::{
    Cell as TableCell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use super::super::columns::{self, Cell, Column, Row};
use super::super::model::{IdentityOut, Report};
use super::super::words::{Names, READING_ORDER, commas, count, status_word};
use super::super::{TableKind, View, escape};
use super::SHOWN_IDENTITIES;
use super::page::{Line, Page, Paint, cut, wrap};
use crate::gap::Status;

/// Rows that are laid out at once.
const PIECE: usize = 1_000;

/// A column that may be narrowed is not made narrower than this.
const NARROW: usize = 16;

/// Even an uncut cell ends here: the longest resource lists stay readable in a file.
const LONGEST: usize = 4_000;

/// Spaces between columns.
const GAP: usize = 2;

/// What a cell shows beside its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    /// The value.
    Value,
    /// The identity's name where it is unique, else its id.
    Name,
    /// A status with its mark.
    Mark,
    /// A number that is yellow above 0.
    Rejected,
    /// A day without its age.
    Day,
}

/// A column on a terminal.
struct Spec {
    name: &'static str,
    heading: &'static str,
    show: Show,
    /// Whether it may be narrowed and its cells cut.
    may_cut: bool,
    /// When it is left out for want of room: the lowest first; never if absent.
    drop: Option<u8>,
}

const fn spec(name: &'static str, heading: &'static str) -> Spec {
    Spec { name, heading, show: Show::Value, may_cut: false, drop: None }
}

impl Spec {
    const fn show(self, show: Show) -> Spec {
        Spec { show, ..self }
    }

    const fn may_cut(self) -> Spec {
        Spec { may_cut: true, ..self }
    }

    const fn drop(self, at: u8) -> Spec {
        Spec { drop: Some(at), ..self }
    }
}

fn specs(table: TableKind) -> Vec<Spec> {
    match table {
        TableKind::Identities => vec![
            spec("id", "identity").show(Show::Name),
            spec("granted", "granted"),
            spec("observable", "observable").drop(1),
            spec("used", "used"),
            spec("out_of_scope", "out of scope"),
            spec("drift", "drift").drop(3),
            spec("stale", "stale").drop(2),
            spec("excess", "excess"),
            spec("unknown", "unknown"),
            spec("gap_score", "gap"),
        ],
        TableKind::Permissions => vec![
            spec("identity", "identity").show(Show::Name),
            spec("status", "status").show(Show::Mark),
            spec("action", "action"),
            spec("folded", "actions").drop(3),
            spec("reason", "reason"),
            spec("uses", "uses").drop(4),
            spec("last_used", "last used"),
            spec("observed_days", "days observed").drop(6),
            spec("basis", "basis").may_cut().drop(5),
            spec("resources", "resources").may_cut().drop(2),
            spec("granted_by", "granted by").may_cut().drop(1),
        ],
        TableKind::Recommendations => vec![
            spec("identity", "identity").show(Show::Name),
            spec("advice", "advice"),
            spec("action", "action"),
            spec("folded", "actions").drop(3),
            spec("status", "status").show(Show::Mark),
            spec("reason", "reason"),
            spec("shared_with", "shared with").drop(2),
            spec("resources", "resources").may_cut().drop(1),
        ],
        TableKind::Coverage => vec![
            spec("platform", "platform").drop(3),
            spec("account", "account").show(Show::Name),
            spec("region", "region"),
            spec("class", "class"),
            spec("access", "access"),
            spec("resources", "resources").may_cut().drop(2),
            spec("from", "from").show(Show::Day),
            spec("to", "to").show(Show::Day),
            spec("observed_days", "days"),
            spec("gaps", "gaps").may_cut(),
            spec("basis", "basis").may_cut().drop(1),
        ],
        TableKind::Findings | TableKind::Inputs => vec![
            spec("path", "path"),
            spec("kind", "kind"),
            spec("records", "records"),
            spec("used", "used"),
            spec("rejected", "rejected").show(Show::Rejected),
            spec("notes", "notes").may_cut(),
        ],
    }
}

/// One column with what it needs to print.
struct Shown {
    spec: Spec,
    column: &'static Column,
    width: usize,
}

/// What makes cells.
struct Maker<'a> {
    report: &'a Report,
    names: Names<'a>,
    /// Statuses by the word that a cell holds.
    marks: BTreeMap<&'static str, Status>,
}

impl Maker<'_> {
    fn cell(&self, shown: &Shown, row: &Row<'_>) -> String {
        let cell = (shown.column.get)(row);
        let text = match (&cell, shown.spec.show) {
            (Cell::Text(id), Show::Name) => self.names.of(id).to_string(),
            (Cell::Text(word), Show::Mark) => match self.marks.get(word.as_str()) {
                Some(status) => format!("{} {}", status.mark(), status_word(*status)),
                None => word.clone(),
            },
            (_, Show::Day) => cell.plain(),
            (Cell::Blank, _) if shown.column.is_number => "-".to_string(),
            _ => cell.shown(self.report.as_of),
        };
        escape::terminal(&text)
    }
}

pub(super) fn write(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    let maker = Maker {
        report,
        names: Names::new(report),
        marks: READING_ORDER.iter().map(|status| (status.as_str(), *status)).collect(),
    };
    let hidden = hidden(report, view);
    let mut all: Vec<Shown> = specs(view.table)
        .into_iter()
        .filter_map(|spec| {
            let column = columns::named(view.table, spec.name)?;
            let width = spec.heading.chars().count();
            Some(Shown { spec, column, width })
        })
        .collect();
    let totals = totals(report, view);
    measure(&maker, view, &hidden, &mut all, &totals)?;
    let dropped = fit(&mut all, if view.wide { usize::MAX } else { page.width });
    let is_cut = narrow(&mut all, if view.wide { usize::MAX } else { page.width });
    note(page, view, &dropped, is_cut)?;
    let mut piece = Piece { all: &all, rows: Vec::new(), has_header: true };
    columns::rows(report, view.table, &mut |row| {
        if hidden.contains(row) {
            return Ok(());
        }
        piece.rows.push(all.iter().map(|shown| maker.cell(shown, row)).collect());
        if piece.rows.len() >= PIECE { piece.print(page) } else { Ok(()) }
    })?;
    for total in &totals {
        piece.rows.push(all.iter().map(|shown| total.cell(shown, &maker)).collect());
    }
    piece.print(page)?;
    hidden.say(page)?;
    footer(report, view, page)
}

/// Rows that are not printed: of identities beyond the first, and of those that are counted apart.
struct Hidden<'a> {
    /// Identities that are printed; all if absent.
    shown: Option<BTreeMap<&'a str, ()>>,
    /// How many more there are.
    more: usize,
}

impl Hidden<'_> {
    fn contains(&self, row: &Row<'_>) -> bool {
        let id = match row {
            Row::Identity(line) => {
                // Administrators stand below the sum.
                if line.identity.administrator.is_some() || !line.identity.judged {
                    return true;
                }
                &line.identity.id
            }
            Row::Permission(line) => &line.identity.id,
            Row::Advice(line) => line.identity,
            Row::Finding(_) | Row::Coverage(_) | Row::Input(_) => return false,
        };
        self.shown.as_ref().is_some_and(|shown| !shown.contains_key(&**id))
    }

    fn say(&self, page: &mut Page<'_>) -> io::Result<()> {
        if self.more == 0 {
            return Ok(());
        }
        let noun = if self.more == 1 { "identity" } else { "identities" };
        let text = format!("and {} more {noun} (--all)", commas(self.more as u64));
        page.put(&Line::new().plain(&text))
    }
}

fn hidden<'a>(report: &'a Report, view: &View) -> Hidden<'a> {
    let counts = |identity: &&IdentityOut| match view.table {
        TableKind::Identities => identity.judged && identity.administrator.is_none(),
        TableKind::Permissions => !identity.permissions.is_empty(),
        TableKind::Recommendations => identity.judged,
        TableKind::Findings | TableKind::Coverage | TableKind::Inputs => false,
    };
    let all = report.identities.iter().filter(counts).count();
    if view.all || all <= SHOWN_IDENTITIES {
        return Hidden { shown: None, more: 0 };
    }
    let shown = report.identities.iter().filter(counts).take(SHOWN_IDENTITIES);
    Hidden {
        shown: Some(shown.map(|identity| (&*identity.id, ())).collect()),
        more: all - SHOWN_IDENTITIES,
    }
}

/// A row below the rows: a sum, or an administrator.
enum Total<'a> {
    Sum { label: String, sums: BTreeMap<&'static str, u64> },
    Apart(&'a IdentityOut),
}

impl Total<'_> {
    fn cell(&self, shown: &Shown, maker: &Maker<'_>) -> String {
        match self {
            Total::Sum { label, sums } => match shown.spec.show {
                Show::Name => label.clone(),
                Show::Value | Show::Mark | Show::Rejected | Show::Day => {
                    sums.get(shown.spec.name).map_or("-".to_string(), |number| commas(*number))
                }
            },
            Total::Apart(identity) => {
                let line = columns::IdentityLine { identity, findings: 0 };
                maker.cell(shown, &Row::Identity(line))
            }
        }
    }
}

/// The sum over the identities that count, and the administrators apart from it.
fn totals<'a>(report: &'a Report, view: &View) -> Vec<Total<'a>> {
    if view.table != TableKind::Identities {
        return Vec::new();
    }
    let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut number = 0;
    for identity in &report.identities {
        if !identity.judged || identity.administrator.is_some() {
            continue;
        }
        number += 1;
        let line = columns::IdentityLine { identity, findings: 0 };
        for spec in specs(view.table) {
            let column = columns::named(view.table, spec.name);
            if let (Some(column), true) = (column, spec.name != "gap_score")
                && let Cell::Count(count) = (column.get)(&Row::Identity(line))
            {
                *sums.entry(spec.name).or_default() += count;
            }
        }
    }
    let label = count(number, "identity");
    let apart = report
        .identities
        .iter()
        .filter(|identity| identity.judged && identity.administrator.is_some())
        .take(if view.all { usize::MAX } else { SHOWN_IDENTITIES })
        .map(Total::Apart);
    std::iter::once(Total::Sum { label, sums }).chain(apart).collect()
}

/// Finds the widths of the columns.
fn measure(
    maker: &Maker<'_>,
    view: &View,
    hidden: &Hidden<'_>,
    all: &mut [Shown],
    totals: &[Total<'_>],
) -> io::Result<()> {
    for shown in all.iter_mut() {
        for total in totals {
            shown.width = shown.width.max(total.cell(shown, maker).chars().count());
        }
    }
    columns::rows(maker.report, view.table, &mut |row| {
        if !hidden.contains(row) {
            for shown in all.iter_mut() {
                let width = maker.cell(shown, row).chars().count();
                shown.width = shown.width.max(width);
            }
        }
        Ok(())
    })
}

/// The least width of a table: columns that may be cut at their narrowest.
fn least(all: &[Shown]) -> usize {
    let width = |shown: &Shown| {
        let width = if shown.spec.may_cut { shown.width.min(NARROW) } else { shown.width };
        width + GAP
    };
    all.iter().map(width).sum::<usize>().saturating_sub(GAP)
}

/// Drops columns until the rest fits, and says which.
fn fit(all: &mut Vec<Shown>, width: usize) -> Vec<&'static str> {
    let mut dropped = Vec::new();
    while least(all) > width {
        let next = all
            .iter()
            .enumerate()
            .filter_map(|(at, shown)| Some((shown.spec.drop?, at)))
            .min()
            .map(|(_, at)| at);
        let Some(at) = next else { break };
        dropped.push(all.remove(at).spec.heading);
    }
    dropped
}

/// Narrows the columns that may be cut to what room there is, and says whether any was.
fn narrow(all: &mut [Shown], width: usize) -> bool {
    let mut spare = width.saturating_sub(least(all));
    let mut is_cut = false;
    for shown in all {
        let natural = shown.width;
        if shown.spec.may_cut && natural > NARROW {
            let more = spare.min(natural - NARROW);
            shown.width = NARROW + more;
            spare -= more;
        }
        shown.width = shown.width.min(LONGEST);
        is_cut |= shown.width < natural;
    }
    is_cut
}

fn note(
    page: &mut Page<'_>,
    view: &View,
    dropped: &[&'static str],
    is_cut: bool,
) -> io::Result<()> {
    let mut notes = Vec::new();
    if !view.filters.is_empty() {
        notes.push(format!("filters: {}", view.filters.join(" ")));
    }
    if !dropped.is_empty() {
        let names = dropped.join(", ");
        notes.push(format!("not shown at {} columns: {names} (--wide)", page.width));
    }
    if is_cut {
        notes.push("… = cut (--wide)".to_string());
    }
    if notes.is_empty() {
        return Ok(());
    }
    page.wrapped(Line::new(), 0, &notes.join("; "))
}

/// Some rows, to be laid out together.
struct Piece<'a> {
    all: &'a [Shown],
    rows: Vec<Vec<String>>,
    has_header: bool,
}

impl Piece<'_> {
    /// Prints the rows and forgets them; the first time, the header above them.
    fn print(&mut self, page: &mut Page<'_>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.has_header {
            table.set_header(self.all.iter().map(|shown| self.cell(shown.spec.heading, shown)));
        }
        for row in &self.rows {
            let cells = row.iter().zip(self.all);
            table.add_row(cells.map(|(text, shown)| self.cell(text, shown)));
        }
        for (column, shown) in table.column_iter_mut().zip(self.all) {
            column.set_padding((0, GAP as u16));
            let width = u16::try_from(shown.width + GAP).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
        for (at, line) in table.lines().enumerate() {
            let is_header = self.has_header && at == 0;
            page.put(&self.painted(&line, is_header))?;
        }
        self.has_header = false;
        self.rows.clear();
        Ok(())
    }

    fn cell(&self, text: &str, shown: &Shown) -> TableCell {
        let side = if shown.column.is_number { CellAlignment::Right } else { CellAlignment::Left };
        TableCell::new(cut(text, shown.width).0).set_alignment(side)
    }

    /// Each cell's characters are one column wide, so that columns of the line are columns of the table.
    fn painted(&self, line: &str, is_header: bool) -> Line {
        if is_header {
            return Line::new().paint(Paint::Bold, line.trim_end());
        }
        let mut rest = line.chars();
        let mut out = Line::new();
        for shown in self.all {
            let text: String = rest.by_ref().take(shown.width + GAP).collect();
            let paint = match (shown.spec.show, text.chars().next()) {
                (Show::Mark, Some('!')) => Paint::Red,
                (Show::Mark, Some('?')) => Paint::Yellow,
                (Show::Rejected, _) if text.trim() != "0" => Paint::Yellow,
                _ => Paint::Plain,
            };
            out = match shown.spec.show {
                Show::Mark if paint != Paint::Plain => {
                    let (mark, word) = text.split_at(1);
                    out.paint(paint, mark).plain(word)
                }
                Show::Rejected if paint != Paint::Plain => {
                    let number = text.trim();
                    let before = text.len() - text.trim_start().len();
                    let after = text.len() - before - number.len();
                    let gap = |length: usize| " ".repeat(length);
                    out.plain(&gap(before)).paint(paint, number).plain(&gap(after))
                }
                Show::Value | Show::Name | Show::Mark | Show::Rejected | Show::Day => {
                    out.plain(&text)
                }
            };
        }
        out.plain(&rest.collect::<String>())
    }
}

/// What the table's figures mean, where they need it.
fn footer(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    if view.table != TableKind::Identities {
        return Ok(());
    }
    let names = Names::new(report);
    let apart: Vec<&str> = report
        .identities
        .iter()
        .filter(|identity| identity.judged && identity.administrator.is_some())
        .map(|identity| names.of(&identity.id))
        .collect();
    let mut text = "Each action once, by the first status of its rows.".to_string();
    match apart.as_slice() {
        [] => {}
        [one] => text.push_str(&format!(" {one} is counted apart.")),
        many => {
            let number = count(many.len() as u64, "administrator");
            text.push_str(&format!(" {number} are counted apart."));
        }
    }
    let folded = report.identities.iter().filter(|identity| !identity.judged).count() as u64;
    if folded > 0 {
        text.push_str(&format!(" {} not judged.", count(folded, "identity")));
    }
    text.push_str(" gap: docs/scoring.md");
    for line in wrap(&text, page.width) {
        page.put(&Line::new().plain(&line))?;
    }
    Ok(())
}

/// Names of the columns that a terminal shows.
#[cfg(test)]
pub(super) fn names(table: TableKind) -> Vec<&'static str> {
    specs(table).iter().map(|spec| spec.name).collect()
}
