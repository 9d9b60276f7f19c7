//! Reads checked values out of the YAML tree and collects what is wrong with it.
//!
//! Every function returns `None` after it has recorded an error, so that reading goes on and one run tells
//! all mistakes of a file.

use super::config::{Field, Spot};
use super::node::{Node, Value};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Glob, Str, Time};

/// Errors of one file that are listed; the rest is counted.
const ERRORS_KEPT: usize = 50;

/// Longer than any ARN (2,048 characters, IAM User Guide, reference_identifiers) with room for patterns.
const MAX_TEXT: usize = 4_096;

/// The state of reading one file.
pub(super) struct Reader<'t> {
    text: &'t str,
    path: &'t str,
    errors: Vec<Diagnostic>,
    more: usize,
}

/// The entries of one mapping, by key.
pub(super) struct Fields<'n> {
    entries: Vec<(&'n str, &'n Node, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.find(key).map(|(_, _, value)| *value)
    }

    /// Where a key stands.
    pub(super) fn spot(&self, key: &str) -> Option<Spot> {
        self.find(key).map(|(_, key, _)| key.spot)
    }

    fn find(&self, key: &str) -> Option<&(&'n str, &'n Node, &'n Node)> {
        self.entries.iter().find(|(name, _, _)| *name == key)
    }

    /// Reads the value of a key, and keeps the key's place.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'n Node) -> Option<T>,
    ) -> Option<Field<T>> {
        let value = read(self.get(key)?)?;
        let spot = self.spot(key)?;
        Some(Field { value, spot })
    }
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, path: &'t str) -> Reader<'t> {
        Reader { text, path, errors: Vec::new(), more: 0 }
    }

    /// The errors, in file order.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by_key(|error| error.at);
        if self.more > 0 {
            let message = format!("and {} more errors in this file", self.more);
            let last = Diagnostic::error("config", message).path(self.path);
            self.errors.push(last);
        }
        self.errors
    }

    /// Records an error at a node.
    pub(super) fn error(
        &mut self,
        node: &Node,
        message: String,
        label: Option<String>,
        help: &str,
    ) {
        if self.errors.len() >= ERRORS_KEPT {
            self.more += 1;
            return;
        }
        let line = self.text.lines().nth(node.spot.line.saturating_sub(1) as usize).unwrap_or("");
        let before = node.spot.column.saturating_sub(1) as usize;
        let rest = line.trim_end().chars().count().saturating_sub(before);
        let length = match node.value {
            Value::List(_) | Value::Map(_) => 1,
            _ => node.length.min(rest),
        };
        let mut found = Diagnostic::error("config", message).path(self.path).at(
            self.text,
            node.spot.line,
            node.spot.column,
            length,
        );
        if let Some(label) = label {
            found = found.label(label);
        }
        if !help.is_empty() {
            found = found.help(help);
        }
        self.errors.push(found);
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("`{what}` must be {wanted}, found {}", node.value.name());
        let help = match node.value {
            Value::Null => "write a value, or remove the key: an absent key is no limit",
            Value::Bool(_) | Value::Float if wanted == "text" => "put the value in quotes",
            _ => "",
        };
        self.error(node, message, None, help);
    }

    /// The entries of a mapping; unknown, doubled and missing keys are errors. `what` names the mapping;
    /// empty for the file's top.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        keys: &[&str],
        required: &[&str],
    ) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            let name = if what.is_empty() { "the file" } else { what };
            self.wrong_type(node, name, "keys with values");
            return None;
        };
        let mut fields = Fields { entries: Vec::with_capacity(entries.len()) };
        for (key, value) in entries {
            let Value::Text(name) = &key.value else {
                let message = format!("a key must be text, found {}", key.value.name());
                self.error(key, message, None, &key_list(what, keys));
                continue;
            };
            if let Some((_, first, _)) = fields.find(name) {
                let line = first.spot.line;
                let message = format!("key `{name}` stands twice, first in line {line}");
                self.error(key, message, None, "keep one of the two");
            } else if keys.contains(&name.as_str()) {
                fields.entries.push((name, key, value));
            } else {
                let label = nearest(name, keys).map(|word| format!("did you mean `{word}`?"));
                let message = format!("unknown key `{name}`");
                self.error(key, message, label, &key_list(what, keys));
            }
        }
        for key in required.iter().filter(|key| fields.get(key).is_none()) {
            // A misspelt key is one mistake, not two.
            let misspelt = entries.iter().any(|(given, _)| {
                matches!(&given.value, Value::Text(name) if nearest(name, keys) == Some(*key))
            });
            if !misspelt {
                let message = format!("an entry of `{what}` needs `{key}`");
                self.error(node, message, None, &key_list(what, keys));
            }
        }
        Some(fields)
    }

    /// Text that is not empty. A whole number counts as its text, as ids of accounts often are.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Str> {
        let text = match &node.value {
            Value::Text(text) | Value::Integer(text) => text.trim(),
            _ => {
                self.wrong_type(node, what, "text");
                return None;
            }
        };
        if text.is_empty() {
            self.error(node, format!("`{what}` is empty"), None, "write a value, or remove it");
            return None;
        }
        if text.len() > MAX_TEXT {
            let message = format!("`{what}` is longer than {MAX_TEXT} bytes");
            self.error(node, message, None, "");
            return None;
        }
        Some(text.into())
    }

    /// A pattern with `*` and `?`.
    pub(super) fn pattern(&mut self, node: &Node, what: &str) -> Option<Glob> {
        self.text(node, what).map(|text| Glob::new(&text))
    }

    /// One of some words.
    pub(super) fn word<'w>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[&'w str],
    ) -> Option<&'w str> {
        let text = self.text(node, what)?;
        if let Some(word) = words.iter().find(|word| **word == &*text) {
            return Some(word);
        }
        let label = nearest(&text, words).map(|word| format!("did you mean `{word}`?"));
        let message = format!("`{text}` is no value of `{what}`");
        let help = format!("values of `{what}`: {}", words.join(", "));
        self.error(node, message, label, &help);
        None
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong_type(node, what, "true or false");
                None
            }
        }
    }

    /// A list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong_type(node, what, "a list");
                None
            }
        }
    }

    /// A list of which each item is read; items with errors are left out.
    pub(super) fn each<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(node, what)?;
        Some(items.iter().filter_map(|item| read(self, item)).collect())
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<Str>> {
        self.each(node, what, |reader, item| reader.text(item, what))
    }

    /// A list of patterns.
    pub(super) fn patterns(&mut self, node: &Node, what: &str) -> Option<Vec<Glob>> {
        self.each(node, what, |reader, item| reader.pattern(item, what))
    }

    /// An end: a time, or a date, which means its last second in UTC.
    pub(super) fn end(&mut self, node: &Node, what: &str) -> Option<Time> {
        let text = self.text(node, what)?;
        let time = match (&node.value, text.len()) {
            // A bare number is no date that a person would read back.
            (Value::Integer(_), _) => None,
            (_, 10) => Time::parse(&text).map(|day| day.plus_days(1).plus_seconds(-1)),
            _ => Time::parse(&text),
        };
        if time.is_none() {
            let message = format!("`{what}` is no date: `{text}`");
            let help = "write YYYY-MM-DD, which means the end of that day in UTC, or a time with Z";
            self.error(node, message, None, help);
        }
        time
    }
}

fn key_list(what: &str, keys: &[&str]) -> String {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    match what {
        "" => format!("keys: {}", keys.join(", ")),
        _ => format!("keys of `{what}`: {}", keys.join(", ")),
    }
}
