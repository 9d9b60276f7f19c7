//! The block at the top: what was read, WORST, SURE, UNKNOWN, NEXT.

use std::io;

use super::super::model::{Report, UnknownGroup};
use super::super::words::{
    commas, count, folded, granted_parts, identities_in, next_commands, other_parts, percent,
    plural, severities,
};
use super::super::{View, words};
use super::page::{Line, Page, Paint, wrap};
use crate::gap::Status;

/// Column at which the text of WORST, SURE, UNKNOWN and NEXT begins.
const TEXT: usize = 9;

/// How many switches a reason names.
const SHOWN_SWITCHES: usize = 4;

/// Share of non-human identities with excessive privileges, and of organisations with full visibility into their
/// service accounts, as the Non-Human Identity Management Group publishes them ("Ultimate Guide to Non-Human
/// Identities"; the second is also in Silverfort, "Insecurity in the shadows"): context, not a measure.
pub(in crate::report) const PUBLISHED: (&str, &str) = ("97 %", "5.7 % of organisations");

pub(super) fn write(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    head(report, view, page)?;
    figures(report, page)?;
    worst(report, page)?;
    sure(report, page)?;
    unknown(report, page)?;
    next(report, view, page)
}

/// `authgap 0.1.0  fixtures/demo  as of …  window …`, and the filters.
fn head(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    let mut parts = vec![format!("{} {}", report.tool.name, report.tool.version)];
    if !view.command_paths.is_empty() {
        parts.push(view.command_paths.join(" "));
    }
    parts.extend(times(report));
    let mut line = Line::new();
    for part in parts {
        let length = super::super::escape::terminal(&part).chars().count();
        if line.width() > 0 && line.width() + 2 + length > page.width {
            page.put(&line)?;
            line = Line::new();
        }
        if length > page.width {
            page.wrapped(line, 0, &part)?;
            line = Line::new();
            continue;
        }
        let gap = if line.width() == 0 { "" } else { "  " };
        line = line.plain(gap).plain(&part);
    }
    if line.width() > 0 {
        page.put(&line)?;
    }
    if view.filters.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{}: {} of {} judged identities, {} of {} findings; the summary is of the whole",
        view.filters.join(" "),
        commas(report.identities.iter().filter(|identity| identity.judged).count() as u64),
        commas(report.summary.judged),
        commas(report.findings.len() as u64),
        commas(report.summary.findings.values().sum()),
    );
    page.wrapped(Line::new().plain("filters"), TEXT, &text)
}

/// `as of 2026-09-01 06:12 UTC (newest event)`, `window 90 d from 2026-06-03`.
pub(in crate::report) fn times(report: &Report) -> Vec<String> {
    let mut parts = Vec::new();
    match report.as_of {
        Some(as_of) => {
            parts.push(format!("as of {} UTC ({})", as_of.0.minute(), report.as_of_basis));
        }
        None => parts.push("no time in the evidence: staleness is not judged".to_string()),
    }
    parts.extend(report.window.map(|window| {
        format!("window {} d from {}", commas(u64::from(window.days)), window.from.0.date())
    }));
    parts
}

fn figures(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let summary = &report.summary;
    let findings: u64 = summary.findings.values().sum();
    let rows = [
        (identities_in(report), "identity", identities_text(report)),
        (summary.counts.granted, "permission", permissions_text(report)),
        (findings, "finding", findings_text(report)),
    ];
    let digits = rows.iter().map(|(number, ..)| commas(*number).len()).max().unwrap_or(0);
    let column = 1 + digits + 1 + "permissions".len() + 2;
    for (number, noun, text) in rows {
        let digits = digits + 1;
        let label = format!("{:>digits$} {}", commas(number), plural(number, noun));
        page.wrapped(Line::new().plain(&label), column, &text)?;
    }
    Ok(())
}

