//! The status of each permission of one identity (design, "Status of a permission").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::observe::{NEVER_LOGGED, Observed};
use super::row::{PermissionRow, Reason, Status};
use super::uses::{Use, Uses, is_explained_by_denial};
use super::within::reaches;
use super::{Frame, Violation, within};
use crate::intent::{Extent, Facet, FacetSet, Intent, Judgement, Spot};
use crate::model::{
    ActionId, ActionSet, Decision, Glob, GrantSet, Identity, Intervals, ScopeSet, Str, Time,
    UsageRow,
};
use crate::platform::{Request, Verdict};

/// Share of the time in question that must be observed before non-use is concluded.
const ENOUGH: f64 = 0.9;

/// A grant or identity younger than this is judged as if it were this old: a week is the shortest cycle in
/// which scheduled work repeats.
const YOUNGEST_DAYS: i64 = 7;

/// The rows of one identity, before they are counted.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) rows: Vec<PermissionRow>,
    pub(super) violations: Vec<Violation>,
    pub(super) observable: ActionSet,
    pub(super) observed_days: u32,
    pub(super) is_watched: bool,
}

/// An observed group of actions.
pub(super) struct Group {
    pub(super) actions: ActionSet,
    observed: Observed,
    /// Observed days in the window and the span that they should fill.
    pub(super) days: u32,
    pub(super) is_enough: bool,
    pub(super) basis: Arc<[Str]>,
}

/// What unused actions that stand in one row have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FoldKey<'a> {
    status: Status,
    reason: Option<Reason>,
    drift: Option<(Facet, Spot, Str)>,
    service: u32,
    granted_by: &'a [u32],
    group: Option<usize>,
    days: u32,
}

/// Holds equal lists of grants once: an identity has few, and a row for each service.
fn share(rows: &mut Vec<PermissionRow>) {
    let mut known: Vec<Arc<[u32]>> = Vec::new();
    for row in rows.iter_mut() {
        // The last ones first: rows are sorted by service, and a service's grants are near.
        match known.iter().rev().take(SHARED).find(|list| **list == row.granted_by) {
            Some(list) => row.granted_by = list.clone(),
            None => known.push(row.granted_by.clone()),
        }
    }
    rows.shrink_to_fit();
}

/// So many lists are looked back at.
const SHARED: usize = 16;

/// Judges one identity.
pub(super) struct Judge<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) identity: &'a Identity,
    pub(super) intent: Option<&'a Intent>,
    pub(super) grants: &'a GrantSet,
    pub(super) uses: &'a Uses,
    /// Actions whose grant is new: their non-use says nothing.
    pub(super) fresh: ActionSet,
    /// An empty list, for rows that have none of their own.
    pub(super) none: Arc<[Str]>,
}

