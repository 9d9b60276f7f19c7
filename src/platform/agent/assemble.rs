//! Joins what was read about agents, and what their logs show, into identities, rights, claims, levels and notes.

use std::collections::{BTreeMap, BTreeSet};

use super::estate::{AgentEstate, NamedList, agent, own_list};
use super::product::{self, Scope};
use super::rights::{Agent, Offer, Served};
use super::settings::{Effect, Rule, Target};
use super::tools::{self, Tool};
use super::{access, names, observed};
use crate::evidence::tree;
use crate::model::{
    AccessLevel, Glob, Hole, HoleKind, Identity, IdentityKind, Label, Link, Place, Str,
};
use crate::platform::{LogSummary, LoggedGrant, Tables, ToolNote, ToolNoteKind};

/// Actions of each server that lists name, by its key.
type Listed = BTreeMap<Str, BTreeSet<Str>>;

/// What is judged of an action: the worst level of all that describe it.
#[derive(Default)]
struct Judged {
    levels: BTreeMap<Str, AccessLevel>,
    notes: Vec<ToolNote>,
}

pub(super) fn finish(estate: &mut AgentEstate, logs: &LogSummary, tables: &mut Tables) {
    let mut agents: BTreeMap<Str, Agent> = BTreeMap::new();
    let mut judged = Judged::default();
    parts(estate, &mut agents);
    manifests(estate, &mut agents, &mut judged);
    logged(estate, logs, &mut agents, &mut judged);
    used(estate, logs, &mut agents);
    let listed = lists(estate, &mut agents, &mut judged, tables);
    agents.values_mut().for_each(open_clients);
    gateways(estate, &mut agents, tables);
    observed::changes(estate, logs, &mut judged.notes);
    let mut candidates: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
    for (name, one) in &mut agents {
        one.sort_rules();
        let mut mine = Listed::new();
        for key in one.servers.keys() {
            if let Some(actions) = listed.get(&(name.clone(), key.clone())) {
                mine.insert(key.clone(), actions.clone());
            }
        }
        candidates.insert(name.clone(), one.candidates(&mine));
    }
    describe(&agents, tables);
    observed::claims(logs, tables);
    owners_levels(estate, &candidates, &mut judged);
    let platform: Str = super::ID.into();
    let levels = judged.levels.into_iter();
    tables.levels.extend(levels.map(|(action, level)| (platform.clone(), action, level)));
    tables.tool_notes.append(&mut judged.notes);
    let actions: BTreeSet<&Str> = candidates.values().flatten().collect();
    tables.actions.extend(actions.into_iter().map(|action| (platform.clone(), action.clone())));
    tables.usage.append(&mut estate.runs);
    let gateways = std::mem::take(&mut estate.gateways).into_iter().map(|(gateway, _)| gateway);
    estate.rights.fill(agents, candidates, gateways.collect());
}

/// Settings and client files into agents. Those of a machine or a home directory are every agent's of the product.
fn parts(estate: &mut AgentEstate, agents: &mut BTreeMap<Str, Agent>) {
    let parts = std::mem::take(&mut estate.parts);
    for part in &parts {
        if let Scope::Agent(name) = &part.scope {
            agent(agents, name).product.get_or_insert(part.product);
        }
    }
    for part in parts {
        let mut names: Vec<Str> = match &part.scope {
            Scope::Agent(name) => vec![name.clone()],
            Scope::All => {
                let mine = agents.iter().filter(|(_, one)| one.product == Some(part.product));
                mine.map(|(name, _)| name.clone()).collect()
            }
        };
        if names.is_empty() {
            names.push(part.product.into());
        }
        for name in names {
            let one = agent(agents, &name);
            one.product.get_or_insert(part.product);
            one.has_grants = true;
            one.has_settings |= part.is_settings;
            one.has_client |= !part.servers.is_empty();
            one.place.get_or_insert(part.place);
            // Of several files the strongest mode would hold; which session ran under which is not known, so the
            // most open one counts.
            one.mode = one.mode.max(part.mode);
            if part.managed_only && part.path.contains("managed") {
                one.rules.retain(|rule| rule.policy.contains("managed"));
            }
            one.rules.extend(part.rules.iter().cloned());
            for server in &part.servers {
                one.rules.extend(approvals(server, &part.path, part.product));
                one.acts_as.extend(server.acts_as.iter().map(|to| {
                    let how = format!("MCP server {}", server.key);
                    (to.clone(), Str::from(how), Some(server.place))
                }));
                let served = Served {
                    server: server.clone(),
                    policy: part.path.clone(),
                    product: part.product,
                    is_listed: false,
                    reads: BTreeSet::new(),
                };
                one.servers.entry(server.key.clone()).or_insert(served);
            }
        }
    }
}

