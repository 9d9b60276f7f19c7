//! What a call of a tool touches and sends to, from its arguments.
//!
//! Owns the templates of `tools:` rules (`docs/configuration.md`, tools), the built-in rules (`data/tools.json`) and
//! the fallback by parameter names. Arguments hold secrets: nothing leaves this module but what a rule or the
//! fallback extracts and makes comparable: no query of a URL, no argument of a command, no text of a message.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::normalise::{self, Normal};
use super::shell;
use crate::model::{AccessLevel, Glob, Settings, Str, ToolRule};

/// What was extracted of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Resource scopes, sorted, each once: `file:/srv/tickets/7.md`, `github:acme/shop`, `sql:tickets`.
    pub scopes: Vec<Str>,
    /// Where it sends something: `host:example.com`, `mail:example.com`, `to:GB29…`.
    pub destinations: Vec<Str>,
    /// What chooses among the actions of the tool: `delete`, `git push`. A shell line may run several programs.
    /// Empty where nothing chooses, or what is chosen is not certain.
    pub methods: Vec<Str>,
    /// What the arguments say of the access, where they say it: a dry run, a kind of SQL statement.
    pub access: Option<AccessLevel>,
}

impl Extracted {
    /// The actions of the call: the tool's own, or one for each method.
    pub fn actions(&self, tool_action: &str) -> Vec<Str> {
        match self.methods.as_slice() {
            [] => vec![tool_action.into()],
            many => many.iter().map(|one| format!("{tool_action}#{one}").into()).collect(),
        }
    }

    /// Scopes and destinations together, sorted: what the usage table holds of the call.
    pub fn touched(&self) -> Vec<Str> {
        let mut all: Vec<Str> = self.scopes.iter().chain(&self.destinations).cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Values of one call that are looked at.
const MAX_VALUES: usize = 32;

/// The names of parameters that choose among several actions of a tool, where their value is a word (of 117 GitHub
/// tools 17 have one; github/github-mcp-server `pkg/github/__toolsnaps__` @64a49f34).
pub const DISPATCH: [&str; 6] =
    ["method", "action", "operation", "subCommand", "op", "sub_command"];

/// A built-in rule.
#[derive(Debug, Deserialize)]
struct BuiltIn {
    #[serde(rename = "match")]
    matches: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    destinations: Vec<String>,
    dispatch: Option<String>,
    normalise: Option<String>,
    /// The argument that holds a shell line.
    shell: Option<String>,
    /// Whether nothing is to be extracted: the arguments name no resource.
    #[serde(default)]
    nothing: bool,
}

#[derive(Debug, Deserialize)]
struct BuiltIns {
    tools: Vec<BuiltIn>,
}

/// A built-in rule, compiled.
struct Known {
    rule: ToolRule,
    shell: Option<String>,
    nothing: bool,
}

fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let file: BuiltIns = serde_json::from_str(include_str!("data/tools.json"))
            .unwrap_or_else(|_| BuiltIns { tools: Vec::new() });
        let texts = |all: Vec<String>| all.into_iter().map(Str::from).collect();
        let compile = |one: BuiltIn| Known {
            rule: ToolRule {
                matches: Glob::new(&one.matches),
                resources: texts(one.resources),
                destinations: texts(one.destinations),
                dispatch: one.dispatch.map(Str::from),
                normalise: one.normalise.map(Str::from),
                access: None,
                trusted: false,
            },
            shell: one.shell,
            nothing: one.nothing,
        };
        file.tools.into_iter().map(compile).collect()
    })
}

/// Whether a tool takes shell lines: its actions are a family by program.
pub fn is_shell(tool_action: &str) -> bool {
    known().iter().any(|one| one.shell.is_some() && one.rule.matches.matches(tool_action))
}

/// The name of the argument that chooses among a tool's actions by a rule; `a|b` are alternatives.
pub fn dispatch_rule(tool_action: &str, settings: &Settings) -> Option<Str> {
    let fits = |rule: &&ToolRule| rule.dispatch.is_some() && rule.matches.matches(tool_action);
    let own = settings.tools.iter().find(fits);
    own.or_else(|| known().iter().map(|one| &one.rule).find(fits))
        .and_then(|rule| rule.dispatch.clone())
}

