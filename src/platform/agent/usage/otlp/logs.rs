//! Events of clients among log records, and calls through a gateway.
//!
//! | client | events | source |
//! |---|---|---|
//! | Claude Code | `tool_decision` (`decision`, `source`), `tool_result` | its documentation, "Monitoring usage" |
//! | Codex | `tool_decision`, `tool_result` | openai/codex `docs/config.md` |
//! | Gemini CLI | `tool_call` (`decision`, `success`) | gemini-cli `docs/cli/telemetry.md` |
//! | agentgateway | access logs with `mcp.method.name` | `crates/agentgateway/src/telemetry/log.rs` |
//!
//! They alone tell a person's approval from a rule's. Decision and result of a call are joined by session and call id.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::call::{Call, Class, Out, Touched};
use super::super::outcome;
use super::super::tool::{self, Tool};
use super::super::transcript::Source;
use super::attributes::{Attribute, Attributes, scalar};
use super::spans::nanoseconds;
use crate::model::{Outcome, Time};

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default, rename = "timeUnixNano")]
    time: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "observedTimeUnixNano")]
    observed: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "eventName")]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<Vec<Attribute<'a>>>,
}

/// All log records of a file.
pub(super) struct Logs<'s> {
    source: &'s Source<'s>,
    /// Calls with a decision or result, by product, session and call id.
    calls: HashMap<(&'static str, String, String), Call>,
}

