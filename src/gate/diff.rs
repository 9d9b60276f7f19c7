//! Two states side by side: reports, folders of evidence, or sets of policies.
//!
//! Two bodies of evidence are compared by what they grant ([`super::atoms`]), so that a rewrite is no change. Where one
//! side is a report, permissions are compared by its rows; a folded row tells how many actions it stands for and not
//! which, so that services with one are compared by number. Owns the comparison; its text is `diff_words`'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::atoms::{self, Accepted};
use super::fold::fold;
use super::rename::{Rename, renames};
use crate::audit::{self, Evidence, Options};
use crate::diagnostic::Diagnostic;
use crate::evidence::Progress;
use crate::findings::Severity;
use crate::gap::Status;
use crate::model::Str;
use crate::report::model::{IdentityOut, PermissionOut, Report};
use crate::report::{build, json};

pub use super::diff_words::{markdown, table};

/// Version of the shape of the JSON.
pub const SCHEMA: &str = "authgap-diff/1";

/// The difference. Every list is sorted by identity, then by its own words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// `authgap-diff/1`.
    pub schema: &'static str,
    /// The earlier state, as given.
    pub old: String,
    /// The later state, as given.
    pub new: String,
    /// `grants`, or `rows` where a side is a report.
    pub compared_by: &'static str,
    /// Identities that only the later state has.
    pub identities_gained: Vec<IdentityRef>,
    /// Identities that only the earlier state has.
    pub identities_lost: Vec<IdentityRef>,
    /// Identities that changed their name only; in neither list above.
    pub renamed: Vec<Renamed>,
    /// Permissions gained by identities that both states have.
    pub permissions_gained: Vec<Permission>,
    /// Permissions lost by identities that both states have.
    pub permissions_lost: Vec<Permission>,
    /// Identities whose gap score differs.
    pub scores: Vec<Score>,
    /// The estate then.
    pub then: Totals,
    /// The estate now.
    pub now: Totals,
    /// Findings of the later state only, worst first.
    pub findings_new: Vec<FindingRef>,
    /// Findings of the earlier state only, worst first.
    pub findings_resolved: Vec<FindingRef>,
    /// How many findings both have.
    pub findings_unchanged: u64,
    /// What limits the comparison.
    pub notes: Vec<String>,
}

impl Diff {
    /// Whether no identity, permission or finding differs.
    pub fn is_same(&self) -> bool {
        self.identities_gained.is_empty()
            && self.identities_lost.is_empty()
            && self.renamed.is_empty()
            && self.permissions_gained.is_empty()
            && self.permissions_lost.is_empty()
            && self.findings_new.is_empty()
            && self.findings_resolved.is_empty()
    }
}

/// An identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct IdentityRef {
    /// Display name.
    pub name: Str,
    /// Canonical id.
    pub id: Str,
    /// Actions granted.
    pub granted: u64,
}

/// An identity that changed its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Renamed {
    /// Id then.
    pub from: Str,
    /// Id now.
    pub to: Str,
}

/// A permission that came or went.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Permission {
    /// Display name of the identity.
    pub identity: Str,
    /// Action patterns.
    pub actions: Vec<Str>,
    /// Resource patterns.
    pub resources: Vec<Str>,
    /// `conditional` or `ask`; empty for a plain grant.
    pub limit: Str,
    /// Where it is written, where the state is evidence.
    pub place: String,
}

/// A gap score that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Score {
    /// Display name of the identity.
    pub identity: Str,
    /// Then.
    pub then: Option<u32>,
    /// Now.
    pub now: Option<u32>,
}

/// The estate in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Identities judged.
    pub judged: u64,
    /// Median gap score.
    pub median_gap: Option<u32>,
    /// Actions granted, administrators left out.
    pub granted: u64,
    /// Of those, observable.
    pub observable: u64,
    /// Excess.
    pub excess: u64,
    /// Unknown.
    pub unknown: u64,
    /// Identities with an owner.
    pub with_owner: u64,
    /// Identities all of whose permissions are observable.
    pub fully_observable: u64,
    /// Identities with usage evidence.
    pub with_usage: u64,
    /// Findings.
    pub findings: u64,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRef {
    /// Fingerprint.
    pub fingerprint: Str,
    /// Severity.
    pub severity: Severity,
    /// Kind.
    pub kind: Str,
    /// Identity, or what else it is about, by display name.
    pub identity: Str,
    /// In a line.
    pub title: String,
}

