//! Wrapped forms of audit records: what other products put around them.
//!
//! | form | where the record is | source |
//! |---|---|---|
//! | EKS, `aws logs filter-log-events` | `events[].message`, as text | CloudWatch Logs API reference |
//! | EKS, subscription | `logEvents[].message` | CloudWatch Logs User Guide, "Subscription filters" |
//! | EKS, export to S3 | after the time on each line | the same, "Exporting log data to Amazon S3" |
//! | AKS, diagnostic settings | `records[].properties.log`, one a line or an array | Azure Monitor, "AKS reference" |
//! | AKS, Log Analytics | `log_s`; columns of AKSAudit and AKSAuditAdmin | [`super::columns`] |
//! | OpenTelemetry | `resourceLogs[].scopeLogs[].logRecords[].body.stringValue` | OTLP JSON |
//! | Elastic | `kubernetes.audit` within `_source`, `hits.hits[]` | Elastic, kubernetes integration |
//! | Vector, Fluent Bit, Loki and others | an object, or text, under one of [`KEYS`] | their documentation |
//! | YAML | documents, or the `items` of one | |
//!
//! Wrappings are followed into each other. What the envelope says of the cluster and the log is added to the record
//! (`super::fields`, `authgap:` keys). Entries of other logs beside audit records become records that are skipped, so
//! that they are counted.

use std::borrow::Cow;

use crate::evidence::tree;
use crate::platform::events::UnwrapError;
use crate::platform::json::{self, Items, Members};

use super::columns;

/// How deep wrappings within wrappings are followed.
const DEPTH: usize = 16;

/// Keys under which a record may lie, in the order in which they are tried.
pub(super) const KEYS: &[&str] = &[
    "items",
    "records",
    "Records",
    "entries",
    "logEvents",
    "events",
    "hits",
    "_source",
    "resourceLogs",
    "scopeLogs",
    "logRecords",
    "results",
    "result",
    "data",
    "streams",
    "values",
    "value",
    "kubernetes",
    "audit",
    "event",
    "original",
    "properties",
    "log",
    "log_s",
    "message",
    "Message",
    "MESSAGE",
    "line",
    "textPayload",
    "jsonPayload",
    "body",
    "Body",
    "stringValue",
    "_raw",
    "@message",
    "msg",
    "raw",
    "content",
    "payload",
    "structured",
];

/// Finds the records in a wrapped text.
///
/// # Errors
/// Says where the text stops being one of the forms; records before that were handed over.
pub(super) fn unwrap(text: &[u8], each: &mut dyn FnMut(u64, &[u8])) -> Result<(), UnwrapError> {
    let mut out = Out { each, number: 0, buffer: Vec::new() };
    let at = json::skip_space(text, 0);
    let rest = text.get(at..).unwrap_or_default();
    match rest.first() {
        None => {}
        Some(b'{' | b'[') if is_lines(rest) => lines(rest, &mut out),
        Some(b'{' | b'[') => return values(text, &mut out),
        Some(_) if is_yaml(rest) => yaml(rest, &mut out),
        Some(_) => lines(rest, &mut out),
    }
    Ok(())
}

/// Where records go.
struct Out<'e> {
    each: &'e mut dyn FnMut(u64, &[u8]),
    number: u64,
    buffer: Vec<u8>,
}

