//! YAML as a tree in which every key and value has its place.
//!
//! Owns the parser's options and limits. Knows nothing of the configuration's keys: `read` checks those, so
//! that all mistakes of a file are told at once and not one a run.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Spanned};

use super::config::Spot;
use crate::diagnostic::Diagnostic;

/// A larger file is not a configuration that a person wrote.
const MAX_BYTES: usize = 8 << 20;

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) spot: Spot,
    /// Length of its text in characters, for marking.
    pub(super) length: usize,
}

/// What a value is. Whole numbers keep their text, since ids may be written without quotes.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(String),
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is, in a message's words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Float => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "keys with values",
        }
    }
}

/// Parses a text. An empty text is an empty mapping.
pub(super) fn parse(text: &str, path: &str) -> Result<Node, Box<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
        return Err(Box::new(Diagnostic::error("config", message).path(path)));
    }
    let options = serde_saphyr::options! {
        // Numbers small enough to stop a bomb, large enough for 10,000 identities with long intents.
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 400_000,
            max_events: 1_000_000,
            max_aliases: 10_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 200_000,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 10_000,
        },
        // Duplicates are told by `read`, all of them and with both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let blank = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    };
    if text.lines().all(blank) {
        return Ok(Node {
            value: Value::Map(Vec::new()),
            spot: Spot { line: 1, column: 1 },
            length: 1,
        });
    }
    let tree: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Box::new(syntax(&error, text, path)))?;
    Ok(node(tree))
}

fn syntax(error: &Error, text: &str, path: &str) -> Diagnostic {
    let plain = error.without_snippet().to_string();
    // The place is shown above the source line, not within the words.
    let message = plain
        .find(" at line ")
        .and_then(|at| plain.get(..at))
        .unwrap_or(&plain)
        .trim_end_matches([':', ',', ' ']);
    let found = Diagnostic::error("config", format!("not readable as YAML: {message}")).path(path);
    match error.location() {
        Some(location) if location.line() > 0 => {
            let spot = spot(location);
            found.at(text, spot.line, spot.column, 1)
        }
        _ => found,
    }
}

fn spot(location: Location) -> Spot {
    Spot {
        line: u32::try_from(location.line()).unwrap_or(u32::MAX),
        column: u32::try_from(location.column()).unwrap_or(u32::MAX),
    }
}

struct Raw(Value);

fn node(spanned: Spanned<Raw>) -> Node {
    let length = usize::try_from(spanned.referenced.span().len()).unwrap_or(1);
    Node { value: spanned.value.0, spot: spot(spanned.referenced), length }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw(Value::Integer(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw(Value::Integer(value.to_string())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw(Value::Integer(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw(Value::Integer(value.to_string())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw(Value::Float))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw(Value::Text(value.to_string())))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw(Value::Text(value)))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Raw>>()? {
            list.push(node(item));
        }
        Ok(Raw(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<Raw>>()? {
            let value = entries.next_value::<Spanned<Raw>>()?;
            map.push((node(key), node(value)));
        }
        Ok(Raw(Value::Map(map)))
    }
}
