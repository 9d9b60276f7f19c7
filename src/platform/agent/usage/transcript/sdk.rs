//! OpenAI Agents SDK: traces as its processors export them, one item a line (captured from openai-agents 0.24.0).
//!
//! Children come before their parents, so all spans are read before a call is attributed: to the nearest `agent`
//! span above it, on behalf of the outermost other agent. The `agent` span lists its tools: what was granted.

use std::collections::HashMap;

use super::super::call::{CUT, Call, Grant, Out, Touched};
use super::super::lines::{Line, Lines};
use super::super::outcome;
use super::super::tool::{self, Tool};
use super::{Source, string, time, value};
use crate::model::{Outcome, Time};
use crate::platform::json::{Items, Members, member, value_end};

const PRODUCT: &str = "openai-agents";

/// Spans above a call that are followed: a circle ends there.
const DEPTH: usize = 64;

/// Reads a trace file.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let mut work = Work {
        source,
        spans: HashMap::new(),
        servers: HashMap::new(),
        flows: HashMap::new(),
        calls: Vec::new(),
        offers: Vec::new(),
    };
    for line in Lines::with(text, b"\"object\"") {
        work.line(&line, out);
    }
    work.finish(out);
}

struct Node {
    parent: String,
    agent: Option<String>,
}

struct Offer {
    number: u64,
    agent: String,
    tools: Vec<String>,
    time: Option<Time>,
}

struct Work<'s> {
    source: &'s Source<'s>,
    spans: HashMap<String, Node>,
    /// Server of each tool that a server listed.
    servers: HashMap<String, String>,
    /// Workflow of each trace.
    flows: HashMap<String, String>,
    /// Calls with the id of the span above, the server that the span names, and its arguments' raw text.
    calls: Vec<(Call, String, Touched)>,
    offers: Vec<Offer>,
}

impl Work<'_> {
    fn line(&mut self, line: &Line<'_>, out: &mut Out<'_>) {
        let mut fields: HashMap<&[u8], &[u8]> = HashMap::new();
        let mut is_cut = value_end(line.text, 0) != Some(line.text.len());
        for (key, value) in Members::new(line.text) {
            is_cut |= value.is_none();
            fields.insert(key, value.unwrap_or_default());
        }
        if is_cut {
            match line.is_last {
                true => out.skip(line.number, CUT),
                false => out.reject(line.number, "not a JSON object"),
            }
            return;
        }
        let get = |key: &[u8]| fields.get(key).copied();
        let id = string(get(b"id"));
        if get(b"object") == Some(b"\"trace\"") {
            self.flows.insert(id, string(get(b"workflow_name")));
            return;
        }
        let span = get(b"span_data").unwrap_or_default();
        let mut agent = None;
        let name = string(member(span, "name"));
        let start = time(get(b"started_at"));
        match member(span, "type") {
            Some(b"\"agent\"") => {
                let tools = member(span, "tools").unwrap_or_default();
                let tools = Items::of_array(tools).map(|tool| string(Some(tool))).collect();
                self.offers.push(Offer {
                    number: line.number,
                    agent: name.clone(),
                    tools,
                    time: start,
                });
                agent = Some(name);
            }
            Some(b"\"mcp_tools\"" | b"\"mcp_list_tools\"") => {
                let server = string(member(span, "server"));
                for tool in Items::of_array(member(span, "result").unwrap_or_default()) {
                    self.servers.insert(string(Some(tool)), server.clone());
                }
            }
            Some(b"\"function\"") if !name.is_empty() => {
                let server = member(span, "mcp_data").and_then(|told| member(told, "server"));
                let tool = match string(server).as_str() {
                    "" => Tool::own(&name),
                    server => Tool::of_server(server, &name),
                };
                let mut call = Call::new(PRODUCT, line.number, tool);
                call.time = start;
                call.session = string(get(b"trace_id"));
                call.id.clone_from(&id);
                let arguments = value(member(span, "input"));
                let touched = Touched::of(&call.tool, &arguments, self.source.settings);
                let (outcome, rank) = ended(&call, get(b"error"), member(span, "output"));
                (call.outcome, call.rank) = (outcome, rank);
                self.calls.push((call, string(get(b"parent_id")), touched));
            }
            _ => {}
        }
        self.spans.insert(id, Node { parent: string(get(b"parent_id")), agent });
    }

    /// The agents above a span, the nearest first.
    fn above<'w>(&'w self, parent: &str) -> Vec<&'w str> {
        let mut found = Vec::new();
        let mut next = self.spans.get(parent);
        for _ in 0..DEPTH {
            let Some(node) = next else { break };
            found.extend(node.agent.as_deref());
            next = self.spans.get(&node.parent);
        }
        found
    }

    fn finish(mut self, out: &mut Out<'_>) {
        let settings = self.source.settings;
        let calls = std::mem::take(&mut self.calls);
        for (mut call, parent, touched) in calls {
            let agents = self.above(&parent);
            if call.tool.server.is_none()
                && let Some(server) = self.servers.get(&call.tool.name)
            {
                call.tool.server = Some(tool::literal(server));
            }
            let nearest = agents.first().copied().unwrap_or_default();
            call.agent = match self.source.context {
                "" if nearest.is_empty() => {
                    let flow = self.flows.get(&call.session).map_or("", String::as_str);
                    tool::agent("", call.tool.server.as_deref(), PRODUCT, flow, settings)
                }
                "" => nearest.to_string(),
                context => context.to_string(),
            };
            let outer = agents.last().copied().filter(|outer| *outer != nearest);
            call.on_behalf_of = outer.map(|outer| format!("agent://{outer}")).unwrap_or_default();
            call.touched = touched;
            out.call(&call);
        }
        for offer in &self.offers {
            for name in &offer.tools {
                let tool = match self.servers.get(name) {
                    Some(server) => Tool::of_server(server, name),
                    None => Tool::own(name),
                };
                let agent = match self.source.context {
                    "" => offer.agent.clone(),
                    context => context.to_string(),
                };
                out.grant(&Grant {
                    number: offer.number,
                    product: PRODUCT,
                    agent,
                    tool,
                    by: "tools of the agent",
                    definition: String::new(),
                    time: offer.time,
                });
            }
        }
    }
}

/// A failed span ran, unless its error is a refusal.
fn ended(call: &Call, error: Option<&[u8]>, output: Option<&[u8]>) -> (Outcome, u8) {
    match error {
        Some(error) if error != b"null" => {
            let text = String::from_utf8_lossy(error);
            (outcome::of_result(true, &text), 0)
        }
        _ if call.tool.server.is_some() => (outcome::of_result(false, &string(output)), 0),
        _ => (Outcome::Allowed, 0),
    }
}
