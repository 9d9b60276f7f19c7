//! JSON in the shapes that tables come in: keys, entries and items that borrow from the text.
//!
//! Doubled keys are kept, since a parser that lets the last one win would hide a contradiction. What a key means
//! is `columns`'.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Keys of the first object, as far as it is there.
pub(super) fn first_keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    // The object may be cut where the sample ends; the keys before the cut were kept.
    let _ = reader.deserialize_map(Keys(&mut keys));
    keys
}

struct Keys<'k>(&'k mut Vec<String>);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.push(key);
            map.next_value::<serde::de::IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The items of an array, as far as it is readable, and what ended it early.
pub(super) fn items(text: &str) -> (Vec<&RawValue>, Option<serde_json::Error>) {
    let mut items = Vec::new();
    let read = serde_json::Deserializer::from_str(text).deserialize_seq(Items(&mut items));
    (items, read.err())
}

struct Items<'i, 'a>(&'i mut Vec<&'a RawValue>);

impl<'de> Visitor<'de> for Items<'_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            self.0.push(item);
        }
        Ok(())
    }
}

/// An object's entries in order, doubles kept.
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Text)? {
            entries.push((key, map.next_value::<&'de RawValue>()?));
        }
        Ok(Entries(entries))
    }
}

/// A string that is borrowed unless it has escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_string()))
    }
}

/// The text of a JSON value: a string's own text, nothing for null, else as it is written.
pub(super) fn plain(value: &RawValue) -> Cow<'_, str> {
    let raw = value.get();
    if raw == "null" {
        return Cow::Borrowed("");
    }
    if raw.starts_with('"') {
        let mut reader = serde_json::Deserializer::from_str(raw);
        return Text.deserialize(&mut reader).unwrap_or_default();
    }
    Cow::Borrowed(raw)
}
