//! What the formats for pipelines have in common: which findings fail, and where in the repository each stands.
//!
//! It does not decide what is new or waived: that is the finding's state. It reads no file and asks no system:
//! where the repository is comes with the [`View`].

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Evidence, FindingOut, IdentityOut, Report};
use super::words::Names;
use super::{View, escape};
use crate::model::Str;

/// Where the repository is, so that places can be told relative to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    root: String,
    here: String,
}

impl Repository {
    /// A repository by its root, and the folder that relative paths start from; both absolute.
    pub fn new(root: &str, here: &str) -> Repository {
        let clean = |path: &str| normal(&path.replace('\\', "/"));
        Repository { root: clean(root), here: clean(here) }
    }
}

/// What a check concluded (`gate::check`), so that every output says the same as its exit status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Fingerprints of the findings that fail, those of ended waivers among them.
    pub failing: BTreeSet<Str>,
    /// Why there is no verdict, a sentence each; empty if there is one.
    pub problems: Vec<String>,
    /// Waivers that ended and whose finding is still there, a sentence each.
    pub ended: Vec<String>,
    /// What is granted beside all that and could not be judged: policies that are not in the evidence.
    pub not_judged: Vec<String>,
}

/// At most so many problems and ended waivers are told in an output with little room.
pub(super) const TOLD: usize = 5;

/// What a verdict has beside findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// There is none.
    NoVerdict,
    /// A waiver is past its end.
    WaiverEnded,
    /// A grant is not known.
    NotJudged,
}

impl About {
    /// An identifier.
    pub(super) fn id(self) -> &'static str {
        match self {
            About::NoVerdict => "no-verdict",
            About::WaiverEnded => "waiver-ended",
            About::NotJudged => "not-judged",
        }
    }

    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            About::NoVerdict => "no verdict",
            About::WaiverEnded => "waiver ended",
            About::NotJudged => "not judged",
        }
    }

    /// `error` for what fails, else `warning`.
    pub(super) fn level(self) -> &'static str {
        if self == About::NotJudged { "warning" } else { "error" }
    }
}

/// What a verdict has beside findings, worst first, a sentence each.
pub(super) fn remarks(view: &View) -> Vec<(About, &str)> {
    let Some(verdict) = &view.verdict else { return Vec::new() };
    let all = [
        (About::NoVerdict, &verdict.problems),
        (About::WaiverEnded, &verdict.ended),
        (About::NotJudged, &verdict.not_judged),
    ];
    all.into_iter()
        .flat_map(|(about, texts)| texts.iter().map(move |text| (about, text.as_str())))
        .collect()
}

/// A path as a pipeline sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// Relative to the root of the repository.
    Inside(String),
    /// Elsewhere; absolute, or relative and upwards.
    Outside(String),
}

/// Where a finding stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// The file.
    pub(super) spot: Spot,
    /// Line, from 1; 1 for a file as a whole and for a record of a file without lines.
    pub(super) line: u32,
}

/// Whether a finding fails a check: the check says so; without one it is new, and at or above the threshold
/// (`docs/cli.md`, exit status 1).
pub(super) fn fails(finding: &FindingOut, view: &View) -> bool {
    match &view.verdict {
        Some(verdict) => verdict.failing.contains(&finding.fingerprint),
        None => is_new(finding) && finding.severity >= view.fail_on,
    }
}

/// Whether it is neither accepted by a baseline nor waived.
pub(super) fn is_new(finding: &FindingOut) -> bool {
    &*finding.state == "new"
}

/// Whether it is waived.
pub(super) fn is_waived(finding: &FindingOut) -> bool {
    &*finding.state == "waived"
}

/// Numbers of the findings: what fails, then new before accepted before waived, worst first, then in the report's
/// order.
pub(super) fn worst_first(report: &Report, view: &View) -> Vec<usize> {
    let key = |at: &usize| {
        let one = report.findings.get(*at)?;
        let is_accepted = !is_new(one);
        Some((!fails(one, view), is_waived(one), is_accepted, std::cmp::Reverse(one.severity)))
    };
    let mut order: Vec<usize> = (0..report.findings.len()).collect();
    order.sort_by_key(key);
    order
}

