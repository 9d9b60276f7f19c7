//! The policy documents of a plan: JSON in a text, or statements of `aws_iam_policy_document` of which parts are
//! known only after apply (AWS provider, `aws_iam_policy_document`; `after_unknown` mirrors the values).

use serde_json::Value;
use serde_json::value::RawValue;

use super::Reader;
use super::rows::{Known, Row};
use crate::model::Place;
use crate::platform::Intake;
use crate::platform::aws::change::part::{Item, Part};
use crate::platform::aws::change::{composed, written};
use crate::platform::aws::documents::pool::PolicyDocument;
use crate::platform::aws::documents::wire;

/// Documents that may be merged into one another.
const DEPTH: usize = 8;

/// Documents that one attribute may be any of.
const MANY: usize = 16;

/// The beginning of the local address of a document.
const DOCUMENT: &str = "data.aws_iam_policy_document.";

impl<'a> Reader<'_, 'a> {
    /// The documents that an attribute of a resource holds; more than one where it is not known which it will
    /// be, or where one is merged of others. `None`: there is none.
    pub(super) fn documents(
        &mut self,
        row: &Row<'a>,
        attribute: &str,
        name: &str,
        intake: &mut Intake,
    ) -> Vec<PolicyDocument> {
        match row.raw(attribute) {
            Known::Absent => Vec::new(),
            Known::Value(raw) => self.document_of(raw, name, intake).into_iter().collect(),
            Known::Unknown if self.refs.is_computed(row, attribute) => Vec::new(),
            Known::Unknown => {
                let led = self.refs.of(self.rows, row, attribute);
                self.led_documents(row, led, (attribute, name), intake)
            }
        }
    }

    /// A document that is known. An empty text is none.
    pub(super) fn document_of(
        &mut self,
        raw: &'a RawValue,
        name: &str,
        intake: &mut Intake,
    ) -> Option<PolicyDocument> {
        if raw.get().trim_matches('"').trim().is_empty() {
            return None;
        }
        Some(written(self.evidence, self.source, name, raw, intake))
    }

    /// The documents that references lead to.
    pub(super) fn led_documents(
        &mut self,
        row: &Row<'a>,
        led: super::refs::Led,
        (attribute, name): (&str, &str),
        intake: &mut Intake,
    ) -> Vec<PolicyDocument> {
        let mut found = Vec::new();
        let mut is_whole = !led.is_partial && led.to.len() <= MANY;
        for (at, _) in led.to.iter().take(MANY) {
            match self.rows.get(*at) {
                Some(other) if other.local.starts_with(DOCUMENT) => {
                    self.statements(other, name, 0, &mut found, intake);
                }
                _ => is_whole = false,
            }
        }
        if found.is_empty() || !is_whole {
            // An unknown grant, never an empty one.
            let reason = format!("{attribute} is known only after apply");
            found.push(PolicyDocument::Broken(reason.into()));
            self.change.open(&row.address, attribute, row.place);
        }
        found
    }

    /// The documents of a data source: its own statements, and those that it merges.
    fn statements(
        &mut self,
        row: &Row<'a>,
        name: &str,
        depth: usize,
        found: &mut Vec<PolicyDocument>,
        intake: &mut Intake,
    ) {
        if depth > DEPTH {
            found.push(PolicyDocument::Broken("documents are merged without end".into()));
            return;
        }
        if let Known::Value(raw) = row.raw("json") {
            found.extend(self.document_of(raw, name, intake));
            return;
        }
        let unknown = row.unknown.get("statement").cloned().unwrap_or_default();
        let list: Known<Vec<&RawValue>> = match row.raw("statement") {
            Known::Value(raw) => Known::Value(serde_json::from_str(raw.get()).unwrap_or_default()),
            Known::Absent => Known::Absent,
            Known::Unknown => Known::Unknown,
        };
        match list {
            Known::Value(list) if !list.is_empty() => {
                let config = self.refs.expression(row, "statement").cloned();
                let parts = list.iter().enumerate().map(|(at, raw)| {
                    let place = self.source.place(wire::offset(self.source, raw));
                    let statement: Value = serde_json::from_str(raw.get()).unwrap_or_default();
                    let open = unknown.get(at).cloned().unwrap_or_default();
                    let block = config.as_ref().and_then(|config| config.get(at));
                    self.statement(row, &statement, &open, block, place)
                });
                let parts: Vec<Part> = parts.collect();
                let members = vec![
                    ("Version".to_string(), Part::text("2012-10-17", Some(row.place))),
                    ("Statement".to_string(), Part::new(Item::List(parts), Some(row.place))),
                ];
                let part = Part::new(Item::Map(members), Some(row.place));
                let (document, is_open) =
                    composed(self.evidence, name, &part, true, row.place, intake);
                if is_open {
                    self.change.open(&row.address, "parts of its statements", row.place);
                }
                found.push(document);
            }
            Known::Unknown => {
                let reason =
                    format!("the statements of {} are known only after apply", row.address);
                found.push(PolicyDocument::Broken(reason.into()));
                self.change.open(&row.address, "statement", row.place);
            }
            _ => {}
        }
        self.merged(row, name, depth, found, intake);
    }

    /// Documents that a data source takes statements from.
    fn merged(
        &mut self,
        row: &Row<'a>,
        name: &str,
        depth: usize,
        found: &mut Vec<PolicyDocument>,
        intake: &mut Intake,
    ) {
        let merging = [
            "source_policy_documents",
            "override_policy_documents",
            "source_json",
            "override_json",
        ];
        for attribute in merging {
            let (known, has_unknown) = match row.raw(attribute) {
                Known::Absent => continue,
                Known::Unknown => (Vec::new(), true),
                Known::Value(raw) if raw.get().starts_with('[') => {
                    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
                    let count = list.len();
                    let known: Vec<_> =
                        list.into_iter().filter(|item| item.get() != "null").collect();
                    let is_cut = known.len() < count;
                    (known, is_cut)
                }
                Known::Value(raw) => (vec![raw], false),
            };
            for raw in known {
                found.extend(self.document_of(raw, name, intake));
            }
            if !has_unknown {
                continue;
            }
            let led = self.refs.of(self.rows, row, attribute);
            let mut is_whole = !led.is_partial && !led.to.is_empty() && led.to.len() <= MANY;
            for (at, _) in led.to.iter().take(MANY) {
                match self.rows.get(*at) {
                    Some(other) if other.local.starts_with(DOCUMENT) => {
                        self.statements(other, name, depth + 1, found, intake);
                    }
                    _ => is_whole = false,
                }
            }
            if !is_whole {
                let reason = format!("{attribute} of {} is known only after apply", row.address);
                found.push(PolicyDocument::Broken(reason.into()));
                self.change.open(&row.address, attribute, row.place);
            }
        }
    }

    /// A statement block as a statement of a policy.
    fn statement(
        &self,
        row: &Row<'a>,
        block: &Value,
        unknown: &Value,
        config: Option<&Value>,
        place: Place,
    ) -> Part {
        if unknown == &Value::Bool(true) {
            return Part::new(Item::Unknown, Some(place));
        }
        let text = |name: &str| part(block.get(name), unknown.get(name), place);
        let effect = match text("effect") {
            Part { item: Item::Null, .. } => Part::text("Allow", Some(place)),
            effect => effect,
        };
        let mut members = vec![("Sid".to_string(), text("sid")), ("Effect".to_string(), effect)];
        let lists = [
            ("Action", "actions"),
            ("NotAction", "not_actions"),
            ("Resource", "resources"),
            ("NotResource", "not_resources"),
        ];
        for (name, attribute) in lists {
            let list = text(attribute);
            if list.item != Item::Null && !matches!(&list.item, Item::List(all) if all.is_empty()) {
                members.push((name.to_string(), list));
            }
        }
        for (name, attribute) in [("Principal", "principals"), ("NotPrincipal", "not_principals")] {
            let given = (block.get(attribute), unknown.get(attribute));
            let config = config.and_then(|config| config.get(attribute));
            if let Some(part) = self.named(row, given, config, place) {
                members.push((name.to_string(), part));
            }
        }
        if let Some(tests) = tests(block.get("condition"), unknown.get("condition"), place) {
            members.push(("Condition".to_string(), tests));
        }
        Part::new(Item::Map(members), Some(place))
    }

    /// Blocks of principals. An identifier that is known only after apply is the ARN of what its block refers
    /// to, if that is one resource; else it may be anybody.
    fn named(
        &self,
        row: &Row<'a>,
        (blocks, unknown): (Option<&Value>, Option<&Value>),
        config: Option<&Value>,
        place: Place,
    ) -> Option<Part> {
        if unknown == Some(&Value::Bool(true)) {
            return Some(Part::text("*", Some(place)));
        }
        let blocks = blocks?.as_array().filter(|blocks| !blocks.is_empty())?;
        let mut members: Vec<(String, Part)> = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            let kind = block.get("type").and_then(Value::as_str).unwrap_or("AWS");
            let open = unknown.and_then(|unknown| unknown.get(at));
            let open = open.and_then(|open| open.get("identifiers"));
            let mut list = part(block.get("identifiers"), open, place);
            if let Item::List(items) = &mut list.item {
                let unknown: Vec<&mut Part> =
                    items.iter_mut().filter(|item| item.item == Item::Unknown).collect();
                let config = config.and_then(|config| config.get(at)?.get("identifiers"));
                let led = config.map(|config| self.refs.follow(self.rows, row, config));
                let arn = led.filter(|led| !led.is_partial).and_then(|led| {
                    let mut arns: Vec<String> =
                        led.to.iter().filter_map(|(at, name)| self.arn(*at, name)).collect();
                    (arns.len() == 1 && led.to.len() == 1).then(|| arns.pop())?
                });
                if let (Some(arn), 1) = (arn, unknown.len()) {
                    for item in unknown {
                        item.item = Item::Text { text: arn.clone(), is_open: true };
                    }
                }
            }
            if kind == "*" {
                return Some(Part::text("*", Some(place)));
            }
            match members.iter_mut().find(|(name, _)| name == kind) {
                Some((_, known)) => {
                    let both = vec![known.clone(), list];
                    known.item = Item::List(both);
                }
                None => members.push((kind.to_string(), list)),
            }
        }
        Some(Part::new(Item::Map(members), Some(place)))
    }
}

