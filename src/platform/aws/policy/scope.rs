//! The context of a request: what is known of each condition key, and what follows from the caller alone.
//!
//! Owns truth in three values and the lookup of keys. Does not compare values (`condition`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Caller, CallerKind};
use crate::model::Str;

/// Truth in three values. The order makes `and` the lesser and `or` the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// Does not hold.
    False,
    /// Context that is not given decides.
    Unknown,
    /// Holds.
    True,
}

impl Truth {
    /// Both.
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// Either.
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

/// The condition keys of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Key in lower case to its values. No values: the key is known to be absent.
    pub known: BTreeMap<String, Vec<Str>>,
    /// Whether a key that is not in `known` is absent from the request. If not, it is unknown.
    pub complete: bool,
}

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Nothing.
    Unknown,
    /// It is not in the request.
    Absent,
    /// One value.
    One(Cow<'a, str>),
    /// Several values.
    Many(&'a [Str]),
}

impl Lookup<'_> {
    /// The values; none if the key is absent or unknown.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let (one, many): (Option<&str>, &[Str]) = match self {
            Lookup::One(value) => (Some(value), &[]),
            Lookup::Many(values) => (None, values),
            Lookup::Unknown | Lookup::Absent => (None, &[]),
        };
        one.into_iter().chain(many.iter().map(|value| &**value))
    }
}

/// Where keys are looked up: the request's context, then what follows from the caller.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What the request says.
    pub context: &'a Context,
    /// Who asks; adds keys unless the context is complete.
    pub caller: Option<&'a Caller>,
    /// The account that owns the resource, where known.
    pub resource_account: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// What is known of a key, which is given in lower case.
    pub fn lookup(&self, key: &str) -> Lookup<'a> {
        match self.context.known.get(key).map(Vec::as_slice) {
            Some([]) => return Lookup::Absent,
            Some([one]) => return Lookup::One(Cow::Borrowed(one)),
            Some(many) => return Lookup::Many(many),
            None if self.context.complete => return Lookup::Absent,
            None => {}
        }
        if key == "aws:resourceaccount" {
            return known(self.resource_account);
        }
        self.caller.map_or(Lookup::Unknown, |caller| derived(caller, key))
    }
}

fn known(value: Option<&str>) -> Lookup<'_> {
    value.map_or(Lookup::Unknown, |value| Lookup::One(Cow::Borrowed(value)))
}

/// Keys that the caller alone decides (IAM User Guide, reference_policies_condition-keys, "Properties of the
/// principal", and reference_policies_variables for `aws:username` and `aws:userid`).
fn derived<'a>(caller: &'a Caller, key: &str) -> Lookup<'a> {
    let is_user = caller.kind == CallerKind::User;
    match key {
        // For a session the key holds the role, not the session.
        "aws:principalarn" => known(Some(caller.role_arn.as_deref().unwrap_or(&caller.arn))),
        "aws:principalaccount" => known(Some(&caller.account)),
        "aws:principaltype" => known(Some(match caller.kind {
            CallerKind::User => "User",
            CallerKind::Role | CallerKind::RoleSession => "AssumedRole",
            CallerKind::FederatedUser => "FederatedUser",
            CallerKind::Root => "Account",
        })),
        "aws:username" if is_user => known(caller.arn.rsplit('/').next()),
        "aws:username" => Lookup::Absent,
        "aws:userid" => user_id(caller),
        "aws:principalorgid" => known(caller.org_id.as_deref()),
        "aws:principalisawsservice" => known(Some("false")),
        "aws:principalservicename" | "aws:principalservicenameslist" => Lookup::Absent,
        _ => match key.strip_prefix("aws:principaltag/") {
            Some(tag) => principal_tag(caller, tag),
            None => Lookup::Unknown,
        },
    }
}

/// A user's tags are all known; a session can add tags to a role's.
fn principal_tag<'a>(caller: &'a Caller, tag: &str) -> Lookup<'a> {
    let mut tags = caller.tags.iter();
    match tags.find(|(name, _)| name.eq_ignore_ascii_case(tag)) {
        Some((_, value)) => Lookup::One(Cow::Borrowed(value)),
        None if caller.kind == CallerKind::User => Lookup::Absent,
        None => Lookup::Unknown,
    }
}

fn user_id(caller: &Caller) -> Lookup<'_> {
    match (caller.kind, &caller.unique_id) {
        (CallerKind::User, Some(id)) => known(Some(id)),
        (CallerKind::Root, _) => known(Some(&caller.account)),
        (CallerKind::RoleSession, Some(id)) => match caller.arn.rsplit('/').next() {
            Some(session) => Lookup::One(Cow::Owned(format!("{id}:{session}"))),
            None => Lookup::Unknown,
        },
        _ => Lookup::Unknown,
    }
}
