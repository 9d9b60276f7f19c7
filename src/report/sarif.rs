//! SARIF 2.1.0, for code scanning.
//!
//! One run: a rule for each kind of finding, a result for each finding. It keeps within what GitHub's code
//! scanning takes, leaves out the least severe first, and says so in a notification of the run and by
//! [`Format::left_out`].
//!
//! Sources: SARIF 2.1.0 (OASIS, errata 01) for the shape; GitHub Docs, "SARIF support for code scanning" for the
//! properties that are read, and "SARIF results exceed one or more limits" for the limits.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::model::{Evidence, FindingOut, Report};
use super::pipeline::{
    Location, Places, Spot, bounded, explained, is_new, is_waived, remarks, some_of, worst_first,
};
use super::words::{commas, finding_date};
use super::{Format, View, escape};
use crate::findings::{self, Severity};
use crate::frameworks::FrameworkId;

/// The format.
pub struct Sarif;

/// What a run may hold.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Results.
    results: usize,
    /// Results that are stored and shown of them.
    shown: usize,
    /// Bytes of the file after gzip.
    bytes: u64,
}

/// With more than 25,000 results or 10 MB after gzip an upload is rejected; 5,000 results are shown. The count of
/// bytes runs behind by what the compressor holds back.
const CODE_SCANNING: Limits = Limits { results: 25_000, shown: 5_000, bytes: 9_000_000 };

/// Tags of a rule that are shown; more than 20 reject the upload.
const TAGS: usize = 10;

/// Problems and ended waivers among a run's notifications.
const REMARKS: usize = 100;

/// Where the schema is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Format for Sarif {
    fn id(&self) -> &'static str {
        "sarif"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["sarif"]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        Run::new(report, view, CODE_SCANNING).write(out)
    }

    fn left_out(&self, report: &Report, view: &View) -> Vec<String> {
        let run = Run::new(report, view, CODE_SCANNING);
        run.fitting().map_or_else(|_| Vec::new(), |kept| run.cuts(kept))
    }
}

/// What happened beside the results: what was left out, what could not be judged, and waivers that ended (SARIF
/// 2.1.0, 3.20.14 and 3.20.21).
fn invocations(cuts: &[String], view: &View) -> Value {
    let cuts = cuts.iter().map(|cut| ("warning", format!("{cut}.")));
    let remarks = remarks(view)
        .into_iter()
        .take(REMARKS)
        .map(|(about, text)| (about.level(), format!("{}: {}.", about.title(), shown(text, 500))));
    let notifications: Vec<Value> = cuts
        .chain(remarks)
        .map(|(level, text)| json!({"level": level, "message": {"text": text}}))
        .collect();
    let is_judged = view.verdict.as_ref().is_none_or(|verdict| verdict.problems.is_empty());
    json!([{"executionSuccessful": is_judged, "toolExecutionNotifications": notifications}])
}

/// A report on its way into a run.
struct Run<'a> {
    report: &'a Report,
    view: &'a View,
    places: Places<'a>,
    /// Results in their order.
    order: Vec<usize>,
    /// Rules in their order, each with its worst finding that is not waived.
    rules: BTreeMap<&'a str, Option<Severity>>,
    limits: Limits,
    /// Whether any finding is waived: then all say whether they are (SARIF 2.1.0, 3.27.23).
    has_waived: bool,
}