/// A value and what is not known of it.
fn part(value: Option<&Value>, unknown: Option<&Value>, place: Place) -> Part {
    let item = match (value, unknown) {
        (_, Some(Value::Bool(true))) => Item::Unknown,
        (None | Some(Value::Null), _) => Item::Null,
        (Some(Value::String(text)), _) => Item::Text { text: text.clone(), is_open: false },
        (Some(Value::Array(list)), _) => {
            let item = |(at, value): (usize, &Value)| {
                let open = unknown.and_then(|unknown| unknown.get(at));
                // What is not known is null.
                match (value, open) {
                    (Value::Null, _) => Part::new(Item::Unknown, Some(place)),
                    _ => part(Some(value), open, place),
                }
            };
            Item::List(list.iter().enumerate().map(item).collect())
        }
        (Some(Value::Object(_)), _) => Item::Unknown,
        (Some(other), _) => Item::Bare(other.to_string()),
    };
    Part::new(item, Some(place))
}

/// Blocks of conditions: test, variable, values.
fn tests(blocks: Option<&Value>, unknown: Option<&Value>, place: Place) -> Option<Part> {
    if unknown == Some(&Value::Bool(true)) {
        return Some(Part::new(Item::Unknown, Some(place)));
    }
    let blocks = blocks?.as_array().filter(|blocks| !blocks.is_empty())?;
    let mut members: Vec<(String, Part)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let open = unknown.and_then(|unknown| unknown.get(at));
        let text = |name: &str| block.get(name).and_then(Value::as_str);
        let (Some(test), Some(variable)) = (text("test"), text("variable")) else {
            return Some(Part::new(Item::Unknown, Some(place)));
        };
        let open = open.and_then(|open| open.get("values"));
        let values = part(block.get("values"), open, place);
        let key = (variable.to_string(), values);
        match members.iter_mut().find(|(name, _)| name == test) {
            Some((_, Part { item: Item::Map(keys), .. })) => keys.push(key),
            _ => {
                members.push((test.to_string(), Part::new(Item::Map(vec![key]), Some(place))));
            }
        }
    }
    Some(Part::new(Item::Map(members), Some(place)))
}
