//! What CloudTrail records mean: which fields make up the aggregation key, and what a key says.
//!
//! This module does not find records in files and does not count (the log reader does). [`FORMAT`] reads files in
//! which records stand as they are, [`FORMAT_WRAPPED`] those in which another product wrapped them; [`needs_unwrap`]
//! tells them apart by the first bytes.
//!
//! - `fields`: the wanted fields and their positions.
//! - [`key`]: the parts of the key, by position.
//! - `pick`: the resources and features that a request names, once a record.
//! - [`actions`], [`outcome`], [`scope`], `identity`: event to actions, error code to outcome, names to ARNs,
//!   `userIdentity` to the identity that is credited, once a row.
//! - `translate`: joins them into usage rows and coverage.
//! - `layout`, `table`, `elastic`: the wrapped forms.
//!
//! **Counting once.** The id of an event is its `sharedEventID` (the same call delivered to several accounts),
//! else the id of the record that an updated record replaces, else its `eventID`. A record with none of them has
//! the id 0, which means no deduplication: its repeated delivery cannot be told from a second, equal call in the
//! same second, so each delivery counts. Presence, first and last use do not depend on it. Of the copies of an
//! event in several accounts, the caller's own has rank 0.

pub mod actions;
mod elastic;
mod facts;
mod fields;
mod identity;
pub mod key;
mod layout;
pub mod outcome;
mod pick;
pub mod scope;
mod table;
mod translate;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_layout;
#[cfg(test)]
mod tests_traps;

use sha2::{Digest, Sha256};

use crate::model::Time;
use crate::platform::events::{
    EventFormat, Field, Layout, RawEvent, RawRow, Sort, Translated, UnwrapError, inside,
};

use crate::platform::json;

use fields::{self as f, Record};
use key::{PARTS, Part};
use pick::Found;

pub use layout::needs_unwrap;
pub use scope::class_of;

/// The CloudTrail formats.
#[derive(Debug, Clone, Copy)]
pub struct CloudTrail {
    wrapped: bool,
}

/// Records as they are: a delivery's `Records` array, one record a line, an array, or concatenated objects.
pub const FORMAT: CloudTrail = CloudTrail { wrapped: false };

/// Records within another product's wrapping (`layout`).
pub const FORMAT_WRAPPED: CloudTrail = CloudTrail { wrapped: true };

impl EventFormat for CloudTrail {
    fn id(&self) -> &'static str {
        if self.wrapped { "aws-cloudtrail-wrapped" } else { "aws-cloudtrail" }
    }

    fn layout(&self) -> Layout {
        if self.wrapped { Layout::Unwrap } else { Layout::Records(&["Records", "records"]) }
    }

    fn fields(&self) -> &'static [Field] {
        f::FIELDS
    }

    fn unwrap(
        &self,
        _: &str,
        text: &[u8],
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), UnwrapError> {
        layout::unwrap(text, each)
    }

    fn event(&self, _: &str, fields: &Record<'_>, event: &mut RawEvent) -> Sort {
        if let Some(sort) = left_out(fields) {
            return sort;
        }
        let stated = match fields.get(f::EVENT_TIME) {
            [] => fields.get(f::AT_TIMESTAMP),
            stated => stated,
        };
        event.time = time(stated);
        if event.time.is_none() {
            return Sort::Reject("no time");
        }
        event.id = id(fields);
        let (account, recipient) = (fields.get(f::ACCOUNT), fields.get(f::RECIPIENT_ACCOUNT));
        event.rank = u8::from(!account.is_empty() && !recipient.is_empty() && account != recipient);
        write_key(fields, event);
        network(fields.get(f::SOURCE_ADDRESS), &mut event.network);
        agent(fields.get(f::USER_AGENT), &mut event.agent);
        session(fields, &mut event.session);
        Sort::Use
    }

    fn translate(&self, rows: Vec<RawRow>, out: &mut Translated) {
        translate::translate(rows, out);
    }
}

