//! The parts of an aggregation key, by position.
//!
//! [`super::CloudTrail::event`](crate::platform::events::EventFormat::event) writes them,
//! [`super::translate`] reads them. Every part is bounded; a part that a record does not have is empty.

use crate::platform::events::key_parts;

/// Position of a part in the key. What most records do not have comes last: a key ends with its last part that is not
/// empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Part {
    /// `userIdentity.type`.
    Type,
    /// The ARN to credit: of the session issuer for `AssumedRole` and `FederatedUser`, else
    /// `userIdentity.arn`. Without a session issuer the session's ARN, cut before the session name.
    Arn,
    /// Unique id (`AROA…`, `AIDA…`), without the session name.
    UniqueId,
    /// `userIdentity.accountId`.
    Account,
    /// `recipientAccountId`, else the caller's account.
    Recipient,
    /// `eventSource`.
    Source,
    /// `eventName`.
    Event,
    /// `awsRegion`.
    Region,
    /// `t` for reads, `f` for changes, empty if not stated.
    ReadOnly,
    /// `Management`, `Data` or `NetworkActivity`; derived where the record does not say.
    Category,
    /// Resources: lines of a letter for the kind and the raw value, see [`super::scope`].
    Scope,
    /// For data events the resource type, `AWS::S3::Object`.
    ResourceType,
    /// `errorCode`; `(console login failed)` for a failed sign-in, `(message only)` for a message without code.
    Error,
    /// What the message adds to the code, see [`super::outcome::detail`].
    Detail,
    /// The IAM action that the message of a denied call names.
    DeniedAction,
    /// The resource that the message of a denied call names.
    DeniedResource,
    /// Letters for features of the request that need more permissions, see [`super::scope::flags`].
    Flags,
    /// `userIdentity.invokedBy`.
    InvokedBy,
    /// `onBehalfOf.userId`, else `sessionContext.sourceIdentity`, else the workload in `inScopeOf.sourceArn`.
    OnBehalfOf,
    /// `userIdentity.userName`, only where no ARN names the identity, and the subject of a web identity.
    UserName,
    /// `userIdentity.identityProvider`, or what `principalId` says of it.
    Provider,
    /// Source of a copy, in the form of [`Part::Scope`].
    Second,
    /// `additionalEventData.service`, for the event source that several services share.
    Service,
    /// Roles that the request passes: lines `KIND\tVALUE`.
    PassRole,
    /// `c` for a session that the console made.
    Console,
}

/// Number of parts.
pub const PARTS: usize = Part::Console as usize + 1;

/// Bytes that are kept of a part: enough for any ARN or message of AWS, for names of services and events far
/// less. Lists of resources are bounded where they are made, since half of one would be another name.
pub(super) const MOST: [usize; PARTS] = {
    const LISTS: [Part; 3] = [Part::Scope, Part::Second, Part::PassRole];
    const LONG: [Part; 5] =
        [Part::Arn, Part::UserName, Part::Provider, Part::DeniedResource, Part::OnBehalfOf];
    let mut most = [256; PARTS];
    let mut at = 0;
    while at < LONG.len() {
        most[LONG[at] as usize] = 2_048;
        at += 1;
    }
    at = 0;
    while at < LISTS.len() {
        most[LISTS[at] as usize] = usize::MAX;
        at += 1;
    }
    most
};

/// A key, read back.
#[derive(Debug, Clone)]
pub struct Key<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Key<'a> {
    /// Reads a key back. A part that is not UTF-8 reads as empty.
    pub fn new(key: &'a [u8]) -> Key<'a> {
        let parts = key_parts(key)
            .into_iter()
            .map(|part| std::str::from_utf8(part).unwrap_or_default())
            .collect();
        Key { parts }
    }

    /// A part; empty if the record did not have it.
    pub fn get(&self, part: Part) -> &'a str {
        self.parts.get(part as usize).copied().unwrap_or_default()
    }

    /// A part, `None` if it is empty.
    pub fn some(&self, part: Part) -> Option<&'a str> {
        Some(self.get(part)).filter(|text| !text.is_empty())
    }

    /// The account whose identities and names the call is about: the caller's, else the recipient's.
    pub fn account(&self) -> &'a str {
        self.some(Part::Account).unwrap_or_else(|| self.get(Part::Recipient))
    }

    /// The partition, told by the credited ARN, else by the Region (AWS General Reference, "Amazon Resource
    /// Names").
    pub fn partition(&self) -> &'a str {
        let mut parts = self.get(Part::Arn).split(':');
        if parts.next() == Some("arn")
            && let Some(partition) = parts.next().filter(|name| name.starts_with("aws"))
        {
            return partition;
        }
        partition_of(self.get(Part::Region))
    }
}

/// The partition of a Region.
pub(super) fn partition_of(region: &str) -> &'static str {
    match region.get(..region.find('-').unwrap_or(0)) {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        Some("us") if region.starts_with("us-isob-") => "aws-iso-b",
        Some("us") if region.starts_with("us-isof-") => "aws-iso-f",
        Some("us") if region.starts_with("us-iso-") => "aws-iso",
        Some("eu") if region.starts_with("eu-isoe-") => "aws-iso-e",
        Some("eusc") => "aws-eusc",
        _ => "aws",
    }
}
