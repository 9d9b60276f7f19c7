//! YAML and JSON documents as trees in which every value has its place.
//!
//! For documents that a person or a client wrote and that findings cite by line: manifests, templates, settings,
//! tool lists. Logs and large exports have readers of their own. One broken document of several costs that one
//! alone. Depth, nodes and what aliases may repeat are limited, so that no small text becomes a large tree.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::model::Place;

mod json;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Line of its beginning, from 1.
    pub line: u32,
    /// Column of its beginning in characters, from 1.
    pub column: u32,
    /// A tag that is not YAML's own, without the `!`: `Ref`, `GetAtt`.
    pub tag: Option<Box<str>>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in file order; keys may repeat.
    Map(Vec<(Node, Node)>),
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeError {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Reason.
    pub reason: String,
}

impl TreeError {
    /// Its place in a file.
    pub fn place(&self, file: u32) -> Place {
        Place::line(file, self.line, self.column)
    }
}

/// Values in all documents of a text together.
const MAX_NODES: usize = 8_000_000;

/// Levels of lists and maps.
const MAX_DEPTH: usize = 64;

/// Values that aliases may repeat in one document.
const MAX_REPEATED: usize = 200_000;

/// Documents of one text.
const MAX_DOCUMENTS: usize = 200_000;

impl Node {
    /// The value of a key; of a repeated key the last one, as JSON and YAML readers have it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let found = self.map().iter().rev().find(|(name, _)| name.text() == Some(key));
        found.map(|(_, value)| value)
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a key's value.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// Its text, if it is one. Numbers and truth values are none.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its text, number or truth value as written.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        self.value == Value::Bool(true)
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Its items; none if it is no list.
    pub fn list(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Its keys and values; none if it is no map.
    pub fn map(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Its text, or the texts of its items.
    pub fn texts(&self) -> Vec<&str> {
        match &self.value {
            Value::List(items) => items.iter().filter_map(Node::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }

    /// Its place in a file.
    pub fn place(&self, file: u32) -> Place {
        Place::line(file, self.line, self.column)
    }

    /// The same as a JSON value; numbers that JSON has not become texts.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.clone().into())
            }
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let entry = |(key, value): &(Node, Node)| {
                    Some((key.scalar()?.to_string(), value.to_json()))
                };
                entries.iter().filter_map(entry).collect::<serde_json::Map<_, _>>().into()
            }
        }
    }
}

/// The documents of a text: YAML, JSON, or JSON values one after the other. Empty documents are left out.
///
/// An error stands in the place of the document that has it; after one in JSON nothing more is read, since nobody
/// knows where the next value begins.
pub fn documents(text: &str) -> Vec<Result<Node, TreeError>> {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => {
            let found = json::documents(text);
            // Flow style and JSON begin alike: what JSON cannot read may be YAML.
            match found.first() {
                Some(Err(error)) => {
                    let other = yaml(text);
                    let is_yaml = other.iter().all(Result::is_ok) && !other.is_empty();
                    if is_yaml { other } else { vec![Err(error.clone())] }
                }
                _ => found,
            }
        }
        Some(_) => yaml(text),
        None => Vec::new(),
    }
}

/// A JSON text of one value.
///
/// # Errors
/// The first place at which it is no JSON.
pub fn json(text: &str) -> Result<Node, TreeError> {
    match json::documents(text).into_iter().next() {
        Some(found) => found,
        None => Err(TreeError { line: 1, column: 1, reason: "empty".to_string() }),
    }
}

