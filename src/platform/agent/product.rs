//! Which client a settings file is of, and whose: by its path and its content.
//!
//! Paths as in github/github-mcp-server `docs/installation-guides/*` @64a49f34 and invariantlabs-ai/mcp-scan
//! `src/mcp_scan/well_known_clients.py` @9d6f6f9; Claude Code documentation, "Settings".

use crate::model::Str;

/// Claude Code.
pub(super) const CLAUDE_CODE: &str = "claude-code";
/// Gemini CLI.
pub(super) const GEMINI: &str = "gemini-cli";
/// A client that nothing names.
pub(super) const UNKNOWN: &str = "mcp-client";
/// A program that gives its model tools itself.
pub(super) const CHAT: &str = "openai-chat";
/// Copilot's cloud agent, which asks nobody (GitHub Docs, "Extending Copilot coding agent with MCP").
pub(super) const COPILOT_CLOUD: &str = "copilot-cloud-agent";

/// Parts of paths that name a client, and the client.
const MARKS: &[(&str, &str)] = &[
    ("/.claude/", CLAUDE_CODE),
    ("/.claude.json", CLAUDE_CODE),
    ("/.mcp.json", CLAUDE_CODE),
    ("managed-settings", CLAUDE_CODE),
    ("managed-mcp.json", CLAUDE_CODE),
    ("claude_desktop_config", "claude-desktop"),
    ("/.cursor/", "cursor"),
    ("/.vscode/", "vscode"),
    ("/.gemini/", GEMINI),
    ("/gemini-cli/", GEMINI),
    ("/.codex/", "codex"),
    ("/.codeium/", "windsurf"),
    ("mcp_config.json", "windsurf"),
    ("cline_mcp_settings", "cline"),
    ("/.roo/", "roo"),
    ("/.kiro/", "kiro"),
    ("opencode.json", "opencode"),
    ("/.copilot/", "copilot-cli"),
    ("copilot-mcp", COPILOT_CLOUD),
];

/// Whose file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// One agent's, by name.
    Agent(Str),
    /// Every agent's of the product: managed and user settings.
    All,
}

/// The client that an agent's name without a configuration begins with.
pub(super) fn of_name(name: &str) -> Option<&'static str> {
    let first = name.split('/').next().unwrap_or(name);
    [CLAUDE_CODE, GEMINI, UNKNOWN, "codex"].into_iter().find(|product| *product == first)
}

/// The client that a path names.
pub(super) fn of_path(path: &str) -> Option<&'static str> {
    let path = format!("/{path}");
    MARKS.iter().find(|(mark, _)| path.contains(mark)).map(|(_, product)| *product)
}

/// Whose settings they are: the configuration's name, else every agent's where the path is one of a machine or a home
/// directory, else `PRODUCT/FOLDER` of the project.
pub(super) fn scope(path: &str, context: &str, product: &str) -> Scope {
    if !context.is_empty() {
        return Scope::Agent(context.into());
    }
    let full = format!("/{path}");
    let is_machine = full.contains("managed-settings") || full.contains("managed-mcp");
    if is_machine || full.contains("/etc/") || is_home(&full) {
        return Scope::All;
    }
    Scope::Agent(name(path, product).into())
}

/// Whether a client's folder lies directly in a person's home directory.
fn is_home(full: &str) -> bool {
    let parts: Vec<&str> = full.split('/').collect();
    let at = parts.iter().position(|part| part.starts_with('.') && part.len() > 2);
    at.is_some_and(|at| {
        let before = |back: usize| at.checked_sub(back).and_then(|at| parts.get(at)).copied();
        matches!(before(2), Some("home" | "Users")) || before(1) == Some("~")
    })
}

/// `PRODUCT/FOLDER`, the name that usage without a configuration gives an agent too.
pub(super) fn name(path: &str, product: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let folders = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
    let end = folders.iter().position(|part| part.starts_with('.') && part.len() > 2);
    let project = folders.get(..end.unwrap_or(folders.len())).and_then(<[&str]>::last);
    match project {
        Some(project) => format!("{product}/{project}"),
        None => product.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_whose_settings_they_are() {
        let of = |path: &str, context: &str| scope(path, context, CLAUDE_CODE);
        assert_eq!(
            of("src/shop/.claude/settings.json", ""),
            Scope::Agent("claude-code/shop".into())
        );
        assert_eq!(of("src/shop/.mcp.json", ""), Scope::Agent("claude-code/shop".into()));
        assert_eq!(of(".mcp.json", ""), Scope::Agent("claude-code".into()));
        assert_eq!(of("x.json", "bot"), Scope::Agent("bot".into()));
        assert_eq!(of("home/alice/.claude/settings.json", ""), Scope::All);
        assert_eq!(of("etc/claude-code/managed-settings.json", ""), Scope::All);
        assert_eq!(of_path("a/.gemini/settings.json"), Some(GEMINI));
        assert_eq!(of_path("a/b.json"), None);
    }
}
