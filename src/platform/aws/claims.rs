//! What last-accessed reports, last-used dates and Access Analyzer may conclude.
//!
//! Rules: IAM User Guide, access_policies_last-accessed (tracking periods; attempts count whether allowed or
//! denied; a service is listed only if the identity's own policies allow it; up to four hours of delay),
//! id_roles_manage_delete (a role's last use covers 400 days); Access Analyzer API Reference, GetFindingV2.
//! AWS does not say whose a last-accessed report is; the last entity inside is who accessed last, which may
//! be somebody else, and is never taken for the owner.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::arn::Arn;
use super::documents::Evidence;
use super::documents::access::{Finding, Report, Unused};
use super::documents::entities::LastUse;
use crate::model::{Claim, ClaimScope, Intervals, Place, Rw, Says, Select, Source, Str, Time};
use crate::platform::LogSummary;

/// Days that IAM keeps last-accessed facts.
const TRACKED_DAYS: i64 = 400;

/// Seconds until a use shows up in a report.
const DELAY: i64 = 4 * 3_600;

/// Which identity a file is about, by the ways in which files say it.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// Ids by ARN with every separator as `_`.
    by_arn: HashMap<String, Option<Str>>,
    /// Ids by name in lower case, with and without `role-`, `user-`; `None` if several share it.
    by_name: HashMap<String, Option<Str>>,
}

fn folded(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect()
}

impl Owners {
    /// Indexes identities: id, name, whether it is a user.
    pub(crate) fn new<'a>(identities: impl Iterator<Item = (&'a Str, &'a Str, bool)>) -> Owners {
        let mut owners = Owners::default();
        fn put(index: &mut HashMap<String, Option<Str>>, key: String, id: &Str) {
            index
                .entry(key)
                .and_modify(|known| *known = known.take().filter(|known| known == id))
                .or_insert_with(|| Some(id.clone()));
        }
        for (id, name, is_user) in identities {
            put(&mut owners.by_arn, folded(id), id);
            let name = name.to_ascii_lowercase();
            let kind = if is_user { "user" } else { "role" };
            for separator in ['-', '_', '.'] {
                put(&mut owners.by_name, format!("{kind}{separator}{name}"), id);
            }
            put(&mut owners.by_name, name, id);
        }
        owners
    }

    /// The identity that a file's name tells, if it is exactly one.
    pub(crate) fn of_name(&self, stem: &str) -> Option<Str> {
        let decoded = super::documents::pool::percent_decoded(stem);
        let stem = decoded.as_deref().unwrap_or(stem);
        if let Some(Some(id)) = self.by_arn.get(&folded(stem)) {
            return Some(id.clone());
        }
        let lower = stem.to_ascii_lowercase();
        if let Some(known) = self.by_name.get(&lower) {
            return known.clone();
        }
        self.within(&lower)
    }

    /// The one name that is a part of the text between separators; a longer name hides the shorter ones in
    /// it.
    fn within(&self, text: &str) -> Option<Str> {
        let mut cuts: Vec<usize> = vec![0];
        for (at, c) in text.char_indices() {
            if !c.is_alphanumeric() {
                cuts.push(at);
                cuts.push(at + c.len_utf8());
            }
        }
        cuts.push(text.len());
        cuts.truncate(64);
        let mut hits: Vec<(usize, usize, &Option<Str>)> = Vec::new();
        for (position, begin) in cuts.iter().enumerate() {
            for end in cuts.iter().skip(position + 1) {
                // Short names occur by chance in job ids.
                let part = text.get(*begin..*end).filter(|part| part.len() >= 5);
                if let Some(owner) = part.and_then(|part| self.by_name.get(part)) {
                    hits.push((*begin, *end, owner));
                }
            }
        }
        let widest: Vec<&(usize, usize, &Option<Str>)> = hits
            .iter()
            .filter(|hit| {
                !hits.iter().any(|other| {
                    other.0 <= hit.0 && hit.1 <= other.1 && (other.1 - other.0) > (hit.1 - hit.0)
                })
            })
            .collect();
        match widest.as_slice() {
            [(_, _, owner)] => (*owner).clone(),
            _ => None,
        }
    }
}

/// Collects claims and notes.
pub(crate) struct Maker<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) owners: &'a Owners,
    pub(crate) claims: &'a mut Vec<Claim>,
    pub(crate) notes: &'a mut Vec<(Option<Place>, String)>,
}

/// The parts of a claim about one identity that differ from claim to claim.
struct About<'a> {
    source: Source,
    id: &'a Str,
    basis: &'a Str,
    place: Place,
}

