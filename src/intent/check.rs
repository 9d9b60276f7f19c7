//! Whether a use is within an intent.
//!
//! Every question has three answers: a log often knows only the container of a resource, and a set that
//! overflowed hides its rest, so "outside" is said only where no reading of the evidence is inside. Checks of
//! grants are `reach`'s.

use std::sync::Arc;

use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{EnvironmentRule, Field, LabelRule, Rule, Spot};
use super::cover::{Cover, account_of, arn_part, concerns, cover_action, cover_scope, is_global};
use super::hours::Hours;
use crate::model::{Glob, ScopeSet, Str, Time, UsageRow};

/// What about a use or a grant is outside of the intent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    /// The action.
    Action,
    /// The resource.
    Resource,
    /// The environment of the resource.
    Environment,
    /// The hour.
    Hours,
    /// The Region or account.
    Destination,
    /// The sensitivity of the data.
    Data,
    /// The end of the relationship has passed.
    AfterEnd,
}

/// Respects, each once, in the order of [`Facet`]. A byte: millions of permission rows have two of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FacetSet(u8);

impl FacetSet {
    /// Adds one.
    pub fn insert(&mut self, facet: Facet) {
        self.0 |= 1 << facet as u8;
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Facet> {
        Facet::ALL.into_iter().filter(move |facet| self.0 & 1 << *facet as u8 != 0)
    }
}

impl Extend<Facet> for FacetSet {
    fn extend<T: IntoIterator<Item = Facet>>(&mut self, facets: T) {
        facets.into_iter().for_each(|facet| self.insert(facet));
    }
}

impl FromIterator<Facet> for FacetSet {
    fn from_iter<T: IntoIterator<Item = Facet>>(facets: T) -> FacetSet {
        let mut set = FacetSet::default();
        set.extend(facets);
        set
    }
}

impl Facet {
    /// All, in order.
    pub const ALL: [Facet; 7] = [
        Facet::Action,
        Facet::Resource,
        Facet::Environment,
        Facet::Hours,
        Facet::Destination,
        Facet::Data,
        Facet::AfterEnd,
    ];

    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Facet::Action => "action",
            Facet::Resource => "resource",
            Facet::Environment => "environment",
            Facet::Hours => "hours",
            Facet::Destination => "destination",
            Facet::Data => "data",
            Facet::AfterEnd => "after-end",
        }
    }
}

/// One way in which a use or a grant is outside of the intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// What is outside.
    pub facet: Facet,
    /// The place in the configuration that excludes it.
    pub spot: Spot,
    /// Why, in a few words: `environment staging, used production`.
    pub why: String,
    /// The quarter-hours concerned, where only some of the use is outside: hours, and use after the end.
    pub slots: RoaringBitmap,
}

impl Breach {
    pub(super) fn new(facet: Facet, spot: Spot, why: String) -> Breach {
        Breach { facet, spot, why, slots: RoaringBitmap::new() }
    }
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq)]
pub enum Within {
    /// Meant, or not limited.
    Inside,
    /// Not meant.
    Outside(Breach),
    /// The evidence does not decide it.
    Undecided,
}

/// The answer to all questions about one usage row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// What is outside, by facet.
    pub breaches: Vec<Breach>,
    /// What could not be decided.
    pub undecided: Vec<Facet>,
}

impl Judgement {
    fn add(&mut self, facet: Facet, answer: Within) {
        match answer {
            Within::Inside => {}
            Within::Outside(breach) => self.breaches.push(breach),
            Within::Undecided => self.undecided.push(facet),
        }
    }
}

/// What an identity is meant to do: the entries of the configuration that match it, joined field by field.
///
/// Identities that the same entries match share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Places of the entries, in file order.
    pub entries: Vec<Spot>,
    /// Who answers for it.
    pub owner: Option<Field<Str>>,
    /// What it is for.
    pub purpose: Option<Field<Str>>,
    /// The environment that it may act in.
    pub environment: Option<Field<Str>>,
    /// Whether it belongs to another organisation.
    pub third_party: Option<Field<bool>>,
    /// Last second of the relationship.
    pub expires: Option<Field<Time>>,
    /// The only actions that are meant; `None` is no limit.
    pub allow: Option<Field<Vec<Rule>>>,
    /// Actions that are not meant; wins over `allow`.
    pub deny: Option<Field<Vec<Rule>>>,
    /// Resources, for the actions of the services that they name.
    pub resources: Option<Field<Vec<Glob>>>,
    /// Hours.
    pub hours: Option<Field<Hours>>,
    /// Regions.
    pub regions: Option<Field<Vec<Glob>>>,
    /// Accounts.
    pub accounts: Option<Field<Vec<Glob>>>,
    /// The most sensitive data that it may touch.
    pub max: Option<Field<Str>>,
    /// Data above this needs a condition on its label.
    pub require_condition_above: Option<Field<Str>>,
    /// Labels of the whole configuration.
    pub(super) labels: Arc<Labels>,
}

