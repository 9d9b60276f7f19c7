//! Markdown: the whole report, or one table.
//!
//! With the table `findings` it is the whole report: the blocks of the terminal in the same order, tables whole,
//! long lists folded in `<details>`, coverage and inputs last. With another table it is that table.

use std::collections::HashMap;
use std::io;

use super::columns::{self, Cell, Column};
use super::escape::{html_in_markdown, markdown, markdown_code};
use super::explain::{activity, credential_words, facts, grant_words};
use super::model::{FindingOut, IdentityOut, Report};
use super::terminal::closing::{clean, frameworks, notes, read_text};
use super::terminal::summary::{
    findings_text, identities_text, left_out, permissions_text, sure_texts, times, unknown_reason,
    unknown_text,
};
use super::words::{
    commas, count, finding_date, finding_what, identity_counts, next_commands, row_action,
    row_facts, short, status_word,
};
use super::{Format, TableKind, View};

/// The format.
pub struct Markdown;

impl Format for Markdown {
    fn id(&self) -> &'static str {
        "markdown"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["md", "markdown"]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        if view.table == TableKind::Findings {
            whole(report, view, out)?;
        } else {
            writeln!(out, "# {}\n", capital(view.table.as_str()))?;
            table(report, view.table, columns::of(view.table), out)?;
        }
        out.flush()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn whole(report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
    head(report, view, out)?;
    summary(report, view, out)?;
    findings(report, out)?;
    identities(report, out)?;
    closing(report, out)?;
    for (title, kind, number) in [
        ("Coverage", TableKind::Coverage, report.coverage.len()),
        ("Inputs", TableKind::Inputs, report.inputs.len()),
    ] {
        writeln!(out, "## {title} ({})\n", commas(number as u64))?;
        folded(out, &format!("{} rows", commas(number as u64)), number, &mut |out| {
            table(report, kind, columns::of(kind), out)
        })?;
    }
    Ok(())
}

fn head(report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
    let paths: Vec<String> = view.command_paths.iter().map(|path| markdown(path)).collect();
    let title = if paths.is_empty() { String::new() } else { format!(": {}", paths.join(" ")) };
    writeln!(out, "# Authorization gap{title}\n")?;
    let mut parts: Vec<String> = times(report).iter().map(|part| markdown(part)).collect();
    parts.push(markdown(&format!("{} {}", report.tool.name, report.tool.version)));
    writeln!(out, "{}.\n", capital(&parts.join(", ")))?;
    if !view.filters.is_empty() {
        let filters: Vec<String> = view.filters.iter().map(|one| markdown_code(one)).collect();
        let filters = filters.join(", ");
        writeln!(out, "Filters: {filters}; the summary is of the whole.\n")?;
    }
    Ok(())
}

/// What was read, then worst, sure, unknown, next.
fn summary(report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
    let total: u64 = report.summary.findings.values().sum();
    let figures = [
        (super::words::identities_in(report), "identity", identities_text(report)),
        (report.summary.counts.granted, "permission", permissions_text(report)),
        (total, "finding", findings_text(report)),
    ];
    for (number, noun, text) in figures {
        writeln!(out, "- {}: {}", count(number, noun), markdown(&text))?;
    }
    writeln!(out)?;
    let worst = &report.summary.worst;
    if !worst.is_empty() {
        writeln!(out, "**Worst**\n")?;
        for one in worst {
            writeln!(out, "- {} {}", markdown_code(&one.name), markdown(&one.text))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "**Sure**\n")?;
    for text in sure_texts(report) {
        writeln!(out, "- {}", markdown(&text))?;
    }
    if report.summary.judged > 0 {
        writeln!(out, "\n**Unknown**: {}\n", markdown(&unknown_text(report)))?;
        for group in &report.summary.unknown {
            let (number, reason) = (commas(group.permissions), group.reason.as_str());
            writeln!(out, "- {number} {reason}: {}", markdown(&unknown_reason(group)))?;
        }
    }
    let commands = next_commands(report, view);
    if !commands.is_empty() {
        writeln!(out, "\n**Next**\n")?;
    }
    for (command, comment) in commands {
        writeln!(out, "- {}: {}", markdown_code(&command), markdown(&comment))?;
    }
    writeln!(out)
}

fn findings(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "## Findings ({})\n", commas(report.findings.len() as u64))?;
    if report.findings.is_empty() {
        return writeln!(out, "None.\n");
    }
    let names = super::words::Names::new(report);
    header(out, &["severity", "finding", "kind", "identity", "what", "date"], &[])?;
    for finding in &report.findings {
        row(
            out,
            &[
                finding.severity.as_str().to_string(),
                markdown_code(&short(&finding.fingerprint)),
                markdown(&finding.kind),
                markdown_code(names.of(&finding.identity)),
                markdown(&finding_what(finding)),
                markdown(&finding_date(finding, report.as_of)),
            ],
        )?;
    }
    writeln!(out)
}

fn identities(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let judged = || report.identities.iter().filter(|identity| identity.judged);
    let apart = judged().filter(|identity| identity.administrator.is_some()).count() as u64;
    let counted = judged().count() as u64 - apart;
    let mut title = format!("{} counted", commas(counted));
    if apart > 0 {
        title.push_str(&format!(", {} apart", count(apart, "administrator")));
    }
    writeln!(out, "## Identities ({title})\n")?;
    let mut findings: HashMap<&str, Vec<&FindingOut>> = HashMap::new();
    for finding in &report.findings {
        findings.entry(&finding.identity).or_default().push(finding);
    }
    for identity in judged() {
        let name = html_in_markdown(&identity.name);
        let counts = html_in_markdown(&identity_counts(identity));
        writeln!(out, "<details><summary><code>{name}</code>: {counts}</summary>\n")?;
        let mine = findings.get(&*identity.id).map_or(&[][..], Vec::as_slice);
        one(report, identity, mine, out)?;
        writeln!(out, "</details>\n")?;
    }
    Ok(())
}

/// What `authgap explain` prints of an identity and its findings, as tables.
fn one(
    report: &Report,
    identity: &IdentityOut,
    findings: &[&FindingOut],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    writeln!(out, "{}\n", markdown_code(&identity.id))?;
    writeln!(out, "- {}", markdown(&facts(report, identity).join(", ")))?;
    writeln!(out, "- {}", markdown(&activity(report, identity).join("; ")))?;
    for hole in &identity.holes {
        writeln!(out, "- not in the evidence: {}", markdown_code(hole))?;
    }
    for credential in &identity.credentials {
        let words = markdown(&credential_words(report, credential));
        writeln!(out, "- credential {}: {words}", markdown_code(&credential.id))?;
    }
    for reached in &identity.reach {
        writeln!(out, "- can act as {}", markdown_code(reached))?;
    }
    writeln!(out)?;
    for finding in findings {
        why(finding, out)?;
    }
    permissions(report, identity, out)?;
    grants(identity, out)?;
    score(identity, out)
}

/// The places of a finding and what to do.
fn why(finding: &FindingOut, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "**{}** {} {}: {}\n",
        finding.severity.as_str(),
        markdown_code(&short(&finding.fingerprint)),
        markdown(&finding.kind),
        markdown(&finding_what(finding))
    )?;
    for one in &finding.evidence {
        let (side, place) = (markdown(&one.side), markdown_code(&one.place()));
        writeln!(out, "- {side}: {place} {}", markdown(&one.text))?;
    }
    if !finding.remedy.is_empty() {
        writeln!(out, "- to do: {}", markdown(&finding.remedy))?;
    }
    let ids: Vec<String> = finding.frameworks.iter().map(|id| markdown(&id.show())).collect();
    if !ids.is_empty() {
        writeln!(out, "- frameworks: {}", ids.join("; "))?;
    }
    writeln!(out)
}