/// One of the two states.
struct State {
    words: String,
    report: Report,
    evidence: Option<Evidence>,
}

/// Reads both states and compares them.
///
/// # Errors
/// Why one of them cannot be read.
pub fn diff(
    old: &Path,
    new: &Path,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Diff, Vec<Diagnostic>> {
    let (old, new) = (state(old, options, progress)?, state(new, options, progress)?);
    let mut out = frame(&old, &new);
    match (&old.evidence, &new.evidence) {
        (Some(before), Some(after)) => by_grants(before, after, &mut out),
        _ => by_rows(&old.report, &new.report, &mut out),
    }
    identities(&old.report, &new.report, &mut out);
    findings(&old.report, &new.report, &mut out);
    Ok(out)
}

fn state(
    path: &Path,
    options: &Options,
    progress: &dyn Progress,
) -> Result<State, Vec<Diagnostic>> {
    let words = path.to_string_lossy().into_owned();
    let head = crate::evidence::open_head(path).map(|head| head.text).unwrap_or_default();
    let start = &head[..head.len().min(256)];
    if path.is_file() && memchr::memmem::find(start, b"\"authgap-report/").is_some() {
        let report = crate::evidence::read_whole(path)
            .map_err(|error| error.to_string())
            .and_then(|whole| json::read(&whole.bytes))
            .map_err(|reason| vec![Diagnostic::error("diff", format!("{words}: {reason}"))])?;
        return Ok(State { words, report, evidence: None });
    }
    let mut options = options.clone();
    options.paths = vec![PathBuf::from(path)];
    let evidence = audit::read(&options, progress)?;
    let report = {
        let outcome = audit::analyse(&evidence, &options);
        build::build(&evidence, &outcome, &options)
    };
    Ok(State { words, report, evidence: Some(evidence) })
}

fn frame(old: &State, new: &State) -> Diff {
    let mut notes = Vec::new();
    if old.report.as_of != new.report.as_of {
        let day = |report: &Report| {
            report.as_of.map_or_else(|| "no time".to_string(), |as_of| as_of.0.date().to_string())
        };
        notes.push(format!("made as of {} and {}", day(&old.report), day(&new.report)));
    }
    if old.report.catalogue != new.report.catalogue {
        notes.push("the action catalogues differ: wildcards may mean other actions".to_string());
    }
    let is_grants = old.evidence.is_some() && new.evidence.is_some();
    Diff {
        schema: SCHEMA,
        old: old.words.clone(),
        new: new.words.clone(),
        compared_by: if is_grants { "grants" } else { "rows" },
        identities_gained: Vec::new(),
        identities_lost: Vec::new(),
        renamed: Vec::new(),
        permissions_gained: Vec::new(),
        permissions_lost: Vec::new(),
        scores: Vec::new(),
        then: totals(&old.report),
        now: totals(&new.report),
        findings_new: Vec::new(),
        findings_resolved: Vec::new(),
        findings_unchanged: 0,
        notes,
    }
}

fn totals(report: &Report) -> Totals {
    let summary = &report.summary;
    Totals {
        judged: summary.judged,
        median_gap: summary.median_gap,
        granted: summary.counts.granted,
        observable: summary.counts.observable,
        excess: summary.counts.excess,
        unknown: summary.counts.unknown,
        with_owner: summary.with_owner,
        fully_observable: summary.fully_observable,
        with_usage: summary.with_usage,
        findings: report.findings.len() as u64,
    }
}

type Key<'a> = (&'a str, &'a str);

fn keyed(report: &Report) -> BTreeMap<Key<'_>, &IdentityOut> {
    report.identities.iter().map(|one| ((&*one.platform, &*one.id), one)).collect()
}

