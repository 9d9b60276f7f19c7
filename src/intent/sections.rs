//! The sections of `authgap.yaml`, read strictly.
//!
//! An unknown key, a wrong type or a value that cannot be meant is an error with its place; all errors of a
//! file are told at once. One function a section; the types are `config`'s.

use super::config::{
    AgentRule, ClusterRule, Config, EnvironmentRule, Field, Gate, IdentityEntry, IntentEntry,
    LabelRule, Rule, Waiver, Window, parse_days_span,
};
use super::hours::{Hours, parse_clock, parse_days};
use super::node::{self, Node, Value};
use super::read::{Fields, Reader};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Glob, Str};

const TOP: [&str; 11] = [
    "window",
    "stale_after",
    "identities",
    "labels",
    "sensitivities",
    "environments",
    "agents",
    "clusters",
    "tools",
    "waivers",
    "gate",
];

/// Names that a later version may give a meaning; until then they are errors that say so.
const RESERVED: [&str; 1] = ["scopes"];

/// Reads a configuration; see [`super::config::parse`].
pub(super) fn read(text: &str, path: &str) -> Result<Config, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut root = node::parse(text, path).map_err(|error| vec![*error])?;
    let mut reader = Reader::new(text, path);
    let mut config = Config { path: path.into(), text: text.into(), ..Config::default() };
    if matches!(root.value, Value::Null) {
        return Ok(config);
    }
    take_reserved(&mut root, &mut reader);
    if let Some(fields) = reader.fields(&root, "", &TOP, &[]) {
        read_top(&fields, &mut reader, &mut config);
    }
    let errors = reader.finish();
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

fn take_reserved(root: &mut Node, reader: &mut Reader<'_>) {
    let Value::Map(entries) = &mut root.value else {
        return;
    };
    entries.retain(|(key, _)| {
        let Value::Text(name) = &key.value else {
            return true;
        };
        let reserved = RESERVED.contains(&name.as_str());
        if reserved {
            let message = format!("key `{name}` is reserved and has no meaning in this version");
            reader.error(key, message, None, "remove it");
        }
        !reserved
    });
}

fn read_top(fields: &Fields<'_>, reader: &mut Reader<'_>, config: &mut Config) {
    config.window = fields.read("window", |node| {
        let text = reader.text(node, "window")?;
        let window = Window::parse(&text);
        if window.is_none() {
            let message = format!("`{text}` is no window");
            reader.error(node, message, None, "write days, such as 90d, or all");
        }
        window
    });
    config.stale_after_days = fields.read("stale_after", |node| {
        let text = reader.text(node, "stale_after")?;
        let days = parse_days_span(&text);
        if days.is_none() {
            let message = format!("`{text}` is no number of days");
            reader.error(node, message, None, "write days, such as 90d");
        }
        days
    });
    if let Some(node) = fields.get("sensitivities")
        && let Some(words) = reader.texts(node, "sensitivities")
    {
        if words.is_empty() {
            let message = "`sensitivities` is empty".to_string();
            reader.error(node, message, None, "name them from the least to the most sensitive");
        } else {
            config.sensitivities = words;
        }
    }
    let words: Vec<Str> = config.sensitivities.clone();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    let section = |name: &str| fields.get(name);
    if let Some(node) = section("identities") {
        let read = |reader: &mut Reader<'_>, item: &Node| identity(reader, item, &words);
        config.identities = reader.each(node, "identities", read).unwrap_or_default();
    }
    if let Some(node) = section("labels") {
        let read = |reader: &mut Reader<'_>, item: &Node| label(reader, item, &words);
        config.labels = reader.each(node, "labels", read).unwrap_or_default();
    }
    if let Some(node) = section("environments") {
        config.environments = reader.each(node, "environments", environment).unwrap_or_default();
    }
    if let Some(node) = section("agents") {
        config.agents = reader.each(node, "agents", agent).unwrap_or_default();
    }
    if let Some(node) = section("clusters") {
        config.clusters = reader.each(node, "clusters", cluster).unwrap_or_default();
    }
    if let Some(node) = section("tools") {
        config.tools = super::tools::section(reader, node);
    }
    if let Some(node) = section("waivers") {
        config.waivers = reader.each(node, "waivers", waiver).unwrap_or_default();
    }
    if let Some(node) = section("gate") {
        gate(reader, node, &mut config.gate);
    }
}

