//! Answers what an identity may do by the generic grants table.
//!
//! A deny row wins over any allow row that matches the same call. A row whose condition the request's context
//! does not decide makes the answer conditional. A grant on `*` is on everything that the evidence names for
//! the identity's system and account; other patterns stay one row, since no catalogue lists what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::condition::{Check, Holds, all_hold};
use crate::catalogue::RunCatalogue;
use crate::model::{
    ActionSet, Condition, ConditionClass, Decision, Glob, GrantRow, GrantSet, Identity, Layer,
    Origin, Place, Str, Time, pattern::reduce_shared,
};
use crate::platform::{Answer, By, Evaluator, Request, Verdict};

/// From this many rows on, rows of one identity that differ only in their place are joined, so that work does
/// not grow with the square of the table.
const MANY_ROWS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A row of the grants table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) action: Glob,
    /// The action as it is written.
    pub(super) name: Str,
    pub(super) resource: Glob,
    pub(super) effect: Effect,
    pub(super) checks: Arc<[Check]>,
    pub(super) policy: Str,
    pub(super) via: Option<Str>,
    pub(super) since: Option<Time>,
    pub(super) expires: Option<Time>,
    pub(super) place: Place,
}

/// The system and the account of an identity.
type Account = (Str, Str);

/// All rows of all identities.
#[derive(Debug, Default)]
pub(super) struct Rights {
    rows: BTreeMap<Str, Vec<Entry>>,
    /// How many identities each origin is written for.
    holders: BTreeMap<Str, BTreeSet<Str>>,
    /// Actions that usage names, by identity.
    used: BTreeMap<Str, BTreeSet<Str>>,
    /// Actions that grants and usage name, by account.
    named: BTreeMap<Account, BTreeSet<Str>>,
    pub(super) accounts: BTreeMap<Str, Account>,
    pub(super) as_of: Option<Time>,
}

impl Rights {
    pub(super) fn add(&mut self, identity: Str, entry: Entry) {
        let holders = self.holders.entry(entry.policy.clone()).or_default();
        holders.insert(identity.clone());
        self.rows.entry(identity).or_default().push(entry);
    }

    pub(super) fn identities(&self) -> Vec<Str> {
        self.rows.keys().cloned().collect()
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = Str> {
        self.rows.values().flatten().map(|entry| entry.name.clone())
    }

    pub(super) fn note_action(&mut self, identity: &Str, action: &Str) {
        let used = self.used.entry(identity.clone()).or_default();
        used.insert(action.clone());
    }

    /// Rows of an identity that are in force.
    fn in_force(&self, identity: &str, effect: Effect) -> Vec<(usize, &Entry)> {
        let ended = |entry: &Entry| matches!((entry.expires, self.as_of), (Some(end), Some(now)) if end < now);
        let rows = self.rows.get(identity).into_iter().flatten().enumerate();
        rows.filter(|(_, entry)| entry.effect == effect && !ended(entry)).collect()
    }

    /// Actions that a row grants.
    fn set_of(&self, identity: &str, entry: &Entry, catalogue: &RunCatalogue) -> ActionSet {
        if !entry.action.is_all() {
            return catalogue.id(super::ID, &entry.name).into_iter().collect();
        }
        let named = self.accounts.get(identity).and_then(|key| self.named.get(key));
        named.into_iter().flatten().filter_map(|action| catalogue.id(super::ID, action)).collect()
    }

    /// The effective row of an allow row, `None` if denies take all of it.
    fn effective(
        &self,
        identity: &str,
        (number, allow): (usize, &Entry),
        denies: &[(usize, &Entry)],
        catalogue: &RunCatalogue,
    ) -> Option<GrantRow> {
        let mut actions = self.set_of(identity, allow, catalogue);
        let mut conditions: Vec<Condition> =
            allow.checks.iter().map(|check| check.condition.clone()).collect();
        let mut except: Vec<Str> = Vec::new();
        for (_, deny) in denies {
            if !deny.action.intersects(&allow.action) || !deny.resource.intersects(&allow.resource)
            {
                continue;
            }
            let all_resources = deny.resource.contains(&allow.resource);
            if !deny.checks.is_empty() {
                conditions.extend(deny.checks.iter().map(|check| unless(&check.condition)));
            } else if deny.action.contains(&allow.action) {
                if all_resources {
                    return None;
                }
                match deny.resource.intersection(&allow.resource) {
                    Some(parts) => except.extend(parts),
                    None => except.push(deny.resource.as_str().into()),
                }
            } else {
                // Only some actions of the pattern: those that are named go, the pattern itself stays.
                let hit: ActionSet = actions
                    .iter()
                    .filter(|id| deny.action.contains(&Glob::fold(&catalogue.entry(*id).name)))
                    .collect();
                if all_resources {
                    actions -= hit;
                }
                conditions.push(unless_action(deny));
            }
        }
        if actions.is_empty() {
            return None;
        }
        conditions.sort();
        conditions.dedup();
        let decision = match conditions.is_empty() {
            true => Decision::Allow,
            false => Decision::Conditional,
        };
        let shared = self.holders.get(&allow.policy).map_or(0, BTreeSet::len) > 1;
        let origin = Origin {
            layer: Layer::Identity,
            policy: allow.policy.clone(),
            statement: u32::try_from(number).unwrap_or(u32::MAX),
            sid: None,
            via: allow.via.clone(),
            place: Some(allow.place),
            since: allow.since,
            shareable: shared || allow.via.is_some(),
        };
        Some(GrantRow {
            actions,
            decision,
            resources: Arc::new([allow.resource.as_str().into()]),
            except: reduce_shared(&except).into(),
            conditions: conditions.into(),
            origin: Arc::new([origin]),
        })
    }
}

fn unless(condition: &Condition) -> Condition {
    Condition { text: format!("unless {}", condition.text).into(), ..condition.clone() }
}

fn unless_action(deny: &Entry) -> Condition {
    Condition {
        text: format!("unless the action is {} on {}", deny.name, deny.resource.as_str()).into(),
        key: "action".into(),
        class: ConditionClass::Other,
    }
}

impl Evaluator for Rights {
    fn prepare(&mut self, _: &RunCatalogue) {
        let mut named: BTreeMap<Account, BTreeSet<Str>> = BTreeMap::new();
        for (identity, key) in &self.accounts {
            let granted = self.rows.get(identity).into_iter().flatten();
            let used = self.used.get(identity).into_iter().flatten();
            let actions = granted.map(|entry| &entry.name).chain(used).cloned();
            named.entry(key.clone()).or_default().extend(actions);
        }
        self.named = named;
    }