/// Settings without a file that names the client's servers: which it has is not known.
fn open_clients(one: &mut Agent) {
    if one.has_settings && !one.has_client && one.servers.is_empty() {
        one.holes.push(Hole {
            kind: HoleKind::Grants,
            policy: "the client's MCP servers".into(),
            note: "no file in the evidence names the client's MCP servers: it may have some".into(),
            place: one.place,
        });
    }
}

/// What a client file lets run without asking. Gemini CLI maps `trust` to a rule of 4.2 (its policy engine's table).
fn approvals(server: &super::clients::Server, path: &Str, product: &str) -> Vec<Rule> {
    let priority = if product == product::GEMINI { 4_200 } else { 0 };
    let rule = |pattern: &str, text: String| Rule {
        effect: Effect::Allow,
        priority,
        target: Target::Actions(vec![Glob::new(&format!("mcp:{}/{pattern}", server.key))]),
        condition: None,
        text: text.into(),
        policy: path.clone(),
        number: 0,
        place: server.place,
    };
    let mut out = Vec::new();
    if server.trusted {
        out.push(rule("*", "trust".to_string()));
    }
    out.extend(server.approved.iter().map(|tool| rule(tool, format!("approved {tool}"))));
    out
}

fn manifests(estate: &mut AgentEstate, agents: &mut BTreeMap<Str, Agent>, judged: &mut Judged) {
    for (manifest, path) in std::mem::take(&mut estate.manifests) {
        let one = agent(agents, &manifest.name);
        one.has_grants = true;
        one.place.get_or_insert(manifest.place);
        let how: Str = "its manifest".into();
        one.acts_as
            .extend(manifest.acts_as.into_iter().map(|to| (to, how.clone(), Some(manifest.place))));
        for item in manifest.items {
            let actions: Vec<String> = match item.methods.as_slice() {
                [] => vec![item.action.to_string()],
                methods => methods.iter().map(|one| format!("{}#{one}", item.action)).collect(),
            };
            for action in actions {
                if let Some(level) = item.access {
                    judged.levels.insert(action.as_str().into(), level);
                }
                one.offers.push(Offer {
                    action: Glob::new(&action),
                    resources: item.resources.clone(),
                    asks: Some(item.asks),
                    policy: path.clone(),
                    place: Some(item.place),
                });
            }
        }
    }
}

/// Tools that logs show a model to have been offered: partial evidence.
fn logged(
    estate: &AgentEstate,
    logs: &LogSummary,
    agents: &mut BTreeMap<Str, Agent>,
    judged: &mut Judged,
) {
    for grant in mine(&logs.grants) {
        let Some(name) = grant.identity.strip_prefix("agent://") else { continue };
        let one = agent(agents, &name.into());
        one.product = one.product.or(product::of_name(name));
        if !one.has_grants {
            one.has_grants = true;
            one.holes.push(Hole {
                kind: HoleKind::Grants,
                policy: "tools that no log names".into(),
                note: "grants are known from logs only: what no record names may be granted too"
                    .into(),
                place: grant.place,
            });
        }
        let tool = defined(grant);
        let methods = tool.as_ref().and_then(|tool| tool.dispatch.as_ref());
        let actions: Vec<Str> = match methods {
            Some((_, methods)) if !grant.action.contains('#') => {
                methods.iter().map(|one| format!("{}#{one}", grant.action).into()).collect()
            }
            _ => vec![grant.action.clone()],
        };
        for action in actions {
            if let Some(tool) = &tool {
                judged.tool(&action, tool, None, estate);
            }
            let known = one.offers.iter().any(|offer| offer.action.as_str() == &*action);
            if !known {
                one.offers.push(Offer {
                    action: Glob::new(&action),
                    resources: Vec::new(),
                    // Of a server's tools the client decides, of which a log says nothing.
                    asks: (!action.starts_with("mcp:")).then_some(false),
                    policy: grant.by.clone(),
                    place: grant.place,
                });
            }
        }
    }
}

pub(super) fn mine(grants: &[LoggedGrant]) -> impl Iterator<Item = &LoggedGrant> {
    grants.iter().filter(|grant| &*grant.platform == super::ID)
}

/// The definition that a log holds of a tool.
pub(super) fn defined(grant: &LoggedGrant) -> Option<Tool> {
    let node = tree::json(&grant.detail).ok()?;
    let file = grant.place.map_or(0, |place| place.file);
    let mut tool = tools::list(&node, file, None)?.tools.into_iter().next()?;
    tool.place = grant.place?;
    Some(tool)
}

/// What use names. An agent that only logs know becomes an identity too.
fn used(estate: &AgentEstate, logs: &LogSummary, agents: &mut BTreeMap<Str, Agent>) {
    for row in logs.usage.iter().chain(&estate.runs) {
        if &*row.platform != super::ID {
            continue;
        }
        let Some(name) = row.identity.strip_prefix("agent://") else { continue };
        let one = agent(agents, &name.into());
        one.product = one.product.or(product::of_name(name));
        one.used.insert(row.action.clone());
        if one.place.is_none() {
            one.place = row.first_place;
        }
    }
}

