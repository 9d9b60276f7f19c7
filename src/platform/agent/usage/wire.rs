//! MCP messages between a client and a server, one a line: JSON-RPC in a wrapper with time and direction.
//!
//! Both eras are read: with `initialize`, and the stateless one from revision 2026-07-28 (specification, `basic/index`
//! and `server/tools`). Answers are joined with questions by direction and id, within a connection; a new
//! `initialize` begins ids anew. Who the client says it is (`clientInfo`) is never identity; the server's own name is
//! used for lack of another one.
//!
//! Wrapper fields, each under any of these names: the message `message msg payload data body`; time `ts timestamp
//! time @timestamp`; `direction dir`; connection `connection connection_id session session_id sessionId`; `server
//! server_name`; person `user sub`; `status` of HTTP.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::call::{CUT, Call, Class, Grant, INPUT_REQUIRED, Out, Touched};
use super::lines::{Line, Lines};
use super::outcome;
use super::tool::{self, Tool};
use super::transcript::{Source, string, time, value};
use crate::model::{Outcome, Time};
use crate::platform::json::{Items, Members, at, member, text as unescaped};

const PRODUCT: &str = "mcp-client";

/// Counted where nothing but the server tells whose calls these are.
const UNNAMED: &str =
    "MCP messages do not say whose they are: name the agent of the file or server under agents:";

/// Open questions with the same id. More have lost their answers.
const OPEN: usize = 32;

/// Reads a capture.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) {
    let mut connections: BTreeMap<String, Connection> = BTreeMap::new();
    for line in Lines::with(text, b"") {
        let wrapper = Wrapper::of(&line);
        if wrapper.is_cut {
            match line.is_last {
                true => out.skip(line.number, CUT),
                false => out.reject(line.number, "not a JSON object"),
            }
            continue;
        }
        let connection = connections.entry(wrapper.connection.clone()).or_default();
        if !wrapper.server.is_empty() {
            connection.server.clone_from(&wrapper.server);
        }
        match wrapper.message.first() {
            // A batch of revision 2025-03-26.
            Some(b'[') => {
                for message in Items::of_array(&wrapper.message) {
                    connection.message(source, &wrapper, message, out);
                }
            }
            _ => connection.message(source, &wrapper, &wrapper.message, out),
        }
    }
    for connection in connections.into_values() {
        connection.finish(source, out);
    }
}

/// What a line says around its message.
#[derive(Default)]
struct Wrapper {
    number: u64,
    message: Vec<u8>,
    direction: String,
    time: Option<Time>,
    stamp: String,
    connection: String,
    server: String,
    person: String,
    status: u16,
    is_cut: bool,
}

impl Wrapper {
    fn of(line: &Line<'_>) -> Wrapper {
        let is_closed = line.text.ends_with(b"}") || line.text.ends_with(b"]");
        let mut wrapper = Wrapper { number: line.number, is_cut: !is_closed, ..Wrapper::default() };
        let mut is_bare = false;
        for (key, raw) in Members::new(line.text) {
            wrapper.is_cut |= raw.is_none();
            match key {
                b"jsonrpc" => is_bare = true,
                b"message" | b"msg" | b"payload" | b"data" | b"body" => {
                    let raw = raw.unwrap_or_default();
                    wrapper.message = match unescaped(raw) {
                        Some(text) => text.trim_ascii().to_vec(),
                        None => raw.to_vec(),
                    };
                }
                b"ts" | b"timestamp" | b"time" | b"@timestamp" => {
                    wrapper.time = stamp(raw);
                    wrapper.stamp = String::from_utf8_lossy(raw.unwrap_or_default()).into_owned();
                }
                b"direction" | b"dir" => wrapper.direction = string(raw),
                b"connection" | b"connection_id" | b"session" | b"session_id" | b"sessionId" => {
                    wrapper.connection = string(raw);
                }
                b"server" | b"server_name" => wrapper.server = string(raw),
                b"user" | b"sub" => wrapper.person = string(raw),
                b"status" => {
                    let status = raw.and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok());
                    wrapper.status = status.unwrap_or_default();
                }
                _ => {}
            }
        }
        if is_bare || line.text.starts_with(b"[") {
            wrapper.message = line.text.to_vec();
        }
        wrapper
    }
}

/// A time as text or number.
fn stamp(raw: Option<&[u8]>) -> Option<Time> {
    time(raw).or_else(|| Time::parse(std::str::from_utf8(raw?).ok()?))
}

/// What a question asked.
enum Asked {
    Call(Box<Call>),
    List,
    Other,
}

impl Asked {
    fn call(self) -> Option<Call> {
        match self {
            Asked::Call(call) => Some(*call),
            Asked::List | Asked::Other => None,
        }
    }
}

struct Question {
    direction: String,
    asked: Asked,
}

#[derive(Default)]
struct Connection {
    server: String,
    /// Open questions by id; both sides may use the same ids.
    open: HashMap<String, Vec<Question>>,
    /// Tools that the server listed or ran.
    known: BTreeSet<String>,
    calls: Vec<Call>,
    offers: Vec<(u64, Option<Time>, String, String)>,
}

