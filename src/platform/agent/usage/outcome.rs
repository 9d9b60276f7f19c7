//! Whether a call was allowed, told by its answer.
//!
//! Texts of answers are the server's, and so the attacker's: only their beginning is looked at, and nothing of
//! them is kept. A text that could mean either is *undetermined*, which proves nothing.

use crate::model::Outcome;

/// Bytes of an answer that are looked at.
pub(super) const LOOK: usize = 1_000;

/// Words of a server that refuses (MCP has no code for it; texts of server-filesystem 2026.8.31, mcp-server-git
/// 2026.10.19, GitHub's and others' API errors).
const REFUSALS: &[&str] = &[
    "access denied",
    "not allowed",
    "outside the allowed",
    "permission denied",
    "forbidden",
    "insufficient scope",
    "insufficient_scope",
    "not authorized",
];

/// Words of checks that come before authorisation (TypeScript SDK 1.x wraps protocol errors so; the Python SDK
/// puts pydantic's text into the result).
const BEFORE: &[&str] =
    &["input validation error", "validation error for", "mcp error -326", "unknown tool"];

/// What a tool's answer says: MCP `tools/call` results (specification, `server/tools`, "Error handling"), and
/// everything that works like them.
pub(super) fn of_result(is_error: bool, text: &str) -> Outcome {
    let text = head(text).to_ascii_lowercase();
    let refused = REFUSALS.iter().any(|word| text.contains(word)) || has_403(&text);
    if is_error {
        return match BEFORE.iter().any(|word| text.contains(word)) {
            true => Outcome::Undetermined,
            false if refused => Outcome::Denied,
            // It ran and failed: not found, timeout, an error further up.
            false => Outcome::Allowed,
        };
    }
    // mcp-server-sqlite 2025.4.25 says so that it refuses, with `isError: false`.
    if text.starts_with("error:") || text.starts_with("error ") {
        let only = text.contains("only ") && text.contains("allowed");
        return if refused || only { Outcome::Denied } else { Outcome::Undetermined };
    }
    Outcome::Allowed
}

/// What a protocol error says: JSON-RPC code and message. `is_known` says that the server itself lists the tool
/// or has run it: then "unknown tool" is how a gateway hides what its policy denies (agentgateway
/// `crates/agentgateway/src/mcp/mod.rs`).
pub(super) fn of_error(code: i64, message: &str, is_known: bool) -> Outcome {
    let text = head(message).to_ascii_lowercase();
    let is_unknown = text.contains("unknown tool") || text.contains("not found");
    match code {
        -32602 if is_unknown && is_known => Outcome::Denied,
        -32602 | -32601 | -32600 | -32700 => Outcome::Undetermined,
        -32022..=-32020 => Outcome::Undetermined,
        _ if REFUSALS.iter().any(|word| text.contains(word)) || has_403(&text) => Outcome::Denied,
        _ => Outcome::Undetermined,
    }
}

/// What Claude Code's own texts say of a call with `is_error` (reference 3: texts of versions without
/// `toolDenialKind`): the outcome and who decided. `None` for the texts of tools.
pub(super) fn of_claude(text: &str) -> Option<(Outcome, &'static str)> {
    let text = head(text).trim_start();
    let has = |words: &str| text.contains(words);
    if text.starts_with("<tool_use_error>") || text.starts_with("[Request interrupted") {
        // Checks of the input, a sibling's failure, the Escape key.
        return Some((Outcome::Undetermined, ""));
    }
    if has("denied by the Claude Code auto mode classifier") {
        return Some((Outcome::Denied, "classifier"));
    }
    if text.starts_with("The user doesn't want to") {
        return Some((Outcome::Denied, "user"));
    }
    if (text.starts_with("Permission to use ") && has("has been denied"))
        || has("denied by your permission settings")
    {
        return Some((Outcome::Denied, "rule"));
    }
    // Asked for and granted by nobody, as without a terminal.
    let is_request = text.starts_with("Claude requested permissions to");
    (is_request && has("haven't granted")).then_some((Outcome::Denied, "rule"))
}

/// What Codex says instead of a command's output when it was not run (codex-rs, texts of rejected calls).
pub(super) fn of_codex(text: &str) -> Option<(Outcome, &'static str)> {
    let start: String = text.chars().take(120).collect::<String>().to_ascii_lowercase();
    if start.contains("rejected by user") || start.starts_with("user rejected") {
        return Some((Outcome::Denied, "user"));
    }
    if start.contains("rejected") && start.contains("policy") {
        return Some((Outcome::Denied, "rule"));
    }
    start.starts_with("aborted by user").then_some((Outcome::Undetermined, ""))
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LOOK)).unwrap_or(text)
}

/// The number 403 by itself.
fn has_403(text: &str) -> bool {
    text.match_indices("403").any(|(at, _)| {
        let bytes = text.as_bytes();
        let digit = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric)
        };
        !digit(at.checked_sub(1)) && !digit(Some(at + 3))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_the_reference_says() {
        let cases = [
            (false, "open", Outcome::Allowed),
            (false, "Error: Only SELECT queries are allowed for read_query", Outcome::Denied),
            (false, "Error: Missing arguments", Outcome::Undetermined),
            (false, "access denied is a phrase in this ticket", Outcome::Allowed),
            (true, "Access denied - path outside allowed directories", Outcome::Denied),
            (true, "GET /repos: 403 Resource not accessible", Outcome::Denied),
            (true, "row 14035 is broken", Outcome::Allowed),
            (true, "MCP error -32602: Tool delete_file not found", Outcome::Undetermined),
            (
                true,
                "Error executing tool x: 1 validation error for xArguments",
                Outcome::Undetermined,
            ),
            (true, "ENOENT: no such file", Outcome::Allowed),
        ];
        for (is_error, text, outcome) in cases {
            assert_eq!(of_result(is_error, text), outcome, "{text}");
        }
    }

    #[test]
    fn an_unknown_tool_that_the_server_lists_is_refused() {
        assert_eq!(of_error(-32602, "Unknown tool: x", false), Outcome::Undetermined);
        assert_eq!(of_error(-32602, "Unknown tool: x", true), Outcome::Denied);
        assert_eq!(of_error(-32000, "Forbidden", false), Outcome::Denied);
        assert_eq!(of_error(-32020, "forbidden", false), Outcome::Undetermined);
    }

    #[test]
    fn a_tool_cannot_speak_for_the_client() {
        assert_eq!(of_claude("Exit code 1\ncat: /etc/shadow: Permission denied"), None);
        assert_eq!(of_codex(&format!("{}rejected by user", "x".repeat(200))), None);
        assert_eq!(of_codex("exec command rejected by user"), Some((Outcome::Denied, "user")));
    }
}
