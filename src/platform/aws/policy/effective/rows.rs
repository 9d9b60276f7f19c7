//! Rows while they are worked on: what grants, narrowed by what limits, less what denies.
//!
//! Owns intersection and subtraction of rows. Every step keeps at least what the policies allow: where the
//! exact result has no pattern, the wider one is kept and a condition says what limits it.

use std::sync::Arc;

use super::compiled::{Compiled, Forms};
use super::resolve::{Applied, Pattern, Resources, meet};
use crate::model::{ActionSet, Condition, ConditionClass, Glob, Origin, Str};

/// With more rows than this, limits are told as conditions instead of splitting rows further.
pub(super) const ROWS_CAP: usize = 2_000;

/// A row before its decision is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) actions: ActionSet,
    pub(super) resources: Arc<[Str]>,
    pub(super) except: Vec<Str>,
    pub(super) conditions: Vec<Condition>,
    pub(super) origin: Origin,
    /// Whether boundary and session policies limit it.
    pub(super) is_limited: bool,
}

impl Row {
    pub(super) fn add(&mut self, condition: Condition) {
        if !self.conditions.contains(&condition) {
            self.conditions.push(condition);
        }
    }

    /// Whether a pattern and one of the resources have a text in common.
    pub(super) fn reaches(&self, pattern: &Glob) -> bool {
        let mut resources = self.resources.iter();
        resources.any(|resource| &**resource == "*" || pattern.intersects(&Glob::new(resource)))
    }
}

/// What the steps need of the run.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) forms: &'a Forms,
    pub(super) account: &'a str,
}

impl Tools<'_> {
    /// The rows that an allowing statement gives: one for what is certain, one for each variable that is not
    /// known.
    pub(super) fn grant(&self, from: &Applied<'_>, is_limited: bool, rows: &mut Vec<Row>) {
        let row = |actions, resources, except| Row {
            actions,
            resources,
            except,
            conditions: from.conditions(),
            origin: origin(from),
            is_limited,
        };
        match &from.resources {
            Resources::All => {
                let star = self.compiled.star.clone();
                rows.push(row((*from.actions).clone(), star, Vec::new()));
            }
            Resources::Not(list) => {
                let star = self.compiled.star.clone();
                let whole = row((*from.actions).clone(), star, Vec::new());
                self.outside(whole, list, rows);
            }
            Resources::List(list) => {
                for (open, texts) in by_variable(list) {
                    let actions = self.compiled.reach(self.forms, &texts, &from.actions);
                    let mut row = row(actions, texts.into(), Vec::new());
                    if let Some(open) = open {
                        row.add(open);
                    }
                    rows.push(row);
                }
            }
        }
        rows.retain(|row| !row.actions.is_empty());
    }

    /// Keeps of each row what one of the statements allows too. `name` is the limit as conditions name it.
    pub(super) fn limit(&self, rows: Vec<Row>, by: &[Applied<'_>], name: &str) -> Vec<Row> {
        let is_free =
            |limit: &&Applied<'_>| limit.resources == Resources::All && limit.open.is_empty();
        let mut out: Vec<Row> = Vec::new();
        for mut row in rows {
            let mut rest = row.actions.clone();
            for limit in by.iter().filter(is_free) {
                if rest.is_subset(&limit.actions) {
                    rest.clear();
                    break;
                }
                rest -= &*limit.actions;
            }
            if rest.is_empty() {
                out.push(row);
                continue;
            }
            let mut passed = &row.actions - &rest;
            let mut pieces: Vec<Row> = Vec::new();
            for limit in by.iter().filter(|limit| !is_free(limit)) {
                let budget = ROWS_CAP.saturating_sub(out.len() + pieces.len());
                self.narrow(&row, &rest, limit, (name, budget), &mut pieces);
            }
            for piece in &mut pieces {
                if is_same(piece, &row) {
                    passed |= std::mem::take(&mut piece.actions);
                }
            }
            row.actions = passed;
            for piece in &mut pieces {
                piece.actions -= &row.actions;
            }
            pieces.insert(0, row);
            merge_actions(&mut pieces);
            out.extend(pieces.into_iter().filter(|row| !row.actions.is_empty()));
        }
        out
    }

    /// The parts of a row that one narrower statement allows.
    fn narrow(
        &self,
        row: &Row,
        rest: &ActionSet,
        limit: &Applied<'_>,
        (name, budget): (&str, usize),
        out: &mut Vec<Row>,
    ) {
        let common = rest & &*limit.actions;
        if common.is_empty() {
            return;
        }
        let part = |actions: ActionSet| {
            let mut part = row.clone();
            part.actions = actions;
            for condition in limit.conditions() {
                part.add(condition);
            }
            part
        };
        match &limit.resources {
            Resources::All => out.push(part(common)),
            Resources::Not(list) => self.outside(part(common), list, out),
            Resources::List(list) => {
                for (open, texts) in by_variable(list) {
                    let mut part = part(self.compiled.reach(self.forms, &texts, &common));
                    if part.actions.is_empty() {
                        continue;
                    }
                    if let Some(open) = open {
                        part.add(open);
                    }
                    let met = meet(&row.resources, &texts).filter(|_| budget > 0);
                    self.within(&mut part, met, &texts, name);
                    out.push(part);
                }
            }
        }
    }

    /// The part of a row outside of patterns. What is not certain about a pattern is a condition of the actions
    /// that it can be about.
    fn outside(&self, mut row: Row, list: &[Pattern], out: &mut Vec<Row>) {
        let (certain, open): (Vec<&Pattern>, Vec<&Pattern>) =
            list.iter().partition(|pattern| is_certain(pattern));
        let certain: Vec<&Str> = certain.into_iter().map(|pattern| &pattern.text).collect();
        row.actions -= self.compiled.covered(self.forms, &row.actions, &certain);
        row.except.extend(certain.into_iter().cloned());
        if !open.is_empty() {
            let texts: Vec<Str> = open.iter().map(|pattern| pattern.text.clone()).collect();
            let mut part = row.clone();
            part.actions = self.compiled.reach(self.forms, &texts, &part.actions);
            row.actions -= &part.actions;
            for pattern in open {
                part.add(pattern.open.clone().unwrap_or_else(|| Condition {
                    text: format!("resource outside {}", pattern.text).into(),
                    key: "".into(),
                    class: ConditionClass::Other,
                }));
            }
            out.push(part);
        }
        out.push(row);
    }

    /// Narrows a row to resources, or says in a condition that it is.
    pub(super) fn within(&self, row: &mut Row, met: Option<Vec<Str>>, limits: &[Str], name: &str) {
        match met {
            Some(resources) if *resources == *row.resources => {}
            Some(resources) => {
                row.actions = self.compiled.reach(self.forms, &resources, &row.actions);
                row.resources = resources.into();
            }
            None => row.add(Condition {
                text: format!("resources within {} of {name}", limits.join(", ")).into(),
                key: "".into(),
                class: ConditionClass::Other,
            }),
        }
    }
}

