//! What several kinds need: names, proofs, predicates.

use super::{Proof, Subject};
use crate::gap::{Analysis, IdentityGap, PermissionRow, Status, Violation};
use crate::intent::{Facet, Spot};
use crate::model::{AccessLevel, ActionId, Origin, Outcome, Str, UsageRow};
use crate::platform::{ToolNote, ToolNoteKind};

/// Names of actions.
pub(super) fn names(analysis: &Analysis<'_>, actions: &[ActionId]) -> Vec<Str> {
    actions.iter().map(|id| analysis.action(*id).clone()).collect()
}

/// `s3:GetObject`, or `s3:GetObject and 4 more`.
pub(super) fn and_more(names: &[Str]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// A resource as a title names it: of an ARN what stands behind Region and account. The whole is among the
/// finding's resources.
pub(super) fn short(resource: &str) -> &str {
    match resource.strip_prefix("arn:") {
        Some(rest) => {
            rest.splitn(5, ':').nth(4).filter(|tail| !tail.is_empty()).unwrap_or(resource)
        }
        None => resource,
    }
}

/// `1 call`, `2 calls`.
pub(crate) fn plural(count: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    };
    format!("{count} {}", if count == 1 { one.to_string() } else { many })
}

/// Whether the identity is an AI agent: what it has are tools, and the kinds about tools speak of them.
pub(super) fn is_agent(analysis: &Analysis<'_>, gap: &IdentityGap) -> bool {
    &*analysis.identity(gap).platform == crate::platform::agent::ID
}

/// What is noted of tools, and the finding that it makes: title and remedy are the kind's.
pub(super) fn tool_notes<'a>(
    analysis: &'a Analysis<'_>,
    kind: ToolNoteKind,
) -> impl Iterator<Item = (&'a ToolNote, super::Draft)> {
    analysis.tool_notes.iter().filter(move |note| note.kind == kind).map(|note| {
        let proof = |place: &crate::model::Place| Proof {
            side: "grant",
            place: Some(*place),
            config: None,
            text: note.text.clone(),
        };
        let draft = super::Draft {
            subject: note.action.clone().into(),
            title: note.action.to_string(),
            actions: vec![note.action.clone()],
            evidence: note.places.iter().map(proof).collect(),
            ..super::Draft::default()
        };
        (note, draft)
    })
}

/// Whether an action changes something.
pub(super) fn changes(analysis: &Analysis<'_>, id: ActionId) -> bool {
    analysis.input.catalogue.entry(id).level.changes()
}

/// Whether an action manages permissions.
pub(super) fn manages(analysis: &Analysis<'_>, id: ActionId) -> bool {
    analysis.input.catalogue.entry(id).level == AccessLevel::PermissionsManagement
}

/// Whether an action writes, tags or touches data.
pub(super) fn matters(analysis: &Analysis<'_>, id: ActionId) -> bool {
    let entry = analysis.input.catalogue.entry(id);
    entry.level.changes() || entry.level == AccessLevel::Tagging || entry.touches_data
}

/// Rows of a status.
pub(super) fn rows(gap: &IdentityGap, status: Status) -> impl Iterator<Item = &PermissionRow> {
    gap.rows.iter().filter(move |row| row.status == status)
}

/// The grants behind a row, as proofs.
pub(super) fn grant_proofs(gap: &IdentityGap, granted_by: &[u32], most: usize) -> Vec<Proof> {
    let mut proofs: Vec<Proof> = Vec::new();
    for at in granted_by {
        let Some(row) = gap.grants.rows.get(*at as usize) else {
            continue;
        };
        for origin in row.origin.iter() {
            let proof = grant_proof(origin, &row.resources, row.conditions.is_empty());
            if !proofs.contains(&proof) {
                proofs.push(proof);
            }
        }
    }
    proofs.truncate(most);
    proofs
}

