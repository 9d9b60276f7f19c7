//! What an identity may do: rows over the catalogue, without a request.
//!
//! Owns the walk over the layers ([`effective`]); [`rows`] narrows, [`deny`] subtracts, [`compiled`] holds what
//! identities share, [`resolve`] and [`template`] read statements and ARN templates. The answer to one request
//! is [`super::decide`]'s. Rows hold at least what requests are allowed: `tests` compares the two.

mod compiled;
mod deny;
mod resolve;
mod rows;
mod summary;
mod template;

use super::decide::is_service_linked;
use super::matching::{NamedBy, principals_apply};
use super::scope::{Context, Scope, Truth};
use super::{Bound, Caller, CallerKind, Layers, Limit, OrgLimit};
use crate::catalogue::RunCatalogue;
use crate::model::{ActionSet, Condition, ConditionClass, GrantSet, Layer, Origin};

pub use compiled::Compiled;
use resolve::Applied;
use rows::{Row, Tools};

/// The effective rows of an identity.
///
/// Rows start from the statements that allow: the identity's own, and those of resource policies that name it
/// (in the same account; across accounts the identity's own are needed anyway). Each limiting layer keeps what
/// it allows too, then every deny is taken out (IAM User Guide, reference_policies_evaluation-logic).
pub fn effective(
    caller: &Caller,
    layers: &Layers,
    catalogue: &RunCatalogue,
    compiled: &Compiled,
) -> GrantSet {
    let forms = compiled.forms(caller.partition());
    let context = Context::default();
    let walk = Walk {
        caller,
        catalogue,
        scope: Scope { context: &context, caller: Some(caller), resource_account: None },
        tools: Tools { compiled, forms: &forms, account: &caller.account },
    };
    let mut rows = walk.grants(layers);
    rows = walk.limits(rows, layers);
    rows = walk.denies(rows, layers);
    rows.retain_mut(|row| deny::tidy(row).is_some());
    summary::grant_set(rows, compiled)
}

struct Walk<'a> {
    caller: &'a Caller,
    catalogue: &'a RunCatalogue,
    scope: Scope<'a>,
    tools: Tools<'a>,
}