/// Whether all but the actions is equal.
fn is_same(left: &Row, right: &Row) -> bool {
    left.resources == right.resources
        && left.except == right.except
        && left.conditions == right.conditions
        && left.origin == right.origin
}

/// Joins rows that differ in their actions only.
fn merge_actions(rows: &mut Vec<Row>) {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        match kept.iter_mut().find(|other| is_same(other, &row)) {
            Some(same) => same.actions |= row.actions,
            None => kept.push(row),
        }
    }
    *rows = kept;
}

/// Whether a pattern matches no more than its statement does.
pub(super) fn is_certain(pattern: &Pattern) -> bool {
    pattern.is_exact && pattern.open.is_none()
}

/// The patterns without a variable of unknown value together, the others by their variable.
fn by_variable(list: &[Pattern]) -> Vec<(Option<Condition>, Vec<Str>)> {
    let mut groups: Vec<(Option<Condition>, Vec<Str>)> = Vec::new();
    for pattern in list {
        match groups.iter_mut().find(|(open, _)| *open == pattern.open) {
            Some((_, texts)) => texts.push(pattern.text.clone()),
            None => groups.push((pattern.open.clone(), vec![pattern.text.clone()])),
        }
    }
    for (_, texts) in &mut groups {
        texts.sort_unstable();
        texts.dedup();
    }
    groups
}

fn origin(from: &Applied<'_>) -> Origin {
    Origin {
        layer: from.bound.layer,
        policy: from.bound.name.clone(),
        statement: from.statement.number,
        sid: from.statement.sid.clone(),
        via: from.bound.via.clone(),
        place: from.statement.place,
        since: from.bound.since,
        shareable: from.bound.shareable,
    }
}
