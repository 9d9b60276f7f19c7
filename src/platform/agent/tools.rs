//! Lists of tools, in every shape that clients, servers and catalogues write them.
//!
//! Owns what a list says; what a tool may do is `access`'s judgement, who has it `estate`'s. What a server says of its
//! tools is a hint (MCP `schema/2026-07-28/schema.ts`, `ToolAnnotations`): kept apart from any judgement.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::names;
use super::resources::{DISPATCH, is_word};
use crate::evidence::tree::{self, Node, TreeError, Value};
use crate::model::{Place, Str};

/// What a server says of a tool; `None` where it says nothing. The protocol's defaults are pessimistic: not read-only,
/// destructive, not idempotent, open world (MCP `schema/2026-07-28/schema.ts`, `ToolAnnotations`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
    /// `openWorldHint`.
    pub open_world: Option<bool>,
}

impl Hints {
    /// Whether it is destructive after defaults: written out, or silent and not read-only.
    pub fn is_destructive(self) -> bool {
        self.read_only != Some(true) && self.destructive != Some(false)
    }
}

/// One tool of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name, unique for its server only.
    pub name: Str,
    /// Annotations.
    pub hints: Hints,
    /// Names of its parameters, sorted.
    pub parameters: BTreeSet<Str>,
    /// Names of its required parameters.
    pub required: BTreeSet<Str>,
    /// The parameter that chooses among several actions, and its values, sorted.
    pub dispatch: Option<(Str, Vec<Str>)>,
    /// Whether its description speaks of changing something by a query.
    pub writes_by_query: bool,
    /// Which form it is written in: digests of different forms say nothing of each other.
    pub form: &'static str,
    /// Digest of name, description and schema: a tool that changes is told from one that does not.
    pub digest: [u8; 32],
    /// Where it is described.
    pub place: Place,
}

/// Whose tools a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Those of an MCP server.
    Server,
    /// Those that an agent itself gives its model (OpenAI and Anthropic forms).
    Agent,
}

/// A list.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Whose tools these are.
    pub owner: Owner,
    /// The tools, in file order.
    pub tools: Vec<Tool>,
    /// Whether it ends with a cursor: more pages exist that it does not hold (MCP `server/utilities/pagination`).
    pub is_cut: bool,
    /// Entries that are no tools: where.
    pub broken: Vec<Place>,
}

impl List {
    /// Whether the list names tools at all. An empty one means *not enumerated*, never "no tools" (docker/mcp-registry
    /// `servers/*/tools.json` @818bf169 has it for remote servers).
    pub fn is_enumerated(&self) -> bool {
        !self.tools.is_empty()
    }
}

/// Tools of a list that are read.
const MAX_TOOLS: usize = 20_000;

/// Longer names are no names (MCP recommends up to 128 characters).
const MAX_NAME: usize = 256;

/// Reads the lists of a text: a `tools/list` response, `{"tools": […]}`, a bare array, one tool, the OpenAI and Anthropic
/// forms, Docker's catalogue form.
///
/// # Errors
/// The place at which it is not readable.
pub fn read(text: &str, file: u32, owner: Option<Owner>) -> Result<Vec<List>, TreeError> {
    let mut out = Vec::new();
    for document in tree::documents(text) {
        out.extend(list(&document?, file, owner));
    }
    Ok(out)
}

/// The list that a value is, if it is one.
pub fn list(node: &Node, file: u32, owner: Option<Owner>) -> Option<List> {
    let holder = node.get("result").or_else(|| node.get("toolset")).unwrap_or(node);
    let (items, is_cut) = match holder.get("tools") {
        Some(tools) => (tools.list(), holder.get("nextCursor").is_some_and(|at| !at.is_null())),
        None if is_tool(node) => (std::slice::from_ref(node), false),
        None if matches!(node.value, Value::List(_)) => (node.list(), false),
        None => return None,
    };
    let is_own = |item: &Node| item.get("function").is_some() || item.get("input_schema").is_some();
    let found = if items.iter().any(is_own) { Owner::Agent } else { Owner::Server };
    let mut out =
        List { owner: owner.unwrap_or(found), tools: Vec::new(), is_cut, broken: Vec::new() };
    for item in items.iter().take(MAX_TOOLS) {
        match tool(item, file) {
            Some(tool) => out.tools.push(tool),
            None => out.broken.push(item.place(file)),
        }
    }
    out.is_cut |= items.len() > MAX_TOOLS;
    Some(out)
}

fn is_tool(node: &Node) -> bool {
    let inner = node.get("function").unwrap_or(node);
    inner.text_of("name").is_some()
        && ["inputSchema", "input_schema", "parameters", "annotations", "arguments"]
            .iter()
            .any(|key| inner.get(key).is_some())
}

