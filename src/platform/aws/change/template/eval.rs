//! The values of a template: parameters at their defaults, functions as far as the template itself decides them.
//!
//! CloudFormation Template Reference, "Intrinsic function reference" and "Pseudo parameters reference". What only a
//! deployment decides (Regions, imports, names that CloudFormation makes up) becomes a `*` in its place, and is
//! remembered with the resource that has it. A text grows, and a reference is followed, only so far: a template is
//! its author's.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::names;
use crate::evidence::tree::{Node, Value};
use crate::model::Place;
use crate::platform::aws::change::UNKNOWN;
use crate::platform::aws::change::part::{Item, Part};

/// References and functions within each other.
const DEPTH: usize = 48;

/// Values that are made of one template.
const STEPS: usize = 500_000;

/// Bytes of one text.
const TEXT: usize = 64 << 10;

/// What evaluates a template's values.
pub(super) struct Eval<'t> {
    pub(super) root: &'t Node,
    pub(super) file: u32,
    /// What names that CloudFormation makes up begin with.
    pub(super) stem: &'t str,
    /// The account that it is deployed to, where known.
    pub(super) account: Option<&'t str>,
    /// What is not known: resource, words, place.
    pub(super) open: RefCell<Vec<(String, String, Place)>>,
    /// Parameters that were taken at their defaults.
    pub(super) defaults: RefCell<BTreeSet<String>>,
    /// The resource that is read.
    pub(super) current: RefCell<String>,
    /// Whether names that CloudFormation makes up are wanted as this program calls them, not as `*`.
    pub(super) is_naming: Cell<bool>,
    /// Names of resources that were asked for, and whether as this program calls them: a name is made once.
    pub(super) names: RefCell<BTreeMap<(String, bool), (String, bool)>>,
    left: Cell<usize>,
}

