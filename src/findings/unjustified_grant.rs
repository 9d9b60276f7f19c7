//! `unjustified-grant`: a new grant that no intent names and that the identity never used.
//!
//! Only the gate knows what is new ([`crate::gap::Fresh`]); without it the kind finds nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::shared::{and_more, grant_proofs, intent_proof, names};
use super::{Draft, Kind, Severity, Sink};
use crate::catalogue::risk::Risk;
use crate::gap::{Analysis, FreshGrant, IdentityGap, Status, within};
use crate::intent::{Spot, Within};
use crate::model::{AccessLevel, ActionId, ActionSet, Glob, Label, ScopeSet, Str};

pub(super) static KIND: Kind = Kind {
    id: "unjustified-grant",
    summary: "A new grant that no intent names and that the identity never used",
    since: "0.1.0",
    page: include_str!("../../docs/findings/unjustified-grant.md"),
    find,
    find_all: None,
};

/// From so many services on one finding stands for all of them.
const MANY_SERVICES: usize = 20;

/// New and unjustified actions of one service.
#[derive(Default)]
struct Part {
    actions: BTreeSet<ActionId>,
    resources: BTreeSet<Str>,
    rows: BTreeSet<u32>,
    severity: Option<Severity>,
    reasons: BTreeSet<(Severity, &'static str)>,
    /// Where the intent excludes it, and why.
    breaches: BTreeSet<(Spot, String)>,
}

impl Part {
    fn join(&mut self, other: Part) {
        self.actions.extend(other.actions);
        self.resources.extend(other.resources);
        self.rows.extend(other.rows);
        self.severity = self.severity.max(other.severity);
        self.reasons.extend(other.reasons);
        self.breaches.extend(other.breaches);
    }
}

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let Some(fresh) = analysis.input.fresh else { return };
    let mine = fresh.of(gap.identity);
    if mine.is_empty() || analysis.identity(gap).is(Label::LogOnly) {
        return;
    }
    // Without anything to compare with, what the evidence concluded is told by the kinds of that conclusion.
    let concluded = if fresh.is_all { concluded(gap) } else { ActionSet::new() };
    let mut parts: BTreeMap<Str, Part> = BTreeMap::new();
    for one in mine {
        for id in &(&one.actions - &one.used) - &concluded {
            let Some(breach) = outside(analysis, gap, one, id) else { continue };
            let (severity, reason) = weigh(analysis, one, id);
            let service = analysis.input.catalogue.entry(id).service.clone();
            parts.entry(service).or_default().join(Part {
                actions: BTreeSet::from([id]),
                resources: one.resources.iter().cloned().collect(),
                rows: BTreeSet::from([one.row]),
                severity: Some(severity),
                reasons: reason.map(|reason| (severity, reason)).into_iter().collect(),
                breaches: breach.into_iter().collect(),
            });
        }
    }
    // Of an administrator that was there before, `administrative-grant` tells all.
    if gap.is_admin && fresh.is_all {
        return;
    }
    if gap.is_admin || parts.len() > MANY_SERVICES {
        let count = parts.len();
        let mut whole = Part::default();
        parts.into_values().for_each(|part| whole.join(part));
        if !whole.actions.is_empty() {
            let least = if gap.is_admin { Severity::Critical } else { Severity::High };
            whole.severity = whole.severity.max(Some(least));
            push(analysis, gap, sink, ("everything", count), whole);
        }
        return;
    }
    for (service, mut part) in parts {
        if is_whole(analysis, gap, &service, &part) {
            let changes = part.actions.iter().any(|id| level(analysis, *id).changes());
            let least = if changes { Severity::High } else { Severity::Medium };
            part.reasons.insert((least, "a whole service"));
            part.severity = part.severity.max(Some(least));
        }
        push(analysis, gap, sink, (&service, 1), part);
    }
}

fn level(analysis: &Analysis<'_>, id: ActionId) -> AccessLevel {
    analysis.input.catalogue.entry(id).level
}

/// Actions of which the evidence says that they are not used or not meant.
fn concluded(gap: &IdentityGap) -> ActionSet {
    let told = |status: Status| !matches!(status, Status::Unknown);
    gap.rows.iter().filter(|row| told(row.status)).flat_map(|row| row.actions.clone()).collect()
}

