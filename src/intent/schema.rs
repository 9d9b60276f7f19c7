//! The JSON Schema of `authgap.yaml`, for editors. What is read is `sections`'; a test holds the keys of the two equal.

use serde_json::{Map, Value, json};

use super::tools::{ACCESS, NORMALISE};

/// The schema as text, as it is published.
pub fn schema() -> String {
    let top = object(
        "Configuration of authgap: what identities are for, and what is accepted",
        &[],
        vec![
            ("window", span("Observation window: days such as 90d, or all", "^([0-9]+d|all)$")),
            ("stale_after", span("Age from which use is stale, such as 90d", "^[0-9]+d$")),
            (
                "identities",
                list("What owners say of identities; later entries override", identity()),
            ),
            ("labels", list("Sensitivity of resources; the last that matches holds", label())),
            ("sensitivities", texts("The order of sensitivities, from the least", 1)),
            ("environments", list("Environment of resources or accounts", environment())),
            ("agents", list("Whose files are below which paths", agent())),
            ("clusters", list("Which cluster the files below which paths are of", cluster())),
            (
                "tools",
                list("What tools of AI agents do and touch; the first that says it holds", tool()),
            ),
            ("waivers", list("Accepted findings", waiver())),
            ("gate", gate()),
        ],
    );
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "authgap.yaml",
    });
    if let (Value::Object(root), Value::Object(top)) = (&mut root, top) {
        root.extend(top);
    }
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

