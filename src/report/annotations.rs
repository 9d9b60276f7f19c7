//! GitHub annotations: workflow commands that mark findings at the lines of a change.
//!
//! It is printed in a step's log, where a runner takes lines that begin with `::` for commands: nothing of the
//! evidence reaches a line without [`escape::workflow_text`] or [`escape::workflow_property`].
//!
//! Sources: GitHub Docs, "Workflow commands for GitHub Actions" (commands, properties, escaping) and "Usage limits"
//! (ten annotations of each kind a step).

use std::io;

use super::model::{FindingOut, Report};
use super::pipeline::{
    Places, Spot, TOLD, bounded, explained, fails, is_new, is_waived, remarks, worst_first,
};
use super::words::{commas, count, finding_date};
use super::{Format, View, escape};
use crate::findings::Severity;

/// The format.
pub struct Annotations;

/// Annotations of a kind that a step shows.
const EACH: usize = 10;

/// The commands, worst first, and the word for one.
const COMMANDS: [(&str, &str); 3] =
    [("error", "error"), ("warning", "warning"), ("notice", "notice")];

impl Format for Annotations {
    fn id(&self) -> &'static str {
        "github"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let places = Places::new(report, view);
        let new = || {
            worst_first(report, view)
                .into_iter()
                .filter_map(|at| report.findings.get(at))
                .filter(|finding| is_new(finding) || fails(finding, view))
        };
        let remarks = remarks(view);
        for (about, text) in remarks.iter().take(TOLD) {
            let title = escape::workflow_property(&format!("authgap {}", about.title()));
            let text = escape::workflow_text(&bounded(text, 400));
            writeln!(out, "::{} title={title}::{text}", about.level())?;
        }
        for (command, word) in COMMANDS {
            let mine: Vec<&FindingOut> =
                new().filter(|finding| command_of(finding, view) == command).collect();
            let told = remarks.iter().take(TOLD).filter(|(about, _)| about.level() == command);
            let room = EACH.saturating_sub(told.count());
            for finding in mine.iter().take(room) {
                one(report, &places, command, finding, out)?;
            }
            let more = mine.len().saturating_sub(room) as u64;
            if more > 0 {
                let more = count(more, word);
                writeln!(out, "and {more} more, for which a step has no room: see the report")?;
            }
        }
        writeln!(out, "{}", escape::workflow_text(&last_line(report, view)))?;
        out.flush()
    }
}

/// What fails is an error, what is worth a look a warning, the rest a notice.
fn command_of(finding: &FindingOut, view: &View) -> &'static str {
    match finding.severity {
        _ if fails(finding, view) => "error",
        Severity::Critical | Severity::High | Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    }
}

fn one(
    report: &Report,
    places: &Places<'_>,
    command: &str,
    finding: &FindingOut,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut properties = Vec::new();
    if let Some(place) = places.finding(finding)
        && let Spot::Inside(path) = &place.spot
    {
        properties.push(format!("file={}", escape::workflow_path(path)));
        properties.push(format!("line={}", place.line));
    }
    let title = format!("authgap {} ({})", bounded(&finding.kind, 60), finding.severity.as_str());
    properties.push(format!("title={}", escape::workflow_property(&title)));
    let name = bounded(places.name(finding), 200);
    let mut what = format!("{name}: {}", bounded(&finding.title, 400));
    let date = finding_date(finding, report.as_of);
    if date != "-" && !finding.title.contains(&date) {
        what.push_str(&format!(", {date}"));
    }
    let mut lines = vec![what];
    if !finding.remedy.is_empty() {
        lines.push(format!("To do: {}", bounded(&finding.remedy, 400)));
    }
    lines.push(format!("Why: authgap explain {}", explained(finding)));
    let lines: Vec<String> = lines.iter().map(|line| escape::workflow_text(line)).collect();
    writeln!(out, "::{command} {}::{}", properties.join(","), lines.join("%0A"))
}

/// `3 findings fail the check (high and above, new); 2 below, 4 accepted, 1 waived`.
fn last_line(report: &Report, view: &View) -> String {
    let number =
        |is: &dyn Fn(&&FindingOut) -> bool| report.findings.iter().filter(is).count() as u64;
    let failing = number(&|one| fails(one, view));
    let below = number(&|one| is_new(one) && !fails(one, view));
    let waived = number(&|one| is_waived(one));
    let accepted = report.findings.len() as u64 - failing - below - waived;
    let verb = if failing == 1 { "fails" } else { "fail" };
    let is_old = report.findings.iter().any(|one| fails(one, view) && !is_new(one));
    let noun = if is_old { "finding" } else { "new finding" };
    format!(
        "{} {verb} at {} and above; {} below, {} accepted, {} waived",
        count(failing, noun),
        view.fail_on.as_str(),
        commas(below),
        commas(accepted),
        commas(waived)
    )
}
