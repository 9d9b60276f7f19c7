//! Reads the documents about agents: what each file says, kept until all of them are there.
//!
//! Who has what is `assemble`'s. What cannot be used is told by its place; nothing of `env`, `headers` and `args` is kept
//! but names.

use std::sync::Arc;

use super::clients::{self, Server};
use super::gateway::{self, Gateway};
use super::manifest::{self, Manifest};
use super::product::{self, Scope};
use super::rights::Agent;
use super::settings::{Mode, Rule, claude, gemini};
use super::tools::{self, List, Owner};
use super::{assemble, evaluator, jsonc, kinds, usage};
use crate::evidence::tree::{self, Node, TreeError};
use crate::model::{Place, Settings, Str, UsageRow};
use crate::platform::{Document, Estate, Evaluator, Intake, Kind, LogSummary, Tables};

/// A list and whose it is.
#[derive(Debug, Clone)]
pub(super) struct NamedList {
    pub(super) list: List,
    /// The server, by the file's path.
    pub(super) server: Str,
    /// The agent, where the configuration names one.
    pub(super) context: Str,
    pub(super) path: Str,
    pub(super) file: u32,
}

/// Settings of one file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) scope: Scope,
    pub(super) product: &'static str,
    pub(super) path: Str,
    pub(super) place: Place,
    pub(super) rules: Vec<Rule>,
    pub(super) mode: Option<Mode>,
    pub(super) managed_only: bool,
    pub(super) servers: Vec<Server>,
    /// Whether it is settings, rather than a client's list of servers.
    pub(super) is_settings: bool,
}

/// Everything read about agents.
#[derive(Debug, Default)]
pub(super) struct AgentEstate {
    pub(super) settings: Arc<Settings>,
    pub(super) lists: Vec<NamedList>,
    pub(super) parts: Vec<Part>,
    /// Gateways, with the agent that the configuration names.
    pub(super) gateways: Vec<(Gateway, Str)>,
    pub(super) manifests: Vec<(Manifest, Str)>,
    pub(super) runs: Vec<UsageRow>,
    pub(super) rights: evaluator::Rights,
}

impl AgentEstate {
    /// An empty estate under an owner's settings.
    pub(super) fn new(settings: &Arc<Settings>) -> AgentEstate {
        AgentEstate { settings: Arc::clone(settings), ..AgentEstate::default() }
    }
}

impl Estate for AgentEstate {
    fn read(&mut self, kind: &'static Kind, document: &Document<'_>, intake: &mut Intake) {
        if kind.id == kinds::RUNS.id {
            let rows = usage::runs(document, intake, &self.settings);
            self.runs.extend(rows);
            return;
        }
        let text = match std::str::from_utf8(document.bytes) {
            Ok(text) => text,
            Err(_) => {
                intake.reject(Place::file(document.file), "not valid UTF-8");
                return;
            }
        };
        match kind.id {
            id if id == kinds::TOOLS.id => self.tools(text, document, intake),
            id if id == kinds::CLIENT.id || id == kinds::SETTINGS.id => {
                self.client(kind, text, document, intake);
            }
            id if id == kinds::GATEWAY.id => self.gateway(text, document, intake),
            id if id == kinds::MANIFEST.id => self.manifest(text, document, intake),
            _ => {}
        }
    }

    fn finish(&mut self, logs: &LogSummary, tables: &mut Tables) {
        assemble::finish(self, logs, tables);
    }

    fn evaluator(self: Box<Self>) -> Box<dyn Evaluator> {
        Box::new(self.rights)
    }
}

fn reject(error: &TreeError, document: &Document<'_>, intake: &mut Intake) {
    intake.reject(error.place(document.file), format!("not readable: {}", error.reason));
}

impl AgentEstate {
    fn tools(&mut self, text: &str, document: &Document<'_>, intake: &mut Intake) {
        let lists = match tools::read(text, document.file, None) {
            Ok(lists) => lists,
            Err(error) => return reject(&error, document, intake),
        };
        if lists.is_empty() {
            intake.reject(Place::file(document.file), "no list of tools");
        }
        for list in lists {
            intake.used(list.tools.len().max(1) as u64);
            for place in &list.broken {
                intake.reject(*place, "an entry that is no tool: it has no usable name");
            }
            if !list.is_enumerated() {
                intake.note("the list is empty: not enumerated, which is not \"no tools\"");
            }
            if list.is_cut {
                intake.note("the list ends with a cursor: there are tools that it does not hold");
            }
            self.lists.push(NamedList {
                list,
                server: tools::server_of_path(document.path),
                context: document.context.into(),
                path: document.path.into(),
                file: document.file,
            });
        }
    }

