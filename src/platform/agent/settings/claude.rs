//! Claude Code's permission settings.
//!
//! Deny, then ask, then allow: the first list with a match decides, specificity is irrelevant, lists of all files are
//! one (Claude Code documentation, "Configure permissions", 2026; SchemaStore `claude-code-settings.json` @00d75637).
//! Owns the forms of rules, what they match of a call, and the rules over actions that they mean.

use serde_json::Value;

use super::{Effect, Mode, Rule, Target};
use crate::evidence::tree::Node;
use crate::model::{Glob, Str};
use crate::platform::agent::{access, names, normalise, shell};

/// A call, for [`matches`] and [`decide`].
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tool as Claude Code names it: `Bash`, `mcp__github__get_issue`.
    pub tool: &'a str,
    /// Its arguments.
    pub input: &'a Value,
}

/// Where the session runs: what paths in rules are relative to. Empty where it is not known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The current directory.
    pub cwd: &'a str,
    /// The project's root.
    pub project_root: &'a str,
    /// The home directory.
    pub home: &'a str,
}

/// Tools that edit files; `Edit(path)` is about all of them.
const EDITORS: [&str; 4] = ["Edit", "Write", "MultiEdit", "NotebookEdit"];

/// Tools that read files; `Read(path)` is about all of them.
const READERS: [&str; 3] = ["Read", "Grep", "Glob"];

/// Rules with a path for these are accepted and never consulted.
const IGNORED: [&str; 4] = ["Write", "MultiEdit", "NotebookEdit", "Glob"];

/// Fields that `Tool(param:value)` does not compare.
const CANONICAL: [&str; 4] = ["command", "file_path", "url", "path"];

/// Programs that no prefix rule allows.
const NEVER_BY_PREFIX: [&str; 4] = ["watch", "setsid", "ionice", "flock"];

/// Built-in tools that run without asking in every mode.
const SILENT: [&str; 9] = [
    "Read",
    "Grep",
    "Glob",
    "Agent",
    "Task",
    "TodoWrite",
    "AskUserQuestion",
    "ExitPlanMode",
    "BashOutput",
];

/// The tools that every installation has: what settings do not narrow is granted (documentation, "Settings", tools).
pub const TOOLS: [&str; 11] = [
    "Agent",
    "Bash",
    "Edit",
    "Glob",
    "Grep",
    "NotebookEdit",
    "Read",
    "Skill",
    "WebFetch",
    "WebSearch",
    "Write",
];

fn parts(rule: &str) -> (&str, Option<&str>) {
    match rule.strip_suffix(')').and_then(|rule| rule.split_once('(')) {
        Some((tool, spec)) => (tool.trim(), Some(spec)),
        None => (rule.trim(), None),
    }
}

/// Whether a rule of a list matches a call.
pub fn matches(rule: &str, list: Effect, call: &Call<'_>, context: &Context<'_>) -> bool {
    let (tool, spec) = parts(rule);
    let spec = spec.filter(|spec| *spec != "*");
    let Some(spec) = spec else {
        return match tool {
            "Edit" if list == Effect::Allow => EDITORS.contains(&call.tool),
            _ => tool_matches(tool, list, call.tool),
        };
    };
    if let Some((parameter, value)) = parameter(tool, spec, list) {
        let given = call.input.get(parameter);
        let given = given.and_then(|given| match given {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(given.to_string()),
            _ => None,
        });
        return tool == call.tool && given.is_some_and(|given| Glob::new(value).matches(&given));
    }
    match tool {
        "Bash" => call.tool == "Bash" && command_matches(spec, list, call.input),
        "Read" | "Edit" => path_matches(tool, spec, call, context),
        "WebFetch" => {
            let url = call.input.get("url").and_then(Value::as_str).unwrap_or_default();
            call.tool == tool && host_matches(spec, url)
        }
        "Agent" | "Task" => {
            let named = call.input.get("subagent_type").and_then(Value::as_str);
            matches!(call.tool, "Agent" | "Task") && named == Some(spec)
        }
        "Skill" => {
            let named = ["skill", "command"].iter().find_map(|key| call.input.get(key)?.as_str());
            let spec = spec.trim_end_matches(" *").trim_end_matches(":*");
            call.tool == tool && named == Some(spec)
        }
        _ => false,
    }
}

/// `Tool(param:value)`: deny and ask only, and not for fields that have rules of their own.
fn parameter<'r>(tool: &str, spec: &'r str, list: Effect) -> Option<(&'r str, &'r str)> {
    let (name, value) = spec.split_once(':')?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_free = list != Effect::Allow && is_name && !CANONICAL.contains(&name);
    let is_suffix = value == "*" && tool == "Bash";
    (is_free && tool != "WebFetch" && tool != "Skill" && !is_suffix && !value.is_empty())
        .then_some((name, value))
}

