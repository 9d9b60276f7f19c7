//! The evaluator: a table of cases with their sources, an independent slow evaluator, and random policies on
//! which both must agree.

use serde_json::{Value, json};

use crate::common::{root, shared};
use crate::slow_evaluator;
use authgap::platform::aws::policy::cases::answer_line;

fn fast(case: &Value) -> Value {
    serde_json::from_str(&answer_line(&case.to_string())).expect("an answer is JSON")
}

fn check_table(path: &std::path::Path) -> usize {
    let text = std::fs::read_to_string(path).expect("the table is there");
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        count += 1;
        let answer = fast(&case);
        if answer["decision"] != case["expect"] {
            wrong.push(format!(
                "{}: {} expected {}, got {} ({})",
                case["id"], case["source"], case["expect"], answer["decision"], answer["reason"]
            ));
        }
        if let Some(why) = case["why"].as_str() {
            let wanted: Vec<&str> = why.split(' ').collect();
            let reason = answer["reason"].as_str().unwrap_or_default();
            if !wanted.iter().all(|word| reason.contains(word)) {
                wrong.push(format!("{}: expected {why}, got {reason}", case["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    count
}

#[test]
fn the_table_of_cases_holds() {
    let count = check_table(&root().join("fixtures/rules/aws-evaluation.jsonl"));
    println!("{count} cases");
    assert!(count >= 150, "{count}");
}

#[test]
fn the_published_cases_hold() {
    if let Some(path) = shared("data/aws/evaluation-cases.jsonl") {
        assert_eq!(check_table(&path), 93);
    }
}

/// A small generator: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }

    fn some<'a>(&mut self, from: &[&'a str]) -> Vec<&'a str> {
        let count = 1 + self.roll(2);
        (0..count).map(|_| self.pick(from)).collect()
    }
}

const ACTIONS: &[&str] =
    &["s3:GetObject", "s3:PutObject", "S3:getobject", "sqs:SendMessage", "iam:PassRole"];
const ACTION_PATTERNS: &[&str] = &[
    "*",
    "s3:*",
    "s3:Get*",
    "s3:?etObject",
    "sqs:SendMessage",
    "iam:*Role",
    "S3:PUT*",
    "s3:*Object",
];
const RESOURCES: &[&str] = &[
    "arn:aws:s3:::data/k1",
    "arn:aws:s3:::data/team/alice/x",
    "arn:aws:s3:::Data/k1",
    "arn:aws:sqs:eu-west-1:111111111111:q",
    "arn:aws:iam::111111111111:role/app",
];
const RESOURCE_PATTERNS: &[&str] = &[
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::*/k?",
    "arn:aws:s3:::data/team/${aws:username}/*",
    "arn:aws:s3:::data/${aws:PrincipalTag/team, 'k'}1",
    "arn:aws:sqs:*:111111111111:*",
    "arn:aws:iam::*:role/a*",
    "arn:aws:sqs:eu-west-?:*:q",
];
const PRINCIPALS: &[&str] = &[
    "arn:aws:iam::111111111111:user/alice",
    "arn:aws:sts::111111111111:assumed-role/app/s1",
    "arn:aws:iam::222222222222:user/ext",
];

fn condition(dice: &mut Dice) -> Value {
    let tests: &[(&str, &str, &[&str])] = &[
        ("StringEquals", "aws:PrincipalTag/team", &["red", "Red", "blue"]),
        ("StringNotEquals", "aws:PrincipalTag/team", &["red", "blue"]),
        ("StringEqualsIfExists", "aws:PrincipalTag/site", &["ams"]),
        ("StringLike", "aws:PrincipalTag/team", &["r*", "?lue"]),
        ("StringEqualsIgnoreCase", "AWS:principaltag/Team", &["RED"]),
        ("Bool", "aws:SecureTransport", &["true", "false"]),
        ("BoolIfExists", "aws:MultiFactorAuthPresent", &["false"]),
        ("Null", "aws:TokenIssueTime", &["true", "false"]),
        ("IpAddress", "aws:SourceIp", &["203.0.113.0/24", "10.0.0.0/8"]),
        ("NotIpAddress", "aws:SourceIp", &["203.0.113.0/24"]),
        ("NumericLessThan", "s3:max-keys", &["10", "100"]),
        ("DateGreaterThan", "aws:CurrentTime", &["2026-01-01T00:00:00Z"]),
        ("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b"]),
        ("ForAnyValue:StringLike", "aws:TagKeys", &["a*", "c"]),
        ("ArnLike", "aws:SourceArn", &["arn:aws:sns:*:111111111111:*"]),
    ];
    let mut out = serde_json::Map::new();
    for _ in 0..=dice.roll(2) {
        let (operator, key, values) = tests[dice.roll(tests.len())];
        out.insert(operator.to_string(), json!({ key: dice.some(values) }));
    }
    Value::Object(out)
}

