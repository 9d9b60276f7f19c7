//! What logs of agents prove, and tools that are not what they were.

use std::collections::BTreeMap;

use super::assemble::{defined, mine};
use super::estate::{AgentEstate, own_list};
use super::names;
use super::tools::{self, Tool};
use crate::model::{
    Claim, ClaimScope, Intervals, Rw, Says, Select, Source, Str, Time, time::DAY_SECONDS,
};
use crate::platform::{LogSummary, LoggedGrant, Tables, ToolNote, ToolNoteKind};

/// Idle days between two days with calls that count as covered: agents rest on weekends, and a session that did not
/// take place wrote nothing. A longer silence may be a log that is missing.
pub(super) const IDLE_DAYS: i64 = 4;

/// Whose tool it is, its name, and the form of its description.
type Described<'a> = (String, Str, &'a str);

/// A tool whose name, description or schema is not the same in two lists of one server, or two records of one log.
pub(super) fn changes(estate: &AgentEstate, logs: &LogSummary, notes: &mut Vec<ToolNote>) {
    let mut seen: BTreeMap<Described<'_>, Vec<(&Tool, Str)>> = BTreeMap::new();
    for list in &estate.lists {
        for tool in &list.list.tools {
            let action = match own_list(list) {
                true => names::of_call(&tool.name),
                false => names::mcp(&list.server, &tool.name, None),
            };
            let of = match own_list(list) {
                true if list.context.is_empty() => list.path.to_string(),
                true => list.context.to_string(),
                false => tools::core_name(&list.server),
            };
            let key = (of, tool.name.clone(), tool.form);
            seen.entry(key).or_default().push((tool, action.into()));
        }
    }
    let defined: Vec<(&LoggedGrant, Tool)> =
        mine(&logs.grants).filter_map(|grant| Some((grant, defined(grant)?))).collect();
    for (grant, tool) in &defined {
        let key = (format!("{} {}", grant.identity, grant.by), grant.action.clone(), tool.form);
        seen.entry(key).or_default().push((tool, grant.action.clone()));
    }
    for found in seen.values() {
        let Some((first, action)) = found.first() else { continue };
        let Some((other, _)) = found.iter().find(|(tool, _)| tool.digest != first.digest) else {
            continue;
        };
        notes.push(ToolNote {
            kind: ToolNoteKind::Changed,
            platform: super::ID.into(),
            action: action.clone(),
            identity: None,
            text: format!(
                "the description or schema of {} is not the same in two lists",
                first.name
            )
            .into(),
            places: vec![first.place, other.place],
        });
    }
}

/// What logs would have shown. A log of all calls speaks of every tool of its agent; one of a server's messages of that
/// server's tools; traces that may be sampled and logs of decisions of none.
pub(super) fn claims(logs: &LogSummary, tables: &mut Tables) {
    for span in logs.spans.iter().filter(|span| &*span.platform == super::ID) {
        let actions = match span.class.strip_prefix("tool-call") {
            Some("") => Select::Everything,
            Some(rest) => match rest.strip_prefix(":mcp:") {
                Some(server) => Select::Pattern(format!("mcp:{server}/*").into()),
                None => continue,
            },
            None => continue,
        };
        let mut parts: Vec<(Time, Time)> = Vec::new();
        let mut before: Option<i64> = None;
        for day in &span.days {
            let from = before.filter(|before| day - before <= IDLE_DAYS + 1).unwrap_or(*day);
            let at = |day: i64| Time::from_seconds(day.saturating_mul(DAY_SECONDS));
            parts.push((at(from), at(*day).plus_days(1)));
            before = Some(*day);
        }
        let whole = Intervals::span(span.first, span.last.plus_seconds(1));
        let damaged = logs.damaged.iter().filter(|(platform, account, _)| {
            &**platform == super::ID && (account.is_empty() || *account == span.account)
        });
        let covered = Intervals::from_unsorted(parts).intersect(&whole);
        let covered = damaged.fold(covered, |rest, (_, _, gone)| rest.minus(gone));
        if covered.is_empty() {
            continue;
        }
        tables.claims.push(Claim {
            platform: super::ID.into(),
            source: Source::InferredLog,
            says: Says::NotSeen,
            scope: ClaimScope::Identity(names::identity(&span.account)),
            actions,
            rw: Rw::All,
            resources: None,
            region: None,
            covered,
            own_policies_only: false,
            basis: "tool calls in its logs".into(),
            place: None,
        });
    }
}
