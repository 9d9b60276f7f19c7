//! A JSON scanner that finds members and elements without reading them, also in texts that end early.
//!
//! Detection looks at the first 64 KiB of a file, and an export of some hundred megabytes is cut into its
//! records before they are parsed one by one, so that one broken record does not take the others with it.
//! The scanner only follows strings and brackets; whether a value is valid JSON is for its reader to say.

use std::borrow::Cow;

/// A JSON value as a part of a text. It may be cut off at the end of the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    /// Its text, from its first byte to its last one, or to the end of the text.
    pub(crate) text: &'a [u8],
    /// Byte offset of its first byte in the whole text.
    pub(crate) at: usize,
    /// Whether its end was found.
    pub(crate) is_whole: bool,
}

impl<'a> Value<'a> {
    /// The first value of a text; `None` if there is none.
    pub(crate) fn first(text: &'a [u8]) -> Option<Value<'a>> {
        Value::after(text, 0)
    }

    /// The next value at or after an offset.
    pub(crate) fn after(text: &'a [u8], from: usize) -> Option<Value<'a>> {
        let at = blank(text, from);
        if at >= text.len() {
            return None;
        }
        let (end, is_whole) = skip(text, at);
        Some(Value { text: text.get(at..end)?, at, is_whole })
    }

    /// The value at an offset, without looking for its end: for walking through a long one once.
    pub(crate) fn open(text: &'a [u8], at: usize) -> Value<'a> {
        Value { text: text.get(at..).unwrap_or_default(), at, is_whole: false }
    }

    /// Offset of the first byte after the value.
    pub(crate) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// Whether it begins like an object.
    pub(crate) fn is_object(&self) -> bool {
        self.text.first() == Some(&b'{')
    }

    /// Whether it begins like an array.
    pub(crate) fn is_array(&self) -> bool {
        self.text.first() == Some(&b'[')
    }

    /// The text of a string, unescaped; of a cut string what is there. `None` if it is not a string.
    pub(crate) fn string(&self) -> Option<Cow<'a, str>> {
        if self.text.first() != Some(&b'"') {
            return None;
        }
        if self.is_whole {
            return serde_json::from_slice::<Lent<'a>>(self.text).ok().map(|lent| lent.0);
        }
        Some(String::from_utf8_lossy(self.text.get(1..)?))
    }

    /// The members of an object, in order; empty for anything else.
    pub(crate) fn members(&self) -> Members<'a> {
        Members {
            text: self.text,
            base: self.at,
            next: if self.is_object() { 1 } else { usize::MAX },
        }
    }

    /// The elements of an array, in order; empty for anything else.
    pub(crate) fn elements(&self) -> Elements<'a> {
        Elements {
            text: self.text,
            base: self.at,
            next: if self.is_array() { 1 } else { usize::MAX },
        }
    }

    /// A member of an object by its name.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        self.members().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A member by a path of names.
    pub(crate) fn path(&self, names: &[&str]) -> Option<Value<'a>> {
        names.iter().try_fold(*self, |value, name| value.get(name))
    }
}

#[derive(serde::Deserialize)]
struct Lent<'a>(#[serde(borrow)] Cow<'a, str>);

/// Iterator over an object's members. Ends at the first byte that cannot be one.
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    text: &'a [u8],
    base: usize,
    next: usize,
}

impl Members<'_> {
    /// Once all members are taken: the offset after the closing bracket, if that is what comes.
    pub(crate) fn closed(&self) -> Option<usize> {
        let at = blank(self.text, self.next);
        (self.text.get(at) == Some(&b'}')).then(|| self.base + at + 1)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = Value::after(self.text, separator(self.text, self.next)?)?;
        let name = key.is_whole.then(|| key.string()).flatten()?;
        let colon = blank(self.text, key.end());
        if self.text.get(colon) != Some(&b':') {
            self.next = usize::MAX;
            return None;
        }
        let value = Value::after(self.text, colon + 1)?;
        self.next = value.end();
        let at = self.base + value.at;
        Some((name, Value { at, ..value }))
    }
}

/// Iterator over an array's elements. Ends at the first byte that cannot be one.
#[derive(Debug, Clone)]
pub(crate) struct Elements<'a> {
    text: &'a [u8],
    base: usize,
    next: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = Value::after(self.text, separator(self.text, self.next)?)?;
        self.next = value.end();
        let at = self.base + value.at;
        Some(Value { at, ..value })
    }
}

