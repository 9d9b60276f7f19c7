//! The key of an event of `audit.k8s.io` (v1, v1beta1 and v1alpha1), made once a record.
//!
//! Nothing is allocated for a common record: the parts of the key are slices of the record. Messages are looked into
//! only where a request was refused, bodies only for access reviews.
//!
//! **Counting once.** A request has a record for each stage, and aggregated servers log it again with the same id. The
//! id of an event is a hash of `auditID`, user, verb and URI (the client may choose `auditID`, so it is not enough
//! alone); the most final stage keeps the count. A record of stage `RequestReceived` proves nothing: where nothing else
//! has its id, it stays as an attempt without an answer.

use std::borrow::Cow;
use std::io::Write as _;

use crate::model::Time;
use crate::platform::events::{RawEvent, Sort};
use crate::platform::json::{self, Items, Members};

use super::fields::{self as f, Record, inside};
use super::key::{Part, Parts, flag};
use super::outcome::{self, Refused, Stated, letter};
use super::request::{self, Target};
use super::scope::churns;

/// Buffers of the event's sets, which serve as scratch space while the key is written.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) refused: Vec<u8>,
    pub(super) review: Vec<u8>,
    pub(super) more: Vec<u8>,
}

impl Scratch {
    pub(super) fn take(event: &mut RawEvent) -> Scratch {
        Scratch {
            refused: std::mem::take(&mut event.network),
            review: std::mem::take(&mut event.agent),
            more: std::mem::take(&mut event.session),
        }
    }

    pub(super) fn give_back(mut self, event: &mut RawEvent) {
        for buffer in [&mut self.refused, &mut self.review, &mut self.more] {
            buffer.clear();
        }
        (event.network, event.agent, event.session) = (self.refused, self.review, self.more);
    }
}

/// Makes the key, time and id of one event.
pub(super) fn event(context: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort {
    let (verb, user) = (record.get(f::VERB), record.get(f::USER));
    let has_request = !record.get(f::URI).is_empty() || !record.get(f::RESOURCE).is_empty();
    if record.get(f::AUDIT_ID).is_empty() && (verb.is_empty() || !has_request) {
        return Sort::Reject("not an audit event");
    }
    if user.is_empty() {
        return Sort::Skip("requests without a user: not authenticated");
    }
    event.time = time(record.first(&[f::RECEIVED, f::STAGED, f::TIMESTAMP, f::CREATED]));
    if event.time.is_none() {
        return Sort::Reject("no time");
    }
    let stage = record.get(f::STAGE);
    event.rank = match stage {
        b"ResponseStarted" => 2,
        b"Panic" => 1,
        b"RequestReceived" => 3,
        _ => 0,
    };
    if !record.get(f::AUDIT_ID).is_empty() {
        event.id = hash(&[record.get(f::AUDIT_ID), user, verb, record.get(f::URI)]);
    }
    let mut scratch = Scratch::take(event);
    write_key(context, record, &mut scratch, event);
    scratch.give_back(event);
    network(last_source(record.get(f::SOURCES)), &mut event.network);
    agent(record.inside(f::AGENT), &mut event.agent);
    session(record.first(&[f::POD_NAME, f::SESSION_NAME]), &mut event.session);
    Sort::Use
}

fn write_key(context: &str, record: &Record<'_>, scratch: &mut Scratch, event: &mut RawEvent) {
    let mut parts = Parts::new();
    let get = |field: usize| record.get(field);
    let cluster = match get(f::ENVELOPE_CLUSTER) {
        [] => context.as_bytes(),
        stated => stated,
    };
    parts.set(Part::Cluster, cluster);
    parts.set(Part::User, get(f::USER));
    let verb = get(f::VERB);
    parts.set(Part::Verb, verb);
    let asked = asked(record);
    parts.set(Part::Group, asked.group);
    parts.set(Part::Resource, asked.resource);
    parts.set(Part::Subresource, asked.subresource);
    parts.set(Part::Path, asked.path);
    set_object(&mut parts, &asked, verb);
    if !get(f::AS).is_empty() {
        parts.set(Part::As, get(f::AS));
        impersonated(record, &mut scratch.more);
    }
    let stated = Stated {
        decision: record.first(&[f::DECISION, f::DECISION_ELASTIC, f::DECISION_FLAT]),
        reason: inside(record.first(&[f::REASON, f::REASON_ELASTIC, f::REASON_FLAT])),
        code: code(get(f::CODE)),
        message: record.inside(f::MESSAGE),
        verb,
    };
    let is_received = get(f::STAGE) == b"RequestReceived";
    let ended = if is_received { letter::RECEIVED } else { outcome::letter(&stated) };
    if ended == letter::ALLOWED {
        parts.set(Part::Reason, stated.reason);
    }
    if stated.code == 403 && stated.decision != b"forbid" {
        refused(&stated, &asked, &mut scratch.refused);
    }
    if get(f::REVIEW_ALLOWED) == b"true" && asked.resource.ends_with(b"subjectaccessreviews") {
        review(get(f::REVIEW), &mut scratch.review);
    }
    let mut letters = Letters::default();
    if !stated.decision.is_empty() {
        letters.push(flag::DECISION);
    }
    if ended == letter::ALLOWED && matches!(verb, b"update" | b"patch") {
        match stated.code {
            201 => letters.push(flag::CREATED),
            0 => letters.push(flag::MAY_HAVE_CREATED),
            _ => {}
        }
    }
    if stated.reason.is_empty() && memchr::memmem::find(get(f::USER_GROUPS), MASTERS).is_some() {
        letters.push(flag::MASTERS);
    }
    if get(f::ENVELOPE_LOG) == b"kube-audit-admin" {
        letters.push(flag::CHANGES_ONLY);
    }
    parts.set(Part::Flags, letters.all());
    let ended = [ended];
    parts.set(Part::Outcome, &ended);
    parts.set(Part::Refused, &scratch.refused);
    parts.set(Part::Review, &scratch.review);
    parts.set(Part::AsMore, &scratch.more);
    event.parts(parts.all());
}

const MASTERS: &[u8] = b"\"system:masters\"";

/// Flags of a record.
#[derive(Default)]
pub(super) struct Letters {
    letters: [u8; 8],
    count: usize,
}

impl Letters {
    pub(super) fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(self.count) {
            *place = letter;
            self.count += 1;
        }
    }

    pub(super) fn all(&self) -> &[u8] {
        self.letters.get(..self.count).unwrap_or_default()
    }
}

