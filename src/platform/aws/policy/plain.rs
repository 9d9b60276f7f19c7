//! Walks through JSON text that is known to be valid and to hold no backslash, so that every string ends at the next
//! quote.
//!
//! Policies of a large estate are nearly all such text, and a reader that checks each level again would read them many
//! times over. What is not known to be so is for the JSON reader.

/// The members of an object, in order: keys without quotes, values as written.
pub(super) struct Members<'a>(Parts<'a>);

/// The elements of an array, in order, as written.
pub(super) struct Elements<'a>(Parts<'a>);

struct Parts<'a> {
    text: &'a str,
    next: usize,
}

/// The members of an object; nothing for another value.
pub(super) fn members(object: &str) -> Members<'_> {
    Members(Parts::new(object, '{'))
}

/// The elements of an array; nothing for another value.
pub(super) fn elements(array: &str) -> Elements<'_> {
    Elements(Parts::new(array, '['))
}

impl<'a> Parts<'a> {
    fn new(text: &'a str, opening: char) -> Parts<'a> {
        let next = if text.starts_with(opening) { 1 } else { text.len() };
        Parts { text, next }
    }

    /// The next value, with what separates it from the one before left out.
    fn value(&mut self) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.next..)?;
        let is_between =
            |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'}' | b']');
        let begin = self.next + rest.iter().position(|byte| !is_between(byte))?;
        let end = end(self.text.as_bytes(), begin);
        self.next = end;
        self.text.get(begin..end)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.value()?.strip_prefix('"')?.strip_suffix('"')?;
        Some((key, self.0.value()?))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.value()
    }
}

/// The end of the value that begins at an offset.
fn end(text: &[u8], at: usize) -> usize {
    let mut depth = 0usize;
    let mut next = at;
    while let Some(byte) = text.get(next) {
        next += 1;
        match byte {
            b'"' => {
                let rest = text.get(next..).unwrap_or_default();
                next += memchr::memchr(b'"', rest).map_or(rest.len(), |quote| quote + 1);
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            // A number or a word ends where something else begins.
            _ if depth == 0 => {
                let rest = text.get(next..).unwrap_or_default();
                let is_more = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                return next + rest.iter().position(|byte| !is_more(byte)).unwrap_or(rest.len());
            }
            _ => {}
        }
        if depth == 0 {
            return next;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
            "[a-z{}\\[\\],: é*]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("[a-z{}:, ]{0,5}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn parts_are_those_of_the_json_reader(value in json(), is_pretty in any::<bool>()) {
            let text = if is_pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let found: Vec<Value> = elements(&text).map(read).collect();
            prop_assert_eq!(found, value.as_array().cloned().unwrap_or_default());
            let found: Vec<(String, Value)> =
                members(&text).map(|(key, value)| (key.to_string(), read(value))).collect();
            let wanted = value.as_object().cloned().unwrap_or_default();
            prop_assert_eq!(found, wanted.into_iter().collect::<Vec<_>>());
        }
    }
}
