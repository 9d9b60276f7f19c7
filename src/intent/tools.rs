//! The section `tools:` of `authgap.yaml`: what tools of AI agents do and touch (`docs/configuration.md`, tools).
//!
//! Owns the section's keys and the shape of templates. What templates extract is the agent platform's.

use super::node::{Node, Value};
use super::read::Reader;
use crate::model::{AccessLevel, Glob, Str, ToolRule};

const KEYS: [&str; 9] = [
    "match",
    "resource",
    "resources",
    "destination",
    "destinations",
    "dispatch",
    "normalise",
    "access",
    "trusted",
];

pub(super) const NORMALISE: [&str; 6] =
    ["path", "host", "sql-tables", "email-domain", "arn", "none"];

/// The words of `access`, and what they mean; `destructive` is what MCP calls it.
pub(super) const ACCESS: [(&str, AccessLevel); 7] = [
    ("read", AccessLevel::Read),
    ("list", AccessLevel::List),
    ("write", AccessLevel::Write),
    ("delete", AccessLevel::Delete),
    ("destructive", AccessLevel::Delete),
    ("execute", AccessLevel::Execute),
    ("permissions-management", AccessLevel::PermissionsManagement),
];

/// Reads the section. An entry whose `access` names single tools makes a rule for each of them, before its own.
pub(super) fn section(reader: &mut Reader<'_>, node: &Node) -> Vec<ToolRule> {
    let entries = reader.each(node, "tools", entry).unwrap_or_default();
    entries.into_iter().flatten().collect()
}

fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<ToolRule>> {
    let fields = reader.fields(node, "tools", &KEYS, &["match"])?;
    let matches = fields.get("match").and_then(|node| reader.pattern(node, "match"));
    let mut templates = |one: &str, many: &str| -> Option<Vec<Str>> {
        let mut out = Vec::new();
        if let Some(node) = fields.get(one) {
            out.push(template(reader, node, one)?);
        }
        if let Some(node) = fields.get(many) {
            let read = |reader: &mut Reader<'_>, item: &Node| template(reader, item, many);
            out.extend(reader.each(node, many, read)?);
        }
        Some(out)
    };
    let resources = templates("resource", "resources");
    let destinations = templates("destination", "destinations");
    let dispatch = fields.get("dispatch").map(|node| reader.text(node, "dispatch"));
    let normalise = fields.get("normalise").map(|node| reader.word(node, "normalise", &NORMALISE));
    let trusted = fields.get("trusted").map(|node| reader.boolean(node, "trusted"));
    let matches = matches?;
    let mut rule = ToolRule {
        matches: matches.clone(),
        resources: resources?,
        destinations: destinations?,
        dispatch: whole(dispatch)?,
        normalise: whole(normalise)?.map(Str::from),
        access: None,
        trusted: whole(trusted)?.unwrap_or(false),
    };
    let mut out = Vec::new();
    if let Some(node) = fields.get("access") {
        match &node.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    let name = reader.text(key, "access")?;
                    let access = Some(level(reader, value)?);
                    let Some(matches) = one_of(&matches, &name) else {
                        let message =
                            "`access` by tool needs a `match` that ends in `/*`".to_string();
                        reader.error(key, message, None, "write an entry for each tool");
                        return None;
                    };
                    let single = ToolRule {
                        matches,
                        resources: Vec::new(),
                        destinations: Vec::new(),
                        dispatch: None,
                        normalise: None,
                        access,
                        trusted: rule.trusted,
                    };
                    out.push(single);
                }
            }
            _ => rule.access = Some(level(reader, node)?),
        }
    }
    out.push(rule);
    Some(out)
}

/// A key that is absent is no mistake; one that could not be read is.
fn whole<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

/// The pattern of one tool of those that a pattern for a server's tools matches.
fn one_of(matches: &Glob, name: &str) -> Option<Glob> {
    let server = matches.as_str().strip_suffix("/*")?;
    Some(Glob::new(&format!("{server}/{name}")))
}