/// `6 of 7 judged have findings, median gap 94; folded: 2 service-linked, 1 vendor`.
pub(in crate::report) fn identities_text(report: &Report) -> String {
    let summary = &report.summary;
    let mut text = if summary.judged == 0 {
        "none judged".to_string()
    } else {
        let (with, judged) = (commas(summary.with_findings), commas(summary.judged));
        format!("{with} of {judged} judged have findings")
    };
    if let Some(gap) = summary.median_gap {
        text.push_str(&format!(", median gap {gap}"));
    }
    let folded = folded(report);
    if !folded.is_empty() {
        text.push_str(&format!("; folded: {folded}"));
    }
    text
}

/// `20 used, 6 out of scope, 126 excess, 14 unknown; 1 admin apart`.
pub(in crate::report) fn permissions_text(report: &Report) -> String {
    let summary = &report.summary;
    let mut parts = vec![granted_parts(&summary.by_status)];
    if parts[0].is_empty() {
        parts = vec!["none granted".to_string()];
    }
    let other = other_parts(&summary.by_status);
    if !other.is_empty() {
        parts.push(format!("beside them {other}"));
    }
    if summary.administrators > 0 {
        parts.push(format!("{} apart", count(summary.administrators, "admin")));
    }
    parts.join("; ")
}

/// `1 critical, 6 high (1 waived), 7 medium`.
pub(in crate::report) fn findings_text(report: &Report) -> String {
    let total: u64 = report.summary.findings.values().sum();
    let note = |severity| {
        // A filtered report does not hold all that the summary counts.
        if total != report.findings.len() as u64 {
            return String::new();
        }
        let of = |state: &str| {
            let is_it = |one: &&super::super::model::FindingOut| {
                one.severity == severity && &*one.state == state
            };
            report.findings.iter().filter(is_it).count() as u64
        };
        let states = [("waived", of("waived")), ("in the baseline", of("baseline"))];
        let words: Vec<String> = states
            .iter()
            .filter(|(_, number)| *number > 0)
            .map(|(word, number)| format!("{} {word}", commas(*number)))
            .collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    };
    let text = severities(&report.summary.findings, note);
    if text.is_empty() { "none".to_string() } else { text }
}

fn worst(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let worst = &report.summary.worst;
    let length = |name: &str| super::super::escape::terminal(name).chars().count();
    // One very long name must not push the others' text off the line.
    let widest = page.width.saturating_sub(TEXT + 2) / 2;
    let names = worst.iter().map(|one| length(&one.name)).filter(|width| *width <= widest);
    let column = TEXT + names.max().unwrap_or(0) + 2;
    for (at, one) in worst.iter().enumerate() {
        let label = if at == 0 { Line::new().paint(Paint::Bold, "WORST") } else { Line::new() };
        let line = label.to(TEXT, 0).plain(&one.name);
        if length(&one.name) > widest {
            page.beside(line, TEXT + 2, &one.text)?;
        } else {
            page.wrapped(line, column, &one.text)?;
        }
    }
    Ok(())
}

fn sure(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    for (at, text) in sure_texts(report).iter().enumerate() {
        let label = if at == 0 { Line::new().paint(Paint::Bold, "SURE") } else { Line::new() };
        page.wrapped(label, TEXT, text)?;
    }
    Ok(())
}

/// What is observable and how, excess against granted and observable, visibility.
pub(in crate::report) fn sure_texts(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let counts = &summary.counts;
    let observed = if summary.observed.is_empty() {
        "no log coverage in the evidence".to_string()
    } else {
        summary.observed.join(", ")
    };
    if counts.granted == 0 {
        return vec![format!("no granted permission to judge: {observed}")];
    }
    let excess = summary.by_status.get(&Status::Excess).copied().unwrap_or(0);
    let judged = commas(summary.judged);
    vec![
        format!(
            "{} of {} permissions observable ({}): {observed}",
            commas(counts.observable),
            commas(counts.granted),
            percent(counts.observable, counts.granted),
        ),
        format!(
            "excess is {} of granted, {} of observable; {} of {judged} hold too much (published: {})",
            percent(excess, counts.granted),
            percent(excess, counts.observable),
            commas(summary.with_excess),
            PUBLISHED.0,
        ),
        format!(
            "all permissions observable in {} of {judged} (published: {}), owner known in {}",
            commas(summary.fully_observable),
            PUBLISHED.1,
            commas(summary.with_owner),
        ),
    ]
}

