//! Whether a tool reads, writes, destroys or runs code, and on what that judgement rests.
//!
//! Owns the order of the rules (the owner's word, the server's hint, the name, the schema, the protocol's default) and
//! the words of names. A hint is never proof: of a server that is not trusted a read-only hint counts only where the
//! name agrees. Sources: MCP `schema/2026-07-28/schema.ts` (`ToolAnnotations` and their defaults); the words were
//! judged on 311 tools of 15 servers.

use super::names;
use super::tools::Tool;
use crate::catalogue::risk::Risk;
use crate::model::{AccessLevel, Settings};

/// What a judgement rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The owner says so in `tools:`.
    Policy,
    /// Its server says so, and is trusted or agrees with the name.
    Declared,
    /// Its name.
    Name,
    /// Its parameters.
    Schema,
    /// Nothing: the protocol's default, which may destroy.
    Default,
}

impl Basis {
    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Policy => "policy",
            Basis::Declared => "declared",
            Basis::Name => "name",
            Basis::Schema => "schema",
            Basis::Default => "default",
        }
    }
}

/// A judgement of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The access level: destructive tools are `delete`.
    pub level: AccessLevel,
    /// What it rests on.
    pub basis: Basis,
    /// Why the server's hint is not taken for proof, where it says read-only and nothing else does.
    pub unproven: Option<String>,
}

/// Judges a tool, or one action of it.
pub fn judge(
    action: &str,
    tool: &Tool,
    method: Option<&str>,
    prefix: Option<&str>,
    settings: &Settings,
) -> Judgement {
    let rules = || settings.tools.iter().filter(|rule| rule.matches.matches(action));
    if let Some(level) = rules().find_map(|rule| rule.access) {
        return Judgement { level, basis: Basis::Policy, unproven: None };
    }
    let is_trusted = rules().any(|rule| rule.trusted);
    let by_name = by_name(tool, method, prefix);
    let declared = |level| Judgement { level, basis: Basis::Declared, unproven: None };
    if tool.hints.read_only == Some(true) {
        let read =
            if by_name == Some(AccessLevel::List) { AccessLevel::List } else { AccessLevel::Read };
        return match by_name {
            _ if is_trusted => declared(read),
            Some(level) if level.is_read() => declared(read),
            Some(level) => unproven(level, tool, &format!("its name says {}", level.as_str())),
            None => match by_schema(tool) {
                Some(level) if level.changes() => {
                    unproven(level, tool, "its parameters can change something")
                }
                Some(_) => declared(read),
                None => unproven(AccessLevel::Write, tool, "neither name nor parameters say so"),
            },
        };
    }
    // What runs code is worse than what the word "destructive" says.
    let runs = |level: &Option<AccessLevel>| *level == Some(AccessLevel::Execute);
    if tool.hints.destructive == Some(true) && method.is_none() {
        let level = if runs(&by_name) { AccessLevel::Execute } else { AccessLevel::Delete };
        return declared(level);
    }
    if let Some(level) = by_name {
        // The server says itself that it is not read-only.
        let says_otherwise =
            tool.hints.read_only == Some(false) && level.is_read() && method.is_none();
        let by_schema = by_schema(tool).filter(|worse| level.is_read() && worse.changes());
        return match by_schema {
            _ if says_otherwise => declared(AccessLevel::Write),
            Some(worse) => Judgement { level: worse, basis: Basis::Schema, unproven: None },
            None => Judgement { level, basis: Basis::Name, unproven: None },
        };
    }
    if tool.hints.read_only == Some(false) && tool.hints.destructive == Some(false) {
        return declared(AccessLevel::Write);
    }
    if let Some(level) = by_schema(tool) {
        let level = if tool.hints.read_only == Some(false) && level.is_read() {
            AccessLevel::Write
        } else {
            level
        };
        return Judgement { level, basis: Basis::Schema, unproven: None };
    }
    Judgement { level: AccessLevel::Delete, basis: Basis::Default, unproven: None }
}

