//! The last lines: what has no findings, what was left out, what was read, remarks, frameworks.

use std::collections::BTreeSet;
use std::io;

use super::super::columns::findings_by_identity;
use super::super::model::Report;
use super::super::words::{Names, commas, count};
use super::page::{Line, Page, Paint, wrap};
use super::summary::left_out;

/// How many identities without findings are named.
const SHOWN_CLEAN: usize = 5;

/// How many remarks, and how many notes, are printed.
const SHOWN_NOTES: usize = 5;

pub(super) fn write(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let sentences: Vec<String> = [clean(report), left_out(report)].into_iter().flatten().collect();
    if !sentences.is_empty() {
        page.wrapped(Line::new(), 0, &sentences.join(" "))?;
    }
    read(report, page)?;
    for note in notes(report) {
        hanging(page, &note)?;
    }
    if let Some(frameworks) = frameworks(report) {
        hanging(page, &frameworks)?;
    }
    Ok(())
}

/// Text whose further lines are indented by two.
fn hanging(page: &mut Page<'_>, text: &str) -> io::Result<()> {
    let width = page.width.saturating_sub(2);
    for (at, part) in wrap(text, width).iter().enumerate() {
        let indent = if at == 0 { "" } else { "  " };
        page.put(&Line::new().plain(indent).plain(part))?;
    }
    Ok(())
}

/// `No findings: aws:role/dns-updater (3 granted, 3 used).`
pub(in crate::report) fn clean(report: &Report) -> Option<String> {
    let findings = findings_by_identity(report);
    let names = Names::new(report);
    let clean = || {
        report
            .identities
            .iter()
            .filter(|identity| identity.judged && !findings.contains_key(&*identity.id))
    };
    let mut named: Vec<String> = clean()
        .take(SHOWN_CLEAN)
        .map(|identity| {
            format!(
                "{} ({} granted, {} used)",
                names.of(&identity.id),
                commas(identity.counts.granted),
                commas(identity.counts.used)
            )
        })
        .collect();
    if named.is_empty() {
        return None;
    }
    let more = clean().count().saturating_sub(SHOWN_CLEAN) as u64;
    if more > 0 {
        named.push(format!("and {} more", commas(more)));
    }
    Some(format!("No findings: {}.", named.join(", ")))
}

/// `Read 190 files, 48,754 records; 1 record rejected, 1 file of no known kind (--table inputs).`
fn read(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let (text, rejected) = read_text(report);
    let Some(rejected) = rejected.filter(|rejected| text.contains(rejected.as_str())) else {
        return page.wrapped(Line::new(), 0, &text);
    };
    // The count of rejected records is yellow wherever the line breaks.
    for part in wrap(&text, page.width) {
        let line = match part.split_once(rejected.as_str()) {
            Some((before, after)) => {
                Line::new().plain(before).paint(Paint::Yellow, &rejected).plain(after)
            }
            None => Line::new().plain(&part),
        };
        page.put(&line)?;
    }
    Ok(())
}

/// The sentence, and the part of it that counts rejected records if there are any.
pub(in crate::report) fn read_text(report: &Report) -> (String, Option<String>) {
    let files = report.inputs.len() as u64;
    let records: u64 = report.inputs.iter().map(|input| input.records).sum();
    let rejected: u64 = report.inputs.iter().map(|input| input.rejected_count).sum();
    let of_no_kind = report.inputs.iter().filter(|input| input.kind.is_empty()).count() as u64;
    let mut text = format!("Read {}, {}", count(files, "file"), count(records, "record"));
    let mut parts = Vec::new();
    let rejected = (rejected > 0).then(|| count(rejected, "record"));
    parts.extend(rejected.as_ref().map(|records| format!("{records} rejected")));
    if of_no_kind > 0 {
        parts.push(format!("{} of no known kind", count(of_no_kind, "file")));
    }
    if !parts.is_empty() {
        text.push_str(&format!("; {} (--table inputs)", parts.join(", ")));
    }
    text.push('.');
    (text, rejected.map(|records| format!("{records} rejected")))
}

/// Facts about the evidence, and counted remarks about logs.
pub(in crate::report) fn notes(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let facts = summary.notes.iter().map(|note| format!("Note: {note}"));
    let remarks = summary
        .remarks
        .iter()
        .map(|remark| format!("Note: {}: {}", count(remark.events, "event"), remark.text));
    let mut lines = Vec::new();
    for (all, number) in [
        (facts.collect::<Vec<_>>(), summary.notes.len()),
        (remarks.collect::<Vec<_>>(), summary.remarks.len()),
    ] {
        lines.extend(all.into_iter().take(SHOWN_NOTES));
        if number > SHOWN_NOTES {
            let more = commas((number - SHOWN_NOTES) as u64);
            lines.push(format!("Note: and {more} more of this kind (-o report.json)"));
        }
    }
    lines
}

/// The labels of this report's findings that differ from what is published, with both.
pub(in crate::report) fn frameworks(report: &Report) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut shown = Vec::new();
    for id in report.findings.iter().flat_map(|finding| finding.frameworks.iter()) {
        if id.label != id.published && seen.insert(id) {
            shown.push(id.show());
        }
    }
    if shown.is_empty() {
        return None;
    }
    Some(format!("Frameworks: {}; by finding: explain, -o findings.csv", shown.join(", ")))
}
