//! A small scanner over raw JSON: members of objects, items of arrays, and strings, without allocation.
//!
//! It finds its way and does not validate: text that is not JSON ends the walk early. It never recurses, so that
//! nesting costs nothing but time, and every byte is looked at once.

use std::borrow::Cow;

use crate::scan::{End, container_end, string_end};

/// Position of the first byte at or after `at` that is not white space.
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n' | 0x1e | 0xef | 0xbb | 0xbf)) {
        at += 1;
    }
    at
}

/// End of the value that begins at `at`; `None` if the text ends before it does.
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at + 1),
        b'{' | b'[' => match container_end(text, at + 1, u32::MAX) {
            End::At(end) => Some(end),
            End::Beyond | End::Deep => None,
        },
        b'}' | b']' | b',' | b':' => None,
        _ => {
            let rest = text.get(at..)?;
            let length = rest
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
                .unwrap_or(rest.len());
            Some(at + length)
        }
    }
}

/// The members of an object in order: key without quotes (escapes kept) and raw value. The value is `None`, and
/// the walk over, where the text ends within it.
pub(super) struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    /// Of the object that the text begins with; of nothing if it begins with something else.
    pub(super) fn new(text: &'a [u8]) -> Members<'a> {
        let at = skip_space(text, 0);
        let at = if text.get(at) == Some(&b'{') { at + 1 } else { text.len() };
        Members { text, at }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.text;
        let mut at = skip_space(text, self.at);
        if text.get(at) == Some(&b',') {
            at = skip_space(text, at + 1);
        }
        self.at = text.len();
        if text.get(at) != Some(&b'"') {
            return None;
        }
        let end = string_end(text, at + 1)?;
        let key = text.get(at + 1..end - 1)?;
        let colon = skip_space(text, end);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_space(text, colon + 1);
        let Some(end) = value_end(text, start) else {
            return Some((key, None));
        };
        self.at = end;
        Some((key, text.get(start..end)))
    }
}

/// The items of an array, or the values that follow each other in a text, with their offsets.
pub(super) struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// Of the array that the text begins with; of nothing if it begins with something else.
    pub(super) fn of_array(text: &'a [u8]) -> Items<'a> {
        let at = skip_space(text, 0);
        let at = if text.get(at) == Some(&b'[') { at + 1 } else { text.len() };
        Items { text, at }
    }

    /// Of values that stand one after the other, with or without commas and line ends between them.
    pub(super) fn of_text(text: &'a [u8]) -> Items<'a> {
        Items { text, at: 0 }
    }

    /// Where the walk stopped; the length of the text if it is over.
    pub(super) fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut at = skip_space(self.text, self.at);
        if self.text.get(at) == Some(&b',') {
            at = skip_space(self.text, at + 1);
        }
        self.at = at;
        let end = value_end(self.text, at)?;
        let item = self.text.get(at..end)?;
        self.at = end;
        (!item.is_empty()).then_some(item)
    }
}

/// The raw value of a member of an object.
pub(super) fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    Members::new(object).find(|(name, _)| *name == key.as_bytes()).and_then(|(_, value)| value)
}

/// The raw value at a path of keys.
pub(super) fn at<'a>(object: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    path.iter().try_fold(object, |object, key| member(object, key))
}

/// The text of a raw string, unescaped; `None` for anything else.
pub(super) fn text(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inner.contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let owned: String = serde_json::from_slice(raw).ok()?;
    Some(Cow::Owned(owned.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_items_are_found() {
        let object = br#" {"a" : {"x":"}\"{"}, "b":[1, "two" ,{"c":null}],"d":true}"#;
        let keys: Vec<&[u8]> = Members::new(object).map(|(key, _)| key).collect();
        assert_eq!(keys, [b"a", b"b", b"d"]);
        assert_eq!(at(object, &["a", "x"]), Some(br#""}\"{""#.as_slice()));
        let items: Vec<&[u8]> = Items::of_array(member(object, "b").unwrap()).collect();
        assert_eq!(items, [b"1".as_slice(), b"\"two\"", b"{\"c\":null}"]);
        assert_eq!(text(br#""a\u0041\n""#).unwrap().as_ref(), b"aA\n");
    }

    #[test]
    fn a_cut_value_keeps_its_key() {
        let last = Members::new(br#"{"Records":[{"a":1},{"b"#).last();
        assert_eq!(last, Some((b"Records".as_slice(), None)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_the_walk(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, value) in Members::new(&bytes) {
                let _ = value.map(|value| Items::of_array(value).count());
            }
            prop_assert!(Items::of_text(&bytes).count() <= bytes.len());
        }

        #[test]
        fn members_agree_with_the_json_crate(
            object in proptest::collection::btree_map("[a-z]{1,4}", ".{0,8}", 0..5),
        ) {
            let raw = serde_json::to_vec(&object).unwrap();
            for (key, expected) in &object {
                let found = text(member(&raw, key).unwrap()).unwrap();
                prop_assert_eq!(found.as_ref(), expected.as_bytes());
            }
        }
    }
}
