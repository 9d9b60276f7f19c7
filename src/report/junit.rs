//! JUnit XML, for the test pages of CI systems.
//!
//! A suite for each kind of finding, a test for each finding. A test fails if its finding fails a check; a waived
//! finding is skipped; one that was accepted, or is below the threshold, passes and is named in the suite's output.
//! A kind without findings is one test that passes, so that a clean report is not an empty one.
//!
//! The shape is what Jenkins' junit-10.xsd and Apache Ant's JUnit.xsd have in common. XML is written by hand: there
//! are six elements, and all that can go wrong is escaping, which is [`escape::xml`] alone.

use std::collections::BTreeMap;
use std::io;

use super::model::{FindingOut, Report};
use super::pipeline::{About, Places, bounded, explained, fails, is_waived, remarks};
use super::words::{commas, count, finding_date, short};
use super::{Format, View, escape};
use crate::findings;

/// The format.
pub struct Junit;

/// At most so many lines of a suite's output.
const LINES: usize = 100;

/// A time where the report has none: Ant's schema wants one, and the clock is not read.
const NO_TIME: &str = "1970-01-01T00:00:00";

impl Format for Junit {
    fn id(&self) -> &'static str {
        "junit"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["xml"]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let places = Places::new(report, view);
        let mut suites: BTreeMap<&str, Vec<&FindingOut>> =
            findings::KINDS.iter().map(|kind| (kind.id, Vec::new())).collect();
        for finding in &report.findings {
            suites.entry(&finding.kind).or_default().push(finding);
        }
        let time = report.as_of.map_or(NO_TIME.to_string(), |stamp| {
            // Without the zone, which Ant's pattern does not have.
            let text = stamp.0.to_string();
            text.get(..NO_TIME.len()).unwrap_or(NO_TIME).to_string()
        });
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>")?;
        for (number, (kind, findings)) in suites.iter().enumerate() {
            let suite = Suite { report, view, places: &places, kind, findings };
            suite.write(number, &time, out)?;
        }
        gate(suites.len(), view, &time, out)?;
        writeln!(out, "</testsuites>")?;
        out.flush()
    }
}

/// The suite of what a check concluded beside findings: what could not be read is an error, a waiver that ended a
/// failure, a grant that is not known is skipped. Without any there is none.
fn gate(number: usize, view: &View, time: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let remarks = remarks(view);
    if remarks.is_empty() {
        return Ok(());
    }
    let count = |wanted: About| remarks.iter().filter(|(about, _)| *about == wanted).count();
    let skipped = match count(About::NotJudged) {
        0 => String::new(),
        skipped => format!(" skipped=\"{skipped}\""),
    };
    writeln!(
        out,
        "<testsuite name=\"gate\" package=\"authgap\" id=\"{number}\" timestamp=\"{time}\" \
         hostname=\"localhost\" tests=\"{}\" failures=\"{}\" errors=\"{}\"{skipped} \
         time=\"0\">\n<properties/>",
        remarks.len(),
        count(About::WaiverEnded),
        count(About::NoVerdict),
    )?;
    for (about, text) in &remarks {
        let (id, title, text) = (about.id(), about.title(), escape::xml(&bounded(text, 500)));
        let result = match about {
            About::NoVerdict => format!("<error type=\"{id}\" message=\"{text}\"/>"),
            About::WaiverEnded => format!("<failure type=\"{id}\" message=\"{text}\"/>"),
            About::NotJudged => format!("<skipped>{text}</skipped>"),
        };
        writeln!(
            out,
            "<testcase classname=\"authgap.gate\" name=\"{title}: {text}\" time=\"0\">{result}</testcase>"
        )?;
    }
    writeln!(out, "<system-out></system-out>\n<system-err/>\n</testsuite>")
}

/// The findings of a kind.
struct Suite<'a> {
    report: &'a Report,
    view: &'a View,
    places: &'a Places<'a>,
    kind: &'a str,
    findings: &'a [&'a FindingOut],
}