fn tool_matches(pattern: &str, list: Effect, tool: &str) -> bool {
    if pattern == tool || (pattern == "Task" && tool == "Agent") {
        return true;
    }
    let Some(rest) = pattern.strip_prefix("mcp__") else {
        return pattern == "*" && list != Effect::Allow;
    };
    let (server, _) = rest.split_once("__").unwrap_or((rest, ""));
    if server.contains('*') {
        return list != Effect::Allow && Glob::new(pattern).matches(tool);
    }
    match rest.contains("__") {
        true => Glob::new(pattern).matches(tool),
        false => tool.strip_prefix(pattern).is_some_and(|rest| rest.starts_with("__")),
    }
}

/// The patterns that a command specifier means: `cmd *` and `cmd:*` are `cmd` and `cmd ` with anything behind.
fn command_globs(spec: &str) -> Vec<Glob> {
    let prefix = spec.strip_suffix(":*").or_else(|| spec.strip_suffix(" *"));
    match prefix {
        Some(prefix) => {
            let prefix = prefix.trim_end();
            vec![Glob::new(prefix), Glob::new(&format!("{prefix} *"))]
        }
        None => vec![Glob::new(spec)],
    }
}

fn command_matches(spec: &str, list: Effect, input: &Value) -> bool {
    let command = input.get("command").and_then(Value::as_str).unwrap_or_default();
    let globs = command_globs(spec);
    let is_exact = globs.iter().all(Glob::is_exact);
    let line = shell::split(command);
    let one = |part: &str| {
        let inner = shell::unwrapped(part);
        let fits = globs.iter().any(|glob| glob.matches(inner) || glob.matches(part));
        fits && (list != Effect::Allow || is_exact || !escapes_prefix(inner))
    };
    match list {
        Effect::Allow => {
            line.is_certain && !line.parts.is_empty() && line.parts.iter().all(|part| one(part))
        }
        Effect::Ask | Effect::Deny => line.parts.iter().any(|part| one(part)),
    }
}

/// Commands that a prefix rule never allows: they run or delete what their arguments say.
fn escapes_prefix(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    NEVER_BY_PREFIX.contains(&program)
        || (program == "find"
            && words.any(|word| matches!(word, "-exec" | "-execdir" | "-delete" | "-ok")))
}

/// Commands whose arguments are files that `Read` rules are about.
const FILE_COMMANDS: [&str; 4] = ["cat", "head", "tail", "sed"];

fn path_matches(tool: &str, spec: &str, call: &Call<'_>, context: &Context<'_>) -> bool {
    let of = |key: &str| call.input.get(key).and_then(Value::as_str);
    if call.tool == "Bash" {
        let command = of("command").unwrap_or_default();
        return tool == "Read"
            && shell::split(command).parts.iter().any(|part| {
                let mut words = shell::unwrapped(part).split_whitespace();
                FILE_COMMANDS.contains(&words.next().unwrap_or_default())
                    && words.any(|word| !word.starts_with('-') && file_matches(spec, word, context))
            });
    }
    let tools: &[&str] = if tool == "Read" { &READERS } else { &EDITORS };
    let path = ["file_path", "notebook_path", "path"].iter().find_map(|key| of(key));
    tools.contains(&call.tool) && path.is_some_and(|path| file_matches(spec, path, context))
}

/// Whether a file is in a pattern of gitignore's syntax; a folder is where all that lies in it is.
fn file_matches(spec: &str, path: &str, context: &Context<'_>) -> bool {
    let absolute =
        if path.starts_with('/') { path.to_string() } else { format!("{}/{path}", context.cwd) };
    let Some(absolute) = normalise::path(&absolute) else { return false };
    let anchored = |root: &str, rest: &str| format!("{}/{}", root.trim_end_matches('/'), rest);
    let pattern = if let Some(rest) = spec.strip_prefix("//") {
        format!("/{rest}")
    } else if let Some(rest) = spec.strip_prefix("~/") {
        anchored(context.home, rest)
    } else if let Some(rest) = spec.strip_prefix('/') {
        anchored(context.project_root, rest)
    } else if let Some(rest) = spec.strip_prefix("./") {
        anchored(context.cwd, rest)
    } else if spec.contains('/') {
        anchored(context.cwd, spec)
    } else {
        anchored(context.cwd, &format!("**/{spec}"))
    };
    segments(&pattern, &absolute)
        || pattern.strip_suffix("/**").is_some_and(|folder| segments(folder, &absolute))
}