    fn grants(&self, identity: &Identity, catalogue: &RunCatalogue) -> Arc<GrantSet> {
        let denies = self.in_force(&identity.id, Effect::Deny);
        let allows = self.in_force(&identity.id, Effect::Allow);
        let is_long = allows.len() >= MANY_ROWS;
        let mut rows: Vec<GrantRow> = Vec::new();
        let mut administrative = None;
        for allow in &allows {
            let Some(row) = self.effective(&identity.id, *allow, &denies, catalogue) else {
                continue;
            };
            let is_open = row.decision == Decision::Allow && row.except.is_empty();
            if allow.1.action.is_all() && row.is_unlimited() && is_open {
                administrative = Some("every action on every resource".into());
            }
            rows.push(row);
        }
        if is_long {
            rows = joined(rows);
        }
        let mut set = GrantSet { rows, administrative, ..GrantSet::default() };
        for row in &set.rows {
            set.actions |= &row.actions;
        }
        set.since = since(&set.rows);
        Arc::new(set)
    }

    fn decide(&self, request: &Request<'_>) -> Answer {
        if !self.rows.contains_key(request.identity) {
            return Answer {
                verdict: Verdict::Unknown,
                by: Vec::new(),
                reason: "implicit-identity".to_string(),
                conditions: Vec::new(),
                missing: vec![format!("no grants table names {}", request.identity)],
                resources: Vec::new(),
            };
        }
        let fits = |entry: &Entry| match request.action.contains(['*', '?']) {
            true => entry.action.contains(&Glob::fold(request.action)),
            false => entry.action.matches(request.action),
        };
        let mut denies = Vec::new();
        let mut conditions: BTreeSet<String> = BTreeSet::new();
        let mut taken: Vec<&Glob> = Vec::new();
        for (number, deny) in self.in_force(request.identity, Effect::Deny) {
            if !fits(deny) {
                continue;
            }
            let reach = match request.resource {
                Some(resource) => reach(&deny.resource, resource),
                None if deny.resource.is_all() => Reach::Full,
                None => Reach::Part,
            };
            match (reach, all_hold(&deny.checks, request.context)) {
                (Reach::None, _) | (_, Holds::No) => {}
                (Reach::Full, Holds::Yes) => denies.push(by(number, deny)),
                (Reach::Part, Holds::Yes) => {
                    conditions.insert(format!("not on {}", deny.resource.as_str()));
                    taken.push(&deny.resource);
                }
                (_, Holds::Unknown) => {
                    let texts = deny.checks.iter().map(|check| &check.condition);
                    conditions.extend(texts.map(|condition| unless(condition).text.to_string()));
                }
            }
        }
        if !denies.is_empty() {
            return answer(Verdict::Deny, denies, "explicit-identity", Vec::new());
        }
        self.allowed(request, &fits, conditions, &taken)
    }