    fn client(&mut self, kind: &Kind, text: &str, document: &Document<'_>, intake: &mut Intake) {
        let root = match tree_of(text, document.path) {
            Ok(root) => root,
            Err(error) => return reject(&error, document, intake),
        };
        let path: Str = document.path.into();
        let is_claude = claude::is_settings(&root);
        let is_gemini = gemini::is_policies(&root);
        let found = clients::read(&root, document.file);
        let product = match product::of_path(document.path) {
            Some(product) => product,
            None if is_claude => product::CLAUDE_CODE,
            None if is_gemini => product::GEMINI,
            None if root.get("mcp_servers").is_some() => "codex",
            None if root.get("context_servers").is_some() => "zed",
            None => product::UNKNOWN,
        };
        let mut part = Part {
            scope: self.scope(document, product, &found.servers),
            product,
            path: path.clone(),
            place: Place::file(document.file),
            rules: Vec::new(),
            mode: None,
            managed_only: false,
            servers: found.servers,
            is_settings: is_claude || is_gemini || kind.id == kinds::SETTINGS.id,
        };
        if is_claude {
            let read = claude::read(&root, document.file, &path);
            intake.used(read.counts.iter().sum::<usize>() as u64);
            for (text, place) in &read.ignored {
                let line = match place.at {
                    crate::model::At::Line(line, _) => line,
                    _ => 0,
                };
                intake.note(format!("line {line}: the rule `{text}` is never consulted"));
            }
            (part.rules, part.mode, part.managed_only) = (read.rules, read.mode, read.managed_only);
        }
        if is_gemini {
            let read = gemini::read(&root, document.file, document.path);
            intake.used(root.get("rule").map_or(0, |rules| rules.list().len()) as u64);
            for place in read.broken {
                intake.reject(place, "a rule without a known decision");
            }
            part.rules = read.rules;
        }
        if part.servers.is_empty() && found.by_project.is_empty() && !part.is_settings {
            intake.skipped(1);
            intake.note("the file names no MCP server");
            return;
        }
        intake.used(part.servers.len() as u64);
        for (folder, servers) in found.by_project {
            intake.used(servers.len() as u64);
            let name = folder.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
            let scope = match document.context {
                "" => Scope::Agent(format!("{product}/{name}").into()),
                named => Scope::Agent(named.into()),
            };
            self.parts.push(Part {
                scope,
                product,
                path: path.clone(),
                place: Place::file(document.file),
                rules: Vec::new(),
                mode: None,
                managed_only: false,
                servers,
                is_settings: false,
            });
        }
        if !part.servers.is_empty() || part.is_settings {
            self.parts.push(part);
        }
        if intake.records == 0 {
            intake.used(1);
        }
    }

    /// Whose a client's file is: an agent of the configuration that alone uses one of its servers comes before the path.
    fn scope(&self, document: &Document<'_>, product: &str, servers: &[Server]) -> Scope {
        let has = |key: &Str| servers.iter().any(|server| server.key == *key);
        let named = self.settings.agents.iter().find(|(_, _, keys)| keys.iter().any(has));
        match named.filter(|_| document.context.is_empty()) {
            Some((name, ..)) => Scope::Agent(name.clone()),
            None => product::scope(document.path, document.context, product),
        }
    }

    fn gateway(&mut self, text: &str, document: &Document<'_>, intake: &mut Intake) {
        for root in tree::documents(text) {
            match root {
                Err(error) => reject(&error, document, intake),
                Ok(root) => {
                    let found = gateway::read(&root, document.file, document.path);
                    if found.is_empty() {
                        intake.skipped(1);
                    }
                    for one in found {
                        intake.used(one.rules.len() as u64);
                        self.gateways.push((one, document.context.into()));
                    }
                }
            }
        }
    }

    fn manifest(&mut self, text: &str, document: &Document<'_>, intake: &mut Intake) {
        for root in tree::documents(text) {
            let root = match root {
                Ok(root) => root,
                Err(error) => {
                    reject(&error, document, intake);
                    continue;
                }
            };
            let mut wrong = Vec::new();
            if let Some(found) = manifest::read(&root, document.file, &mut wrong) {
                intake.used(found.items.len() as u64);
                self.manifests.push((found, document.path.into()));
            }
            for (place, reason) in wrong {
                intake.reject(place, reason);
            }
        }
    }
}

/// The tree of a settings file: TOML by its name or its first character, else JSON with comments, else YAML.
fn tree_of(text: &str, path: &str) -> Result<Node, TreeError> {
    let is_json = text.trim_start().starts_with('{');
    if path.ends_with(".toml") || (!is_json && !path.ends_with(".yaml") && !path.ends_with(".yml"))
    {
        return jsonc::toml(text);
    }
    if is_json {
        return jsonc::json(text);
    }
    match tree::documents(text).into_iter().next() {
        Some(found) => found,
        None => Err(TreeError { line: 1, column: 1, reason: "empty".to_string() }),
    }
}

/// What a list offers an agent that gives its model tools itself.
pub(super) fn own_list(list: &NamedList) -> bool {
    list.list.owner == Owner::Agent
}

/// The agent of a name, made if there is none.
pub(super) fn agent<'a>(
    agents: &'a mut std::collections::BTreeMap<Str, Agent>,
    name: &Str,
) -> &'a mut Agent {
    agents.entry(name.clone()).or_default()
}
