//! What the passes yield: permission rows, counts and the gap of an identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::intent::{Breach, Facet, FacetSet, Spot};
use crate::model::{AccessLevel, ActionId, ActionSet, GrantSet, Place, Str, Time};

/// Status of a permission, in the order in which the first that holds is taken (design, "Status of a
/// permission").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Allowed use that no known grant covers.
    Unexplained,
    /// Allowed use that the intent excludes.
    OutOfScope,
    /// Granted, not used, and the intent excludes it.
    Drift,
    /// Used long ago, and observable since.
    Stale,
    /// Used.
    Used,
    /// Granted, not seen, and the evidence could not have shown it.
    Unknown,
    /// Granted, observable, not used.
    Excess,
    /// Intended, neither granted nor used.
    Shortfall,
    /// Only denied or undetermined attempts, no grant.
    NotGranted,
}

impl Status {
    /// All, in order.
    pub const ALL: [Status; 9] = [
        Status::Unexplained,
        Status::OutOfScope,
        Status::Drift,
        Status::Stale,
        Status::Used,
        Status::Unknown,
        Status::Excess,
        Status::Shortfall,
        Status::NotGranted,
    ];

    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unexplained => "unexplained",
            Status::OutOfScope => "out-of-scope",
            Status::Drift => "drift",
            Status::Stale => "stale",
            Status::Used => "used",
            Status::Unknown => "unknown",
            Status::Excess => "excess",
            Status::Shortfall => "shortfall",
            Status::NotGranted => "not-granted",
        }
    }

    /// The mark that says the same without colour.
    pub fn mark(self) -> char {
        match self {
            Status::Used => '+',
            Status::OutOfScope | Status::Unexplained => '!',
            Status::Drift => 'x',
            Status::Stale => '~',
            Status::Excess => '-',
            Status::Unknown => '?',
            Status::Shortfall | Status::NotGranted => '.',
        }
    }

    /// What a recommendation does with it.
    pub fn advice(self) -> Option<Advice> {
        match self {
            Status::Used => Some(Advice::Keep),
            Status::Drift | Status::Stale | Status::Excess => Some(Advice::Remove),
            Status::Unexplained | Status::OutOfScope | Status::Unknown | Status::Shortfall => {
                Some(Advice::Review)
            }
            Status::NotGranted => None,
        }
    }
}

/// What to do with a permission.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Keep it.
    Keep,
    /// Remove it.
    Remove,
    /// Keep it until somebody has decided.
    Review,
}

impl Advice {
    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Advice::Keep => "keep",
            Advice::Remove => "remove",
            Advice::Review => "review",
        }
    }
}

/// Why a permission's use is unknown, in the order in which the first that holds is taken.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was tried, and how that ended is not known.
    Attempted,
    /// No log shows it: no call carries it.
    NeverLogged,
    /// A policy that decides about it is missing.
    MissingPolicy,
    /// The class of log was off, or is not in the evidence.
    NotLogged,
    /// Observed for too short a time.
    ShortWindow,
    /// Events of the service could not be mapped to actions; one of them may be it.
    Unmapped,
}

impl Reason {
    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Attempted => "attempted",
            Reason::NeverLogged => "never-logged",
            Reason::MissingPolicy => "missing-policy",
            Reason::NotLogged => "not-logged",
            Reason::ShortWindow => "short-window",
            Reason::Unmapped => "unmapped",
        }
    }
}

/// One status on a set of actions of one service. Rows of use hold one action each.
#[derive(Debug, Clone, PartialEq)]
pub struct PermissionRow {
    /// Service prefix.
    pub service: Str,
    /// Actions, ascending.
    pub actions: Vec<ActionId>,
    /// Status.
    pub status: Status,
    /// Why, for `unknown`.
    pub reason: Option<Reason>,
    /// Respects in which it is outside the intent, for `out-of-scope` and `drift`.
    pub facets: FacetSet,
    /// Resource scopes seen, or for unused rows the patterns granted.
    pub resources: Arc<[Str]>,
    /// Whether it is only a part of the action's grant, of which another part is used.
    pub is_part: bool,
    /// Numbers of the grant rows.
    pub granted_by: Arc<[u32]>,
    /// Whether every grant behind it is conditional.
    pub is_conditional: bool,
    /// First allowed use.
    pub first_used: Option<Time>,
    /// Last allowed use.
    pub last_used: Option<Time>,
    /// Place of the last use.
    pub place: Option<Place>,
    /// Allowed events.
    pub uses: u64,
    /// Denied events.
    pub denied: u64,
    /// Days of the window in which use would have been seen.
    pub observed_days: u32,
    /// What that rests on.
    pub basis: Arc<[Str]>,
    /// Where the intent excludes it, and why.
    pub intent: Option<(Spot, Str)>,
    /// Respects in which the log does not tell whether the intent means the use.
    pub undecided: FacetSet,
    /// Of drift: whether a use that is or may be outside of the intent lies in its resources.
    pub is_reached: bool,
    /// For stale rows that would be stale but for coverage, and other remarks.
    pub note: Option<Str>,
}

