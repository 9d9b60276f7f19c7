//! Wrapped forms of CloudTrail records, and telling them from plain ones.
//!
//! | form | where the record is | source |
//! |---|---|---|
//! | `aws cloudtrail lookup-events` | `Events[].CloudTrailEvent`, as text | CloudTrail API reference, LookupEvents |
//! | EventBridge | `detail` | EventBridge User Guide, "AWS service events delivered via CloudTrail" |
//! | CloudWatch Logs subscription | `logEvents[].message` | CloudWatch Logs User Guide, "Subscription filters" |
//! | `aws logs filter-log-events` | `events[].message` | CloudWatch Logs API reference |
//! | CloudWatch Logs Insights | `results[][]` with the field `@message` | the same, GetQueryResults |
//! | CloudWatch Logs export | after the time on each line | the same, "Exporting log data to Amazon S3" |
//! | Splunk | `result._raw`, `results[]._raw`, `event` (HTTP event collector) | Splunk Enterprise documentation |
//! | Elastic | `event.original`, within `_source`, `hits.hits[]` | [`super::elastic`] |
//! | CSV | a column, or the columns | [`super::table`] |

use serde_json::Value;

use crate::platform::events::UnwrapError;

use super::json::{self, Items, Members};
use super::{elastic, table};

/// Keys that only a record or a delivery has at its top.
const PLAIN: &[&[u8]] = &[
    b"Records",
    b"eventSource",
    b"eventName",
    b"eventVersion",
    b"userIdentity",
    b"digestStartTime",
];

/// Keys that a wrapping has at its top.
const WRAPPING: &[&[u8]] = &[
    b"Events",
    b"detail",
    b"detail-type",
    b"logEvents",
    b"events",
    b"results",
    b"result",
    b"_raw",
    b"event",
    b"_source",
    b"hits",
    b"CloudTrailEvent",
    b"aws",
    b"event.original",
];

/// How deep wrappings within wrappings are followed.
const DEPTH: usize = 8;

/// Whether a file holds wrapped records, told by its first bytes: then [`super::FORMAT_WRAPPED`] reads it, else
/// [`super::FORMAT`]. Bytes of neither are called plain.
pub fn needs_unwrap(head: &[u8]) -> bool {
    let at = json::skip_space(head, 0);
    match head.get(at) {
        Some(b'{') => wraps(head.get(at..).unwrap_or_default()),
        Some(b'[') => {
            let inner = json::skip_space(head, at + 1);
            wraps(head.get(inner..).unwrap_or_default())
        }
        Some(_) => {
            let line = first_line(head.get(at..).unwrap_or_default());
            record_of_line(line).is_some() || table::is_header(line)
        }
        None => false,
    }
}

fn wraps(object: &[u8]) -> bool {
    let mut is_wrapping = false;
    for (key, _) in Members::new(object).take(64) {
        if PLAIN.contains(&key) {
            return false;
        }
        is_wrapping |= WRAPPING.contains(&key);
    }
    is_wrapping
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// The record on a line that begins with a time.
fn record_of_line(line: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', line)?;
    let before = std::str::from_utf8(line.get(..open)?).ok()?.trim();
    crate::model::Time::parse(before)?;
    line.get(open..)
}

/// Finds the records in a wrapped text.
///
/// # Errors
/// Says where the text stops being one of the forms; records before that were handed over.
pub(super) fn unwrap(text: &[u8], each: &mut dyn FnMut(u64, &[u8])) -> Result<(), UnwrapError> {
    let mut number = 0;
    let mut each = |record: &[u8]| {
        number += 1;
        each(number, record);
    };
    let at = json::skip_space(text, 0);
    let rest = text.get(at..).unwrap_or_default();
    match rest.first() {
        None => Ok(()),
        Some(b'{' | b'[') => values(text, &mut each),
        Some(_) if record_of_line(first_line(rest)).is_some() => {
            lines(rest, &mut each);
            Ok(())
        }
        Some(_) => table::rows(rest, &mut each),
    }
}

fn values(text: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), UnwrapError> {
    let mut items = Items::of_text(text);
    for item in items.by_ref() {
        open(item, DEPTH, each);
    }
    let offset = json::skip_space(text, items.offset());
    if offset < text.len() {
        return Err(UnwrapError {
            offset,
            reason: "the text ends within a value, or is not JSON".into(),
        });
    }
    Ok(())
}

/// Lines `TIME {record}`. A line without a time before a record is handed over whole, to be rejected.
fn lines(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if !line.is_empty() {
            each(record_of_line(line).unwrap_or(line));
        }
    }
}

/// Hands over the records within a value: the value itself if it is none of the wrapped forms.
fn open(value: &[u8], depth: usize, each: &mut dyn FnMut(&[u8])) {
    let Some(depth) = depth.checked_sub(1) else {
        each(value);
        return;
    };
    match value.first() {
        Some(b'[') => {
            for item in Items::of_array(value) {
                open(item, depth, each);
            }
        }
        // A record as text.
        Some(b'"') => match json::text(value) {
            Some(text) if text.trim_ascii_start().starts_with(b"{") => {
                open(text.trim_ascii(), depth, each);
            }
            _ => each(value),
        },
        Some(b'{') => object(value, depth, each),
        _ => each(value),
    }
}

fn object(value: &[u8], depth: usize, each: &mut dyn FnMut(&[u8])) {
    let member = |key: &str| json::member(value, key);
    if member("eventName").is_some() && member("eventSource").is_some() {
        each(value);
    } else if let Some(list) = member("Records").or(member("Events")) {
        open(list, depth, each);
    } else if let Some(record) =
        ["CloudTrailEvent", "detail", "result", "_raw", "_source"].into_iter().find_map(member)
    {
        open(record, depth, each);
    } else if member("messageType").is_some_and(|kind| kind == b"\"CONTROL_MESSAGE\"") {
        // A subscription's check that its target is there: no records.
    } else if let Some(list) = member("logEvents").or(member("events")) {
        for item in Items::of_array(list) {
            open(json::member(item, "message").unwrap_or(item), depth, each);
        }
    } else if let Some(list) = member("results") {
        for item in Items::of_array(list) {
            open(insights(item).unwrap_or(item), depth, each);
        }
    } else if let Some(hits) = json::at(value, &["hits", "hits"]) {
        open(hits, depth, each);
    } else if let Some(original) =
        json::at(value, &["event", "original"]).or(member("event.original"))
    {
        open(original, depth, each);
    } else if let Some(record) = mapped(value) {
        each(&record);
    } else if let Some(event) = member("event") {
        open(event, depth, each);
    } else {
        each(value);
    }
}

/// The `@message` field of a row of CloudWatch Logs Insights: `[{"field": "@message", "value": "…"}, …]`.
fn insights(row: &[u8]) -> Option<&[u8]> {
    Items::of_array(row)
        .find(|cell| json::member(cell, "field") == Some(b"\"@message\""))
        .and_then(|cell| json::member(cell, "value"))
}

fn mapped(value: &[u8]) -> Option<Vec<u8>> {
    let has = |key: &str| json::member(value, key).is_some();
    let joined = Members::new(value).any(|(key, _)| key.starts_with(b"aws.cloudtrail"));
    if !has("aws") && !joined {
        return None;
    }
    let document: Value = serde_json::from_slice(value).ok()?;
    serde_json::to_vec(&elastic::record(&document)?).ok()
}
