//! Values of which some parts are known only when a change is applied, and policy documents made of them.
//!
//! Owns the rule for what is not known: the document that is read allows everything that the real one can allow,
//! and refuses only what the real one surely refuses.
//!
//! | not known | in an Allow | in a Deny |
//! |---|---|---|
//! | a part of an action or resource | `*` in its place | `*`, and the deny is only possible |
//! | an entry of `NotAction`, `NotResource` | left out | left out, and the deny is only possible |
//! | a value of a positive text or ARN operator | `*` in its place | the deny is only possible |
//! | any other value of a condition | the condition always holds | the deny is only possible |
//! | whether the statement is there | it is | the deny is only possible |
//!
//! A deny that is only possible carries a condition on [`OPEN_KEY`], which nobody can answer, so that the
//! evaluator makes the grants that it touches conditional.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::model::Place;

/// The condition key of denies that are only possible.
pub(crate) const OPEN_KEY: &str = "authgap:known-after-apply";

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) item: Item,
    pub(crate) place: Option<Place>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// Nothing: absent.
    Null,
    /// A number or truth value as written.
    Bare(String),
    /// A text. If it is open, each unknown part is a `*`.
    Text {
        text: String,
        is_open: bool,
    },
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
    /// One of these.
    Either(Vec<Part>),
    /// Not known at all.
    Unknown,
}

impl Part {
    pub(crate) fn new(item: Item, place: Option<Place>) -> Part {
        Part { item, place }
    }

    /// A text that is known.
    pub(crate) fn text(text: &str, place: Option<Place>) -> Part {
        Part { item: Item::Text { text: text.to_string(), is_open: false }, place }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Part> {
        let Item::Map(members) = &self.item else { return None };
        let found = members.iter().rev().find(|(name, _)| name == key)?;
        (found.1.item != Item::Null).then_some(&found.1)
    }

    /// The text of a value that is known.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &self.item {
            Item::Text { text, is_open: false } => Some(text),
            _ => None,
        }
    }

    /// The items of a list, or the value itself; alternatives are all there. Whether each surely is.
    pub(crate) fn items(&self) -> Vec<(&Part, bool)> {
        let mut found = Vec::new();
        gather(self, true, &mut found);
        found
    }
}

fn gather<'a>(part: &'a Part, is_sure: bool, found: &mut Vec<(&'a Part, bool)>) {
    match &part.item {
        Item::Null => {}
        Item::List(items) => items.iter().for_each(|item| gather(item, is_sure, found)),
        Item::Either(items) => items.iter().for_each(|item| gather(item, false, found)),
        _ => found.push((part, is_sure)),
    }
}

/// The text of a policy document, with the place of each statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// Offset of each statement, ascending, and its place.
    statements: Vec<(usize, Option<Place>)>,
    /// Whether anything in it was not known.
    pub(crate) is_open: bool,
}

impl Rendered {
    /// The place of the statement at an offset.
    pub(crate) fn place(&self, offset: usize) -> Option<Place> {
        let at = self.statements.partition_point(|(begin, _)| *begin <= offset);
        self.statements.get(at.checked_sub(1)?)?.1
    }
}

/// Writes a policy document. `is_sure`: whether the policy will surely be there.
///
/// # Errors
/// What prevents it from being read at all: then it may grant anything.
pub(crate) fn render(document: &Part, is_sure: bool) -> Result<Rendered, String> {
    let Item::Map(_) = &document.item else {
        return Err("the document is known only after apply".into());
    };
    let is_open = Cell::new(!is_sure);
    let mut text = String::from("{");
    if let Some(version) = document.get("Version") {
        let version = version.exact().unwrap_or("2012-10-17");
        text.push_str(&format!("\"Version\":{},", json!(version)));
    }
    text.push_str("\"Statement\":[");
    let mut statements = Vec::new();
    let Some(list) = document.get("Statement") else {
        return Err("a policy without Statement".into());
    };
    for (part, is_there) in list.items() {
        let Item::Map(members) = &part.item else {
            return Err("a statement is known only after apply".into());
        };
        if !statements.is_empty() {
            text.push(',');
        }
        statements.push((text.len(), part.place.or(document.place)));
        let mut writer = Writer { is_open: &is_open, is_possible: !(is_sure && is_there) };
        text.push_str(&writer.statement(members).to_string());
    }
    text.push_str("]}");
    Ok(Rendered { text, statements, is_open: is_open.get() })
}

struct Writer<'a> {
    is_open: &'a Cell<bool>,
    /// Whether the statement, as a deny, is only possible.
    is_possible: bool,
}