fn grant_proof(origin: &Origin, resources: &[Str], unconditional: bool) -> Proof {
    let reach = match resources {
        [one] => format!("on {one}"),
        many => format!("on {} resources", many.len()),
    };
    let condition = if unconditional { ", no condition" } else { ", with a condition" };
    let via = origin.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
    Proof {
        side: "grant",
        place: origin.place,
        config: None,
        text: format!("{}{via}, {reach}{condition}", origin.short()).into(),
    }
}

/// The last use of a usage row, as a proof.
pub(super) fn use_proof(row: &UsageRow) -> Proof {
    let on = match row.scope.as_str() {
        "*" => String::new(),
        scope => format!(" on {scope}"),
    };
    let when = row.last.map(|last| format!(", last {last}")).unwrap_or_default();
    Proof {
        side: "use",
        place: row.last_place.or(row.first_place),
        config: None,
        text: format!(
            "{}{on}, {}, {} times{when}",
            row.action,
            row.outcome.as_str(),
            row.touched()
        )
        .into(),
    }
}

/// A line of the configuration, as a proof.
pub(super) fn intent_proof(analysis: &Analysis<'_>, spot: Spot, text: &str) -> Proof {
    let config = &analysis.input.config;
    Proof {
        side: "intent",
        place: None,
        config: Some((config.path.clone(), spot.line, spot.column)),
        text: text.into(),
    }
}

/// Where the intent excludes the uses in one respect, and why.
pub(super) fn breach_proofs(
    analysis: &Analysis<'_>,
    violations: &[&Violation],
    facet: Facet,
) -> Vec<Proof> {
    let mut proofs: Vec<Proof> = violations
        .iter()
        .filter_map(|violation| violation.breach(facet))
        .map(|breach| intent_proof(analysis, breach.spot, &breach.why))
        .collect();
    proofs.dedup();
    proofs.truncate(2);
    proofs
}

/// Usage rows of an identity with allowed use.
pub(super) fn allowed<'a>(
    analysis: &Analysis<'a>,
    gap: &IdentityGap,
) -> impl Iterator<Item = &'a UsageRow> {
    let rows = &analysis.input.usage[gap.usage.clone()];
    rows.iter().filter(|row| row.outcome == Outcome::Allowed)
}

/// How long the non-use of a row was observed, with what that rests on: never a bare "never".
pub(super) fn not_in(row: &PermissionRow) -> String {
    match row.observed_days {
        0 => "not seen".to_string(),
        days => format!("not in {days} d"),
    }
}

/// Whether all granted actions of a row's service are excess.
pub(super) fn is_whole_service(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    row: &PermissionRow,
) -> bool {
    let number = analysis.input.catalogue.entry(row.actions[0]).service_number;
    let mine = analysis.input.catalogue.service_by_number(number) & &gap.grants.actions;
    let excess: u64 = rows(gap, Status::Excess)
        .filter(|other| other.service == row.service && !other.is_part)
        .map(|other| other.actions.len() as u64)
        .sum();
    excess == mine.len()
}

/// All excess of one service.
pub(super) struct ServiceExcess {
    /// The service; of a part of one action's resources, the action.
    pub(super) service: Str,
    pub(super) actions: Vec<ActionId>,
    pub(super) granted_by: Vec<u32>,
    pub(super) resources: Vec<Str>,
    pub(super) age: String,
    pub(super) is_whole: bool,
}