impl Out<'_> {
    fn record(&mut self, record: &[u8]) {
        self.number += 1;
        (self.each)(self.number, record);
    }

    /// A record with what its envelope says.
    fn enveloped(&mut self, record: &[u8], envelope: &Envelope) {
        let body = record.trim_ascii_end().strip_suffix(b"}");
        let (Some(body), false) = (body, envelope.cluster.is_none() && envelope.log.is_none())
        else {
            return self.record(record);
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.extend_from_slice(body);
        for (key, value) in [("authgap:cluster", &envelope.cluster), ("authgap:log", &envelope.log)]
        {
            if let Some(value) = value
                && let Ok(value) = serde_json::to_string(value)
            {
                buffer.extend_from_slice(b",\"");
                buffer.extend_from_slice(key.as_bytes());
                buffer.extend_from_slice(b"\":");
                buffer.extend_from_slice(value.as_bytes());
            }
        }
        buffer.push(b'}');
        self.record(&buffer);
        self.buffer = buffer;
    }

    /// Something that is no audit record, to be counted.
    fn other(&mut self, count: usize) {
        for _ in 0..count {
            self.record(br#"{"authgap:skip":"other"}"#);
        }
    }
}

/// What envelopes say of the records in them.
#[derive(Debug, Clone, Default)]
struct Envelope {
    cluster: Option<String>,
    log: Option<String>,
}

impl Envelope {
    /// What an object adds.
    fn with(&self, members: &[(&[u8], &[u8])]) -> Envelope {
        let mut out = self.clone();
        for (key, value) in members {
            let text = || json::text(value).map(|text| String::from_utf8_lossy(&text).into_owned());
            match *key {
                b"logGroup" | b"logGroupName" | b"log_group" => {
                    out.cluster = text().as_deref().and_then(eks_cluster).or(out.cluster);
                }
                b"resourceId" | b"ResourceId" | b"_ResourceId" | b"resourceid" => {
                    out.cluster = text().as_deref().and_then(aks_cluster).or(out.cluster);
                }
                b"category" | b"Category" | b"Type" => {
                    let name = text().unwrap_or_default();
                    let is_admin = matches!(name.as_str(), "kube-audit-admin" | "AKSAuditAdmin");
                    if is_admin {
                        out.log = Some("kube-audit-admin".to_string());
                    }
                }
                _ => {}
            }
        }
        out
    }
}

/// `/aws/eks/NAME/cluster` (Amazon EKS User Guide, "Send control plane logs to CloudWatch Logs").
fn eks_cluster(group: &str) -> Option<String> {
    let name = group.strip_prefix("/aws/eks/")?.strip_suffix("/cluster")?;
    (!name.is_empty() && !name.contains('/')).then(|| name.to_string())
}

/// `…/managedClusters/NAME`. Azure writes it in capitals in some places, and names do not depend on case.
fn aks_cluster(resource: &str) -> Option<String> {
    let resource = resource.to_ascii_lowercase();
    let (_, rest) = resource.split_once("/managedclusters/")?;
    let name = rest.split('/').next()?;
    (!name.is_empty()).then(|| name.to_string())
}

/// Whether the text has a value on each line: the first one is whole on it, or it breaks off and the next begins
/// like a value.
fn is_lines(text: &[u8]) -> bool {
    let Some(newline) = memchr::memchr(b'\n', text) else { return false };
    match json::value_end(text.get(..newline).unwrap_or_default(), 0) {
        Some(end) => {
            let rest = text.get(end..newline).unwrap_or_default();
            rest.trim_ascii().is_empty() && text.first() == Some(&b'{')
        }
        None => text.get(newline + 1) == Some(&b'{'),
    }
}

/// Whether the text looks like YAML: its first line that is no comment begins a document, a list, or has a key.
pub(super) fn is_yaml(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(line) = lines.take(200).find(|line| !line.is_empty() && !line.starts_with(b"#"))
    else {
        return false;
    };
    if line == b"---" || line.starts_with(b"- ") {
        return true;
    }
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let is_key =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'"' | b'\'');
    let starts = line.first().is_some_and(|byte| !byte.is_ascii_digit());
    let ends = matches!(line.get(colon + 1), None | Some(b' '));
    starts && ends && line.get(..colon).is_some_and(|key| key.iter().all(is_key))
}

/// Values one after the other.
fn values(text: &[u8], out: &mut Out<'_>) -> Result<(), UnwrapError> {
    let mut items = Items::of_text(text);
    for item in items.by_ref() {
        top(item, out);
    }
    let offset = json::skip_space(text, items.offset());
    if offset < text.len() {
        let reason = "the text ends within a value, or is not JSON".into();
        return Err(UnwrapError { offset, reason });
    }
    Ok(())
}

/// Lines of JSON, or of a time or another prefix and JSON. A line with neither is handed over whole, to be rejected;
/// one whose JSON is another log's is counted.
fn lines(text: &[u8], out: &mut Out<'_>) {
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let start = if line.first() == Some(&b'[') { Some(0) } else { memchr::memchr(b'{', line) };
        let Some(body) = start.and_then(|start| line.get(start..)) else {
            out.record(line);
            continue;
        };
        let mut items = Items::of_text(body);
        for item in items.by_ref() {
            if matches!(item.first(), Some(b'{' | b'[')) {
                top(item, out);
            } else {
                out.record(item);
            }
        }
        let rest = body.get(items.offset()..).unwrap_or_default().trim_ascii();
        if !rest.is_empty() {
            out.record(rest);
        }
    }
}