/// One tool, if the value is one.
fn tool(node: &Node, file: u32) -> Option<Tool> {
    let inner = node.get("function").unwrap_or(node);
    let name = inner.text_of("name").or_else(|| node.text())?.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.contains(['\n', '\r', '\0', '*', '#']) {
        return None;
    }
    let annotations = inner.get("annotations");
    let hint = |key: &str| match annotations.and_then(|all| all.get(key)).map(|hint| &hint.value) {
        Some(Value::Bool(value)) => Some(*value),
        _ => None,
    };
    const FORMS: [&str; 3] = ["inputSchema", "input_schema", "parameters"];
    let form = FORMS.iter().find(|key| inner.get(key).is_some());
    let schema = form.and_then(|key| inner.get(key));
    let mut parameters: Vec<(Str, Option<&Node>)> = Vec::new();
    for (key, value) in
        schema.and_then(|schema| schema.get("properties")).map_or(&[][..], Node::map)
    {
        parameters.extend(key.text().map(|key| (Str::from(key), Some(value))));
    }
    for argument in inner.get("arguments").map_or(&[][..], Node::list) {
        parameters.extend(argument.text_of("name").map(|name| (Str::from(name), Some(argument))));
    }
    let required = schema.and_then(|schema| schema.get("required")).map(Node::texts);
    let description = inner.text_of("description").unwrap_or_default();
    Some(Tool {
        name: name.into(),
        hints: Hints {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        },
        dispatch: dispatch(&parameters),
        required: required.unwrap_or_default().into_iter().map(Str::from).collect(),
        parameters: parameters.into_iter().map(|(name, _)| name).collect(),
        writes_by_query: writes_by_query(description),
        form: form.copied().unwrap_or("arguments"),
        digest: digest(name, description, schema.or_else(|| inner.get("arguments"))),
        place: node.place(file),
    })
}

/// The enum parameter that chooses among several actions of the tool.
fn dispatch(parameters: &[(Str, Option<&Node>)]) -> Option<(Str, Vec<Str>)> {
    DISPATCH.iter().find_map(|wanted| {
        let (name, schema) = parameters.iter().find(|(name, _)| **name == **wanted)?;
        let values = schema.as_ref()?.get("enum")?;
        let mut values: Vec<Str> =
            values.texts().into_iter().filter(|word| is_word(word)).map(Str::from).collect();
        values.sort_unstable();
        values.dedup();
        (!values.is_empty()).then(|| (name.clone(), values))
    })
}

fn writes_by_query(description: &str) -> bool {
    let words = names::words(description.get(..description.len().min(2_000)).unwrap_or_default());
    words.iter().any(|word| matches!(word.as_str(), "insert" | "update" | "delete" | "drop"))
}

/// Of name, description and schema, with sorted keys and without places.
fn digest(name: &str, description: &str, schema: Option<&Node>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let schema = schema.map(|schema| schema.to_json().to_string()).unwrap_or_default();
    for part in [name, description, &schema] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The name of the server that a list is of, by its path: the file's name without what says that it is a list, or the
/// folder of a file that has no name of its own (`servers/neo4j/tools.json`, `github-mcp-server/toolsnaps/x.snap`).
pub fn server_of_path(path: &str) -> Str {
    const GENERIC: [&str; 7] =
        ["tools", "tools-list", "toolsnaps", "__toolsnaps__", "list", "mcp", "tool-list"];
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let file = parts.pop().unwrap_or_default();
    let is_snap = file.ends_with(".snap");
    let stem = file.split('.').next().unwrap_or(file);
    let stem = file
        .strip_suffix(".tools-list.json")
        .or_else(|| file.strip_suffix(".tools.json"))
        .unwrap_or(stem);
    if !is_snap && !stem.is_empty() && !GENERIC.contains(&stem) {
        return clean(stem);
    }
    let folder = parts.iter().rev().find(|part| !GENERIC.contains(part) && !part.starts_with('.'));
    folder.map_or_else(|| "server".into(), |folder| clean(folder))
}

fn clean(name: &str) -> Str {
    let name: String =
        name.chars().filter(|one| !one.is_control() && !"*?#/".contains(*one)).take(128).collect();
    name.into()
}

/// What two names of one server have in common: `server-filesystem`, `mcp_filesystem` and `filesystem` are one.
pub fn core_name(name: &str) -> String {
    let words = names::words(name);
    let rest: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !matches!(*word, "mcp" | "server" | "remote" | "modelcontextprotocol"))
        .filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    if rest.is_empty() { words.join("-") } else { rest.join("-") }
}