/// Excess by service: of all, or `only` of services that are excess as a whole, or of the others. Empty where the
/// identity as a whole is the finding: an administrator, or one that was never used.
pub(super) fn excess(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    only: Option<bool>,
) -> Vec<ServiceExcess> {
    if gap.is_admin || gap.is_never_used {
        return Vec::new();
    }
    let excess: Vec<&PermissionRow> =
        rows(gap, Status::Excess).filter(|row| !row.is_part).collect();
    let mut out: Vec<ServiceExcess> = Vec::new();
    for chunk in excess.chunk_by(|left, right| left.service == right.service) {
        let first = chunk[0];
        let is_whole = is_whole_service(analysis, gap, first);
        if only.is_some_and(|only| only != is_whole) {
            continue;
        }
        let mut actions: Vec<ActionId> = chunk.iter().flat_map(|row| row.actions.clone()).collect();
        let mut granted_by: Vec<u32> =
            chunk.iter().flat_map(|row| row.granted_by.iter().copied()).collect();
        let mut resources: Vec<Str> =
            chunk.iter().flat_map(|row| row.resources.iter().cloned()).collect();
        actions.sort_unstable();
        granted_by.sort_unstable();
        granted_by.dedup();
        resources.sort_unstable();
        resources.dedup();
        let least = chunk.iter().min_by_key(|row| row.observed_days).unwrap_or(&first);
        out.push(ServiceExcess {
            service: first.service.clone(),
            actions,
            granted_by,
            resources,
            age: not_in(least),
            is_whole,
        });
    }
    out
}

/// Parts of the resources of used actions, where the identity as a whole is not the finding.
pub(super) fn excess_parts(analysis: &Analysis<'_>, gap: &IdentityGap) -> Vec<ServiceExcess> {
    if gap.is_admin || gap.is_never_used {
        return Vec::new();
    }
    let parts = rows(gap, Status::Excess).filter(|row| row.is_part);
    parts
        .map(|row| ServiceExcess {
            service: analysis.input.catalogue.entry(row.actions[0]).name.clone(),
            actions: row.actions.clone(),
            granted_by: row.granted_by.to_vec(),
            resources: row.resources.to_vec(),
            age: not_in(row),
            is_whole: false,
        })
        .collect()
}

/// The finding about a service's excess; the two kinds differ in its title and remedy only.
pub(super) fn push_unused(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    sink: &mut super::Sink<'_>,
    part: ServiceExcess,
    (title, remedy): (String, String),
) {
    let draft = super::Draft {
        subject: part.service.into(),
        title,
        remedy,
        actions: names(analysis, &part.actions),
        resources: part.resources,
        age_note: Some(part.age),
        evidence: grant_proofs(gap, &part.granted_by, 5),
        shared_with: analysis.shared_with(gap, &part.granted_by),
        ..super::Draft::default()
    };
    sink.push(analysis, gap, severity_of_unused(analysis, &part.actions), draft);
}

/// Severity rule of unused permissions and services (their pages, "Severity").
pub(super) fn severity_of_unused(analysis: &Analysis<'_>, actions: &[ActionId]) -> super::Severity {
    let escalates = |id: &ActionId| analysis.input.escalation.actions.contains(*id);
    if actions.iter().any(|id| manages(analysis, *id) || escalates(id)) {
        super::Severity::High
    } else if actions.len() >= 20 || actions.iter().any(|id| matters(analysis, *id)) {
        super::Severity::Medium
    } else {
        super::Severity::Low
    }
}

/// The service of an identity's action.
pub(super) fn service_of(analysis: &Analysis<'_>, gap: &IdentityGap, action: &str) -> Subject {
    let platform = &analysis.identity(gap).platform;
    match analysis.input.catalogue.id(platform, action) {
        Some(id) => analysis.input.catalogue.entry(id).service.clone().into(),
        None => action.split(':').next().unwrap_or(action).into(),
    }
}

/// The grant that allowed the first of the uses.
pub(super) fn grant_of_uses(gap: &IdentityGap, violations: &[&Violation]) -> Vec<Proof> {
    let granted_by = violations.iter().find_map(|violation| {
        rows(gap, Status::OutOfScope)
            .find(|row| row.actions.contains(&violation.action) && !row.granted_by.is_empty())
            .map(|row| &*row.granted_by)
    });
    grant_proofs(gap, granted_by.unwrap_or_default(), 1)
}

