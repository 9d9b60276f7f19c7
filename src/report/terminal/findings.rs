//! The findings, by identity, worst identity first.

use std::collections::BTreeMap;
use std::io;

use super::super::model::{FindingOut, IdentityOut, Report};
use super::super::words::{Names, commas, finding_date, finding_what, identity_counts, short};
use super::super::{View, escape};
use super::page::{Line, Page, Paint, cell, cut};
use super::{SHOWN_IDENTITIES, SHOWN_OTHERS};

/// Below this width the date is left out.
const DATE_FROM: usize = 100;

/// Below this width, `what` has a line of its own.
const WHAT_FROM: usize = 72;

/// Bounds of the column of kinds and of dates.
const KIND: (usize, usize) = (4, 30);
const DATE: (usize, usize) = (9, 24);

/// At most this many lines a cell.
const CELL_LINES: usize = 3;

/// `  severity  id        `.
const BEFORE_KIND: usize = 22;

/// Where a `what` of its own begins.
const WHAT_INDENT: usize = 12;

/// How the columns lie.
struct Layout {
    kind: usize,
    what: usize,
    date: Option<usize>,
    is_what_below: bool,
    lines: usize,
    wide: bool,
}

/// Findings about one identity, or about something else.
struct Group<'a> {
    identity: Option<&'a IdentityOut>,
    about: &'a str,
    findings: &'a [FindingOut],
}

pub(super) fn write(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    let groups = groups(report);
    let (mine, others): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|group| group.identity.is_some());
    let shown = |all: usize, most: usize| if view.all { all } else { all.min(most) };
    let (mine_shown, others_shown) =
        (shown(mine.len(), SHOWN_IDENTITIES), shown(others.len(), SHOWN_OTHERS));
    let listed: Vec<&Group<'_>> =
        mine.iter().take(mine_shown).chain(others.iter().take(others_shown)).collect();
    let layout = layout(report, view, page.width, &listed);
    heading(report, page, &layout, &listed)?;
    let names = Names::new(report);
    for group in mine.iter().take(mine_shown) {
        write_group(report, page, &layout, group, &names)?;
    }
    more(page, &mine[mine_shown..], "identity", "identities")?;
    for group in others.iter().take(others_shown) {
        write_group(report, page, &layout, group, &names)?;
    }
    more(page, &others[others_shown..], "account", "accounts")
}

/// `and 4,180 more identities (--all)`.
fn more(page: &mut Page<'_>, rest: &[Group<'_>], one: &str, many: &str) -> io::Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    let findings: usize = rest.iter().map(|group| group.findings.len()).sum();
    let noun = if rest.len() == 1 { one } else { many };
    let text = format!(
        "and {} more {noun} with {} findings (--all)",
        commas(rest.len() as u64),
        commas(findings as u64)
    );
    page.wrapped(Line::new(), 0, &text)
}

/// The report's findings are sorted by what they are about, so that each group is one run.
fn groups(report: &Report) -> Vec<Group<'_>> {
    let identities: BTreeMap<&str, &IdentityOut> =
        report.identities.iter().map(|identity| (&*identity.id, identity)).collect();
    report
        .findings
        .chunk_by(|left, right| left.identity == right.identity)
        .filter_map(|findings| {
            let about = &*findings.first()?.identity;
            Some(Group { identity: identities.get(about).copied(), about, findings })
        })
        .collect()
}

