//! The slow record reader: `serde_json` into the same fields as the fast one.
//!
//! It decides what the fast reader leaves to it (escapes, unexpected types, broken records), and it can be
//! chosen for everything, which is how the tests hold the two equal. Of keys that come twice the last one
//! counts. Text that is not UTF-8 is read with replacement characters, since the fast reader does not look.

use std::borrow::Cow;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::plan::{Action, MAX_DEPTH, NO_FIELD, NO_LEVEL, Plan, Ranges};
use crate::platform::events::Take;

/// Why a record could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The text ended inside it.
    More,
    /// It is no JSON, or not such as is read. Says at which byte of the record, and why.
    Bad(usize, String),
}

/// Reads the record at the beginning of a text. Values go to `arena`, to which `ranges` points. Returns the
/// record's length.
pub(crate) fn read(
    plan: &Plan,
    text: &[u8],
    arena: &mut Vec<u8>,
    ranges: &mut Ranges,
) -> Result<usize, Broken> {
    arena.clear();
    ranges.clear();
    let length = measure(text)?;
    let record = &text[..length];
    if depth(record) > MAX_DEPTH {
        let reason = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(Broken::Bad(0, reason));
    }
    let record = String::from_utf8_lossy(record);
    let mut twin = Twin { plan, arena, ranges };
    twin.object(&record, 0).map_err(|error| Broken::Bad(0, reason(&error, 0)))?;
    Ok(length)
}

/// Checks the syntax of the value at the beginning of a text and returns its length.
fn measure(text: &[u8]) -> Result<usize, Broken> {
    let mut reader = Deserializer::from_slice(text);
    match reader.deserialize_ignored_any(IgnoredAny) {
        Ok(IgnoredAny) => Ok(reader.into_iter::<IgnoredAny>().byte_offset()),
        Err(error) if error.is_eof() => Err(Broken::More),
        Err(error) => {
            let at = offset(text, error.line(), error.column());
            // A number that is cut is no end of file to that reader.
            let is_cut = matches!(text.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E'));
            if is_cut && at + 1 >= text.len() {
                return Err(Broken::More);
            }
            Err(Broken::Bad(at, reason(&error, at)))
        }
    }
}

/// The message without its line and column, which count from the record and not from the file.
fn reason(error: &serde_json::Error, at: usize) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    format!("not valid JSON: {text} at byte {} of the record", at + 1)
}

/// Offset of a line and column (from 1) of a text.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        Some(before) => memchr::memchr_iter(b'\n', text).nth(before).map_or(0, |at| at + 1),
        None => 0,
    };
    (start + column.saturating_sub(1)).min(text.len())
}

/// Deepest nesting of valid JSON.
fn depth(text: &[u8]) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0u32, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Twin<'a> {
    plan: &'a Plan,
    arena: &'a mut Vec<u8>,
    ranges: &'a mut Ranges,
}

impl Twin<'_> {
    fn object(&mut self, text: &str, level: u16) -> serde_json::Result<()> {
        let mut reader = Deserializer::from_str(text);
        reader.deserialize_map(Members { twin: self, level })
    }

    fn array(&mut self, text: &str, element: Action) -> serde_json::Result<()> {
        let before = self.ranges.frozen;
        let mut reader = Deserializer::from_str(text);
        let read = reader.deserialize_seq(Elements { twin: self, element });
        self.ranges.thaw(before);
        read
    }

    fn value(&mut self, text: &str, action: Action) -> serde_json::Result<()> {
        self.ranges.drop_below(action.below);
        let wanted = action.field() != NO_FIELD;
        match text.as_bytes().first() {
            Some(b'{') if self.has_keys(action.enter()) => self.object(text, action.enter())?,
            Some(b'[') => {
                if let Some(element) = self.plan.element(action.enter()) {
                    self.array(text, element)?;
                }
            }
            Some(b'"') if wanted && action.take() != Take::Raw => {
                let mut reader = Deserializer::from_str(text);
                let value = Bytes.deserialize(&mut reader)?;
                self.put(action.field(), &value);
                return Ok(());
            }
            _ => {}
        }
        let is_plain = !text.starts_with(['{', '[', '"']);
        let take = match action.take() {
            Take::Raw => true,
            Take::Scalar => is_plain,
            Take::Text => false,
        };
        if wanted && take && text != "null" {
            self.put(action.field(), text.as_bytes());
        }
        Ok(())
    }

    fn has_keys(&self, level: u16) -> bool {
        level != NO_LEVEL
            && self.plan.levels.get(usize::from(level)).is_some_and(|level| !level.keys.is_empty())
    }

    fn put(&mut self, field: u8, value: &[u8]) {
        let from = self.arena.len();
        self.arena.extend_from_slice(value);
        self.ranges.put(field, from, self.arena.len());
    }
}

struct Members<'t, 'a> {
    twin: &'t mut Twin<'a>,
    level: u16,
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Bytes)? {
            let action = self.twin.plan.key(self.level, &key);
            if action == Action::SKIP {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<&RawValue>()?;
            self.twin.value(value.get(), action).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

struct Elements<'t, 'a> {
    twin: &'t mut Twin<'a>,
    element: Action,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element::<&RawValue>()? {
            self.twin.ranges.freeze(self.element.below);
            self.twin.value(value.get(), self.element).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

/// A string as bytes: halves of surrogate pairs are no error there.
struct Bytes;

impl<'de> DeserializeSeed<'de> for Bytes {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Bytes {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a string")
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_vec()))
    }

    fn visit_borrowed_bytes<E>(self, value: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.as_bytes().to_vec()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value.as_bytes()))
    }
}
