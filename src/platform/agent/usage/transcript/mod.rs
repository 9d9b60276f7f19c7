//! Transcripts of sessions: Claude Code, Codex, Gemini CLI, and traces of the OpenAI Agents SDK.
//!
//! Owns telling them apart and what they share. Each reader joins calls with their answers and hands over a
//! [`Call`] for each; lines without either are passed over unparsed where the product allows it. Formats: the
//! products' own code and files (reference, "Run logs"), all undocumented or unstable by their vendors' word, so
//! that anything unknown is passed over.

mod claude;
mod codex;
mod gemini;
mod sdk;

use std::collections::HashMap;

use serde_json::Value;

use super::call::{Call, Out};
use crate::model::{Settings, Time};
use crate::platform::json::{Members, skip_space, text as unescaped};

/// What every reader needs.
pub(super) struct Source<'a> {
    /// The agent's name, where the configuration has one for the file.
    pub(super) context: &'a str,
    /// The owner's settings.
    pub(super) settings: &'a Settings,
}

/// A product whose transcripts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// OpenAI Agents SDK.
    Sdk,
}

/// Lines that are looked at to tell the product.
const SNIFFED: usize = 40;

/// Whose transcript a text is, by the keys of its first lines.
pub(super) fn product(head: &[u8]) -> Option<Product> {
    let at = skip_space(head, 0);
    let head = head.get(at..)?;
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let found = lines.filter(|line| line.starts_with(b"{")).take(SNIFFED).find_map(of_line);
    // The older form of Gemini CLI: one object that holds the messages.
    found.or_else(|| of_line(head))
}

fn of_line(line: &[u8]) -> Option<Product> {
    let mut has = [false; 9];
    const KEYS: [&[u8]; 9] = [
        b"sessionId",
        b"uuid",
        b"type",
        b"payload",
        b"timestamp",
        b"projectHash",
        b"toolCalls",
        b"object",
        b"message",
    ];
    let mut object: &[u8] = b"";
    let mut kind: &[u8] = b"";
    for (key, value) in Members::new(line).take(64) {
        if let Some(at) = KEYS.iter().position(|known| *known == key) {
            has[at] = true;
        }
        match key {
            b"object" => object = value.unwrap_or_default(),
            b"type" => kind = value.unwrap_or_default(),
            _ => {}
        }
    }
    let [session, uuid, typed, payload, timestamp, project, calls, _, message] = has;
    if object == b"\"trace.span\"" || object == b"\"trace\"" {
        return Some(Product::Sdk);
    }
    if payload && typed && timestamp {
        return Some(Product::Codex);
    }
    if (session && project) || (calls && kind == b"\"gemini\"") {
        return Some(Product::Gemini);
    }
    let is_turn = kind == b"\"user\"" || kind == b"\"assistant\"";
    (is_turn && message && (session || uuid)).then_some(Product::Claude)
}

/// Reads a transcript, whosever it is.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let head = text.get(..text.len().min(64 << 10)).unwrap_or_default();
    match product(head) {
        Some(Product::Claude) => claude::read(source, text, out),
        Some(Product::Codex) => codex::read(source, text, out),
        Some(Product::Gemini) => gemini::read(source, text, out),
        Some(Product::Sdk) => sdk::read(source, text, out),
        None if text.trim_ascii().is_empty() => {}
        None => out.reject(1, "no transcript of a known product"),
    }
}

/// Calls that wait for their answers, by id.
#[derive(Default)]
struct Waiting {
    calls: HashMap<String, Call>,
}

impl Waiting {
    /// Adds a call. Of calls with equal ids the first stays: streaming repeats a message over several lines.
    fn add(&mut self, call: Call) {
        self.calls.entry(call.id.clone()).or_insert(call);
    }

    fn take(&mut self, id: &str) -> Option<Call> {
        self.calls.remove(id)
    }

    /// Hands over what got no answer: undetermined.
    fn finish(self, out: &mut Out<'_>) {
        let mut left: Vec<Call> = self.calls.into_values().collect();
        left.sort_by(|a, b| (a.number, &a.id).cmp(&(b.number, &b.id)));
        for call in &left {
            out.call(call);
        }
    }
}

/// The text of a raw string; empty for anything else.
pub(super) fn string(raw: Option<&[u8]>) -> String {
    raw.and_then(unescaped)
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default()
}

pub(super) fn time(raw: Option<&[u8]>) -> Option<Time> {
    let text = raw.and_then(unescaped)?;
    Time::parse(std::str::from_utf8(&text).ok()?)
}

/// A value out of raw JSON, or out of JSON in a string.
pub(super) fn value(raw: Option<&[u8]>) -> Value {
    let Some(raw) = raw else { return Value::Null };
    match unescaped(raw) {
        Some(text) => {
            serde_json::from_slice(&text).unwrap_or_else(|_| Value::String(string(Some(raw))))
        }
        None => serde_json::from_slice(raw).unwrap_or(Value::Null),
    }
}
