//! Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-….jsonl`.
//!
//! | what | payload of the line |
//! |---|---|
//! | call | `function_call`, `custom_tool_call`, `local_shell_call`, `web_search_call` |
//! | answer | `function_call_output`, `custom_tool_call_output`; `exec_command_end` and `mcp_tool_call_end` before it |
//! | session and folder | `session_meta` |
//! | rights in force | `turn_context`: approval and sandbox policy |

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::call::{CUT, Call, Grant, Out, Touched};
use super::super::lines::{Line, Lines};
use super::super::outcome;
use super::super::tool::{self, Tool};
use super::{Source, Waiting, string, time, value};
use crate::model::Outcome;
use crate::platform::json::{Members, at, member, value_end};

const PRODUCT: &str = "codex";

/// Reads a rollout.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let mut work = Work {
        source,
        waiting: Waiting::default(),
        session: String::new(),
        folder: String::new(),
        ran: HashSet::new(),
        rights: HashSet::new(),
    };
    for line in Lines::with(text, b"") {
        work.line(&line, out);
    }
    work.waiting.finish(out);
}

struct Work<'s> {
    source: &'s Source<'s>,
    waiting: Waiting,
    session: String,
    folder: String,
    /// Calls whose command ran, whatever it printed.
    ran: HashSet<String>,
    /// Rights that were named already.
    rights: HashSet<String>,
}

impl Work<'_> {
    fn line(&mut self, line: &Line<'_>, out: &mut Out<'_>) {
        let (mut kind, mut stamp, mut payload) = (None, None, None);
        let mut is_cut = value_end(line.text, 0) != Some(line.text.len());
        for (key, value) in Members::new(line.text) {
            is_cut |= value.is_none();
            match key {
                b"type" => kind = value,
                b"timestamp" => stamp = value,
                b"payload" => payload = value,
                _ => {}
            }
        }
        if is_cut {
            match line.is_last {
                true => out.skip(line.number, CUT),
                false => out.reject(line.number, "not a JSON object"),
            }
            return;
        }
        let Some(payload) = payload else { return };
        match kind {
            Some(b"\"session_meta\"") => self.meta(payload),
            Some(b"\"turn_context\"") => self.rights(line.number, stamp, payload, out),
            Some(b"\"response_item\"") => self.item(line.number, stamp, payload, out),
            Some(b"\"event_msg\"") => self.event(payload),
            _ => {}
        }
    }

    fn meta(&mut self, payload: &[u8]) {
        self.session = string(member(payload, "id"));
        if self.folder.is_empty() {
            self.folder = string(member(payload, "cwd"));
        }
    }

    fn agent(&self, server: Option<&str>) -> String {
        tool::agent(self.source.context, server, PRODUCT, &self.folder, self.source.settings)
    }

    /// The policies of a turn decide what its commands may do (openai/codex `docs/config.md`).
    fn rights(&mut self, number: u64, stamp: Option<&[u8]>, payload: &[u8], out: &mut Out<'_>) {
        let definition = json!({
            "approval_policy": value(member(payload, "approval_policy")),
            "sandbox_policy": value(member(payload, "sandbox_policy")),
        })
        .to_string();
        if self.rights.insert(definition.clone()) {
            out.grant(&Grant {
                number,
                product: PRODUCT,
                agent: self.agent(None),
                tool: Tool::own("exec_command"),
                by: "approval and sandbox policy",
                definition,
                time: time(stamp),
            });
        }
    }

    fn event(&mut self, payload: &[u8]) {
        let id = || string(member(payload, "call_id"));
        match member(payload, "type") {
            Some(b"\"exec_command_end\"") => {
                self.ran.insert(id());
            }
            Some(b"\"mcp_tool_call_end\"") => {
                let (server, name) = (
                    string(at(payload, &["invocation", "server"])),
                    string(at(payload, &["invocation", "tool"])),
                );
                if let Some(call) = self.waiting.calls.get_mut(&id())
                    && !server.is_empty()
                    && !name.is_empty()
                {
                    call.tool = Tool::of_server(&server, &name);
                }
            }
            _ => {}
        }
    }

    fn item(&mut self, number: u64, stamp: Option<&[u8]>, payload: &[u8], out: &mut Out<'_>) {
        let kind = string(member(payload, "type"));
        match kind.as_str() {
            "function_call" | "custom_tool_call" | "local_shell_call" | "web_search_call" => {
                let mut call = self.call(number, &kind, payload);
                call.time = time(stamp);
                if kind == "web_search_call" {
                    // It has no answer of its own.
                    let done = member(payload, "status") == Some(b"\"completed\"");
                    if done {
                        call.ended(Outcome::Allowed, "");
                    }
                    out.call(&call);
                } else if !call.tool.name.is_empty() {
                    self.waiting.add(call);
                }
            }
            "function_call_output" | "custom_tool_call_output" => self.answer(payload, out),
            _ => {}
        }
    }

    fn call(&mut self, number: u64, kind: &str, payload: &[u8]) -> Call {
        let name = string(member(payload, "name"));
        let (tool, arguments) = match kind {
            "web_search_call" => (Tool::own("web_search"), value(member(payload, "action"))),
            "local_shell_call" => (Tool::own("local_shell"), value(member(payload, "action"))),
            "custom_tool_call" => {
                let input = string(member(payload, "input"));
                (
                    Tool::own(&name),
                    if name == "apply_patch" { patched(&input) } else { Value::Null },
                )
            }
            _ => (self.named(&name), value(member(payload, "arguments"))),
        };
        let mut call = Call::new(PRODUCT, number, tool);
        call.agent = self.agent(call.tool.server.as_deref());
        call.touched = Touched::of(&call.tool, &arguments, self.source.settings);
        call.session.clone_from(&self.session);
        call.id = string(member(payload, "call_id"));
        call
    }

    /// `server__tool`, or `mcp__server__tool`.
    fn named(&self, name: &str) -> Tool {
        match name.split_once("__") {
            Some(("mcp", _)) | None => tool::prefixed(name, self.source.settings),
            Some((server, tool)) if !server.is_empty() => Tool::of_server(server, tool),
            _ => Tool::own(name),
        }
    }

    fn answer(&mut self, payload: &[u8], out: &mut Out<'_>) {
        let id = string(member(payload, "call_id"));
        let Some(mut call) = self.waiting.take(&id) else { return };
        let output = value(member(payload, "output"));
        let text = output.as_str().or_else(|| output.get("content")?.as_str()).unwrap_or_default();
        let (outcome, decided) = match outcome::of_codex(text) {
            Some(refused) if !self.ran.contains(&id) => refused,
            _ if call.tool.server.is_some() => {
                let is_error = output.get("isError").or(output.get("is_error"));
                let is_error = is_error.and_then(Value::as_bool).unwrap_or(false);
                (outcome::of_result(is_error, text), "")
            }
            _ => (Outcome::Allowed, ""),
        };
        call.ended(outcome, decided);
        out.call(&call);
    }
}

/// The files that a patch touches: its lines `*** Add File:`, `*** Update File:`, `*** Delete File:`.
fn patched(input: &str) -> Value {
    let files: Vec<&str> = input
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("*** ")?;
            let (what, file) = rest.split_once(" File: ")?;
            matches!(what, "Add" | "Update" | "Delete").then_some(file.trim())
        })
        .collect();
    json!({ "paths": files })
}