fn unproven(level: AccessLevel, tool: &Tool, why: &str) -> Judgement {
    let text = format!(
        "its server says that {} only reads, which is unproven: {why}; it counts as {}",
        tool.name,
        level.as_str()
    );
    Judgement { level, basis: Basis::Default, unproven: Some(text) }
}

/// By the method that is chosen, else by the tool's name.
fn by_name(tool: &Tool, method: Option<&str>, prefix: Option<&str>) -> Option<AccessLevel> {
    let of_method = method.and_then(|method| level_of_words(&names::words(method)));
    of_method.or_else(|| {
        // Of several actions that cannot be told apart the worst counts.
        let methods = tool.dispatch.iter().flat_map(|(_, methods)| methods);
        let worst = methods
            .filter_map(|one| level_of_words(&names::words(one)))
            .max_by_key(|one| rank(*one));
        let own = level_of_name(&tool.name, prefix);
        [worst.filter(|_| method.is_none()), own].into_iter().flatten().max_by_key(|one| rank(*one))
    })
}

/// Order of levels by what they can do.
pub(super) fn rank(level: AccessLevel) -> u8 {
    match level {
        AccessLevel::List => 0,
        AccessLevel::Read => 1,
        AccessLevel::Unknown | AccessLevel::Tagging => 2,
        AccessLevel::Write => 3,
        AccessLevel::PermissionsManagement => 4,
        AccessLevel::Delete => 5,
        AccessLevel::Execute => 6,
    }
}

/// By its parameters.
fn by_schema(tool: &Tool) -> Option<AccessLevel> {
    let has = |names: &[&str]| names.iter().any(|name| tool.parameters.contains(*name));
    if has(&["sql", "command", "code", "script", "function"])
        || (has(&["query"]) && tool.writes_by_query)
    {
        return Some(AccessLevel::Execute);
    }
    if has(&["force", "confirm", "confirmed", "recursive", "in_trash", "archived", "overwrite"]) {
        return Some(AccessLevel::Delete);
    }
    const FILTERS: [&str; 12] = [
        "page",
        "limit",
        "cursor",
        "perPage",
        "per_page",
        "page_size",
        "start_cursor",
        "after",
        "offset",
        "sort",
        "order",
        "query",
    ];
    let filters = tool.parameters.iter().filter(|name| FILTERS.contains(&&***name)).count();
    (filters > 0 && tool.required.iter().all(|name| FILTERS.contains(&&**name)))
        .then_some(AccessLevel::Read)
}

const LIST: &[&str] = &["list", "search", "find", "browse", "ls", "query", "lookup", "count"];

const READ: &[&str] = &[
    "get",
    "read",
    "describe",
    "show",
    "fetch",
    "retrieve",
    "view",
    "check",
    "explain",
    "preview",
    "status",
    "validate",
    "compare",
    "diff",
    "log",
    "logs",
    "history",
    "cat",
    "stat",
    "glob",
    "grep",
    "head",
    "tail",
    "snapshot",
    "simulate",
    "ping",
    "echo",
    "download",
    "tree",
    "wait",
    "think",
    "calculate",
    "convert",
    "open",
];

const WRITE: &[&str] = &[
    "create",
    "add",
    "update",
    "set",
    "edit",
    "put",
    "post",
    "send",
    "append",
    "move",
    "rename",
    "copy",
    "upload",
    "upsert",
    "patch",
    "apply",
    "assign",
    "attach",
    "enable",
    "disable",
    "install",
    "scale",
    "start",
    "stop",
    "share",
    "invite",
    "publish",
    "submit",
    "request",
    "approve",
    "write",
    "mark",
    "resolve",
    "unresolve",
    "commit",
    "push",
    "insert",
    "save",
    "book",
    "schedule",
    "fork",
    "star",
    "unstar",
    "click",
    "type",
    "fill",
    "press",
    "drag",
    "drop_files",
    "navigate",
    "close",
    "select",
    "hover",
    "resize",
    "upgrade",
    "rollout",
    "checkout",
    "reply",
    "manage",
    "forward",
    "toggle",
    "gzip",
    "reprioritize",
    "rerun",
    "dispatch",
    "login",
    "switch",
    "use",
];

