//! How agents, tools and resources are written (docs/data-model.md, "Agents").

use crate::model::Str;

/// Identity id of an agent: `agent://NAME`. The name comes from the configuration, else product and project; what
/// a client says of itself is never identity.
pub fn identity(name: &str) -> Str {
    format!("agent://{name}").into()
}

/// The action of a server's tool: `mcp:github/create_issue`, with the argument that chooses among several actions
/// behind `#`: `mcp:github/label_write#delete`.
pub fn mcp(server: &str, tool: &str, method: Option<&str>) -> String {
    match method {
        Some(method) => format!("mcp:{server}/{tool}#{method}"),
        None => format!("mcp:{server}/{tool}"),
    }
}

/// The action of a tool that the product itself brings: `agent:Bash`, `agent:Bash#git push`.
pub fn own(tool: &str, method: Option<&str>) -> String {
    match method {
        Some(method) => format!("agent:{tool}#{method}"),
        None => format!("agent:{tool}"),
    }
}

/// The action of a tool as a client calls it: `mcp__KEY__tool` is a server's (Claude Code documentation, "Configure
/// permissions"), anything else the product's own.
pub fn of_call(name: &str) -> String {
    match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => mcp(server, tool, None),
        _ => own(name, None),
    }
}

/// The action of a tool as Gemini CLI calls it: `mcp_KEY_tool`. A key may hold `_`, so the longest known key that
/// fits is taken, else what stands before the first `_` (google-gemini/gemini-cli `docs/tools/mcp-server.md`).
pub fn of_gemini_call(name: &str, keys: &[Str]) -> String {
    let Some(rest) = name.strip_prefix("mcp_").filter(|rest| !rest.starts_with('_')) else {
        return of_call(name);
    };
    let tool_of = |key: &Str| rest.strip_prefix(&**key).and_then(|rest| rest.strip_prefix('_'));
    let known = keys.iter().filter(|key| tool_of(key).is_some()).max_by_key(|key| key.len());
    if let Some((key, tool)) = known.and_then(|key| Some((key, tool_of(key)?))) {
        return mcp(key, tool, None);
    }
    match rest.split_once('_') {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => mcp(server, tool, None),
        _ => own(name, None),
    }
}

/// An action without what stands behind `#`: the tool's own action.
pub fn tool_of(action: &str) -> &str {
    action.split_once('#').map_or(action, |(tool, _)| tool)
}

/// An action's server and tool with every sign but letters, digits and `_` taken for `_`, as clients write them into the
/// names that they show a model: `my.server` becomes `mcp__my_server__…` (Claude Code), `my_db` `mcp_my_db_…` (Gemini CLI).
pub fn flat(action: &str) -> String {
    let tool = tool_of(action);
    let bare = tool.strip_prefix("mcp:").or_else(|| tool.strip_prefix("agent:")).unwrap_or(tool);
    bare.chars().map(|one| if one.is_alphanumeric() { one } else { '_' }).collect()
}

/// Whether a use that no grant covers may be of this action, under another name of its server: changed letters, a key
/// cut at the wrong `_`, the prefix of a plugin, no server at all. `used` is [`flat`].
pub fn may_be(used: &str, action: &str) -> bool {
    let tool = tool_of(action);
    let bare = tool.strip_prefix("mcp:").and_then(|rest| rest.split_once('/'));
    match bare {
        Some((server, "*")) => format!("_{used}").contains(&format!("_{}_", flat(server))),
        _ => {
            let name = flat(bare.map_or(tool, |(_, name)| name));
            format!("_{used}").ends_with(&format!("_{name}"))
                || format!("_{}", flat(action)).ends_with(&format!("_{used}"))
        }
    }
}

/// The words of a tool's name, in lower case: split at `_ - . /` and space, and where a capital follows a small letter.
pub fn words(name: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for now in name.chars() {
        let is_gap = matches!(now, '_' | '-' | '.' | '/' | ' ' | ':');
        let is_hump = now.is_ascii_uppercase() && before.is_ascii_lowercase();
        if (is_gap || is_hump) && !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if !is_gap {
            word.push(now.to_ascii_lowercase());
        }
        before = now;
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

/// The service that an action belongs to: its server, or `agent` for a product's own tools.
pub fn service(action: &str) -> &str {
    match action.strip_prefix("mcp:").and_then(|rest| rest.split_once('/')) {
        Some((server, _)) => action.get(..4 + server.len()).unwrap_or(action),
        None => action.split_once(':').map_or(action, |(prefix, _)| prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_by_server_and_tool() {
        assert_eq!(of_call("mcp__github__get_issue"), "mcp:github/get_issue");
        assert_eq!(of_call("Bash"), "agent:Bash");
        assert_eq!(of_gemini_call("mcp_my_srv_get_it", &["my_srv".into()]), "mcp:my_srv/get_it");
        assert_eq!(of_gemini_call("mcp_srv_get_it", &[]), "mcp:srv/get_it");
        assert_eq!(words("API-getBlock_children"), ["api", "get", "block", "children"]);
        assert_eq!(tool_of("agent:Bash#git push"), "agent:Bash");
    }

    #[test]
    fn a_tool_is_found_under_another_name_of_its_server() {
        for (used, granted) in [
            ("mcp:my_server/get_issue", "mcp:my.server/get_issue"),
            ("mcp:my/db_get", "mcp:my_db/get"),
            ("mcp:plugin_tools_db/get", "mcp:db/get"),
            ("mcp:plugin_tools_db/get", "mcp:db/*"),
            ("mcp:tickets/get_ticket", "agent:get_ticket"),
            ("agent:get_ticket", "mcp:tickets/get_ticket"),
            ("mcp:my_server/label_write", "mcp:my server/label_write#delete"),
        ] {
            assert!(may_be(&flat(used), granted), "{used} {granted}");
        }
        for (used, granted) in [
            ("mcp:my_server/get_issue", "mcp:my.server/delete_issue"),
            ("mcp:my_server/get_issue", "mcp:other/*"),
            ("mcp:db/write", "agent:Write"),
            ("mcp:db/budget", "mcp:x/get"),
        ] {
            assert!(!may_be(&flat(used), granted), "{used} {granted}");
        }
    }

    #[test]
    fn the_service_is_the_server() {
        assert_eq!(service(&mcp("github", "label_write", Some("delete"))), "mcp:github");
        assert_eq!(service(&own("Bash", Some("git push"))), "agent");
    }
}