fn level(reader: &mut Reader<'_>, node: &Node) -> Option<AccessLevel> {
    let words: Vec<&str> = ACCESS.iter().map(|(word, _)| *word).collect();
    let word = reader.word(node, "access", &words)?;
    ACCESS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level)
}

/// A template whose names stand in braces: `github:{owner}/{repo}`.
fn template(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Str> {
    let text = reader.text(node, what)?;
    let mut rest = &*text;
    let mut names = 0;
    while let Some((before, after)) = rest.split_once('{') {
        let inside =
            after.split_once('}').filter(|(name, _)| !before.contains('}') && is_name(name));
        let Some((_, behind)) = inside else {
            names = 0;
            rest = "}";
            break;
        };
        names += 1;
        rest = behind;
    }
    if names == 0 || rest.contains('}') {
        let message = format!("`{text}` is no template");
        let help =
            "write names of arguments in braces: github:{owner}/{repo}, {a.b}, {a|b}, {a?}, {a[]}";
        reader.error(node, message, None, help);
        return None;
    }
    Some(text)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.|?[]$".contains(&byte))
}

#[cfg(test)]
mod tests {
    use crate::intent::{Config, parse};
    use crate::model::AccessLevel;

    fn read(text: &str) -> Result<Config, Vec<String>> {
        parse(text, "authgap.yaml").map_err(|errors| {
            let show = |error: &crate::diagnostic::Diagnostic| {
                let at = error.at.map(|at| format!("{at:?}")).unwrap_or_default();
                format!("{} {at}", error.message)
            };
            errors.iter().map(show).collect()
        })
    }

    #[test]
    fn tools_are_read_in_file_order() {
        let text = "tools:\n  - match: mcp:github/*\n    resource: github:{owner}/{repo}\n    dispatch: method\n    trusted: true\n  - match: \"mcp:filesystem/*\"\n    resources: [\"file:{path}\", \"file:{paths[]}\"]\n    normalise: path\n    access: {write_file: destructive}\n  - match: agent:Bash\n    access: execute\n";
        let tools = read(text).unwrap().tools;
        assert_eq!(tools.len(), 4);
        assert!(tools[0].trusted && tools[0].dispatch.as_deref() == Some("method"));
        assert_eq!(tools[1].matches.as_str(), "mcp:filesystem/write_file");
        assert_eq!(tools[1].access, Some(AccessLevel::Delete));
        assert_eq!(tools[2].resources.len(), 2);
        assert_eq!(tools[3].access, Some(AccessLevel::Execute));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let wrong = [
            ("tools:\n  - resource: \"{a}\"\n", "needs `match`"),
            ("tools:\n  - match: x\n    resource: no braces\n", "is no template"),
            ("tools:\n  - match: x\n    resource: \"{a b}\"\n", "is no template"),
            ("tools:\n  - match: x\n    resource: \"{a}}\"\n", "is no template"),
            ("tools:\n  - match: x\n    normalise: url\n", "`url` is no value of `normalise`"),
            ("tools:\n  - match: x\n    access: harmless\n", "`harmless` is no value of `access`"),
            ("tools:\n  - match: x\n    access: {a: read}\n", "ends in `/*`"),
            ("tools:\n  - match: x\n    trusted: maybe\n", "true or false"),
            ("tools:\n  - match: x\n    dispach: y\n", "unknown key `dispach`"),
            ("tools: 7\n", "must be a list"),
        ];
        for (text, message) in wrong {
            let errors = read(text).unwrap_err();
            assert!(errors.iter().any(|error| error.contains(message)), "{text}: {errors:?}");
        }
        let errors =
            parse("tools:\n  - match: x\n    access: harmless\n", "authgap.yaml").unwrap_err();
        assert_eq!(errors[0].at, Some((3, 13)));
    }
}