/// Records that are no use by anybody, and those that are none at all (CloudTrail User Guide, "CloudTrail record
/// contents": `eventCategory`, `eventType`; "Non-API events captured by CloudTrail").
fn left_out<'a>(fields: &Record<'a>) -> Option<Sort> {
    if fields.get(f::EVENT_SOURCE).is_empty() || fields.get(f::EVENT_NAME).is_empty() {
        if !fields.get(f::DIGEST_START).is_empty() {
            return Some(Sort::Skip("digest files"));
        }
        return Some(Sort::Reject("no eventSource or eventName"));
    }
    let (kind, category) = (fields.get(f::EVENT_TYPE), fields.get(f::EVENT_CATEGORY));
    if category == b"Insight" || kind == b"AwsCloudTrailInsight" {
        return Some(Sort::Skip("insight records"));
    }
    let is_network = category == b"NetworkActivity" || kind == b"AwsVpceEvent";
    if is_network && fields.get(f::ERROR_CODE) != b"VpceAccessDenied" {
        return Some(Sort::Skip("network activity records, whose calls have records of their own"));
    }
    let caller = fields.get(f::TYPE);
    if kind == b"AwsServiceEvent"
        && (caller.is_empty() || caller == b"AWSService")
        && fields.get(f::ARN).is_empty()
    {
        return Some(Sort::Skip("service events without a caller"));
    }
    None
}

/// `YYYY-MM-DDTHH:MM:SSZ` at once, other forms by [`Time::parse`].
fn time(text: &[u8]) -> Option<Time> {
    if let Ok(text) = <&[u8; 20]>::try_from(text)
        && let Some((date, clock)) = common_time(text)
    {
        return Time::from_civil(date, clock);
    }
    Time::parse(std::str::from_utf8(text).ok()?)
}

type Civil = ((i64, u32, u32), (u32, u32, u32));

/// What stands where in `YYYY-MM-DDTHH:MM:SSZ`, zeros for digits.
const ZEROS: [u64; 3] = words(b"0000-00-00T00:00:00Z\0\0\0\0");

/// What can be added at each place before the highest bit shows that it was more than it may be.
const SPARE: [u64; 3] = {
    let mut spare = *b"0000-00-00T00:00:00Z\0\0\0\0";
    let mut at = 0;
    while at < spare.len() {
        spare[at] = if spare[at] == b'0' { 0x7f - 9 } else { 0x7f };
        at += 1;
    }
    words(&spare)
};

const fn words(bytes: &[u8; 24]) -> [u64; 3] {
    let (words, _) = bytes.as_chunks::<8>();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]), u64::from_le_bytes(words[2])]
}

/// The numbers of `YYYY-MM-DDTHH:MM:SSZ`; `None` for any other form. Eight bytes a step.
fn common_time(text: &[u8; 20]) -> Option<Civil> {
    let mut padded = [0; 24];
    padded[..20].copy_from_slice(text);
    let mut pairs = words(&padded);
    let mut wrong = 0;
    for (pair, (zeros, spare)) in pairs.iter_mut().zip(ZEROS.into_iter().zip(SPARE)) {
        // Digits become their values; all else becomes zero where it is as it has to be.
        let digits = *pair ^ zeros;
        let low = digits & !HIGH_BITS;
        wrong |= (digits | low.wrapping_add(spare)) & HIGH_BITS;
        // At each place ten times the digit there and the next one: no byte grows beyond 99.
        *pair = low.wrapping_mul(10).wrapping_add(low >> 8);
    }
    if wrong != 0 {
        return None;
    }
    let at = |word: usize, byte: u32| (pairs[word] >> (8 * byte)) as u32 & 0xff;
    let date = (i64::from(at(0, 0) * 100 + at(0, 2)), at(0, 5), at(1, 0));
    Some((date, (at(1, 3), at(1, 6), at(2, 1))))
}

/// The highest bit of each byte.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The event's id (module documentation). Ids that are no GUIDs are hashed.
fn id<'a>(fields: &Record<'a>) -> u128 {
    let stated = [f::SHARED_EVENT_ID, f::ORIGINAL_EVENT_ID, f::EVENT_ID]
        .into_iter()
        .map(|field| fields.get(field))
        .find(|id| !id.is_empty());
    let Some(stated) = stated else { return 0 };
    guid(stated).unwrap_or_else(|| {
        let hash = Sha256::digest(stated);
        let head = hash.first_chunk::<16>().copied().unwrap_or_default();
        u128::from_le_bytes(head).max(1)
    })
}