/// What a request was for.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    pub(super) group: &'a [u8],
    pub(super) resource: &'a [u8],
    pub(super) subresource: &'a [u8],
    pub(super) namespace: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) path: &'a [u8],
}

impl<'a> Wanted<'a> {
    /// Of the resource or path of a URI.
    pub(super) fn of(target: Target<'a>) -> Wanted<'a> {
        match target {
            Target::Path(path) => Wanted { path: path.as_bytes(), ..Wanted::default() },
            Target::Resource(found) => Wanted {
                group: found.group.as_bytes(),
                resource: found.resource.as_bytes(),
                subresource: found.subresource.as_bytes(),
                namespace: found.namespace.as_bytes(),
                name: found.name.as_bytes(),
                path: &[],
            },
        }
    }
}

/// The request's object; from its URI where the event has none. An event for no resource has none either.
fn asked<'a>(record: &Record<'a>) -> Wanted<'a> {
    let resource = record.get(f::RESOURCE);
    if resource.is_empty() {
        let uri = std::str::from_utf8(record.inside(f::URI)).unwrap_or_default();
        return Wanted::of(request::target(uri));
    }
    Wanted {
        group: record.get(f::GROUP),
        resource,
        subresource: record.get(f::SUBRESOURCE),
        namespace: record.get(f::NAMESPACE),
        name: record.get(f::NAME),
        path: &[],
    }
}

/// Namespace and name as the authorizer saw them: a plain create has no name (the event's is the body's), nor has
/// deletecollection; the Namespace object that is made lies in none.
pub(super) fn set_object<'a>(parts: &mut Parts<'a>, asked: &Wanted<'a>, verb: &[u8]) {
    let is_create = verb == b"create" && asked.subresource.is_empty();
    if !(is_create && asked.resource == b"namespaces") {
        parts.set(Part::Namespace, asked.namespace);
    }
    let has_name = !is_create && verb != b"deletecollection";
    // Leases of nodes are named by them.
    let is_of_node = asked.namespace == b"kube-node-lease";
    if has_name && asked.name.len() <= 253 && !is_of_node && !churns(asked.resource) {
        parts.set(Part::Name, asked.name);
    }
}

