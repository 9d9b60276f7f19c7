//! The parts of an aggregation key, by position.
//!
//! `native` and `gke` write them, `translate` reads them. Every part is bounded; a part that a record does not
//! have is empty.

use crate::platform::events::key_parts;

/// Position of a part in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Part {
    /// The cluster.
    Cluster,
    /// The authenticated user.
    User,
    /// The impersonated user, whose permissions decided.
    As,
    /// What else was impersonated: lines of a letter (`g` group, `u` uid, `x` key of an extra value, `c` the verb of
    /// constrained impersonation) and a text.
    AsMore,
    /// The verb.
    Verb,
    /// API group, empty for the core group.
    Group,
    /// Resource, empty for a request that is for none.
    Resource,
    /// Subresource.
    Subresource,
    /// Namespace as the authorizer saw it.
    Namespace,
    /// Name as the authorizer saw it; empty where names of the kind come and go.
    Name,
    /// Path of a request for no resource.
    Path,
    /// One letter, [`super::outcome`].
    Outcome,
    /// A permission that a message says was refused beside or instead of the request's own: `VERB`, `GROUP`,
    /// `RESOURCE`, `SUBRESOURCE`, `NAMESPACE`, `NAME`, with tabs between.
    Refused,
    /// The authorizer's reason, as JSON has it between its quotes.
    Reason,
    /// What an access review found allowed: `USER` and the six of [`Part::Refused`]; or `USER`, verb, nothing, path.
    Review,
    /// Letters, [`flag`].
    Flags,
}

/// Number of parts.
pub(super) const PARTS: usize = Part::Flags as usize + 1;

/// Letters for facts about a record.
pub(super) mod flag {
    /// The record states the authorizer's decision.
    pub(crate) const DECISION: u8 = b'd';
    /// An update or patch made the object (code 201).
    pub(crate) const CREATED: u8 = b'c';
    /// An update or patch may have made the object: the record has no code that says.
    pub(crate) const MAY_HAVE_CREATED: u8 = b'C';
    /// The user is in `system:masters`.
    pub(crate) const MASTERS: u8 = b'm';
    /// From a log that holds changes only.
    pub(crate) const CHANGES_ONLY: u8 = b'w';
    /// From a log that holds reads, and no changes worth the name.
    pub(crate) const READS_ONLY: u8 = b'r';
}

/// Bytes that are kept of a part. Names of users may be certificate subjects or e-mail addresses; names of objects
/// have at most 253 characters (Kubernetes documentation, "Object Names and IDs").
pub(super) const MOST: [usize; PARTS] = {
    let mut most = [256; PARTS];
    most[Part::User as usize] = 1_024;
    most[Part::As as usize] = 1_024;
    most[Part::AsMore as usize] = 4_096;
    most[Part::Reason as usize] = 2_048;
    most[Part::Refused as usize] = 2_048;
    most[Part::Review as usize] = 4_096;
    most
};

/// A key that is being written.
pub(super) struct Parts<'a>([&'a [u8]; PARTS]);

impl<'a> Parts<'a> {
    #[inline(always)]
    pub(super) fn new() -> Parts<'a> {
        Parts([&[]; PARTS])
    }

    /// Sets a part, cut to what is kept of it.
    #[inline(always)]
    pub(super) fn set(&mut self, part: Part, value: &'a [u8]) {
        let most = MOST[part as usize];
        self.0[part as usize] = value.get(..most).unwrap_or(value);
    }

    #[inline(always)]
    pub(super) fn all(&self) -> &[&'a [u8]] {
        &self.0
    }
}

/// A key, read back.
#[derive(Debug, Clone)]
pub(super) struct Key<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Key<'a> {
    /// Reads a key back. A part that is not UTF-8 reads as empty.
    pub(super) fn new(key: &'a [u8]) -> Key<'a> {
        let parts = key_parts(key)
            .into_iter()
            .map(|part| std::str::from_utf8(part).unwrap_or_default())
            .collect();
        Key { parts }
    }

    /// A part; empty if the record did not have it.
    pub(super) fn get(&self, part: Part) -> &'a str {
        self.parts.get(part as usize).copied().unwrap_or_default()
    }

    /// Whether a fact was noted.
    pub(super) fn has(&self, flag: u8) -> bool {
        self.get(Part::Flags).as_bytes().contains(&flag)
    }

    /// Whether the request was for a resource.
    pub(super) fn is_resource(&self) -> bool {
        !self.get(Part::Resource).is_empty()
    }
}
