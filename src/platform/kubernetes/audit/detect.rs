//! Whether a file is an audit log, told by its beginning, which may end anywhere.

use crate::platform::json::{self, Members};
use crate::platform::kubernetes::kinds;
use crate::platform::{Detected, Kind, Sample};

use super::wrapped::{KEYS, is_yaml, lenient};

/// How many records are looked at: exports mix logs.
const LOOKED_AT: usize = 20;

/// How deep wrappings are followed.
const DEPTH: usize = 16;

/// What kind of audit log a file is; `None` if it is none.
pub fn detect(sample: &Sample<'_>) -> Option<Detected> {
    let head = sample.head;
    let start = json::skip_space(head, 0);
    let text = head.get(start..)?;
    let found = match text.first()? {
        b'{' | b'[' => lines(text),
        _ if is_yaml(text) => of_yaml(text).then_some(Seen::Wrapped),
        _ => lines(text).map(|_| Seen::Wrapped),
    };
    let (kind, certainty): (&'static Kind, u8) = match found? {
        Seen::Native => (&kinds::AUDIT, 97),
        Seen::Gke => (&kinds::GKE, 97),
        Seen::Wrapped => (&kinds::AUDIT_WRAPPED, 97),
    };
    Some(Detected { kind, certainty })
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Native,
    Gke,
    Wrapped,
}

/// The first record of a text of values, or of lines that hold one each.
fn lines(text: &[u8]) -> Option<Seen> {
    if let Some(found) = value(text, DEPTH, true) {
        return Some(found);
    }
    // Lines, of which the first may be another log's, or break off.
    let lines = text.split(|byte| *byte == b'\n').take(LOOKED_AT);
    lines.filter_map(|line| line.get(memchr::memchr(b'{', line)?..)).find_map(|line| {
        let found = value(line, DEPTH, true)?;
        Some(found)
    })
}

/// What the value at the beginning of a text is. `is_bare`: nothing but a list is around it.
fn value(text: &[u8], depth: usize, is_bare: bool) -> Option<Seen> {
    let depth = depth.checked_sub(1)?;
    match text.first()? {
        b'[' => elements(text).take(LOOKED_AT).find_map(|item| value(item, depth, is_bare)),
        b'"' => {
            let text = lenient(text);
            let text = text.trim_ascii();
            (text.first() == Some(&b'{')).then(|| value(text, depth, false)).flatten()
        }
        b'{' => object(text, depth, is_bare),
        _ => None,
    }
}

fn object(text: &[u8], depth: usize, is_bare: bool) -> Option<Seen> {
    let members: Vec<(&[u8], &[u8])> = members(text).take(200).collect();
    let find = |wanted: &str| members.iter().find(|(key, _)| *key == wanted.as_bytes());
    let is = |key: &str, wanted: &str| {
        find(key).is_some_and(|(_, value)| lenient(value).starts_with(wanted.as_bytes()))
    };
    let of = |seen: Seen| Some(if is_bare { seen } else { Seen::Wrapped });
    let has = |key: &str| find(key).is_some();
    let is_event =
        (is("apiVersion", "audit.k8s.io/") && is("kind", "Event") && !is("kind", "EventList"))
            || (has("auditID") && (has("verb") || has("requestURI") || has("stage")))
            || (has("verb") && has("user") && (has("requestURI") || has("objectRef")));
    if is_event {
        return of(Seen::Native);
    }
    if let Some((_, payload)) = find("protoPayload") {
        let is_kubernetes = self::members(payload).take(200).any(|(key, value)| {
            (key == b"serviceName" && lenient(value).as_ref() == b"k8s.io")
                || (key == b"methodName" && lenient(value).starts_with(b"io.k8s."))
        });
        return if is_kubernetes { of(Seen::Gke) } else { None };
    }
    let is_row = has("AuditId") && has("Verb") && has("User") && has("RequestUri");
    if is_row || members.iter().any(|(key, _)| key.starts_with(b"kubernetes.audit.")) {
        return Some(Seen::Wrapped);
    }
    if let Some((_, tables)) = find("tables") {
        return of_tables(tables);
    }
    KEYS.iter().filter_map(|key| find(key)).find_map(|(key, inner)| {
        let is_bare = is_bare && matches!(*key, b"items" | b"entries");
        value(inner, depth, is_bare)
    })
}

/// An answer of Log Analytics: its columns come first.
fn of_tables(tables: &[u8]) -> Option<Seen> {
    let has = |name: &[u8]| memchr::memmem::find(tables, name).is_some();
    let is_audit = has(b"\"AuditId\"") || (has(b"\"log_s\"") && has(b"audit.k8s.io/"));
    is_audit.then_some(Seen::Wrapped)
}

/// Members of an object that may be cut: of the last one the value is what is there of it.
fn members(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    Members::new(text).map(move |(key, value)| {
        let value = value.unwrap_or_else(|| {
            let after = (key.as_ptr() as usize + key.len()).saturating_sub(text.as_ptr() as usize);
            let colon = json::skip_space(text, after + 1);
            text.get(json::skip_space(text, colon + 1)..).unwrap_or_default()
        });
        (key, value)
    })
}

/// Elements of an array that may be cut, the last one as far as it goes.
fn elements(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = Some(1);
    std::iter::from_fn(move || {
        let mut start = json::skip_space(text, at?);
        if text.get(start) == Some(&b',') {
            start = json::skip_space(text, start + 1);
        }
        if matches!(text.get(start), None | Some(b']')) {
            at = None;
            return None;
        }
        let end = json::value_end(text, start);
        at = end.filter(|end| *end > start);
        text.get(start..end.unwrap_or(text.len()))
    })
}

/// YAML with an event or an entry.
fn of_yaml(text: &[u8]) -> bool {
    let has = |wanted: &[u8]| {
        text.split(|byte| *byte == b'\n').any(|line| {
            let line = line.trim_ascii();
            line.strip_prefix(b"- ").unwrap_or(line).starts_with(wanted)
        })
    };
    let is_event = has(b"kind: Event") && has(b"apiVersion: audit.k8s.io/");
    is_event || (has(b"protoPayload:") && has(b"serviceName: k8s.io"))
}
