//! A YAML list of mappings, within limits.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

/// One item of the list.
pub(super) struct Row {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) entries: Vec<(String, String)>,
}

/// Reads the list; the error is a line, a column and a reason.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, (u32, u32, &'static str)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_aliases: 10_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 200_000,
            max_replay_stack_depth: 8,
            max_alias_expansions_per_anchor: 10_000,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let items: Vec<Spanned<Entries>> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location();
            let number = |value: Option<u64>| value.map_or(1, |v| u32::try_from(v).unwrap_or(1));
            let line = number(place.map(|place| place.line()));
            let column = number(place.map(|place| place.column()));
            (line, column, "wants a list of keys with values, without deep nesting")
        })?;
    let row = |item: Spanned<Entries>| Row {
        line: u32::try_from(item.referenced.line()).unwrap_or(u32::MAX),
        column: u32::try_from(item.referenced.column()).unwrap_or(u32::MAX),
        entries: item.value.0,
    };
    Ok(items.into_iter().map(row).collect())
}

struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("keys with values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let text = match map.next_value::<serde_json::Value>()? {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            entries.push((key, text));
        }
        Ok(Entries(entries))
    }
}

/// Keys of the first item of a YAML list in block style.
pub(super) fn first_keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let lines = text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "---"
    });
    for (number, line) in lines.enumerate().take(64) {
        let rest = match (number, line.strip_prefix("- ")) {
            (0, Some(rest)) => rest,
            (0, None) | (_, Some(_)) => break,
            _ => match line.strip_prefix("  ") {
                Some(rest) if !rest.starts_with([' ', '-']) => rest,
                _ => continue,
            },
        };
        if let Some((key, _)) = rest.split_once(':') {
            keys.push(key.trim_matches(['"', '\'', ' ']).to_string());
        }
    }
    keys
}
