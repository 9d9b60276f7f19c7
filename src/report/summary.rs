//! The summary and the rollups: sums over what the report holds.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{IdentityOut, Report, Rollup, Shorter, Summary, UnknownGroup, Worst};
use crate::audit::{Evidence, Outcome};
use crate::findings::Severity;
use crate::gap::{Counts, Reason, Status};
use crate::intent::Facet;
use crate::model::{ClaimScope, Intervals, Label, Says, Select, Str};
use crate::platform;

/// How many of the worst identities the summary names.
const WORST: usize = 4;

pub(super) fn empty() -> Summary {
    Summary {
        judged: 0,
        with_findings: 0,
        with_excess: 0,
        administrators: 0,
        folded: BTreeMap::new(),
        counts: Counts::default(),
        by_status: BTreeMap::new(),
        median_gap: None,
        findings: BTreeMap::new(),
        with_owner: 0,
        fully_observable: 0,
        with_usage: 0,
        worst: Vec::new(),
        unknown: Vec::new(),
        unknown_identities: 0,
        shorter: Vec::new(),
        observed: Vec::new(),
        events: 0,
        duplicates: 0,
        remarks: Vec::new(),
        notes: Vec::new(),
    }
}

pub(super) fn summary(evidence: &Evidence, outcome: &Outcome<'_>, report: &Report) -> Summary {
    let judged: Vec<&IdentityOut> = report.identities.iter().filter(|one| one.judged).collect();
    let counted = || judged.iter().filter(|one| one.administrator.is_none());
    let mut counts = Counts::default();
    let mut by_status: BTreeMap<Status, u64> = BTreeMap::new();
    for identity in counted() {
        counts.add(&identity.counts);
        for (status, number) in &identity.by_status {
            *by_status.entry(*status).or_default() += number;
        }
    }
    let with_findings: BTreeSet<&Str> =
        report.findings.iter().map(|finding| &finding.identity).collect();
    let mut findings: BTreeMap<Severity, u64> = BTreeMap::new();
    for finding in &report.findings {
        *findings.entry(finding.severity).or_default() += 1;
    }
    let holds_too_much = |one: &IdentityOut| {
        one.counts.excess + one.counts.stale + one.counts.drift > 0 || one.administrator.is_some()
    };
    let is_observable =
        |one: &IdentityOut| one.counts.granted > 0 && one.counts.observable == one.counts.granted;
    let has_usage = |one: &IdentityOut| one.last_used.is_some() || one.counts.denied > 0;
    let number =
        |test: &dyn Fn(&IdentityOut) -> bool| judged.iter().filter(|one| test(one)).count() as u64;
    Summary {
        judged: judged.len() as u64,
        with_findings: number(&|one| with_findings.contains(&one.id)),
        with_excess: number(&holds_too_much),
        administrators: number(&|one| one.administrator.is_some()),
        folded: folded(report),
        counts,
        by_status,
        median_gap: median(judged.iter().filter_map(|one| one.gap_score).collect()),
        findings,
        with_owner: number(&|one| one.owner.is_some()),
        fully_observable: number(&is_observable),
        with_usage: number(&has_usage),
        worst: worst(report),
        unknown: unknown(outcome),
        unknown_identities: counted().filter(|one| one.counts.unknown > 0).count() as u64,
        shorter: outcome
            .shorter
            .iter()
            .map(|(days, permissions, identities)| Shorter {
                days: *days,
                permissions: *permissions,
                identities: *identities,
            })
            .collect(),
        observed: observed(evidence, outcome),
        events: evidence.events,
        duplicates: evidence.duplicates,
        remarks: evidence.remarks.clone(),
        notes: evidence.notes.iter().cloned().chain(undecided(outcome)).collect(),
    }
}

/// Of how many used permissions the evidence does not tell whether the intent means the use, and in what respect.
fn undecided(outcome: &Outcome<'_>) -> Option<String> {
    let (mut permissions, mut identities) = (0, 0);
    let mut facets: BTreeMap<Facet, u64> = BTreeMap::new();
    for gap in outcome.analysis.gaps.iter().filter(|gap| outcome.judged[gap.identity]) {
        let before = permissions;
        for row in gap.rows.iter().filter(|row| !row.undecided.is_empty()) {
            permissions += 1;
            for facet in row.undecided.iter() {
                *facets.entry(facet).or_default() += 1;
            }
        }
        identities += u64::from(permissions > before);
    }
    let mut by: Vec<(Facet, u64)> = facets.into_iter().collect();
    by.sort_by_key(|(facet, number)| (std::cmp::Reverse(*number), *facet));
    let by: Vec<String> =
        by.iter().map(|(facet, number)| format!("{} {number}", facet.as_str())).collect();
    (permissions > 0).then(|| {
        let whose = if identities == 1 { "identity" } else { "identities" };
        let what = if permissions == 1 { "permission" } else { "permissions" };
        format!(
            "the logs do not tell whether the intent means {permissions} used {what} of {identities} {whose}: {}",
            by.join(", ")
        )
    })
}

