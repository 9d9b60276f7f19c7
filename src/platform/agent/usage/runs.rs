//! Runs without times: OpenAI chat messages, SWE-agent trajectories, AgentDojo runs.
//!
//! Their uses have no first and last. Each call counts: call ids repeat in these files (SWE-agent replays), so nothing
//! is taken for a copy. Answers are found by id, and by order where ids do not match (SWE-agent appends to them).

use std::collections::BTreeMap;

use serde_json::Value;

use super::call::{Touched, clean};
use super::outcome;
use super::tool::{self, Tool};
use crate::model::{Outcome, Place, ScopeSet, Settings, UsageRow};
use crate::platform::agent::{self, names};
use crate::platform::{Document, Intake};

/// Calls of a run that wait for their answers at once. More have lost them.
const WAITING: usize = 256;

/// Reads a document of runs: one JSON value, or one a line.
pub fn runs(document: &Document<'_>, intake: &mut Intake, settings: &Settings) -> Vec<UsageRow> {
    let mut work = Work { document, settings, rows: BTreeMap::new() };
    if let Ok(whole) = serde_json::from_slice::<Value>(document.bytes) {
        let list = match &whole {
            // A list of messages is one run.
            Value::Array(list) if !list.iter().any(|item| item.get("role").is_some()) => {
                list.as_slice()
            }
            one => std::slice::from_ref(one),
        };
        for (number, run) in (1..).zip(list) {
            work.run(Place::record(document.file, number), run, intake);
        }
        return work.rows.into_values().collect();
    }
    let lines: Vec<&[u8]> = document.bytes.split(|byte| *byte == b'\n').collect();
    let last = lines.iter().rposition(|line| !line.trim_ascii().is_empty());
    for (at, line) in lines.iter().enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let place = Place::line(document.file, number, 1);
        match serde_json::from_slice::<Value>(line) {
            Ok(run) => work.run(place, &run, intake),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) if Some(at) == last && at > 0 => intake.note("the last line is cut off"),
            Err(_) => intake.reject(place, "not JSON"),
        }
    }
    work.rows.into_values().collect()
}

/// The messages of a run, under whichever key.
pub(super) fn messages(run: &Value) -> Option<&Vec<Value>> {
    match run {
        Value::Array(list) => Some(list),
        _ => ["traj", "messages", "history"].iter().find_map(|key| run.get(*key)?.as_array()),
    }
}

type Key = (String, String, ScopeSet, Outcome);

struct Work<'d> {
    document: &'d Document<'d>,
    settings: &'d Settings,
    rows: BTreeMap<Key, UsageRow>,
}

struct Waiting {
    id: String,
    tool: Tool,
    touched: Touched,
}

impl Work<'_> {
    fn run(&mut self, place: Place, run: &Value, intake: &mut Intake) {
        let Some(messages) = messages(run) else {
            intake.reject(place, "no run: neither traj, messages nor history");
            return;
        };
        intake.used(1);
        let agent = self.agent(run);
        let mut waiting: Vec<Waiting> = Vec::new();
        for message in messages {
            match message.get("role").and_then(Value::as_str) {
                Some("assistant") => {
                    let calls = message.get("tool_calls").and_then(Value::as_array);
                    for call in calls.into_iter().flatten() {
                        let Some(call) = self.call(call) else { continue };
                        waiting.push(call);
                        if waiting.len() > WAITING {
                            let oldest = waiting.remove(0);
                            self.add(place, &agent, &oldest, Outcome::Undetermined);
                        }
                    }
                }
                Some("tool") => {
                    let Some(at) = answered(&waiting, message) else { continue };
                    let call = waiting.remove(at);
                    let outcome = outcome_of(message);
                    self.add(place, &agent, &call, outcome);
                }
                _ => {}
            }
        }
        for call in waiting {
            self.add(place, &agent, &call, Outcome::Undetermined);
        }
    }

    /// The configuration's name, else the product and what it worked on: the suite, or the file's folder.
    fn agent(&self, run: &Value) -> String {
        let folder = self.document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let has = |key: &str| run.get(key).is_some();
        let (product, project) = match run.get("suite_name").and_then(Value::as_str) {
            Some(suite) => ("agentdojo", suite),
            None if has("history") => ("swe-agent", folder),
            None => ("openai-chat", folder),
        };
        clean(&tool::agent(self.document.context, None, product, project, self.settings), 256)
    }

    fn call(&self, call: &Value) -> Option<Waiting> {
        let function = call.get("function")?;
        let (name, arguments) = match function {
            Value::String(name) => (name.as_str(), call.get("args").cloned()),
            function => {
                let arguments = match function.get("arguments") {
                    Some(Value::String(text)) => serde_json::from_str(text).ok(),
                    other => other.cloned(),
                };
                (function.get("name")?.as_str()?, arguments)
            }
        };
        if name.is_empty() {
            return None;
        }
        let tool = tool::prefixed(name, self.settings);
        let touched = Touched::of(&tool, &arguments.unwrap_or(Value::Null), self.settings);
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default().to_string();
        Some(Waiting { id, tool, touched })
    }

    fn add(&mut self, place: Place, agent: &str, call: &Waiting, outcome: Outcome) {
        let mut methods: Vec<Option<&str>> =
            call.touched.methods.iter().map(|m| Some(m.as_str())).collect();
        if methods.is_empty() {
            methods.push(None);
        }
        let mut scopes: Vec<ScopeSet> =
            call.touched.scopes.iter().map(|scope| ScopeSet::One(scope.as_str().into())).collect();
        if scopes.is_empty() {
            scopes.push(ScopeSet::Unknown);
        }
        for method in methods {
            let action = clean(&call.tool.action(method), 256);
            for (number, scope) in scopes.iter().enumerate() {
                let key = (agent.to_string(), action.clone(), scope.clone(), outcome);
                let row = self
                    .rows
                    .entry(key)
                    .or_insert_with(|| undated(agent, &action, scope, outcome, place));
                if number == 0 {
                    row.count += 1;
                } else {
                    row.also += 1;
                }
            }
        }
    }
}

fn undated(
    agent: &str,
    action: &str,
    scope: &ScopeSet,
    outcome: Outcome,
    place: Place,
) -> UsageRow {
    UsageRow {
        scope: scope.clone(),
        first_place: Some(place),
        last_place: Some(place),
        ..UsageRow::new(agent::ID.into(), names::identity(agent), action.into(), outcome)
    }
}

/// The call that an answer is to: by id, else the one that has waited longest.
fn answered(waiting: &[Waiting], message: &Value) -> Option<usize> {
    let ids = message.get("tool_call_ids").and_then(Value::as_array);
    let id = message
        .get("tool_call_id")
        .or_else(|| ids.and_then(|ids| ids.first()))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let by_id = waiting.iter().position(|call| !id.is_empty() && call.id == id);
    by_id.or_else(|| (!waiting.is_empty()).then_some(0))
}

fn outcome_of(message: &Value) -> Outcome {
    // AgentDojo keeps an error apart from the content.
    if let Some(error) = message.get("error").and_then(Value::as_str) {
        return outcome::of_result(true, error);
    }
    let content = match message.get("content") {
        Some(Value::String(text)) => text.as_str(),
        Some(Value::Array(blocks)) => blocks
            .iter()
            .find_map(|block| block.get("text").or(block.get("content"))?.as_str())
            .unwrap_or_default(),
        _ => "",
    };
    outcome::of_result(false, content)
}
