//! JSON with places: one pass over the bytes.

use super::{MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, Node, TreeError, Value};

/// The values of a text, one after the other. The first error is the last entry.
pub(super) fn documents(text: &str) -> Vec<Result<Node, TreeError>> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, line: 1, begin: 0, nodes: 0 };
    let mut found = Vec::new();
    loop {
        reader.blank();
        if reader.at >= reader.text.len() || found.len() >= MAX_DOCUMENTS {
            return found;
        }
        match reader.value(0) {
            Ok(node) => found.push(Ok(node)),
            Err(reason) => {
                let (line, column) = reader.place();
                found.push(Err(TreeError { line, column, reason: reason.to_string() }));
                return found;
            }
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    /// Where the line at hand begins.
    begin: usize,
    nodes: usize,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn place(&self) -> (u32, u32) {
        let before = self.text.get(self.begin..self.at).unwrap_or_default();
        // Columns are characters: bytes that continue one do not count.
        let characters = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        (self.line, u32::try_from(characters + 1).unwrap_or(u32::MAX))
    }

    fn blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line = self.line.saturating_add(1);
                    self.begin = self.at;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                _ => return,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        self.blank();
        let (line, column) = self.place();
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        if self.nodes > MAX_NODES {
            return Err("too many values");
        }
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err("ends within a value"),
        };
        Ok(Node { value, line, column, tag: None })
    }

    fn map(&mut self, depth: usize) -> Read<Value> {
        let mut entries = Vec::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(entries));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err("a key is no string");
            }
            let key = self.value(depth + 1)?;
            self.blank();
            if self.peek() != Some(b':') {
                return Err("no colon behind a key");
            }
            self.at += 1;
            entries.push((key, self.value(depth + 1)?));
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(entries));
                }
                Some(_) => return Err("neither a comma nor a closing brace"),
                None => return Err("ends within an object"),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                Some(_) => return Err("neither a comma nor a closing bracket"),
                None => return Err("ends within an array"),
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err("ends within a string");
            };
            self.at += found;
            if self.peek() == Some(b'\\') {
                self.at += 2;
                continue;
            }
            self.at += 1;
            let raw = self.text.get(start..self.at).unwrap_or_default();
            let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
            if memchr::memchr(b'\\', inner).is_none() && inner.iter().all(|byte| *byte >= b' ') {
                return Ok(String::from_utf8_lossy(inner).into_owned());
            }
            return match serde_json::from_slice::<String>(raw) {
                Ok(text) => Ok(text),
                // A lone surrogate costs that character, as in the logs.
                Err(_) if inner.iter().all(|byte| *byte >= b' ') => Ok(lenient(inner)),
                Err(_) => Err("a control character or a broken escape in a string"),
            };
        }
    }

    fn word(&mut self) -> Read<Value> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_end =
            |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let word = std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default();
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => {
                Value::Number(word.to_string())
            }
            _ => return Err("no JSON value"),
        };
        self.at += length;
        Ok(value)
    }
}

/// A string whose escapes are not all in order: what cannot be meant becomes the replacement character.
fn lenient(inner: &[u8]) -> String {
    let mut out = String::new();
    let text = String::from_utf8_lossy(inner);
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match escape.as_bytes().get(1) {
            Some(b'u') => escape.char_indices().nth(6).map_or(escape.len(), |(at, _)| at),
            Some(_) => escape.char_indices().nth(2).map_or(escape.len(), |(at, _)| at),
            None => escape.len(),
        };
        let (one, after) = escape.split_at(length);
        let pair = escape.get(..12).filter(|pair| pair.get(6..8) == Some("\\u"));
        if let Some(pair) = pair
            && let Ok(text) = serde_json::from_str::<String>(&format!("\"{pair}\""))
        {
            out.push_str(&text);
            rest = escape.get(12..).unwrap_or_default();
            continue;
        }
        match serde_json::from_str::<String>(&format!("\"{one}\"")) {
            Ok(text) => out.push_str(&text),
            Err(_) => out.push(char::REPLACEMENT_CHARACTER),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