/// Tool lists: to the servers of agents that have them, to agents that the configuration names, to agents of their own
/// tools. Answers with the actions of each agent's server.
fn lists(
    estate: &mut AgentEstate,
    agents: &mut BTreeMap<Str, Agent>,
    judged: &mut Judged,
    tables: &mut Tables,
) -> BTreeMap<(Str, Str), BTreeSet<Str>> {
    let mut out: BTreeMap<(Str, Str), BTreeSet<Str>> = BTreeMap::new();
    let mut unused: BTreeMap<Str, Place> = BTreeMap::new();
    let by_server = prefixes(&estate.lists);
    for list in &estate.lists {
        if own_list(list) {
            own_tools(estate, list, agents, judged);
            continue;
        }
        let prefix = by_server.get(&list.server).and_then(Option::as_deref);
        let mut holders: Vec<(Str, Str)> = Vec::new();
        for (name, one) in agents.iter() {
            if !list.context.is_empty() && list.context != *name {
                continue;
            }
            let fits = |served: &&Served| is_of(list, served);
            holders.extend(
                one.servers
                    .values()
                    .filter(fits)
                    .map(|served| (name.clone(), served.server.key.clone())),
            );
        }
        if holders.is_empty() {
            holders.extend(by_configuration(estate, list, agents));
        }
        if holders.is_empty() {
            unused.entry(list.server.clone()).or_insert(Place::file(list.file));
        }
        for (name, key) in holders {
            let actions = out.entry((name.clone(), key.clone())).or_default();
            let one = agent(agents, &name);
            let Some(served) = one.servers.get_mut(&key) else { continue };
            served.is_listed |= list.list.is_enumerated();
            for tool in &list.list.tools {
                for action in actions_of(&key, tool) {
                    let level = judged.tool(&action, tool, prefix, estate);
                    if level.is_read() {
                        served.reads.insert(tool.name.clone());
                    }
                    actions.insert(action);
                }
            }
            if list.list.is_cut {
                let note = format!("the list of {key} has more pages than the evidence holds");
                one.holes.push(Hole {
                    kind: HoleKind::Grants,
                    policy: list.path.clone(),
                    note: note.into(),
                    place: Some(Place::file(list.file)),
                });
            }
        }
    }
    for (server, place) in unused {
        let text = format!(
            "no agent of the evidence is known to use the server {server}: name it under `agents:`"
        );
        tables.notes.push((Some(place), text));
    }
    out
}

/// The word that the names of a server's tools begin with, over all files of the server.
fn prefixes(lists: &[NamedList]) -> BTreeMap<Str, Option<String>> {
    let mut all: BTreeMap<Str, Vec<Tool>> = BTreeMap::new();
    for list in lists {
        all.entry(list.server.clone()).or_default().extend(list.list.tools.iter().cloned());
    }
    all.into_iter().map(|(server, tools)| (server, access::shared_prefix(&tools))).collect()
}

/// Whether a list is that of an agent's server: by its name, or by a package that starts it.
fn is_of(list: &NamedList, served: &Served) -> bool {
    let core = tools::core_name(&list.server);
    let names = std::iter::once(&served.server.key).chain(&served.server.names);
    names.into_iter().any(|name| tools::core_name(name) == core)
}

/// Agents that the configuration gives a list to, by the file's path or the server's name; the server becomes theirs.
fn by_configuration(
    estate: &AgentEstate,
    list: &NamedList,
    agents: &mut BTreeMap<Str, Agent>,
) -> Vec<(Str, Str)> {
    let core = tools::core_name(&list.server);
    let mut found: Vec<(Str, Str)> = Vec::new();
    for (name, _, keys) in &estate.settings.agents {
        let key = keys.iter().find(|key| tools::core_name(key) == core);
        found.extend(key.map(|key| (name.clone(), key.clone())));
    }
    if found.is_empty() && !list.context.is_empty() {
        found.push((list.context.clone(), list.server.clone()));
    }
    for (name, key) in &found {
        let one = agent(agents, name);
        one.has_grants = true;
        let place = Place::file(list.file);
        one.place.get_or_insert(place);
        let product = one.product.unwrap_or(product::UNKNOWN);
        let server = super::clients::Server {
            key: key.clone(),
            names: BTreeSet::new(),
            only: None,
            without: Vec::new(),
            approved: Vec::new(),
            trusted: false,
            read_only: false,
            disabled: false,
            acts_as: BTreeSet::new(),
            place,
        };
        let served = Served {
            server,
            policy: list.path.clone(),
            product,
            is_listed: false,
            reads: BTreeSet::new(),
        };
        one.servers.entry(key.clone()).or_insert(served);
    }
    found
}