fn object(what: &str, required: &[&str], keys: Vec<(&str, Value)>) -> Value {
    let properties: Map<String, Value> =
        keys.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    json!({
        "type": "object",
        "description": what,
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn list(what: &str, item: Value) -> Value {
    json!({"type": "array", "description": what, "items": item})
}

/// Text; a whole number counts as its text, as ids of accounts often are.
fn text(what: &str) -> Value {
    json!({"type": ["string", "integer"], "description": what, "minLength": 1})
}

fn texts(what: &str, least: u64) -> Value {
    let item = json!({"type": ["string", "integer"], "minLength": 1});
    json!({"type": "array", "description": what, "minItems": least, "items": item})
}

fn span(what: &str, pattern: &str) -> Value {
    json!({"type": "string", "description": what, "pattern": pattern})
}

fn word(what: &str, words: &[&str]) -> Value {
    json!({"enum": words, "description": what})
}

fn boolean(what: &str) -> Value {
    json!({"type": "boolean", "description": what})
}

fn end(what: &str) -> Value {
    let pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}";
    json!({"type": "string", "description": format!("{what}; a date means its end, UTC"), "pattern": pattern})
}

fn matches(what: &str) -> (&'static str, Value) {
    ("match", text(&format!("{what}; * and ? are wildcards")))
}

fn identity() -> Value {
    object(
        "What one entry says of the identities that it matches",
        &["match"],
        vec![
            matches("PLATFORM:KIND/NAME or an id"),
            ("owner", text("Who answers for it")),
            ("purpose", text("What it is for")),
            ("environment", text("The environment that it belongs to and may act in")),
            ("third_party", boolean("Whether it belongs to another organisation")),
            ("expires", end("End of the relationship")),
            ("intent", intent()),
        ],
    )
}

fn intent() -> Value {
    let item = json!({"anyOf": [
        {"type": "string", "minLength": 1},
        object(
            "Actions with resources of their own",
            &["actions"],
            vec![("actions", texts("Actions", 0)), ("resources", texts("Resources", 0))],
        ),
    ]});
    let regions = texts("Regions", 0);
    object(
        "What it is meant to do; an absent key is no limit",
        &[],
        vec![
            ("allow", list("The only actions that are meant", item.clone())),
            ("deny", list("Actions that are not meant; wins over allow", item)),
            ("resources", texts("Resources, for the actions of the services that they name", 0)),
            ("hours", hours()),
            (
                "destinations",
                object(
                    "Where it may go",
                    &[],
                    vec![("regions", regions), ("accounts", texts("Accounts", 0))],
                ),
            ),
            (
                "data",
                object(
                    "Limits by sensitivity",
                    &[],
                    vec![
                        ("max", text("The most sensitive data that it may touch")),
                        (
                            "require_condition_above",
                            text("Data above this needs a condition on its label"),
                        ),
                    ],
                ),
            ),
        ],
    )
}

fn hours() -> Value {
    let clock = |what: &str| span(what, "^[0-9]{1,2}:[0-9]{2}$");
    let days = json!({
        "description": "Days such as mon-fri, or a list of days",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    });
    object(
        "When it may act",
        &["timezone", "days", "from", "to"],
        vec![
            ("timezone", text("A name of the IANA time zone database")),
            ("days", days),
            ("from", clock("Start, inclusive")),
            ("to", clock("End, exclusive; before the start, it is of the next day")),
        ],
    )
}

fn label() -> Value {
    let keys = vec![matches("Resources"), ("sensitivity", text("One of the sensitivities"))];
    object("A sensitivity", &["match", "sensitivity"], keys)
}

fn environment() -> Value {
    let keys = vec![matches("Resources or accounts"), ("environment", text("Its name"))];
    object("An environment", &["match", "environment"], keys)
}

fn agent() -> Value {
    object(
        "An agent",
        &["name"],
        vec![
            ("name", text("Its name")),
            ("paths", texts("Globs of its files", 0)),
            ("servers", texts("MCP servers that only it uses", 0)),
        ],
    )
}

fn cluster() -> Value {
    let keys = vec![("name", text("Its name")), ("paths", texts("Globs of its files", 0))];
    object("A cluster", &["name", "paths"], keys)
}

fn tool() -> Value {
    let words: Vec<&str> = ACCESS.iter().map(|(word, _)| *word).collect();
    let access = json!({
        "description": "Access level, or a level for each tool",
        "anyOf": [{"enum": words}, {"type": "object", "additionalProperties": {"enum": words}}],
    });
    object(
        "A rule for tools",
        &["match"],
        vec![
            matches("mcp:SERVER/TOOL or agent:TOOL"),
            ("resource", text("Template of the resource, such as github:{owner}/{repo}")),
            ("resources", texts("Templates of several resources", 0)),
            ("destination", text("Template of where the call sends something")),
            ("destinations", texts("Templates of several destinations", 0)),
            ("dispatch", text("The argument that chooses among several actions")),
            ("normalise", word("How values are made comparable", &NORMALISE)),
            ("access", access),
            ("trusted", boolean("Whether what its server says of it is believed")),
        ],
    )
}

fn waiver() -> Value {
    object(
        "An accepted finding",
        &["finding", "reason", "owner", "expires"],
        vec![
            ("finding", text("Kind of finding")),
            ("identity", text("Pattern of identities; absent is all")),
            ("reason", text("Why it is accepted")),
            ("owner", text("Who accepted it")),
            ("expires", end("Until when")),
        ],
    )
}

fn gate() -> Value {
    let severities = ["info", "low", "medium", "high", "critical"];
    object(
        "When check fails",
        &[],
        vec![
            ("fail_on", word("The least severity that fails", &severities)),
            ("new_only", boolean("Whether only new findings fail")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::parse;

    /// The keys that the reader lists when it meets one that it does not know.
    fn read_keys(text: &str) -> Vec<String> {
        let errors = parse(text, "authgap.yaml").expect_err("an unknown key is an error");
        let help = errors.iter().find_map(|error| {
            let all = format!("{error:?}");
            let at = all.find("keys of `").or_else(|| all.find("\"keys: "))?;
            let list = all[at..].split_once(": ")?.1.split('"').next()?;
            Some(list.split(", ").map(str::to_string).collect())
        });
        help.unwrap_or_else(|| panic!("no list of keys: {errors:?}"))
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema: Value = serde_json::from_str(&schema()).expect("JSON");
        let entry = "/properties/identities/items";
        let cases = [
            ("zzzzzz: 1\n", String::new()),
            ("identities:\n  - zzzzzz: 1\n", entry.to_string()),
            (
                "identities:\n  - match: x\n    intent: {zzzzzz: 1}\n",
                format!("{entry}/properties/intent"),
            ),
            (
                "identities:\n  - match: x\n    intent: {allow: [{actions: [a], zzzzzz: 1}]}\n",
                format!("{entry}/properties/intent/properties/allow/items/anyOf/1"),
            ),
            (
                "identities:\n  - match: x\n    intent: {hours: {zzzzzz: 1}}\n",
                format!("{entry}/properties/intent/properties/hours"),
            ),
            (
                "identities:\n  - match: x\n    intent: {destinations: {zzzzzz: 1}}\n",
                format!("{entry}/properties/intent/properties/destinations"),
            ),
            (
                "identities:\n  - match: x\n    intent: {data: {zzzzzz: 1}}\n",
                format!("{entry}/properties/intent/properties/data"),
            ),
            ("labels:\n  - zzzzzz: 1\n", "/properties/labels/items".to_string()),
            ("environments:\n  - zzzzzz: 1\n", "/properties/environments/items".to_string()),
            ("agents:\n  - zzzzzz: 1\n", "/properties/agents/items".to_string()),
            ("clusters:\n  - zzzzzz: 1\n", "/properties/clusters/items".to_string()),
            ("tools:\n  - zzzzzz: 1\n", "/properties/tools/items".to_string()),
            ("waivers:\n  - zzzzzz: 1\n", "/properties/waivers/items".to_string()),
            ("gate: {zzzzzz: 1}\n", "/properties/gate".to_string()),
        ];
        for (text, at) in cases {
            let object = schema.pointer(&at).unwrap_or_else(|| panic!("nothing at {at}"));
            let mut keys: Vec<String> =
                object["properties"].as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            assert_eq!(keys, read_keys(text), "{text}");
            assert_eq!(object["additionalProperties"], false, "{at}");
        }
    }

    #[test]
    fn the_published_schema_is_this_one() {
        assert_eq!(include_str!("../../docs/authgap.schema.json"), schema());
    }
}