/// Matches a path by segments: `**` any number of them, `*` and `?` within one.
fn segments(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // reach[p] tells whether the pattern up to p matches the path so far.
    let mut reach = vec![false; pattern.len() + 1];
    let open = |reach: &mut Vec<bool>| {
        for at in 0..pattern.len() {
            if pattern[at] == "**" && reach[at] {
                reach[at + 1] = true;
            }
        }
    };
    reach[0] = true;
    open(&mut reach);
    for part in &path {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| reach[*at]) {
            if pattern[at] == "**" {
                next[at] = true;
            } else if Glob::new(pattern[at]).matches(part) {
                next[at + 1] = true;
            }
        }
        open(&mut next);
        // What matches a folder matches all that is in it.
        next[pattern.len()] |= reach[pattern.len()];
        reach = next;
    }
    reach[pattern.len()]
}

/// `domain:HOST`: `*.HOST` is any depth of subdomains and not the host itself; elsewhere `*` crosses no dot.
fn host_matches(spec: &str, url: &str) -> bool {
    let (Some(pattern), Some(host)) = (spec.strip_prefix("domain:"), normalise::host(url)) else {
        return false;
    };
    let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
    if let Some(parent) = pattern.strip_prefix("*.")
        && !parent.contains('*')
    {
        return host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    }
    let (wanted, given): (Vec<&str>, Vec<&str>) =
        (pattern.split('.').collect(), host.split('.').collect());
    wanted.len() == given.len()
        && wanted.iter().zip(given).all(|(wanted, given)| Glob::new(wanted).matches(given))
}

/// What the settings decide of one call: deny, then ask, then allow, then the mode.
pub fn decide(
    lists: &[(Effect, &str)],
    mode: Mode,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Effect {
    for effect in [Effect::Deny, Effect::Ask, Effect::Allow] {
        let mut rules = lists.iter().filter(|(list, _)| *list == effect);
        if rules.any(|(_, rule)| matches(rule, effect, call, context)) {
            return effect;
        }
    }
    let action = names::of_call(call.tool);
    let programs = match call.tool {
        "Bash" => call.input.get("command").and_then(Value::as_str).and_then(shell::programs),
        _ => None,
    };
    let decisions: Vec<Effect> = match programs {
        Some(programs) => programs
            .iter()
            .map(|program| unmatched(&format!("{action}#{program}"), mode).0)
            .collect(),
        None => vec![unmatched(&action, mode).0],
    };
    decisions.into_iter().max().unwrap_or(Effect::Ask)
}

/// What the mode decides of an action that no rule matches, and what that leaves open.
pub fn unmatched(action: &str, mode: Mode) -> (Effect, Option<&'static str>) {
    let tool = action.strip_prefix("agent:").unwrap_or(action);
    let (name, program) = tool.split_once('#').unwrap_or((tool, ""));
    let is_file_command = matches!(program, "mkdir" | "touch" | "mv" | "cp" | "rmdir" | "sed");
    let edits = EDITORS.contains(&name) || (name == "Bash" && is_file_command);
    let is_silent = SILENT.contains(&name) || (name == "Bash" && access::is_reader(program));
    match mode {
        Mode::Bypass | Mode::Open => (Effect::Allow, None),
        _ if is_silent => (Effect::Allow, None),
        Mode::AcceptEdits if edits => (Effect::Allow, Some("in the working directories")),
        Mode::Default | Mode::AcceptEdits => (Effect::Ask, None),
        Mode::Plan => (Effect::Deny, Some("outside of plan mode")),
        Mode::Auto => (Effect::Ask, Some("a classifier allows it")),
        Mode::DontAsk => (Effect::Deny, None),
    }
}

/// The mode that a word names.
pub fn mode(word: &str) -> Option<Mode> {
    Some(match word {
        "default" | "manual" => Mode::Default,
        "acceptEdits" => Mode::AcceptEdits,
        "plan" => Mode::Plan,
        "auto" => Mode::Auto,
        "dontAsk" => Mode::DontAsk,
        "bypassPermissions" => Mode::Bypass,
        _ => return None,
    })
}

/// The settings of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Rules over actions.
    pub rules: Vec<Rule>,
    /// How many rules each list holds: allow, ask, deny.
    pub counts: [usize; 3],
    /// The mode, where the file names one.
    pub mode: Option<Mode>,
    /// Whether only managed rules hold (`allowManagedPermissionRulesOnly`).
    pub managed_only: bool,
    /// Rules that are accepted and never consulted: as written, and where.
    pub ignored: Vec<(Str, crate::model::Place)>,
}

/// Whether the file is Claude Code's settings.
pub fn is_settings(root: &Node) -> bool {
    root.get("permissions").is_some_and(|permissions| {
        ["allow", "ask", "deny", "defaultMode"].iter().any(|key| permissions.get(key).is_some())
    })
}