/// A GUID in its usual form, 8-4-4-4-12 hexadecimal digits; `None` for any other text, and for the one of zeros.
fn guid(text: &[u8]) -> Option<u128> {
    let text = <&[u8; 36]>::try_from(text).ok()?;
    let digits = |from: usize, then: usize| {
        let mut word = [0; 8];
        word[..4].copy_from_slice(&text[from..from + 4]);
        word[4..].copy_from_slice(&text[then..then + 4]);
        hexadecimal(u64::from_be_bytes(word)).map(u128::from)
    };
    let (a, b, c, d) = (digits(0, 4)?, digits(9, 14)?, digits(19, 24)?, digits(28, 32)?);
    let value = a << 96 | b << 64 | c << 32 | d;
    let has_hyphens = [text[8], text[13], text[18], text[23]] == *b"----";
    (has_hyphens && value != 0).then_some(value)
}

/// The number that eight hexadecimal digits write, all at once; `None` for anything else. The first digit is the
/// highest byte.
fn hexadecimal(digits: u64) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Digits have this bit, letters get it and become small.
    let small = digits | (ONES * 0x20);
    let is_letter = small >> 6 & ONES;
    let values = (small & (ONES * 0x0f)) + is_letter * 9;
    // Written again, they have to be what was read: 10 to 15 as letters, which lie 39 behind the digits.
    let ten = (values + ONES * 6) >> 4 & ONES;
    let again = values + ONES * u64::from(b'0') + ten * 39;
    let is_printed = (digits >> 5 | digits >> 6) & ONES;
    if again != small || values & (ONES * 0xf0) != 0 || is_printed != ONES {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) & 0xffff_ffff)
}

/// Fills the key's parts. The three buffers of the event's sets serve as scratch space, so that nothing is
/// allocated.
fn write_key<'a>(fields: &Record<'a>, event: &mut RawEvent) {
    let mut scopes = std::mem::take(&mut event.network);
    let mut second = std::mem::take(&mut event.agent);
    let mut passed = std::mem::take(&mut event.session);
    let get = |field: usize| fields.get(field);
    let (source, name) = (get(f::EVENT_SOURCE), get(f::EVENT_NAME));
    let service = source.strip_suffix(b".amazonaws.com").unwrap_or(source);
    let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
    let mut set = |part: Part, value: &'a [u8]| parts[part as usize] = value;
    set_identity(fields, &mut set);
    set(Part::Source, source);
    set(Part::Event, name);
    set(Part::Region, get(f::REGION));
    if source == actions::SHARED_SOURCE {
        set(Part::Service, member(get(f::ADDITIONAL), "service"));
    }
    set_outcome(fields, &mut set);
    set_class(fields, &mut set);
    pick::resources(fields, service, &mut Found::new(&mut scopes));
    second.clear();
    if service == b"s3" && (name == b"CopyObject" || name == b"UploadPartCopy") {
        pick::copy_source(fields, &mut Found::new(&mut second));
    }
    passed.clear();
    // Data events pass no roles, and are most of all events.
    let may_pass = get(f::READ_ONLY) != b"true" && get(f::EVENT_CATEGORY) != b"Data";
    if may_pass && !get(f::PARAMETERS).is_empty() {
        pick::passed_roles(fields, &mut passed);
    }
    let mut letters = [0; 8];
    let flags = pick::flags(fields, service, &mut letters);
    parts[Part::Scope as usize] = &scopes;
    parts[Part::Second as usize] = &second;
    parts[Part::PassRole as usize] = &passed;
    parts[Part::Flags as usize] = letters.get(..flags).unwrap_or_default();
    let count = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    let parts = parts.get_mut(..count).unwrap_or_default();
    for (part, most) in parts.iter_mut().zip(key::MOST) {
        if part.len() > most {
            *part = part.get(..most).unwrap_or_default();
        }
    }
    event.parts_in(fields.text(), parts);
    for buffer in [&mut scopes, &mut second, &mut passed] {
        buffer.clear();
    }
    (event.network, event.agent, event.session) = (scopes, second, passed);
}

