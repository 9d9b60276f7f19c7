//! Identities and their credentials.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Place, Str, Time};

/// What sort of identity it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A role that workloads or other identities assume.
    Role,
    /// A user with long-lived keys.
    User,
    /// A service account.
    ServiceAccount,
    /// An API key.
    ApiKey,
    /// A CI job.
    CiJob,
    /// A workload.
    Workload,
    /// An AI agent.
    Agent,
    /// A bot.
    Bot,
    /// A person.
    Human,
    /// The account's root.
    Root,
    /// Something else.
    Other,
}

impl IdentityKind {
    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            IdentityKind::Role => "role",
            IdentityKind::User => "user",
            IdentityKind::ServiceAccount => "service-account",
            IdentityKind::ApiKey => "api-key",
            IdentityKind::CiJob => "ci-job",
            IdentityKind::Workload => "workload",
            IdentityKind::Agent => "agent",
            IdentityKind::Bot => "bot",
            IdentityKind::Human => "human",
            IdentityKind::Root => "root",
            IdentityKind::Other => "other",
        }
    }
}

/// What is known of an identity beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Belongs to another organisation.
    ThirdParty,
    /// Used by people only: left out unless asked for.
    Human,
    /// Used by people and by programs: kept.
    Mixed,
    /// A vendor's integration, by name or trust.
    Vendor,
    /// Made and governed by the platform: cannot be changed by its owner.
    ServiceLinked,
    /// Exists only in logs: no grant evidence names it.
    LogOnly,
    /// Lives in an account that the evidence does not describe.
    External,
    /// Switched off.
    Disabled,
}

impl Label {
    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::ThirdParty => "third-party",
            Label::Human => "human",
            Label::Mixed => "mixed",
            Label::Vendor => "vendor",
            Label::ServiceLinked => "service-linked",
            Label::LogOnly => "log-only",
            Label::External => "external",
            Label::Disabled => "disabled",
        }
    }
}

/// What kind of policy is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoleKind {
    /// A policy that would grant: what it grants is not known, so use cannot be called unexplained.
    Grants,
    /// A boundary or guardrail that would limit: what is granted may be less.
    Limits,
}

/// A policy that the evidence names but does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hole {
    /// Whether the missing policy grants or limits.
    pub kind: HoleKind,
    /// Its name or ARN.
    pub policy: Str,
    /// What that leaves open, in words.
    pub note: Str,
    /// Where it is named.
    pub place: Option<Place>,
}

/// A non-human identity, or one that may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Canonical id (design, "Canonical ids"): an ARN with path for AWS.
    pub id: Str,
    /// Platform id: `aws`, `generic`.
    pub platform: Str,
    /// Kind.
    pub kind: IdentityKind,
    /// Display name, `aws:role/ci-deploy`, which `match:` in the configuration also accepts.
    pub name: Str,
    /// Account, project, cluster or tenant.
    pub account: Str,
    /// Owner, where known.
    pub owner: Option<Str>,
    /// Environment, where known.
    pub environment: Option<Str>,
    /// What it is for.
    pub purpose: Option<Str>,
    /// What runs as it, in words: `an ECS task`, `GitHub Actions`.
    pub workload: Option<Str>,
    /// Labels.
    pub labels: BTreeSet<Label>,
    /// When it was created.
    pub created: Option<Time>,
    /// When it, or the relationship behind it, ends.
    pub expires: Option<Time>,
    /// Last authentication that a platform's own report states (allowed or denied).
    pub last_used: Option<Time>,
    /// Policies that are named but absent.
    pub holes: Vec<Hole>,
    /// Tags as the platform has them.
    pub tags: Vec<(Str, Str)>,
    /// Whether grant evidence describes it. If not, its use is `used`, never `unexplained`.
    pub has_grant_evidence: bool,
    /// Where the evidence describes it.
    pub place: Option<Place>,
}

impl Identity {
    /// An identity about which nothing else is known.
    pub fn new(id: impl Into<Str>, platform: impl Into<Str>, kind: IdentityKind) -> Identity {
        let id = id.into();
        Identity {
            name: id.clone(),
            id,
            platform: platform.into(),
            kind,
            account: "".into(),
            owner: None,
            environment: None,
            purpose: None,
            workload: None,
            labels: BTreeSet::new(),
            created: None,
            expires: None,
            last_used: None,
            holes: Vec::new(),
            tags: Vec::new(),
            has_grant_evidence: false,
            place: None,
        }
    }

    /// Whether a label is set.
    pub fn is(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// Whether a policy that would grant is missing from the evidence.
    pub fn may_hold_more(&self) -> bool {
        self.holes.iter().any(|hole| hole.kind == HoleKind::Grants)
    }
}

/// A credential of an identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credential {
    /// The identity's id.
    pub identity: Str,
    /// The credential's id: an access key id, or `access key 1` where the evidence has none.
    pub id: Str,
    /// `access-key`, `password`, `certificate`, `api-key`.
    pub kind: Str,
    /// When it was created or last rotated.
    pub created: Option<Time>,
    /// Last use; `None` with `never` set means that the report says never.
    pub last_used: Option<Time>,
    /// The evidence says that it was never used.
    pub never: bool,
    /// Whether it can be used now, where known.
    pub active: Option<bool>,
    /// When it ends.
    pub expires: Option<Time>,
    /// Where the evidence says so.
    pub place: Option<Place>,
}
