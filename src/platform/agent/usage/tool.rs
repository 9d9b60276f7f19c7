//! Names: of tools with their servers, and of agents that no configuration names.

use crate::model::{Settings, Str};
use crate::platform::agent::names;

/// A tool as its caller names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tool {
    /// The server that it belongs to, `None` for the product's own tools.
    pub(super) server: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// What comes before the colon for decisions about things that are no tools: `document` in `document:read`.
    pub(super) family: Option<String>,
}

impl Tool {
    /// A tool of the product itself.
    pub(super) fn own(name: &str) -> Tool {
        Tool { server: None, name: literal(name), family: None }
    }

    /// A tool of a server.
    pub(super) fn of_server(server: &str, name: &str) -> Tool {
        Tool { server: Some(literal(server)), name: literal(name), family: None }
    }

    /// Its action id ([`names`]).
    pub(super) fn action(&self, method: Option<&str>) -> String {
        match (&self.server, &self.family) {
            (Some(server), _) => names::mcp(server, &self.name, method),
            (None, Some(family)) => format!("{family}:{}", self.name),
            (None, None) => names::own(&self.name, method),
        }
    }
}

/// A name from a log is never a pattern.
pub(super) fn literal(name: &str) -> String {
    name.trim().replace(['*', '?'], "_")
}

/// A tool of a client that writes the server's key into the name: `mcp__KEY__tool` (Claude Code, Codex), and
/// `mcp_KEY_tool` (Gemini CLI), where the key ends at the first `_` unless the configuration knows a longer one
/// (gemini-cli `docs/tools/mcp-server.md`).
pub(super) fn prefixed(name: &str, settings: &Settings) -> Tool {
    let (rest, separator) = if let Some(rest) = name.strip_prefix("mcp__") {
        (rest, "__")
    } else if let Some(rest) = name.strip_prefix("mcp_") {
        (rest, "_")
    } else {
        return Tool::own(name);
    };
    let known = settings
        .agents
        .iter()
        .flat_map(|(_, _, servers)| servers)
        .filter_map(|key| {
            let tool = rest.strip_prefix(&**key)?.strip_prefix(separator)?;
            Some((&**key, tool))
        })
        .max_by_key(|(key, _)| key.len());
    match known.or_else(|| rest.split_once(separator)) {
        Some((key, tool)) if !key.is_empty() && !tool.is_empty() => Tool::of_server(key, tool),
        _ => Tool::own(name),
    }
}

/// The name of an agent: what the configuration says of the file, else of a server that only one agent uses, else
/// the product and the project's folder (docs/data-model.md, "Agents").
pub(super) fn agent(
    context: &str,
    server: Option<&str>,
    product: &str,
    folder: &str,
    settings: &Settings,
) -> String {
    if !context.is_empty() {
        return context.to_string();
    }
    if let Some(named) = server.and_then(|server| of_server(server, settings)) {
        return named.to_string();
    }
    match base(folder) {
        "" => product.to_string(),
        project => format!("{product}/{project}"),
    }
}

fn of_server<'s>(server: &str, settings: &'s Settings) -> Option<&'s Str> {
    settings
        .agents
        .iter()
        .find(|(_, _, servers)| servers.iter().any(|one| **one == *server))
        .map(|(name, _, _)| name)
}

/// The last component of a path of either kind.
pub(super) fn base(folder: &str) -> &str {
    folder.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_in_the_name() {
        let none = Settings::default();
        assert_eq!(prefixed("mcp__db__get__all", &none), Tool::of_server("db", "get__all"));
        assert_eq!(
            prefixed("mcp_tickets_get_ticket", &none),
            Tool::of_server("tickets", "get_ticket")
        );
        assert_eq!(prefixed("Bash", &none), Tool::own("Bash"));
        assert_eq!(prefixed("mcp__db", &none), Tool::own("mcp__db"));
        let known = Settings {
            agents: vec![("a".into(), vec![], vec!["my".into(), "my_db".into()])],
            ..Settings::default()
        };
        assert_eq!(prefixed("mcp_my_db_get", &known), Tool::of_server("my_db", "get"));
    }

    #[test]
    fn the_configuration_names_agents_before_product_and_project() {
        let known = Settings {
            agents: vec![("support".into(), vec![], vec!["tickets".into()])],
            ..Settings::default()
        };
        assert_eq!(agent("ci", Some("tickets"), "claude-code", "/srv/app", &known), "ci");
        assert_eq!(agent("", Some("tickets"), "claude-code", "/srv/app", &known), "support");
        assert_eq!(agent("", None, "claude-code", r"C:\work\app\", &known), "claude-code/app");
        assert_eq!(agent("", None, "claude-code", "", &known), "claude-code");
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(Tool::own("*").action(None), "agent:_");
    }
}