/// Extracts what a call touches. `tool_action` is the action without a method: `mcp:github/label_write`, `agent:Bash`.
///
/// The owner's rules come first, then the built-in ones, then the fallback by parameter names; of each the first
/// that yields a value holds. Arguments that are text are read as JSON if they are an object.
pub fn of(tool_action: &str, arguments: &Value, settings: &Settings) -> Extracted {
    let parsed: Value;
    let arguments = match arguments {
        Value::String(text) => {
            parsed = serde_json::from_str(text).unwrap_or(Value::Null);
            &parsed
        }
        other => other,
    };
    let mut out = Extracted::default();
    let is_object = arguments.is_object();
    if let Some(shell) = known()
        .iter()
        .find(|one| one.shell.is_some() && one.rule.matches.matches(tool_action))
        .and_then(|one| one.shell.as_deref())
    {
        out.methods = line(arguments, shell);
    } else if is_object {
        out.methods.extend(method(tool_action, arguments, settings));
    }
    if !is_object {
        return out;
    }
    let is_dry =
        ["dryRun", "dry_run"].iter().any(|key| arguments.get(key) == Some(&Value::Bool(true)));
    out.access = is_dry.then_some(AccessLevel::Read);
    let rules = settings.tools.iter().filter(|rule| rule.matches.matches(tool_action));
    for rule in rules {
        if apply(rule, arguments, &mut out) {
            return out;
        }
    }
    for one in known().iter().filter(|one| one.rule.matches.matches(tool_action)) {
        if one.nothing || one.shell.is_some() || apply(&one.rule, arguments, &mut out) {
            return out;
        }
    }
    fallback(tool_action, arguments, &mut out);
    finish(&mut out);
    out
}

/// The programs of a shell argument: a line, or a list of words whose first are `bash -lc LINE`.
fn line(arguments: &Value, name: &str) -> Vec<Str> {
    let found = name.split('|').find_map(|name| arguments.get(name));
    let text: Cow<'_, str> = match found {
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            match words.as_slice() {
                [program, flag, line]
                    if program.ends_with("sh") && matches!(*flag, "-c" | "-lc") =>
                {
                    Cow::Borrowed(*line)
                }
                // Words that a shell never saw: separators in them are text.
                [program, rest @ ..] => {
                    let plain = |word: &&&str| {
                        word.bytes().all(|byte| !b";|&<>`$()\n'\"\\".contains(&byte))
                    };
                    let rest: Vec<&str> = rest.iter().take_while(plain).copied().collect();
                    Cow::Owned(format!("{program} {}", rest.join(" ")))
                }
                [] => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    let programs = shell::programs(&text).unwrap_or_default();
    programs.into_iter().take(MAX_VALUES).map(Str::from).collect()
}

/// The word that chooses among the tool's actions.
fn method(tool_action: &str, arguments: &Value, settings: &Settings) -> Option<Str> {
    let word = |name: &str| {
        let text = arguments.get(name)?.as_str()?;
        is_word(text).then(|| Str::from(text))
    };
    match dispatch_rule(tool_action, settings) {
        Some(names) => names.split('|').find_map(word),
        None if tool_action.starts_with("mcp:") => DISPATCH.into_iter().find_map(word),
        None => None,
    }
}

/// Whether a value can be a choice of a list rather than free text, which never becomes part of an action.
pub fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte))
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !normalise::is_opaque(text)
}

/// Applies a rule; whether it yielded a value.
fn apply(rule: &ToolRule, arguments: &Value, out: &mut Extracted) -> bool {
    let kind = rule.normalise.as_deref();
    let before = (out.scopes.len(), out.destinations.len());
    for template in &rule.resources {
        let access = fill(template, kind, arguments, &mut out.scopes);
        out.access = out.access.or(access);
    }
    for template in &rule.destinations {
        fill(template, kind, arguments, &mut out.destinations);
    }
    finish(out);
    (out.scopes.len(), out.destinations.len()) != before
}

fn finish(out: &mut Extracted) {
    for list in [&mut out.scopes, &mut out.destinations] {
        list.sort_unstable();
        list.dedup();
        list.truncate(MAX_VALUES);
    }
}

/// A piece of a template.
enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push(Piece::Text(before));
        let Some((name, behind)) = after.split_once('}') else {
            return out;
        };
        out.push(Piece::Name(name));
        rest = behind;
    }
    out.push(Piece::Text(rest));
    out
}

/// Fills a template in and adds what comes of it. A value that is absent, unless it is optional, or that is hashed,
/// redacted or cut leaves the template out: the scope is unknown then.
fn fill(
    template: &str,
    kind: Option<&str>,
    arguments: &Value,
    out: &mut Vec<Str>,
) -> Option<AccessLevel> {
    let pieces = pieces(template);
    let prefix = match pieces.first() {
        Some(Piece::Text(text)) => text.trim_end_matches(|last: char| last != ':'),
        _ => "",
    };
    let kind = Normal::of(kind, prefix);
    let mut access = None;
    let mut made: Vec<String> = vec![String::new()];
    for piece in &pieces {
        match piece {
            Piece::Text(text) => made.iter_mut().for_each(|one| one.push_str(text)),
            Piece::Name(name) => {
                let (found, is_optional) = values(name, arguments);
                let mut plain: Vec<String> = Vec::new();
                for value in found.iter().filter(|value| !normalise::is_opaque(value)) {
                    let (normal, level) = kind.apply(value);
                    access = access.max(level);
                    plain.extend(normal);
                }
                if plain.is_empty() {
                    if is_optional {
                        continue;
                    }
                    return access;
                }
                let joined = made
                    .iter()
                    .flat_map(|before| plain.iter().map(move |value| format!("{before}{value}")));
                made = joined.take(MAX_VALUES).collect();
            }
        }
    }
    // Without a prefix of its own a destination says what it is.
    let prefix = if prefix.is_empty() { kind.prefix() } else { "" };
    out.extend(made.into_iter().map(|one| Str::from(format!("{prefix}{one}"))));
    access
}

