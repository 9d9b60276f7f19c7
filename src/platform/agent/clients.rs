//! Which MCP servers a client has, and what it narrows of their tools.
//!
//! Owns the client files of Claude Desktop and Code, Cursor, VS Code, Copilot, Windsurf, Gemini CLI, Codex, Cline, Roo,
//! OpenCode, Zed and Kiro: where the servers stand and which keys narrow, switch off or approve. Of `env`, `headers` and
//! `args` only names and links to other identities are kept, never a value. Sources: github/github-mcp-server
//! `docs/installation-guides/*` @64a49f34; google-gemini/gemini-cli `docs/tools/mcp-server.md` @5411f113; openai/codex
//! `docs/config.md` @0195ef05.

use std::collections::BTreeSet;

use crate::evidence::tree::Node;
use crate::model::{Place, Str};

/// A server of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// The client's key for it: the server part of action ids.
    pub key: Str,
    /// Names by which a tool list may be told to be its: words of its command and arguments, its host.
    pub names: BTreeSet<Str>,
    /// The only tools that it may use, as `*` patterns; `None` for all.
    pub only: Option<Vec<Str>>,
    /// Tools that it may not use.
    pub without: Vec<Str>,
    /// Tools that run without asking.
    pub approved: Vec<Str>,
    /// Whether all its tools run without asking (Gemini CLI `trust`).
    pub trusted: bool,
    /// Whether only tools that read are offered (GitHub's `--read-only`, `GITHUB_READ_ONLY`, `/readonly`).
    pub read_only: bool,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Identities that it acts as: cloud roles, service accounts.
    pub acts_as: BTreeSet<Str>,
    /// Where it stands.
    pub place: Place,
}

/// The servers of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Servers {
    /// The servers, in file order.
    pub servers: Vec<Server>,
    /// Whether the file has a place for servers, even an empty one.
    pub has_section: bool,
    /// The project whose servers these are, where the file names one (`projects."/path"` of Claude Code).
    pub by_project: Vec<(Str, Vec<Server>)>,
}

/// Where servers stand: the paths of keys.
const SECTIONS: &[&[&str]] = &[
    &["mcpServers"],
    &["mcp", "servers"],
    &["mcp_servers"],
    &["context_servers"],
    &["servers"],
    &["mcp"],
];

/// The servers of a client file. A plugin's file may be the bare map of servers.
pub fn read(root: &Node, file: u32) -> Servers {
    let mut out = Servers::default();
    for path in SECTIONS {
        let Some(section) = root.at(path) else { continue };
        out.has_section = true;
        out.servers.extend(of_map(section, file));
        if !out.servers.is_empty() {
            break;
        }
    }
    if !out.has_section && root.map().iter().any(|(_, value)| is_server(value)) {
        out.has_section = true;
        out.servers = of_map(root, file);
    }
    for (path, project) in root.get("projects").map_or(&[][..], Node::map) {
        if let (Some(path), Some(section)) = (path.text(), project.get("mcpServers")) {
            let servers = of_map(section, file);
            out.has_section = true;
            if !servers.is_empty() {
                out.by_project.push((path.into(), servers));
            }
        }
    }
    global_limits(root, &mut out);
    out
}

/// Limits that name servers rather than stand in them.
fn global_limits(root: &Node, out: &mut Servers) {
    let texts = |path: &[&str]| root.at(path).map(Node::texts);
    // Gemini CLI: `mcp.allowed`, `mcp.excluded`. Claude Code: `enabledMcpjsonServers`, `disabledMcpjsonServers`.
    let allowed = texts(&["mcp", "allowed"]);
    let mut off = texts(&["mcp", "excluded"]).unwrap_or_default();
    off.extend(texts(&["disabledMcpjsonServers"]).unwrap_or_default());
    for server in &mut out.servers {
        let is_named = |names: &[&str]| names.contains(&&*server.key);
        server.disabled |= is_named(&off) || allowed.as_ref().is_some_and(|only| !is_named(only));
    }
}

fn is_server(value: &Node) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| value.text_of(key).is_some());
    has(&["command", "httpUrl", "serverUrl"])
        || (has(&["url"]) && (has(&["type", "transport"]) || value.get("headers").is_some()))
        || (has(&["type"]) && value.get("command").is_some())
}

