use super::*;
use crate::platform::aws::policy::Context;

fn arn(pattern: &str, text: &str) -> bool {
    matches(&tokens(pattern), text.as_bytes(), Style::Resource)
}

#[test]
fn a_star_within_a_segment_stays_in_it_and_one_at_its_end_runs_on() {
    assert!(arn("arn:aws:dynamodb:*:table/x", "arn:aws:dynamodb:eu-west-1:1:table/x"));
    assert!(arn("arn:aws:dynamodb:eu-*-1:1:table/x", "arn:aws:dynamodb:eu-west-1:1:table/x"));
    assert!(!arn("arn:aws:dynamodb:eu*1:table/x", "arn:aws:dynamodb:eu-west-1:1:table/x"));
    assert!(!arn("arn:aws:ec2:e?:1:x", "arn:aws:ec2:e::1:x"));
    assert!(arn(
        "arn:aws:logs:r:1:log-group:/a/?*:*",
        "arn:aws:logs:r:1:log-group:/a/b:log-stream:c"
    ));
    assert!(arn("arn:*", "arn:aws:s3:::b/k"));
}

#[test]
fn a_star_that_runs_on_is_tried_again_when_a_later_one_is_stopped() {
    assert!(arn("arn:*:b*c:d:e", "arn:aQ:bR:bZc:d:e"));
    assert!(!arn("arn:*:b*c:d:e", "arn:aQ:bR:bZ:c:d:e"));
}

#[test]
fn slashes_have_no_meaning() {
    for (text, expected) in [
        ("arn:aws:s3:::b/1/2/test/3/o", true),
        ("arn:aws:s3:::b//test/o", true),
        ("arn:aws:s3:::b/test/o", false),
    ] {
        assert_eq!(arn("arn:aws:s3:::b/*/test/*", text), expected, "{text}");
    }
}

#[test]
fn arn_operators_do_not_let_a_star_run_on() {
    let strict = |pattern: &str, text: &str| matches(&tokens(pattern), text.as_bytes(), Style::Arn);
    assert!(strict("arn:aws:sns:*:1:a/*", "arn:aws:sns:us-east-2:1:a/b:c"));
    assert!(!strict("arn:aws:sns:*:a/*", "arn:aws:sns:us-east-2:1:a/b"));
}

/// The rule spelled out, with every way to split the text.
fn naive(pattern: &[u8], text: &[u8], colons: usize) -> bool {
    let colon = |count: usize, byte: u8| count + usize::from(byte == b':');
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => {
            let ends = rest.first().is_none_or(|byte| *byte == b':');
            naive(rest, text, colons)
                || text.split_first().is_some_and(|(byte, after)| {
                    (*byte != b':' || ends || colons >= 5)
                        && naive(pattern, after, colon(colons, *byte))
                })
        }
        Some((b'?', rest)) => text.split_first().is_some_and(|(byte, after)| {
            (*byte != b':' || colons >= 5) && naive(rest, after, colon(colons, *byte))
        }),
        Some((wanted, rest)) => text.split_first().is_some_and(|(byte, after)| {
            wanted == byte && naive(rest, after, colon(colons, *byte))
        }),
    }
}

proptest::proptest! {
    #[test]
    fn matching_equals_the_rule_spelled_out(
        pattern in "[ab:*?]{0,10}",
        text in "[ab:]{0,12}",
        skip in 0_usize..3,
    ) {
        // Some colons in front, so that the sixth part is reached.
        let (pattern, text) = (":".repeat(skip) + &pattern, ":".repeat(skip) + &text);
        proptest::prop_assert_eq!(
            arn(&pattern, &text),
            naive(pattern.as_bytes(), text.as_bytes(), 0),
            "{} {}", pattern, text
        );
    }
}

fn on(pattern: &str, resource: &str, short: bool) -> Truth {
    let context = Context { complete: true, ..Context::default() };
    let reading = Reading {
        short,
        variables: true,
        scope: Scope { context: &context, caller: None, resource_account: None },
    };
    resource_matches(pattern, resource, &reading)
}