fn set_identity<'a>(fields: &Record<'a>, set: &mut impl FnMut(Part, &'a [u8])) {
    let get = |field: usize| fields.get(field);
    let (kind, arn, principal) = (get(f::TYPE), get(f::ARN), get(f::PRINCIPAL_ID));
    set(Part::Type, kind);
    let (issuer, issuer_id) = (get(f::ISSUER_ARN), get(f::ISSUER_ID));
    let has_session = matches!(kind, b"AssumedRole" | b"FederatedUser" | b"");
    let credited = match (has_session, issuer) {
        (true, issuer @ [_, ..]) => issuer,
        (true, []) => without_session(arn),
        _ => arn,
    };
    set(Part::Arn, credited);
    let unique = if has_session && !issuer_id.is_empty() {
        issuer_id
    } else {
        principal.split(|byte| *byte == b':').next().unwrap_or(principal)
    };
    let is_outside = matches!(kind, b"WebIdentityUser" | b"SAMLUser");
    if !is_outside {
        set(Part::UniqueId, unique);
    }
    if arn.is_empty() && !is_outside {
        set(Part::UserName, get(f::USER_NAME));
    } else if is_outside {
        let provider = match get(f::IDENTITY_PROVIDER) {
            [] => unique,
            stated => stated,
        };
        set(Part::Provider, provider);
        // End users are people without number: their subjects would make each record its own row.
        if !is_end_user_provider(provider) {
            set(Part::UserName, get(f::USER_NAME));
        }
    }
    set(Part::Account, get(f::ACCOUNT));
    let recipient = match get(f::RECIPIENT_ACCOUNT) {
        [] => get(f::ACCOUNT),
        stated => stated,
    };
    set(Part::Recipient, recipient);
    set(Part::InvokedBy, get(f::INVOKED_BY));
    let behalf = [f::ON_BEHALF_OF, f::SOURCE_IDENTITY, f::IN_SCOPE_OF]
        .into_iter()
        .map(|field| (field, fields.get(field)))
        .find(|(_, value)| !value.is_empty());
    if let Some((field, value)) = behalf {
        let value = if field == f::IN_SCOPE_OF { workload(value) } else { value };
        set(Part::OnBehalfOf, value);
    }
    if get(f::CONSOLE_SESSION) == b"true" {
        set(Part::Console, b"c");
    }
}

fn is_end_user_provider(provider: &[u8]) -> bool {
    identity::END_USER_PROVIDERS.iter().any(|host| provider == host.as_bytes())
}

/// A session's ARN without the session name, `arn:aws:sts::ACCOUNT:assumed-role/NAME`; others as they are.
fn without_session(arn: &[u8]) -> &[u8] {
    let Some(at) = memchr::memmem::find(arn, b":assumed-role/") else {
        return arn;
    };
    let slash = memchr::memchr_iter(b'/', arn.get(at..).unwrap_or_default()).nth(1);
    slash.map_or(arn, |slash| arn.get(..at + slash).unwrap_or(arn))
}

/// The workload that holds the credentials; an ECS task is named by its cluster, since each task is new.
fn workload(arn: &[u8]) -> &[u8] {
    if memchr::memmem::find(arn, b":task/").is_none() {
        return arn;
    }
    let end = memchr::memrchr(b'/', arn).unwrap_or(arn.len());
    arn.get(..end).unwrap_or(arn)
}

/// The inside of a string member of a raw object; empty if there is none.
fn member<'a>(object: &'a [u8], key: &str) -> &'a [u8] {
    json::member(object, key).map(inside).unwrap_or_default()
}

fn set_outcome<'a>(fields: &Record<'a>, set: &mut impl FnMut(Part, &'a [u8])) {
    let (code, message) = (fields.get(f::ERROR_CODE), fields.get(f::ERROR_MESSAGE));
    if code.is_empty() {
        if fields.get(f::EVENT_NAME) == b"ConsoleLogin"
            && member(fields.get(f::RESPONSE), "ConsoleLogin") == b"Failure"
        {
            set(Part::Error, outcome::CONSOLE_FAILED.as_bytes());
            return;
        }
        if message.is_empty() {
            return;
        }
        set(Part::Error, outcome::MESSAGE_ONLY.as_bytes());
    } else {
        set(Part::Error, code);
    }
    set(Part::Detail, outcome::detail(code, message).as_bytes());
    let (action, resource) = outcome::refused(message);
    set(Part::DeniedAction, action);
    set(Part::DeniedResource, pick::container(resource));
}

