//! What a file about agents is, by its content; names are hints where the content is common to many programs.

use super::{gateway, kinds, product, usage};
use crate::platform::{Detected, Kind, Sample};

/// What the file is; `None` if it is nothing about agents.
pub(super) fn detect(sample: &Sample<'_>) -> Option<Detected> {
    let own = document(sample);
    let log = usage::detect(sample);
    match (own, log) {
        (Some(own), Some(log)) if log.certainty > own.certainty => Some(log),
        (Some(own), _) => Some(own),
        (None, log) => log,
    }
}

fn found(kind: &'static Kind, certainty: u8) -> Option<Detected> {
    Some(Detected { kind, certainty })
}

fn document(sample: &Sample<'_>) -> Option<Detected> {
    let text = String::from_utf8_lossy(sample.head);
    let start = text.trim_start();
    if sample.path.ends_with(".toml") {
        return toml(start);
    }
    match start.as_bytes().first()? {
        b'{' | b'[' | b'/' => json(start, sample),
        _ => yaml(start),
    }
}

/// Whether a key stands in the text.
fn has(text: &str, key: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), format!("\"{key}\"").as_bytes()).is_some()
}

fn json(text: &str, sample: &Sample<'_>) -> Option<Detected> {
    let schema = ["inputSchema", "input_schema"].iter().any(|key| has(text, key));
    if has(text, "permissions")
        && ["allow", "ask", "deny", "defaultMode"].iter().any(|key| has(text, key))
        && !has(text, "Statement")
        && text.starts_with(['{', '/'])
        && (is_settings_path(sample.path) || has_rule(text))
    {
        return found(&kinds::SETTINGS, 90);
    }
    if has(text, "mcpServers") || has(text, "mcp_servers") || has(text, "context_servers") {
        return found(&kinds::CLIENT, 90);
    }
    // One answer to `tools/list`; a log of messages has several lines with `jsonrpc`.
    if has(text, "name") && schema && !has(text, "resourceSpans") && is_one_value(text, sample) {
        return found(&kinds::TOOLS, 90);
    }
    if is_function_list(text) {
        return found(&kinds::TOOLS, 75);
    }
    let is_catalogue =
        text.starts_with('[') && has(text, "name") && has(text, "arguments") && has(text, "desc");
    if is_catalogue && has(text, "description") {
        return found(&kinds::TOOLS, 70);
    }
    let is_named = sample.path.ends_with("tools.json") || sample.path.ends_with(".snap");
    if is_named && (text.trim() == "[]" || (has(text, "name") && has(text, "description"))) {
        return found(&kinds::TOOLS, 60);
    }
    let has_address = ["command", "url", "httpUrl"].iter().any(|key| has(text, key));
    if has_address && (has(text, "servers") || is_client_path(sample.path)) && has_servers(text) {
        return found(&kinds::CLIENT, 70);
    }
    // Settings of an editor that name no server are no error.
    let is_editor =
        product::of_path(sample.path) == Some("vscode") || has(text, "chat.mcp.serverSampling");
    if is_editor && text.starts_with('{') && text.contains("\"chat.") {
        return found(&kinds::CLIENT, 50);
    }
    None
}

fn is_settings_path(path: &str) -> bool {
    let path = format!("/{path}");
    path.contains("/.claude/")
        || path.contains("managed-settings")
        || path.ends_with("settings.json")
        || path.ends_with("settings.local.json")
}

/// Whether a rule of a permission list stands in the text: `"Bash(…)"`, `"mcp__…"`.
fn has_rule(text: &str) -> bool {
    ["\"Bash", "\"Read(", "\"Edit(", "\"WebFetch", "\"mcp__", "\"WebSearch\"", "\"Skill("]
        .iter()
        .any(|part| text.contains(part))
}

fn is_client_path(path: &str) -> bool {
    product::of_path(path).is_some() || path.ends_with("mcp.json")
}

fn has_servers(text: &str) -> bool {
    let Ok(root) = super::jsonc::json(text) else { return true };
    !super::clients::read(&root, 0).servers.is_empty()
}

fn is_one_value(text: &str, sample: &Sample<'_>) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let is_line = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
    // A first line that is a value with more behind it: JSON Lines.
    !(is_line && lines.next().is_some()) || (sample.path.ends_with("tools.json") && sample.is_whole)
}

/// The OpenAI form: `[{"type": "function", "function": {"name", "parameters"}}]`.
fn is_function_list(text: &str) -> bool {
    let start: String = text.chars().take(400).filter(|one| !one.is_whitespace()).collect();
    let begins =
        ["[{\"type\":\"function\"", "{\"tools\":[{\"type\":\"function\"", "[{\"function\":{"];
    begins.iter().any(|begin| start.starts_with(begin)) && has(text, "parameters")
}

fn toml(text: &str) -> Option<Detected> {
    let has_line = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
    if has_line("[[rule]]") && has_line("decision") {
        return found(&kinds::SETTINGS, 90);
    }
    has_line("[mcp_servers").then_some(Detected { kind: &kinds::CLIENT, certainty: 90 })
}

fn yaml(text: &str) -> Option<Detected> {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    if lines.any(|line| line.starts_with("authgap-agent:")) {
        return found(&kinds::MANIFEST, 95);
    }
    gateway::is_gateway(text).then_some(Detected { kind: &kinds::GATEWAY, certainty: 90 })
}