#[test]
fn short_arns_are_completed_where_the_policy_kind_allows_it() {
    assert_eq!(on("arn:aws:s3", "arn:aws:s3:::b/k", true), Truth::True);
    assert_eq!(on("arn:aws:s3", "arn:aws:s3:::b/k", false), Truth::False);
    assert_eq!(on("arn:aws:s3:::b", "arn:aws:s3:::b/k", true), Truth::False);
    assert_eq!(on("arn:aws:s3", "*", true), Truth::False);
}

#[test]
fn literal_wildcards_and_defaults_are_substituted() {
    assert_eq!(on("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", false), Truth::True);
    assert_eq!(on("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", false), Truth::False);
    assert_eq!(on("arn:aws:s3:::${a:b, 'x'}/k", "arn:aws:s3:::x/k", false), Truth::True);
    assert_eq!(on("arn:aws:s3:::${a:b}", "arn:aws:s3:::", false), Truth::False);
    // Before the fifth colon it is text.
    assert_eq!(on("arn:aws:s3:${a:b, 'x'}::k", "arn:aws:s3:x::k", false), Truth::False);
}

fn caller(kind: CallerKind, arn: &str, role_arn: Option<&str>) -> Caller {
    Caller {
        arn: arn.into(),
        role_arn: role_arn.map(Into::into),
        account: "111111111111".into(),
        kind,
        unique_id: Some("AIDA1".into()),
        tags: Vec::new(),
        org_id: None,
    }
}

#[test]
fn principals_are_named_by_account_role_or_themselves() {
    let user = caller(CallerKind::User, "arn:aws:iam::111111111111:user/p/a", None);
    let session = caller(
        CallerKind::RoleSession,
        "arn:aws:sts::111111111111:assumed-role/app/s1",
        Some("arn:aws:iam::111111111111:role/app"),
    );
    let role = caller(
        CallerKind::Role,
        "arn:aws:iam::111111111111:role/app",
        Some("arn:aws:iam::111111111111:role/app"),
    );
    use NamedBy::*;
    use Truth::*;
    let cases: [(&Caller, &str, Naming); 12] = [
        (&user, "111111111111", Naming::only(Account, True)),
        (&user, "arn:aws:iam::111111111111:root", Naming::only(Account, True)),
        (&user, "arn:aws:iam::111111111111:user/p/a", Naming::only(Itself, True)),
        (&user, "AIDA1", Naming::only(Itself, True)),
        (&user, "AIDA2", Naming::NONE),
        (&user, "arn:aws:iam::111111111111:user/*", Naming::NONE),
        (&session, "arn:aws:iam::111111111111:role/path/app", Naming::only(Role, True)),
        (&session, "arn:aws:iam::111111111112:role/app", Naming::NONE),
        (&session, "arn:aws:sts::111111111111:assumed-role/app/s1", Naming::only(Itself, True)),
        (&session, "arn:aws:sts::111111111111:assumed-role/app/s2", Naming::NONE),
        (&role, "arn:aws:iam::111111111111:role/app", Naming::only(Role, True)),
        (&role, "arn:aws:sts::111111111111:assumed-role/app/s2", Naming::only(Itself, Unknown)),
    ];
    for (caller, text, expected) in cases {
        let list = vec![Named::Aws(text.into())];
        let principals = Match { not: false, list };
        assert_eq!(principals_apply(&principals, true, caller, false), expected, "{text}");
    }
}

#[test]
fn not_principal_spares_only_who_is_listed_whole() {
    let user = caller(CallerKind::User, "arn:aws:iam::111111111111:user/a", None);
    let with = |list: &[&str], is_bounded| {
        let list = list.iter().map(|text| Named::Aws((*text).into())).collect();
        principals_apply(&Match { not: true, list }, false, &user, is_bounded).any()
    };
    let deny = |list: &[&str]| with(list, false);
    assert_eq!(deny(&["arn:aws:iam::111111111111:user/b"]), Truth::True);
    assert_eq!(deny(&["arn:aws:iam::111111111111:user/a"]), Truth::True);
    assert_eq!(deny(&["arn:aws:iam::111111111111:user/a", "111111111111"]), Truth::False);
    assert_eq!(with(&["arn:aws:iam::111111111111:user/a", "111111111111"], true), Truth::True);
}
