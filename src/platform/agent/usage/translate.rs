//! From aggregated keys to usage rows, coverage, and the grants that logs name.

use std::collections::{BTreeMap, BTreeSet};

use super::call::at;
use crate::model::usage::SCOPE_CAP;
use crate::model::{Outcome, ScopeSet, Str, UsageRow};
use crate::platform::LoggedGrant;
use crate::platform::agent::{self, names};
use crate::platform::events::{RawRow, Translated, key_parts};
use crate::platform::recorded::Recorded;

/// The parts of a key, by the fields of the record.
struct Key<'a>(Vec<&'a [u8]>);

impl<'a> Key<'a> {
    fn get(&self, part: usize) -> &'a str {
        let bytes = self.0.get(part).copied().unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn some(&self, part: usize) -> Option<Str> {
        Some(self.get(part)).filter(|text| !text.is_empty()).map(Str::from)
    }
}

/// Says what keys mean.
pub(super) fn translate(rows: Vec<RawRow>, out: &mut Translated) {
    // What a log shows of its own recording, by agent and class.
    let mut spans: BTreeMap<(Str, Str), Recorded> = BTreeMap::new();
    let mut remarks: BTreeMap<String, u64> = BTreeMap::new();
    let mut kept: BTreeMap<(Str, Str, Outcome), BTreeSet<Str>> = BTreeMap::new();
    for row in &rows {
        let key = Key(key_parts(&row.key));
        if key.get(at::KIND) == "grant" {
            grant(&key, row, out);
            continue;
        }
        let outcome = match key.get(at::OUTCOME) {
            "allowed" => Outcome::Allowed,
            "denied" => Outcome::Denied,
            _ => Outcome::Undetermined,
        };
        let of = (key.get(at::AGENT).into(), key.get(at::CLASS).into());
        spans.entry(of).or_default().see(row);
        // A copy without an answer, of calls whose answers are in another file.
        if row.count == 0 && outcome == Outcome::Undetermined {
            continue;
        }
        if let Some(remark) = key.some(at::DETAIL) {
            *remarks.entry(remark.to_string()).or_default() += row.count;
        }
        usage(&key, row, outcome, &mut kept, out);
    }
    for ((account, class), recorded) in spans {
        out.spans.extend(recorded.span(agent::ID, account, class));
    }
    out.remarks.extend(remarks.into_iter().filter(|(_, count)| *count > 0));
}

fn usage(
    key: &Key<'_>,
    row: &RawRow,
    outcome: Outcome,
    kept: &mut BTreeMap<(Str, Str, Outcome), BTreeSet<Str>>,
    out: &mut Translated,
) {
    let (identity, action) = (names::identity(key.get(at::AGENT)), Str::from(key.get(at::ACTION)));
    let known = kept.entry((identity.clone(), action.clone(), outcome)).or_default();
    let mut scopes: Vec<ScopeSet> = Vec::new();
    for scope in key.get(at::SCOPES).lines().filter(|scope| !scope.is_empty()) {
        // Names in arguments are without number. Rows come in key order, so the choice is the same every time.
        let scope = match known.contains(scope) {
            false if known.len() >= SCOPE_CAP => ScopeSet::Overflow,
            _ => {
                known.insert(scope.into());
                ScopeSet::One(scope.into())
            }
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        scopes.push(ScopeSet::Unknown);
    }
    for (number, scope) in scopes.into_iter().enumerate() {
        out.usage.push(UsageRow {
            platform: agent::ID.into(),
            identity: identity.clone(),
            action: action.clone(),
            scope,
            outcome,
            on_behalf_of: key.some(at::ON_BEHALF_OF),
            via: key.some(at::VIA),
            inferred: false,
            unmapped: false,
            count: if number == 0 { row.count } else { 0 },
            also: if number == 0 { 0 } else { row.count },
            first: Some(row.first.0),
            last: Some(row.last.0),
            first_place: Some(row.first.1),
            last_place: Some(row.last.1),
            slots: row.slots.clone(),
            regions: BTreeSet::new(),
            networks: row.networks.clone(),
            agents: row.agents.clone(),
            sessions: row.sessions.clone(),
        });
    }
}

fn grant(key: &Key<'_>, row: &RawRow, out: &mut Translated) {
    out.grants.push(LoggedGrant {
        platform: agent::ID.into(),
        identity: names::identity(key.get(at::AGENT)),
        action: key.get(at::ACTION).into(),
        resource: "*".into(),
        by: key.get(at::VIA).into(),
        detail: key.get(at::DETAIL).into(),
        first: Some(row.first.0),
        place: Some(row.first.1),
    });
}