fn layout(report: &Report, view: &View, width: usize, groups: &[&Group<'_>]) -> Layout {
    let findings = || groups.iter().flat_map(|group| group.findings);
    let length = |text: &str| escape::terminal(text).chars().count();
    let most = |of: &dyn Fn(&FindingOut) -> usize, (least, most): (usize, usize)| {
        let most = if view.wide { usize::MAX } else { most };
        findings().map(of).max().unwrap_or(0).clamp(least, most)
    };
    let kind = most(&|finding| length(&finding.kind), KIND);
    let date = most(&|finding| length(&finding_date(finding, report.as_of)), DATE);
    let before = BEFORE_KIND + kind + 2;
    if view.wide {
        let what = most(&|finding| length(&finding_what(finding)), (4, usize::MAX));
        let lines = usize::MAX;
        return Layout { kind, what, date: Some(date), is_what_below: false, lines, wide: true };
    }
    let is_what_below = width < WHAT_FROM;
    let kind = kind.min(width.saturating_sub(BEFORE_KIND)).max(KIND.0);
    let date = (width >= DATE_FROM).then_some(date);
    let what = if is_what_below {
        width.saturating_sub(WHAT_INDENT)
    } else {
        width.saturating_sub(before + date.map_or(0, |date| date + 2))
    };
    Layout { kind, what: what.max(12), date, is_what_below, lines: CELL_LINES, wide: false }
}

fn heading(
    report: &Report,
    page: &mut Page<'_>,
    layout: &Layout,
    groups: &[&Group<'_>],
) -> io::Result<()> {
    let mut notes = vec!["worst identity first".to_string()];
    if report.findings.is_empty() {
        notes.clear();
    } else if let (Some(_), Some(as_of)) = (layout.date, report.as_of) {
        notes.push(format!("age in days before {}", as_of.0.date()));
    }
    let mut text = notes.join("; ");
    let is_cut = groups
        .iter()
        .flat_map(|group| group.findings)
        .any(|finding| finding_cells(report, layout, finding).1);
    let dropped = (layout.date.is_none() && !report.findings.is_empty())
        .then(|| format!("not shown at {} columns: date (--wide)", page.width));
    for note in dropped.into_iter().chain(is_cut.then(|| "… = cut (--wide)".to_string())) {
        text.push_str(&format!("; {note}"));
    }
    let count = commas(report.findings.len() as u64);
    let mut line = Line::new().paint(Paint::Bold, "FINDINGS").plain(&format!(" {count}"));
    if !text.is_empty() {
        line = line.plain(", ");
    }
    let column = line.width();
    if column + escape::terminal(&text).chars().count() <= page.width {
        page.put(&line.plain(&text))?;
    } else {
        page.wrapped(line, column, &text)?;
    }
    if report.findings.is_empty() {
        return Ok(());
    }
    let mut line = Line::new().plain("  severity  id").to(BEFORE_KIND, 2).plain("kind");
    if !layout.is_what_below {
        line = line.to(BEFORE_KIND + layout.kind + 2, 2).plain("what");
        if layout.date.is_some() {
            let column = BEFORE_KIND + layout.kind + 2 + layout.what + 2;
            line = line.to(column, 2).plain("date, age");
        }
    }
    page.put(&line)
}

fn write_group(
    report: &Report,
    page: &mut Page<'_>,
    layout: &Layout,
    group: &Group<'_>,
    names: &Names<'_>,
) -> io::Result<()> {
    let line = Line::new().paint(Paint::Bold, names.of(group.about));
    match group.identity {
        Some(identity) => page.beside(line, 4, &identity_counts(identity))?,
        None => page.put(&line)?,
    }
    for finding in group.findings {
        for line in finding_cells(report, layout, finding).0 {
            page.put(&line)?;
        }
    }
    Ok(())
}

/// The lines of a finding, and whether any of its cells was cut.
fn finding_cells(report: &Report, layout: &Layout, finding: &FindingOut) -> (Vec<Line>, bool) {
    let (kind, kind_cut) = cut(&finding.kind, layout.kind);
    let (what, what_cut) = cell(&finding_what(finding), layout.what, layout.lines);
    let first = Line::new()
        .plain("  ")
        .paint(Paint::of_severity(finding.severity), finding.severity.as_str())
        .to(BEFORE_KIND - 10, 2)
        .plain(&short(&finding.fingerprint))
        .to(BEFORE_KIND, 2)
        .plain(&kind);
    let column = if layout.is_what_below { WHAT_INDENT } else { BEFORE_KIND + layout.kind + 2 };
    let mut lines = Vec::new();
    let mut line = if layout.is_what_below {
        lines.push(first);
        Line::new()
    } else {
        first
    };
    let mut is_cut = kind_cut || what_cut;
    for (at, part) in what.iter().enumerate() {
        line = line.to(column, if layout.is_what_below { 0 } else { 2 }).plain(part);
        if let (Some(width), 0) = (layout.date, at) {
            let (date, date_cut) = cut(&finding_date(finding, report.as_of), width);
            is_cut |= date_cut;
            line = line.to(column + layout.what + 2, 2).plain(&date);
        }
        lines.push(std::mem::take(&mut line));
    }
    (lines, is_cut && !layout.wide)
}
