//! A summary in Markdown, short enough for a comment on a pull request or a step's summary.
//!
//! The worst findings that fail, figures of the rest, and the command that shows more. It never grows with the
//! estate: rows and texts are limited, so that it stays far below the 65,536 characters of a comment on GitHub.

use std::collections::BTreeMap;
use std::io;

use super::escape::{markdown, markdown_code};
use super::model::{FindingOut, Report};
use super::pipeline::{
    Places, Spot, TOLD, bounded, explained, fails, is_new, is_of_the_gate, is_waived, remarks,
    worst_first,
};
use super::terminal::summary::{identities_text, times};
use super::words::{command, commas, count, finding_date, identities_in, short};
use super::{Format, View};

/// The format.
pub struct Comment;

/// Findings that are listed.
const ROWS: usize = 10;

/// Kinds that are listed.
const KINDS: usize = 40;

/// Characters of a name, a place or a sentence.
const TEXT: usize = 120;

/// By which a pipeline finds its own comment again.
const MARK: &str = "<!-- authgap -->";

impl Format for Comment {
    fn id(&self) -> &'static str {
        "comment"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let order = worst_first(report, view);
        let failing: Vec<&FindingOut> = order
            .iter()
            .filter_map(|at| report.findings.get(*at))
            .filter(|finding| fails(finding, view))
            .collect();
        head(report, view, &failing, out)?;
        rows(report, view, &failing, out)?;
        kinds(report, view, out)?;
        next(view, failing.first(), out)?;
        out.flush()
    }
}

fn head(
    report: &Report,
    view: &View,
    failing: &[&FindingOut],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let threshold = match view.fail_on {
        crate::findings::Severity::Critical => "critical".to_string(),
        other => format!("{} and above", other.as_str()),
    };
    let noun = if failing.iter().all(|one| is_new(one)) { "new finding" } else { "finding" };
    let problems = view.verdict.as_ref().map_or(0, |verdict| verdict.problems.len());
    let verdict = match failing.len() {
        _ if problems > 0 => {
            format!("no verdict, {} could not be judged", count(problems as u64, "input"))
        }
        0 => format!("nothing new fails ({threshold})"),
        1 => format!("1 {noun} fails ({threshold})"),
        many => format!("{} fail ({threshold})", count(many as u64, noun)),
    };
    writeln!(out, "{MARK}\n### authgap: {verdict}\n")?;
    let remarks = remarks(view);
    for (about, text) in remarks.iter().take(TOLD) {
        writeln!(out, "- **{}**: {}", about.title(), markdown(&bounded(text, 2 * TEXT)))?;
    }
    if remarks.len() > TOLD {
        writeln!(out, "- and {} more", commas((remarks.len() - TOLD) as u64))?;
    }
    if !remarks.is_empty() {
        writeln!(out)?;
    }
    let mut facts: Vec<String> = times(report).iter().map(|part| bounded(part, TEXT)).collect();
    let (identities, text) = (identities_in(report), identities_text(report));
    facts.push(format!("{}: {}", count(identities, "identity"), bounded(&text, 2 * TEXT)));
    let facts: Vec<String> = facts.iter().map(|fact| markdown(fact)).collect();
    writeln!(out, "{}\n", facts.join("; "))?;
    if !view.filters.is_empty() {
        let filters = bounded(&view.filters.join(", "), 2 * TEXT);
        writeln!(out, "Filters: {}.\n", markdown_code(&filters))?;
    }
    Ok(())
}

fn rows(
    report: &Report,
    view: &View,
    failing: &[&FindingOut],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    if failing.is_empty() {
        return Ok(());
    }
    let places = Places::new(report, view);
    writeln!(out, "| severity | finding | kind | identity | what | where |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for finding in failing.iter().take(ROWS) {
        let mut what = markdown(&bounded(&finding.title, TEXT));
        let date = finding_date(finding, report.as_of);
        if date != "-" && !finding.title.contains(&date) {
            what.push_str(&format!(", {}", markdown(&bounded(&date, 40))));
        }
        let place = places.finding(finding).map_or(String::new(), |place| {
            let (Spot::Inside(path) | Spot::Outside(path)) = &place.spot;
            // The end of a path says more than its beginning.
            let parts: Vec<&str> = path.rsplit('/').take(3).collect();
            let end = parts.into_iter().rev().collect::<Vec<_>>().join("/");
            let cut = if end.len() < path.len() { "…/" } else { "" };
            format!("{cut}{}:{}", bounded(&end, TEXT), place.line)
        });
        writeln!(
            out,
            "| {} | {} | {} | {} | {what} | {} |",
            finding.severity.as_str(),
            markdown_code(&short(&finding.fingerprint)),
            markdown(&bounded(&finding.kind, 60)),
            markdown_code(&bounded(places.name(finding), TEXT)),
            markdown_code(&place),
        )?;
    }
    let more = failing.len().saturating_sub(ROWS) as u64;
    if more > 0 {
        writeln!(out, "\nAnd {} more: see the report.", commas(more))?;
    }
    writeln!(out)
}

/// Failing, below the threshold, accepted, waived.
type Numbers = [u64; 4];

fn kinds(report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, Numbers> = BTreeMap::new();
    let mut all: Numbers = [0; 4];
    for finding in &report.findings {
        let which = match finding {
            one if fails(one, view) => 0,
            one if is_new(one) => 1,
            one if is_waived(one) => 3,
            _ => 2,
        };
        let numbers = kinds.entry(&finding.kind).or_default();
        for numbers in [numbers, &mut all] {
            if let Some(number) = numbers.get_mut(which) {
                *number += 1;
            }
        }
    }
    let [_, below, accepted, waived] = all.map(commas);
    writeln!(
        out,
        "Beside these: {below} new below, {accepted} accepted before, {waived} waived.\n"
    )?;
    if kinds.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>By kind</summary>\n")?;
    writeln!(out, "| kind | fail | below | accepted | waived |\n|---|--:|--:|--:|--:|")?;
    for (kind, numbers) in kinds.iter().take(KINDS) {
        let [failing, below, accepted, waived] = numbers.map(commas);
        let kind = markdown(&bounded(kind, 60));
        writeln!(out, "| {kind} | {failing} | {below} | {accepted} | {waived} |")?;
    }
    if kinds.len() > KINDS {
        writeln!(out, "\nAnd {} more.", count((kinds.len() - KINDS) as u64, "kind"))?;
    }
    writeln!(out, "\n</details>\n")
}

fn next(view: &View, worst: Option<&&FindingOut>, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(worst) = worst else {
        return Ok(());
    };
    let print = explained(worst);
    // The page of a kind needs no evidence.
    let paths = if is_of_the_gate(&worst.kind) { &[][..] } else { &view.command_paths[..] };
    let from = paths.iter().flat_map(|path| ["--from", path.as_str()]);
    let whole = command(["authgap", "explain", &print].into_iter().chain(from));
    // Half a command is none.
    let words =
        if whole.len() > 5 * TEXT { command(["authgap", "explain", &print]) } else { whole };
    writeln!(out, "Why, with file and line: {}", markdown_code(&words))
}
