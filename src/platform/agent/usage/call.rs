//! A call of a tool as all readers of this folder write it: one small JSON record, whatever the source.
//!
//! Owns the record, its fields and the event id. Does not own how a source says it. Of the arguments of a call
//! only what [`resources::of`] extracts gets into the record, so that nothing else of them can reach a report.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tool::Tool;
use crate::model::{Outcome, Settings, Time};
use crate::platform::agent::resources;
use crate::platform::events::{Field, Take};

/// Longest name of an identity, tool, person or session, in bytes; longer ones are cut.
const NAME_BYTES: usize = 256;

/// Longest resource, in bytes.
const SCOPE_BYTES: usize = 512;

/// Resources that one call may touch; of more, none is believed to be all.
const SCOPES: usize = 32;

/// Longest definition of a tool that is kept, in bytes: a key's part holds 64 KiB.
const DETAIL_BYTES: usize = 60_000;

/// Call ids of this length are random and unique by themselves: `toolu_…` and `call_…` with 24 characters. Copies
/// of a session in another file keep them and may get a new session id (reference: resumed and forked runs).
const UNIQUE_ID_BYTES: usize = 20;

/// The fields of a record, in the order of [`FIELDS`].
pub(super) mod at {
    /// What the record is: `call`, `grant`, `skip` or `reject`.
    pub(crate) const KIND: usize = 0;
    /// Name of the agent.
    pub(crate) const AGENT: usize = 1;
    /// Action.
    pub(crate) const ACTION: usize = 2;
    /// Resources and destinations, one a line.
    pub(crate) const SCOPES: usize = 3;
    /// Outcome.
    pub(crate) const OUTCOME: usize = 4;
    /// Who decided, or through whom the call came.
    pub(crate) const VIA: usize = 5;
    /// On whose behalf.
    pub(crate) const ON_BEHALF_OF: usize = 6;
    /// Class of the log.
    pub(crate) const CLASS: usize = 7;
    /// Remark on the call; definition of the tool in a grant; reason of a skip or reject.
    pub(crate) const DETAIL: usize = 8;
    /// Session.
    pub(crate) const SESSION: usize = 9;
    /// Product.
    pub(crate) const PRODUCT: usize = 10;
    /// Network.
    pub(crate) const NETWORK: usize = 11;
    /// Seconds since the epoch.
    pub(crate) const TIME: usize = 12;
    /// Event id, in hexadecimal.
    pub(crate) const ID: usize = 13;
    /// Rank among copies of the event.
    pub(crate) const RANK: usize = 14;
}

/// The fields of a record.
pub(super) const FIELDS: &[Field] = &[
    Field { path: &["kind"], take: Take::Text },
    Field { path: &["agent"], take: Take::Text },
    Field { path: &["action"], take: Take::Text },
    Field { path: &["scopes"], take: Take::Text },
    Field { path: &["outcome"], take: Take::Text },
    Field { path: &["via"], take: Take::Text },
    Field { path: &["behalf"], take: Take::Text },
    Field { path: &["class"], take: Take::Text },
    Field { path: &["detail"], take: Take::Text },
    Field { path: &["session"], take: Take::Text },
    Field { path: &["product"], take: Take::Text },
    Field { path: &["network"], take: Take::Text },
    Field { path: &["time"], take: Take::Scalar },
    Field { path: &["id"], take: Take::Text },
    Field { path: &["rank"], take: Take::Scalar },
];

/// A call on its way from the source to its record. It holds no arguments.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Line or record of the call in its file, from 1.
    pub(super) number: u64,
    /// Product whose log it is: `claude-code`.
    pub(super) product: &'static str,
    /// Name of the agent.
    pub(super) agent: String,
    /// The tool.
    pub(super) tool: Tool,
    /// What the arguments showed.
    pub(super) touched: Touched,
    /// Outcome.
    pub(super) outcome: Outcome,
    /// Who decided: `rule`, `user`, `classifier`, `hook`; empty if the source does not say.
    pub(super) decided: &'static str,
    /// Whether an agent below the main one made the call.
    pub(super) below: bool,
    /// Person or workload on whose behalf.
    pub(super) on_behalf_of: String,
    /// Session.
    pub(super) session: String,
    /// Time.
    pub(super) time: Option<Time>,
    /// What identifies the call within its session.
    pub(super) id: String,
    /// Class of the log: what a call that is not there proves.
    pub(super) class: Class,
    /// Rank among copies of the event.
    pub(super) rank: u8,
    /// Network that it came from.
    pub(super) network: String,
    /// A remark that is counted.
    pub(super) remark: &'static str,
}

