//! Users, roles, groups and managed policies, as exports describe them.

use super::pool::PolicyDocument;
use crate::model::{FileId, Place, Str, Time};

/// A policy that belongs to one user, role or group.
#[derive(Debug, Clone)]
pub(crate) struct Inline {
    /// `PolicyName`.
    pub(crate) name: Str,
    /// The document.
    pub(crate) document: PolicyDocument,
    /// Where it is written.
    pub(crate) place: Place,
}

/// What an export says of a role's last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastUse {
    /// Nothing: the member is absent.
    Unstated,
    /// The member is there and empty.
    Never,
    /// At this time.
    At(Time),
}

/// A user or role.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    pub(crate) arn: Str,
    pub(crate) account: Str,
    pub(crate) name: Str,
    /// Whether it is a user; else it is a role.
    pub(crate) is_user: bool,
    pub(crate) unique_id: Option<Str>,
    pub(crate) created: Option<Time>,
    pub(crate) tags: Vec<(Str, Str)>,
    pub(crate) inline: Vec<Inline>,
    /// ARNs of attached managed policies.
    pub(crate) attached: Vec<Str>,
    /// Names of groups.
    pub(crate) groups: Vec<Str>,
    /// ARN of the permissions boundary.
    pub(crate) boundary: Option<Str>,
    pub(crate) trust: Option<PolicyDocument>,
    /// ARNs of instance profiles.
    pub(crate) profiles: Vec<Str>,
    pub(crate) last_use: LastUse,
    pub(crate) place: Place,
}

impl Entity {
    /// `role/NAME` or `user/NAME` in lower case.
    pub(crate) fn key(&self) -> (Str, Str) {
        (self.account.clone(), name_key(self.is_user, &self.name))
    }

    /// Whether both describe the same rights and trust.
    pub(super) fn is_same(&self, other: &Entity) -> bool {
        let trust = match (&self.trust, &other.trust) {
            (Some(left), Some(right)) => left.is_same(right),
            (left, right) => left.is_none() && right.is_none(),
        };
        let inline = self.inline.len() == other.inline.len()
            && self.inline.iter().zip(&other.inline).all(|(left, right)| {
                left.name == right.name && left.document.is_same(&right.document)
            });
        trust
            && inline
            && self.attached == other.attached
            && self.groups == other.groups
            && self.boundary == other.boundary
    }
}

/// The key of a user's or role's name: names are unique in an account without regard to case.
pub(crate) fn name_key(is_user: bool, name: &str) -> Str {
    let kind = if is_user { "user" } else { "role" };
    format!("{kind}/{}", name.to_ascii_lowercase()).into()
}

/// A group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: Str,
    pub(crate) inline: Vec<Inline>,
    pub(crate) attached: Vec<Str>,
    pub(crate) place: Place,
}

/// A managed policy.
#[derive(Debug, Clone)]
pub(crate) struct Managed {
    /// The default version's document; `None` if the export has no default version.
    pub(crate) document: Option<PolicyDocument>,
    /// Creation of the default version.
    pub(crate) since: Option<Time>,
    pub(crate) place: Place,
}

/// What is known of one authorization-details file.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) file: FileId,
    /// Whether the last page says that more follows.
    pub(crate) is_truncated: bool,
    /// Whether any role has the member `RoleLastUsed`.
    pub(crate) has_last_used: bool,
    /// Whether it lists roles.
    pub(crate) has_roles: bool,
    /// The newest date in it: the export is not older.
    pub(crate) newest: Option<Time>,
    /// Positions of its entities.
    pub(crate) entities: std::ops::Range<usize>,
}