/// Documents of YAML; one that cannot be read is handed over as what it is not, to be rejected.
fn yaml(text: &[u8], out: &mut Out<'_>) {
    let text = String::from_utf8_lossy(text);
    for document in tree::documents(&text) {
        match document.map(|node| serde_json::to_vec(&node.to_json())) {
            Ok(Ok(json)) => top(&json, out),
            _ => out.record(b"a document that is not YAML"),
        }
    }
}

fn top(value: &[u8], out: &mut Out<'_>) {
    if !open(value, DEPTH, &Envelope::default(), out) {
        out.other(1);
    }
}

/// Hands over the records within a value; whether there were any.
fn open(value: &[u8], depth: usize, envelope: &Envelope, out: &mut Out<'_>) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match value.first() {
        Some(b'[') => {
            let (mut found, mut others) = (false, 0);
            for item in Items::of_array(value) {
                if open(item, depth, envelope, out) {
                    found = true;
                } else if item.first() == Some(&b'{') && json::member(item, "field").is_none() {
                    others += 1;
                }
            }
            if found {
                out.other(others);
            }
            found
        }
        Some(b'"') => match json::text(value) {
            Some(text) => inner(text.trim_ascii(), depth, envelope, out),
            None => false,
        },
        Some(b'{') => object(value, depth, envelope, out),
        _ => false,
    }
}

/// A record as text. One that was cut is handed over as it is, to be rejected (EKS cuts entries of more than 256 KB).
fn inner(text: &[u8], depth: usize, envelope: &Envelope, out: &mut Out<'_>) -> bool {
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return false;
    }
    if json::value_end(text, 0).is_some() {
        return open(text, depth, envelope, out);
    }
    let is_audit = memchr::memmem::find(text, b"\"audit.k8s.io/").is_some();
    if is_audit {
        out.record(text);
    }
    is_audit
}

fn object(value: &[u8], depth: usize, envelope: &Envelope, out: &mut Out<'_>) -> bool {
    let members: Vec<(&[u8], &[u8])> = Members::new(value)
        .filter_map(|(key, value)| Some((key, value?)))
        .take(MEMBERS_SEEN)
        .collect();
    let envelope = envelope.with(&members);
    if is_record(&members) {
        out.enveloped(value, &envelope);
        return true;
    }
    if let Some(record) = columns::record(value, &members) {
        out.enveloped(&record, &envelope);
        return true;
    }
    if let Some(rows) = columns::tables(value, &members) {
        return open(&rows, depth, &envelope, out);
    }
    let find = |wanted: &&str| members.iter().find(|(key, _)| *key == wanted.as_bytes());
    KEYS.iter().filter_map(find).any(|(_, value)| open(value, depth, &envelope, out))
}

/// How many members of an object are looked at.
const MEMBERS_SEEN: usize = 2_000;

/// Whether an object is an audit record: an event, or an entry of Google's audit logs. Events that tools wrote out
/// again lack the id.
pub(super) fn is_record(members: &[(&[u8], &[u8])]) -> bool {
    let has = |wanted: &[u8]| members.iter().any(|(key, _)| *key == wanted);
    let payload = members.iter().find(|(key, _)| *key == b"protoPayload");
    let of_google = payload.is_some_and(|(_, value)| json::member(value, "serviceName").is_some());
    of_google
        || has(b"auditID")
        || (has(b"verb") && has(b"user") && (has(b"requestURI") || has(b"objectRef")))
}

/// The text of a raw string that may be cut, unescaped as far as it goes.
pub(super) fn lenient(raw: &[u8]) -> Cow<'_, [u8]> {
    let inner = raw.strip_prefix(b"\"").unwrap_or(raw);
    if !inner.contains(&b'\\') {
        let end = memchr::memchr(b'"', inner).unwrap_or(inner.len());
        return Cow::Borrowed(inner.get(..end).unwrap_or_default());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => match bytes.next() {
                Some(b'n' | b'r' | b't') => out.push(b' '),
                Some(other) => out.push(*other),
                None => break,
            },
            other => out.push(*other),
        }
    }
    Cow::Owned(out)
}