fn median(mut values: Vec<u32>) -> Option<u32> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Identities that are not judged, each by the first label that says why.
fn folded(report: &Report) -> BTreeMap<String, u64> {
    let why = [Label::ServiceLinked, Label::Vendor, Label::External, Label::Human];
    let mut folded = BTreeMap::new();
    for identity in report.identities.iter().filter(|one| !one.judged) {
        let label = why
            .iter()
            .map(|label| label.as_str())
            .find(|label| identity.labels.iter().any(|mine| mine == label));
        *folded.entry(label.unwrap_or(identity.kind.as_str()).to_string()).or_default() += 1;
    }
    folded
}

/// Kinds that tell what happened or could happen now, before those that tell what could be tidied up.
const TELLING: [&str; 8] = [
    "out-of-scope-action",
    "wrong-environment",
    "wrong-destination",
    "expired-relationship",
    "administrative-grant",
    "sensitive-without-condition",
    "unexplained-activity",
    "never-used-identity",
];

/// The most telling finding of each of the first identities, which are the worst.
fn worst(report: &Report) -> Vec<Worst> {
    let mut out: Vec<Worst> = Vec::new();
    for identity in report.identities.iter().filter(|one| one.judged).take(WORST * 4) {
        let rank = |kind: &str| TELLING.iter().position(|telling| *telling == kind);
        let first = report
            .findings
            .iter()
            .filter(|finding| {
                finding.identity == identity.id
                    && finding.severity >= Severity::Medium
                    && &*finding.state != "waived"
            })
            .min_by_key(|finding| {
                let rank = rank(&finding.kind).unwrap_or(TELLING.len());
                (std::cmp::Reverse(finding.severity), rank)
            });
        if let Some(finding) = first {
            let age = match (finding.date, report.as_of) {
                (Some(date), Some(as_of)) => {
                    format!(", {}, {} d", date.0.date(), date.0.age_days(as_of.0))
                }
                _ => finding.age_note.as_ref().map(|age| format!(", {age}")).unwrap_or_default(),
            };
            out.push(Worst {
                identity: identity.id.clone(),
                name: identity.name.clone(),
                text: format!("{}: {}{age}", finding.kind, finding.title),
                finding: finding.fingerprint.clone(),
            });
        }
        if out.len() == WORST {
            break;
        }
    }
    out
}

/// Unknown permissions of judged identities that are no administrators, by reason, with the switches that would
/// resolve them.
fn unknown(outcome: &Outcome<'_>) -> Vec<UnknownGroup> {
    let analysis = &outcome.analysis;
    let mut groups: BTreeMap<Reason, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for gap in &analysis.gaps {
        if !outcome.judged[gap.identity] || gap.is_admin {
            continue;
        }
        let platform = platform::by_id(&analysis.identity(gap).platform);
        for row in gap.rows.iter().filter(|row| row.status == Status::Unknown) {
            let reason = row.reason.unwrap_or(Reason::NotLogged);
            let group = groups.entry(reason).or_default();
            group.0 += row.actions.len() as u64;
            if !matches!(reason, Reason::NotLogged | Reason::ShortWindow) {
                continue;
            }
            for id in &row.actions {
                let class = analysis.input.catalogue.class_of(*id);
                let switch = match reason {
                    Reason::ShortWindow => Some("a longer span of the same logs".to_string()),
                    _ => platform.and_then(|platform| platform.switch(class)),
                };
                if let Some(switch) = switch {
                    *group.1.entry(switch).or_default() += 1;
                }
            }
        }
    }
    groups
        .into_iter()
        .map(|(reason, (permissions, switches))| {
            let mut resolves: Vec<(String, u64)> = switches.into_iter().collect();
            resolves.sort_by(|left, right| (right.1, &left.0).cmp(&(left.1, &right.0)));
            UnknownGroup { reason, permissions, resolves }
        })
        .collect()
}

