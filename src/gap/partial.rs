//! The unused part of the resources of an action that is used (design, "Status of a permission": an action may have
//! several rows, since it can be used on one resource and excess on another).
//!
//! Only where the evidence can tell: the grant names resources, the action takes resources of one kind (an action
//! that touches several kinds needs them all, whichever of them the log names), every use that may have been allowed
//! names its resource, and use of the unused pattern would have been seen.

use std::collections::BTreeSet;

use super::row::{PermissionRow, Status};
use super::status::{Group, Judge};
use super::uses::Use;
use super::within::{can_be_on, reaches};
use crate::model::{ActionId, Outcome, ScopeSet, Str};

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
        let service = entry.service.to_ascii_lowercase();
        if !entry.has_one_resource || self.uses.unmapped.contains(&*service) {
            return None;
        }
        if !self.frame.observer.attempts(self.identity).iter().all(|(set, _)| !set.contains(action))
        {
            return None;
        }
        let scopes = self.scopes(one)?;
        let mut patterns: BTreeSet<Str> = BTreeSet::new();
        let mut granted_by: Vec<u32> = Vec::new();
        for at in covering {
            let row = &self.grants.rows[*at as usize];
            let unused = row.resources.iter().filter(|pattern| {
                &***pattern != "*"
                    && !beyond.contains(*pattern)
                    && can_be_on(entry, pattern)
                    && !scopes.iter().any(|scope| reaches(pattern, scope))
            });
            let before = patterns.len();
            patterns.extend(unused.cloned());
            if patterns.len() > before {
                granted_by.push(*at);
            }
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
        let mut row = self.unused_row(action, Status::Excess, granted_by);
        row.resources = resources.into();
        row.observed_days = days;
        row.basis = basis;
        row.is_part = true;
        row.note = Some("used on other resources".into());
        Some(row)
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