/// What `authgap explain` is told to show more of a finding. A new grant is judged by a check alone, so that other
/// commands know of its kind only.
pub fn explained(finding: &FindingOut) -> String {
    if is_of_the_gate(&finding.kind) {
        return finding.kind.to_string();
    }
    super::words::short(&finding.fingerprint)
}

/// Whether a kind is found by a check alone.
pub(super) fn is_of_the_gate(kind: &str) -> bool {
    kind == "unjustified-grant"
}

/// Text as [`escape::terminal`] shows it, cut to so many characters with a mark. The text may be as long as somebody
/// likes, an output may not.
pub(super) fn bounded(text: &str, most: usize) -> String {
    let mut shown = escape::terminal(text);
    let start_of = |number: usize| shown.char_indices().nth(number).map(|(at, _)| at);
    if let (Some(_), Some(end)) = (start_of(most), start_of(most.saturating_sub(1))) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A list as text: the first `most`, then how many more.
pub(super) fn some_of<T: AsRef<str>>(texts: &[T], most: usize) -> Vec<String> {
    let mut out: Vec<String> =
        texts.iter().take(most).map(|text| bounded(text.as_ref(), 200)).collect();
    if texts.len() > most {
        out.push(format!("… and {} more", super::words::commas((texts.len() - most) as u64)));
    }
    out
}

/// Looks up what findings refer to.
pub(super) struct Places<'a> {
    report: &'a Report,
    view: &'a View,
    identities: BTreeMap<&'a str, &'a IdentityOut>,
    names: Names<'a>,
}

impl<'a> Places<'a> {
    pub(super) fn new(report: &'a Report, view: &'a View) -> Places<'a> {
        let identities = report.identities.iter().map(|one| (&*one.id, one)).collect();
        Places { report, view, identities, names: Names::new(report) }
    }

    /// The identity of a finding, if it is about one.
    pub(super) fn identity(&self, finding: &FindingOut) -> Option<&'a IdentityOut> {
        self.identities.get(&*finding.identity).copied()
    }

    /// The name of what a finding is about.
    pub(super) fn name<'b>(&self, finding: &'b FindingOut) -> &'b str
    where
        'a: 'b,
    {
        self.names.of(&finding.identity)
    }

    /// Where a piece of evidence stands.
    pub(super) fn evidence(&self, one: &Evidence) -> Location {
        self.at(&one.file, one.line)
    }

    /// Where a finding stands: the grant that did it, else the intent, else the use; else where its identity is
    /// described. A change is made to grants and intents; a use is the past.
    pub(super) fn finding(&self, finding: &FindingOut) -> Option<Location> {
        let rank = |one: &&Evidence| match &*one.side {
            "grant" => 0,
            "intent" => 1,
            _ => 2,
        };
        if let Some(one) = finding.evidence.iter().min_by_key(rank) {
            return Some(self.evidence(one));
        }
        let place = self.identity(finding)?.place.as_deref()?;
        let (file, line) = parse(place);
        Some(self.at(file, line))
    }

    /// A place for a finding that has none, for formats that must have one: the configuration, in which the estate
    /// is described, else the first file read.
    pub(super) fn anchor(&self) -> Location {
        const CONFIGURATION: &str = "authgap.yaml";
        let inputs = || self.report.inputs.iter().map(|input| input.path.as_str());
        let file = inputs().find(|path| path.ends_with(CONFIGURATION)).or_else(|| inputs().next());
        self.at(file.unwrap_or(CONFIGURATION), None)
    }

    fn at(&self, file: &str, line: Option<u32>) -> Location {
        Location {
            spot: spot(file, self.view.repository.as_ref()),
            line: line.filter(|line| *line > 0).unwrap_or(1),
        }
    }
}