fn of_map(section: &Node, file: u32) -> Vec<Server> {
    let servers = section.map().iter().filter(|(_, value)| {
        is_server(value) || ["url", "command", "tools"].iter().any(|key| value.get(key).is_some())
    });
    servers.filter_map(|(key, value)| server(key.text()?, value, key.place(file))).collect()
}

fn server(key: &str, node: &Node, place: Place) -> Option<Server> {
    let is_name =
        !key.is_empty() && key.len() <= 128 && !key.contains(['*', '?', '#', '/', '\n', '\0']);
    is_name.then_some(())?;
    let texts = |keys: &[&str]| -> Option<Vec<Str>> {
        let found = keys.iter().find_map(|key| node.get(key))?;
        Some(found.texts().into_iter().filter(|text| text.len() <= 256).map(Str::from).collect())
    };
    let words: Vec<&str> = ["command", "args"]
        .iter()
        .filter_map(|key| node.get(key))
        .flat_map(Node::texts)
        .flat_map(str::split_whitespace)
        .collect();
    let url = ["url", "httpUrl", "serverUrl"].iter().find_map(|key| node.text_of(key));
    let only =
        texts(&["includeTools", "enabled_tools", "tools"]).or_else(|| listed(&words, "--tools"));
    let mut without =
        texts(&["excludeTools", "disabled_tools", "disabledTools"]).unwrap_or_default();
    without.extend(listed(&words, "--exclude-tools").unwrap_or_default());
    let env = node.get("env").or_else(|| node.get("environment"));
    let names = words.iter().filter_map(|word| package(word)).chain(url.and_then(host)).collect();
    Some(Server {
        key: key.into(),
        names,
        only: only.filter(|only| !only.iter().any(|one| &**one == "*")),
        without,
        approved: texts(&["autoApprove", "alwaysAllow"]).unwrap_or_default(),
        trusted: node.get("trust").is_some_and(Node::is_true),
        read_only: words.contains(&"--read-only")
            || url.is_some_and(|url| url.trim_end_matches('/').ends_with("/readonly"))
            || env.and_then(|env| env.get("GITHUB_READ_ONLY")).is_some_and(is_on),
        disabled: node.get("disabled").is_some_and(Node::is_true)
            || node.get("enabled").is_some_and(|on| on.scalar() == Some("false")),
        acts_as: acts_as(env),
        place,
    })
}

fn is_on(node: &Node) -> bool {
    matches!(node.scalar(), Some("1" | "true" | "TRUE" | "True"))
}

/// The comma-separated value of an option, in either form.
fn listed(words: &[&str], option: &str) -> Option<Vec<Str>> {
    let at =
        words.iter().position(|word| *word == option || word.starts_with(&format!("{option}=")))?;
    let value = words.get(at)?.split_once('=').map(|(_, value)| value);
    let value = value.or_else(|| words.get(at + 1).copied())?;
    Some(value.split(',').filter(|one| !one.is_empty()).map(Str::from).collect())
}

/// The name of a package or program, without scope, version, folder and extension. Words that could hold anything
/// else, such as values of options, are left out.
fn package(word: &str) -> Option<Str> {
    let looks_like = word.len() <= 128
        && !word.starts_with('-')
        && !word.contains(['=', '$', ':'])
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/._-\\".contains(&byte));
    looks_like.then_some(())?;
    let last = word.rsplit(['/', '\\']).find(|part| !part.is_empty())?;
    let name = last.split('@').find(|part| !part.is_empty())?;
    let name = name.trim_end_matches(".py").trim_end_matches(".js").trim_end_matches(".exe");
    (name.len() > 2).then(|| name.into())
}

fn host(url: &str) -> Option<Str> {
    super::normalise::host(url).map(Str::from)
}

/// Identities of other platforms that a server's environment names: a role, a service account. A profile's name or a
/// key is none: what it stands for is not in the evidence.
fn acts_as(env: Option<&Node>) -> BTreeSet<Str> {
    let mut out = BTreeSet::new();
    for (key, value) in env.map_or(&[][..], Node::map) {
        let (Some(key), Some(value)) = (key.text(), value.text()) else { continue };
        let is_role = value.starts_with("arn:") && value.contains(":role/");
        let is_account = key.contains("SERVICE_ACCOUNT")
            && value.ends_with(".gserviceaccount.com")
            && !value.contains(char::is_whitespace);
        if value.len() <= 256 && (is_role || is_account) {
            out.insert(value.into());
        }
    }
    out
}