/// What was impersonated besides the user.
fn impersonated(record: &Record<'_>, out: &mut Vec<u8>) {
    let mut line = |letter: u8, text: &[u8]| {
        let is_text = text.iter().all(|byte| *byte >= 0x20);
        if !text.is_empty() && is_text && text.len() <= 256 && out.len() <= 3_000 {
            out.push(letter);
            out.extend_from_slice(text);
            out.push(b'\n');
        }
    };
    line(b'c', record.get(f::CONSTRAINT));
    line(b'u', record.get(f::AS_UID));
    for group in Items::of_array(record.get(f::AS_GROUPS)).take(64) {
        line(b'g', &json::text(group).unwrap_or_default());
    }
    for (key, _) in Members::new(record.get(f::AS_EXTRA)).take(64) {
        line(b'x', key);
    }
}

/// The permission that a message of a 403 names as refused, where it is another than the request's own.
pub(super) fn refused(stated: &Stated<'_>, asked: &Wanted<'_>, out: &mut Vec<u8>) {
    if memchr::memmem::find(stated.message, outcome::ESCALATION).is_some() {
        let (verb, resource): (&str, &[u8]) = match asked.resource {
            b"rolebindings" | b"clusterrolebindings" => ("bind", b"clusterroles"),
            _ => ("escalate", asked.resource),
        };
        let refused = Refused {
            verb: verb.to_string(),
            group: "rbac.authorization.k8s.io".to_string(),
            resource: String::from_utf8_lossy(resource).into_owned(),
            namespace: String::from_utf8_lossy(asked.namespace).into_owned(),
            ..Refused::default()
        };
        write_refused(&refused, out);
        return;
    }
    if stated.message.is_empty() {
        return;
    }
    let mut quoted = Vec::with_capacity(stated.message.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(stated.message);
    quoted.push(b'"');
    let text = json::text(&quoted).unwrap_or_default();
    let found = std::str::from_utf8(&text).ok().and_then(outcome::refused);
    if let Some(found) = found.filter(|found| found.verb.as_bytes() != stated.verb) {
        write_refused(&found, out);
    }
}

fn write_refused(refused: &Refused, out: &mut Vec<u8>) {
    let name = if churns(refused.resource.as_bytes()) { "" } else { &refused.name };
    let texts: [&str; 6] = [
        &refused.verb,
        &refused.group,
        &refused.resource,
        &refused.subresource,
        &refused.namespace,
        name,
    ];
    tabbed(texts.map(|text| Cow::Borrowed(text.as_bytes())).as_slice(), out);
}

/// Writes texts with tabs between; nothing if one holds a control character or is longer than a name can be.
fn tabbed(texts: &[Cow<'_, [u8]>], out: &mut Vec<u8>) {
    out.clear();
    let fits = |text: &Cow<'_, [u8]>| text.len() <= 512 && text.iter().all(|byte| *byte >= 0x20);
    if !texts.iter().all(fits) {
        return;
    }
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            out.push(b'\t');
        }
        out.extend_from_slice(text);
    }
}

/// An access review that was answered with yes: its user used the permission, in a place whose own log is not here
/// (kubelets and aggregated servers ask so). Reviews of groups alone are nobody's use.
fn review(spec: &[u8], out: &mut Vec<u8>) {
    let text = |object: &[u8], key: &str| -> Cow<'_, [u8]> {
        let found = json::member(object, key).and_then(json::text);
        Cow::Owned(found.map(Cow::into_owned).unwrap_or_default())
    };
    let user = text(spec, "user");
    if user.is_empty() {
        return;
    }
    if let Some(asked) = json::member(spec, "resourceAttributes") {
        let resource = text(asked, "resource");
        let name = match churns(&resource) {
            true => Cow::Borrowed(&[][..]),
            false => text(asked, "name"),
        };
        let verb = text(asked, "verb");
        let (group, sub) = (text(asked, "group"), text(asked, "subresource"));
        // A question about everything names no permission.
        if [&verb, &group, &resource, &sub].into_iter().any(|part| part.as_ref() == b"*") {
            return;
        }
        tabbed(&[user, verb, group, resource, sub, text(asked, "namespace"), name], out);
    } else if let Some(asked) = json::member(spec, "nonResourceAttributes") {
        tabbed(&[user, text(asked, "verb"), Cow::Borrowed(b""), text(asked, "path")], out);
    }
}

