//! Attributes of OTLP/JSON: `{"key": …, "value": {"stringValue": …}}` (OTLP specification, `AnyValue`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::transcript::string;
use crate::platform::json::{Items, Members, member};

/// How deep values within values are followed.
const DEPTH: usize = 16;

/// One attribute, its value raw: most are never looked at.
#[derive(Deserialize)]
pub(super) struct Attribute<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

/// The attributes of a span, record, event or resource.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'s, 'a>(pub(super) &'s [Attribute<'a>]);

impl Attributes<'_, '_> {
    /// The raw value under the first of these names that is there.
    pub(super) fn raw(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let found = self.0.iter().find(|attribute| attribute.key == **name)?;
            Some(found.value?.get())
        })
    }

    /// The text under the first of these names that has one; numbers and literals as they are written.
    pub(super) fn text(&self, names: &[&str]) -> String {
        names
            .iter()
            .filter_map(|name| self.raw(&[name]))
            .map(|raw| scalar(raw.as_bytes()))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// A value, out of an attribute or of JSON within one.
    pub(super) fn value(&self, names: &[&str]) -> Value {
        self.raw(names).map_or(Value::Null, parsed)
    }

    /// Names and raw values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|one| Some((one.key.as_ref(), one.value?.get())))
    }
}

/// A raw `AnyValue` as a value; JSON within a string is read.
pub(super) fn parsed(raw: &str) -> Value {
    match any(raw.as_bytes(), DEPTH) {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

/// A scalar `AnyValue` as text.
pub(super) fn scalar(raw: &[u8]) -> String {
    match Members::new(raw).next() {
        Some((b"stringValue", value)) => string(value),
        // 64-bit integers are strings; numbers are met as well.
        Some((b"intValue" | b"doubleValue" | b"boolValue", Some(value))) => {
            String::from_utf8_lossy(value).trim_matches('"').to_string()
        }
        _ => String::new(),
    }
}

fn any(raw: &[u8], depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    match Members::new(raw).next() {
        Some((b"stringValue", value)) => Value::String(string(value)),
        Some((b"arrayValue", Some(value))) => {
            let items = Items::of_array(member(value, "values").unwrap_or_default());
            Value::Array(items.map(|item| any(item, depth)).collect())
        }
        Some((b"kvlistValue", Some(value))) => {
            let mut map = Map::new();
            for item in Items::of_array(member(value, "values").unwrap_or_default()) {
                let inner = member(item, "value").map_or(Value::Null, |value| any(value, depth));
                map.insert(string(member(item, "key")), inner);
            }
            Value::Object(map)
        }
        Some((_, Some(value))) => match serde_json::from_slice(value) {
            Ok(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Ok(value) => value,
            Err(_) => Value::Null,
        },
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_every_form() {
        let raw = br#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"7"}},
            {"key":"b","value":{"arrayValue":{"values":[{"boolValue":true},{"stringValue":"x"}]}}}]}}"#;
        assert_eq!(any(raw, DEPTH), serde_json::json!({"a": 7, "b": [true, "x"]}));
        assert_eq!(scalar(br#"{"intValue":7}"#), "7");
        assert_eq!(scalar(br#"{"intValue":"7"}"#), "7");
        assert_eq!(scalar(b"{}"), "");
    }
}
