//! Calls of tools among spans.
//!
//! | convention | a call is | arguments |
//! |---|---|---|
//! | OpenTelemetry GenAI (semantic-conventions v1.41.1 `docs/gen-ai`) | `gen_ai.operation.name` = `execute_tool`, or the span's name | `gen_ai.tool.call.arguments`, before that `tool_arguments` |
//! | OpenTelemetry MCP (the same) | `mcp.method.name` = `tools/call` | as above |
//! | OpenInference (`spec/semantic_conventions.md`) | `openinference.span.kind` = `TOOL` | `input.value`; `tool.parameters` is the schema |
//! | Docker MCP gateway, Traceloop, Vercel AI | `mcp.tool.name`, `traceloop.span.kind`, `ai.toolCall.name` | their own |
//!
//! One call can be a span of the agent, of the client and of the server: the outermost with the tool's name counts, and
//! what the inner ones say more is kept. The agent is the nearest span above with an agent's name; calls are on behalf
//! of the person whom a span names, else of the outermost other agent.

use std::collections::HashMap;

use rustc_hash::FxHasher;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::hash::Hasher;

use super::super::call::{Call, Class, Grant, Out, Touched};
use super::super::outcome;
use super::super::tool::{self, Tool};
use super::super::transcript::{Source, string};
use super::attributes::{Attribute, Attributes, parsed};
use crate::model::{Outcome, Time};

const PRODUCT: &str = "opentelemetry";

/// Spans above a call that are followed: a circle ends there.
const DEPTH: usize = 128;

const ARGUMENTS: &[&str] = &[
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "mcp.tool.arguments",
    "input.value",
    "traceloop.entity.input",
    "ai.toolCall.args",
];

type Id = (u64, u64);

#[derive(Deserialize)]
struct Span<'a> {
    #[serde(borrow, default, rename = "traceId")]
    trace: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "spanId")]
    span: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "parentSpanId")]
    parent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "startTimeUnixNano")]
    start: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<Vec<Attribute<'a>>>,
    #[serde(borrow, default)]
    events: Option<Vec<Event<'a>>>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    attributes: Option<Vec<Attribute<'a>>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

struct Node {
    parent: Option<Id>,
    agent: Option<String>,
    person: Option<String>,
    /// Index of the call that it is.
    call: Option<usize>,
}

struct Offer {
    number: u64,
    node: Id,
    service: String,
    /// Name and definition.
    tools: Vec<(String, String)>,
    by: &'static str,
    time: Option<Time>,
}

/// All spans of a file.
pub(super) struct Spans<'s> {
    source: &'s Source<'s>,
    nodes: HashMap<Id, Node>,
    calls: Vec<(Id, String, Call)>,
    offers: Vec<Offer>,
    /// Hashes of the lists of tools that were met, with the agent and service.
    met: std::collections::HashSet<u64>,
}