/// Labels of resources, which all intents of a configuration share.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Labels {
    pub(super) environments: Vec<EnvironmentRule>,
    pub(super) sensitivities: Vec<LabelRule>,
    pub(super) order: Vec<Str>,
}

impl Labels {
    pub(super) fn rank(&self, sensitivity: &str) -> usize {
        let at = self.order.iter().position(|word| &**word == sensitivity);
        at.unwrap_or(0)
    }
}

impl Intent {
    /// Whether anything at all is limited, so that a use could be outside.
    pub fn limits(&self) -> bool {
        self.allow.is_some()
            || self.deny.is_some()
            || self.resources.is_some()
            || self.environment.is_some()
            || self.hours.is_some()
            || self.regions.is_some()
            || self.accounts.is_some()
            || self.max.is_some()
            || self.expires.is_some()
    }

    /// Whether an action on a resource scope is meant.
    ///
    /// `deny` wins over `allow`. A list of resources limits only the actions of the services that it names: an
    /// ARN names the service in its third part, other patterns name every service. A scope lies within
    /// a pattern if the pattern matches it or everything in it.
    pub fn action_resource(&self, action: &str, resource: &ScopeSet) -> Within {
        let mut is_open = false;
        for rule in self.deny.iter().flat_map(|deny| &deny.value) {
            let on = match &rule.resources {
                None => Cover::Full,
                Some(list) => on_resources(list, action, resource, Cover::None),
            };
            match cover_action(&rule.actions, action).min(on) {
                Cover::Full => return Within::Outside(denied(rule, on_facet(rule))),
                Cover::Partly => is_open = true,
                Cover::None => {}
            }
        }
        if let Some(allow) = &self.allow {
            match allowed(&allow.value, action, resource) {
                (Cover::Full, _) => {}
                (Cover::Partly, _) => is_open = true,
                (Cover::None, near) => {
                    return Within::Outside(not_allowed(allow.spot, near, action));
                }
            }
        }
        if let Some(resources) = &self.resources {
            match on_resources(&resources.value, action, resource, Cover::Full) {
                Cover::Full => {}
                Cover::Partly => is_open = true,
                Cover::None => {
                    let why = "the resource is none of `resources`".to_string();
                    return Within::Outside(Breach::new(Facet::Resource, resources.spot, why));
                }
            }
        }
        if is_open { Within::Undecided } else { Within::Inside }
    }

    /// As [`Intent::action_resource`], for one resource by name.
    pub fn action_on(&self, action: &str, resource: &str) -> Within {
        self.action_resource(action, &ScopeSet::One(resource.into()))
    }

    /// The quarter-hours of use that lie outside of the hours. `None` if there is no limit.
    pub fn out_of_hours(&self, slots: &RoaringBitmap) -> Option<Breach> {
        let hours = self.hours.as_ref()?;
        let outside = hours.value.outside(slots);
        if outside.is_empty() {
            return None;
        }
        let why = "outside of its hours".to_string();
        let mut breach = Breach::new(Facet::Hours, hours.spot, why);
        breach.slots = outside;
        Some(breach)
    }

    /// The environment of a resource or account, by the last rule of `environments:` that matches.
    pub fn environment_of(&self, resource: &str) -> Option<&Str> {
        self.labelled(resource).ok()?.map(|rule| &rule.environment)
    }