fn yaml(text: &str) -> Vec<Result<Node, TreeError>> {
    let mut reader = Reader { parser: Parser::new_from_str(text), left: MAX_NODES };
    let mut found = Vec::new();
    while found.len() < MAX_DOCUMENTS {
        match reader.document() {
            Ok(Some(node)) if node.is_null() => {}
            Ok(Some(node)) => found.push(Ok(node)),
            Ok(None) => break,
            Err(error) => {
                found.push(Err(error));
                if reader.left == 0 || !matches!(reader.parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    found
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// Values that may still be read.
    left: usize,
}

/// What one document has read so far.
#[derive(Default)]
struct Document {
    /// Lists and maps that are not closed: the anchor and what they hold. Of a map the key that waits.
    open: Vec<(usize, Node, Option<Node>)>,
    anchors: std::collections::BTreeMap<usize, (Node, usize)>,
    repeated: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Option<Node>, TreeError> {
        let mut document = Document::default();
        loop {
            let (event, span) = match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok(found)) => found,
                Some(Err(error)) => {
                    let (line, column) = (error.marker().line(), error.marker().col() + 1);
                    return Err(failed((line, column), error.info()));
                }
            };
            let at = (span.start.line(), span.start.col() + 1);
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return Err(failed(at, format!("more than {MAX_NODES} values")));
            }
            if let Some(whole) = document.take(event, span)? {
                return Ok(Some(whole));
            }
        }
    }
}

impl Document {
    /// Takes an event; the whole document when it is closed.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, TreeError> {
        let at = (span.start.line(), span.start.col() + 1);
        let new = |value: Value, tag: Option<Box<str>>| Node {
            value,
            line: u32::try_from(at.0).unwrap_or(u32::MAX),
            column: u32::try_from(at.1).unwrap_or(u32::MAX),
            tag,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let own = tag.as_ref().filter(|tag| tag.is_yaml_core_schema());
                let is_text = own.is_some_and(|tag| tag.suffix() == "str");
                let value = scalar(&text, style == ScalarStyle::Plain && !is_text);
                Ok(self.push(anchor, new(value, custom(tag.as_deref()))))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(at, anchor, new(Value::List(Vec::new()), custom(tag.as_deref())))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(at, anchor, new(Value::Map(Vec::new()), custom(tag.as_deref())))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((anchor, node, _)) = self.open.pop() else { return Ok(None) };
                Ok(self.push(anchor, node))
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(failed(at, "an alias of what is not yet whole".to_string()));
                };
                self.repeated += size;
                if self.repeated > MAX_REPEATED {
                    let reason = format!("aliases repeat more than {MAX_REPEATED} values");
                    return Err(failed(at, reason));
                }
                let node = node.clone();
                Ok(self.push(0, node))
            }
            Event::UnresolvedAlias(_) => Err(failed(at, "an alias of nothing".to_string())),
            Event::DocumentEnd => Ok(Some(new(Value::Null, None))),
            _ => Ok(None),
        }
    }

    fn begin(
        &mut self,
        at: (usize, usize),
        anchor: usize,
        node: Node,
    ) -> Result<Option<Node>, TreeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(failed(at, format!("more than {MAX_DEPTH} levels")));
        }
        self.open.push((anchor, node, None));
        Ok(None)
    }

    /// Puts a whole value in its place; gives it back if it is the document.
    fn push(&mut self, anchor: usize, node: Node) -> Option<Node> {
        if anchor > 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => return Some(node),
            Some((_, Node { value: Value::List(items), .. }, _)) => items.push(node),
            Some((_, Node { value: Value::Map(entries), .. }, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            Some(_) => {}
        }
        None
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => {
            1 + entries.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

fn failed((line, column): (usize, usize), reason: String) -> TreeError {
    TreeError {
        line: u32::try_from(line).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(column).unwrap_or(u32::MAX).max(1),
        reason,
    }
}

fn custom(tag: Option<&granit_parser::Tag>) -> Option<Box<str>> {
    tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.suffix().into())
}

/// What a scalar means (YAML 1.2.2, section 10.3.2, core schema). `yes`, `on` and dates are texts.
fn scalar(text: &str, is_plain: bool) -> Value {
    if !is_plain {
        return Value::Text(text.to_string());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_string()),
        _ => Value::Text(text.to_string()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // A leading zero is an account id or a file mode, not a number.
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
        && !is_code
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests;
