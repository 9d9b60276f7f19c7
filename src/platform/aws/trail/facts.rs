//! The fact files that say which events need which actions, pass roles, or are data events.
//!
//! They are embedded, read once, and never change. Their sources: `src/platform/aws/data/README.md`.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use hashbrown::{Equivalent, HashMap, HashSet};
use rustc_hash::FxBuildHasher;
use serde::Deserialize;

const EXCEPTIONS: &str = include_str!("../data/event-action-exceptions.json");
const PASS_ROLE: &str = include_str!("../data/passrole-parameters.json");
const DATA_EVENTS: &str = include_str!("../data/data-events.json");

/// An event source and an event name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair(String, String);

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Ref(self.0.as_bytes(), self.1.as_bytes()).hash(state);
    }
}

/// The same, borrowed from a record.
#[derive(Clone, Copy)]
struct Ref<'a>(&'a [u8], &'a [u8]);

impl Hash for Ref<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
        state.write_u8(0);
        state.write(self.1);
    }
}

impl Equivalent<Pair> for Ref<'_> {
    fn equivalent(&self, key: &Pair) -> bool {
        self.0 == key.0.as_bytes() && self.1 == key.1.as_bytes()
    }
}

type Map<T> = HashMap<Pair, T, FxBuildHasher>;

/// A condition on the request under which an exception holds.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct When {
    /// Path of the member.
    pub(super) key: String,
    /// The value that it must have; any if absent.
    #[serde(default)]
    pub(super) equals: Option<String>,
}

/// An event whose actions differ from its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exception {
    event_source: String,
    event_name: String,
    /// The actions that it needs, or may need.
    pub(super) actions: Vec<String>,
    /// `some`: one or more of the actions, the request decides.
    #[serde(default)]
    mode: Option<String>,
    /// Needed only when the request uses a feature.
    #[serde(default)]
    pub(super) also: Vec<String>,
    /// When the row applies; always if absent.
    #[serde(default)]
    pub(super) when: Option<When>,
    /// Resource patterns, with `REGION` to be filled.
    #[serde(default)]
    pub(super) resource: Vec<String>,
}

impl Exception {
    /// Whether only some of the actions are needed.
    pub(super) fn some_only(&self) -> bool {
        self.mode.as_deref() == Some("some")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceName {
    event_source: String,
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NoPermission {
    event_source: String,
    event_name: String,
}

#[derive(Deserialize)]
struct ExceptionFile {
    event_sources: Vec<SourceName>,
    no_permission: Vec<NoPermission>,
    exceptions: Vec<Exception>,
}

/// A request parameter that passes a role.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Passed {
    event_source: String,
    event_name: String,
    /// Path within `requestParameters`, with `[]` for each element of a list.
    pub(super) path: String,
    /// `role`, `role-name` or `instance-profile`.
    pub(super) kind: String,
    /// The length of the path's first key.
    #[serde(skip)]
    first: usize,
}

impl Passed {
    /// The first key of the path.
    pub(super) fn first_key(&self) -> &[u8] {
        self.path.as_bytes().get(..self.first).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct PassFile {
    passrole: Vec<Passed>,
}

#[derive(Deserialize)]
struct DataClass {
    resource_type: String,
    #[serde(rename = "eventSource")]
    event_source: String,
    events: Vec<String>,
}

#[derive(Deserialize)]
struct DataFile {
    data_events: Vec<DataClass>,
}

/// All facts.
#[derive(Debug, Default)]
pub(super) struct Facts {
    prefixes: HashMap<String, String, FxBuildHasher>,
    no_permission: HashSet<Pair, FxBuildHasher>,
    exceptions: Map<Vec<Exception>>,
    passed: Map<Vec<Passed>>,
    data: Map<String>,
    data_sources: HashMap<String, String, FxBuildHasher>,
}

/// The facts.
pub(super) fn facts() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(Facts::read)
}

impl Facts {
    /// Reads the embedded files. That they parse is tested; one that did not would count as empty.
    fn read() -> Facts {
        let mut facts = Facts::default();
        if let Ok(file) = serde_json::from_str::<ExceptionFile>(EXCEPTIONS) {
            for row in file.event_sources {
                facts.prefixes.insert(row.event_source, row.prefix);
            }
            for row in file.no_permission {
                facts.no_permission.insert(Pair(row.event_source, row.event_name));
            }
            for row in file.exceptions {
                let pair = Pair(row.event_source.clone(), row.event_name.clone());
                facts.exceptions.entry(pair).or_default().push(row);
            }
        }
        if let Ok(file) = serde_json::from_str::<PassFile>(PASS_ROLE) {
            for mut row in file.passrole {
                row.first = row.path.find(['.', '[']).unwrap_or(row.path.len());
                let pair = Pair(row.event_source.clone(), row.event_name.clone());
                facts.passed.entry(pair).or_default().push(row);
            }
        }
        if let Ok(file) = serde_json::from_str::<DataFile>(DATA_EVENTS) {
            for row in file.data_events {
                // Which of its calls are data events is not known; they have been management events.
                if row.resource_type == "AWS::Redshift::Cluster" {
                    continue;
                }
                for event in row.events {
                    facts
                        .data
                        .entry(Pair(row.event_source.clone(), event))
                        .or_insert_with(|| row.resource_type.clone());
                }
                facts.data_sources.entry(row.event_source).or_insert(row.resource_type);
            }
        }
        facts
    }

    /// The action prefix of an event source, where it is not the source's own name.
    pub(super) fn prefix(&self, source: &str) -> Option<&str> {
        self.prefixes.get(source).map(String::as_str)
    }

    /// Whether a call needs no permission.
    pub(super) fn needs_none(&self, source: &str, event: &str) -> bool {
        self.no_permission.contains(&Ref(source.as_bytes(), event.as_bytes()))
    }

    /// The exceptions for an event; empty if there are none.
    pub(super) fn exceptions(&self, source: &str, event: &str) -> &[Exception] {
        self.exceptions.get(&Ref(source.as_bytes(), event.as_bytes())).map_or(&[], Vec::as_slice)
    }

    /// The parameters of an event that pass roles; empty if there are none.
    pub(super) fn passed(&self, source: &[u8], event: &[u8]) -> &[Passed] {
        self.passed.get(&Ref(source, event)).map_or(&[], Vec::as_slice)
    }

    /// The resource type of a data event, if the event is one by its name.
    pub(super) fn data_event(&self, source: &[u8], event: &[u8]) -> Option<&str> {
        self.data.get(&Ref(source, event)).map(String::as_str)
    }

    /// The resource type of the first data-event class of a source.
    pub(super) fn data_source(&self, source: &[u8]) -> Option<&str> {
        let source = std::str::from_utf8(source).ok()?;
        self.data_sources.get(source).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fact_files_are_read_whole() {
        let facts = facts();
        assert_eq!(facts.prefixes.len(), 34);
        assert_eq!(facts.no_permission.len(), 32);
        assert_eq!(facts.exceptions.values().map(Vec::len).sum::<usize>(), 372);
        assert_eq!(facts.passed.values().map(Vec::len).sum::<usize>(), 828);
        assert_eq!(facts.passed.len(), 416);
        assert_eq!(facts.data_event(b"s3.amazonaws.com", b"ListObjects"), Some("AWS::S3::Object"));
        assert_eq!(facts.data_event(b"secretsmanager.amazonaws.com", b"GetSecretValue"), None);
    }
}
