//! Claims: what each source of evidence may conclude.
//!
//! No source is trusted beyond what it can see. A log's coverage is a claim of `not-seen` for what it would
//! have shown; a last-accessed report makes claims about the identity that it belongs to. The gap passes
//! combine claims and know nothing of the formats that they came from (`docs/claims.md`).

use serde::{Deserialize, Serialize};

use super::{Intervals, Place, Str, Time};

/// What a claim says of the actions that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// Used, allowed, at a time.
    Seen,
    /// Tried at a time, allowed or denied: keeps an action from being called unused, proves nothing more.
    Attempted,
    /// Not used from a time to a time: use would have been shown.
    NotSeen,
}

/// The kind of source behind a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An event log whose recording is stated by configuration (a trail, a selector, an audit policy).
    StatedLog,
    /// An event log whose recording is inferred from the events that are there.
    InferredLog,
    /// A last-accessed report at the level of actions.
    LastAccessedAction,
    /// A last-accessed report at the level of services.
    LastAccessedService,
    /// Last use of the identity or of its keys.
    LastUsed,
    /// A platform's own recommender.
    Recommender,
    /// A coverage table, or `--assume-covered`.
    Table,
}

impl Source {
    /// Whether it is a report of the platform about single identities, not a log or a table of what a log shows.
    pub fn is_report(self) -> bool {
        match self {
            Source::LastAccessedAction
            | Source::LastAccessedService
            | Source::LastUsed
            | Source::Recommender => true,
            Source::StatedLog | Source::InferredLog | Source::Table => false,
        }
    }
}

/// Whether a claim is about calls that read, calls that change, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rw {
    /// Reads only.
    Read,
    /// Changes only.
    Write,
    /// Both.
    All,
}

/// Which identities a claim is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimScope {
    /// One identity, by id.
    Identity(Str),
    /// Every identity of an account (project, cluster, tenant) of a platform.
    Account(Str),
    /// Every identity of the platform.
    Platform,
}

/// Which actions a claim is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// Every action of the platform.
    Everything,
    /// Every action of a service, that is with this prefix before the first `:`.
    Service(Str),
    /// A log class that the platform's catalogue assigns to actions, such as `management` or
    /// `data:AWS::S3::Object`.
    Class(Str),
    /// One action, or a `*`/`?` pattern over actions, compared without case.
    Pattern(Str),
}

/// One claim of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The platform whose identities and actions it is about.
    pub platform: Str,
    /// The kind of source.
    pub source: Source,
    /// What it says.
    pub says: Says,
    /// Of whom.
    pub scope: ClaimScope,
    /// Of which actions.
    pub actions: Select,
    /// Of reads, changes or both.
    pub rw: Rw,
    /// Of which resources, as a `*`/`?` pattern; `None` is all. A claim that is limited to some resources
    /// says nothing about a grant that reaches beyond them.
    pub resources: Option<Str>,
    /// In which Region; `None` is every Region.
    pub region: Option<Str>,
    /// When: for `not-seen` the covered time, gaps already taken out; else the one time of the event.
    pub covered: Intervals,
    /// Only actions that the identity's own policies grant and that a call carries (the service level of
    /// last-accessed reports: IAM User Guide, access_policies_last-accessed).
    pub own_policies_only: bool,
    /// What the claim rests on, in words that a report can print.
    pub basis: Str,
    /// Where in the evidence.
    pub place: Option<Place>,
}

impl Claim {
    /// The time of a `seen` or `attempted` claim.
    pub fn at(&self) -> Option<Time> {
        self.covered.first().map(|(from, _)| from)
    }
}