fn identities(old: &Report, new: &Report, out: &mut Diff) {
    let (before, after) = (keyed(old), keyed(new));
    let from: BTreeSet<&str> = out.renamed.iter().map(|one| &*one.from).collect();
    let to: BTreeSet<&str> = out.renamed.iter().map(|one| &*one.to).collect();
    let only = |mine: &BTreeMap<Key<'_>, &IdentityOut>,
                theirs: &BTreeMap<Key<'_>, &IdentityOut>,
                renamed: &BTreeSet<&str>| {
        let fresh = mine.iter().filter(|(key, _)| !theirs.contains_key(*key));
        let mut list: Vec<IdentityRef> = fresh
            .filter(|((_, id), _)| !renamed.contains(id))
            .map(|(_, one)| IdentityRef {
                name: one.name.clone(),
                id: one.id.clone(),
                granted: one.counts.granted,
            })
            .collect();
        list.sort();
        list
    };
    let gained = only(&after, &before, &to);
    let lost = only(&before, &after, &from);
    (out.identities_gained, out.identities_lost) = (gained, lost);
    for (key, now) in &after {
        let Some(then) = before.get(key) else { continue };
        if then.gap_score != now.gap_score {
            let (then, score) = (then.gap_score, now.gap_score);
            out.scores.push(Score { identity: now.name.clone(), then, now: score });
        }
    }
    out.scores.sort();
}

fn by_grants(before: &Evidence, after: &Evidence, out: &mut Diff) {
    let (old, new) = (atoms::holders(before), atoms::holders(after));
    let (was, is) = (Accepted::new(old.clone()), Accepted::new(new.clone()));
    let renames: Vec<Rename> = renames(&was, &new);
    out.renamed =
        renames.iter().map(|one| Renamed { from: one.from.clone(), to: one.to.clone() }).collect();
    out.renamed.sort();
    out.permissions_gained = beyond(after, &was);
    out.permissions_lost = beyond(before, &is);
}

/// What the grants of one state hold beyond another, of identities that both have.
fn beyond(evidence: &Evidence, other: &Accepted) -> Vec<Permission> {
    let both: Vec<bool> = evidence
        .identities
        .iter()
        .map(|one| other.holders.contains_key(&(one.platform.clone(), one.id.clone())))
        .collect();
    let of = |platform: &str, id: &str| other.of(platform, id).to_vec();
    let fresh = atoms::fresh(evidence, &both, &of);
    let mut out = Vec::new();
    for (identity, grants) in evidence.identities.iter().zip(&fresh) {
        if grants.is_empty() {
            continue;
        }
        let Some(evaluator) = evidence.evaluators.get(&identity.platform) else { continue };
        let set = evaluator.grants(identity, &evidence.catalogue);
        for one in grants {
            let Some(row) = set.rows.get(one.row as usize) else { continue };
            let limit = match row.decision {
                crate::model::Decision::Allow => "",
                crate::model::Decision::Conditional => "conditional",
                crate::model::Decision::Ask => "ask",
            };
            let place = row.origin.iter().find_map(|origin| origin.place);
            out.push(Permission {
                identity: identity.name.clone(),
                actions: fold(&one.actions, &identity.platform, &evidence.catalogue),
                resources: one.resources.clone(),
                limit: limit.into(),
                place: place.map_or_else(String::new, |place| {
                    place.show(evidence.paths.get(place.file as usize).map_or("?", String::as_str))
                }),
            });
        }
    }
    out.sort();
    out.dedup();
    out
}

/// An identity's granted permissions in a report: by service, whole or by action.
#[derive(Default)]
struct Service<'a> {
    /// Actions that have a row of their own, with their resources.
    actions: BTreeMap<&'a str, BTreeSet<&'a Str>>,
    /// Actions in folded rows.
    folded: u64,
}

fn services(identity: &IdentityOut) -> BTreeMap<&str, Service<'_>> {
    let mut out: BTreeMap<&str, Service<'_>> = BTreeMap::new();
    let is_granted = |row: &&PermissionOut| {
        !row.granted_by.is_empty()
            && !matches!(row.status, Status::Unexplained | Status::Shortfall | Status::NotGranted)
    };
    for row in identity.permissions.iter().filter(is_granted) {
        let service = row.action.split(':').next().unwrap_or_default();
        let service = out.entry(service).or_default();
        if row.folded > 1 {
            service.folded += u64::from(row.folded);
        } else {
            // A row of use lists what was used; what is granted stands in the grants that it names.
            let grants = row.granted_by.iter().filter_map(|at| identity.grants.get(*at as usize));
            let resources = grants.flat_map(|grant| &grant.resources);
            service.actions.entry(&row.action).or_default().extend(resources);
        }
    }
    out
}