fn permissions(report: &Report, identity: &IdentityOut, out: &mut dyn io::Write) -> io::Result<()> {
    if identity.permissions.is_empty() {
        return Ok(());
    }
    header(out, &["status", "permission", "seen"], &[])?;
    for status in super::words::READING_ORDER {
        for one in identity.permissions.iter().filter(|row| row.status == status) {
            row(
                out,
                &[
                    status_word(status),
                    markdown(&row_action(&one.action, one.folded)),
                    markdown(&row_facts(one, report.as_of, 0, true)),
                ],
            )?;
        }
    }
    writeln!(out)
}

fn grants(identity: &IdentityOut, out: &mut dyn io::Write) -> io::Result<()> {
    if identity.grants.is_empty() {
        return Ok(());
    }
    header(out, &["granted by", "place", "what"], &[])?;
    for grant in &identity.grants {
        let places: Vec<String> = grant.places.iter().map(|place| markdown_code(place)).collect();
        row(
            out,
            &[markdown_code(&grant.origin), places.join("; "), markdown(&grant_words(grant))],
        )?;
    }
    writeln!(out)
}

fn score(identity: &IdentityOut, out: &mut dyn io::Write) -> io::Result<()> {
    if identity.score_terms.is_empty() {
        return Ok(());
    }
    header(out, &["gap", "weight granted", "not supported"], &[1, 2])?;
    for term in &identity.score_terms {
        let cells = [
            status_word(term.status),
            format!("{:.1}", term.granted),
            format!("{:.1}", term.unsupported),
        ];
        row(out, &cells)?;
    }
    writeln!(out)
}