impl<'a> Walk<'a> {
    /// The statements of one effect whose conditions may hold and that are about some of the actions.
    fn applied<'b>(
        &self,
        bounds: impl IntoIterator<Item = &'b Bound>,
        allow: bool,
        about: &ActionSet,
    ) -> Vec<Applied<'b>> {
        let mut out = Vec::new();
        for bound in bounds {
            let statements = bound.policy.statements.iter();
            if !statements.clone().any(|statement| statement.allow == allow) {
                continue;
            }
            let is_shared = bound.shareable || bound.layer != Layer::Identity;
            let compiled = self.tools.compiled;
            let actions = compiled.actions(&bound.policy, is_shared, self.catalogue);
            for (statement, actions) in statements.zip(actions.iter()) {
                if statement.allow == allow && !about.is_disjoint(actions) {
                    out.extend(Applied::of(bound, statement, actions.clone(), &self.scope));
                }
            }
        }
        out
    }

    fn grants(&self, layers: &Layers) -> Vec<Row> {
        let mut rows = Vec::new();
        let all = &self.tools.compiled.all;
        for from in self.applied(&layers.identity, true, all) {
            self.tools.grant(&from, true, &mut rows);
        }
        if self.caller.kind == CallerKind::Root {
            rows.push(self.root());
        }
        for from in self.applied(&layers.resource, true, all) {
            let Some(principals) = &from.statement.principals else {
                continue;
            };
            let naming = principals_apply(principals, true, self.caller, false);
            let (by_role, itself) = (naming.by(NamedBy::Role), naming.by(NamedBy::Itself));
            let start = rows.len();
            if by_role != Truth::False && itself != Truth::True {
                self.tools.grant(&from, true, &mut rows);
            }
            let named = rows.len();
            if itself != Truth::False {
                self.tools.grant(&from, false, &mut rows);
            }
            if itself == Truth::Unknown {
                for row in &mut rows[named..] {
                    row.add(other("the session is one that the policy names".into()));
                }
            }
            let own: Vec<Row> = rows.drain(start..).filter(|row| self.is_own(row)).collect();
            rows.extend(own);
        }
        rows
    }

    /// The root user may do everything in its account that nothing denies.
    fn root(&self) -> Row {
        Row {
            actions: (*self.tools.compiled.all).clone(),
            resources: self.tools.compiled.star.clone(),
            except: Vec::new(),
            conditions: Vec::new(),
            origin: Origin {
                layer: Layer::Identity,
                policy: "root user".into(),
                statement: 0,
                sid: None,
                via: None,
                place: None,
                since: None,
                shareable: false,
            },
            is_limited: true,
        }
    }

    /// Whether a resource policy's row may be about resources of the caller's account.
    fn is_own(&self, row: &Row) -> bool {
        row.resources.iter().any(|resource| {
            let account = resource.split(':').nth(4).unwrap_or("");
            let is_id = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            !is_id || account == &*self.caller.account
        })
    }

    fn limits(&self, rows: Vec<Row>, layers: &Layers) -> Vec<Row> {
        let (mut rows, free): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.is_limited);
        match &layers.boundary {
            Limit::Absent => {}
            Limit::Known(bound) => {
                let by = self.applied([bound], true, &union(&rows));
                let name = format!("permissions boundary {}", bound.name);
                rows = self.tools.limit(rows, &by, &name);
            }
            Limit::Missing(name) => {
                let text = format!("permissions boundary {name} is not in the evidence");
                for row in &mut rows {
                    row.add(other(text.clone()));
                }
            }
        }
        if !layers.session.is_empty() {
            let by = self.applied(&layers.session, true, &union(&rows));
            rows = self.tools.limit(rows, &by, "the session policy");
        } else if self.caller.kind == CallerKind::FederatedUser {
            for row in &mut rows {
                row.add(other("the session policy is not in the evidence".into()));
            }
        }
        rows.extend(free);
        if let OrgLimit::Levels(levels) = &layers.scps
            && !is_service_linked(self.caller)
        {
            for level in levels.iter().filter(|level| !level.is_empty()) {
                let by = self.applied(level, true, &union(&rows));
                rows = self.tools.limit(rows, &by, "service control policies");
            }
        }
        rows
    }

    fn denies(&self, mut rows: Vec<Row>, layers: &Layers) -> Vec<Row> {
        let mut bounds: Vec<&Bound> = layers.identity.iter().chain(&layers.session).collect();
        bounds.extend(&layers.resource);
        if let Limit::Known(bound) = &layers.boundary {
            bounds.push(bound);
        }
        if !is_service_linked(self.caller) {
            bounds.extend(organisation(&layers.scps));
            bounds.extend(organisation(&layers.rcps));
        }
        let has_deny = |bound: &&Bound| bound.policy.statements.iter().any(|s| !s.allow);
        bounds.retain(has_deny);
        if bounds.is_empty() {
            return rows;
        }
        for by in self.applied(bounds.iter().copied(), false, &union(&rows)) {
            let truth = self.names(&by, layers.boundary != Limit::Absent);
            if truth != Truth::False {
                rows = self.tools.deny(rows, &by, truth == Truth::True);
            }
        }
        rows
    }

    /// Whether a deny names the caller.
    fn names(&self, by: &Applied<'_>, is_bounded: bool) -> Truth {
        match (by.bound.layer, &by.statement.principals) {
            (Layer::Resource | Layer::Trust | Layer::Rcp, Some(principals)) => {
                principals_apply(principals, false, self.caller, is_bounded).any()
            }
            (Layer::Resource | Layer::Trust, None) => Truth::False,
            _ => Truth::True,
        }
    }
}

fn union(rows: &[Row]) -> ActionSet {
    let mut all = ActionSet::new();
    for row in rows {
        all |= &row.actions;
    }
    all
}

fn organisation(limit: &OrgLimit) -> Vec<&Bound> {
    match limit {
        OrgLimit::Absent => Vec::new(),
        OrgLimit::Levels(levels) => levels.iter().flatten().collect(),
        OrgLimit::Partial(known) => known.iter().collect(),
    }
}

fn other(text: String) -> Condition {
    Condition { text: text.into(), key: "".into(), class: ConditionClass::Other }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reach_tests;
#[cfg(test)]
mod tests;