fn unknown(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    if report.summary.judged == 0 {
        return Ok(());
    }
    let label = Line::new().paint(Paint::Yellow, "UNKNOWN");
    page.wrapped(label, TEXT, &unknown_text(report))?;
    let groups = &report.summary.unknown;
    let labels: Vec<String> = groups.iter().map(unknown_label).collect();
    let column = TEXT + labels.iter().map(String::len).max().unwrap_or(0) + 2;
    for (group, label) in groups.iter().zip(&labels) {
        let line = Line::new().to(TEXT, 0).paint(Paint::Yellow, label);
        page.wrapped(line, column, &unknown_reason(group))?;
    }
    Ok(())
}

/// `14 permissions of 3 identities, none of them called unused; --window 30d concludes 0 more`.
pub(in crate::report) fn unknown_text(report: &Report) -> String {
    let summary = &report.summary;
    let number = summary.by_status.get(&Status::Unknown).copied().unwrap_or(0);
    if number == 0 {
        return "0 permissions".to_string();
    }
    let mut text = format!(
        "{} of {}, none of them called unused",
        count(number, "permission"),
        count(summary.unknown_identities, "identity"),
    );
    for shorter in &summary.shorter {
        text.push_str(&format!(
            "; --window {}d concludes {} more",
            shorter.days,
            commas(shorter.permissions)
        ));
        if shorter.permissions > 0 {
            text.push_str(&format!(" on {}", count(shorter.identities, "identity")));
        }
    }
    text
}

fn unknown_label(group: &UnknownGroup) -> String {
    format!("? {} {}", commas(group.permissions), group.reason.as_str())
}

/// Why, and what would resolve it.
pub(in crate::report) fn unknown_reason(group: &UnknownGroup) -> String {
    let why = words::reason_words(group.reason);
    if group.resolves.is_empty() {
        return why.to_string();
    }
    let shown = group.resolves.iter().take(SHOWN_SWITCHES);
    let mut switches: Vec<String> =
        shown.map(|(switch, number)| format!("{switch} {}", commas(*number))).collect();
    let more = group.resolves.len().saturating_sub(SHOWN_SWITCHES);
    if more > 0 {
        switches.push(format!("and {} more", commas(more as u64)));
    }
    format!("{why}; resolved by {}", switches.join(", "))
}

fn next(report: &Report, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    let commands = next_commands(report, view);
    let length = |text: &str| super::super::escape::terminal(text).chars().count();
    let widest = commands.iter().map(|(command, _)| length(command)).max().unwrap_or(0);
    let column = TEXT + widest + 3;
    let fits = |comment: &str| column + length(comment) <= page.width;
    let is_beside = commands.iter().all(|(_, comment)| fits(comment));
    for (at, (command, comment)) in commands.iter().enumerate() {
        let label = if at == 0 { Line::new().paint(Paint::Bold, "NEXT") } else { Line::new() };
        let line = label.to(TEXT, 0).plain(command);
        if is_beside {
            page.put(&line.to(column, 2).paint(Paint::Dim, comment))?;
            continue;
        }
        page.put(&line)?;
        for part in wrap(comment, page.width.saturating_sub(TEXT + 2)) {
            page.put(&Line::new().to(TEXT + 2, 0).paint(Paint::Dim, &part))?;
        }
    }
    Ok(())
}

/// The sentence on what the figures leave out, for formats that have no WORST block of their own.
pub(in crate::report) fn left_out(report: &Report) -> Option<String> {
    let humans = report.summary.folded.get(words::HUMAN).copied().filter(|number| *number > 0)?;
    Some(format!("Left out: {} (--include-humans).", count(humans, "human")))
}