fn context(dice: &mut Dice) -> Value {
    let keys: &[(&str, &[&str])] = &[
        ("aws:username", &["alice"]),
        ("aws:PrincipalTag/team", &["red", "blue"]),
        ("aws:PrincipalTag/site", &["ams", "lon"]),
        ("aws:SecureTransport", &["true", "false"]),
        ("aws:MultiFactorAuthPresent", &["true", "false"]),
        ("aws:TokenIssueTime", &["2026-06-01T00:00:00Z"]),
        ("aws:SourceIp", &["203.0.113.7", "10.1.2.3", "2001:db8::1"]),
        ("s3:max-keys", &["5", "50"]),
        ("aws:CurrentTime", &["2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z"]),
        ("aws:SourceArn", &["arn:aws:sns:eu-west-1:111111111111:t"]),
    ];
    let mut out = serde_json::Map::new();
    for (key, values) in keys {
        if dice.roll(2) == 0 {
            out.insert((*key).to_string(), json!(dice.pick(values)));
        }
    }
    if dice.roll(3) == 0 {
        out.insert("aws:TagKeys".to_string(), json!(dice.some(&["a", "b", "c"])));
    }
    Value::Object(out)
}

fn statement(dice: &mut Dice, deny_in_five: usize, with_principal: bool) -> Value {
    let mut out = serde_json::Map::new();
    let effect = if dice.roll(5) < deny_in_five { "Deny" } else { "Allow" };
    out.insert("Effect".to_string(), json!(effect));
    let action = if dice.roll(6) == 0 { "NotAction" } else { "Action" };
    out.insert(action.to_string(), json!(dice.some(ACTION_PATTERNS)));
    let resource = if dice.roll(6) == 0 { "NotResource" } else { "Resource" };
    out.insert(resource.to_string(), json!(dice.some(RESOURCE_PATTERNS)));
    if with_principal {
        let principals = [
            json!({ "AWS": "111111111111" }),
            json!({ "AWS": "arn:aws:iam::111111111111:user/alice" }),
            json!({ "AWS": "arn:aws:iam::111111111111:role/app" }),
            json!({ "AWS": "arn:aws:sts::111111111111:assumed-role/app/s1" }),
            json!({ "AWS": ["arn:aws:iam::222222222222:root"] }),
            json!({ "Service": "sns.amazonaws.com" }),
        ];
        out.insert("Principal".to_string(), principals[dice.roll(principals.len())].clone());
    }
    if dice.roll(3) == 0 {
        out.insert("Condition".to_string(), condition(dice));
    }
    Value::Object(out)
}

fn policy(dice: &mut Dice, deny_in_five: usize, with_principal: bool) -> Value {
    let count = 1 + dice.roll(3);
    let statements: Vec<Value> =
        (0..count).map(|_| statement(dice, deny_in_five, with_principal)).collect();
    let version = if dice.roll(8) == 0 { "2008-10-17" } else { "2012-10-17" };
    json!({ "Version": version, "Statement": statements })
}

fn allow_all() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] })
}

fn random_case(dice: &mut Dice, id: usize) -> Value {
    let named = |policy: Value| json!({ "name": "p", "policy": policy });
    let identity: Vec<Value> =
        (0..1 + dice.roll(2)).map(|_| named(policy(dice, 1, false))).collect();
    let one_in = |dice: &mut Dice, sides: usize, make: &mut dyn FnMut(&mut Dice) -> Value| {
        if dice.roll(sides) == 0 { make(dice) } else { Value::Null }
    };
    let boundary = one_in(dice, 3, &mut |dice| policy(dice, 1, false));
    let session = one_in(dice, 4, &mut |dice| policy(dice, 1, false));
    let resource_policy = one_in(dice, 3, &mut |dice| policy(dice, 1, true));
    let scps = if dice.roll(3) == 0 {
        json!([[named(allow_all())], [named(policy(dice, 2, false)), named(allow_all())]])
    } else {
        json!([])
    };
    json!({
        "id": format!("random-{id}"),
        "principal": dice.pick(PRINCIPALS),
        "action": dice.pick(ACTIONS),
        "resource": dice.pick(RESOURCES),
        "resource_account": "111111111111",
        "context": context(dice),
        "identity": identity,
        "boundary": boundary,
        "session": session,
        "resource_policy": resource_policy,
        "scps": scps,
        "rcps": [],
    })
}

/// Cases on which the documentation is open and the two evaluators were not made to agree.
fn is_open(case: &Value) -> bool {
    // A session policy limits sessions of roles; for a user it has no documented meaning.
    let is_user = case["principal"].as_str().is_some_and(|arn| arn.contains(":user/"));
    is_user && !case["session"].is_null()
}