    /// The rule for a resource, or for its account; `Err` if a rule may apply to a part of it.
    fn labelled(&self, resource: &str) -> Result<Option<&EnvironmentRule>, ()> {
        let by_name = |name: &str| {
            for rule in self.labels.environments.iter().rev() {
                match cover_scope(&rule.matches, name) {
                    Cover::Full => return Ok(Some(rule)),
                    Cover::Partly => return Err(()),
                    Cover::None => {}
                }
            }
            Ok(None)
        };
        match by_name(resource)? {
            Some(rule) => Ok(Some(rule)),
            None => account_of(resource).map_or(Ok(None), by_name),
        }
    }

    /// Whether a resource's environment is the identity's. Resources that no rule labels are not limited.
    pub fn environment_on(&self, resource: &ScopeSet) -> Within {
        let Some(mine) = &self.environment else {
            return Within::Inside;
        };
        let scope = match resource {
            ScopeSet::One(scope) => scope,
            _ if self.labels.environments.is_empty() => return Within::Inside,
            _ => return Within::Undecided,
        };
        match self.labelled(scope) {
            Err(()) => Within::Undecided,
            Ok(Some(rule)) if rule.environment != mine.value => {
                let why = format!("environment {}, used {}", mine.value, rule.environment);
                Within::Outside(Breach::new(Facet::Environment, mine.spot, why))
            }
            Ok(_) => Within::Inside,
        }
    }

    /// Whether a use went to the Regions and accounts that are meant.
    pub fn destination(&self, action: &str, row_regions: &[&str], resource: &ScopeSet) -> Within {
        let mut is_open = false;
        if let Some(regions) = &self.regions
            && !is_global(action)
        {
            let scope_region = match resource {
                ScopeSet::One(scope) => arn_part(scope, 3),
                _ => None,
            };
            let seen = row_regions.iter().copied().chain(scope_region);
            let mut seen = seen.filter(|region| *region != "*").peekable();
            is_open |= seen.peek().is_none();
            let wrong = seen.find(|region| !regions.value.iter().any(|glob| glob.matches(region)));
            if let Some(region) = wrong {
                let why = format!("Region {region}");
                return Within::Outside(Breach::new(Facet::Destination, regions.spot, why));
            }
        }
        if let Some(accounts) = &self.accounts {
            let account = match resource {
                ScopeSet::One(scope) => account_of(scope).filter(|account| *account != "*"),
                _ => None,
            };
            match account {
                None => is_open = true,
                Some(account) if accounts.value.iter().any(|glob| glob.matches(account)) => {}
                Some(account) => {
                    let why = format!("account {account}");
                    return Within::Outside(Breach::new(Facet::Destination, accounts.spot, why));
                }
            }
        }
        if is_open { Within::Undecided } else { Within::Inside }
    }

    /// The sensitivity of a resource, by the last rule of `labels:` that matches.
    pub fn sensitivity_of(&self, resource: &str) -> Option<&Str> {
        let rules = self.labels.sensitivities.iter().rev();
        let mut full = rules.filter(|rule| cover_scope(&rule.matches, resource) == Cover::Full);
        full.next().map(|rule| &rule.sensitivity)
    }

    /// Whether the data of a resource is no more sensitive than is meant. Resources without a label are not
    /// limited.
    pub fn data_on(&self, resource: &ScopeSet) -> Within {
        let Some(max) = &self.max else {
            return Within::Inside;
        };
        let limit = self.labels.rank(&max.value);
        let rules = &self.labels.sensitivities;
        let scope = match resource {
            ScopeSet::One(scope) => scope,
            _ if rules.iter().all(|rule| self.labels.rank(&rule.sensitivity) <= limit) => {
                return Within::Inside;
            }
            _ => return Within::Undecided,
        };
        let mut is_open = false;
        for rule in rules.iter().rev() {
            let is_above = self.labels.rank(&rule.sensitivity) > limit;
            match cover_scope(&rule.matches, scope) {
                Cover::None => {}
                Cover::Partly => is_open |= is_above,
                Cover::Full if is_above && !self.lowered_within(rule, scope, limit) => {
                    let why = format!("max {}, used {}", max.value, rule.sensitivity);
                    return Within::Outside(Breach::new(Facet::Data, max.spot, why));
                }
                Cover::Full => {
                    is_open |= is_above;
                    break;
                }
            }
        }
        if is_open { Within::Undecided } else { Within::Inside }
    }