impl About<'_> {
    fn claim(&self, says: Says, actions: Select, covered: Intervals) -> Claim {
        Claim {
            platform: "aws".into(),
            source: self.source,
            says,
            scope: ClaimScope::Identity(self.id.clone()),
            own_policies_only: self.source == Source::LastAccessedService && says == Says::NotSeen,
            actions,
            rw: Rw::All,
            resources: None,
            region: None,
            covered,
            basis: self.basis.clone(),
            place: Some(self.place),
        }
    }
}

/// The canonical id of an ARN that a document states: with path where the evidence has it.
pub(crate) fn canonical(evidence: &Evidence, arn: &str) -> Str {
    if evidence.by_arn.contains_key(arn) {
        return arn.into();
    }
    let key = Arn::parse(arn).and_then(|parts| {
        let (kind, name) = parts.iam()?;
        let key: Str = format!("{kind}/{}", name.to_ascii_lowercase()).into();
        Some((Str::from(parts.account), key))
    });
    key.and_then(|key| evidence.by_name.get(&key).cloned()).unwrap_or_else(|| arn.into())
}

impl Maker<'_> {
    /// Claims of last-accessed reports.
    pub(crate) fn reports(&mut self) {
        let jobs: BTreeMap<&str, Option<Str>> = self
            .evidence
            .jobs
            .iter()
            .map(|job| {
                let owner = job.arn.clone().or_else(|| self.owners.of_name(&job.stem));
                (job.id.as_str(), owner)
            })
            .collect();
        for report in &self.evidence.reports {
            match self.owner(report, &jobs) {
                Some(owner) => self.report(report, &owner),
                None => self.notes.push((
                    Some(report.place),
                    format!(
                        "owner not stated, {} services not used: add `\"Arn\"`, or put its job file beside it",
                        report.services.len()
                    ),
                )),
            }
        }
    }

    fn owner(&self, report: &Report, jobs: &BTreeMap<&str, Option<Str>>) -> Option<Str> {
        let arn = match &report.arn {
            Some(arn) => Some(arn.clone()),
            None => match jobs.get(report.stem.as_str()) {
                Some(owner) => owner.clone(),
                None => self.owners.of_name(&report.stem),
            },
        }?;
        let is_identity = Arn::parse(&arn)
            .and_then(|parts| parts.iam())
            .is_some_and(|(kind, _)| kind == "role" || kind == "user");
        // Reports about groups and policies mix identities.
        is_identity.then(|| canonical(self.evidence, &arn))
    }

    fn report(&mut self, report: &Report, owner: &Str) {
        if Arn::parse(owner).is_none_or(|arn| arn.partition != "aws") {
            let text = "last-accessed facts are tracked in the partition aws only: not used";
            self.notes.push((Some(report.place), text.to_string()));
            return;
        }
        let Some(made) = report.made else {
            let text = "the report has no date: it proves no absence of use";
            self.notes.push((Some(report.place), text.to_string()));
            self.report_times(report, owner, None);
            return;
        };
        self.report_times(report, owner, Some(made));
    }

    fn report_times(&mut self, report: &Report, owner: &Str, made: Option<Time>) {
        let date = made.map_or_else(|| "no date".to_string(), Time::date);
        let basis: Str = format!("last-accessed report of {date}").into();
        let window = |start: Option<Time>| {
            let made = made?;
            let from = made.plus_days(-TRACKED_DAYS).max(start?);
            Some(Intervals::span(from, made.plus_seconds(-DELAY))).filter(|span| !span.is_empty())
        };
        for service in &report.services {
            let about = |source| About { source, id: owner, basis: &basis, place: service.place };
            let by_service = about(Source::LastAccessedService);
            let select = Select::Service(service.namespace.clone());
            match service.last {
                Some(time) => {
                    let at = Intervals::at(time);
                    self.claims.push(by_service.claim(Says::Attempted, select, at));
                }
                None => {
                    let covered = window(Time::from_civil((2015, 10, 1), (0, 0, 0)));
                    let claim =
                        covered.map(|covered| by_service.claim(Says::NotSeen, select, covered));
                    self.claims.extend(claim);
                }
            }
            let by_action = about(Source::LastAccessedAction);
            for (action, last) in &service.actions {
                let select = Select::Pattern(action.clone());
                let claim = match last {
                    Some(time) => {
                        Some(by_action.claim(Says::Attempted, select, Intervals::at(*time)))
                    }
                    None => window(tracking_start(&service.namespace))
                        .map(|covered| by_action.claim(Says::NotSeen, select, covered)),
                };
                self.claims.extend(claim);
            }
        }
    }

    /// Roles that an export says were never used within the tracking period.
    ///
    /// The date of an export is known from the evidence script; else it lies between the newest date in it
    /// and `as_of`, and the claim is made for the time that the period covers in either case.
    pub(crate) fn last_used(&mut self, logs: &LogSummary) {
        for export in &self.evidence.exports {
            if export.has_roles && !export.has_last_used {
                if logs.as_of.is_none() {
                    continue;
                }
                let text = "no `RoleLastUsed` in this export: it says nothing about roles' use";
                self.notes.push((Some(Place::file(export.file)), text.to_string()));
                continue;
            }
            let collected = self.collected(export.file);
            let (earliest, latest) = match collected {
                Some((start, end)) => (Some(start), end),
                // Without logs the newest date of the export is the time as of which all is judged.
                None => match logs.as_of.or(export.newest) {
                    Some(as_of) => (export.newest, as_of),
                    None => continue,
                },
            };
            let Some(earliest) = earliest else { continue };
            let from = latest.plus_days(-TRACKED_DAYS);
            let basis: Str =
                format!("role last used, export of {} or later", earliest.date()).into();
            let roles = self.evidence.entities.get(export.entities.clone());
            for role in roles.unwrap_or_default() {
                let is_never = matches!(role.last_use, LastUse::Never | LastUse::Unstated);
                let is_old = role.created.is_some_and(|created| created.plus_days(1) <= earliest);
                let is_tracked = role.arn.starts_with("arn:aws:");
                if role.is_user || !is_never || !is_old || !is_tracked {
                    continue;
                }
                let from = role.created.map_or(from, |created| created.max(from));
                let covered = Intervals::span(from, earliest.plus_seconds(-DELAY));
                if !covered.is_empty() {
                    let about = About {
                        source: Source::LastUsed,
                        id: &role.arn,
                        basis: &basis,
                        place: role.place,
                    };
                    self.claims.push(about.claim(Says::NotSeen, Select::Everything, covered));
                }
            }
        }
    }

    /// Start and end of the run of the evidence script that wrote a file.
    fn collected(&self, file: u32) -> Option<(Time, Time)> {
        let path = self.evidence.paths.get(&file)?;
        self.evidence.collections.iter().find_map(|(folder, start, end)| {
            let inside = path.strip_prefix(folder.as_str())?;
            (inside.starts_with('/') || folder.is_empty()).then_some(())?;
            Some((*start.as_ref()?, (*end).or(*start)?))
        })
    }

    /// Claims of Access Analyzer. The window is a setting of the analyzer: without it only a finding's own
    /// last access says since when.
    pub(crate) fn findings(&mut self) {
        let age = match self.evidence.analyzer_ages.as_slice() {
            [age] => Some(*age),
            _ => None,
        };
        let mut open = 0;
        for finding in &self.evidence.findings {
            for unused in &finding.unused {
                open += usize::from(!self.unused(finding, unused, age));
            }
        }
        if open > 0 {
            let text = format!(
                "{open} unused-access findings do not say since when: the analyzer's age is not in the evidence"
            );
            self.notes.push((None, text));
        }
    }

    fn unused(&mut self, finding: &Finding, unused: &Unused, age: Option<i64>) -> bool {
        let (select, last) = match unused {
            Unused::Identity(last) => (Select::Everything, *last),
            Unused::Service(name, last) => (Select::Service(name.clone()), *last),
            Unused::Action(name, last) => (Select::Pattern(name.clone()), *last),
        };
        let id = canonical(self.evidence, &finding.resource);
        let basis: Str = "Access Analyzer unused-access finding".into();
        let about = About {
            // The finding rests on the service level of last-accessed facts, with its limits: permissions
            // that no call carries, such as passing a role, do not show in it.
            source: match unused {
                Unused::Service(..) => Source::LastAccessedService,
                Unused::Identity(_) | Unused::Action(..) => Source::Recommender,
            },
            id: &id,
            basis: &basis,
            place: finding.place,
        };
        if let Some(last) = last {
            let at = Intervals::at(last);
            self.claims.push(about.claim(Says::Attempted, select.clone(), at));
        }
        let Some(analyzed) = finding.analyzed else {
            return false;
        };
        let since_last = last.map(|last| last.plus_seconds(1));
        let since_window = age.map(|age| analyzed.plus_days(-age));
        let Some(from) = since_last.or(since_window) else {
            return false;
        };
        let covered = Intervals::span(from, analyzed.plus_seconds(-DELAY));
        let mut claim = about.claim(Says::NotSeen, select, covered);
        // Built on last-accessed facts, which know only the identity's own policies.
        claim.own_policies_only = true;
        self.claims.push(claim);
        true
    }
}

/// Since when actions of a service are tracked (IAM User Guide, access_policies_last-accessed).
fn tracking_start(service: &str) -> Option<Time> {
    let date = match service.to_ascii_lowercase().as_str() {
        "s3" => (2020, 4, 12),
        "ec2" | "iam" | "lambda" => (2021, 4, 7),
        _ => (2023, 5, 23),
    };
    Time::from_civil(date, (0, 0, 0))
}
