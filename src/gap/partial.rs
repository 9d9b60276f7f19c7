//! Parts of the resources of an action that is used (design, "Status of a permission": an action may have several
//! rows, since it can be used on one resource and excess on another): what the intent excludes, and what is unused.
//!
//! Unused is a part only where the evidence can tell: every grant names resources, the action takes resources of one kind (an action
//! that touches several kinds needs them all, whichever of them the log names), every use that may have been allowed
//! names its resource in the terms of the grants, no report says that the action was tried, the grant is not new, and
//! use of the unused pattern would have been seen.

use std::collections::{BTreeMap, BTreeSet};

use super::row::{PermissionRow, Status};
use super::status::{Group, Judge, Judged};
use super::uses::Use;
use super::within::{self, can_be_on, reaches};
use crate::intent::{Facet, Spot};
use crate::model::{ActionId, Glob, Outcome, ScopeSet, Str};

impl Judge<'_> {
    /// Adds the row of patterns that no use reaches; `beyond` are those that another row names already.
    pub(super) fn unused_part(
        &self,
        action: ActionId,
        one: &Use,
        covering: &[u32],
        beyond: &BTreeSet<Str>,
        groups: &[Group],
    ) -> Option<PermissionRow> {
        let entry = self.frame.catalogue.entry(action);
        let is_open = self.uses.is_unmapped(&entry.service) || self.fresh.contains(action);
        if !entry.has_one_resource || is_open {
            return None;
        }
        if !self.frame.observer.attempts(self.identity).iter().all(|(set, _)| !set.contains(action))
        {
            return None;
        }
        let rows = || covering.iter().map(|at| &self.grants.rows[*at as usize]);
        let granted = || rows().flat_map(|row| row.resources.iter());
        let scopes = self.scopes(one)?;
        let reached = reached(&scopes, granted())?;
        if reached.values().all(|is_reached| *is_reached) {
            return None;
        }
        let is_reached = |pattern: &Str| reached.get(pattern).copied().unwrap_or(true);
        // Within a wider grant that is used a narrower one makes no difference.
        let wide: Vec<Glob> = granted()
            .filter(|pattern| pattern.contains(['*', '?']) && is_reached(pattern))
            .map(|pattern| Glob::new(pattern))
            .collect();
        let mut patterns: BTreeSet<Str> = BTreeSet::new();
        let mut granted_by: Vec<u32> = Vec::new();
        for at in covering {
            let row = &self.grants.rows[*at as usize];
            let mut gone = wide.clone();
            gone.extend(row.except.iter().map(|denied| Glob::new(denied)));
            let unused = row.resources.iter().filter(|pattern| {
                !beyond.contains(*pattern)
                    && can_be_on(entry, pattern)
                    && !is_reached(pattern)
                    && !gone.iter().any(|gone| gone.contains(&Glob::new(pattern)))
            });
            let mut unused = unused.cloned().peekable();
            if unused.peek().is_some() {
                granted_by.push(*at);
            }
            patterns.extend(unused);
        }
        if patterns.is_empty() {
            return None;
        }
        let resources: Vec<Str> = patterns.into_iter().collect();
        let class = groups.iter().find(|group| group.actions.contains(action) && group.is_enough);
        let (days, basis) = match class {
            Some(group) => (group.days, group.basis.clone()),
            None => {
                let observed = self.frame.observer.limited(self.identity, action, &resources);
                let group = self.group([action].into_iter().collect(), observed, None);
                if !group.is_enough {
                    return None;
                }
                (group.days, group.basis)
            }
        };
        let mut row = self.unused_row(action, Status::Excess, &granted_by);
        row.resources = resources.into();
        row.observed_days = days;
        row.basis = basis;
        row.is_part = true;
        row.note = Some("used on other resources".into());
        Some(row)
    }

    /// On a used action, the part of its grant that the intent excludes. Returns its patterns. Those that one of the
    /// uses `for_review` reaches are a row of their own: whether they go hangs on what becomes of the use.
    pub(super) fn drift_of_used(
        &self,
        action: ActionId,
        covering: &[u32],
        for_review: &[u32],
        judged: &mut Judged,
    ) -> BTreeSet<Str> {
        let mut all = BTreeSet::new();
        let Some(intent) = self.intent else { return all };
        let entry = self.frame.catalogue.entry(action);
        let is_reached = |pattern: &Str| {
            for_review.iter().any(|number| match &self.frame.usage[*number as usize].scope {
                ScopeSet::One(scope) => reaches(pattern, scope),
                ScopeSet::Unknown | ScopeSet::Overflow => true,
            })
        };
        type Part = (Spot, Str, BTreeSet<Str>);
        let mut parts: BTreeMap<(Facet, bool), Part> = BTreeMap::new();
        for at in covering {
            for beyond in within::beyond(intent, entry, &self.grants.rows[*at as usize]) {
                let breach = beyond.breach;
                // An excluded action is out of scope as a whole; its grant says nothing more.
                if breach.facet == Facet::Action {
                    continue;
                }
                for pattern in beyond.patterns {
                    let key = (breach.facet, is_reached(&pattern));
                    let empty = || (breach.spot, breach.why.as_str().into(), BTreeSet::new());
                    parts.entry(key).or_insert_with(empty).2.insert(pattern);
                }
            }
        }
        for ((facet, is_reached), (spot, why, patterns)) in parts {
            all.extend(patterns.iter().cloned());
            let mut row = self.unused_row(action, Status::Drift, covering);
            row.resources = patterns.into_iter().collect();
            row.facets.insert(facet);
            row.intent = Some((spot, why));
            if is_reached {
                row.is_reached = true;
                row.note = Some("a use for review lies there".into());
            }
            judged.rows.push(row);
        }
        all
    }

    /// The resources of every use that was or may have been allowed; `None` if one of them is not known.
    fn scopes(&self, one: &Use) -> Option<BTreeSet<&str>> {
        let rows = one.rows.iter().chain(&one.open);
        rows.map(|number| {
            let row = &self.frame.usage[*number as usize];
            debug_assert!(row.outcome != Outcome::Denied);
            match &row.scope {
                ScopeSet::One(scope) if scope.contains(['*', '?']) => None,
                ScopeSet::One(scope) => Some(&**scope),
                ScopeSet::Unknown | ScopeSet::Overflow => None,
            }
        })
        .collect()
    }
}