/// How long each platform's classes were observed within the window: `aws management: 90 of 90 d`.
fn observed(evidence: &Evidence, outcome: &Outcome<'_>) -> Vec<String> {
    let Some(window) = outcome.analysis.input.window else { return Vec::new() };
    let span = Intervals::span(window.from, window.to);
    let mut rows: BTreeMap<(Str, String), Intervals> = BTreeMap::new();
    let mut reports: BTreeMap<Str, u32> = BTreeMap::new();
    let mut logs: BTreeMap<Str, Intervals> = BTreeMap::new();
    for claim in evidence.claims.iter().filter(|claim| claim.says == Says::NotSeen) {
        match (&claim.scope, &claim.actions) {
            (ClaimScope::Identity(id), _) if !claim.source.is_report() => {
                let row = logs.entry(id.clone()).or_default();
                *row = row.union(&claim.covered);
            }
            (ClaimScope::Identity(id), _) => {
                let days = reports.entry(id.clone()).or_default();
                *days = (*days).max(claim.covered.days());
            }
            (_, Select::Class(class)) => {
                let row =
                    rows.entry((claim.platform.clone(), format!("{class} events"))).or_default();
                *row = row.union(&claim.covered);
            }
            (_, Select::Pattern(pattern) | Select::Service(pattern)) => {
                let row = rows.entry((claim.platform.clone(), pattern.to_string())).or_default();
                *row = row.union(&claim.covered);
            }
            (_, Select::Everything) => {
                let key = (claim.platform.clone(), "everything".to_string());
                let row = rows.entry(key).or_default();
                *row = row.union(&claim.covered);
            }
        }
    }
    let days = |covered: &Intervals| covered.intersect(&span).days();
    let whole: BTreeMap<Str, u32> = rows
        .iter()
        .filter(|((_, what), _)| what == "management events")
        .map(|((platform, _), covered)| (platform.clone(), days(covered)))
        .collect();
    // A part of the management events is named only where it was observed for another time than the rest.
    let is_part = |platform: &Str, what: &str, here: u32| {
        what.starts_with("management:") && whole.get(platform) == Some(&here)
    };
    let mut lines: Vec<(u32, String)> = rows
        .iter()
        .map(|((platform, what), covered)| (platform, what, days(covered)))
        .filter(|(platform, what, here)| !is_part(platform, what, *here))
        .map(|(platform, what, here)| {
            (here, format!("{platform} {what} {here} of {} d", window.days()))
        })
        .collect();
    lines.sort_by(|left, right| (right.0, &left.1).cmp(&(left.0, &right.1)));
    let mut out: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    let name = |id: &Str| {
        let known = evidence.identities.iter().find(|one| one.id == *id);
        known.map_or_else(|| id.clone(), |one| one.name.clone())
    };
    let logs: BTreeMap<Str, u32> =
        logs.into_iter().map(|(id, covered)| (id, days(&covered))).collect();
    out.extend(of_identities("log", &logs, &format!("of {} d", window.days()), &name));
    out.extend(of_identities("last-accessed report", &reports, "d", &name));
    out
}

/// What speaks of single identities: `log of agent:agent/coder 30 of 90 d`.
fn of_identities(
    what: &str,
    days: &BTreeMap<Str, u32>,
    unit: &str,
    name: &dyn Fn(&Str) -> Str,
) -> Option<String> {
    let longest = days.values().max()?;
    match days.first_key_value() {
        Some((id, one)) if days.len() == 1 => Some(format!("{what} of {} {one} {unit}", name(id))),
        _ => Some(format!("{what}s of {} identities, up to {longest} {unit}", days.len())),
    }
}

/// Sums by owner, account and platform over judged identities.
pub(super) fn rollups(report: &Report) -> Vec<Rollup> {
    let mut high: BTreeMap<&Str, u64> = BTreeMap::new();
    for finding in report.findings.iter().filter(|one| one.severity >= Severity::High) {
        *high.entry(&finding.identity).or_default() += 1;
    }
    type Group<'a> = BTreeMap<(&'static str, Str), Vec<&'a IdentityOut>>;
    let mut groups: Group<'_> = BTreeMap::new();
    for identity in report.identities.iter().filter(|one| one.judged) {
        let owner: Str = identity.owner.clone().unwrap_or_else(|| "".into());
        groups.entry(("owner", owner)).or_default().push(identity);
        groups.entry(("account", identity.account.clone())).or_default().push(identity);
        groups.entry(("platform", identity.platform.clone())).or_default().push(identity);
    }
    groups
        .into_iter()
        .map(|((by, key), members)| {
            let mut counts = Counts::default();
            for one in members.iter().filter(|one| one.administrator.is_none()) {
                counts.add(&one.counts);
            }
            Rollup {
                by: by.to_string(),
                key,
                identities: members.len() as u64,
                counts,
                median_gap: median(members.iter().filter_map(|one| one.gap_score).collect()),
                high_findings: members.iter().filter_map(|one| high.get(&one.id)).sum(),
            }
        })
        .collect()
}