impl PermissionRow {
    /// What a recommendation does with it. Drift in which a use lies that is for review is for review itself: one
    /// resource, one advice.
    pub fn advice(&self) -> Option<Advice> {
        match self.status {
            Status::Drift if self.is_reached => Some(Advice::Review),
            status => status.advice(),
        }
    }
}

/// Set sizes; they may overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Actions granted.
    pub granted: u64,
    /// Of those, actions that the evidence could have shown.
    pub observable: u64,
    /// Granted actions with allowed use.
    pub used: u64,
    /// Granted, observable, not used.
    pub excess: u64,
    /// Used long ago.
    pub stale: u64,
    /// Not concluded.
    pub unknown: u64,
    /// Granted beyond the intent.
    pub drift: u64,
    /// Used beyond the intent.
    pub out_of_scope: u64,
    /// Used with no known grant.
    pub unexplained: u64,
    /// Intended, not there.
    pub shortfall: u64,
    /// Actions with denied attempts.
    pub denied: u64,
}

impl Counts {
    /// Adds another identity's counts.
    pub fn add(&mut self, other: &Counts) {
        self.granted += other.granted;
        self.observable += other.observable;
        self.used += other.used;
        self.excess += other.excess;
        self.stale += other.stale;
        self.unknown += other.unknown;
        self.drift += other.drift;
        self.out_of_scope += other.out_of_scope;
        self.unexplained += other.unexplained;
        self.shortfall += other.shortfall;
        self.denied += other.denied;
    }
}

/// A use that the intent excludes.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Number of the usage row.
    pub usage: u32,
    /// The action.
    pub action: ActionId,
    /// In which respects, where that is written, and in which quarter-hours.
    pub breaches: Vec<Breach>,
}

impl Violation {
    /// The breach in one respect.
    pub fn breach(&self, facet: Facet) -> Option<&Breach> {
        self.breaches.iter().find(|breach| breach.facet == facet)
    }
}

/// One term of the gap score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreTerm {
    /// Status.
    pub status: Status,
    /// Weight granted with this status.
    pub granted: f64,
    /// Of that, the weight that neither use nor intent supports.
    pub unsupported: f64,
}

/// The gap of one identity.
#[derive(Debug, Clone)]
pub struct IdentityGap {
    /// Number of the identity.
    pub identity: usize,
    /// Its effective grants.
    pub grants: Arc<GrantSet>,
    /// Rows, sorted by status, service and first action.
    pub rows: Vec<PermissionRow>,
    /// Uses outside the intent.
    pub violations: Vec<Violation>,
    /// Counts.
    pub counts: Counts,
    /// Each granted or used action once, by the first status of its rows.
    pub by_status: BTreeMap<Status, u64>,
    /// Granted actions by access level.
    pub levels: BTreeMap<AccessLevel, u64>,
    /// Gap score, 0 to 100; `None` if nothing granted could be concluded.
    pub score: Option<u32>,
    /// Its terms.
    pub terms: Vec<ScoreTerm>,
    /// Last sign of life: use, or a report's last authentication.
    pub last_used: Option<Time>,
    /// Days of the window with an allowed use.
    pub active_days: u32,
    /// Days of the window in which most of its granted actions were observable.
    pub observed_days: u32,
    /// Whether use would have been seen since its last sign of use.
    pub is_watched: bool,
    /// Granted actions that are observable.
    pub observable: ActionSet,
    /// Whether the evidence shows that it was not used at all in its observed time.
    pub is_never_used: bool,
    /// Range of its usage rows.
    pub usage: std::ops::Range<usize>,
    /// Whether it counts apart: an administrator.
    pub is_admin: bool,
}
