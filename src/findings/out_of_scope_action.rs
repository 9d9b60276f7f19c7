//! `out-of-scope-action`: a use that the intent excludes by action, resource, data or end date.

use std::collections::BTreeMap;

use super::shared::{
    and_more, breach_proofs, calls, changes, grant_of_uses, plural, service_of, short, use_proof,
};
use super::{Draft, Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap, Violation, within};
use crate::intent::Facet;
use crate::model::{ScopeSet, Str};

pub(super) static KIND: Kind = Kind {
    id: "out-of-scope-action",
    summary: "An allowed use that the identity's intent excludes",
    since: "0.1.0",
    page: include_str!("../../docs/findings/out-of-scope-action.md"),
    find,
    find_all: None,
};

/// Hours, environment and destination have kinds of their own.
const FACETS: [Facet; 4] = [Facet::Action, Facet::Resource, Facet::Data, Facet::AfterEnd];

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let mut groups: BTreeMap<(Facet, Str), Vec<&Violation>> = BTreeMap::new();
    for violation in &gap.violations {
        for facet in FACETS.into_iter().filter(|facet| violation.breach(*facet).is_some()) {
            // The action says it all; its resource would say the same again.
            let is_doubled = facet == Facet::Resource && violation.breach(Facet::Action).is_some();
            if !is_doubled {
                let service = service_of(analysis, gap, analysis.action(violation.action)).0;
                groups.entry((facet, service)).or_default().push(violation);
            }
        }
    }
    for ((facet, service), violations) in groups {
        push(analysis, gap, sink, facet, service, &violations);
    }
}

fn push(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    sink: &mut Sink<'_>,
    facet: Facet,
    service: Str,
    violations: &[&Violation],
) {
    let rows = || violations.iter().map(|one| &analysis.input.usage[one.usage as usize]);
    let mut names: Vec<Str> =
        violations.iter().map(|one| analysis.action(one.action).clone()).collect();
    names.sort_unstable();
    names.dedup();
    let mut resources: Vec<Str> = rows()
        .filter_map(|row| match &row.scope {
            ScopeSet::One(scope) => Some(scope.clone()),
            ScopeSet::Unknown | ScopeSet::Overflow => None,
        })
        .collect();
    resources.sort_unstable();
    resources.dedup();
    let calls: u64 = calls(rows());
    let on = match resources.as_slice() {
        [one] => format!(" on {}", short(one)),
        [] => String::new(),
        many => format!(" on {} resources", many.len()),
    };
    let mut evidence = breach_proofs(analysis, violations, facet);
    evidence.extend(grant_of_uses(gap, violations));
    evidence.extend(rows().map(use_proof));
    let changed = violations.iter().any(|one| changes(analysis, one.action));
    let intent = analysis.intent(gap);
    let is_guarded = intent.is_some_and(|intent| {
        rows().any(|row| within::is_production_or_sensitive(intent, &row.scope))
    });
    let severity = if changed && is_guarded {
        Severity::Critical
    } else if changed || matches!(facet, Facet::Data | Facet::AfterEnd) {
        Severity::High
    } else {
        Severity::Medium
    };
    sink.push(
        analysis,
        gap,
        severity,
        Draft {
            facet: Some(facet),
            subject: service.into(),
            title: format!("{}{on}, {}", and_more(&names), plural(calls, "call")),
            actions: names,
            resources,
            date: rows().filter_map(|row| row.last).max(),
            evidence,
            remedy: match facet {
                Facet::AfterEnd => "deactivate its credentials, or move the end date".to_string(),
                _ => "remove the permission, or widen the intent".to_string(),
            },
            ..Draft::default()
        },
    );
}
