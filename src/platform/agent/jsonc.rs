//! JSON with comments and trailing commas, and TOML, as trees with places.
//!
//! Editors write settings as JSON with comments; Codex and Gemini CLI use TOML 1.0 (toml.io, "TOML v1.0.0"), of which
//! everything that a settings file holds is read: tables, lists of tables, dotted keys, all texts, inline tables.
//! Dates stay texts.

use crate::evidence::tree::{self, Node, TreeError, Value};

/// Reads JSON, with comments and trailing commas.
///
/// # Errors
/// The first place at which it is neither.
pub(super) fn json(text: &str) -> Result<Node, TreeError> {
    match tree::json(text) {
        Ok(node) => Ok(node),
        Err(error) => tree::json(&plain(text)).map_err(|_| error),
    }
}

/// The text with comments and trailing commas blanked out, so that places stay.
fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        for byte in out.get_mut(from..to).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let (mut at, mut comma): (usize, Option<usize>) = (0, None);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest {
            [b'"', ..] => {
                comma = None;
                at += 1;
                while at < bytes.len() && bytes.get(at) != Some(&b'"') {
                    at += if bytes.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                at += 1;
            }
            [b'/', b'/', ..] => {
                let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |end| at + end);
                blank(&mut out, at, end);
                at = end;
            }
            [b'/', b'*', ..] => {
                let end = memchr::memmem::find(rest, b"*/").map_or(bytes.len(), |end| at + end + 2);
                blank(&mut out, at, end);
                at = end;
            }
            [b'}' | b']', ..] => {
                if let Some(comma) = comma.take() {
                    blank(&mut out, comma, comma + 1);
                }
                at += 1;
            }
            [b',', ..] => {
                comma = Some(at);
                at += 1;
            }
            [byte, ..] => {
                if !byte.is_ascii_whitespace() {
                    comma = None;
                }
                at += 1;
            }
            [] => break,
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Levels of tables and lists.
const MAX_DEPTH: usize = 32;

/// Reads TOML.
///
/// # Errors
/// The first place at which it is none.
pub(super) fn toml(text: &str) -> Result<Node, TreeError> {
    let mut reader = Toml { rest: text, line: 1, column: 1 };
    let mut root = reader.node(Value::Map(Vec::new()));
    let mut table: Vec<String> = Vec::new();
    loop {
        reader.blank_lines();
        if reader.rest.is_empty() {
            return Ok(root);
        }
        if reader.rest.starts_with('[') {
            let is_list = reader.rest.starts_with("[[");
            let here = reader.node(Value::Map(Vec::new()));
            reader.skip(if is_list { 2 } else { 1 });
            table = reader.keys()?;
            reader.expect(if is_list { "]]" } else { "]" })?;
            let parent = enter(&mut root, &table[..table.len() - 1], &here);
            let parent = parent.ok_or_else(|| reader.error("a table inside of a value"))?;
            let name = table.last().cloned().unwrap_or_default();
            begin(parent, name, here, is_list)
                .ok_or_else(|| reader.error("a table that is a value"))?;
        } else {
            let here = reader.node(Value::Map(Vec::new()));
            let keys = reader.keys()?;
            reader.expect("=")?;
            reader.spaces();
            let value = reader.value(0)?;
            let path: Vec<String> = table.iter().chain(&keys[..keys.len() - 1]).cloned().collect();
            let holder = enter(&mut root, &path, &here);
            let holder = holder.ok_or_else(|| reader.error("a key inside of a value"))?;
            if let (Value::Map(entries), Some(name)) = (&mut holder.value, keys.last()) {
                entries.push((Node { value: Value::Text(name.clone()), ..here }, value));
            }
        }
        reader.line_end()?;
    }
}

/// The table at a path, made if it is not there; of a list of tables the last one.
fn enter<'n>(root: &'n mut Node, path: &[String], here: &Node) -> Option<&'n mut Node> {
    let mut node = root;
    for name in path {
        let Value::Map(entries) = &mut node.value else { return None };
        let at = match entries.iter().rposition(|(key, _)| key.text() == Some(name)) {
            Some(at) => at,
            None => {
                let key = Node { value: Value::Text(name.clone()), ..here.clone() };
                entries.push((key, here.clone()));
                entries.len() - 1
            }
        };
        node = match entries.get_mut(at).map(|(_, value)| value)? {
            Node { value: Value::List(items), .. } => items.last_mut()?,
            other => other,
        };
    }
    matches!(node.value, Value::Map(_)).then_some(node)
}