const DESTRUCTIVE: &[&str] = &[
    "delete",
    "remove",
    "destroy",
    "drop",
    "purge",
    "revoke",
    "reset",
    "wipe",
    "truncate",
    "terminate",
    "uninstall",
    "detach",
    "cancel",
    "dismiss",
    "archive",
    "merge",
    "overwrite",
    "replace",
    "force",
    "transfer",
    "pay",
    "refund",
    "rm",
    "cleanup",
    "evict",
    "drain",
    "kill",
    "unsubscribe",
    "deactivate",
];

const EXECUTE: &[&str] = &[
    "run", "exec", "execute", "eval", "evaluate", "invoke", "trigger", "shell", "sql", "script",
    "code", "command", "generic", "bash", "python",
];

fn level_of_word(word: &str) -> Option<AccessLevel> {
    let is_in = |list: &[&str]| list.contains(&word);
    if is_in(LIST) {
        Some(AccessLevel::List)
    } else if is_in(READ) {
        Some(AccessLevel::Read)
    } else if is_in(WRITE) {
        Some(AccessLevel::Write)
    } else if is_in(DESTRUCTIVE) {
        Some(AccessLevel::Delete)
    } else if is_in(EXECUTE) {
        Some(AccessLevel::Execute)
    } else {
        None
    }
}

/// By the words of a name: the first known verb; a last `read` or `write` behind a noun wins (`issue_write`), but never
/// in `mark_…_read`.
fn level_of_words(words: &[String]) -> Option<AccessLevel> {
    let verbs = || words.iter().filter_map(|word| level_of_word(word));
    let first = verbs().next()?;
    // `mark_all_notifications_read` changes; `pull_request_read` does not.
    let begins = words.first().and_then(|word| level_of_word(word));
    match words.last().map(String::as_str) {
        Some("write") if words.len() > 1 => Some(AccessLevel::Write),
        Some("read") if words.len() > 1 => {
            Some(begins.filter(|level| level.changes()).unwrap_or(AccessLevel::Read))
        }
        _ => Some(first),
    }
}

/// By a tool's name, without the words that all tools of its server begin with.
pub fn level_of_name(name: &str, prefix: Option<&str>) -> Option<AccessLevel> {
    let words = names::words(name);
    let rest = match words.split_first() {
        Some((first, rest)) if !rest.is_empty() && Some(first.as_str()) == prefix => rest,
        _ => &words,
    };
    level_of_words(rest)
}

