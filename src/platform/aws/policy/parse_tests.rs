use super::*;

fn parse(text: &str) -> Result<Policy> {
    Policy::parse(text, &|offset| Some(Place::record(0, offset as u64)))
}

fn fails(text: &str) -> (usize, String) {
    let error = parse(text).unwrap_err();
    (error.offset, error.reason)
}

const PLAIN: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;

#[test]
fn one_statement_or_a_list_and_one_text_or_a_list_mean_the_same() {
    let one = parse(&format!(r#"{{"Statement":{PLAIN}}}"#)).unwrap();
    let list = r#"{"Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}]}"#;
    let list = parse(list).unwrap();
    assert_eq!(one.statements.len(), 1);
    assert_eq!(one.statements[0].actions, list.statements[0].actions);
    assert_eq!(one.statements[0].resources, list.statements[0].resources);
}

#[test]
fn places_are_the_offsets_of_the_statements() {
    let text =
        format!("{{\n \"Version\" : \"2012-10-17\",\n\"Statement\": [ {PLAIN} ,\n  {PLAIN}]}}");
    let policy = parse(&text).unwrap();
    assert!(policy.has_variables);
    for statement in &policy.statements {
        let Some(Place { at: crate::model::At::Record(at), .. }) = statement.place else {
            unreachable!()
        };
        assert!(text[at as usize..].starts_with(PLAIN), "{at}");
    }
    assert_ne!(policy.statements[0].place, policy.statements[1].place);
}

#[test]
fn variables_need_the_version() {
    let policy = parse(&format!(r#"{{"Statement":{PLAIN}}}"#)).unwrap();
    assert!(!policy.has_variables);
    let text = format!(r#"{{"Version":"2008-10-17","Statement":{PLAIN}}}"#);
    assert!(!parse(&text).unwrap().has_variables);
    let text = format!(r#"{{"Version":"2012-10-18","Statement":{PLAIN}}}"#);
    assert_eq!(fails(&text), (11, "unknown policy Version `2012-10-18`".to_string()));
}

#[test]
fn duplicate_keys_are_errors_at_the_second_one() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Effect":"Deny","Resource":"*"}}"#;
    let (offset, reason) = fails(text);
    assert_eq!(reason, "duplicate key `Effect`");
    assert!(text[offset..].starts_with(r#""Effect":"Deny""#));
    let text = r#"{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":
        {"Bool":{"a":"true","a":"false"}}}}"#;
    let (offset, reason) = fails(text);
    assert_eq!(reason, "duplicate key `a`");
    assert!(text[offset..].starts_with(r#""a":"false""#));
}

#[test]
fn every_wrong_element_is_an_error_where_it_stands() {
    let cases = [
        (r#"{"Effect":"allow","Action":"*","Resource":"*"}"#, r#""allow""#, "Effect is"),
        (r#"{"Action":"*","Resource":"*"}"#, r#"{"Action"#, "no Effect"),
        (r#"{"Effect":"Allow","Resource":"*"}"#, r#"{"Effect"#, "neither Action"),
        (r#"{"Effect":"Allow","Action":"*"}"#, r#"{"Effect"#, "neither Resource"),
        (
            r#"{"Effect":"Allow","Action":"*","NotAction":"a:b","Resource":"*"}"#,
            r#""a:b""#,
            "both Action and NotAction",
        ),
        (
            r#"{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"x"}"#,
            r#""x""#,
            "both Resource and NotResource",
        ),
        (r#"{"Effect":"Allow","Action":[null],"Resource":"*"}"#, "null", "not text"),
        (r#"{"Effect":"Allow","Action":{"a":1},"Resource":"*"}"#, r#"{"a"#, "not text"),
        (r#"{"Effect":"Allow","Action":"*","Principal":"me"}"#, r#""me""#, "without its kind"),
        ("7", "7", "a statement is not an object"),
    ];
    for (statement, at, reason) in cases {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        let (offset, said) = fails(&text);
        assert!(text[offset..].starts_with(at), "{statement}: {offset}");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn numbers_and_booleans_are_taken_as_written() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"a:b","Resource":[7, true],"Condition":
        {"NumericLessThan":{"K":1.50},"Bool":{"aws:SecureTransport":[true]}}}}"#;
    let policy = parse(text).unwrap();
    let statement = &policy.statements[0];
    let list = &statement.resources.as_ref().unwrap().list;
    assert_eq!(list.iter().map(|text| &**text).collect::<Vec<_>>(), ["7", "true"]);
    assert_eq!(&*statement.conditions[0].values[0], "1.50");
    assert_eq!(&*statement.conditions[0].key, "k");
    assert_eq!(&*statement.conditions[0].key_text, "K");
    assert_eq!(&*statement.conditions[1].values[0], "true");
}

#[test]
fn unknown_elements_and_operators_are_warnings() {
    let text = r#"{"Statment":1,"Statement":{"Effect":"Allow","Action":"s3","Resource":"*","Extra":[],
        "Condition":{"StringSame":{"a:b":"c"}}}}"#;
    let policy = parse(text).unwrap();
    let all = policy.warnings.join("\n");
    for part in ["`Statment`", "`Extra`", "`StringSame`", "`s3` names no service"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(policy.statements[0].conditions[0].meaning, None);
}

#[test]
fn principals_keep_their_kind() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":
        {"AWS":["*","111111111111"],"Service":"ec2.amazonaws.com","Federated":"x","CanonicalUser":"y"}}}"#;
    let policy = parse(text).unwrap();
    let principals = policy.statements[0].principals.as_ref().unwrap();
    let expected = [
        Named::Anyone,
        Named::Aws("111111111111".into()),
        Named::Service("ec2.amazonaws.com".into()),
        Named::Federated("x".into()),
        Named::Canonical("y".into()),
    ];
    assert_eq!(principals.list, expected);
    assert_eq!(policy.statements[0].resources, None);
}

#[test]
fn escapes_are_read_and_stars_are_one_star() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":["*:*","\u0073\u0033:\u0047et"],"Resource":"**"}}"#;
    let policy = parse(text).unwrap();
    let statement = &policy.statements[0];
    assert!(statement.actions.list[0].is_all());
    assert!(statement.actions.list[1].matches("s3:Get"));
    assert_eq!(&*statement.resources.as_ref().unwrap().list[0], "*");
}

#[test]
fn broken_text_is_an_error_with_an_offset() {
    for text in ["", "{", "{\"Statement\":\n[1,}", "{} x", "\"\\ud800\"", "[]", "null"] {
        let (offset, reason) = fails(text);
        assert!(offset <= text.len() && !reason.is_empty(), "{text}: {offset}");
    }
    let text = "{\"Version\":\"2012-10-17\",\n \"Statement\": [}";
    let (offset, reason) = fails(text);
    assert_eq!(&text[offset..], "}", "{reason}");
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let text = format!(r#"{{"Else":{deep},"Statement":{PLAIN}}}"#);
    assert_eq!(parse(&text).unwrap().statements.len(), 1);
    let text = format!(r#"{{"Statement":{deep}}}"#);
    assert_eq!(fails(&text).1, "a statement is not an object");
}