    /// Whether a later rule labels a part of the scope lower than the limit.
    fn lowered_within(&self, rule: &LabelRule, scope: &str, limit: usize) -> bool {
        let later = self.labels.sensitivities.iter().rev();
        later.take_while(|other| other.spot != rule.spot).any(|other| {
            cover_scope(&other.matches, scope) == Cover::Partly
                && self.labels.rank(&other.sensitivity) <= limit
        })
    }

    /// The use that happened after the end. `last` decides where `slots` are not kept.
    pub fn after_end(&self, slots: &RoaringBitmap, last: Option<Time>) -> Option<Breach> {
        let expires = self.expires.as_ref()?;
        let end = expires.value.slot();
        let mut late: RoaringBitmap = slots.clone();
        late.remove_range(0..=end);
        if late.is_empty() {
            // Without slots, or after the end but in the same quarter-hour.
            let last = last.filter(|last| *last > expires.value)?;
            late.insert(last.slot());
        }
        let why = format!("ended {}", expires.value.date());
        let mut breach = Breach::new(Facet::AfterEnd, expires.spot, why);
        breach.slots = late;
        Some(breach)
    }

    /// Everything that is outside about a usage row; `from` begins the window, and earlier quarter-hours are
    /// not judged.
    pub fn judge(&self, row: &UsageRow, from: Option<Time>) -> Judgement {
        let mut out = Judgement::default();
        out.add(Facet::Action, self.action_resource(&row.action, &row.scope));
        out.add(Facet::Environment, self.environment_on(&row.scope));
        let mut slots = row.slots.clone();
        if let Some(from) = from {
            slots.remove_range(0..from.slot());
        }
        out.breaches.extend(self.out_of_hours(&slots));
        if self.hours.is_some() && row.slots.is_empty() {
            out.undecided.push(Facet::Hours);
        }
        let regions: Vec<&str> = row.regions.iter().map(|region| &**region).collect();
        let place = self.destination(&row.action, &regions, &row.scope);
        out.add(Facet::Destination, place);
        out.add(Facet::Data, self.data_on(&row.scope));
        let last = row.last.filter(|last| from.is_none_or(|from| *last >= from));
        out.breaches.extend(self.after_end(&slots, last));
        out
    }
}

/// How much of the scope a list covers; `otherwise` if the list does not limit the action.
fn on_resources(list: &[Glob], action: &str, resource: &ScopeSet, otherwise: Cover) -> Cover {
    let mut concerned = list.iter().filter(|glob| concerns(glob, action)).peekable();
    if concerned.peek().is_none() && !list.is_empty() {
        return otherwise;
    }
    let one = |glob: &Glob| match resource {
        _ if glob.is_all() => Cover::Full,
        ScopeSet::One(scope) => cover_scope(glob, scope),
        ScopeSet::Unknown | ScopeSet::Overflow => Cover::Partly,
    };
    concerned.map(one).max().unwrap_or(Cover::None)
}

/// The best that the items of an allow list say, and the item nearest to allowing it.
fn allowed<'r>(rules: &'r [Rule], action: &str, resource: &ScopeSet) -> (Cover, Option<&'r Rule>) {
    let (mut best, mut near) = (Cover::None, None);
    for rule in rules {
        let act = cover_action(&rule.actions, action);
        if act == Cover::None {
            continue;
        }
        near = near.or(Some(rule));
        let on = match &rule.resources {
            None => Cover::Full,
            Some(list) => on_resources(list, action, resource, Cover::Full),
        };
        best = best.max(act.min(on));
    }
    (best, near)
}

pub(super) fn on_facet(rule: &Rule) -> Facet {
    match rule.resources {
        Some(_) => Facet::Resource,
        None => Facet::Action,
    }
}

pub(super) fn denied(rule: &Rule, facet: Facet) -> Breach {
    let names: Vec<&str> = rule.actions.iter().map(Glob::as_str).take(3).collect();
    Breach::new(facet, rule.spot, format!("denied by `{}`", names.join(", ")))
}

pub(super) fn not_allowed(spot: Spot, near: Option<&Rule>, action: &str) -> Breach {
    match near {
        Some(rule) => {
            let why = format!("`{action}` is meant for other resources");
            Breach::new(Facet::Resource, rule.spot, why)
        }
        None => Breach::new(Facet::Action, spot, format!("`{action}` is not in `allow`")),
    }
}