/// Whether a scope of use lies in each pattern. `None` if a scope lies in none: it is named in other terms than the
/// grants, and may be any of them.
fn reached<'g>(
    scopes: &BTreeSet<&str>,
    granted: impl Iterator<Item = &'g Str>,
) -> Option<BTreeMap<&'g Str, bool>> {
    let mut named = vec![false; scopes.len()];
    let mut out = BTreeMap::new();
    for pattern in granted {
        if out.contains_key(pattern) {
            continue;
        }
        let is_reached = out.entry(pattern).or_insert(false);
        for (scope, named) in scopes.iter().zip(&mut named) {
            if !(*is_reached && *named) && reaches(pattern, scope) {
                (*is_reached, *named) = (true, true);
            }
        }
    }
    (!named.contains(&false)).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::super::within::can_be_on;
    use crate::catalogue::{Catalogue, RunCatalogue};
    use crate::platform::{Platform, aws::Aws};

    #[test]
    fn a_pattern_of_another_service_is_no_part_of_an_actions_grant() {
        let facts = |_: &str, name: &str, action: Option<&crate::catalogue::Action>| {
            Aws.facts(name, action)
        };
        let run = RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &[], &facts);
        let entry = |name: &str| run.entry(run.id("aws", name).unwrap());
        assert!(entry("kms:Decrypt").has_one_resource);
        // RunInstances needs images, subnets and more, whichever of them the log names.
        assert!(!entry("ec2:RunInstances").has_one_resource);
        assert!(can_be_on(entry("kms:Decrypt"), "arn:aws:kms:*:1:key/*"));
        assert!(can_be_on(entry("kms:Decrypt"), "arn:aws:*"));
        assert!(!can_be_on(entry("kms:Decrypt"), "arn:aws:athena:eu-west-1:1:workgroup/w"));
        assert!(!can_be_on(entry("kms:Decrypt"), "arn:aws:glue:eu-west-1:1:table/sales/*"));
        assert!(can_be_on(entry("s3:GetObject"), "arn:aws:s3:::bucket/*"));
    }
}