impl Writer<'_> {
    fn statement(&mut self, members: &[(String, Part)]) -> Value {
        let effects = members.iter().find(|(key, _)| key == "Effect").map(|(_, part)| part.items());
        let effect = match effects.as_deref() {
            None => None,
            Some([(one, true)]) if one.exact().is_some() => one.exact(),
            // An effect that is not known is the one that grants.
            Some(_) => {
                self.is_open.set(true);
                Some("Allow")
            }
        };
        let is_allow = effect != Some("Deny");
        let mut out = Map::new();
        if let Some(effect) = effect {
            out.insert("Effect".into(), effect.into());
        }
        for (key, part) in members {
            if part.item == Item::Null || key == "Effect" {
                continue;
            }
            match key.as_str() {
                "Sid" => {
                    if let Some(sid) = part.exact() {
                        out.insert("Sid".into(), sid.into());
                    }
                }
                "Action" | "Resource" => {
                    out.insert(key.clone(), self.list(part));
                }
                "NotAction" | "NotResource" => self.except(key, part, is_allow, &mut out),
                "Condition" => {
                    if let Some(tests) = self.conditions(part, is_allow) {
                        out.insert("Condition".into(), tests);
                    }
                }
                _ => {
                    out.insert(key.clone(), self.plain(part));
                }
            }
        }
        if !is_allow && self.is_possible {
            self.is_open.set(true);
            let tests = out.entry("Condition").or_insert_with(|| json!({}));
            if let Some(tests) = tests.as_object_mut() {
                let test = tests.entry("StringEquals").or_insert_with(|| json!({}));
                if let Some(test) = test.as_object_mut() {
                    test.insert(OPEN_KEY.into(), "true".into());
                }
            }
        }
        Value::Object(out)
    }

    /// Something is not known: a deny with it is only possible.
    fn open(&mut self) {
        self.is_open.set(true);
        self.is_possible = true;
    }

    fn list(&mut self, part: &Part) -> Value {
        let mut list = Vec::new();
        for (item, is_sure) in part.items() {
            if !is_sure {
                self.open();
            }
            match &item.item {
                Item::Text { text, is_open } => {
                    if *is_open {
                        self.open();
                    }
                    list.push(text.as_str().into());
                }
                Item::Bare(text) => list.push(text.as_str().into()),
                _ => {
                    self.open();
                    list.push("*".into());
                }
            }
        }
        Value::Array(list)
    }

    /// Everything but a list. What may be in the list is not taken out of an allow, and is not surely left to a
    /// deny.
    fn except(&mut self, key: &str, part: &Part, is_allow: bool, out: &mut Map<String, Value>) {
        let mut list: Vec<Value> = Vec::new();
        for (item, is_sure) in part.items() {
            match item.exact().filter(|_| is_sure) {
                Some(text) => list.push(text.into()),
                None => self.open(),
            }
        }
        if list.is_empty() && (is_allow || self.is_possible) {
            let key = key.strip_prefix("Not").unwrap_or(key);
            out.insert(key.into(), "*".into());
        } else {
            out.insert(key.into(), Value::Array(list));
        }
    }

    fn conditions(&mut self, part: &Part, is_allow: bool) -> Option<Value> {
        let Item::Map(operators) = &part.item else {
            self.open();
            return None;
        };
        let mut tests: Vec<(String, String, Value)> = Vec::new();
        for (operator, keys) in operators {
            let Item::Map(keys) = &keys.item else {
                self.open();
                continue;
            };
            for (key, values) in keys {
                let items = values.items();
                let is_known = |(item, is_sure): &(&Part, bool)| {
                    *is_sure && (item.exact().is_some() || matches!(item.item, Item::Bare(_)))
                };
                if items.iter().all(is_known) {
                    tests.push((operator.clone(), key.clone(), self.plain(values)));
                    continue;
                }
                self.open();
                if !is_allow {
                    continue;
                }
                match like(operator) {
                    Some(operator) => tests.push((operator, key.clone(), self.list(values))),
                    None => tests.push(("StringLikeIfExists".into(), key.clone(), "*".into())),
                }
            }
        }
        let mut out = Map::new();
        for (operator, key, values) in tests {
            let slot = out.entry(operator).or_insert_with(|| json!({}));
            if let Some(slot) = slot.as_object_mut() {
                slot.entry(key).or_insert(values);
            }
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    /// Any other value, as JSON.
    fn plain(&mut self, part: &Part) -> Value {
        match &part.item {
            Item::Null => Value::Null,
            Item::Bare(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Item::Text { text, is_open } => {
                if *is_open {
                    self.open();
                }
                text.as_str().into()
            }
            Item::Unknown => {
                self.open();
                "*".into()
            }
            Item::List(_) | Item::Either(_) => {
                let items = part.items();
                if items.iter().any(|(_, is_sure)| !is_sure) {
                    self.open();
                }
                items.into_iter().map(|(item, _)| self.plain(item)).collect()
            }
            Item::Map(members) => members
                .iter()
                .filter(|(_, part)| part.item != Item::Null)
                .map(|(key, part)| (key.clone(), self.plain(part)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

/// The operator that compares as this one does and takes `*`; `None` if there is none (IAM User Guide,
/// reference_policies_elements_condition_operators).
fn like(operator: &str) -> Option<String> {
    let (quantifier, rest) = match operator.split_once(':') {
        Some((quantifier, rest)) => (format!("{quantifier}:"), rest),
        None => (String::new(), operator),
    };
    let base = rest.strip_suffix("IfExists").unwrap_or(rest);
    let suffix = rest.get(base.len()..).unwrap_or_default();
    let base = match base {
        "StringEquals" | "StringLike" => "StringLike",
        "ArnEquals" | "ArnLike" => "ArnLike",
        _ => return None,
    };
    Some(format!("{quantifier}{base}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Part {
        Part::new(Item::Text { text: text.into(), is_open: true }, None)
    }

    fn map(members: Vec<(&str, Part)>) -> Part {
        let members = members.into_iter().map(|(key, part)| (key.to_string(), part)).collect();
        Part::new(Item::Map(members), None)
    }

    fn document(statement: Part) -> Part {
        map(vec![("Version", Part::text("2012-10-17", None)), ("Statement", statement)])
    }

    fn statement(effect: &str, members: Vec<(&str, Part)>) -> Value {
        let mut all = vec![("Effect", Part::text(effect, None))];
        all.extend(members);
        let rendered = render(&document(map(all)), true).unwrap();
        let value: Value = serde_json::from_str(&rendered.text).unwrap();
        value["Statement"][0].clone()
    }

    #[test]
    fn an_allow_takes_the_widest_that_an_unknown_part_can_mean() {
        let one = statement(
            "Allow",
            vec![
                ("Action", Part::text("s3:Get*", None)),
                ("Resource", open("arn:aws:s3:::*/x")),
                (
                    "Condition",
                    map(vec![
                        ("StringEquals", map(vec![("aws:SourceAccount", open("*"))])),
                        ("StringNotEquals", map(vec![("aws:SourceVpc", open("*"))])),
                        ("Bool", map(vec![("aws:SecureTransport", Part::text("true", None))])),
                    ]),
                ),
            ],
        );
        assert_eq!(
            one,
            json!({"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["arn:aws:s3:::*/x"],
                "Condition": {"StringLike": {"aws:SourceAccount": ["*"]},
                    "StringLikeIfExists": {"aws:SourceVpc": "*"},
                    "Bool": {"aws:SecureTransport": "true"}}})
        );
        let one = statement("Allow", vec![("NotAction", open("*")), ("Resource", open("*"))]);
        assert_eq!(one, json!({"Effect": "Allow", "Action": "*", "Resource": ["*"]}));
    }

    #[test]
    fn a_deny_that_is_not_wholly_known_is_only_possible() {
        let possible = json!({"StringEquals": {OPEN_KEY: "true"}});
        let one = statement(
            "Deny",
            vec![("Action", Part::text("s3:*", None)), ("Resource", open("arn:aws:s3:::*"))],
        );
        assert_eq!(one["Condition"], possible);
        let one = statement(
            "Deny",
            vec![("Action", Part::text("s3:*", None)), ("NotResource", open("*"))],
        );
        assert_eq!((&one["Resource"], &one["Condition"]), (&json!("*"), &possible));
        let sure = statement("Deny", vec![("Action", Part::text("s3:*", None))]);
        assert_eq!(sure, json!({"Effect": "Deny", "Action": ["s3:*"]}));
        let either = Part::new(
            Item::Either(vec![map(vec![
                ("Effect", Part::text("Deny", None)),
                ("Action", Part::text("s3:*", None)),
            ])]),
            None,
        );
        let rendered = render(&document(either), true).unwrap();
        assert!(rendered.text.contains(OPEN_KEY) && rendered.is_open);
    }

    #[test]
    fn a_document_that_is_not_known_is_no_empty_one() {
        assert!(render(&Part::new(Item::Unknown, None), true).is_err());
        assert!(render(&document(Part::new(Item::Unknown, None)), true).is_err());
        let list = Part::new(Item::List(vec![Part::new(Item::Unknown, None)]), None);
        assert!(render(&document(list), true).is_err());
    }
}