impl Call {
    /// A call of which nothing but its tool is known.
    pub(super) fn new(product: &'static str, number: u64, tool: Tool) -> Call {
        Call {
            number,
            product,
            agent: String::new(),
            tool,
            touched: Touched::default(),
            outcome: Outcome::Undetermined,
            decided: "",
            below: false,
            on_behalf_of: String::new(),
            session: String::new(),
            time: None,
            id: String::new(),
            class: Class::All,
            rank: 1,
            network: String::new(),
            remark: "",
        }
    }

    /// Sets an outcome that the source shows: it outranks a copy without an answer.
    pub(super) fn ended(&mut self, outcome: Outcome, decided: &'static str) {
        self.outcome = outcome;
        self.rank = 0;
        if !decided.is_empty() {
            self.decided = decided;
        }
    }
}

/// What log it is: which calls would stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Every call of the agent: transcripts, and the events of a client.
    All,
    /// Traces, which may be sampled: a call that is not there may have happened (reference: sampling).
    Traced,
    /// Calls of one server: messages between a client and it.
    Server,
    /// Calls that a decision point was asked about.
    Decided,
}

/// What the arguments of a call showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// The actions of the tool that were called; empty if it has only one.
    pub(super) methods: Vec<String>,
    /// Resources and destinations.
    pub(super) scopes: Vec<String>,
}

impl Touched {
    /// Reads the arguments of a call.
    pub(super) fn of(tool: &Tool, arguments: &Value, settings: &Settings) -> Touched {
        let found = resources::of(&tool.action(None), arguments, settings);
        let mut scopes: Vec<String> = Vec::new();
        for scope in found.touched() {
            let scope = clean(&scope, SCOPE_BYTES);
            if !scope.is_empty() && !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.len() > SCOPES {
            scopes.clear();
        }
        let methods = found.methods.iter().map(|method| method.to_string()).collect();
        Touched { methods, scopes }
    }
}

#[derive(Serialize)]
struct Record<'a> {
    kind: &'static str,
    agent: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scopes: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    outcome: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    via: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    behalf: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    class: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    session: &'a str,
    product: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    network: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    rank: u8,
}

/// Reasons for leaving a record out; the first one stands for any other.
pub(super) const SKIPS: &[&str] = &[
    CUT,
    INPUT_REQUIRED,
    "calls without a valid token",
    "questions of a batch that were not answered",
    "decisions about the decision point itself",
    "decisions about neither a tool nor an action",
    "metrics and profiles",
];

/// The last line of a log that is still written.
pub(super) const CUT: &str = "cut last lines of open logs";

/// MCP revision 2026-07-28: the same call comes again, with what was asked for.
pub(super) const INPUT_REQUIRED: &str = "calls that the server asked more input for";

/// Reasons for rejecting a record; the first one stands for any other.
pub(super) const REJECTS: &[&str] = &[
    "not JSON",
    "not a JSON object",
    "no transcript of a known product",
    "no decision: neither request and response nor path and input",
    "a decision without an action",
    "a span or log record that does not have the form of one",
];

/// Hands records over: the place where calls leave a reader.
pub(super) struct Out<'e> {
    each: &'e mut dyn FnMut(u64, &[u8]),
    text: Vec<u8>,
    /// Whether calls of one session may go to several agents.
    is_split: bool,
}