/// An HTTP status code; 0 for none.
pub(super) fn code(text: &[u8]) -> u16 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// `YYYY-MM-DDTHH:MM:SS`, a fraction and `Z` at once, other forms by [`Time::parse`].
pub(super) fn time(text: &[u8]) -> Option<Time> {
    const ZEROS: &[u8; 19] = b"0000-00-00T00:00:00";
    if let Some((head, tail)) = text.split_first_chunk::<19>() {
        // Digits become their values; all else becomes zero where it is as it has to be.
        let mut digits = [0_u8; 19];
        let mut is_common = true;
        for ((digit, byte), zero) in digits.iter_mut().zip(head).zip(ZEROS) {
            *digit = byte.wrapping_sub(*zero);
            is_common &= *digit <= if *zero == b'0' { 9 } else { 0 };
        }
        let is_utc = match tail {
            [b'Z'] => true,
            [b'.', middle @ .., b'Z'] => {
                !middle.is_empty() && middle.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        if is_common && is_utc {
            let two = |place: usize| u32::from(digits[place]) * 10 + u32::from(digits[place + 1]);
            let date = (i64::from(two(0) * 100 + two(2)), two(5), two(8));
            return Time::from_civil(date, (two(11), two(14), two(17)));
        }
    }
    Time::parse(std::str::from_utf8(text).ok()?)
}

/// A hash of 128 bits over texts, the same on every machine. Two lanes multiply words into themselves; it withstands
/// accidents, and an attacker who finds a collision only makes two records count as one.
pub(super) fn hash(texts: &[&[u8]]) -> u128 {
    const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let mut lanes = [0x2545_f491_4f6c_dd1d_u64, 0x8519_4ed6_95f4_a7c3];
    let mut mix = |word: u64| {
        for (lane, multiplier) in lanes.iter_mut().zip(MULTIPLIERS) {
            let product = u128::from(*lane ^ word) * u128::from(multiplier | 1);
            *lane = (product as u64) ^ ((product >> 64) as u64) ^ multiplier.rotate_left(23);
        }
    };
    for text in texts {
        let (words, rest) = text.as_chunks::<8>();
        for word in words {
            mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        mix(u64::from_le_bytes(last));
        mix(text.len() as u64 ^ 0xff51_afd7_ed55_8ccd);
    }
    let [high, low] = lanes;
    (u128::from(high) << 64 | u128::from(low)).max(1)
}

/// The last address of a raw array: those before it are what the client says of its proxies.
fn last_source(raw: &[u8]) -> &[u8] {
    let Some(end) = memchr::memrchr(b'"', raw) else { return &[] };
    let before = raw.get(..end).unwrap_or_default();
    let start = memchr::memrchr(b'"', before).map_or(0, |at| at + 1);
    before.get(start..).unwrap_or_default()
}

/// The source as a network: an IPv4 /24 or an IPv6 /48.
pub(super) fn network(address: &[u8], out: &mut Vec<u8>) {
    let is_plain = address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let dots = address.iter().filter(|byte| **byte == b'.').count();
    if is_plain && dots == 3 && address.len() <= 15 {
        let end = memchr::memrchr(b'.', address).map_or(0, |at| at + 1);
        out.extend_from_slice(address.get(..end).unwrap_or_default());
        out.extend_from_slice(b"0/24");
        return;
    }
    let text = std::str::from_utf8(address).unwrap_or_default();
    match text.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            // Writing to a vector does not fail.
            let _ = write!(out, "{a:x}:{b:x}:{c:x}::/48");
        }
        _ => out.extend_from_slice(address.get(..address.len().min(64)).unwrap_or_default()),
    }
}

/// The family of a user agent: what stands before the first slash or space.
pub(super) fn agent(text: &[u8], out: &mut Vec<u8>) {
    let end = text.iter().take(64).position(|byte| matches!(byte, b'/' | b' ' | b'\\'));
    let family = text.get(..end.unwrap_or(text.len().min(64))).unwrap_or_default();
    out.extend_from_slice(family);
}

fn session(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.get(..name.len().min(128)).unwrap_or_default());
}
