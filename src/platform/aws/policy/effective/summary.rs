//! From worked rows to the set that reports use: decisions, order, dates, and whether it is administrative.

use std::sync::Arc;

use super::compiled::Compiled;
use super::rows::Row;
use crate::model::{ActionSet, Decision, GrantRow, GrantSet, Str, Time};

/// Rows in the order of their first origin, then of their resources.
pub(super) fn grant_set(rows: Vec<Row>, compiled: &Compiled) -> GrantSet {
    let mut out: Vec<GrantRow> = Vec::with_capacity(rows.len());
    for mut row in rows {
        row.conditions.sort_unstable();
        let decision = match row.conditions.is_empty() {
            true => Decision::Allow,
            false => Decision::Conditional,
        };
        let origin = row.origin;
        let found = out.iter_mut().find(|other| {
            other.actions == row.actions
                && other.resources == row.resources
                && *other.except == *row.except
                && *other.conditions == *row.conditions
        });
        // The same permission by several statements is one row with several origins.
        if let Some(same) = found {
            let mut all = same.origin.to_vec();
            all.push(origin);
            all.sort_unstable();
            all.dedup();
            same.origin = all.into();
            continue;
        }
        out.push(GrantRow {
            actions: row.actions,
            decision,
            resources: row.resources,
            except: row.except.into(),
            conditions: row.conditions.into(),
            origin: Arc::from([origin]),
        });
    }
    join(&mut out);
    out.sort_by(|left, right| {
        (&left.origin, &left.resources, &left.except, &left.conditions).cmp(&(
            &right.origin,
            &right.resources,
            &right.except,
            &right.conditions,
        ))
    });
    let mut actions = ActionSet::new();
    for row in &out {
        actions |= &row.actions;
    }
    GrantSet {
        since: since(&out, &actions),
        administrative: administrative(&out, compiled),
        rows: out,
        actions,
    }
}

/// Rows that differ in their actions only are one row.
fn join(rows: &mut Vec<GrantRow>) {
    let mut kept: Vec<GrantRow> = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        let found = kept.iter_mut().find(|other| {
            other.origin == row.origin
                && other.resources == row.resources
                && other.except == row.except
                && other.conditions == row.conditions
        });
        match found {
            Some(same) => same.actions |= row.actions,
            None => kept.push(row),
        }
    }
    *rows = kept;
}

/// For each action all of whose origins state a date, the oldest one.
fn since(rows: &[GrantRow], actions: &ActionSet) -> Vec<(Time, ActionSet)> {
    let mut open = actions.clone();
    let mut dated: Vec<(Time, &ActionSet)> = Vec::new();
    for row in rows {
        let times: Option<Vec<Time>> = row.origin.iter().map(|origin| origin.since).collect();
        match times.and_then(|times| times.into_iter().min()) {
            Some(time) => dated.push((time, &row.actions)),
            None => open -= &row.actions,
        }
    }
    dated.sort_by_key(|(time, _)| *time);
    let mut out: Vec<(Time, ActionSet)> = Vec::new();
    for (time, actions) in dated {
        let fresh = actions & &open;
        if fresh.is_empty() {
            continue;
        }
        open -= &fresh;
        match out.last_mut() {
            Some((last, set)) if *last == time => *set |= fresh,
            _ => out.push((time, fresh)),
        }
    }
    out
}

/// A set may lack this share of the actions, in percent, and still be everything by exclusion.
const LACKS_PERCENT: u64 = 10;

/// Whether everything, or everything on IAM, is granted without condition: all but a few actions, on all but
/// some resources. Actions all of whose resources are excluded are no part of the rows any more.
fn administrative(rows: &[GrantRow], compiled: &Compiled) -> Option<Str> {
    let unlimited = rows
        .iter()
        .filter(|row| row.decision == Decision::Allow && row.is_own() && row.is_unlimited());
    let (mut actions, mut has_except) = (ActionSet::new(), false);
    for row in unlimited {
        actions |= &row.actions;
        has_except |= !row.except.is_empty();
    }
    // What only the evidence names is no part of everything.
    let (known, iam) = (&compiled.known, &compiled.known_iam);
    let lacks = |wanted: &ActionSet| wanted.len() - wanted.intersection_len(&actions);
    let few = |wanted: &ActionSet| lacks(wanted) * 100 <= wanted.len() * LACKS_PERCENT;
    if iam.is_empty() || !few(iam) {
        return None;
    }
    let (what, missing) = match few(known) {
        true => ("everything", lacks(known)),
        false => ("everything on iam", lacks(iam)),
    };
    let mut words = what.to_string();
    if missing > 0 {
        words.push_str(&format!(" but {missing} actions"));
    }
    if has_except {
        words.push_str(", on all but some resources");
    }
    Some(words.into())
}