/// `None` if the intent names the action on all of the resources: its `allow` does, and nothing in it excludes a part.
/// Else where it excludes some, if it says anything.
fn outside(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    one: &FreshGrant,
    id: ActionId,
) -> Option<Option<(Spot, String)>> {
    let Some(intent) = analysis.intent(gap) else { return Some(None) };
    let unnamed = if intent.allow.is_none() { Some(None) } else { None };
    let entry = analysis.input.catalogue.entry(id);
    if !entry.takes_resource {
        return match intent.action_resource(&entry.name, &ScopeSet::Unknown) {
            Within::Inside => unnamed,
            Within::Undecided => Some(None),
            Within::Outside(breach) => Some(Some((breach.spot, breach.why))),
        };
    }
    let except = gap.grants.rows.get(one.row as usize).map(|row| row.except.clone());
    let beyond = intent.grant_beyond(&entry.name, &one.resources, &except.unwrap_or_default());
    let is_real = |pattern: &Str| within::is_resource_of(entry, pattern);
    let part = beyond.into_iter().find(|part| part.patterns.iter().any(is_real));
    part.map_or(unnamed, |part| Some(Some((part.breach.spot, part.breach.why))))
}

/// Severity of one action, and what makes it more than its access level does.
fn weigh(
    analysis: &Analysis<'_>,
    one: &FreshGrant,
    id: ActionId,
) -> (Severity, Option<&'static str>) {
    let entry = analysis.input.catalogue.entry(id);
    let on_all = entry.takes_resource && one.resources.iter().any(|one| Glob::new(one).is_all());
    if analysis.input.escalation.actions.contains(id) {
        (Severity::High, Some("part of an escalation path"))
    } else if entry.level == AccessLevel::PermissionsManagement {
        (Severity::High, Some("manages permissions"))
    } else if entry.risks.contains(&Risk::CredentialExposure) {
        (Severity::High, Some("reads credentials"))
    } else if on_all && entry.level.changes() {
        (Severity::High, Some("changes every resource"))
    } else if entry.is_pattern {
        (Severity::High, Some("a wildcard over a service without a catalogue"))
    } else if entry.level.changes() {
        (Severity::Medium, Some("changes something"))
    } else if on_all && entry.touches_data {
        (Severity::Medium, Some("reads all data"))
    } else if entry.level == AccessLevel::Tagging {
        (Severity::Medium, Some("tags decide access"))
    } else {
        (Severity::Low, None)
    }
}

/// A service with fewer actions is not called whole.
const SMALL_SERVICE: usize = 3;

fn is_whole(analysis: &Analysis<'_>, gap: &IdentityGap, service: &str, part: &Part) -> bool {
    let catalogue = analysis.input.catalogue;
    let all = catalogue.service(&analysis.identity(gap).platform, service);
    let known: Vec<ActionId> = all.iter().filter(|id| catalogue.entry(*id).is_known).collect();
    known.len() >= SMALL_SERVICE && known.iter().all(|id| part.actions.contains(id))
}

fn push(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    sink: &mut Sink<'_>,
    (subject, services): (&str, usize),
    part: Part,
) {
    let ids: Vec<ActionId> = part.actions.iter().copied().collect();
    let rows: Vec<u32> = part.rows.iter().copied().collect();
    let names = names(analysis, &ids);
    let resources: Vec<Str> = part.resources.iter().cloned().collect();
    let what = match (services, names.as_slice()) {
        (1, _) => and_more(&names),
        (many, all) => format!("{} actions of {many} services", all.len()),
    };
    let on = match resources.as_slice() {
        [one] => one.to_string(),
        many => format!("{} resources", many.len()),
    };
    let severity = part.severity.unwrap_or(Severity::Low);
    let worst = part.reasons.iter().filter(|(one, _)| *one == severity);
    let reasons: Vec<&str> = worst.map(|(_, reason)| *reason).collect();
    let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
    let is_all = analysis.input.fresh.is_some_and(|fresh| fresh.is_all);
    let verb = if is_all { "grants" } else { "adds" };
    let mut evidence = grant_proofs(gap, &rows, 3);
    let breaches = part.breaches.iter().take(2);
    evidence.extend(breaches.map(|(spot, why)| intent_proof(analysis, *spot, why)));
    let has_intent = analysis.intent(gap).is_some_and(|intent| intent.allow.is_some());
    let remedy = match has_intent {
        true => "narrow the grant, or name it in the intent",
        false => "narrow the grant, or say in an intent what it is for",
    };
    let draft = Draft {
        subject: subject.into(),
        title: format!("{verb} {what} on {on}{why}"),
        actions: names,
        resources,
        age_note: Some(if is_all { "no use on record" } else { "new, no use yet" }.to_string()),
        evidence,
        remedy: remedy.to_string(),
        shared_with: analysis.shared_with(gap, &rows),
        ..Draft::default()
    };
    sink.push(analysis, gap, severity, draft);
}