    fn shared_with(&self, policy: &str) -> usize {
        self.holders.get(policy).map_or(0, BTreeSet::len).saturating_sub(1)
    }
}

impl Rights {
    /// The answer of the allow rows, when no deny row decides. `conditions` are those of denies that may apply.
    fn allowed(
        &self,
        request: &Request<'_>,
        fits: &dyn Fn(&Entry) -> bool,
        conditions: BTreeSet<String>,
        taken: &[&Glob],
    ) -> Answer {
        let (mut sure, mut open) = (Vec::new(), Vec::new());
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut resources: Vec<Str> = Vec::new();
        for (number, allow) in self.in_force(request.identity, Effect::Allow) {
            let reached = request
                .resource
                .is_none_or(|resource| reach(&allow.resource, resource) != Reach::None);
            let gone = taken.iter().any(|gone| gone.contains(&allow.resource));
            if !fits(allow) || !reached || gone {
                continue;
            }
            match all_hold(&allow.checks, request.context) {
                Holds::No => continue,
                Holds::Yes => sure.push(by(number, allow)),
                Holds::Unknown => {
                    let texts = allow.checks.iter().map(|check| check.condition.text.to_string());
                    asked.extend(texts);
                    open.push(by(number, allow));
                }
            }
            resources.push(allow.resource.as_str().into());
        }
        let mut out = match (sure.is_empty(), open.is_empty()) {
            (true, true) => answer(Verdict::Deny, Vec::new(), "implicit-identity", Vec::new()),
            // Without a resource, what a deny takes away is told beside the patterns.
            (false, _) if conditions.is_empty() || request.resource.is_none() => {
                let told = conditions.into_iter().collect();
                answer(Verdict::Allow, sure, "explicit-identity", told)
            }
            _ => {
                sure.append(&mut open);
                asked.extend(conditions);
                let told = asked.into_iter().collect();
                answer(Verdict::Conditional, sure, "explicit-identity", told)
            }
        };
        if request.resource.is_none() {
            out.resources = reduce_shared(&resources);
        }
        out
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    None,
    Part,
    Full,
}

/// Whether a pattern matches a resource, or things in it: logs often know only the container.
fn reach(pattern: &Glob, resource: &str) -> Reach {
    if pattern.matches(resource) {
        return Reach::Full;
    }
    let inside = Glob::new(&format!("{resource}/*"));
    let is_in = pattern.fixed_prefix().starts_with(resource) && pattern.intersects(&inside);
    if is_in { Reach::Part } else { Reach::None }
}

fn by(number: usize, entry: &Entry) -> By {
    By {
        layer: Layer::Identity,
        level: None,
        policy: entry.policy.clone(),
        statement: u32::try_from(number).unwrap_or(u32::MAX),
        sid: None,
        place: Some(entry.place),
    }
}

fn answer(verdict: Verdict, by: Vec<By>, reason: &str, conditions: Vec<String>) -> Answer {
    Answer {
        verdict,
        by,
        reason: reason.to_string(),
        conditions,
        missing: Vec::new(),
        resources: Vec::new(),
    }
}

/// Joins rows that differ only in actions and place; the first row's origin stays.
fn joined(rows: Vec<GrantRow>) -> Vec<GrantRow> {
    type Key = (Arc<[Str]>, Arc<[Str]>, Arc<[Condition]>, Str, Option<Str>, Option<Time>);
    let mut numbers: BTreeMap<Key, usize> = BTreeMap::new();
    let mut out: Vec<GrantRow> = Vec::new();
    for row in rows {
        let Some(origin) = row.origin.first() else {
            continue;
        };
        let key = (
            row.resources.clone(),
            row.except.clone(),
            row.conditions.clone(),
            origin.policy.clone(),
            origin.via.clone(),
            origin.since,
        );
        let number = *numbers.entry(key).or_insert(out.len());
        match out.get_mut(number) {
            Some(there) => there.actions |= row.actions,
            None => out.push(row),
        }
    }
    out
}

/// The date since which each action is granted, for actions all of whose rows state one.
fn since(rows: &[GrantRow]) -> Vec<(Time, ActionSet)> {
    let mut undated = ActionSet::new();
    let mut dated: BTreeMap<Time, ActionSet> = BTreeMap::new();
    for row in rows {
        match row.origin.first().and_then(|origin| origin.since) {
            None => undated |= &row.actions,
            Some(since) => *dated.entry(since).or_default() |= &row.actions,
        }
    }
    let mut out = Vec::new();
    for (since, mut actions) in dated {
        actions -= &undated;
        // An action with several dates counts from the oldest.
        undated |= &actions;
        if !actions.is_empty() {
            out.push((since, actions));
        }
    }
    out
}