impl<'s> Spans<'s> {
    /// No spans yet.
    pub(super) fn new(source: &'s Source<'s>) -> Spans<'s> {
        Spans {
            source,
            nodes: HashMap::new(),
            calls: Vec::new(),
            offers: Vec::new(),
            met: std::collections::HashSet::new(),
        }
    }

    /// Adds a span.
    pub(super) fn add(&mut self, number: u64, raw: &str, service: &str, out: &mut Out<'_>) {
        let Ok(span) = serde_json::from_str::<Span<'_>>(raw) else {
            return out.reject(number, "a span or log record that does not have the form of one");
        };
        let text = |raw: Option<&RawValue>| string(raw.map(|raw| raw.get().as_bytes()));
        let (trace, own, parent) = (text(span.trace), text(span.span), text(span.parent));
        let id = (hash(&trace), hash(&own));
        let attributes = Attributes(span.attributes.as_deref().unwrap_or_default());
        let name = text(span.name);
        let time = span.start.and_then(|start| nanoseconds(start.get()));
        let agent = attributes.text(&["gen_ai.agent.name", "agent.name", "agent_name"]);
        let person = attributes.text(&["user.email", "enduser.id", "user.id"]);
        let found = tool_of(&attributes, &name, service, span.kind.map(RawValue::get));
        let call = found.map(|tool| {
            let mut call = Call::new(PRODUCT, number, tool);
            let arguments = attributes.value(ARGUMENTS);
            call.touched = Touched::of(&call.tool, &arguments, self.source.settings);
            call.time = time;
            call.session =
                attributes.text(&["gen_ai.conversation.id", "session.id", "mcp.session.id"]);
            if call.session.is_empty() {
                call.session.clone_from(&trace);
            }
            call.id = format!("{}/{}", trace.to_ascii_lowercase(), own.to_ascii_lowercase());
            call.class = Class::Traced;
            let outcome = outcome_of(&span, &attributes);
            call.ended(outcome, "");
            self.calls.push((id, service.to_string(), call));
            self.calls.len() - 1
        });
        self.offers(number, id, service, &attributes, time, &agent);
        let some = |text: String| (!text.is_empty()).then_some(text);
        let node = Node {
            parent: some(parent).map(|parent| (id.0, hash(&parent))),
            agent: some(agent),
            person: some(person),
            call,
        };
        self.nodes.insert(id, node);
    }

    /// Lists of tools: `gen_ai.tool.definitions`, and OpenInference's flattened `llm.tools.N.tool.json_schema`. The same
    /// list comes with every call of a model, and counts once.
    fn offers(
        &mut self,
        number: u64,
        node: Id,
        service: &str,
        attributes: &Attributes<'_, '_>,
        time: Option<Time>,
        agent: &str,
    ) {
        let mut is_new = |raw: &str| {
            let mut hasher = FxHasher::default();
            for part in [raw, agent, service] {
                hasher.write(part.as_bytes());
                hasher.write_u8(0xff);
            }
            self.met.insert(hasher.finish())
        };
        let mut tools: Vec<(String, String)> = Vec::new();
        let mut by = "gen_ai.tool.definitions";
        if attributes.raw(&[by]).is_some_and(&mut is_new)
            && let Value::Array(list) = attributes.value(&[by])
        {
            tools.extend(list.iter().filter_map(definition));
        }
        for (key, raw) in attributes.iter() {
            if key.starts_with("llm.tools.") && key.ends_with(".tool.json_schema") && is_new(raw) {
                by = "llm.tools";
                tools.extend(definition(&parsed(raw)));
            }
        }
        if !tools.is_empty() {
            let service = service.to_string();
            self.offers.push(Offer { number, node, service, tools, by, time });
        }
    }

    /// Spans from one upwards.
    fn above(&self, id: Id) -> impl Iterator<Item = &Node> {
        let first = self.nodes.get(&id);
        std::iter::successors(first, |node| self.nodes.get(&node.parent?)).take(DEPTH)
    }

    /// Agent and on whose behalf.
    fn who(&self, id: Id, service: &str, server: Option<&str>) -> (String, String) {
        let agents: Vec<&str> = self.above(id).filter_map(|node| node.agent.as_deref()).collect();
        let nearest = agents.first().copied().unwrap_or_default();
        let agent = match (self.source.context, nearest) {
            ("", "") => match service {
                "" => tool::agent("", server, PRODUCT, "", self.source.settings),
                service => service.to_string(),
            },
            ("", nearest) => nearest.to_string(),
            (context, _) => context.to_string(),
        };
        let person = self.above(id).find_map(|node| node.person.clone());
        let outer = agents.last().filter(|outer| **outer != nearest);
        let behalf = person.or_else(|| outer.map(|outer| format!("agent://{outer}")));
        (agent, behalf.unwrap_or_default())
    }

    /// Hands calls and grants over.
    pub(super) fn finish(mut self, out: &mut Out<'_>) {
        let mut inner = vec![None; self.calls.len()];
        for (at, (id, _, call)) in self.calls.iter().enumerate() {
            let above = self.above(*id).skip(1).filter_map(|node| node.call);
            let same = |other: &usize| {
                self.calls
                    .get(*other)
                    .is_some_and(|(_, _, other)| other.tool.name == call.tool.name)
            };
            if let Some(slot) = inner.get_mut(at) {
                *slot = above.filter(same).last();
            }
        }
        for (at, outer) in inner.iter().enumerate() {
            let (Some(outer), Some((_, _, call))) = (outer, self.calls.get(at)) else { continue };
            let call = call.clone();
            if let Some((_, _, outer)) = self.calls.get_mut(*outer) {
                join(outer, call);
            }
        }
        let mut servers: HashMap<String, String> = HashMap::new();
        for ((id, service, call), _) in
            self.calls.iter().zip(&inner).filter(|(_, outer)| outer.is_none())
        {
            let mut call = call.clone();
            (call.agent, call.on_behalf_of) = self.who(*id, service, call.tool.server.as_deref());
            if let Some(server) = &call.tool.server {
                servers.insert(call.tool.name.clone(), server.clone());
            }
            out.call(&call);
        }
        for offer in &self.offers {
            let (agent, _) = self.who(offer.node, &offer.service, None);
            for (name, definition) in &offer.tools {
                let own = Tool::own(name);
                out.grant(&Grant {
                    number: offer.number,
                    product: PRODUCT,
                    agent: agent.clone(),
                    tool: Tool { server: servers.get(&own.name).cloned(), ..own },
                    by: offer.by,
                    definition: definition.clone(),
                    time: offer.time,
                });
            }
        }
    }
}