impl<'e> Out<'e> {
    /// Hands over to this. Where the configuration gives servers to agents and no name to the file, the calls of a
    /// session go to several agents, and what is not among the calls of one of them may be among another's: then no
    /// log is one of every call.
    pub(super) fn new(
        each: &'e mut dyn FnMut(u64, &[u8]),
        context: &str,
        settings: &Settings,
    ) -> Out<'e> {
        let has_servers = settings.agents.iter().any(|(_, _, servers)| !servers.is_empty());
        Out { each, text: Vec::new(), is_split: context.is_empty() && has_servers }
    }

    /// A call: a record for each action of its tool that it used.
    pub(super) fn call(&mut self, call: &Call) {
        let methods = &call.touched.methods;
        if methods.is_empty() {
            self.one(call, None);
        }
        for method in methods {
            self.one(call, Some(method));
        }
    }

    fn one(&mut self, call: &Call, method: Option<&str>) {
        let action = clean(&call.tool.action(method), NAME_BYTES);
        let scopes = call.touched.scopes.join("\n");
        let via = match (call.below, call.decided) {
            (true, "") => "sub-agent".to_string(),
            (true, decided) => format!("sub-agent, {decided}"),
            (false, decided) => decided.to_string(),
        };
        let mut class = "tool-call".to_string();
        match call.class {
            Class::All if self.is_split => class.push_str(":partial"),
            Class::All => {}
            Class::Traced => class.push_str(":traced"),
            Class::Server | Class::Decided => match &call.tool.server {
                Some(server) => class = format!("tool-call:mcp:{}", clean(server, NAME_BYTES)),
                None => class.push_str(":decided"),
            },
        }
        // Which part of a line of several commands was refused is not said.
        let outcome = match call.outcome {
            Outcome::Denied if call.touched.methods.len() > 1 => Outcome::Undetermined,
            outcome => outcome,
        };
        let record = Record {
            kind: "call",
            agent: &clean(&call.agent, NAME_BYTES),
            action: &action,
            scopes: &scopes,
            outcome: outcome.as_str(),
            via: &via,
            behalf: &clean(&call.on_behalf_of, NAME_BYTES),
            class: &class,
            detail: call.remark,
            session: &clean(&call.session, NAME_BYTES),
            product: call.product,
            network: &clean(&call.network, NAME_BYTES),
            time: call.time.map(Time::seconds),
            id: &event_id(call, method),
            rank: call.rank,
        };
        self.write(call.number, &record);
    }

    /// A tool that an agent was offered.
    pub(super) fn grant(&mut self, grant: &Grant) {
        let is_long = grant.definition.len() > DETAIL_BYTES;
        let record = Record {
            kind: "grant",
            agent: &clean(&grant.agent, NAME_BYTES),
            action: &clean(&grant.tool.action(None), NAME_BYTES),
            via: grant.by,
            detail: if is_long { "" } else { &grant.definition },
            time: grant.time.map(Time::seconds),
            ..Record::empty(grant.product)
        };
        self.write(grant.number, &record);
    }

    /// A record that is left out for a reason that is no fault.
    pub(super) fn skip(&mut self, number: u64, reason: &'static str) {
        let record = Record { kind: "skip", detail: reason, ..Record::empty("") };
        self.write(number, &record);
    }

    /// A record that is malformed.
    pub(super) fn reject(&mut self, number: u64, reason: &'static str) {
        let record = Record { kind: "reject", detail: reason, ..Record::empty("") };
        self.write(number, &record);
    }

    fn write(&mut self, number: u64, record: &Record<'_>) {
        self.text.clear();
        // Writing plain text to memory does not fail.
        if serde_json::to_writer(&mut self.text, record).is_ok() {
            (self.each)(number, &self.text);
        }
    }
}

impl Record<'_> {
    fn empty(product: &'static str) -> Record<'static> {
        Record {
            kind: "",
            agent: "",
            action: "",
            scopes: "",
            outcome: "",
            via: "",
            behalf: "",
            class: "",
            detail: "",
            session: "",
            product,
            network: "",
            time: None,
            id: "",
            rank: 0,
        }
    }
}

/// A tool that an agent was offered, as a log shows it.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    /// Line or record.
    pub(super) number: u64,
    /// Product.
    pub(super) product: &'static str,
    /// Name of the agent.
    pub(super) agent: String,
    /// The tool.
    pub(super) tool: Tool,
    /// What offered it: `tools/list`.
    pub(super) by: &'static str,
    /// Its definition as JSON, empty if only its name is known.
    pub(super) definition: String,
    /// When.
    pub(super) time: Option<Time>,
}

/// The event's id: of the product, the call's id, and the session unless the id is unique by itself; with the
/// method, because each action that a call used is an event of its own. Empty without a call id: then each record
/// counts.
fn event_id(call: &Call, method: Option<&str>) -> String {
    if call.id.is_empty() {
        return String::new();
    }
    let session = if call.id.len() >= UNIQUE_ID_BYTES { "" } else { &call.session };
    let mut hash = Sha256::new();
    for part in [call.product, &call.id, session, method.unwrap_or_default()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut out = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A text of the log without control characters, cut at a character.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for character in text.chars() {
        if out.len() + character.len_utf8() > most {
            break;
        }
        out.push(if character.is_control() { ' ' } else { character });
    }
    out
}