fn identity(reader: &mut Reader<'_>, node: &Node, words: &[&str]) -> Option<IdentityEntry> {
    let keys = ["match", "owner", "purpose", "environment", "third_party", "expires", "intent"];
    let fields = reader.fields(node, "identities", &keys, &["match"])?;
    let owner = fields.read("owner", |node| reader.text(node, "owner"));
    let purpose = fields.read("purpose", |node| reader.text(node, "purpose"));
    let environment = fields.read("environment", |node| reader.text(node, "environment"));
    let third_party = fields.read("third_party", |node| reader.boolean(node, "third_party"));
    let expires = fields.read("expires", |node| reader.end(node, "expires"));
    let intent = fields.read("intent", |node| intent(reader, node, words));
    Some(IdentityEntry {
        spot: node.spot,
        matches: fields.read("match", |node| reader.pattern(node, "match"))?,
        owner,
        purpose,
        environment,
        third_party,
        expires,
        intent,
    })
}

fn intent(reader: &mut Reader<'_>, node: &Node, words: &[&str]) -> Option<IntentEntry> {
    let keys = ["allow", "deny", "resources", "hours", "destinations", "data"];
    let fields = reader.fields(node, "intent", &keys, &[])?;
    let mut out = IntentEntry {
        allow: fields.read("allow", |node| {
            reader.each(node, "allow", |reader, item| rule(reader, item, "allow"))
        }),
        deny: fields.read("deny", |node| {
            reader.each(node, "deny", |reader, item| rule(reader, item, "deny"))
        }),
        resources: fields.read("resources", |node| reader.patterns(node, "resources")),
        hours: fields.read("hours", |node| hours(reader, node)),
        ..IntentEntry::default()
    };
    if let Some(node) = fields.get("destinations")
        && let Some(inner) = reader.fields(node, "destinations", &["regions", "accounts"], &[])
    {
        out.regions = inner.read("regions", |node| reader.patterns(node, "regions"));
        out.accounts = inner.read("accounts", |node| reader.patterns(node, "accounts"));
    }
    let data = ["max", "require_condition_above"];
    if let Some(node) = fields.get("data")
        && let Some(inner) = reader.fields(node, "data", &data, &[])
    {
        let mut limit =
            |key: &str| inner.read(key, |node| reader.word(node, key, words).map(Str::from));
        out.max = limit("max");
        out.require_condition_above = limit("require_condition_above");
        // A finding about data cites the section, which holds both limits.
        let section = fields.spot("data").unwrap_or_default();
        let limits = [&mut out.max, &mut out.require_condition_above];
        for limit in limits.into_iter().flatten() {
            limit.spot = section;
        }
    }
    Some(out)
}