/// Adds to the outermost span what an inner one of the same call says more.
fn join(outer: &mut Call, inner: Call) {
    let has_more = inner.touched != Touched::default();
    if has_more && (outer.touched == Touched::default() || inner.tool.server.is_some()) {
        outer.touched = inner.touched;
    }
    if outer.tool.server.is_none() {
        outer.tool.server = inner.tool.server;
    }
    match inner.outcome {
        Outcome::Denied => outer.outcome = Outcome::Denied,
        Outcome::Undetermined if outer.outcome == Outcome::Allowed => {
            outer.outcome = Outcome::Undetermined;
        }
        _ => {}
    }
}

/// The tool that a span calls; `None` if it is no call.
fn tool_of(
    attributes: &Attributes<'_, '_>,
    name: &str,
    service: &str,
    kind: Option<&str>,
) -> Option<Tool> {
    let method = attributes.text(&["mcp.method.name"]);
    let is_mcp = method == "tools/call" || name == "mcp.tool.call";
    let told = attributes.text(&["gen_ai.tool.name", "mcp.tool.name"]);
    let is_named = name == "running tool" || name.starts_with("execute_tool ");
    let is_genai = attributes.text(&["gen_ai.operation.name"]) == "execute_tool" || is_named;
    let tool = if is_genai || is_mcp {
        let rest = name.strip_prefix("execute_tool ").or(name.strip_prefix("tools/call "));
        if told.is_empty() { rest.unwrap_or_default().to_string() } else { told }
    } else if attributes.text(&["openinference.span.kind"]) == "TOOL" {
        let told = attributes.text(&["tool.name"]);
        if told.is_empty() { name.to_string() } else { told }
    } else if attributes.text(&["traceloop.span.kind"]) == "tool" {
        attributes.text(&["traceloop.entity.name"])
    } else {
        attributes.text(&["ai.toolCall.name"])
    };
    if tool.is_empty() {
        return None;
    }
    let server = attributes.text(&["mcp.server.name", "mcp.target"]);
    Some(match server.as_str() {
        // The span of the server itself.
        "" if is_mcp && kind.is_some_and(is_server) && !service.is_empty() => {
            Tool::of_server(service, &tool)
        }
        "" => Tool::own(&tool),
        server => Tool::of_server(server, &tool),
    })
}

/// `SPAN_KIND_SERVER` is 2 in the protocol's enumeration.
fn is_server(kind: &str) -> bool {
    matches!(kind.trim_matches('"'), "2" | "SPAN_KIND_SERVER")
}

/// A failed span ran and failed, unless what it says is a refusal or comes before one. A failure that says nothing
/// proves nothing.
fn outcome_of(span: &Span<'_>, attributes: &Attributes<'_, '_>) -> Outcome {
    let status = span.status.as_ref();
    let code = status.and_then(|status| status.code).map_or("", RawValue::get);
    let is_failed = matches!(code.trim_matches('"'), "2" | "STATUS_CODE_ERROR");
    let kind = attributes.text(&["error.type", "mcp.error.type"]);
    let number =
        attributes.text(&["rpc.response.status_code", "mcp.error.code", "rpc.jsonrpc.error_code"]);
    let message = attributes.text(&["mcp.error.message", "rpc.jsonrpc.error_message"]);
    if let Ok(number @ ..=-1) = number.parse::<i64>() {
        return outcome::of_error(number, &message, false);
    }
    match attributes.text(&["http.status", "http.response.status_code"]).as_str() {
        "403" => return Outcome::Denied,
        "401" => return Outcome::Undetermined,
        _ => {}
    }
    if !is_failed && kind.is_empty() {
        return Outcome::Allowed;
    }
    let mut said = vec![
        message,
        string(status.and_then(|status| status.message).map(|raw| raw.get().as_bytes())),
    ];
    for event in span.events.iter().flatten() {
        let attributes = Attributes(event.attributes.as_deref().unwrap_or_default());
        said.push(attributes.text(&["exception.type"]));
        said.push(attributes.text(&["exception.message"]));
    }
    said.retain(|text| !text.is_empty());
    if kind != "tool_error" {
        said.push(kind);
    }
    let said = said.join("\n");
    match said.trim() {
        "" => Outcome::Undetermined,
        said => outcome::of_result(true, &said.replace("PermissionError", "permission denied")),
    }
}

/// A tool's name and definition, in either form: `{"name": …}` or `{"function": {"name": …}}`.
fn definition(tool: &Value) -> Option<(String, String)> {
    let inner = tool.get("function").filter(|inner| inner.is_object()).unwrap_or(tool);
    let name = inner.get("name")?.as_str().filter(|name| !name.is_empty())?;
    Some((name.to_string(), inner.to_string()))
}

/// Nanoseconds as text or number.
pub(super) fn nanoseconds(raw: &str) -> Option<Time> {
    let number: u64 = raw.trim_matches('"').parse().ok()?;
    (number > 0).then(|| Time::from_seconds((number / 1_000_000_000) as i64))
}

/// Ids are hexadecimal and of either case.
fn hash(id: &str) -> u64 {
    let mut hasher = FxHasher::default();
    for byte in id.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    hasher.finish()
}