/// The values of a name: `a.b` nested, `a|b` the first that is there, `a[]` each of a list, `a?` optional.
fn values<'a>(name: &str, arguments: &'a Value) -> (Vec<Cow<'a, str>>, bool) {
    let (name, is_optional) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    for one in name.split('|') {
        let (path, each) = match one.strip_suffix("[]") {
            Some(path) => (path, true),
            None => (one, false),
        };
        let found = path.split('.').try_fold(arguments, |value, key| value.get(key));
        let found: Vec<Cow<'a, str>> = match found {
            Some(Value::Array(items)) if each => {
                items.iter().take(MAX_VALUES).filter_map(scalar).collect()
            }
            Some(value) => scalar(value).into_iter().collect(),
            None => Vec::new(),
        };
        if !found.is_empty() {
            return (found, is_optional);
        }
    }
    (Vec::new(), is_optional)
}

fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(Cow::Borrowed(text.trim())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Parameter names of the fallback.
const PATHS: &[&str] = &[
    "path",
    "file_path",
    "filepath",
    "filePath",
    "filename",
    "paths",
    "cwd",
    "repo_path",
    "absolute_path",
    "dir_path",
];
/// Names that are paths only if their value looks like one.
const MAYBE_PATHS: &[&str] = &["file", "source", "destination", "dir", "directory", "folder"];
const HOSTS: &[&str] =
    &["url", "uri", "endpoint", "host", "hostname", "domain", "webhook", "webhook_url"];
const RECIPIENTS: &[&str] =
    &["to", "recipients", "recipient", "email", "channel", "iban", "user_email"];
const TABLES: &[&str] = &[
    "table",
    "table_name",
    "tableName",
    "collection",
    "database",
    "dataset",
    "bucket",
    "queue",
    "index_name",
];
const RECORDS: &[&str] = &["ticket_id", "issue_number", "pullNumber", "record_id", "id", "key"];

/// By parameter names, where no rule says anything.
fn fallback(tool_action: &str, arguments: &Value, out: &mut Extracted) {
    let of = |name: &str| -> Vec<Cow<'_, str>> {
        let (found, _) = values(&format!("{name}[]"), arguments);
        found.into_iter().filter(|value| !normalise::is_opaque(value)).collect()
    };
    let add = |names: &[&str], kind: Normal, list: &mut Vec<Str>, fits: &dyn Fn(&str) -> bool| {
        for name in names {
            for value in of(name).iter().filter(|value| fits(value)) {
                let (normal, _) = kind.apply(value);
                list.extend(
                    normal.into_iter().map(|one| Str::from(format!("{}{one}", kind.prefix()))),
                );
            }
        }
    };
    let any = |_: &str| true;
    add(PATHS, Normal::Path, &mut out.scopes, &any);
    add(MAYBE_PATHS, Normal::Path, &mut out.scopes, &|value: &str| {
        value.contains(['/', '\\']) || (value.contains('.') && !value.contains(' '))
    });
    let looks_like_host =
        |value: &str| value.contains("://") || value.contains('.') || value == "localhost";
    add(HOSTS, Normal::Host, &mut out.destinations, &looks_like_host);
    add(RECIPIENTS, Normal::Recipient, &mut out.destinations, &|value: &str| value.len() <= 128);
    add(TABLES, Normal::Table, &mut out.scopes, &any);
    let one = |name: &str| of(name).into_iter().next();
    if let Some(project) = one("project_id").or_else(|| one("repository")) {
        out.scopes.push(format!("repo:{project}").into());
    }
    if let Some(kind) =
        one("resourceType").or_else(|| one("resource_type")).filter(|kind| is_word(kind))
    {
        let namespace = one("namespace").filter(|name| is_word(name));
        let namespace = namespace.map(|name| format!("{name}/")).unwrap_or_default();
        out.scopes.push(format!("k8s:{namespace}{kind}").into());
    }
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let is_arn = name.ends_with("_arn") || name.ends_with("Arn") || name == "arn";
        if let (true, Some(text)) = (is_arn, value.as_str().filter(|text| text.starts_with("arn:")))
        {
            out.scopes.push(text.chars().take(512).collect::<String>().into());
        }
    }
    if out.scopes.is_empty()
        && out.destinations.is_empty()
        && RECORDS.iter().any(|name| one(name).is_some())
    {
        out.scopes.extend(noun(tool_action).map(|noun| Str::from(format!("record:{noun}"))));
    }
}

/// The noun of a tool's name: what follows its verb. The container of a record, never the record.
fn noun(tool_action: &str) -> Option<String> {
    let tool = tool_action.rsplit(['/', ':']).next()?;
    let words = super::names::words(tool);
    let rest = words.split_first().map(|(_, rest)| rest).filter(|rest| !rest.is_empty())?;
    Some(rest.join("-"))
}

#[cfg(test)]
mod tests;
