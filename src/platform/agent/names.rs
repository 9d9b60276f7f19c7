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
    fn the_service_is_the_server() {
        assert_eq!(service(&mcp("github", "label_write", Some("delete"))), "mcp:github");
        assert_eq!(service(&own("Bash", Some("git push"))), "agent");
    }
}
