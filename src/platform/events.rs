//! The contract between the log reader, which is fast and knows no platform, and a platform's log format.
//!
//! The reader (`crate::usage`) finds records, extracts the fields that the format names, and aggregates
//! records with equal keys without looking into them. The format says which fields make up the key
//! ([`EventFormat::event`], called for each record) and what a key means ([`EventFormat::translate`], called
//! once for each distinct key). So facts about actions, outcomes and resources are looked up once a row, not
//! once an event.

use roaring::RoaringBitmap;

use crate::model::{Bounded, Place, Time, UsageRow};

use super::{LogSpan, LoggedGrant};

/// One wanted field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Path of keys from the record's top, such as `["userIdentity", "sessionContext", "sessionIssuer",
    /// "arn"]`. A last element of `[]` means: of each element of the array; the first value found stays.
    pub path: &'static [&'static str],
    /// What is taken.
    pub take: Take,
}

/// What is taken of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The text of a string, unescaped. Anything else counts as absent.
    Text,
    /// The text of a string, number or literal: `true`, `1588`.
    Scalar,
    /// The raw JSON of the value, whatever it is.
    Raw,
}

/// How records lie in a file.
#[derive(Debug, Clone, Copy)]
pub enum Layout {
    /// One record a line, concatenated or pretty-printed objects, a bare array, or the array under one of
    /// these top-level keys. The reader tells them apart by the first bytes.
    Records(&'static [&'static str]),
    /// Anything else: [`EventFormat::unwrap`] finds the records in the whole text, or makes them of what lies
    /// apart in it (a call and its answer).
    Unwrap,
}

/// Why a wrapped log could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnwrapError {
    /// Byte offset in the decompressed text, where known.
    pub offset: usize,
    /// Reason.
    pub reason: String,
}

/// Fields that a format may want.
pub const MAX_FIELDS: usize = 64;

/// The fields of one record, in the order of [`EventFormat::fields`]: where each is in a text.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    text: &'a [u8],
    ranges: &'a [(u32, u32); MAX_FIELDS],
    set: u64,
}

impl<'a> Record<'a> {
    /// Fields in a text: their first byte and the byte behind their last one, and as bits which ones there are.
    pub fn new(text: &'a [u8], ranges: &'a [(u32, u32); MAX_FIELDS], set: u64) -> Record<'a> {
        Record { text, ranges, set }
    }

    /// The field's bytes; empty if it is absent or null. [`Take::Text`] values are unescaped.
    #[inline(always)]
    pub fn get(&self, field: usize) -> &'a [u8] {
        let range = self.ranges.get(field).filter(|_| self.set >> (field & 63) & 1 != 0);
        let (from, to) = range.copied().unwrap_or_default();
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }

    /// The inside of a raw string, escapes kept; empty if it is no string.
    #[inline(always)]
    pub fn inside(&self, field: usize) -> &'a [u8] {
        inside(self.get(field))
    }

    /// The first of these fields that is not empty.
    #[inline(always)]
    pub fn first(&self, fields: &[usize]) -> &'a [u8] {
        fields.iter().map(|field| self.get(*field)).find(|value| !value.is_empty()).unwrap_or(&[])
    }

    /// The text that the fields are in, for [`RawEvent::parts_in`].
    pub fn text(&self) -> &'a [u8] {
        self.text
    }
}

/// The inside of a raw string.
#[inline(always)]
pub fn inside(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or_default()
}

/// Names the fields of a format by number and lists them: `NAME: Take ["path", "to", "it"];`.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $take:ident [$($key:literal),+];)+) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms,
            reason = "positions are written like the constants that they become")]
        #[repr(usize)]
        enum Position { $($name),+ }
        $($(#[$doc])* pub(super) const $name: usize = Position::$name as usize;)+
        /// The wanted fields, by position.
        pub(super) static FIELDS: &[$crate::platform::events::Field] = &[
            $($crate::platform::events::Field {
                path: &[$($key),+],
                take: $crate::platform::events::Take::$take,
            }),+
        ];
        /// The reader's limit on the number of fields.
        const _: () = assert!(FIELDS.len() <= $crate::platform::events::MAX_FIELDS);
    };
}
pub(crate) use fields;

/// What the format makes of one record. Reused from record to record; the reader clears it.
#[derive(Debug, Default)]
pub struct RawEvent {
    /// The key: parts pushed by [`RawEvent::part`]. What lies beyond its length is of records before.
    key: Vec<u8>,
    length: usize,
    /// The event's time. Without one the record is rejected, unless the format allows it.
    pub time: Option<Time>,
    /// 128 bits that identify the event wherever it is delivered. Zero: no deduplication.
    pub id: u128,
    /// When several rows hold the same event (copies in several accounts), the row with the smallest rank
    /// keeps the count.
    pub rank: u8,
    /// Source network, user agent family and session name, as raw bytes; bounded sets are made of them.
    pub network: Vec<u8>,
    /// User agent family.
    pub agent: Vec<u8>,
    /// Session.
    pub session: Vec<u8>,
}

impl RawEvent {
    /// Empties the event for the next record.
    pub fn clear(&mut self) {
        self.length = 0;
        self.time = None;
        self.id = 0;
        self.rank = 0;
        self.network.clear();
        self.agent.clear();
        self.session.clear();
    }

    /// Adds a part to the key. Parts longer than 64 KiB are cut there.
    pub fn part(&mut self, part: &[u8]) {
        self.parts(&[part]);
    }

    /// Adds parts to the key, as [`RawEvent::part`] does.
    pub fn parts(&mut self, parts: &[&[u8]]) {
        self.parts_in(&[], parts);
    }