impl<'a> Run<'a> {
    fn new(report: &'a Report, view: &'a View, limits: Limits) -> Run<'a> {
        let mut rules: BTreeMap<&str, Option<Severity>> =
            findings::KINDS.iter().map(|kind| (kind.id, None)).collect();
        for finding in &report.findings {
            let worst = rules.entry(&finding.kind).or_default();
            if !is_waived(finding) {
                *worst = (*worst).max(Some(finding.severity));
            }
        }
        Run {
            report,
            view,
            places: Places::new(report, view),
            order: worst_first(report, view),
            rules,
            limits,
            has_waived: report.findings.iter().any(is_waived),
        }
    }

    fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let kept = self.fitting()?;
        writeln!(
            out,
            "{{\n\"$schema\": {},\n\"version\": \"2.1.0\",\n\"runs\": [{{",
            json!(SCHEMA)
        )?;
        let head = self.head();
        for (name, value) in [
            ("tool", head),
            ("automationDetails", json!({"id": "authgap/"})),
            (
                "originalUriBaseIds",
                json!({"%SRCROOT%": {"description": {"text": "The root of the repository."}}}),
            ),
            ("invocations", invocations(&self.cuts(kept), self.view)),
        ] {
            writeln!(out, "\"{name}\": {value},")?;
        }
        write!(out, "\"results\": [")?;
        for (number, at) in self.order.iter().take(kept).enumerate() {
            let before = if number == 0 { "\n" } else { ",\n" };
            write!(out, "{before}{}", self.result(*at))?;
        }
        writeln!(out, "\n]\n}}]\n}}")?;
        out.flush()
    }

    /// How many results fit.
    fn fitting(&self) -> io::Result<usize> {
        // The fastest level compresses least: what fits so fits at the level that an upload uses.
        let mut gzip =
            flate2::write::GzEncoder::new(Counter::default(), flate2::Compression::fast());
        gzip.write_all(self.head().to_string().as_bytes())?;
        for (number, at) in self.order.iter().take(self.limits.results).enumerate() {
            gzip.write_all(self.result(*at).to_string().as_bytes())?;
            if gzip.get_ref().0 > self.limits.bytes {
                return Ok(number);
            }
        }
        Ok(self.order.len().min(self.limits.results))
    }

    /// What is left out, in sentences.
    fn cuts(&self, kept: usize) -> Vec<String> {
        let (all, kept) = (self.order.len() as u64, kept as u64);
        let (most, shown) = (self.limits.results as u64, self.limits.shown as u64);
        let mut cuts = Vec::new();
        if kept < all {
            let why = if kept == most {
                format!("code scanning takes {} in a run", commas(most))
            } else {
                "code scanning takes 10 MB after gzip".to_string()
            };
            let (all, kept) = (commas(all), commas(kept));
            cuts.push(format!(
                "SARIF holds {kept} of {all} findings, the least severe left out: {why}"
            ));
        }
        if kept > shown {
            let (kept, shown) = (commas(kept), commas(shown));
            cuts.push(format!(
                "of {kept} results in SARIF, GitHub shows {shown}, by severity; --kind and --min-severity narrow them"
            ));
        }
        cuts
    }

    fn head(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(|(id, worst)| rule(id, *worst)).collect();
        json!({"driver": {
            "name": "authgap",
            "version": self.report.tool.version,
            "semanticVersion": self.report.tool.version,
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules,
        }})
    }

    fn result(&self, at: usize) -> Value {
        let Some(finding) = self.report.findings.get(at) else {
            return Value::Null;
        };
        let place = self.places.finding(finding).unwrap_or_else(|| self.places.anchor());
        let rule = self.rules.keys().position(|id| *id == &*finding.kind);
        let mut location = physical(&place);
        location["logicalLocations"] = json!([self.logical(finding)]);
        let mut result = json!({
            "ruleId": shown(&finding.kind, 100),
            "ruleIndex": rule.map_or(-1, |rule| i64::try_from(rule).unwrap_or(-1)),
            "level": level(finding.severity),
            "message": {"text": self.message(finding)},
            "locations": [location],
            "partialFingerprints": fingerprints(&finding.fingerprint),
            "properties": properties(finding),
        });
        let related: Vec<Value> = finding
            .evidence
            .iter()
            .enumerate()
            .map(|(number, one)| {
                let mut location = physical(&self.places.evidence(one));
                location["id"] = json!(number + 1);
                location["message"] = json!({"text": evidence(one)});
                location
            })
            .collect();
        if !related.is_empty() {
            result["relatedLocations"] = json!(related);
        }
        // Whether a waived finding was accepted before, its state does not tell.
        match &*finding.state {
            "new" => result["baselineState"] = json!("new"),
            "baseline" => result["baselineState"] = json!("unchanged"),
            _ => {}
        }
        if self.has_waived {
            let waiver = finding.waiver.as_deref().filter(|_| is_waived(finding));
            result["suppressions"] = match waiver {
                Some(reason) => json!([suppression(Some(reason))]),
                None if is_waived(finding) => json!([suppression(None)]),
                None => json!([]),
            };
        }
        result
    }

    /// The identity, as a place that is no file (SARIF 2.1.0, 3.33).
    fn logical(&self, finding: &FindingOut) -> Value {
        let kind = if self.places.identity(finding).is_some() { "identity" } else { "scope" };
        json!({
            "fullyQualifiedName": shown(&finding.identity, 500),
            "name": shown(self.places.name(finding), 500),
            "kind": kind,
        })
    }

    /// The first sentence stands alone where room is short (SARIF 2.1.0, 3.11.3).
    fn message(&self, finding: &FindingOut) -> String {
        let mut title = format!("{}: {}", self.places.name(finding), finding.title);
        let date = finding_date(finding, self.report.as_of);
        if date != "-" && !finding.title.contains(&date) {
            title.push_str(&format!(", {date}"));
        }
        let mut text = format!("{}.", shown(&title, 500));
        for one in &finding.evidence {
            text.push('\n');
            text.push_str(&evidence(one));
        }
        if !finding.remedy.is_empty() {
            text.push_str(&format!("\nTo do: {}.", shown(&finding.remedy, 500)));
        }
        text.push_str(&format!("\nWhy: authgap explain {}", shown(&explained(finding), 60)));
        text
    }
}