impl Judge<'_> {
    pub(super) fn judge(&self) -> Judged {
        let granted = &self.grants.actions;
        let used = self.uses.allowed();
        let groups = self.groups(&(granted | &used));
        let mut judged = Judged::default();
        for group in groups.iter().filter(|group| group.is_enough) {
            judged.observable |= &(&group.actions & granted) - &self.fresh;
        }
        let observed: u64 =
            groups.iter().map(|group| group.actions.intersection_len(granted)).sum();
        let largest = groups
            .iter()
            .map(|group| (group.actions.intersection_len(granted), group.days, group))
            .max_by_key(|(size, days, _)| (*size, *days))
            .filter(|(size, ..)| *size >= granted.len().saturating_sub(observed));
        if let Some((_, days, group)) = largest {
            judged.observed_days = days;
            judged.is_watched = self.is_watched(group);
        }
        for action in &used {
            self.used(action, &groups, &mut judged);
        }
        self.unused(&(granted - &used), &groups, &mut judged);
        self.attempted(&used, &mut judged);
        self.shortfall(&used, &mut judged);
        judged.rows.sort_by(|left, right| {
            (left.status, &left.service, &left.actions, &left.resources).cmp(&(
                right.status,
                &right.service,
                &right.actions,
                &right.resources,
            ))
        });
        share(&mut judged.rows);
        judged
    }

    /// Whether use of a group of actions would have been seen since the identity's last sign of use.
    fn is_watched(&self, group: &Group) -> bool {
        let last = self.uses.last.max(self.identity.last_used);
        let (Some(as_of), Some(last)) = (self.frame.as_of, last) else { return false };
        let since = Intervals::span(last, as_of);
        let seen = group.observed.covered.intersect(&since);
        seen.seconds() as f64 >= ENOUGH * since.seconds() as f64
    }

    /// Actions that the identity's own policies grant.
    fn own(&self) -> ActionSet {
        let mut own = ActionSet::new();
        for row in self.grants.rows.iter().filter(|row| row.is_own()) {
            own |= &row.actions;
        }
        own
    }

    /// The time in which an action's use counts as non-use if not seen.
    fn span(&self, since: Option<Time>) -> Option<(Time, Time)> {
        let window = self.frame.window?;
        let youngest = window.to.plus_days(-YOUNGEST_DAYS);
        let born = [self.identity.created, since].into_iter().flatten().max();
        let from = born.map_or(window.from, |born| window.from.max(born.min(youngest)));
        Some((from, window.to))
    }

    fn groups(&self, actions: &ActionSet) -> Vec<Group> {
        let mut out = Vec::new();
        let unlogged = self.frame.unlogged(self.identity);
        let own = || self.own();
        for (set, observed) in self.frame.observer.groups(self.identity, actions, &own, &unlogged) {
            let mut rest = set;
            for (since, policy) in &self.grants.since {
                let young = &rest & policy;
                if !young.is_empty() {
                    rest -= &young;
                    out.push(self.group(young, observed.clone(), Some(*since)));
                }
            }
            if !rest.is_empty() {
                out.push(self.group(rest, observed, None));
            }
        }
        out
    }

    pub(super) fn group(
        &self,
        actions: ActionSet,
        observed: Observed,
        since: Option<Time>,
    ) -> Group {
        let (mut days, mut is_enough) = (0, false);
        if let Some((from, to)) = self.span(since) {
            let seen = observed.covered.intersect(&Intervals::span(from, to));
            days = seen.days();
            // Half a day of tolerance: a log's first and last event lie inside its first and last day.
            let needed = ENOUGH * (to.seconds() - from.seconds()) as f64 - 43_200.0;
            is_enough = !seen.is_empty() && seen.seconds() as f64 >= needed;
        }
        let basis = observed.basis.iter().cloned().collect();
        Group { actions, observed, days, is_enough, basis }
    }

    fn group_of<'g>(&self, groups: &'g [Group], action: ActionId) -> Option<&'g Group> {
        groups.iter().find(|group| group.actions.contains(action))
    }

    /// Rows of one used action.
    fn used(&self, action: ActionId, groups: &[Group], judged: &mut Judged) {
        let Some(one) = self.uses.by_action.get(&action) else {
            return;
        };
        let covering = self.covering(action);
        // A permission that is only inferred from another call is no proof of a missing grant.
        let is_granted = self.grants.actions.contains(action);
        let (explained, unexplained): (Vec<u32>, Vec<u32>) =
            one.rows.iter().copied().partition(|row| {
                self.is_explained(*row, &covering) || (!one.is_named && is_granted)
            });
        if !unexplained.is_empty() && one.is_named {
            judged.rows.push(self.use_row(
                action,
                Status::Unexplained,
                one,
                &unexplained,
                &covering,
            ));
        }
        let mut within_intent = Vec::new();
        // Uses that are outside in different respects are rows of their own.
        let mut outside: BTreeMap<BTreeSet<Facet>, Vec<u32>> = BTreeMap::new();
        let mut undecided = FacetSet::default();
        // Uses that may lie outside of the intent by their resource, and those that do.
        let mut for_review = Vec::new();
        for row in explained {
            let Judgement { breaches, undecided: open } = self.judgement(row);
            if !breaches.is_empty() || open.iter().any(|facet| *facet != Facet::Hours) {
                for_review.push(row);
            }
            if breaches.is_empty() {
                undecided.extend(open);
                within_intent.push(row);
            } else {
                let facets = breaches.iter().map(|breach| breach.facet).collect();
                outside.entry(facets).or_default().push(row);
                judged.violations.push(Violation { usage: row, action, breaches });
            }
        }
        for (facets, rows) in &outside {
            let mut row = self.use_row(action, Status::OutOfScope, one, rows, &covering);
            row.facets = facets.iter().copied().collect();
            judged.rows.push(row);
        }
        if !within_intent.is_empty() {
            let mut row = self.use_row(action, Status::Used, one, &within_intent, &covering);
            row.undecided = undecided;
            // What is still used outside of the intent is not stale: one action, one advice.
            if outside.is_empty() {
                self.mark_stale(action, &covering, groups, &mut row);
            }
            judged.rows.push(row);
        }
        let beyond = self.drift_of_used(action, &covering, &for_review, judged);
        judged.rows.extend(self.unused_part(action, one, &covering, &beyond, groups));
    }

    /// Turns a row of use into a stale one if the last use is old and use since would have been seen, wherever the
    /// action is granted: what is seen of the scopes of the last use alone says nothing about the rest.
    fn mark_stale(
        &self,
        action: ActionId,
        covering: &[u32],
        groups: &[Group],
        row: &mut PermissionRow,
    ) {
        let group = self.group_of(groups, action);
        if let Some(group) = group {
            row.observed_days = group.days;
            row.basis = group.basis.clone();
        }
        let (Some(as_of), Some(last)) = (self.frame.as_of, row.last_used) else {
            return;
        };
        let is_old = last < as_of.plus_days(-i64::from(self.frame.stale_after_days));
        if !is_old || !self.grants.actions.contains(action) {
            return;
        }
        let since = Intervals::span(last, as_of);
        let is_seen = |group: &Group| {
            let seen = group.observed.covered.intersect(&since).seconds();
            seen as f64 >= ENOUGH * since.seconds() as f64
        };
        if group.is_some_and(is_seen) {
            row.status = Status::Stale;
            return;
        }
        let limited = self.limited(action, covering);
        if is_seen(&limited) {
            row.status = Status::Stale;
            row.observed_days = limited.days;
            row.basis = limited.basis;
        } else {
            row.note = Some("not observable since the last use".into());
        }
    }

    /// Grant rows that cover an action, by its number or as text.
    fn covering(&self, action: ActionId) -> Vec<u32> {
        let entry = self.frame.catalogue.entry(action);
        let by_text = |row: &crate::model::GrantRow| {
            !entry.is_known
                && row.actions.iter().any(|id| {
                    let other = self.frame.catalogue.entry(id);
                    other.is_pattern
                        && other.platform == entry.platform
                        && Glob::fold(&other.name).matches(&entry.name)
                })
        };
        (0..self.grants.rows.len())
            .filter(|at| {
                let row = &self.grants.rows[*at];
                row.actions.contains(action) || by_text(row)
            })
            .map(|at| at as u32)
            .collect()
    }

    /// Whether a row of allowed use is covered by a grant, or its grant may be missing from the evidence.
    fn is_explained(&self, usage: u32, covering: &[u32]) -> bool {
        if !self.identity.has_grant_evidence || self.identity.may_hold_more() {
            return true;
        }
        let row = &self.frame.usage[usage as usize];
        let rows = || covering.iter().map(|at| &self.grants.rows[*at as usize]);
        let reaches = |grant: &crate::model::GrantRow| match &row.scope {
            ScopeSet::One(scope) => grant.resources.iter().any(|pattern| reaches(pattern, scope)),
            ScopeSet::Unknown | ScopeSet::Overflow => true,
        };
        let mut reaching = rows().filter(|grant| reaches(grant)).peekable();
        if reaching.peek().is_none() {
            return false;
        }
        if reaching.any(|grant| grant.decision == Decision::Allow) {
            return true;
        }
        !self.breaks_conditions(row)
    }

    /// Whether the context that the log has for the use decides the conditions against it.
    fn breaks_conditions(&self, row: &UsageRow) -> bool {
        let Some(evaluator) = self.frame.evaluator(&self.identity.platform) else {
            return false;
        };
        let one = |values: &mut dyn Iterator<Item = &Str>| -> Vec<String> {
            values.map(|value| value.to_string()).collect()
        };
        let mut context = Vec::new();
        if row.networks.values().len() == 1 && !row.networks.overflow {
            context.push(("ip".to_string(), one(&mut row.networks.values().iter())));
        }
        if row.regions.len() == 1 {
            context.push(("region".to_string(), one(&mut row.regions.iter())));
        }
        let resource = match &row.scope {
            ScopeSet::One(scope) => Some(&**scope),
            ScopeSet::Unknown | ScopeSet::Overflow => None,
        };
        let request = Request {
            identity: &self.identity.id,
            action: &row.action,
            resource,
            context: &context,
        };
        !context.is_empty() && evaluator.decide(&request).verdict == Verdict::Deny
    }

    fn judgement(&self, usage: u32) -> Judgement {
        let row = &self.frame.usage[usage as usize];
        let judge = |intent| within::judgement(intent, row, self.frame.window);
        self.intent.map(judge).unwrap_or_default()
    }

    fn use_row(
        &self,
        action: ActionId,
        status: Status,
        one: &Use,
        rows: &[u32],
        covering: &[u32],
    ) -> PermissionRow {
        let usage = || rows.iter().map(|number| &self.frame.usage[*number as usize]);
        let scopes: BTreeSet<Str> = usage()
            .filter_map(|row| match &row.scope {
                ScopeSet::One(scope) => Some(scope.clone()),
                ScopeSet::Overflow => Some("…".into()),
                ScopeSet::Unknown => None,
            })
            .collect();
        let last = usage().map(|row| (row.last, row.last_place)).max_by_key(|(last, _)| *last);
        PermissionRow {
            service: self.frame.catalogue.entry(action).service.clone(),
            actions: vec![action],
            status,
            reason: None,
            facets: FacetSet::default(),
            is_part: false,
            resources: scopes.into_iter().collect(),
            granted_by: covering.into(),
            is_conditional: self.is_conditional(covering),
            first_used: usage().filter_map(|row| row.first).min(),
            last_used: last.and_then(|(last, _)| last).filter(|_| !one.is_undated),
            place: last.and_then(|(_, place)| place),
            uses: usage().map(|row| row.count).sum(),
            denied: one.denied,
            observed_days: 0,
            basis: self.none.clone(),
            intent: None,
            undecided: FacetSet::default(),
            is_reached: false,
            note: None,
        }
    }

    fn is_conditional(&self, covering: &[u32]) -> bool {
        !covering.is_empty()
            && covering.iter().all(|at| self.grants.rows[*at as usize].decision != Decision::Allow)
    }

    pub(super) fn unused_row(
        &self,
        action: ActionId,
        status: Status,
        granted_by: &[u32],
    ) -> PermissionRow {
        PermissionRow {
            service: self.frame.catalogue.entry(action).service.clone(),
            actions: vec![action],
            status,
            reason: None,
            facets: FacetSet::default(),
            is_part: false,
            resources: self.none.clone(),
            is_conditional: self.is_conditional(granted_by),
            granted_by: granted_by.into(),
            first_used: None,
            last_used: None,
            place: None,
            uses: 0,
            denied: 0,
            observed_days: 0,
            basis: self.none.clone(),
            intent: None,
            undecided: FacetSet::default(),
            is_reached: false,
            note: None,
        }
    }

    /// Rows of what is granted and has no allowed use, folded by service, status, reason and grants.
    fn unused(&self, unused: &ActionSet, groups: &[Group], judged: &mut Judged) {
        let mut pairs: Vec<(ActionId, u32)> = Vec::with_capacity(unused.len() as usize);
        for (number, row) in self.grants.rows.iter().enumerate() {
            pairs.extend((&row.actions & unused).iter().map(|id| (id, number as u32)));
        }
        pairs.sort_unstable();
        // Of each action the grant rows are a slice of one list.
        let rows: Vec<u32> = pairs.iter().map(|(_, row)| *row).collect();
        let mut group_of: Vec<(ActionId, usize)> = Vec::with_capacity(unused.len() as usize);
        for (number, group) in groups.iter().enumerate() {
            group_of.extend((&group.actions & unused).iter().map(|id| (id, number)));
        }
        group_of.sort_unstable();
        let mut group_of = group_of.into_iter().peekable();
        let attempts = self.frame.observer.attempts(self.identity);
        let has_limited = self.frame.observer.has_limited(self.identity);
        let mut folded: Vec<(FoldKey<'_>, ActionId)> = Vec::with_capacity(pairs.len());
        let mut start = 0;
        for chunk in pairs.chunk_by(|left, right| left.0 == right.0) {
            let action = chunk[0].0;
            let by = &rows[start..start + chunk.len()];
            start += chunk.len();
            while group_of.next_if(|(id, _)| *id < action).is_some() {}
            let group = group_of.next_if(|(id, _)| *id == action).map(|(_, number)| number);
            let mut seen = group.map_or((0, false), |at| (groups[at].days, groups[at].is_enough));
            let mut basis = group;
            let is_fresh = self.fresh.contains(action);
            seen.1 &= !is_fresh;
            if !seen.1 && has_limited && !is_fresh {
                let limited = self.limited(action, by);
                if limited.is_enough {
                    (seen, basis) = ((limited.days, true), None);
                    judged.observable.insert(action);
                }
            }
            let drift = self.drift_of_unused(action, by);
            let (status, reason) = match &drift {
                Some(_) => (Status::Drift, None),
                None => self.status_of_unused(action, by, seen, attempts),
            };
            let key = FoldKey {
                status,
                reason,
                drift,
                service: self.frame.catalogue.entry(action).service_number,
                granted_by: by,
                group: basis,
                days: seen.0,
            };
            folded.push((key, action));
        }
        folded.sort_unstable();
        let chunks = || folded.chunk_by(|left, right| left.0 == right.0);
        judged.rows.reserve_exact(chunks().count());
        judged.rows.extend(chunks().map(|chunk| self.folded_row(chunk, groups)));
    }

    /// The row of unused actions that have a key in common.
    fn folded_row(&self, chunk: &[(FoldKey<'_>, ActionId)], groups: &[Group]) -> PermissionRow {
        let (key, first) = &chunk[0];
        let mut row = self.unused_row(*first, key.status, key.granted_by);
        row.resources = self.granted_resources(key.granted_by);
        row.actions.reserve_exact(chunk.len() - 1);
        row.actions.extend(chunk.iter().skip(1).map(|(_, id)| *id));
        let uses = row.actions.iter().filter_map(|id| self.uses.by_action.get(id));
        row.denied = uses.map(|one| one.denied).sum();
        row.reason = key.reason;
        if let Some((facet, spot, why)) = &key.drift {
            row.facets.insert(*facet);
            row.intent = Some((*spot, why.clone()));
        }
        row.observed_days = key.days;
        if let Some(at) = key.group {
            row.basis = groups[at].basis.clone();
        }
        row
    }

    fn limited(&self, action: ActionId, by: &[u32]) -> Group {
        let resources = self.granted_resources(by);
        let observed = self.frame.observer.limited(self.identity, action, &resources);
        self.group(ActionSet::from_iter([action]), observed, None)
    }

    fn granted_resources(&self, by: &[u32]) -> Arc<[Str]> {
        match by {
            [one] => self.grants.rows[*one as usize].resources.clone(),
            many => {
                let all: BTreeSet<Str> = many
                    .iter()
                    .flat_map(|at| self.grants.rows[*at as usize].resources.iter().cloned())
                    .collect();
                if all.contains("*") { Arc::new(["*".into()]) } else { all.into_iter().collect() }
            }
        }
    }

    /// Whether the intent excludes an unused action altogether, by every grant of it.
    fn drift_of_unused(&self, action: ActionId, by: &[u32]) -> Option<(Facet, Spot, Str)> {
        let intent = self.intent?;
        let entry = self.frame.catalogue.entry(action);
        let mut first = None;
        for at in by {
            let whole = within::beyond(intent, entry, &self.grants.rows[*at as usize])
                .into_iter()
                .find(|beyond| beyond.extent == Extent::Whole)?;
            let breach = whole.breach;
            first.get_or_insert((breach.facet, breach.spot, breach.why.as_str().into()));
        }
        first
    }

    fn status_of_unused(
        &self,
        action: ActionId,
        by: &[u32],
        (days, is_enough): (u32, bool),
        attempts: &[(ActionSet, Intervals)],
    ) -> (Status, Option<Reason>) {
        let entry = self.frame.catalogue.entry(action);
        let one = self.uses.by_action.get(&action);
        let tried_by_report = attempts
            .iter()
            .any(|(set, at)| set.contains(action) && !is_explained_by_denial(one, at));
        let reason = if tried_by_report || one.is_some_and(|one| one.undetermined > 0) {
            Some(Reason::Attempted)
        } else if is_enough {
            self.uses.is_unmapped(&entry.service).then_some(Reason::Unmapped)
        } else if &**self.frame.catalogue.class_of(action) == NEVER_LOGGED {
            Some(Reason::NeverLogged)
        } else if by.iter().all(|at| self.is_open(*at)) {
            Some(Reason::MissingPolicy)
        } else if days == 0 {
            Some(Reason::NotLogged)
        } else {
            Some(Reason::ShortWindow)
        };
        match reason {
            Some(reason) => (Status::Unknown, Some(reason)),
            None => (Status::Excess, None),
        }
    }

    /// Whether a grant row stands only as long as a missing policy does not limit it.
    fn is_open(&self, row: u32) -> bool {
        self.grants.rows[row as usize]
            .conditions
            .iter()
            .any(|condition| condition.text.ends_with("is not in the evidence"))
    }
}