    /// Adds parts to the key, as [`RawEvent::part`] does; it is faster with those that lie in this text, of which
    /// whole [`PIECE`]s can be copied, whatever their length.
    pub fn parts_in(&mut self, text: &[u8], parts: &[&[u8]]) {
        let cut = |part: &&[u8]| part.len().min(usize::from(u16::MAX));
        let end = parts.iter().fold(self.length, |end, part| end + 2 + cut(part));
        if self.key.len() < end + PIECE {
            self.key.resize((end + PIECE) * 2, 0);
        }
        let mut place = self.key.get_mut(self.length..).unwrap_or_default();
        for part in parts {
            let part = part.get(..cut(part)).unwrap_or_default();
            let Some((length, behind)) = place.split_first_chunk_mut::<2>() else { return };
            *length = (part.len() as u16).to_le_bytes();
            copy(behind, part, text);
            place = behind.get_mut(part.len()..).unwrap_or_default();
        }
        self.length = end;
    }

    /// The key's bytes.
    pub fn key(&self) -> &[u8] {
        self.key.get(..self.length).unwrap_or_default()
    }
}

/// Bytes that are copied at once.
const PIECE: usize = 32;

/// Copies a part to the beginning of a place, which is longer by a piece. What lies in the text is copied in pieces,
/// the last one with what stands behind the part: a copy by length would be a branch that nobody can foresee.
#[inline]
fn copy(place: &mut [u8], part: &[u8], text: &[u8]) {
    let from = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
    let mut done = 0;
    while done < part.len() {
        let piece = text.get(from.wrapping_add(done)..).and_then(<[u8]>::first_chunk::<PIECE>);
        let to = place.get_mut(done..).and_then(<[u8]>::first_chunk_mut::<PIECE>);
        let (Some(piece), Some(to)) = (piece, to) else {
            match (place.get_mut(..part.len()), part) {
                (Some([to]), [byte]) => *to = *byte,
                (Some(place), _) => place.copy_from_slice(part),
                (None, _) => {}
            }
            return;
        };
        *to = *piece;
        done += PIECE;
    }
}

/// Splits a key into its parts.
pub fn key_parts(key: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (part, next) = after.split_at(length);
        parts.push(part);
        rest = next;
    }
    parts
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Aggregate it.
    Use,
    /// Leave it out for this stated reason, which the report counts (`insight records`, `service events`).
    Skip(&'static str),
    /// It is malformed: count and list it with this reason.
    Reject(&'static str),
}

/// One aggregated key.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRow {
    /// The key, see [`key_parts`]. Valid UTF-8 in every part (invalid bytes were replaced).
    pub key: Vec<u8>,
    /// Distinct events.
    pub count: u64,
    /// First time and its place.
    pub first: (Time, Place),
    /// Last time and its place.
    pub last: (Time, Place),
    /// Quarter-hours since the epoch.
    pub slots: RoaringBitmap,
    /// Source networks.
    pub networks: Bounded,
    /// User agent families.
    pub agents: Bounded,
    /// Sessions.
    pub sessions: Bounded,
}

/// What a format makes of the aggregated rows.
#[derive(Debug, Default)]
pub struct Translated {
    /// Usage rows, in any order; the caller merges and sorts.
    pub usage: Vec<UsageRow>,
    /// Coverage as seen.
    pub spans: Vec<LogSpan>,
    /// Grants that the log names: see [`LoggedGrant`].
    pub grants: Vec<LoggedGrant>,
    /// Counted remarks, such as `unmapped event x:Y` or `unknown error code Z`: text and number of events.
    pub remarks: Vec<(String, u64)>,
}

/// A format of logs.
pub trait EventFormat: Sync {
    /// Stable id: `aws-cloudtrail`.
    fn id(&self) -> &'static str;

    /// How records lie in files of this kind.
    fn layout(&self) -> Layout;

    /// The wanted fields. At most [`MAX_FIELDS`].
    fn fields(&self) -> &'static [Field];

    /// Makes the key, time and id of one record.
    ///
    /// `context` is the name that the configuration or the path gives the place that the file is from
    /// ([`super::Document::context`]). What distinguishes identities must become part of the key.
    fn event(&self, context: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort;

    /// Finds the records in a text whose layout is [`Layout::Unwrap`]: calls `each(record number, record bytes)`
    /// with numbers from 1, each record one JSON object.
    ///
    /// # Errors
    /// What is wrong and where. It ends the file; records handed over before stay.
    fn unwrap(
        &self,
        context: &str,
        text: &[u8],
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), UnwrapError> {
        let _ = (context, text, each);
        Ok(())
    }

    /// Says what the aggregated keys mean. Called once, with rows in key order.
    fn translate(&self, rows: Vec<RawRow>, out: &mut Translated);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_length_are_read_back() {
        let text: Vec<u8> = (0..100).collect();
        let parts: Vec<&[u8]> = (0..=100).map(|length| &text[..length]).collect();
        let mut event = RawEvent::default();
        event.part(&[7; 9_000]);
        // What a record leaves behind is not of the next one.
        event.clear();
        assert_eq!(event.key(), b"");
        event.part(b"first");
        event.parts(&parts);
        let read = key_parts(event.key());
        assert_eq!(read[0], b"first");
        assert_eq!(read[1..], parts);
        // The same from within a text, up to its end.
        let mut within = RawEvent::default();
        within.part(b"first");
        within.parts_in(&text, &parts);
        assert_eq!(within.key(), event.key());
        event.clear();
        event.part(&[7; 70_000]);
        assert_eq!(key_parts(event.key()), [[7; 65_535].as_slice()]);
    }
}
