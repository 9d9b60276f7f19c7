//! Grants: the effective rows that a platform's evaluator yields for an identity.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ActionSet, Place, Str, Time};

/// What a grant row decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Allowed whatever the request's context is.
    Allow,
    /// Allowed in some contexts: a condition, or a possible deny, decides.
    Conditional,
    /// Allowed after somebody approves (tools of AI agents).
    Ask,
}

/// The class of a condition: what it lets the owner control.
///
/// The AWS keys of each class are listed in `docs/evaluation.md`, section "Condition classes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionClass {
    /// When.
    Time,
    /// From where: address, network, user agent.
    Source,
    /// To where: Region, account.
    Destination,
    /// Which data: tags and labels of the resource.
    DataLabel,
    /// Multi-factor authentication or approval.
    Approval,
    /// Who: tags, organisation, ARN of the caller.
    Caller,
    /// Through which service.
    ServicePath,
    /// Third-party secret (external id).
    ThirdParty,
    /// Federation: issuer, subject, audience.
    Federation,
    /// Anything else.
    Other,
}

/// One condition, kept whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// As a person would write it: `IpAddress aws:SourceIp 203.0.113.0/24`; a deny's begins with `unless`.
    pub text: Str,
    /// The condition key in lower case, for instance `aws:sourceip`.
    pub key: Str,
    /// Its class.
    pub class: ConditionClass,
}

/// The layer of evaluation that a policy belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Attached to the identity, directly or through a group, role or binding.
    Identity,
    /// A permission boundary.
    Boundary,
    /// A service control policy or its like, from the organisation.
    Scp,
    /// A resource control policy.
    Rcp,
    /// Attached to the resource.
    Resource,
    /// Of the session.
    Session,
    /// A role's trust policy.
    Trust,
}

impl Layer {
    /// The word that answers and reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Identity => "identity",
            Layer::Boundary => "boundary",
            Layer::Scp => "scp",
            Layer::Rcp => "rcp",
            Layer::Resource => "resource",
            Layer::Session => "session",
            Layer::Trust => "trust",
        }
    }
}

/// Where a grant comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The policy's id (for AWS its ARN, or `NAME (inline)`), which other identities may share.
    pub policy: Str,
    /// The statement's number in the policy, from 0.
    pub statement: u32,
    /// The statement's own id.
    pub sid: Option<Str>,
    /// The group, role or binding through which it is attached.
    pub via: Option<Str>,
    /// The file and line of the statement.
    pub place: Option<Place>,
    /// Since when the policy's version in force exists, where the evidence says.
    pub since: Option<Time>,
    /// Whether other identities could be attached to the same policy (a managed policy, a group's).
    pub shareable: bool,
}

impl Origin {
    /// `policy/Sid`, or `policy/#3` for a statement without an id.
    pub fn short(&self) -> String {
        let name = self.policy.rsplit('/').next().unwrap_or(&self.policy);
        match &self.sid {
            Some(sid) => format!("{name}/{sid}"),
            None => format!("{name}/#{}", self.statement),
        }
    }
}

/// Effective permission on a set of actions: one decision, one set of resources, one set of conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The actions.
    pub actions: ActionSet,
    /// The decision.
    pub decision: Decision,
    /// Resource patterns (`*` and `?`); an action is granted on the union.
    pub resources: Arc<[Str]>,
    /// Resource patterns that an unconditional deny takes away again.
    pub except: Arc<[Str]>,
    /// All must hold for the row to allow. Empty if `decision` is `Allow`.
    pub conditions: Arc<[Condition]>,
    /// Where it comes from: the statements that allow.
    pub origin: Arc<[Origin]>,
}

impl GrantRow {
    /// Whether the row reaches every resource.
    pub fn is_unlimited(&self) -> bool {
        self.resources.iter().any(|pattern| &**pattern == "*")
    }

    /// Whether the row comes from the identity's own policies rather than from a resource's.
    pub fn is_own(&self) -> bool {
        self.origin.iter().any(|origin| origin.layer == Layer::Identity)
    }
}

/// All effective rows of an identity. Identities with equal attachments share one set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantSet {
    /// Rows in a stated order: by first origin, then by resources.
    pub rows: Vec<GrantRow>,
    /// Union of the rows' actions.
    pub actions: ActionSet,
    /// The oldest date since which each action's policy version is known to exist: `(since, actions)`,
    /// only for actions all of whose origins state one. Non-use before that date says nothing.
    pub since: Vec<(Time, ActionSet)>,
    /// Whether everything on the platform, or everything on its permission service, is granted without
    /// condition (`administrative-grant`): the words that say how.
    pub administrative: Option<Str>,
}
