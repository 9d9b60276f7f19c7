//! What a file about agents' doings is, by its content.
//!
//! Certain signs only: `resourceSpans`, `jsonrpc`, the keys of a transcript's lines. A single answer to `tools/list` is a
//! list of tools and no log.

use serde_json::Value;

use super::transcript;
use crate::platform::agent::kinds;
use crate::platform::json::{Items, Members, member, skip_space};
use crate::platform::{Detected, Kind, Sample};

/// Lines that are looked at.
const LOOKED: usize = 20;

/// What the file is; `None` if it is none of these.
pub fn detect(sample: &Sample<'_>) -> Option<Detected> {
    let head = sample.head.get(skip_space(sample.head, 0)..)?;
    let first = match head.first()? {
        b'{' => head,
        b'[' => {
            let inner = head.get(skip_space(head, 1)..)?;
            if inner.first() != Some(&b'{') {
                return None;
            }
            inner
        }
        _ => return None,
    };
    if let Some(found) = object(first, head.first() == Some(&b'[')) {
        return Some(found);
    }
    // Logs may begin with a line of another kind.
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let whole = lines.filter(|line| line.starts_with(b"{") && line.ends_with(b"}")).take(LOOKED);
    if let Some(found) = whole.filter_map(wire).next() {
        let is_single = sample.is_whole && head.iter().filter(|byte| **byte == b'\n').count() <= 1;
        return (!is_single).then_some(found);
    }
    transcript::product(head).map(|_| sure(&kinds::TRANSCRIPT))
}

fn sure(kind: &'static Kind) -> Detected {
    Detected { kind, certainty: 95 }
}

/// A decision about the first object of a file, which may be cut.
fn object(first: &[u8], in_array: bool) -> Option<Detected> {
    let keys: Vec<(&[u8], Option<&[u8]>)> = Members::new(first).take(64).collect();
    let has = |name: &str| keys.iter().any(|(key, _)| *key == name.as_bytes());
    let raw = |name: &str| {
        keys.iter().find(|(key, _)| *key == name.as_bytes()).and_then(|(_, value)| *value)
    };
    if has("resourceSpans") || has("resourceLogs") {
        return Some(sure(&kinds::OTLP));
    }
    let is_opa = has("decision_id") || (has("path") && has("input") && has("result"));
    if is_opa && has("input") {
        return Some(sure(&kinds::DECISIONS));
    }
    if let (Some(request), Some(response)) = (raw("request"), raw("response")) {
        let asks = member(request, "subject").is_some() || member(request, "evaluations").is_some();
        let answers =
            member(response, "decision").is_some() || member(response, "evaluations").is_some();
        if asks && answers {
            return Some(sure(&kinds::DECISIONS));
        }
    }
    // A list that is longer than what is seen of the file begins in it all the same.
    let list = |name: &str| match raw(name) {
        Some(value) => Some(value),
        None if has(name) => rest_after(first, name),
        None => None,
    };
    let is_run = (has("traj") && (has("task_id") || has("info")))
        || list("history").is_some_and(has_roles)
        || (has("suite_name") && has("messages"));
    if is_run {
        return Some(sure(&kinds::RUNS));
    }
    // Stored requests of a chat with calls of tools in it.
    let calls = |text: &[u8]| memchr::memmem::find(text, b"\"tool_calls\"").is_some();
    let is_chat = list("messages").is_some_and(|messages| has_roles(messages) && calls(messages));
    let is_message = in_array && has("role") && (has("content") || has("tool_calls"));
    if is_chat || (is_message && calls(first)) {
        return Some(Detected { kind: &kinds::RUNS, certainty: 80 });
    }
    None
}

/// What follows a key and its colon.
fn rest_after<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let quoted = format!("\"{name}\"");
    let at = memchr::memmem::find(object, quoted.as_bytes())? + quoted.len();
    let colon = skip_space(object, at);
    (object.get(colon) == Some(&b':')).then(|| object.get(colon + 1..)).flatten()
}

/// Whether the items of an array are messages: the first has a role.
fn has_roles(messages: &[u8]) -> bool {
    let first = Items::of_array(messages).next();
    first.is_some_and(|first| member(first, "role").is_some())
}

/// A line with a JSON-RPC message of MCP, wrapped or bare.
fn wire(line: &[u8]) -> Option<Detected> {
    let is_message = |object: &[u8]| member(object, "jsonrpc") == Some(b"\"2.0\"");
    if is_message(line) {
        let is_mcp = member(line, "method").is_some() || member(line, "result").is_some();
        return is_mcp.then_some(Detected { kind: &kinds::MCP_WIRE, certainty: 85 });
    }
    let wrapped = ["message", "msg", "payload", "data", "body"]
        .iter()
        .filter_map(|key| member(line, key))
        .any(|value| is_message(value) || is_text_of_message(value));
    wrapped.then(|| sure(&kinds::MCP_WIRE))
}

fn is_text_of_message(value: &[u8]) -> bool {
    if !value.starts_with(b"\"") {
        return false;
    }
    let Ok(text) = serde_json::from_slice::<String>(value) else { return false };
    let message = serde_json::from_str::<Value>(&text).ok();
    message.is_some_and(|message| message.get("jsonrpc").is_some_and(|version| version == "2.0"))
}