/// Class of the record for coverage. Records before eventVersion 1.06 and 1.07 say neither `managementEvent` nor
/// `eventCategory`: then the event's name decides.
fn set_class<'a>(fields: &Record<'a>, set: &mut impl FnMut(Part, &'a [u8])) {
    let (source, name) = (fields.get(f::EVENT_SOURCE), fields.get(f::EVENT_NAME));
    match fields.get(f::READ_ONLY) {
        b"true" | b"True" | b"1" => set(Part::ReadOnly, b"t"),
        b"false" | b"False" | b"0" => set(Part::ReadOnly, b"f"),
        _ => {}
    }
    let by_name = || facts::facts().data_event(source, name);
    let category: &[u8] = match (fields.get(f::EVENT_CATEGORY), fields.get(f::MANAGEMENT_EVENT)) {
        (stated @ [_, ..], _) => stated,
        _ if fields.get(f::EVENT_TYPE) == b"AwsVpceEvent" => b"NetworkActivity",
        ([], b"false") => b"Data",
        ([], b"") if by_name().is_some() => b"Data",
        _ => b"Management",
    };
    set(Part::Category, category);
    if category == b"Data" {
        let kind = by_name()
            .map(str::as_bytes)
            .or_else(|| pick::resource_type(fields.get(f::RESOURCES)))
            .unwrap_or_default();
        set(Part::ResourceType, kind);
    }
}

/// The source as a network: an IPv4 /24, an IPv6 /48, or a service's name as it is.
fn network(address: &[u8], out: &mut Vec<u8>) {
    use std::io::Write;
    if let Some(network) = ipv4_network(address) {
        out.extend_from_slice(network);
        out.extend_from_slice(b"0/24");
        return;
    }
    // Anything else is a service's name, mostly.
    let text = std::str::from_utf8(address).ok().filter(|text| text.contains(':'));
    match text.and_then(|text| text.parse::<std::net::Ipv6Addr>().ok()) {
        Some(ip) => {
            let [a, b, c, ..] = ip.segments();
            // Writing to a vector does not fail.
            let _ = write!(out, "{a:x}:{b:x}:{c:x}::/48");
        }
        None => out.extend_from_slice(address.get(..address.len().min(256)).unwrap_or_default()),
    }
}

/// The first three numbers of an IPv4 address with their dots; `None` for anything else. What the standard parser
/// takes and what this takes are the same (`tests`): four numbers up to 255 without leading zeros.
fn ipv4_network(address: &[u8]) -> Option<&[u8]> {
    let (mut dots, mut digits, mut number, mut end) = (0, 0, 0_u32, 0);
    for (place, byte) in address.iter().enumerate() {
        match byte {
            b'0'..=b'9' if digits == 0 || number > 0 => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 => {
                (dots, digits, number, end) = (dots + 1, 0, 0, place + 1);
            }
            _ => return None,
        }
        if number > 255 || dots > 3 {
            return None;
        }
    }
    if dots == 3 && digits > 0 { address.get(..end) } else { None }
}

/// The family of a user agent: what stands before the first slash or space. The console writes brackets.
fn agent(text: &[u8], out: &mut Vec<u8>) {
    let text = text.strip_prefix(b"[").unwrap_or(text);
    // Names of AWS itself are two words.
    let family = if text == b"AWS Internal" {
        text
    } else {
        text.split(|byte| matches!(byte, b'/' | b' ' | b']')).next().unwrap_or_default()
    };
    out.extend_from_slice(family.get(..family.len().min(64)).unwrap_or_default());
}

/// The session name: after the colon of `principalId`, else the tail of the session's ARN. For a user's call with
/// a long-term key it is the key's id, which is what tells its calls apart.
fn session<'a>(fields: &Record<'a>, out: &mut Vec<u8>) {
    let name = match fields.get(f::TYPE) {
        b"AssumedRole" | b"" | b"AWSAccount" => {
            let principal = fields.get(f::PRINCIPAL_ID);
            let arn = fields.get(f::ARN);
            match memchr::memchr(b':', principal) {
                Some(colon) => principal.get(colon + 1..).unwrap_or_default(),
                None if memchr::memmem::find(arn, b":assumed-role/").is_some() => {
                    arn.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
                }
                None => &[],
            }
        }
        _ => match fields.get(f::ACCESS_KEY) {
            key if key.starts_with(b"AKIA") => key,
            _ => &[],
        },
    };
    out.extend_from_slice(name.get(..name.len().min(128)).unwrap_or_default());
}
