//! The AWS policy language: documents, and the layers that decide a request.
//!
//! This module has no knowledge of files, identities' usage or reports. [`document`] parses, [`decide`] answers
//! one request in three values, [`effective`] yields the rows of an identity over a catalogue. The rules and
//! their sources: `docs/evaluation.md`.

pub mod cases;
pub mod condition;
pub mod decide;
pub mod document;
pub mod effective;
pub mod matching;
pub mod parse;
mod plain;
pub mod scope;
pub mod variable;

use std::sync::Arc;

use crate::model::{Layer, Str, Time};

pub use decide::{Ask, decide};
pub use document::{Policy, PolicyError, Statement};
pub use effective::{Compiled, effective};
pub use scope::{Context, Truth};

/// A policy where it is attached.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The parsed document.
    pub policy: Arc<Policy>,
    /// Name or ARN, as answers print it.
    pub name: Str,
    /// The layer.
    pub layer: Layer,
    /// Level in the organisation, 0 for the root; `None` elsewhere.
    pub level: Option<u32>,
    /// The group through which it is attached.
    pub via: Option<Str>,
    /// Creation of the version in force, where known.
    pub since: Option<Time>,
    /// Whether other identities can have the same policy (managed, or a group's).
    pub shareable: bool,
}

/// The kind of caller, which decides how resource policies treat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// An IAM user.
    User,
    /// A role, any session of it.
    Role,
    /// One named session of a role.
    RoleSession,
    /// A federated user session.
    FederatedUser,
    /// The account's root.
    Root,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// ARN. For a role session the session's own: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
    pub arn: Str,
    /// For a role or a role session: the role's ARN with path where known, else built from the session's.
    pub role_arn: Option<Str>,
    /// Account.
    pub account: Str,
    /// Kind.
    pub kind: CallerKind,
    /// Unique id (`AIDA…`, `AROA…`), where known.
    pub unique_id: Option<Str>,
    /// Tags of the user or role. Session tags may add to a role's, so a role's absent tag is unknown.
    pub tags: Vec<(Str, Str)>,
    /// Organisation id, where known.
    pub org_id: Option<Str>,
}

impl Caller {
    /// The partition of its ARN: `aws`, `aws-cn`, `aws-us-gov` and others.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

/// A policy that may be absent, or named and missing from the evidence.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Limit {
    /// There is none: no limit.
    #[default]
    Absent,
    /// It is there.
    Known(Bound),
    /// It is named (by this name) and not in the evidence: what it allows is unknown.
    Missing(Str),
}

/// Organisation policies over an account.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum OrgLimit {
    /// They do not apply: no organisation, the type is off, the management account, a service-linked role.
    #[default]
    Absent,
    /// Every level from the root to the account with all its policies.
    Levels(Vec<Vec<Bound>>),
    /// Some policies are known to apply, but the tree or some content is missing: only their explicit denies
    /// can be used; what the rest does is unknown.
    Partial(Vec<Bound>),
}

/// Everything that decides what a caller may do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layers {
    /// The identity's own policies and its groups'.
    pub identity: Vec<Bound>,
    /// Policies that are attached and not in the evidence, by name: they may grant or deny anything.
    pub missing: Vec<Str>,
    /// Permission boundary.
    pub boundary: Limit,
    /// Session policies (all of them together limit the session); empty: none.
    pub session: Vec<Bound>,
    /// Service control policies over the caller's account.
    pub scps: OrgLimit,
    /// Resource control policies over the resource's account.
    pub rcps: OrgLimit,
    /// The resource's own policy (for a role: its trust policy).
    pub resource: Vec<Bound>,
}