/// The actions of a server's tool: one for each value of the argument that chooses among them.
fn actions_of(key: &str, tool: &Tool) -> Vec<Str> {
    match &tool.dispatch {
        Some((_, methods)) => {
            methods.iter().map(|one| names::mcp(key, &tool.name, Some(one)).into()).collect()
        }
        None => vec![names::mcp(key, &tool.name, None).into()],
    }
}

/// A list in the form in which a program gives its model tools: those of the agent that the file is from.
fn own_tools(
    estate: &AgentEstate,
    list: &NamedList,
    agents: &mut BTreeMap<Str, Agent>,
    judged: &mut Judged,
) {
    let name: Str = match &*list.context {
        "" => product::name(&list.path, product::CHAT).into(),
        _ => list.context.clone(),
    };
    let one = agent(agents, &name);
    one.has_grants = true;
    one.place.get_or_insert(Place::file(list.file));
    let prefix = access::shared_prefix(&list.list.tools);
    for tool in &list.list.tools {
        let base = names::of_call(&tool.name);
        let actions: Vec<Str> = match &tool.dispatch {
            Some((_, methods)) if base.starts_with("mcp:") => {
                methods.iter().map(|one| format!("{base}#{one}").into()).collect()
            }
            _ => vec![base.into()],
        };
        for action in actions {
            judged.tool(&action, tool, prefix.as_deref(), estate);
            one.offers.push(Offer {
                action: Glob::new(&action),
                resources: Vec::new(),
                asks: Some(false),
                policy: list.path.clone(),
                place: Some(tool.place),
            });
        }
    }
}

impl Judged {
    /// Judges an action by a tool's description; of several descriptions the worst holds.
    fn tool(
        &mut self,
        action: &Str,
        tool: &Tool,
        prefix: Option<&str>,
        estate: &AgentEstate,
    ) -> AccessLevel {
        let method = action.split_once('#').map(|(_, method)| method);
        let found = access::judge(action, tool, method, prefix, &estate.settings);
        let known = self.levels.entry(action.clone()).or_insert(found.level);
        if access::rank(found.level) > access::rank(*known) {
            *known = found.level;
        }
        if let Some(text) = found.unproven {
            self.notes.push(ToolNote {
                kind: ToolNoteKind::HintContradicts,
                platform: super::ID.into(),
                action: action.clone(),
                identity: None,
                text: text.into(),
                places: vec![tool.place],
            });
        }
        found.level
    }
}

/// What the owner says of actions that no list describes.
fn owners_levels(
    estate: &AgentEstate,
    candidates: &BTreeMap<Str, BTreeSet<Str>>,
    judged: &mut Judged,
) {
    for action in candidates.values().flatten() {
        let tool = names::tool_of(action);
        let fits = |glob: &Glob| glob.matches(action) || glob.matches(tool);
        let rule =
            estate.settings.tools.iter().find(|rule| rule.access.is_some() && fits(&rule.matches));
        if let Some(level) = rule.and_then(|rule| rule.access) {
            judged.levels.insert(action.clone(), level);
        }
    }
}

/// Gateways to the agents that the configuration names for them; the others are asked by server.
fn gateways(estate: &AgentEstate, agents: &mut BTreeMap<Str, Agent>, tables: &mut Tables) {
    for (number, (gateway, context)) in estate.gateways.iter().enumerate() {
        if !context.is_empty() {
            agent(agents, context).gateways.push(number);
        }
        let is_used = agents.values().any(|one| {
            one.gateways.contains(&number)
                || one.servers.keys().any(|key| super::gateway::is_behind(gateway, key))
        });
        if !is_used {
            let text = format!(
                "the rules of gateway {} are of no agent's server: name its file under `agents:`",
                gateway.name
            );
            tables.notes.push((Some(gateway.place), text));
        }
    }
}

/// Identities and links.
fn describe(agents: &BTreeMap<Str, Agent>, tables: &mut Tables) {
    for (name, one) in agents {
        let id = names::identity(name);
        let mut identity = Identity::new(id.clone(), super::ID, IdentityKind::Agent);
        identity.name = format!("agent:agent/{name}").into();
        identity.account = name.clone();
        identity.workload = one.product.map(|product| format!("an AI agent ({product})").into());
        identity.has_grant_evidence = one.has_grants;
        identity.holes = one.holes.clone();
        identity.place = one.place;
        if !one.has_grants {
            identity.labels.insert(Label::LogOnly);
        }
        tables.identities.push(identity);
        tables.links.extend(one.acts_as.iter().map(|(to, how, place)| Link {
            from: id.clone(),
            to: to.clone(),
            mechanism: how.clone(),
            place: *place,
        }));
    }
}
