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

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_the_one_that_is_documented() {
        assert_eq!(super::schema(), include_str!("../../docs/report.schema.json"));
    }
}
