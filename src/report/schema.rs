//! The JSON Schema of the report, made from its types.

use super::model::Report;

/// The schema as text, for `docs/report.schema.json`.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    // Printing a tree of strings and numbers has no way to fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