/// Counts what is written to it.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text of the evidence for a message.
fn shown(text: &str, most: usize) -> String {
    escape::sarif(&bounded(text, most))
}

fn evidence(one: &Evidence) -> String {
    format!("{}: {} {}", shown(&one.side, 20), shown(&one.place(), 300), shown(&one.text, 300))
}

/// Error, warning or note (SARIF 2.1.0, 3.27.10).
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A number in GitHub's range of the same name: over 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low
/// (GitHub Docs, "SARIF support for code scanning", reportingDescriptor).
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.1",
    }
}

/// A rule. GitHub reads a severity of rules only, so a rule has that of its worst finding in the report that is
/// not waived; with none, the worst that its page knows.
fn rule(id: &str, worst: Option<Severity>) -> Value {
    let kind = findings::kind(id);
    let severity =
        worst.or_else(|| kind.and_then(|kind| worst_on(kind.page))).unwrap_or(Severity::Medium);
    let ids = crate::frameworks::of_kind(id);
    let frameworks: Vec<String> = ids.iter().map(FrameworkId::show).collect();
    let mut rule = json!({
        "id": shown(id, 100),
        "name": shown(&pascal(id), 100),
        "defaultConfiguration": {"level": level(severity)},
        "properties": {
            "tags": tags(ids),
            "precision": "high",
            "security-severity": security_severity(severity),
            "frameworks": frameworks,
        },
    });
    if let Some(kind) = kind {
        let repository = env!("CARGO_PKG_REPOSITORY");
        rule["shortDescription"] = json!({"text": format!("{}.", kind.summary)});
        rule["fullDescription"] = json!({"text": shown(&first_paragraph(kind.page), 1_000)});
        rule["helpUri"] = json!(format!("{repository}/blob/main/docs/findings/{id}.md"));
        rule["help"] = json!({
            "text": format!("{}. `authgap explain {id}` prints the page.", kind.summary),
            "markdown": kind.page,
        });
    }
    rule
}

