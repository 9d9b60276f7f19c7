use super::*;
use crate::platform::aws::policy::Context;

fn test(operator: &str, key: &str, values: &[&str]) -> Test {
    Test {
        operator: operator.into(),
        meaning: Operator::parse(operator),
        key: key.to_ascii_lowercase().into(),
        key_text: key.into(),
        values: values.iter().map(|value| (*value).into()).collect(),
    }
}

fn truth(operator: &str, values: &[&str], given: Option<&[&str]>, complete: bool) -> Truth {
    let mut context = Context { complete, ..Context::default() };
    if let Some(given) = given {
        let given = given.iter().map(|value| Str::from(*value)).collect();
        context.known.insert("k".into(), given);
    }
    let scope = Scope { context: &context, caller: None, resource_account: None };
    holds(&test(operator, "K", values), true, &scope)
}

fn holds_with(operator: &str, values: &[&str], given: &[&str]) -> bool {
    truth(operator, values, Some(given), true) == Truth::True
}

#[test]
fn an_absent_key_is_false_true_when_negated_and_unknown_when_not_given() {
    use Truth::*;
    for (operator, expected) in [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("NotIpAddress", True),
        ("NumericLessThan", False),
    ] {
        assert_eq!(truth(operator, &["x"], None, true), expected, "{operator}");
        assert_eq!(truth(operator, &["x"], Some(&[]), true), expected, "{operator}");
        assert_eq!(truth(operator, &["x"], None, false), Unknown, "{operator}");
    }
    assert_eq!(truth("Null", &["true"], None, true), True);
    assert_eq!(truth("Null", &["false"], None, true), False);
    assert_eq!(truth("Null", &["false"], Some(&["v"]), true), True);
    assert_eq!(truth("Null", &["true"], None, false), Unknown);
}

#[test]
fn unknown_operators_decide_nothing() {
    assert_eq!(truth("StringSame", &["x"], Some(&["x"]), true), Truth::Unknown);
    assert_eq!(Operator::parse("NullIfExists"), None);
    assert_eq!(Operator::parse("ForSome:StringLike"), None);
    let text = text(&test("StringSame", "a:b", &["x", "y"]));
    assert_eq!(text, "StringSame a:b x, y (operator not known)");
}

#[test]
fn values_are_or_and_under_negation_nor() {
    assert!(holds_with("StringEquals", &["a", "b"], &["b"]));
    assert!(!holds_with("StringNotEquals", &["a", "b"], &["b"]));
    assert!(holds_with("StringNotEquals", &["a", "b"], &["c"]));
    assert!(holds_with("ForAnyValue:StringEquals", &["a"], &["a", "z"]));
    assert!(!holds_with("ForAllValues:StringEquals", &["a"], &["a", "z"]));
    assert!(holds_with("ForAnyValue:StringNotEquals", &["a"], &["a", "z"]));
    assert!(!holds_with("ForAllValues:StringNotEquals", &["a"], &["a", "z"]));
}

#[test]
fn an_empty_string_is_an_empty_set() {
    assert!(holds_with("ForAllValues:StringEquals", &["a"], &[""]));
    assert!(!holds_with("ForAnyValue:StringEquals", &[""], &[""]));
    assert!(!holds_with("ForAllValues:StringEquals", &["a"], &["", "z"]));
}

#[test]
fn texts_are_compared_with_case_unless_the_operator_says_otherwise() {
    assert!(!holds_with("StringEquals", &["A"], &["a"]));
    assert!(holds_with("stringequalsignorecase", &["A"], &["a"]));
    assert!(!holds_with("StringEquals", &["a*"], &["ab"]));
    assert!(holds_with("StringLike", &["a*"], &["ab:c/d"]));
    assert!(!holds_with("StringLike", &["A*"], &["ab"]));
    assert!(holds_with("StringLike", &["a${*}"], &["a*"]));
    assert!(!holds_with("StringLike", &["a${*}"], &["ab"]));
    assert!(holds_with("StringEquals", &["${x:y, 'v'}"], &["v"]));
    assert!(holds_with("Bool", &["True"], &["true"]));
}

#[test]
fn numbers_are_compared_as_decimals() {
    assert!(holds_with("NumericEquals", &["0.30"], &["00.3"]));
    assert!(holds_with("NumericGreaterThan", &["9007199254740992"], &["9007199254740993"]));
    assert!(holds_with("NumericLessThan", &["-1.5"], &["-2"]));
    assert!(holds_with("NumericEquals", &["0"], &["-0.0"]));
    assert!(holds_with("NumericLessThanEquals", &["10"], &["9.99"]));
    assert!(!holds_with("NumericEquals", &["1"], &["one"]));
    assert!(holds_with("NumericNotEquals", &["1"], &["one"]));
}

