use super::*;

fn one(text: &str) -> Node {
    documents(text).into_iter().next().unwrap().unwrap()
}

#[test]
fn places_are_those_of_the_text() {
    let yaml = "a:\n  - b: é x\n    c: !Ref Name\n  - 012345\n";
    let node = one(yaml);
    let list = node.get("a").unwrap();
    let first = &list.list()[0];
    assert_eq!((first.line, first.column), (2, 5));
    let name = first.get("c").unwrap();
    assert_eq!((name.tag.as_deref(), name.text()), (Some("Ref"), Some("Name")));
    assert_eq!((name.line, list.list()[1].text()), (3, Some("012345")));
    let json = "{\n \"é\": [1,\n  {\"b\": true}]}";
    let node = one(json);
    let item = &node.get("é").unwrap().list()[1];
    assert_eq!((item.line, item.column), (3, 3));
    assert!(item.get("b").unwrap().is_true());
}

#[test]
fn yaml_and_json_of_the_same_meaning_are_the_same() {
    let json = r#"{"a": [1, -2.5, true, null, "x\u00e9\ud83d\ude00"], "b": {"c": ""}}"#;
    let yaml = "a: [1, -2.5, true, ~, \"x\\u00e9\\U0001f600\"]\nb:\n  c: \"\"\n";
    assert_eq!(one(json).to_json(), one(yaml).to_json());
    assert_eq!(one(json).to_json(), serde_json::from_str::<serde_json::Value>(json).unwrap());
}

#[test]
fn a_broken_document_costs_itself_alone() {
    let text = "a: 1\n---\nb: [1, 2\n---\nc: 3\n---\n# nothing\n---\nd: 4\n";
    let found = documents(text);
    let keys: Vec<Option<String>> = found
        .iter()
        .map(|one| one.as_ref().ok().map(|node| node.map()[0].0.text().unwrap().to_string()))
        .collect();
    let all = ["a", "c", "d"].map(|key| Some(key.to_string()));
    assert_eq!(keys.iter().filter(|key| key.is_some()).cloned().collect::<Vec<_>>(), all);
    let error = found.iter().find_map(|one| one.as_ref().err()).unwrap();
    assert!((3..=5).contains(&error.line), "{error:?}");
}

#[test]
fn json_values_one_after_the_other_are_documents() {
    let found = documents("{\"a\":1}\n{\"b\":2}\n{\"c\":");
    assert_eq!(found.len(), 3);
    assert_eq!(found[2].as_ref().unwrap_err().line, 3);
    assert_eq!(found[1].as_ref().unwrap().line, 2);
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..10 {
        let before = level - 1;
        let names = vec![format!("*a{before}"); 10].join(",");
        bomb += &format!("a{level}: &a{level} [{names}]\n");
    }
    assert!(documents(&bomb)[0].is_err());
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        assert!(documents(&deep)[0].is_err());
    }
    let deep: String = (0..200).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(documents(&deep)[0].is_err());
}

#[test]
fn lone_surrogates_cost_their_character() {
    let node = one(r#"{"a": "x\ud83dy\ud83d\ude00\n"}"#);
    assert_eq!(node.text_of("a"), Some("x\u{fffd}y😀\n"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "([{}\\[\\],:\"&*!|>#\\- \n]|a|1|\\\\|é|---\n){0,60}") {
        let _ = documents(&text);
    }

    #[test]
    fn json_equals_the_library(value in json_values()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        proptest::prop_assert_eq!(json(&text).unwrap().to_json(), value);
    }
}

fn json_values() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}
