//! Claude Code: `~/.claude/projects/…/SESSION.jsonl`.
//!
//! | what | where |
//! |---|---|
//! | call | line `type: assistant`, `message.content[]` of `type: tool_use` |
//! | answer | later line `type: user`, `message.content[]` of `type: tool_result` with `tool_use_id` |
//! | refusal | `toolDenialKind` on the answer's line (2.1.2xx); before that its text |
//! | sub-agent | `isSidechain: true`: the same agent's rights, marked in `via` |
//!
//! Calls of a session belong to the project of its first line, wherever the person changed to later.

use std::collections::HashMap;

use super::super::call::{CUT, Call, Out, Touched};
use super::super::lines::{Line, Lines};
use super::super::outcome;
use super::super::tool;
use super::{Source, Waiting, string, time, value};
use crate::model::Outcome;
use crate::platform::json::{Items, Members, member, value_end};

const PRODUCT: &str = "claude-code";

/// What calls and answers have, and next to nothing else: quotes within texts are escaped.
const NEEDLE: &[u8] = b"\"tool_";

/// Reads a transcript.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let mut work = Work { source, waiting: Waiting::default(), projects: first_project(text) };
    for line in Lines::with(text, NEEDLE) {
        work.line(&line, out);
    }
    work.waiting.finish(out);
}

/// Session and folder of the first line that says both.
fn first_project(text: &[u8]) -> HashMap<String, String> {
    let first = Lines::with(text, b"\"cwd\"").next();
    let line = first.map(|line| Turn::of(line.text));
    line.map(|turn| (string(turn.session), string(turn.folder))).into_iter().collect()
}

struct Work<'s> {
    source: &'s Source<'s>,
    waiting: Waiting,
    /// Project folder of each session.
    projects: HashMap<String, String>,
}

/// The members of a line that matter, raw.
#[derive(Default)]
struct Turn<'a> {
    session: Option<&'a [u8]>,
    folder: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    denial: Option<&'a [u8]>,
    is_side: bool,
    is_cut: bool,
}

impl<'a> Turn<'a> {
    fn of(line: &'a [u8]) -> Turn<'a> {
        let is_cut = value_end(line, 0) != Some(line.len());
        let mut turn = Turn { is_cut, ..Turn::default() };
        for (key, value) in Members::new(line) {
            turn.is_cut |= value.is_none();
            match key {
                b"sessionId" => turn.session = value,
                b"cwd" => turn.folder = value,
                b"timestamp" => turn.time = value,
                b"message" => turn.message = value,
                b"toolDenialKind" => turn.denial = value,
                b"isSidechain" => turn.is_side = value == Some(b"true"),
                _ => {}
            }
        }
        turn
    }
}

impl Work<'_> {
    fn line(&mut self, line: &Line<'_>, out: &mut Out<'_>) {
        let turn = Turn::of(line.text);
        if turn.is_cut {
            // A session that is still running ends so.
            match line.is_last {
                true => out.skip(line.number, CUT),
                false => out.reject(line.number, "not a JSON object"),
            }
            return;
        }
        let content = turn.message.and_then(|message| member(message, "content"));
        for block in Items::of_array(content.unwrap_or_default()) {
            match member(block, "type") {
                Some(b"\"tool_use\"") => self.call(line.number, &turn, block),
                Some(b"\"tool_result\"") => self.answer(&turn, block, out),
                _ => {}
            }
        }
    }

    fn call(&mut self, number: u64, turn: &Turn<'_>, block: &[u8]) {
        let (mut id, mut name, mut input) = (None, None, None);
        for (key, value) in Members::new(block) {
            match key {
                b"id" => id = value,
                b"name" => name = value,
                b"input" => input = value,
                _ => {}
            }
        }
        let name = string(name);
        if name.is_empty() {
            return;
        }
        let settings = self.source.settings;
        let tool = tool::prefixed(&name, settings);
        let session = string(turn.session);
        let folder = self.projects.entry(session.clone()).or_insert_with(|| string(turn.folder));
        let server = tool.server.as_deref();
        let mut call = Call::new(PRODUCT, number, tool.clone());
        call.agent = tool::agent(self.source.context, server, PRODUCT, folder, settings);
        call.touched = Touched::of(&tool, &value(input), settings);
        call.below = turn.is_side;
        call.session = session;
        call.time = time(turn.time);
        call.id = string(id);
        self.waiting.add(call);
    }

    fn answer(&mut self, turn: &Turn<'_>, block: &[u8], out: &mut Out<'_>) {
        let Some(mut call) = self.waiting.take(&string(member(block, "tool_use_id"))) else {
            return;
        };
        let is_error = member(block, "is_error") == Some(b"true");
        let kind = string(turn.denial);
        let (outcome, decided) = match kind.as_str() {
            "" => of_text(&call, is_error, member(block, "content")),
            "permission-rule" => (Outcome::Denied, "rule"),
            "user-rejected" => (Outcome::Denied, "user"),
            "automode-blocked" => (Outcome::Denied, "classifier"),
            _ => (Outcome::Denied, "another check"),
        };
        call.ended(outcome, decided);
        out.call(&call);
    }
}

/// The outcome by the answer's text. Only servers refuse by text; what a command of the product itself prints is
/// no refusal of the product.
fn of_text(call: &Call, is_error: bool, content: Option<&[u8]>) -> (Outcome, &'static str) {
    if !is_error && call.tool.server.is_none() {
        return (Outcome::Allowed, "");
    }
    let text = first_text(content);
    let own = if is_error { outcome::of_claude(&text) } else { None };
    own.unwrap_or_else(|| match call.tool.server {
        Some(_) => (outcome::of_result(is_error, &text), ""),
        None => (Outcome::Allowed, ""),
    })
}

/// The text of an answer, or of the first block of it.
fn first_text(content: Option<&[u8]>) -> String {
    let Some(content) = content else { return String::new() };
    if content.starts_with(b"\"") {
        return string(Some(content));
    }
    let text = Items::of_array(content).find_map(|block| member(block, "text"));
    string(text)
}
