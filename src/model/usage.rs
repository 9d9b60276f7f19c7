//! Usage: what an identity was seen to do.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::{Place, Str, Time};

/// How a call ended, as far as authorisation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Authorised, even if it failed later.
    Allowed,
    /// Refused by the platform's authorisation.
    Denied,
    /// The error may come before authorisation: keeps a permission from being called unused, and proves
    /// nothing.
    Undetermined,
}

impl Outcome {
    /// The word that reports and tables print.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Undetermined => "undetermined",
        }
    }
}

/// How many values a bounded set keeps. A check on a set that overflowed is undecided.
pub const BOUNDED_CAP: usize = 16;

/// How many resource scopes are kept for each identity, action and outcome: names in denied calls are chosen
/// by attackers. The smallest by hash stay, so that the choice does not depend on order.
pub const SCOPE_CAP: usize = 1_000;

/// A small set of values with a mark for overflow. Merging is associative and commutative: the smallest
/// values stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounded {
    /// Sorted.
    values: Vec<Str>,
    /// Whether there were more.
    pub overflow: bool,
}

impl Bounded {
    /// Values in any order, as if each were added. `overflow`: there were more before.
    pub fn new(mut values: Vec<Str>, overflow: bool) -> Bounded {
        values.retain(|value| !value.is_empty());
        values.sort_unstable();
        values.dedup();
        let overflow = overflow || values.len() > BOUNDED_CAP;
        values.truncate(BOUNDED_CAP);
        Bounded { values, overflow }
    }

    /// The values, sorted.
    pub fn values(&self) -> &[Str] {
        &self.values
    }

    /// Whether a value is there.
    pub fn contains(&self, value: &str) -> bool {
        self.values.binary_search_by(|known| (**known).cmp(value)).is_ok()
    }

    /// Adds a value.
    pub fn insert(&mut self, value: Str) {
        if value.is_empty() {
            return;
        }
        if let Err(place) = self.values.binary_search(&value) {
            self.values.insert(place, value);
            self.overflow |= self.values.len() > BOUNDED_CAP;
            self.values.truncate(BOUNDED_CAP);
        }
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Bounded) {
        self.overflow |= other.overflow;
        for value in &other.values {
            self.insert(value.clone());
        }
    }
}

/// A resource scope: the container that a call touched (bucket, table, queue, secret), or that more were
/// touched than are kept, or that the log does not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScopeSet {
    /// The log does not say.
    Unknown,
    /// This container.
    One(Str),
    /// More containers than are kept.
    Overflow,
}

impl ScopeSet {
    /// As tables print it: `*` for unknown, `…` for overflow.
    pub fn as_str(&self) -> &str {
        match self {
            ScopeSet::Unknown => "*",
            ScopeSet::One(scope) => scope,
            ScopeSet::Overflow => "…",
        }
    }
}

/// One row of the usage table. Key: identity, action, scope, outcome, on-behalf-of, via.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// The platform.
    pub platform: Str,
    /// The identity's id, or the best name that the log has for it.
    pub identity: Str,
    /// The action, in the catalogue's spelling where it has one.
    pub action: Str,
    /// The resource scope.
    pub scope: ScopeSet,
    /// The outcome.
    pub outcome: Outcome,
    /// The person or workload on whose behalf it acted.
    pub on_behalf_of: Option<Str>,
    /// The service or chain through which the call came.
    pub via: Option<Str>,
    /// Whether the permission was inferred from a call that needs it rather than named by one.
    pub inferred: bool,
    /// Whether the event could not be mapped to a catalogue action.
    pub unmapped: bool,
    /// Distinct events. An event that touched several scopes counts in the first of its rows, so that the rows of an
    /// action add up to its events.
    pub count: u64,
    /// Events that touched this scope too and count in another row of the action.
    pub also: u64,
    /// First use, `None` if undated.
    pub first: Option<Time>,
    /// Last use, `None` if undated.
    pub last: Option<Time>,
    /// Place of the first use.
    pub first_place: Option<Place>,
    /// Place of the last use.
    pub last_place: Option<Place>,
    /// Quarter-hours since the epoch in which it happened.
    pub slots: RoaringBitmap,
    /// Regions. Never cut.
    pub regions: BTreeSet<Str>,
    /// Source networks.
    pub networks: Bounded,
    /// User agent families.
    pub agents: Bounded,
    /// Session names.
    pub sessions: Bounded,
}

impl UsageRow {
    /// A row of no event yet: dated nowhere, counted as nothing. The rest is filled in by name.
    pub fn new(platform: Str, identity: Str, action: Str, outcome: Outcome) -> UsageRow {
        UsageRow {
            platform,
            identity,
            action,
            scope: ScopeSet::Unknown,
            outcome,
            on_behalf_of: None,
            via: None,
            inferred: false,
            unmapped: false,
            count: 0,
            also: 0,
            first: None,
            last: None,
            first_place: None,
            last_place: None,
            slots: RoaringBitmap::new(),
            regions: BTreeSet::new(),
            networks: Bounded::default(),
            agents: Bounded::default(),
            sessions: Bounded::default(),
        }
    }

    /// The key that rows are sorted and merged by.
    #[allow(clippy::type_complexity, reason = "the key is the tuple of the documented columns")]
    pub fn key(&self) -> (&str, &str, &str, &ScopeSet, Outcome, Option<&str>, Option<&str>, bool) {
        (
            &self.platform,
            &self.identity,
            &self.action,
            &self.scope,
            self.outcome,
            self.on_behalf_of.as_deref(),
            self.via.as_deref(),
            self.inferred,
        )
    }

    /// Events that touched this scope.
    pub fn touched(&self) -> u64 {
        self.count + self.also
    }

    /// Adds a row with the same key. Everything but `count` is idempotent.
    pub fn merge(&mut self, other: &UsageRow) {
        self.count += other.count;
        self.also += other.also;
        self.unmapped &= other.unmapped;
        if other.first.is_some()
            && (self.first.is_none()
                || (other.first, other.first_place) < (self.first, self.first_place))
        {
            (self.first, self.first_place) = (other.first, other.first_place);
        }
        // Of two uses in one second the earlier place stays, so that the result does not depend on order.
        let later = match (self.last, other.last) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(mine), Some(theirs)) => {
                theirs > mine || (theirs == mine && other.last_place < self.last_place)
            }
        };
        if later {
            (self.last, self.last_place) = (other.last, other.last_place);
        }
        self.slots |= &other.slots;
        self.regions.extend(other.regions.iter().cloned());
        self.networks.merge(&other.networks);
        self.agents.merge(&other.agents);
        self.sessions.merge(&other.sessions);
    }
}