/// Opens a table, or one more of a list of tables.
fn begin(parent: &mut Node, name: String, here: Node, is_list: bool) -> Option<()> {
    let Value::Map(entries) = &mut parent.value else { return None };
    let known = entries.iter_mut().rev().find(|(key, _)| key.text() == Some(&name));
    match (known, is_list) {
        (Some((_, Node { value: Value::List(items), .. })), true) => items.push(here),
        (Some((_, Node { value: Value::Map(_), .. })), false) => {}
        (Some(_), _) => return None,
        (None, _) => {
            let key = Node { value: Value::Text(name), ..here.clone() };
            let value = match is_list {
                true => Node { value: Value::List(vec![here.clone()]), ..here },
                false => here,
            };
            entries.push((key, value));
        }
    }
    Some(())
}

struct Toml<'t> {
    rest: &'t str,
    line: u32,
    column: u32,
}

impl<'t> Toml<'t> {
    fn node(&self, value: Value) -> Node {
        Node { value, line: self.line, column: self.column, tag: None }
    }

    fn error(&self, reason: &str) -> TreeError {
        TreeError { line: self.line, column: self.column, reason: reason.to_string() }
    }

    fn skip(&mut self, bytes: usize) -> &'t str {
        let (done, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        for one in done.chars() {
            if one == '\n' {
                (self.line, self.column) = (self.line.saturating_add(1), 1);
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
        self.rest = rest;
        done
    }

    fn spaces(&mut self) {
        let blank = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.skip(blank);
    }

    /// Passes over blank lines and comments.
    fn blank_lines(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            if !self.rest.starts_with('#') {
                return;
            }
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn line_end(&mut self) -> Result<(), TreeError> {
        self.spaces();
        match self.rest.chars().next() {
            None | Some('\n' | '\r' | '#') => Ok(()),
            Some(_) => Err(self.error("more than one value in a line")),
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), TreeError> {
        self.spaces();
        if !self.rest.starts_with(text) {
            return Err(self.error(&format!("no `{text}` where one must stand")));
        }
        self.skip(text.len());
        Ok(())
    }

    /// A key, dotted or not; at least one name.
    fn keys(&mut self) -> Result<Vec<String>, TreeError> {
        let mut keys = Vec::new();
        loop {
            self.spaces();
            let key = match self.rest.as_bytes().first() {
                Some(b'"' | b'\'') => self.text()?,
                _ => {
                    let is_bare =
                        |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
                    let end = self.rest.find(|one| !is_bare(one)).unwrap_or(self.rest.len());
                    self.skip(end).to_string()
                }
            };
            if key.is_empty() || keys.len() >= MAX_DEPTH {
                return Err(self.error("no key where one must stand"));
            }
            keys.push(key);
            self.spaces();
            if !self.rest.starts_with('.') {
                return Ok(keys);
            }
            self.skip(1);
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, TreeError> {
        if depth > MAX_DEPTH {
            return Err(self.error("too many levels"));
        }
        let mut node = self.node(Value::Null);
        node.value = match self.rest.as_bytes().first() {
            Some(b'"' | b'\'') => Value::Text(self.text()?),
            Some(b'[') => self.items(depth)?,
            Some(b'{') => self.inline(depth)?,
            _ => {
                let end = self.rest.find([',', ']', '}', '\n', '#']).unwrap_or(self.rest.len());
                match self.skip(end).trim() {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "" => return Err(self.error("no value where one must stand")),
                    other if other.contains(['=', '"', '\'']) => {
                        return Err(self.error("more than one value in a line"));
                    }
                    other => Value::Number(other.to_string()),
                }
            }
        };
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Value, TreeError> {
        self.skip(1);
        let mut items = Vec::new();
        loop {
            self.blank_lines();
            if self.rest.starts_with(']') {
                self.skip(1);
                return Ok(Value::List(items));
            }
            items.push(self.value(depth + 1)?);
            self.blank_lines();
            if self.rest.starts_with(',') {
                self.skip(1);
            } else if !self.rest.starts_with(']') {
                return Err(self.error("no `,` or `]` where one must stand"));
            }
        }
    }

    fn inline(&mut self, depth: usize) -> Result<Value, TreeError> {
        self.skip(1);
        let mut root = self.node(Value::Map(Vec::new()));
        loop {
            self.blank_lines();
            if self.rest.starts_with('}') {
                self.skip(1);
                return Ok(root.value);
            }
            let here = self.node(Value::Map(Vec::new()));
            let keys = self.keys()?;
            self.expect("=")?;
            self.spaces();
            let value = self.value(depth + 1)?;
            let holder = enter(&mut root, &keys[..keys.len() - 1], &here);
            if let (Some(Node { value: Value::Map(entries), .. }), Some(name)) =
                (holder, keys.last())
            {
                entries.push((Node { value: Value::Text(name.clone()), ..here }, value));
            }
            self.blank_lines();
            if self.rest.starts_with(',') {
                self.skip(1);
            } else if !self.rest.starts_with('}') {
                return Err(self.error("no `,` or `}` where one must stand"));
            }
        }
    }

    /// A text of any of the four kinds.
    fn text(&mut self) -> Result<String, TreeError> {
        let quote = if self.rest.starts_with('"') { '"' } else { '\'' };
        let triple = quote.to_string().repeat(3);
        let is_long = self.rest.starts_with(&triple);
        self.skip(if is_long { 3 } else { 1 });
        if is_long && self.rest.starts_with('\n') {
            self.skip(1);
        }
        let mut out = String::new();
        loop {
            if is_long && self.rest.starts_with(&triple) {
                self.skip(3);
                return Ok(out);
            }
            let Some(now) = self.rest.chars().next() else {
                return Err(self.error("a text without end"));
            };
            self.skip(now.len_utf8());
            match now {
                _ if now == quote && !is_long => return Ok(out),
                '\n' if !is_long => return Err(self.error("a text without end")),
                '\\' if quote == '"' => self.escape(&mut out)?,
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), TreeError> {
        let Some(now) = self.rest.chars().next() else {
            return Err(self.error("a text without end"));
        };
        self.skip(now.len_utf8());
        let plain = match now {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'e' => Some('\u{1b}'),
            '"' | '\\' => Some(now),
            _ => None,
        };
        if let Some(plain) = plain {
            out.push(plain);
            return Ok(());
        }
        let digits = match now {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '\n' | ' ' | '\t' | '\r' => {
                let blank = self.rest.len() - self.rest.trim_start().len();
                self.skip(blank);
                return Ok(());
            }
            _ => return Err(self.error("an escape that TOML does not have")),
        };
        let code = self.rest.get(..digits).and_then(|text| u32::from_str_radix(text, 16).ok());
        let one = code.and_then(char::from_u32);
        out.push(one.ok_or_else(|| self.error("an escape of no character"))?);
        self.skip(digits);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_passed_over_and_places_stay() {
        let text = "{\n  // a \"comment\"\n  \"a\": [1, 2,], /* b */\n  \"u\": \"http://x\",\n}";
        let node = json(text).unwrap();
        assert_eq!(node.get("a").unwrap().list().len(), 2);
        let url = node.get("u").unwrap();
        assert_eq!((url.text(), url.line), (Some("http://x"), 4));
        assert!(json("{\"a\": }").is_err());
    }

    #[test]
    fn toml_is_read_with_places() {
        let text = "a = 1 # x\n[mcp_servers.\"my srv\"]\nargs = [\n 'p\\q', # y\n \"r\\n\",\n]\nenv = { K = \"v\", b.c = true }\n[[rule]]\nt = \"\"\"x\ny\"\"\"\n[[rule]]\nn = [1, 2]\n[rule.deep]\nz = false\n";
        let node = toml(text).unwrap();
        let server = node.at(&["mcp_servers", "my srv"]).unwrap();
        assert_eq!(server.line, 2);
        assert_eq!(server.get("args").unwrap().texts(), ["p\\q", "r\n"]);
        assert!(server.at(&["env", "b", "c"]).unwrap().is_true());
        let rules = node.get("rule").unwrap().list();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].text_of("t"), Some("x\ny"));
        assert!(!rules[1].at(&["deep", "z"]).unwrap().is_true());
        for bad in [
            "a",
            "a = ",
            "[a",
            "a = \"x",
            "a = [1",
            "a = {b",
            "a = 1\n[a.b]\nc = 1",
            "= 1",
            "a = 1 b = 2",
        ] {
            assert!(toml(bad).is_err(), "{bad}");
        }
    }
}