#[test]
fn the_fast_evaluator_equals_the_slow_one_on_random_cases() {
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    let (mut compared, mut allowed) = (0, 0);
    for id in 0..20_000 {
        let case = random_case(&mut dice, id);
        if is_open(&case) {
            continue;
        }
        let slow = slow_evaluator::decide(&case).expect("a random case is well formed");
        let answer = fast(&case);
        let wanted = if slow.allow { "allow" } else { "deny" };
        assert_eq!(answer["decision"], wanted, "{case}\nslow {slow:?}\nfast {answer}");
        compared += 1;
        allowed += usize::from(slow.allow);
    }
    println!("{compared} random cases, {allowed} of them allowed");
    assert!(
        allowed * 20 > compared && allowed * 20 < compared * 19,
        "one-sided: {allowed} of {compared}"
    );
}

fn is_allowed(case: &Value) -> bool {
    fast(case)["decision"] == "allow"
}

#[test]
fn adding_a_deny_never_adds_a_permission() {
    let mut dice = Dice(0xdeca_fbad_0000_0001);
    for id in 0..3_000 {
        let case = random_case(&mut dice, id);
        let mut more = case.clone();
        let mut deny = statement(&mut dice, 5, false);
        deny["Effect"] = json!("Deny");
        let added =
            json!({ "name": "deny", "policy": { "Version": "2012-10-17", "Statement": [deny] } });
        more["identity"].as_array_mut().expect("a list").push(added);
        assert!(is_allowed(&case) || !is_allowed(&more), "{case}\n{more}");
    }
}

#[test]
fn adding_a_boundary_never_adds_a_permission() {
    let mut dice = Dice(0xb0da_2200_0000_0001);
    for id in 0..3_000 {
        let mut case = random_case(&mut dice, id);
        case["boundary"] = Value::Null;
        let mut more = case.clone();
        more["boundary"] = policy(&mut dice, 1, false);
        assert!(is_allowed(&case) || !is_allowed(&more), "{case}\n{more}");
    }
}

fn case(principal: &str, extra: &Value) -> Value {
    let mut case = json!({
        "id": "trap",
        "principal": principal,
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::data/k1",
        "resource_account": "111111111111",
        "context": {},
        "identity": [],
        "boundary": null,
        "session": null,
        "resource_policy": null,
        "scps": [],
        "rcps": [],
    });
    for (key, value) in extra.as_object().expect("an object") {
        case[key] = value.clone();
    }
    case
}

fn statement_of(effect: &str, action: &str, rest: &Value) -> Value {
    let mut statement = json!({ "Effect": effect, "Action": action, "Resource": "*" });
    for (key, value) in rest.as_object().expect("an object") {
        statement[key] = value.clone();
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// `reference_policies_evaluation-logic`: a boundary limits what a role's ARN is given by a resource policy, and
/// does not limit what a session's ARN is given.
#[test]
fn trap_04_a_resource_policy_to_a_role_is_bounded_and_to_a_session_is_not() {
    let session = "arn:aws:sts::111111111111:assumed-role/app/s1";
    let to = |arn: &str| {
        case(
            session,
            &json!({
                "boundary": statement_of("Allow", "ec2:*", &json!({})),
                "resource_policy": statement_of("Allow", "s3:GetObject", &json!({ "Principal": { "AWS": arn } })),
            }),
        )
    };
    assert!(!is_allowed(&to("arn:aws:iam::111111111111:role/app")));
    assert!(is_allowed(&to(session)));
}

/// `reference_policies_multi-value-conditions` and `reference_policies_elements_condition_operators`.
#[test]
fn trap_09_an_absent_key_satisfies_for_all_values_and_negated_operators() {
    let user = "arn:aws:iam::111111111111:user/alice";
    let with = |condition: Value| {
        let policy = statement_of("Allow", "s3:*", &json!({ "Condition": condition }));
        case(user, &json!({ "identity": [{ "name": "p", "policy": policy }] }))
    };
    assert!(is_allowed(&with(json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["a"] } }))));
    assert!(is_allowed(&with(json!({ "StringNotEquals": { "aws:PrincipalTag/team": "red" } }))));
    assert!(!is_allowed(&with(json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["a"] } }))));
    assert!(!is_allowed(&with(json!({ "StringEquals": { "aws:PrincipalTag/team": "red" } }))));
}

/// Organizations User Guide, "SCP evaluation": at every level some policy must allow.
#[test]
fn trap_10_an_scp_must_allow_at_every_level() {
    let user = "arn:aws:iam::111111111111:user/alice";
    let named = |policy: Value| json!({ "name": "p", "policy": policy });
    let with = |middle: Value| {
        case(
            user,
            &json!({
                "identity": [named(allow_all())],
                "scps": [[named(allow_all())], [named(middle)], [named(allow_all())]],
            }),
        )
    };
    assert!(is_allowed(&with(allow_all())));
    assert!(!is_allowed(&with(statement_of("Allow", "ec2:*", &json!({})))));
}