fn by_rows(old: &Report, new: &Report, out: &mut Diff) {
    let (before, after) = (keyed(old), keyed(new));
    let mut is_folded = false;
    for (key, now) in &after {
        let Some(then) = before.get(key) else { continue };
        let (was, is) = (services(then), services(now));
        let names: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
        let empty = Service::default();
        for name in names {
            let then = was.get(name).unwrap_or(&empty);
            let here = is.get(name).unwrap_or(&empty);
            if then.folded + here.folded > 0 {
                is_folded = true;
                by_number(&now.name, name, (then, here), out);
                continue;
            }
            out.permissions_gained.extend(more(&now.name, here, then));
            out.permissions_lost.extend(more(&now.name, then, here));
        }
    }
    if is_folded {
        let note = "folded rows are compared by number: write reports with --expand for names";
        out.notes.push(note.to_string());
    }
    out.permissions_gained.sort();
    out.permissions_lost.sort();
}

fn by_number(
    identity: &Str,
    service: &str,
    (then, now): (&Service<'_>, &Service<'_>),
    out: &mut Diff,
) {
    let size = |one: &Service<'_>| one.folded + one.actions.len() as u64;
    let (was, is) = (size(then), size(now));
    let change = |count: u64| Permission {
        identity: identity.clone(),
        actions: vec![format!("{service}:* ({count} actions, {was} then, {is} now)").into()],
        resources: Vec::new(),
        limit: "".into(),
        place: String::new(),
    };
    match is.checked_sub(was) {
        Some(0) => {}
        Some(more) => out.permissions_gained.push(change(more)),
        None => out.permissions_lost.push(change(was - is)),
    }
}

/// Actions and resources that one side's rows hold beyond the other's.
fn more(identity: &Str, mine: &Service<'_>, theirs: &Service<'_>) -> Vec<Permission> {
    let mut out = Vec::new();
    for (action, resources) in &mine.actions {
        let known = theirs.actions.get(action);
        let beyond: Vec<Str> = resources
            .iter()
            .filter(|resource| {
                let glob = crate::model::Glob::new(resource);
                let held = |one: &&Str| crate::model::Glob::new(one).contains(&glob);
                !known.is_some_and(|known| known.iter().any(held))
            })
            .map(|resource| (*resource).clone())
            .collect();
        if !beyond.is_empty() || (known.is_none() && resources.is_empty()) {
            out.push(Permission {
                identity: identity.clone(),
                actions: vec![(*action).into()],
                resources: beyond,
                limit: "".into(),
                place: String::new(),
            });
        }
    }
    out
}

fn findings(old: &Report, new: &Report, out: &mut Diff) {
    let known = |report: &Report| -> BTreeSet<Str> {
        report.findings.iter().map(|finding| finding.fingerprint.clone()).collect()
    };
    let (before, after) = (known(old), known(new));
    out.findings_unchanged = before.intersection(&after).count() as u64;
    out.findings_new = refs(new, &before);
    out.findings_resolved = refs(old, &after);
}

fn refs(report: &Report, known: &BTreeSet<Str>) -> Vec<FindingRef> {
    let names: BTreeMap<&str, &Str> =
        report.identities.iter().map(|one| (&*one.id, &one.name)).collect();
    let mut out: Vec<FindingRef> = report
        .findings
        .iter()
        .filter(|finding| !known.contains(&finding.fingerprint))
        .map(|finding| FindingRef {
            fingerprint: finding.fingerprint.clone(),
            severity: finding.severity,
            kind: finding.kind.clone(),
            identity: names
                .get(&*finding.identity)
                .map_or_else(|| finding.identity.clone(), |name| (*name).clone()),
            title: finding.title.to_string(),
        })
        .collect();
    out.sort_by(|left, right| {
        (std::cmp::Reverse(left.severity), &left.identity, &left.kind, &left.fingerprint).cmp(&(
            std::cmp::Reverse(right.severity),
            &right.identity,
            &right.kind,
            &right.fingerprint,
        ))
    });
    out
}