fn closing(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let sentences = [clean(report), left_out(report), Some(read_text(report).0)];
    for sentence in sentences.into_iter().flatten().chain(notes(report)) {
        writeln!(out, "- {}", markdown(&sentence))?;
    }
    if let Some(text) = frameworks(report) {
        writeln!(out, "- {}", markdown(&text))?;
    }
    writeln!(out)
}

/// Longer lists than this are folded.
const OPEN_ROWS: usize = 20;

/// Writes what `body` writes, folded if it is long.
fn folded(
    out: &mut dyn io::Write,
    title: &str,
    rows: usize,
    body: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    if rows <= OPEN_ROWS {
        return body(out);
    }
    writeln!(out, "<details><summary>{title}</summary>\n")?;
    body(out)?;
    writeln!(out, "</details>\n")
}

/// A whole table, with the columns of every format.
fn table(
    report: &Report,
    kind: TableKind,
    columns: &[Column],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let numbers: Vec<usize> =
        (0..columns.len()).filter(|at| columns.get(*at).is_some_and(|one| one.is_number)).collect();
    header(out, &names, &numbers)?;
    columns::rows(report, kind, &mut |line| {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| match (column.get)(line) {
                Cell::Text(text) => markdown(&text),
                Cell::List(texts) => {
                    texts.iter().map(|text| markdown(text)).collect::<Vec<_>>().join("; ")
                }
                cell @ (Cell::Blank | Cell::Count(_) | Cell::Date(_) | Cell::Flag(_)) => {
                    cell.shown(report.as_of)
                }
            })
            .collect();
        row(out, &cells)
    })?;
    writeln!(out)
}

fn header(out: &mut dyn io::Write, names: &[&str], numbers: &[usize]) -> io::Result<()> {
    writeln!(out, "| {} |", names.join(" | "))?;
    let rule = |at| if numbers.contains(&at) { "--:" } else { "---" };
    let rules: Vec<&str> = (0..names.len()).map(rule).collect();
    writeln!(out, "|{}|", rules.join("|"))
}

fn row(out: &mut dyn io::Write, cells: &[String]) -> io::Result<()> {
    writeln!(out, "| {} |", cells.join(" | "))
}