impl Connection {
    fn message(
        &mut self,
        source: &Source<'_>,
        wrapper: &Wrapper,
        message: &[u8],
        out: &mut Out<'_>,
    ) {
        let (mut id, mut method, mut params, mut result, mut error) =
            (None, None, None, None, None);
        for (key, raw) in Members::new(message) {
            match key {
                b"id" => id = raw,
                b"method" => method = raw,
                b"params" => params = raw,
                b"result" => result = raw,
                b"error" => error = raw,
                _ => {}
            }
        }
        let id = String::from_utf8_lossy(id.unwrap_or_default()).into_owned();
        if let Some(method) = method {
            if !id.is_empty() {
                self.question(source, wrapper, id, method, params.unwrap_or_default());
            }
            return;
        }
        if let Some(result) = result {
            self.learn_server(result);
        }
        let open = self.open.get_mut(&id);
        let question = open.and_then(|open| {
            let answers = |question: &Question| {
                question.direction != wrapper.direction || wrapper.direction.is_empty()
            };
            let at = open.iter().position(answers)?;
            Some(open.remove(at))
        });
        match question.map(|question| question.asked) {
            Some(Asked::Call(call)) => self.answer(wrapper, *call, result, error, out),
            Some(Asked::List) => self.listed(wrapper, result.unwrap_or_default()),
            Some(Asked::Other) | None => {}
        }
    }

    /// The server's name: in the answer to `initialize`, or in the `_meta` of any result.
    fn learn_server(&mut self, result: &[u8]) {
        let told = at(result, &["serverInfo", "name"])
            .or_else(|| at(result, &["_meta", "io.modelcontextprotocol/serverInfo", "name"]));
        if self.server.is_empty() {
            self.server = string(told);
        }
    }

    fn question(
        &mut self,
        source: &Source<'_>,
        wrapper: &Wrapper,
        id: String,
        method: &[u8],
        params: &[u8],
    ) {
        let asked = match method {
            b"\"initialize\"" => {
                // Ids begin anew: what is open stays without an answer.
                self.close_open();
                Asked::Other
            }
            b"\"tools/list\"" => Asked::List,
            b"\"tools/call\"" => {
                let name = string(member(params, "name"));
                if name.is_empty() {
                    return;
                }
                // The server may be learned later: rules for its tools are looked up when it is known.
                let tool = Tool::of_server(&self.server, &name);
                let arguments = value(member(params, "arguments"));
                let mut call = Call::new(PRODUCT, wrapper.number, tool);
                call.touched = Touched::of(&call.tool, &arguments, source.settings);
                call.time = wrapper.time;
                call.session.clone_from(&wrapper.connection);
                call.on_behalf_of.clone_from(&wrapper.person);
                call.class = Class::Server;
                if !wrapper.stamp.is_empty() {
                    let connection = &wrapper.connection;
                    call.id = format!("{} {id} {connection} {name}", wrapper.stamp);
                }
                Asked::Call(Box::new(call))
            }
            _ => Asked::Other,
        };
        let question = Question { direction: wrapper.direction.clone(), asked };
        let open = self.open.entry(id).or_default();
        open.push(question);
        if open.len() > OPEN {
            let oldest = open.remove(0);
            self.calls.extend(oldest.asked.call());
        }
    }

    fn answer(
        &mut self,
        wrapper: &Wrapper,
        mut call: Call,
        result: Option<&[u8]>,
        error: Option<&[u8]>,
        out: &mut Out<'_>,
    ) {
        let result = result.unwrap_or_default();
        if member(result, "resultType") == Some(b"\"input_required\"") {
            // The same call comes again, with what was asked for.
            out.skip(call.number, INPUT_REQUIRED);
            return;
        }
        let name = call.tool.name.clone();
        let outcome = match (wrapper.status, error) {
            (401, _) => {
                out.skip(call.number, "calls without a valid token");
                return;
            }
            (403, _) => Outcome::Denied,
            (_, Some(error)) => {
                let error = value(Some(error));
                let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
                let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
                outcome::of_error(code, message, self.known.contains(&name))
            }
            (_, None) => {
                let content = member(result, "content").unwrap_or_default();
                let text = string(Items::of_array(content).find_map(|part| member(part, "text")));
                outcome::of_result(member(result, "isError") == Some(b"true"), &text)
            }
        };
        if outcome == Outcome::Allowed {
            self.known.insert(name);
        }
        call.ended(outcome, "");
        self.calls.push(call);
    }

    fn listed(&mut self, wrapper: &Wrapper, result: &[u8]) {
        for definition in Items::of_array(member(result, "tools").unwrap_or_default()) {
            let name = string(member(definition, "name"));
            if name.is_empty() {
                continue;
            }
            self.known.insert(name.clone());
            let definition = String::from_utf8_lossy(definition).into_owned();
            self.offers.push((wrapper.number, wrapper.time, name, definition));
        }
    }

    fn close_open(&mut self) {
        let open = std::mem::take(&mut self.open).into_values().flatten();
        let mut left: Vec<Call> = open.filter_map(|question| question.asked.call()).collect();
        left.sort_by_key(|call| call.number);
        self.calls.extend(left);
    }

    fn finish(mut self, source: &Source<'_>, out: &mut Out<'_>) {
        self.close_open();
        let (context, settings) = (source.context, source.settings);
        let agent = tool::agent(context, Some(&self.server), PRODUCT, &self.server, settings);
        let is_unnamed = agent.starts_with(PRODUCT) && context.is_empty();
        let server = (!self.server.is_empty()).then(|| tool::literal(&self.server));
        for mut call in self.calls {
            call.agent.clone_from(&agent);
            call.tool.server.clone_from(&server);
            if is_unnamed {
                call.remark = UNNAMED;
            }
            out.call(&call);
        }
        for (number, time, name, definition) in self.offers {
            let tool = Tool { server: server.clone(), ..Tool::own(&name) };
            out.grant(&Grant {
                number,
                product: PRODUCT,
                agent: agent.clone(),
                tool,
                by: "tools/list",
                definition,
                time,
            });
        }
    }
}