/// Proofs of uses at wrong hours. A row keeps the places of its first and last use only; of another use it knows the
/// quarter-hour. Those with a place come first.
fn slot_proofs(analysis: &Analysis<'_>, violations: &[&Violation]) -> Vec<Proof> {
    let mut proofs: Vec<Proof> = violations
        .iter()
        .filter_map(|violation| {
            let row = &analysis.input.usage[violation.usage as usize];
            let slots = &violation.breach(Facet::Hours)?.slots;
            let is_late = |time: &crate::model::Time| slots.contains(time.slot());
            let on = match row.scope.as_str() {
                "*" => String::new(),
                scope => format!(" on {scope}"),
            };
            let (place, when) = match (row.last.filter(is_late), row.first.filter(is_late)) {
                (Some(last), _) => (row.last_place, last.to_string()),
                (None, Some(first)) => (row.first_place, first.to_string()),
                (None, None) => {
                    let slot = crate::model::Time::of_slot(slots.max()?);
                    (None, format!("in the quarter-hour from {slot}"))
                }
            };
            let text = format!("{}{on}, {}, {when}", row.action, row.outcome.as_str());
            Some(Proof { side: "use", place, config: None, text: text.into() })
        })
        .collect();
    proofs.sort_by_key(|proof| proof.place.is_none());
    proofs
}

/// Distinct calls behind rows: those that count in them, or where they count elsewhere the most that touched one.
pub(super) fn calls<'a>(rows: impl Iterator<Item = &'a UsageRow>) -> u64 {
    let (count, most) = rows
        .fold((0, 0), |(count, most), row| (count + row.count, std::cmp::max(most, row.touched())));
    std::cmp::max(count, most)
}

/// Uses that are outside the intent in one respect.
pub(super) fn by_facet(gap: &IdentityGap, facet: Facet) -> Vec<&Violation> {
    gap.violations.iter().filter(|violation| violation.breach(facet).is_some()).collect()
}

/// A finding over such uses, folded into one an identity: it is about the hours, not about the action.
pub(super) fn use_facet(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    facet: Facet,
    violations: &[&Violation],
) -> Option<super::Draft> {
    let rows = || violations.iter().map(|one| &analysis.input.usage[one.usage as usize]);
    let mut names: Vec<Str> =
        violations.iter().map(|one| analysis.action(one.action).clone()).collect();
    names.sort_unstable();
    names.dedup();
    let first = names.first()?;
    let mut resources: Vec<Str> = rows()
        .filter_map(|row| match &row.scope {
            crate::model::ScopeSet::One(scope) => Some(scope.clone()),
            _ => None,
        })
        .collect();
    resources.sort_unstable();
    resources.dedup();
    let slots_of = |one: &&Violation| one.breach(facet).map(|breach| breach.slots.clone());
    let slots: roaring::RoaringBitmap =
        violations.iter().filter_map(slots_of).fold(Default::default(), |all, some| all | some);
    let date = match (facet, slots.max()) {
        (Facet::Hours, Some(slot)) => Some(crate::model::Time::of_slot(slot)),
        _ => rows().filter_map(|row| row.last).max(),
    };
    let what = match names.as_slice() {
        [_] => first.to_string(),
        many => format!("{} actions", many.len()),
    };
    // Counts are kept by row, not by quarter-hour: of the hours only the number of quarter-hours is known.
    let times = if facet == Facet::Hours {
        plural(slots.len(), "quarter-hour")
    } else {
        plural(calls(rows()), "call")
    };
    let mut evidence = breach_proofs(analysis, violations, facet);
    evidence.extend(grant_of_uses(gap, violations));
    if facet == Facet::Hours {
        evidence.extend(slot_proofs(analysis, violations));
    } else {
        evidence.extend(rows().map(use_proof));
    }
    Some(super::Draft {
        facet: None,
        subject: facet.as_str().into(),
        title: format!("{what}, {times}"),
        actions: names,
        resources,
        date,
        evidence,
        ..super::Draft::default()
    })
}