/// `UnusedPermission`.
fn pascal(id: &str) -> String {
    id.split('-')
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

/// The paragraph under a page's title, on one line.
fn first_paragraph(page: &str) -> String {
    let after_title = page.split_once("\n\n").map_or("", |(_, rest)| rest);
    after_title.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

/// The worst severity that a page's rule names, in lines that begin `- high:` or are `high.`.
fn worst_on(page: &str) -> Option<Severity> {
    let section = page.split_once("\n## Severity\n")?.1;
    let section = section.split("\n## ").next()?;
    section
        .lines()
        .filter_map(|line| line.strip_prefix("- ").unwrap_or(line).split_once([':', '.']))
        .filter_map(|(word, _)| Severity::parse(word))
        .max()
}

/// Tags by which code scanning filters: the kinds of weakness first, in the form that GitHub knows, then the other
/// frameworks. A promised label never stands without the published id (`docs/frameworks.md`).
fn tags(ids: &[FrameworkId]) -> Vec<String> {
    const ORDER: [&str; 4] = ["owasp-nhi", "nist-csf", "sp800-207", "attack"];
    let mut tags = vec!["security".to_string()];
    let of = |framework: &'static str| ids.iter().filter(move |id| &*id.framework == framework);
    for id in of("cwe") {
        tags.push(format!("external/cwe/{}", id.published.to_ascii_lowercase()));
    }
    for id in ORDER.into_iter().flat_map(of) {
        let pair: Vec<String> = [&id.published, &id.label]
            .into_iter()
            .map(|one| {
                if &*id.framework == "sp800-207" {
                    format!("SP 800-207 {one}")
                } else {
                    one.to_string()
                }
            })
            .filter(|one| !tags.contains(one))
            .collect();
        let is_two = pair.len() == 2 && pair.first() != pair.last();
        if tags.len() + if is_two { 2 } else { 1 } <= TAGS {
            tags.extend(pair.into_iter().take(if is_two { 2 } else { 1 }));
        }
    }
    tags.truncate(TAGS);
    tags
}

/// Two fingerprints: the project's, and the one by which GitHub tells alerts apart. Computed from the line, as
/// uploads do when it is absent, two findings of a kind on one line would be one alert (GitHub Docs, "SARIF support
/// for code scanning", data for preventing duplicated alerts).
fn fingerprints(fingerprint: &str) -> Value {
    let fingerprint = shown(fingerprint, 64);
    json!({
        "authgapFingerprint/v1": fingerprint,
        "primaryLocationLineHash": format!("{fingerprint}:1"),
    })
}

fn properties(finding: &FindingOut) -> Value {
    let safe = |texts: &[crate::model::Str]| -> Vec<String> {
        some_of(texts, 10).iter().map(|text| escape::sarif(text)).collect()
    };
    json!({
        "severity": finding.severity.as_str(),
        "security-severity": security_severity(finding.severity),
        "state": if is_new(finding) { "new".to_string() } else { shown(&finding.state, 20) },
        "facet": finding.facet.map(crate::intent::Facet::as_str),
        "subject": shown(&finding.subject, 300),
        "actions": safe(&finding.actions),
        "resources": safe(&finding.resources),
        "sharedWith": finding.shared_with,
    })
}

/// Accepted by a waiver, which is outside of the file (SARIF 2.1.0, 3.35).
fn suppression(reason: Option<&str>) -> Value {
    match reason {
        Some(reason) => {
            json!({"kind": "external", "status": "accepted", "justification": shown(reason, 500)})
        }
        None => json!({"kind": "external", "status": "accepted"}),
    }
}

/// A place in a file. No column: the report's are in bytes, SARIF's are not.
fn physical(place: &Location) -> Value {
    let artifact = match &place.spot {
        Spot::Inside(path) => json!({"uri": uri_path(path), "uriBaseId": "%SRCROOT%"}),
        Spot::Outside(path) if path.starts_with("..") => json!({"uri": uri_path(path)}),
        Spot::Outside(path) => {
            let slash = if path.starts_with('/') { "" } else { "/" };
            json!({"uri": format!("file://{slash}{}", uri_path(path))})
        }
    };
    json!({"physicalLocation": {
        "artifactLocation": artifact,
        "region": {"startLine": place.line},
    }})
}

/// A path in a URI (RFC 3986, 2.3 and 3.3): unreserved signs and `/` as they are, every other byte by its code. A
/// colon too, since a relative reference may not have one in its first segment.
fn uri_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[path = "sarif_tests.rs"]
mod tests;