impl<'s> Logs<'s> {
    /// No records yet.
    pub(super) fn new(source: &'s Source<'s>) -> Logs<'s> {
        Logs { source, calls: HashMap::new() }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, number: u64, raw: &str, service: &str, out: &mut Out<'_>) {
        let Ok(record) = serde_json::from_str::<Record<'_>>(raw) else {
            return out.reject(number, "a span or log record that does not have the form of one");
        };
        let attributes = Attributes(record.attributes.as_deref().unwrap_or_default());
        let time = [record.time, record.observed]
            .into_iter()
            .flatten()
            .find_map(|raw| nanoseconds(raw.get()));
        if attributes.text(&["mcp.method.name"]) == "tools/call" {
            return self.gateway(number, &attributes, time, service, out);
        }
        let body = record.body.map(|raw| scalar(raw.get().as_bytes())).unwrap_or_default();
        let named = record.event.map(|raw| raw.get().trim_matches('"').to_string());
        let event = named.unwrap_or_else(|| attributes.text(&["event.name"]));
        let event = if event.is_empty() { body.clone() } else { event };
        let about = [body.as_str(), event.as_str(), service];
        let has = |words: &[&str]| {
            about.iter().any(|text| words.iter().any(|word| text.starts_with(word)))
        };
        let product = if has(&["claude_code.", "claude-code"]) {
            "claude-code"
        } else if has(&["codex"]) {
            "codex"
        } else if has(&["gemini_cli.", "gemini-cli", "gemini_cli"]) {
            "gemini-cli"
        } else {
            return;
        };
        match event.rsplit('.').next().unwrap_or_default() {
            "tool_decision" => self.decision(number, product, &attributes, time),
            "tool_result" => self.result(number, product, &attributes, time),
            "tool_call" if product == "gemini-cli" => self.gemini(number, &attributes, time, out),
            _ => {}
        }
    }

    /// The call of a decision or result, new if it is the first of the two.
    fn call(
        &mut self,
        number: u64,
        product: &'static str,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
    ) -> Option<&mut Call> {
        let session = attributes.text(&["session.id", "conversation.id"]);
        let id = attributes.text(&["tool_use_id", "call_id"]);
        let name = attributes.text(&["tool_name", "function_name"]);
        if name.is_empty() {
            return None;
        }
        let key = match id.as_str() {
            // Without an id a decision cannot be joined with its result.
            "" => format!("#{number}"),
            id => id.to_string(),
        };
        let source = self.source;
        let entry = self.calls.entry((product, session.clone(), key));
        Some(entry.or_insert_with(|| {
            let tool = tool::prefixed(&name, source.settings);
            let mut call = Call::new(product, number, tool);
            call.session = session;
            call.id = id;
            call.time = time;
            call.on_behalf_of = person(attributes);
            call.below = !attributes.text(&["agent_id", "agent.id"]).is_empty();
            call
        }))
    }

    fn decision(
        &mut self,
        number: u64,
        product: &'static str,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
    ) {
        let decision = attributes.text(&["decision"]);
        let by = attributes.text(&["source"]);
        let decided = match by.as_str() {
            "" => "",
            "config" => "rule",
            "hook" => "hook",
            by if by.starts_with("user") => "user",
            _ => "another check",
        };
        let Some(call) = self.call(number, product, attributes, time) else { return };
        if decision == "accept" || decision.starts_with("approved") {
            call.ended(Outcome::Allowed, decided);
        } else if decision == "reject" || decision == "denied" {
            call.ended(Outcome::Denied, decided);
        } else if decision == "abort" {
            // The person ended the turn when asked.
            call.ended(Outcome::Denied, "user");
        }
    }

    fn result(
        &mut self,
        number: u64,
        product: &'static str,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
    ) {
        let details = attributes.value(&["tool_parameters", "arguments", "tool_input"]);
        let settings = self.source.settings;
        let has_succeeded = attributes.text(&["success"]) == "true";
        let Some(call) = self.call(number, product, attributes, time) else { return };
        let text =
            |key: &str| details.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let (Some(server), Some(name)) = (text("mcp_server_name"), text("mcp_tool_name")) {
            call.tool = Tool::of_server(server, name);
        }
        let arguments = match text("full_command") {
            Some(command) => json!({ "command": command }),
            None => details,
        };
        let touched = Touched::of(&call.tool, &arguments, settings);
        if touched != Touched::default() {
            call.touched = touched;
        }
        // A failure without a decision may be a refusal.
        if has_succeeded && call.outcome == Outcome::Undetermined {
            call.ended(Outcome::Allowed, "");
        }
    }

    fn gemini(
        &mut self,
        number: u64,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
        out: &mut Out<'_>,
    ) {
        let name = attributes.text(&["function_name"]);
        if name.is_empty() {
            return;
        }
        let settings = self.source.settings;
        let tool = match attributes.text(&["mcp_server_name"]).as_str() {
            "" => tool::prefixed(&name, settings),
            server => Tool::of_server(server, &name),
        };
        let mut call = Call::new("gemini-cli", number, tool);
        call.touched = Touched::of(&call.tool, &attributes.value(&["function_args"]), settings);
        call.session = attributes.text(&["session.id"]);
        call.time = time;
        call.on_behalf_of = person(attributes);
        let has_succeeded = attributes.text(&["success"]) == "true";
        match attributes.text(&["decision"]).as_str() {
            "reject" => call.ended(Outcome::Denied, "user"),
            "accept" | "modify" => call.ended(Outcome::Allowed, "user"),
            "auto_accept" => call.ended(Outcome::Allowed, "rule"),
            _ if has_succeeded => call.ended(Outcome::Allowed, ""),
            _ => {}
        }
        self.attribute(&mut call);
        out.call(&call);
    }

    fn gateway(
        &mut self,
        number: u64,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
        service: &str,
        out: &mut Out<'_>,
    ) {
        let name = attributes.text(&["gen_ai.tool.name", "mcp.tool.name"]);
        if name.is_empty() {
            return;
        }
        let tool = match attributes.text(&["mcp.target", "mcp.server.name"]).as_str() {
            "" => Tool::own(&name),
            server => Tool::of_server(server, &name),
        };
        let mut call = Call::new("mcp-gateway", number, tool);
        let arguments = attributes.value(&["mcp.tool.arguments"]);
        call.touched = Touched::of(&call.tool, &arguments, self.source.settings);
        call.session = attributes.text(&["mcp.session.id"]);
        call.time = time;
        call.class = Class::Decided;
        call.on_behalf_of = attributes.text(&["jwt.sub"]);
        let workload = attributes.text(&["src.identity"]);
        let server = call.tool.server.as_deref();
        call.agent = match (self.source.context, workload.as_str()) {
            ("", "") => tool::agent("", server, "mcp-gateway", service, self.source.settings),
            ("", workload) => {
                workload.split_once("://").map_or(workload, |(_, rest)| rest).to_string()
            }
            (context, _) => context.to_string(),
        };
        let message = attributes.text(&["mcp.error.message", "error", "reason"]);
        let status = attributes.text(&["http.status", "http.response.status_code"]);
        match (status.as_str(), attributes.text(&["mcp.error.code"]).parse::<i64>()) {
            ("401", _) => return out.skip(number, "calls without a valid token"),
            ("403", _) => call.ended(Outcome::Denied, "rule"),
            (_, Ok(code)) => call.ended(outcome::of_error(code, &message, false), ""),
            _ if message.is_empty() => call.ended(Outcome::Allowed, ""),
            _ => call.ended(outcome::of_result(true, &message), ""),
        }
        out.call(&call);
    }

    fn attribute(&self, call: &mut Call) {
        let server = call.tool.server.as_deref();
        call.agent =
            tool::agent(self.source.context, server, call.product, "", self.source.settings);
    }

    /// Hands joined calls over.
    pub(super) fn finish(mut self, out: &mut Out<'_>) {
        let mut calls: Vec<Call> = std::mem::take(&mut self.calls).into_values().collect();
        calls.sort_by(|a, b| (a.number, &a.id).cmp(&(b.number, &b.id)));
        for mut call in calls {
            self.attribute(&mut call);
            out.call(&call);
        }
    }
}

fn person(attributes: &Attributes<'_, '_>) -> String {
    attributes.text(&["user.email", "user.account_id", "user.account_uuid", "user.id"])
}
