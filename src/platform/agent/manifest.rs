//! authgap's own plain YAML of what an agent may call, for agents whose tools are in code or in no file that is read.
//!
//! ```yaml
//! authgap-agent: ticket-agent        # the agent's name
//! acts_as: [arn:aws:iam::111122223333:role/tickets]   # identities that it acts as
//! asks: true                         # a person approves what no item says otherwise; absent: nobody is asked
//! tools:
//!   - get_ticket                     # a tool of the agent itself
//!   - mcp:github/get_*               # tools of a server, by pattern
//!   - name: mcp:github/label_write
//!     methods: [create, update]      # the only actions of it
//!     resources: ["github:acme/*"]   # patterns over what it touches
//!     access: write                  # read, list, write, delete, execute, permissions-management
//!     asks: false
//! ```
//!
//! An unknown key is an error with its place: a misspelt limit must not grant more.

use crate::evidence::tree::{Node, Value};
use crate::model::{AccessLevel, Place, Str};

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The agent's name.
    pub name: Str,
    /// Identities that it acts as.
    pub acts_as: Vec<Str>,
    /// The tools.
    pub items: Vec<Item>,
    /// Where.
    pub place: Place,
}

/// One item of `tools`.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The action, or a pattern of actions.
    pub action: Str,
    /// The only methods of it; empty for all.
    pub methods: Vec<Str>,
    /// Patterns over what it touches; empty for all.
    pub resources: Vec<Str>,
    /// Its access level, where the item says.
    pub access: Option<AccessLevel>,
    /// Whether a person approves each call.
    pub asks: bool,
    /// Where.
    pub place: Place,
}

/// Whether a document is a manifest.
pub fn is_manifest(root: &Node) -> bool {
    root.get("authgap-agent").is_some()
}

/// Reads a manifest. What cannot be used is told by place and reason; the rest is kept.
pub fn read(root: &Node, file: u32, wrong: &mut Vec<(Place, String)>) -> Option<Manifest> {
    let keys = ["authgap-agent", "acts_as", "asks", "tools"];
    unknown(root, &keys, file, wrong);
    let place = root.place(file);
    let name = root.get("authgap-agent").and_then(Node::scalar).map(str::trim).unwrap_or_default();
    if name.is_empty() || name.len() > 256 || name.contains(|one: char| one.is_control()) {
        wrong.push((place, "`authgap-agent` is no name".to_string()));
        return None;
    }
    let asks = truth(root, "asks", file, wrong).unwrap_or(false);
    let mut items = Vec::new();
    for node in root.get("tools").map_or(&[][..], Node::list) {
        items.extend(item(node, asks, file, wrong));
    }
    let acts_as = root.get("acts_as").map(Node::texts).unwrap_or_default();
    Some(Manifest {
        name: name.into(),
        acts_as: acts_as.into_iter().map(Str::from).collect(),
        items,
        place,
    })
}

fn unknown(node: &Node, keys: &[&str], file: u32, wrong: &mut Vec<(Place, String)>) -> bool {
    let mut is_clean = true;
    for (key, _) in node.map() {
        let name = key.scalar().unwrap_or_default();
        if !keys.contains(&name) {
            let name: String = name.chars().filter(|one| !one.is_control()).take(40).collect();
            wrong.push((
                key.place(file),
                format!("unknown key `{name}`; keys: {}", keys.join(", ")),
            ));
            is_clean = false;
        }
    }
    is_clean
}

fn truth(node: &Node, key: &str, file: u32, wrong: &mut Vec<(Place, String)>) -> Option<bool> {
    let found = node.get(key)?;
    match found.value {
        Value::Bool(value) => Some(value),
        _ => {
            wrong.push((found.place(file), format!("`{key}` is neither true nor false")));
            None
        }
    }
}

/// An item with a mistake is left out: what it would have limited is not known.
fn item(node: &Node, asks: bool, file: u32, wrong: &mut Vec<(Place, String)>) -> Option<Item> {
    let place = node.place(file);
    let name = node.text().or_else(|| node.text_of("name")).map(str::trim).unwrap_or_default();
    let is_name =
        !name.is_empty() && name.len() <= 512 && !name.contains(|one: char| one.is_control());
    if !is_name {
        wrong.push((place, "an item of `tools` needs a `name`".to_string()));
        return None;
    }
    let action: Str = match name.starts_with("mcp:") || name.starts_with("agent:") {
        true => name.into(),
        false => super::names::own(name, None).into(),
    };
    if !unknown(node, &["name", "methods", "resources", "access", "asks"], file, wrong) {
        return None;
    }
    let texts = |key: &str| -> Vec<Str> {
        node.get(key).map(Node::texts).unwrap_or_default().into_iter().map(Str::from).collect()
    };
    let access = match node.get("access") {
        None => None,
        Some(word) => match word.text().and_then(AccessLevel::parse) {
            Some(level) => Some(level),
            None => {
                wrong.push((word.place(file), "`access` is no known level".to_string()));
                return None;
            }
        },
    };
    Some(Item {
        action,
        methods: texts("methods"),
        resources: texts("resources"),
        access,
        asks: truth(node, "asks", file, wrong).unwrap_or(asks),
        place,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tree;

    #[test]
    fn a_manifest_is_read_and_mistakes_are_told_by_place() {
        let text = "authgap-agent: a\nasks: true\ntools:\n  - get_ticket\n  - name: mcp:g/l\n    methods: [x]\n    asks: false\n    access: delete\n  - name: y\n    acess: read\n  - 7\n";
        let root = tree::documents(text).remove(0).unwrap();
        assert!(is_manifest(&root));
        let mut wrong = Vec::new();
        let found = read(&root, 0, &mut wrong).unwrap();
        let actions: Vec<&str> = found.items.iter().map(|item| &*item.action).collect();
        assert_eq!(actions, ["agent:get_ticket", "mcp:g/l"]);
        assert!(found.items[0].asks && !found.items[1].asks);
        assert_eq!(found.items[1].access, Some(AccessLevel::Delete));
        let places: Vec<String> = wrong.iter().map(|(place, _)| place.show("f")).collect();
        assert_eq!(places, ["f:10:5", "f:11:5"]);
    }
}
