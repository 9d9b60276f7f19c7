//! Decision logs: AuthZEN exchanges and OPA decisions, for any system that asks before it acts.
//!
//! An allowed decision is a use, a denied one a refused attempt. Sources: AuthZEN Authorization API 1.0 (sections 6
//! and 7), COAZ-MCP binding (draft), OPA documentation "Decision Logs" (its result is undefined where no rule
//! decides, which callers take as a denial). A call of a tool is `mcp:SERVER/TOOL` or `agent:TOOL`; a decision about
//! anything else is `TYPE:ACTION` on `TYPE:ID`. The agent is whom the request names as such, on behalf of its subject;
//! without one the subject itself.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::call::{CUT, Call, Class, Out, Touched, clean};
use super::lines::{Line, values};
use super::tool::{Tool, literal};
use super::transcript::Source;
use crate::model::{Outcome, Time};
use crate::platform::events::UnwrapError;

/// Reads a log of decisions.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) -> Result<(), UnwrapError> {
    values(text, &mut |line: Line<'_>| match serde_json::from_slice(line.text) {
        Ok(Value::Array(records)) => {
            for (number, record) in (1..).zip(&records) {
                one(source, number, record, out);
            }
        }
        Ok(record) => one(source, line.number, &record, out),
        Err(_) if line.is_last => out.skip(line.number, CUT),
        Err(_) => out.reject(line.number, "not JSON"),
    })
}

fn one(source: &Source<'_>, number: u64, record: &Value, out: &mut Out<'_>) {
    if record.get("request").is_some() && record.get("response").is_some() {
        authzen(source, number, record, out);
    } else if record.get("input").is_some() && record.get("path").is_some() {
        opa(source, number, record, out);
    } else {
        out.reject(number, "no decision: neither request and response nor path and input");
    }
}

fn stamp(record: &Value) -> Option<Time> {
    let told = ["timestamp", "time", "ts", "@timestamp"].iter().find_map(|key| record.get(*key))?;
    match told {
        Value::String(text) => Time::parse(text),
        Value::Number(number) => number.as_i64().and_then(Time::from_number),
        _ => None,
    }
}

fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    path.iter()
        .try_fold(value, |value, key| value.get(*key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn first<'v>(value: &'v Value, paths: &[&[&str]]) -> &'v str {
    paths.iter().map(|path| text(value, path)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// An agent's name out of a URL, or `agent:NAME`.
fn named(id: &str) -> String {
    let id = id.strip_prefix("agent:").unwrap_or(id);
    let id = id.strip_prefix("//").unwrap_or(id);
    id.split_once("://").map_or(id, |(_, rest)| rest).to_string()
}

/// Fills in who asked.
fn attribute(source: &Source<'_>, call: &mut Call, agent: &str, subject: &str) {
    let (who, behalf) = if agent.is_empty() { (subject, "") } else { (agent, subject) };
    call.agent = match source.context {
        "" => named(who),
        context => context.to_string(),
    };
    call.on_behalf_of = behalf.to_string();
}

fn authzen(source: &Source<'_>, number: u64, record: &Value, out: &mut Out<'_>) {
    let (request, response) = (&record["request"], &record["response"]);
    let Some(questions) = request.get("evaluations").and_then(Value::as_array) else {
        let decision = response.get("decision").and_then(Value::as_bool);
        return evaluation(source, (number, 0), record, request, decision, out);
    };
    let answers = response.get("evaluations").and_then(Value::as_array);
    for (at, question) in questions.iter().enumerate() {
        // Members that a question lacks are those of the request as a whole.
        let mut asked = request.clone();
        if let (Some(asked), Some(question)) = (asked.as_object_mut(), question.as_object()) {
            asked.remove("evaluations");
            asked.extend(question.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        match answers.and_then(|answers| answers.get(at)) {
            Some(answer) => {
                let decision = answer.get("decision").and_then(Value::as_bool);
                evaluation(source, (number, at), record, &asked, decision, out);
            }
            // The first denial or permission ended the batch (`evaluations_semantic`).
            None => out.skip(number, "questions of a batch that were not answered"),
        }
    }
}

fn evaluation(
    source: &Source<'_>,
    (number, at): (u64, usize),
    record: &Value,
    request: &Value,
    decision: Option<bool>,
    out: &mut Out<'_>,
) {
    let (action, kind, id) = (
        text(request, &["action", "name"]),
        text(request, &["resource", "type"]),
        text(request, &["resource", "id"]),
    );
    if action.is_empty() {
        return out.reject(number, "a decision without an action");
    }
    let mut call = if kind == "tool" || action == "tools/call" {
        let server = text(request, &["resource", "properties", "server"]);
        let tool = tool(server, id);
        let context = request.get("context");
        let arguments = context.and_then(|context| {
            context.get("arguments").or_else(|| context.pointer("/params/arguments"))
        });
        let mut call = Call::new("authzen", number, tool);
        call.touched = Touched::of(&call.tool, arguments.unwrap_or(&Value::Null), source.settings);
        call
    } else {
        let mut call = Call::new("authzen", number, of_family(kind, action));
        if !id.is_empty() {
            call.touched.scopes.push(clean(&format!("{kind}:{id}"), 512));
        }
        call
    };
    let agent = first(request, &[&["context", "agent"], &["context", "client_id"]]);
    attribute(source, &mut call, agent, text(request, &["subject", "id"]));
    call.time = stamp(record);
    call.class = Class::Decided;
    let request_id = first(record, &[&["request_id"], &["id"]]);
    if !request_id.is_empty() {
        call.id = format!("{request_id} {at}");
    }
    match decision {
        Some(true) => call.ended(Outcome::Allowed, "rule"),
        Some(false) => call.ended(Outcome::Denied, "rule"),
        // An error of the query is no denial.
        None => {}
    }
    out.call(&call);
}

fn tool(server: &str, name: &str) -> Tool {
    match server {
        "" => Tool::own(name),
        server => Tool::of_server(server, name),
    }
}

/// The action of a decision about something that is no tool.
fn of_family(kind: &str, action: &str) -> Tool {
    let family = match kind {
        "" => "decision".to_string(),
        kind => literal(kind).replace([':', '/', ' '], "-"),
    };
    Tool { family: Some(family), ..Tool::own(action) }
}

fn opa(source: &Source<'_>, number: u64, record: &Value, out: &mut Out<'_>) {
    let input = &record["input"];
    let path = text(record, &["path"]).trim_start_matches('/');
    if path.starts_with("system/") || path.starts_with("data/system/") {
        return out.skip(number, "decisions about the decision point itself");
    }
    let name = first(input, &[&["tool"], &["tool_name"], &["params", "name"], &["tool", "name"]]);
    let action = first(input, &[&["action"], &["action", "name"], &["method"]]);
    let mut call = if !name.is_empty() {
        let server =
            first(input, &[&["server"], &["mcp_server"], &["server", "name"], &["target"]]);
        let arguments = input.get("arguments").or_else(|| input.pointer("/params/arguments"));
        let mut call = Call::new("opa", number, tool(server, name));
        // Masked values are not those of the call; erased ones are not there.
        let is_masked =
            record.get("masked").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if let Some(arguments) = arguments.filter(|_| !is_masked) {
            call.touched = Touched::of(&call.tool, arguments, source.settings);
        }
        call
    } else if !action.is_empty() {
        let (kind, id) = (text(input, &["resource", "type"]), text(input, &["resource", "id"]));
        let mut call = Call::new("opa", number, of_family(kind, action));
        if !id.is_empty() {
            call.touched.scopes.push(clean(&format!("{kind}:{id}"), 512));
        }
        call
    } else {
        return out.skip(number, "decisions about neither a tool nor an action");
    };
    let agent =
        first(input, &[&["agent"], &["agent", "id"], &["context", "agent"], &["client_id"]]);
    let subject =
        first(input, &[&["subject", "id"], &["subject"], &["user"], &["sub"], &["user", "id"]]);
    attribute(source, &mut call, agent, subject);
    call.time = stamp(record);
    call.class = Class::Decided;
    call.id = text(record, &["decision_id"]).to_string();
    call.network = network(text(record, &["requested_by"]));
    if let Some(outcome) = decided(record, path) {
        call.ended(outcome, "rule");
    }
    out.call(&call);
}

/// What OPA decided; `None` where the result says neither.
fn decided(record: &Value, path: &str) -> Option<Outcome> {
    if record.get("error").is_some_and(|error| !error.is_null()) {
        return None;
    }
    let of = |allowed: bool| Some(if allowed { Outcome::Allowed } else { Outcome::Denied });
    let rule = path.rsplit('/').next().unwrap_or_default();
    let refuses = rule.starts_with("deny") || rule.starts_with("violation");
    match record.get("result") {
        // Undefined: no rule decided.
        None if refuses => of(true),
        None => of(false),
        Some(Value::Bool(allowed)) => of(*allowed != refuses),
        Some(Value::Array(reasons)) if refuses => of(reasons.is_empty()),
        Some(Value::Object(result)) => {
            let told = ["allow", "allowed", "decision"].iter().find_map(|key| result.get(*key));
            match (told, result.get("deny")) {
                (Some(Value::Bool(allowed)), _) => of(*allowed),
                (None, Some(Value::Array(reasons))) => of(reasons.is_empty()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An IPv4 address and port as its /24.
fn network(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    match host.parse::<Ipv4Addr>() {
        Ok(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Err(_) => String::new(),
    }
}
