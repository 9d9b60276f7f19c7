//! Audit records whose members became columns: Azure Log Analytics (tables AKSAudit and AKSAuditAdmin, Azure Monitor
//! Logs reference), answers of its query API, and Elastic's dotted fields.

use serde_json::{Map, Value};

use crate::platform::json;

/// Column of Azure's tables, and the event's member.
const COLUMNS: &[(&str, &str)] = &[
    ("AuditId", "auditID"),
    ("Stage", "stage"),
    ("Verb", "verb"),
    ("RequestUri", "requestURI"),
    ("User", "user"),
    ("ImpersonatedUser", "impersonatedUser"),
    ("ObjectRef", "objectRef"),
    ("ResponseStatus", "responseStatus"),
    ("Annotations", "annotations"),
    ("SourceIps", "sourceIPs"),
    ("UserAgent", "userAgent"),
    ("RequestReceivedTime", "requestReceivedTimestamp"),
    ("StageReceivedTime", "stageTimestamp"),
    ("TimeGenerated", "timestamp"),
    ("ResponseObject", "responseObject"),
];

const ELASTIC: &str = "kubernetes.audit.";

/// The event of a row, if the object is one.
pub(super) fn record(value: &[u8], members: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let has = |wanted: &str| members.iter().any(|(key, _)| *key == wanted.as_bytes());
    if has("AuditId") && has("Verb") && has("User") {
        return azure(value);
    }
    if members.iter().any(|(key, _)| key.starts_with(ELASTIC.as_bytes())) {
        return elastic(value);
    }
    None
}

fn azure(value: &[u8]) -> Option<Vec<u8>> {
    let row: Map<String, Value> = serde_json::from_slice(value).ok()?;
    let mut event = Map::new();
    for (column, member) in COLUMNS {
        let Some(value) = row.get(*column) else { continue };
        // Objects come as text in some exports.
        let value = match value {
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
                serde_json::from_str(text).unwrap_or(Value::Null)
            }
            Value::String(text) if text.is_empty() => continue,
            other => other.clone(),
        };
        event.insert((*member).to_string(), value);
    }
    serde_json::to_vec(&event).ok()
}

/// `kubernetes.audit.user.username: [X]` becomes members within members. Lists of one stand for single values, except
/// where the event has a list.
fn elastic(value: &[u8]) -> Option<Vec<u8>> {
    const LISTS: &[&str] = &["sourceIPs", "user.groups", "impersonatedUser.groups"];
    let row: Map<String, Value> = serde_json::from_slice(value).ok()?;
    let mut event = Map::new();
    for (key, value) in &row {
        let Some(path) = key.strip_prefix(ELASTIC) else { continue };
        let value = match value {
            Value::Array(items) if items.len() == 1 && !LISTS.contains(&path) => items[0].clone(),
            other => other.clone(),
        };
        // Keys of annotations and extra values keep their dots.
        let depth = if path.starts_with("user.extra.") { 3 } else { 2 };
        let keys: Vec<&str> = path.splitn(depth, '.').collect();
        let Some((last, before)) = keys.split_last() else { continue };
        let mut place = &mut event;
        for key in before {
            let next = place.entry((*key).to_string()).or_insert_with(|| Map::new().into());
            if !next.is_object() {
                *next = Map::new().into();
            }
            let Value::Object(inner) = next else { return None };
            place = inner;
        }
        place.insert((*last).to_string(), value);
    }
    serde_json::to_vec(&event).ok()
}

/// The rows of a query's answer, `tables[]` with `columns[].name` and `rows[][]`, as a list of objects.
pub(super) fn tables(value: &[u8], members: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let tables = members.iter().find(|(key, _)| *key == b"tables")?.1;
    json::member(json::Items::of_array(tables).next()?, "columns")?;
    let whole: Value = serde_json::from_slice(value).ok()?;
    let mut out = Vec::new();
    for table in whole.get("tables")?.as_array()? {
        let columns: Vec<&str> = table
            .get("columns")?
            .as_array()?
            .iter()
            .map(|column| column.get("name").and_then(Value::as_str).unwrap_or_default())
            .collect();
        for row in table.get("rows")?.as_array()? {
            let cells = row.as_array().into_iter().flatten();
            let entry = |(name, cell): (&&str, &Value)| ((*name).to_string(), cell.clone());
            out.push(Value::Object(columns.iter().zip(cells).map(entry).collect()));
        }
    }
    serde_json::to_vec(&out).ok()
}