/// Reads the settings of a file.
pub fn read(root: &Node, file: u32, policy: &Str) -> Settings {
    let mut out = Settings {
        managed_only: root.get("allowManagedPermissionRulesOnly").is_some_and(Node::is_true),
        ..Settings::default()
    };
    let Some(permissions) = root.get("permissions") else { return out };
    out.mode = permissions.text_of("defaultMode").and_then(mode);
    let lists = [("allow", Effect::Allow), ("ask", Effect::Ask), ("deny", Effect::Deny)];
    for (at, (key, effect)) in lists.into_iter().enumerate() {
        for item in permissions.get(key).map_or(&[][..], Node::list) {
            let Some(text) = item.text() else { continue };
            out.counts[at] += 1;
            let number = u32::try_from(out.rules.len()).unwrap_or(u32::MAX);
            match target(text, effect) {
                Some(target) => out.rules.push(Rule {
                    effect,
                    priority: at as i64,
                    target,
                    condition: None,
                    text: super::shown(text).into(),
                    policy: policy.clone(),
                    number,
                    place: item.place(file),
                }),
                None => out.ignored.push((super::shown(text).into(), item.place(file))),
            }
        }
    }
    out
}

/// What a rule is about, as actions and resources; `None` where it is never consulted.
fn target(text: &str, effect: Effect) -> Option<Target> {
    let (tool, spec) = parts(text);
    let own =
        |names: &[&str]| names.iter().map(|name| Glob::new(&names::own(name, None))).collect();
    let Some(spec) = spec.filter(|spec| *spec != "*") else {
        return match tool {
            "*" => (effect != Effect::Allow).then(|| Target::Actions(vec![Glob::new("*")])),
            "Edit" if effect == Effect::Allow => Some(Target::Actions(own(&EDITORS))),
            "Task" | "Agent" => Some(Target::Actions(own(&["Agent", "Task"]))),
            _ => server_pattern(tool, effect),
        };
    };
    if let Some((name, _)) = parameter(tool, spec, effect) {
        let text = format!("the argument {name} is as in {}", super::shown(text));
        return Some(Target::Arguments { tools: own(&[tool]), text: text.into() });
    }
    let of = |tools: &[&str], patterns: Vec<Str>| {
        let tools = tools.iter().map(|tool| names::own(tool, None).into()).collect();
        Some(Target::Resources { tools, patterns })
    };
    match tool {
        "Bash" if spec.starts_with("command:") => None,
        "Bash" => Some(Target::Commands(command_globs(spec))),
        "Read" => of(&READERS, path_patterns(spec)),
        "Edit" => of(&EDITORS, path_patterns(spec)),
        "WebFetch" => {
            let host = spec.strip_prefix("domain:")?.trim_end_matches('.').to_ascii_lowercase();
            of(&["WebFetch"], vec![format!("host:{host}").into()])
        }
        "Agent" | "Task" | "Skill" => {
            let name = spec.trim_end_matches(" *").trim_end_matches(":*");
            let tools: &[&str] = if tool == "Skill" { &["Skill"] } else { &["Agent", "Task"] };
            let globs = tools.iter().map(|tool| Glob::new(&names::own(tool, Some(name)))).collect();
            crate::platform::agent::resources::is_word(name).then_some(Target::Actions(globs))
        }
        _ if IGNORED.contains(&tool) => None,
        _ => None,
    }
}

/// `Tool`, `mcp__srv`, `mcp__srv__*`, `mcp__srv__get_*`. An allow rule needs a literal server.
fn server_pattern(tool: &str, effect: Effect) -> Option<Target> {
    let action = match tool.strip_prefix("mcp__") {
        None if tool.is_empty() || tool.contains(['*', '?', '#']) => return None,
        None => names::own(tool, None),
        Some(rest) => {
            let (server, tools) = rest.split_once("__").unwrap_or((rest, "*"));
            if server.is_empty() || (server.contains('*') && effect == Effect::Allow) {
                return None;
            }
            format!("mcp:{server}/{tools}")
        }
    };
    Some(Target::Actions(vec![Glob::new(&action)]))
}

/// Patterns over scopes that hold at least what a path pattern matches: where the project or the home directory lies is
/// not known, so what is relative to them may lie anywhere.
fn path_patterns(spec: &str) -> Vec<Str> {
    let loose = |text: &str| text.replace("**", "*");
    let both = |rest: &str| -> Vec<Str> {
        let rest = loose(rest);
        vec![format!("file:{rest}").into(), format!("file:*/{rest}").into()]
    };
    let mut out = if let Some(rest) = spec.strip_prefix("//") {
        vec![format!("file:/{}", loose(rest)).into()]
    } else if let Some(rest) = spec.strip_prefix("~/") {
        vec![format!("file:~/{}", loose(rest)).into(), format!("file:*/{}", loose(rest)).into()]
    } else {
        both(spec.strip_prefix("./").unwrap_or(spec).trim_start_matches('/'))
    };
    let folders: Vec<Str> =
        out.iter().filter_map(|one| one.strip_suffix("/*")).map(Str::from).collect();
    out.extend(folders);
    out.sort_unstable();
    out
}