impl<'t> Eval<'t> {
    pub(super) fn new(
        root: &'t Node,
        file: u32,
        stem: &'t str,
        account: Option<&'t str>,
    ) -> Eval<'t> {
        Eval {
            root,
            file,
            stem,
            account,
            open: RefCell::default(),
            defaults: RefCell::default(),
            current: RefCell::default(),
            is_naming: Cell::new(false),
            names: RefCell::default(),
            left: Cell::new(STEPS),
        }
    }

    /// A value.
    pub(super) fn value(&self, node: &Node) -> Part {
        self.at(node, 0)
    }

    /// A value in which the names of other resources are as this program calls them.
    pub(super) fn naming(&self, node: &Node) -> Part {
        let before = self.is_naming.replace(true);
        let part = self.at(node, 0);
        self.is_naming.set(before);
        part
    }

    /// A resource of the template: its type and properties.
    pub(super) fn resource(&self, logical: &str) -> Option<(&'t str, &'t Node)> {
        let node = self.root.get("Resources")?.get(logical)?;
        Some((node.text_of("Type")?, node))
    }

    fn unknown(&self, node: &Node, what: impl Into<String>) -> Part {
        let place = node.place(self.file);
        let mut open = self.open.borrow_mut();
        if open.len() < 10_000 {
            open.push((self.current.borrow().clone(), what.into(), place));
        }
        Part::new(Item::Unknown, Some(place))
    }

    pub(super) fn at(&self, node: &Node, depth: usize) -> Part {
        let left = self.left.get();
        if depth > DEPTH || left == 0 {
            return self.unknown(node, "what refers to itself or is too large");
        }
        self.left.set(left - 1);
        let place = Some(node.place(self.file));
        if let Some(tag) = &node.tag {
            return self.function(tag, node, node, depth);
        }
        let item = match &node.value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bare(value.to_string()),
            Value::Number(text) => Item::Bare(text.clone()),
            Value::Text(text) => return self.dynamic(text, node),
            Value::List(items) => {
                Item::List(items.iter().map(|item| self.at(item, depth + 1)).collect())
            }
            Value::Map(entries) => {
                if let [(key, argument)] = entries.as_slice()
                    && let Some(name) = key.text()
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    let name = name.strip_prefix("Fn::").unwrap_or(name);
                    return self.function(name, argument, node, depth);
                }
                let entry = |(key, value): &(Node, Node)| {
                    Some((key.scalar()?.to_string(), self.at(value, depth + 1)))
                };
                Item::Map(entries.iter().filter_map(entry).collect())
            }
        };
        Part::new(item, place)
    }

    /// A text; references to secrets and parameters in it are resolved by the deployment.
    fn dynamic(&self, text: &str, node: &Node) -> Part {
        let place = Some(node.place(self.file));
        if !text.contains("{{resolve:") {
            return Part::text(text, place);
        }
        self.unknown(node, "a dynamic reference");
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{resolve:") {
            out.push_str(before);
            out.push('*');
            rest = after.split_once("}}").map_or("", |(_, rest)| rest);
        }
        out.push_str(rest);
        Part::new(Item::Text { text: out, is_open: true }, place)
    }

    fn function(&self, name: &str, argument: &Node, node: &Node, depth: usize) -> Part {
        let items = argument.list();
        let place = Some(node.place(self.file));
        match (name, items) {
            ("Ref", _) => match argument.text() {
                Some(name) => self.reference(name, node, depth),
                None => self.unknown(node, "a Ref without a name"),
            },
            ("GetAtt", [logical, attribute]) => match (logical.text(), attribute.text()) {
                (Some(logical), Some(attribute)) => self.attribute(logical, attribute, node, depth),
                _ => self.unknown(node, "Fn::GetAtt"),
            },
            ("GetAtt", _) => match argument.text().and_then(|text| text.split_once('.')) {
                Some((logical, attribute)) => self.attribute(logical, attribute, node, depth),
                None => self.unknown(node, "Fn::GetAtt"),
            },
            ("Sub", [text, names]) => match text.text() {
                Some(text) => self.sub(text, Some(names), node, depth),
                None => self.unknown(node, "Fn::Sub"),
            },
            ("Sub", _) => match argument.text() {
                Some(text) => self.sub(text, None, node, depth),
                None => self.unknown(node, "Fn::Sub"),
            },
            ("Join", [delimiter, list]) => {
                let list = self.at(list, depth + 1);
                let delimiter = delimiter.scalar().unwrap_or_default();
                match &list.item {
                    Item::List(_) => {
                        let texts = list.items().into_iter().map(|(item, is_sure)| match is_sure {
                            true => text_of(item),
                            false => ("*".to_string(), true),
                        });
                        let texts: Vec<(String, bool)> = texts.collect();
                        let is_open = texts.iter().any(|(_, is_open)| *is_open);
                        let texts: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
                        limited(texts.join(delimiter), is_open, place)
                    }
                    _ => self.unknown(node, "Fn::Join of a list that is not known"),
                }
            }
            ("Select", [number, list]) => {
                let number = text_of(&self.at(number, depth + 1)).0.parse::<usize>().ok();
                let list = self.at(list, depth + 1);
                match (&list.item, number) {
                    (Item::List(items), Some(number)) if number < items.len() => {
                        items.get(number).cloned().unwrap_or(list)
                    }
                    _ => self.unknown(node, "Fn::Select"),
                }
            }
            ("Split", [delimiter, text]) => {
                let delimiter = delimiter.scalar().unwrap_or_default();
                match self.at(text, depth + 1).exact() {
                    Some(text) if !delimiter.is_empty() => {
                        let items = text.split(delimiter).map(|text| Part::text(text, place));
                        Part::new(Item::List(items.collect()), place)
                    }
                    _ => self.unknown(node, "Fn::Split"),
                }
            }
            ("If", [_, left, right]) => {
                let (left, right) = (self.at(left, depth + 1), self.at(right, depth + 1));
                if left.item == right.item {
                    return left;
                }
                Part::new(Item::Either(vec![left, right]), place)
            }
            ("FindInMap", [map, first, second, ..]) => {
                self.mapped([map, first, second], node, depth)
            }
            ("ImportValue", _) => self.unknown(node, "Fn::ImportValue"),
            _ => self.unknown(node, format!("Fn::{name}")),
        }
    }

    fn reference(&self, name: &str, node: &Node, depth: usize) -> Part {
        let place = Some(node.place(self.file));
        match name {
            "AWS::NoValue" => return Part::new(Item::Null, place),
            // Which partition a Region is in is not in the template; nearly all are in this one.
            "AWS::Partition" => return Part::text("aws", place),
            "AWS::URLSuffix" => return Part::text("amazonaws.com", place),
            "AWS::AccountId" => {
                return match (self.account, self.is_naming.get()) {
                    (Some(account), _) => Part::text(account, place),
                    (None, true) => Part::text(UNKNOWN, place),
                    (None, false) => self.unknown(node, "AWS::AccountId"),
                };
            }
            _ if name.starts_with("AWS::") => return self.unknown(node, name),
            _ => {}
        }
        if let Some(parameter) = self.root.get("Parameters").and_then(|all| all.get(name)) {
            let kind = parameter.text_of("Type").unwrap_or("String");
            let Some(default) = parameter.get("Default") else {
                return self.unknown(node, format!("parameter {name}"));
            };
            // Of these the default is the name of what holds the value.
            if kind.starts_with("AWS::SSM::") {
                return self.unknown(node, format!("parameter {name}"));
            }
            self.defaults.borrow_mut().insert(name.to_string());
            let text = default.scalar().unwrap_or_default();
            if kind == "CommaDelimitedList" || kind.starts_with("List<") {
                let items = text.split(',').map(|text| Part::text(text.trim(), place));
                return Part::new(Item::List(items.collect()), place);
            }
            return Part::text(text, place);
        }
        match names::reference(self, name, depth + 1) {
            Some((text, is_open)) => self.named(text, is_open, name, node),
            None => self.unknown(node, format!("Ref {name}")),
        }
    }

    fn attribute(&self, logical: &str, attribute: &str, node: &Node, depth: usize) -> Part {
        match names::attribute(self, logical, attribute, depth + 1) {
            Some((text, is_open)) => self.named(text, is_open, logical, node),
            None => self.unknown(node, format!("Fn::GetAtt {logical}.{attribute}")),
        }
    }

    fn named(&self, text: String, is_open: bool, logical: &str, node: &Node) -> Part {
        if is_open {
            self.unknown(node, format!("the name of {logical}"));
        }
        limited(text, is_open, Some(node.place(self.file)))
    }

    /// `${Name}`, `${Logical.Attribute}`; `${!Literal}` stands for itself.
    fn sub(&self, text: &str, names: Option<&Node>, node: &Node, depth: usize) -> Part {
        let (mut out, mut is_open, mut rest) = (String::new(), false, text);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
                continue;
            }
            let name = name.trim();
            let part = match names.and_then(|names| names.get(name)) {
                Some(value) => self.at(value, depth + 1),
                None => match name.split_once('.') {
                    Some((logical, attribute)) => {
                        self.attribute(logical, attribute, node, depth + 1)
                    }
                    None => self.reference(name, node, depth + 1),
                },
            };
            let (text, open) = text_of(&part);
            out.push_str(&text);
            is_open |= open;
            if out.len() > TEXT {
                break;
            }
        }
        out.push_str(rest);
        let place = Some(node.place(self.file));
        match self.dynamic(&out, node) {
            Part { item: Item::Text { text, is_open: true }, .. } => limited(text, true, place),
            _ => limited(out, is_open, place),
        }
    }

    /// A value of a mapping; each that it can be where the keys are not known.
    fn mapped(&self, [map, first, second]: [&Node; 3], node: &Node, depth: usize) -> Part {
        const MANY: usize = 100;
        let keys = [map, first, second].map(|key| self.at(key, depth + 1));
        let mut found: Vec<&Node> = self.root.get("Mappings").into_iter().collect();
        for key in &keys {
            found = match key.exact() {
                Some(key) => found.into_iter().filter_map(|node| node.get(key)).collect(),
                None => {
                    found.into_iter().flat_map(|node| node.map().iter().map(|(_, v)| v)).collect()
                }
            };
        }
        let mut parts: Vec<Part> = Vec::new();
        for node in found.into_iter().take(MANY + 1) {
            let part = self.at(node, depth + 1);
            if !parts.iter().any(|known| known.item == part.item) {
                parts.push(part);
            }
        }
        match parts.len() {
            0 => self.unknown(node, "Fn::FindInMap"),
            1 => parts.pop().unwrap_or_else(|| self.unknown(node, "Fn::FindInMap")),
            count if count > MANY => self.unknown(node, "Fn::FindInMap"),
            _ => Part::new(Item::Either(parts), Some(node.place(self.file))),
        }
    }
}

/// A text of a value; what is not known is a `*`, and the answer says so.
pub(super) fn text_of(part: &Part) -> (String, bool) {
    match &part.item {
        Item::Text { text, is_open } => (text.clone(), *is_open),
        Item::Bare(text) => (text.clone(), false),
        Item::Null => (String::new(), false),
        Item::List(_) | Item::Map(_) | Item::Either(_) | Item::Unknown => ("*".to_string(), true),
    }
}

fn limited(mut text: String, is_open: bool, place: Option<Place>) -> Part {
    // What is not known, twice in a row, is once not known.
    while is_open && text.contains("**") {
        text = text.replace("**", "*");
    }
    let item = match text.len() > TEXT {
        true => Item::Unknown,
        false => Item::Text { text, is_open },
    };
    Part::new(item, place)
}