/// The first word of more than 80 % of a server's tools: its prefix.
pub fn shared_prefix(tools: &[Tool]) -> Option<String> {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for tool in tools {
        if let Some(first) = names::words(&tool.name).into_iter().next() {
            *counts.entry(first).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (tools.len() >= 3 && most.1 * 5 > tools.len() * 4).then_some(most.0)
}

/// The level of an action that no list describes, by its name alone.
pub fn level_of_action(action: &str) -> AccessLevel {
    let (tool_action, method) = match action.split_once('#') {
        Some((tool, method)) => (tool, Some(method)),
        None => (action, None),
    };
    if tool_action.contains(['*', '?']) {
        return AccessLevel::Unknown;
    }
    if super::resources::is_shell(tool_action) {
        return method.map_or(AccessLevel::Execute, level_of_program);
    }
    let tool = tool_action.rsplit(['/', ':']).next().unwrap_or(tool_action);
    let by_method = method.and_then(|method| level_of_words(&names::words(method)));
    match by_method.or_else(|| level_of_own(tool_action)).or_else(|| level_of_name(tool, None)) {
        Some(level) => level,
        None => AccessLevel::Unknown,
    }
}

/// Tools that clients bring themselves and whose names are no verbs (Claude Code documentation, tools; gemini-cli
/// `docs/tools`).
fn level_of_own(action: &str) -> Option<AccessLevel> {
    match action.strip_prefix("agent:")? {
        // It starts an agent whose own calls are decided one by one.
        "Agent" | "Task" | "invoke_agent" => Some(AccessLevel::Write),
        "Skill" | "activate_skill" => Some(AccessLevel::Execute),
        "WebSearch" | "WebFetch" | "web_fetch" | "google_web_search" | "web_search" => {
            Some(AccessLevel::Read)
        }
        "TodoWrite" | "update_plan" | "MultiEdit" | "NotebookEdit" | "apply_patch" => {
            Some(AccessLevel::Write)
        }
        "AskUserQuestion" | "ExitPlanMode" | "ask_user" => Some(AccessLevel::Read),
        _ => None,
    }
}

/// Programs that only read (Claude Code documentation, "Configure permissions", the built-in read-only set).
const READERS: &[&str] = &[
    "ls", "cat", "echo", "pwd", "head", "tail", "grep", "find", "wc", "which", "diff", "stat",
    "du", "cd", "rg", "tree", "file", "sort", "uniq", "cut", "jq", "date", "whoami", "printf",
    "test", "true",
];

/// Subcommands of git that only read.
const GIT_READERS: &[&str] = &[
    "status",
    "log",
    "diff",
    "show",
    "blame",
    "rev-parse",
    "ls-files",
    "describe",
    "shortlog",
    "grep",
];

fn level_of_program(program: &str) -> AccessLevel {
    let (name, rest) = program.split_once(' ').unwrap_or((program, ""));
    if is_reader(program) {
        return AccessLevel::Read;
    }
    match name {
        "rm" | "rmdir" | "shred" | "dd" | "mkfs" | "truncate" | "unlink" => AccessLevel::Delete,
        "mkdir" | "touch" | "mv" | "cp" | "chmod" | "chown" | "ln" | "tee" | "sed" => {
            AccessLevel::Write
        }
        "git" if matches!(rest, "clean" | "reset" | "rm" | "restore") => AccessLevel::Delete,
        "git" => AccessLevel::Write,
        "sudo" => AccessLevel::Execute,
        _ if matches!(rest, "run" | "exec" | "test" | "build") => AccessLevel::Execute,
        _ => level_of_words(&names::words(rest)).unwrap_or(AccessLevel::Execute),
    }
}

/// Whether a program only reads: such commands run without a question in every mode.
pub fn is_reader(program: &str) -> bool {
    match program.split_once(' ') {
        Some(("git", sub)) => GIT_READERS.contains(&sub),
        Some(_) => false,
        None => READERS.contains(&program),
    }
}

/// What an action can lead to, by its words: secrets, identities, a way out.
pub fn risks(action: &str, level: AccessLevel) -> Vec<Risk> {
    let tool = action.split_once(':').map_or(action, |(_, rest)| rest);
    let words = names::words(tool);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let mut out = Vec::new();
    if has(&[
        "secret",
        "secrets",
        "token",
        "tokens",
        "password",
        "credential",
        "credentials",
        "env",
        "printenv",
    ]) || words.windows(2).any(|pair| pair[0] == "access" && pair[1].starts_with("key"))
    {
        out.push(Risk::CredentialExposure);
    }
    let is_identity = has(&[
        "iam",
        "user",
        "users",
        "role",
        "roles",
        "group",
        "policy",
        "policies",
        "permission",
        "permissions",
        "member",
        "members",
        "invite",
        "grant",
    ]);
    if level == AccessLevel::Execute || (is_identity && level.changes()) {
        out.push(Risk::PrivilegeEscalation);
    }
    if has(&[
        "send", "email", "webhook", "publish", "share", "upload", "post", "forward", "navigate",
        "curl", "wget",
    ]) || matches!(tool, "WebFetch" | "web_fetch")
        || tool.ends_with("/fetch")
    {
        out.push(Risk::ResourceExposure);
    }
    if level.is_read() {
        out.push(Risk::DataAccess);
    }
    out
}

#[cfg(test)]
pub(super) mod tests;
