//! Gemini CLI: `~/.gemini/tmp/HASH/chats/session-….jsonl`, and the older `.json` with all messages in one object.
//!
//! A line of `type: gemini` holds `toolCalls[]` with `status`: `success`, `error`, `cancelled` (a person said no), or
//! a step on the way (gemini-cli `packages/core/src/services/chatRecordingTypes.ts`). Lines that edit the history
//! (`$set`, `$rewindTo`) do not undo calls.

use super::super::call::{CUT, Call, Out, Touched};
use super::super::lines::Lines;
use super::super::outcome;
use super::super::tool;
use super::{Source, string, time, value};
use crate::model::Outcome;
use crate::platform::json::{Items, Members, at, member, skip_space, value_end};

const PRODUCT: &str = "gemini-cli";

/// Reads a chat.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let start = skip_space(text, 0);
    let whole = text.get(start..).unwrap_or_default();
    let mut chat = Chat { source, session: String::new(), project: String::new(), below: false };
    if let Some(messages) = member(whole, "messages") {
        chat.heading(whole);
        for (number, message) in (1..).zip(Items::of_array(messages)) {
            chat.message(number, message, out);
        }
        return;
    }
    if let Some(first) = Lines::with(text, b"\"sessionId\"").next() {
        chat.heading(first.text);
    }
    for line in Lines::with(text, b"\"toolCalls\"") {
        let is_cut = value_end(line.text, 0) != Some(line.text.len())
            || Members::new(line.text).any(|(_, value)| value.is_none());
        match (is_cut, line.is_last) {
            (false, _) => chat.message(line.number, line.text, out),
            (true, true) => out.skip(line.number, CUT),
            (true, false) => out.reject(line.number, "not a JSON object"),
        }
    }
}

struct Chat<'s> {
    source: &'s Source<'s>,
    session: String,
    project: String,
    below: bool,
}

impl Chat<'_> {
    fn heading(&mut self, object: &[u8]) {
        self.session = string(member(object, "sessionId"));
        self.project = string(member(object, "projectHash"));
        self.below = member(object, "kind") == Some(b"\"subagent\"");
    }

    fn message(&self, number: u64, message: &[u8], out: &mut Out<'_>) {
        let stamp = member(message, "timestamp");
        let calls = member(message, "toolCalls").unwrap_or_default();
        for one in Items::of_array(calls) {
            let name = string(member(one, "name"));
            if name.is_empty() {
                continue;
            }
            let settings = self.source.settings;
            let tool = tool::prefixed(&name, settings);
            let mut call = Call::new(PRODUCT, number, tool);
            let server = call.tool.server.as_deref();
            call.agent = tool::agent(self.source.context, server, PRODUCT, &self.project, settings);
            call.touched = Touched::of(&call.tool, &value(member(one, "args")), settings);
            call.below = self.below || member(one, "agentId").is_some_and(|id| id != b"null");
            call.session.clone_from(&self.session);
            call.time = time(member(one, "timestamp")).or_else(|| time(stamp));
            call.id = string(member(one, "id"));
            if let Some((outcome, decided)) = outcome_of(&call, one) {
                call.ended(outcome, decided);
            }
            out.call(&call);
        }
    }
}

fn outcome_of(call: &Call, one: &[u8]) -> Option<(Outcome, &'static str)> {
    let response = member(one, "result")
        .and_then(|result| Items::of_array(result).next())
        .and_then(|first| at(first, &["functionResponse", "response"]));
    let text = |key: &str| string(response.and_then(|response| member(response, key)));
    match member(one, "status")? {
        b"\"success\"" => match call.tool.server {
            Some(_) => Some((outcome::of_result(false, &text("output")), "")),
            None => Some((Outcome::Allowed, "")),
        },
        b"\"cancelled\"" => Some((Outcome::Denied, "user")),
        b"\"error\"" => {
            let text = text("error");
            if text.is_empty() {
                // A policy's refusal is an error too.
                return None;
            }
            if text.contains("denied by policy") {
                return Some((Outcome::Denied, "rule"));
            }
            match call.tool.server {
                Some(_) => Some((outcome::of_result(true, &text), "")),
                None => Some((Outcome::Undetermined, "")),
            }
        }
        _ => None,
    }
}