/// File and line of `file:line:column`, `file#record` or `file`.
fn parse(place: &str) -> (&str, Option<u32>) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((file, record)) = place.rsplit_once('#')
        && is_number(record)
    {
        return (file, None);
    }
    let mut parts = place.rsplitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(column), Some(line), Some(file)) if is_number(column) && is_number(line) => {
            (file, line.parse().ok())
        }
        _ => (place, None),
    }
}

/// `/x` or `C:/x`.
fn is_absolute(path: &str) -> bool {
    let mut bytes = path.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(b'/'), _) => true,
        (Some(letter), Some(b':')) => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Without `.`, `//` and what `..` takes away, as text: links are not followed.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

fn spot(path: &str, repository: Option<&Repository>) -> Spot {
    let Some(Repository { root, here }) = repository else {
        let path = normal(path);
        let is_up = path == ".." || path.starts_with("../");
        return if is_absolute(&path) || is_up { Spot::Outside(path) } else { Spot::Inside(path) };
    };
    let whole = if is_absolute(path) { normal(path) } else { normal(&format!("{here}/{path}")) };
    match whole.strip_prefix(root.as_str()) {
        Some(rest) if root.ends_with('/') => Spot::Inside(rest.to_string()),
        Some(rest) if rest.starts_with('/') => {
            Spot::Inside(rest.trim_start_matches('/').to_string())
        }
        _ => Spot::Outside(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(path: &str) -> Spot {
        Spot::Inside(path.to_string())
    }

    fn outside(path: &str) -> Spot {
        Spot::Outside(path.to_string())
    }

    #[test]
    fn paths_are_told_relative_to_the_repository() {
        let here = Repository::new("/home/ci/repo", "/home/ci/repo/infra");
        for (path, expected) in [
            ("policy.json", inside("infra/policy.json")),
            ("./a//b/../policy.json", inside("infra/a/policy.json")),
            ("../main.tf", inside("main.tf")),
            ("/home/ci/repo/main.tf", inside("main.tf")),
            ("/home/ci/repository/main.tf", outside("/home/ci/repository/main.tf")),
            ("../../logs/a.gz", outside("/home/ci/logs/a.gz")),
            ("/../../etc/x", outside("/etc/x")),
        ] {
            assert_eq!(spot(path, Some(&here)), expected, "{path}");
        }
        let windows = Repository::new("C:\\repo", "C:\\repo");
        assert_eq!(spot("a/b.json", Some(&windows)), inside("a/b.json"));
        assert_eq!(spot("D:/b.json", Some(&windows)), outside("D:/b.json"));
        assert_eq!(spot("a", Some(&Repository::new("/", "/"))), inside("a"));
    }

    #[test]
    fn without_a_repository_relative_paths_stay() {
        for (path, expected) in [
            ("policy.json", inside("policy.json")),
            ("./a/../policy.json", inside("policy.json")),
            ("../policy.json", outside("../policy.json")),
            ("/evidence/policy.json", outside("/evidence/policy.json")),
        ] {
            assert_eq!(spot(path, None), expected, "{path}");
        }
    }

    #[test]
    fn places_are_taken_apart_from_their_end() {
        for (place, expected) in [
            ("a/iam.json:412:20", ("a/iam.json", Some(412))),
            ("a:1:2:3:4", ("a:1:2", Some(3))),
            ("a.gz#17", ("a.gz", None)),
            ("a#b.json:4:5", ("a#b.json", Some(4))),
            ("a.json", ("a.json", None)),
            ("a:99999999999:1", ("a", None)),
            ("a:b:c", ("a:b:c", None)),
            ("", ("", None)),
        ] {
            assert_eq!(parse(place), expected, "{place}");
        }
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("abcd", 3), "ab…");
        assert_eq!(bounded("äöüß", 3), "äö…");
        assert_eq!(some_of(&["a", "b", "c"], 2), ["a", "b", "… and 1 more"]);
    }
}