impl Suite<'_> {
    fn write(&self, number: usize, time: &str, out: &mut dyn io::Write) -> io::Result<()> {
        let failures = self.findings.iter().filter(|one| fails(one, self.view)).count();
        let skipped = self.findings.iter().filter(|one| is_waived(one)).count();
        let (kind, tests) = (escape::xml(self.kind), self.findings.len().max(1));
        // Older copies of Ant's schema do not know it.
        let skipped = if skipped > 0 { format!(" skipped=\"{skipped}\"") } else { String::new() };
        writeln!(
            out,
            "<testsuite name=\"{kind}\" package=\"authgap\" id=\"{number}\" timestamp=\"{time}\" \
             hostname=\"localhost\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"{skipped} \
             time=\"0\">\n<properties/>"
        )?;
        if self.findings.is_empty() {
            writeln!(
                out,
                "<testcase classname=\"authgap.{kind}\" name=\"no finding\" time=\"0\"/>"
            )?;
        }
        for finding in self.findings {
            self.test(finding, out)?;
        }
        writeln!(out, "<system-out>{}</system-out>", escape::xml_lines(&self.passed()))?;
        writeln!(out, "<system-err/>\n</testsuite>")
    }

    fn test(&self, finding: &FindingOut, out: &mut dyn io::Write) -> io::Result<()> {
        // No figures in the name: a CI system follows a test by it.
        let parts = [self.places.name(finding), &finding.subject, &short(&finding.fingerprint)];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let name: Vec<String> = parts.map(|part| bounded(part, 200)).collect();
        let (kind, name) = (escape::xml(self.kind), escape::xml(&name.join(" ")));
        write!(out, "<testcase classname=\"authgap.{kind}\" name=\"{name}\" time=\"0\"")?;
        if is_waived(finding) {
            let why = escape::xml(&bounded(finding.waiver.as_deref().unwrap_or("waived"), 500));
            // No message: Ant's schema has a text here.
            return writeln!(out, "><skipped>{why}</skipped></testcase>");
        }
        if !fails(finding, self.view) {
            return writeln!(out, "/>");
        }
        let message = escape::xml(&bounded(&self.line(finding), 500));
        let text = escape::xml_lines(&self.failure(finding));
        writeln!(out, "><failure type=\"{kind}\" message=\"{message}\">{text}</failure></testcase>")
    }

    /// `high: 3 of 4 ssm actions, not in 181 d`.
    fn line(&self, finding: &FindingOut) -> String {
        let (severity, title) = (finding.severity.as_str(), bounded(&finding.title, 400));
        match finding_date(finding, self.report.as_of) {
            date if date == "-" || finding.title.contains(&date) => format!("{severity}: {title}"),
            date => format!("{severity}: {title}, {date}"),
        }
    }

    fn failure(&self, finding: &FindingOut) -> Vec<String> {
        let mut lines =
            vec![format!("identity: {}", bounded(&finding.identity, 500)), self.line(finding)];
        for one in &finding.evidence {
            let (place, text) = (bounded(&one.place(), 300), bounded(&one.text, 300));
            lines.push(format!("{}: {place} {text}", bounded(&one.side, 20)));
        }
        if !finding.remedy.is_empty() {
            lines.push(format!("to do: {}", bounded(&finding.remedy, 500)));
        }
        lines.push(format!("why: authgap explain {}", explained(finding)));
        lines
    }

    /// What passes although something was found: accepted before, or below the threshold.
    fn passed(&self) -> Vec<String> {
        let passed =
            || self.findings.iter().filter(|one| !is_waived(one) && !fails(one, self.view));
        let number = passed().count();
        if number == 0 {
            return Vec::new();
        }
        let mut lines = vec![format!(
            "{} passed: accepted before, or below {}",
            count(number as u64, "finding"),
            self.view.fail_on.as_str()
        )];
        lines.extend(passed().take(LINES).map(|finding| {
            let (state, print) = (bounded(&finding.state, 20), short(&finding.fingerprint));
            let name = bounded(self.places.name(finding), 200);
            format!("{print} {state} {name}: {}", self.line(finding))
        }));
        if number > LINES {
            lines.push(format!("and {} more", commas((number - LINES) as u64)));
        }
        lines
    }
}