/// Where the next member or element begins; `None` at the closing bracket or the end.
fn separator(text: &[u8], from: usize) -> Option<usize> {
    let mut at = blank(text, from);
    if text.get(at) == Some(&b',') {
        at = blank(text, at + 1);
    }
    match text.get(at) {
        None | Some(b'}' | b']') => None,
        Some(_) => Some(at),
    }
}

/// The first byte at or after an offset that is not white space.
pub(crate) fn blank(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from.saturating_add(
        rest.iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(rest.len()),
    )
}

/// The end of the value that begins at an offset, and whether it was found.
fn skip(text: &[u8], at: usize) -> (usize, bool) {
    match text.get(at) {
        Some(b'"') => string_end(text, at),
        Some(b'{' | b'[') => bracket_end(text, at),
        _ => {
            let rest = text.get(at..).unwrap_or_default();
            let ends = |byte: &u8| {
                matches!(
                    byte,
                    b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'{' | b'['
                )
            };
            match rest.iter().position(ends) {
                // A byte that ends values cannot begin one; take it alone, so that scanning goes on.
                Some(0) => (at + 1, false),
                Some(length) => (at + length, true),
                None => (text.len(), true),
            }
        }
    }
}

fn string_end(text: &[u8], at: usize) -> (usize, bool) {
    let mut next = at + 1;
    while let Some(rest) = text.get(next..) {
        match memchr::memchr2(b'"', b'\\', rest) {
            None => break,
            Some(found) if rest.get(found) == Some(&b'"') => return (next + found + 1, true),
            Some(found) => next += found + 2,
        }
    }
    (text.len(), false)
}

fn bracket_end(text: &[u8], at: usize) -> (usize, bool) {
    let mut depth = 0usize;
    let mut next = at;
    while let Some(byte) = text.get(next) {
        match byte {
            b'"' => {
                let (end, is_whole) = string_end(text, next);
                if !is_whole {
                    break;
                }
                next = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return (next + 1, true);
                }
            }
            _ => {}
        }
        next += 1;
    }
    (text.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_elements_are_found_in_order() {
        let text = br#" {"a": [1, {"b": "}\"]"}, "x"], "c\u0041": null, "d": {"e": {"f": true}}} "#;
        let value = Value::first(text).unwrap();
        assert!(value.is_whole);
        let names: Vec<String> = value.members().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(names, ["a", "cA", "d"]);
        let parts: Vec<&[u8]> = value.get("a").unwrap().elements().map(|v| v.text).collect();
        assert_eq!(parts, [&b"1"[..], br#"{"b": "}\"]"}"#, br#""x""#]);
        assert_eq!(value.path(&["d", "e", "f"]).unwrap().text, b"true");
        let inner = value.path(&["d", "e"]).unwrap();
        assert_eq!(&text[inner.at..inner.end()], inner.text);
    }

    #[test]
    fn a_cut_text_yields_what_is_there() {
        let value = Value::first(br#"{"a": {"b": "c"}, "d": [{"e": "fg"#).unwrap();
        assert!(!value.is_whole);
        let cut = value.get("d").unwrap().elements().next().unwrap();
        assert!(!cut.is_whole);
        assert_eq!(cut.get("e").unwrap().string().unwrap(), "fg");
    }

    #[test]
    fn an_open_value_is_walked_to_its_closing_bracket() {
        let text = br#"  {"a": [1], "b": {}} {"c": 2"#;
        let mut members = Value::open(text, 2).members();
        assert_eq!(members.by_ref().count(), 2);
        let end = members.closed().unwrap();
        assert_eq!(&text[end..], br#" {"c": 2"#);
        let mut members = Value::open(text, end + 1).members();
        assert_eq!(members.by_ref().count(), 1);
        assert_eq!(members.closed(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_to_an_end(bytes in proptest::collection::vec(
            proptest::sample::select(b"{}[]\",:\\a1 ".to_vec()), 0..60)) {
            let mut from = 0;
            while let Some(value) = Value::after(&bytes, from) {
                prop_assert!(value.end() > from);
                for (_, member) in value.members() {
                    prop_assert!(member.end() <= bytes.len());
                }
                for element in value.elements() {
                    prop_assert_eq!(&bytes[element.at..element.end()], element.text);
                }
                from = value.end();
            }
        }
    }
}