#[test]
fn dates_are_years_days_times_and_epoch_seconds() {
    assert!(holds_with("DateLessThan", &["2026-06-30T00:00:00Z"], &["2026-06-29T23:59:59.9Z"]));
    assert!(holds_with(
        "DateGreaterThan",
        &["2026-06-30T00:00:00.1Z"],
        &["2026-06-30T00:00:00.11Z"]
    ));
    assert!(holds_with("DateEquals", &["2026-01-01"], &["2026"]));
    assert!(holds_with("DateEquals", &["1970-01-01T00:01:00Z"], &["60"]));
    assert!(holds_with("DateEquals", &["2026-06-01T02:00+02:00"], &["2026-06-01T00:00Z"]));
    assert!(holds_with("DateGreaterThanEquals", &["2026-05"], &["2026-05-01T00:00:00Z"]));
}

#[test]
fn addresses_are_in_networks_of_their_own_family() {
    assert!(holds_with("IpAddress", &["203.0.113.0/24"], &["203.0.113.255"]));
    assert!(!holds_with("IpAddress", &["203.0.113.0/24"], &["203.0.114.0"]));
    assert!(holds_with("IpAddress", &["203.0.113.7"], &["203.0.113.7"]));
    assert!(holds_with("IpAddress", &["0.0.0.0/0"], &["8.8.8.8"]));
    assert!(!holds_with("IpAddress", &["0.0.0.0/0"], &["2001:db8::1"]));
    assert!(holds_with("IpAddress", &["2001:DB8:1234::/48"], &["2001:db8:1234:ffff::1"]));
    assert!(!holds_with("IpAddress", &["2001:DB8:1234::/48"], &["2001:db8:1235::1"]));
    assert!(!holds_with("IpAddress", &["203.0.113.0/33"], &["203.0.113.0"]));
    assert!(holds_with("NotIpAddress", &["10.0.0.0/8"], &["not an address"]));
}

#[test]
fn arns_are_compared_segment_by_segment() {
    let odd = "arn:aws:sns:us-east-2:999999999999:store/abc:111111111111:finance/d";
    let pattern = "arn:aws:sns:*:111111111111:finance/*";
    assert!(!holds_with("ArnLike", &[pattern], &[odd]));
    assert!(!holds_with("ArnEquals", &[pattern], &[odd]));
    assert!(holds_with("StringLike", &[pattern], &[odd]));
    assert!(holds_with("ArnLike", &["*"], &[odd]));
}

#[test]
fn binary_values_are_compared_after_decoding() {
    assert!(holds_with("BinaryEquals", &["QmluYXJ5"], &["QmluYXJ5"]));
    assert!(!holds_with("BinaryEquals", &["QmluYXJ5"], &["QmluYXJ6"]));
    assert!(!holds_with("BinaryEquals", &["%"], &["%"]));
}

#[test]
fn classes_follow_the_key() {
    use ConditionClass::*;
    for (key, expected) in [
        ("aws:currenttime", Time),
        ("aws:sourceip", Source),
        ("aws:requestedregion", Destination),
        ("secretsmanager:resourcetag/data", DataLabel),
        ("s3:existingobjecttag/class", DataLabel),
        ("kms:encryptioncontext:app", DataLabel),
        ("aws:multifactorauthpresent", Approval),
        ("aws:principaltag/team", Caller),
        ("kms:viaservice", ServicePath),
        ("sts:externalid", ThirdParty),
        ("token.actions.githubusercontent.com:sub", Federation),
        ("saml:aud", Federation),
        ("s3:prefix", Other),
    ] {
        assert_eq!(class(key), expected, "{key}");
    }
}

#[test]
fn a_deny_is_one_condition_and_its_data_label_names_it() {
    let (first, second) = (
        test("Bool", "aws:SecureTransport", &["false"]),
        test("StringNotEquals", "aws:ResourceTag/data", &["public"]),
    );
    let condition = unless(&[&first, &second], Some("arn:aws:s3:::b/*"));
    assert_eq!(
        &*condition.text,
        "unless Bool aws:SecureTransport false and StringNotEquals aws:ResourceTag/data public on \
         arn:aws:s3:::b/*"
    );
    assert_eq!(condition.class, ConditionClass::DataLabel);
    assert_eq!(&*condition.key, "aws:resourcetag/data");
}