fn rule(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Rule> {
    let spot = node.spot;
    if !matches!(node.value, Value::Map(_)) {
        if !matches!(node.value, Value::Text(_)) {
            let message = format!(
                "an item of `{what}` must be an action or `{{actions, resources}}`, found {}",
                node.value.name()
            );
            reader.error(node, message, None, "");
            return None;
        }
        let action = action(reader, node, what)?;
        return Some(Rule { spot, actions: vec![action], resources: None });
    }
    let fields = reader.fields(node, what, &["actions", "resources"], &["actions"])?;
    let actions = fields.get("actions").and_then(|node| {
        reader.each(node, "actions", |reader, item| action(reader, item, "actions"))
    });
    let resources = match fields.get("resources") {
        Some(node) => Some(reader.patterns(node, "resources")?),
        None => None,
    };
    Some(Rule { spot, actions: actions?, resources })
}

fn action(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Glob> {
    reader.text(node, what).map(|text| Glob::fold(&text))
}

fn hours(reader: &mut Reader<'_>, node: &Node) -> Option<Hours> {
    let keys = ["timezone", "days", "from", "to"];
    let fields = reader.fields(node, "hours", &keys, &["timezone", "days", "from", "to"])?;
    let zone = fields.get("timezone").and_then(|node| zone(reader, node));
    let days = fields.get("days").and_then(|node| days(reader, node));
    let mut clock = |key: &str| {
        let node = fields.get(key)?;
        let text = reader.text(node, key)?;
        let minutes = parse_clock(&text);
        if minutes.is_none() {
            let message = format!("`{key}` is no clock time: `{text}`");
            reader.error(node, message, None, "write hours and minutes, such as \"08:00\"");
        }
        minutes
    };
    let (from, to) = (clock("from"), clock("to"));
    match Hours::new(zone?, days?, from?, to?) {
        Ok(hours) => Some(hours),
        Err(reason) => {
            reader.error(node, format!("`hours` cannot hold: {reason}"), None, "");
            None
        }
    }
}

fn zone(reader: &mut Reader<'_>, node: &Node) -> Option<jiff::tz::TimeZone> {
    let name = reader.text(node, "timezone")?;
    if let Ok(zone) = jiff::tz::TimeZone::get(&name) {
        return Some(zone);
    }
    let known: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_string()).collect();
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.sort_unstable();
    let label = nearest(&name, &known).map(|word| format!("did you mean `{word}`?"));
    let message = format!("`{name}` is no time zone");
    let help = "write a name of the IANA time zone database, such as Europe/London or UTC";
    reader.error(node, message, label, help);
    None
}

fn days(reader: &mut Reader<'_>, node: &Node) -> Option<[bool; 7]> {
    let mut named = [false; 7];
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for item in items {
        let text = reader.text(item, "days")?;
        if let Err(part) = parse_days(&text, &mut named) {
            let message = format!("`{part}` names no day");
            let help = "write mon, tue, wed, thu, fri, sat, sun, or a span such as mon-fri";
            reader.error(item, message, None, help);
            return None;
        }
    }
    Some(named)
}

fn label(reader: &mut Reader<'_>, node: &Node, words: &[&str]) -> Option<LabelRule> {
    let keys = ["match", "sensitivity"];
    let fields = reader.fields(node, "labels", &keys, &keys)?;
    let matches = fields.get("match").and_then(|node| reader.pattern(node, "match"));
    let sensitivity =
        fields.get("sensitivity").and_then(|node| reader.word(node, "sensitivity", words));
    Some(LabelRule { spot: node.spot, matches: matches?, sensitivity: sensitivity?.into() })
}

fn environment(reader: &mut Reader<'_>, node: &Node) -> Option<EnvironmentRule> {
    let keys = ["match", "environment"];
    let fields = reader.fields(node, "environments", &keys, &keys)?;
    let matches = fields.get("match").and_then(|node| reader.pattern(node, "match"));
    let environment = fields.get("environment").and_then(|node| reader.text(node, "environment"));
    Some(EnvironmentRule { spot: node.spot, matches: matches?, environment: environment? })
}

fn agent(reader: &mut Reader<'_>, node: &Node) -> Option<AgentRule> {
    let fields = reader.fields(node, "agents", &["name", "paths", "servers"], &["name"])?;
    let mut texts =
        |key: &str| fields.get(key).and_then(|node| reader.texts(node, key)).unwrap_or_default();
    let (paths, servers) = (texts("paths"), texts("servers"));
    let name = fields.get("name").and_then(|node| reader.text(node, "name"))?;
    Some(AgentRule { spot: node.spot, name, paths, servers })
}

fn cluster(reader: &mut Reader<'_>, node: &Node) -> Option<ClusterRule> {
    let keys = ["name", "paths"];
    let fields = reader.fields(node, "clusters", &keys, &keys)?;
    let name = fields.get("name").and_then(|node| reader.text(node, "name"));
    let paths = fields.get("paths").and_then(|node| reader.texts(node, "paths"));
    Some(ClusterRule { spot: node.spot, name: name?, paths: paths? })
}

fn waiver(reader: &mut Reader<'_>, node: &Node) -> Option<Waiver> {
    let keys = ["finding", "identity", "reason", "owner", "expires"];
    let required = ["finding", "reason", "owner", "expires"];
    let fields = reader.fields(node, "waivers", &keys, &required)?;
    let finding = fields.read("finding", |node| reader.text(node, "finding"));
    let identity = fields.read("identity", |node| reader.pattern(node, "identity"));
    // A misread identity must not become a waiver for all.
    let is_limited = fields.get("identity").is_none() || identity.is_some();
    let reason = fields.get("reason").and_then(|node| reader.text(node, "reason"));
    let owner = fields.get("owner").and_then(|node| reader.text(node, "owner"));
    let expires = fields.get("expires").and_then(|node| {
        let value = reader.end(node, "expires")?;
        let spot = node.spot;
        Some(Field { value, spot })
    });
    is_limited.then_some(())?;
    Some(Waiver {
        spot: node.spot,
        finding: finding?,
        identity,
        reason: reason?,
        owner: owner?,
        expires: expires?,
    })
}

fn gate(reader: &mut Reader<'_>, node: &Node, gate: &mut Gate) {
    let severities: [&'static str; 5] = ["info", "low", "medium", "high", "critical"];
    let Some(fields) = reader.fields(node, "gate", &["fail_on", "new_only"], &[]) else {
        return;
    };
    if let Some(severity) = fields.read("fail_on", |node| reader.word(node, "fail_on", &severities))
    {
        gate.fail_on = severity;
    }
    if let Some(node) = fields.get("new_only")
        && let Some(value) = reader.boolean(node, "new_only")
    {
        gate.new_only = value;
    }
}
