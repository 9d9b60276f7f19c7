//! Gemini CLI's policies.
//!
//! The rule with the highest priority holds: tier + priority/1000, tiers default 1, extension 2, workspace 3 (read, and
//! currently ignored by the vendor), user 4, admin 5. A question that nobody can answer is a refusal
//! (google-gemini/gemini-cli `docs/reference/policy-engine.md`, `packages/core/src/policy/policies/*.toml` @5411f113).

use super::{Effect, Rule, Target};
use crate::evidence::tree::Node;
use crate::model::{Glob, Str};
use crate::platform::agent::names;

/// What one file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies {
    /// Rules over actions.
    pub rules: Vec<Rule>,
    /// Rules that grant nothing and take nothing away: what a headless run refuses because nobody can be asked.
    pub headless: usize,
    /// Rules without a known decision.
    pub broken: Vec<crate::model::Place>,
}

/// Whether a document is a file of policies.
pub fn is_policies(root: &Node) -> bool {
    let is_rule = |rule: &Node| rule.get("decision").is_some();
    root.get("rule").is_some_and(|rules| rules.list().iter().any(is_rule))
}

/// The tier of a file, by where it lies.
fn tier(path: &str) -> i64 {
    let path = format!("/{path}");
    if path.contains("/etc/gemini-cli/") {
        5
    } else if path.contains("/.gemini/policies/") {
        4
    } else if path.contains("/extensions/") {
        2
    } else {
        1
    }
}

/// Reads the policies of a file.
pub fn read(root: &Node, file: u32, path: &str) -> Policies {
    let mut out = Policies::default();
    let tier = tier(path);
    for (at, node) in root.get("rule").map_or(&[][..], Node::list).iter().enumerate() {
        let effect = match node.text_of("decision") {
            Some("allow") => Effect::Allow,
            Some("ask_user") => Effect::Ask,
            Some("deny") => Effect::Deny,
            _ => {
                out.broken.push(node.place(file));
                continue;
            }
        };
        let is_headless = node.get("interactive").is_some_and(|on| on.scalar() == Some("false"));
        if is_headless && effect == Effect::Deny {
            out.headless += 1;
            continue;
        }
        let priority = node.get("priority").and_then(Node::scalar);
        let priority: i64 = priority.and_then(|text| text.parse().ok()).unwrap_or(0);
        for target in targets(node) {
            out.rules.push(Rule {
                effect,
                priority: tier * 1_000 + priority.clamp(0, 999),
                target,
                condition: condition(node, is_headless),
                text: text(node).into(),
                policy: path.into(),
                number: u32::try_from(at).unwrap_or(u32::MAX),
                place: node.place(file),
            });
        }
    }
    out
}

fn text(node: &Node) -> String {
    let names = node.get("toolName").map(Node::texts).unwrap_or_default();
    let name = node.text_of("name").unwrap_or_default();
    let shown = if name.is_empty() { names.join(", ") } else { name.to_string() };
    let server = node.text_of("mcpName").map(|server| format!("{server}/")).unwrap_or_default();
    super::shown(&format!("{server}{shown}"))
}

/// What else must hold.
fn condition(node: &Node, is_headless: bool) -> Option<Str> {
    let mut all: Vec<String> = Vec::new();
    if let Some(modes) = node.get("modes").map(Node::texts)
        && !modes.contains(&"default")
        && !modes.is_empty()
    {
        all.push(format!("in mode {}", modes.join(" or ")));
    }
    if is_headless {
        all.push("in runs without a person".to_string());
    }
    if node.get("toolAnnotations").is_some() {
        all.push("where the server's hints are as the rule says".to_string());
    }
    if let Some(agent) = node.text_of("subagent") {
        all.push(format!("for the sub-agent {agent}"));
    }
    (!all.is_empty()).then(|| all.join(", ").into())
}

fn targets(node: &Node) -> Vec<Target> {
    let server = node.text_of("mcpName");
    let mut tools = node.get("toolName").map(Node::texts).unwrap_or_default();
    if tools.is_empty() {
        tools.push("*");
    }
    let action = |tool: &str| match server {
        Some(server) => names::mcp(server, tool, None),
        None if tool == "*" => "*".to_string(),
        None => names::of_gemini_call(tool, &[]),
    };
    let globs: Vec<Glob> = tools.iter().map(|tool| Glob::new(&action(tool))).collect();
    if let Some(prefixes) = node.get("commandPrefix").map(Node::texts) {
        let both = |prefix: &&str| [Glob::new(prefix), Glob::new(&format!("{prefix} *"))];
        return vec![Target::Commands(prefixes.iter().flat_map(both).collect())];
    }
    for key in ["argsPattern", "commandRegex"] {
        if let Some(pattern) = node.text_of(key) {
            let text = format!("the arguments match {}", super::shown(pattern));
            return vec![Target::Arguments { tools: globs, text: text.into() }];
        }
    }
    vec![Target::Actions(globs)]
}

/// The built-in tools with what the vendor's own policies decide of them (`read-only.toml`, `write.toml`,
/// `agents.toml`).
pub const TOOLS: &[(&str, Effect)] = &[
    ("activate_skill", Effect::Ask),
    ("glob", Effect::Allow),
    ("google_web_search", Effect::Allow),
    ("grep_search", Effect::Allow),
    ("invoke_agent", Effect::Allow),
    ("list_directory", Effect::Allow),
    ("read_file", Effect::Allow),
    ("replace", Effect::Ask),
    ("run_shell_command", Effect::Ask),
    ("web_fetch", Effect::Ask),
    ("write_file", Effect::Ask),
];

/// What decides of a tool that no rule of the evidence matches.
pub fn unmatched(action: &str) -> Effect {
    let tool = action.strip_prefix("agent:").map(names::tool_of);
    let known = TOOLS.iter().find(|(name, _)| Some(*name) == tool);
    known.map_or(Effect::Ask, |(_, effect)| *effect)
}
