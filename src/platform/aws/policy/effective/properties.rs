//! Random policies: the rows against the answers to single requests.

use proptest::prelude::*;

use super::tests::{ACCOUNT, bound, grants, id, role, run, user};
use super::*;
use crate::model::{Decision, Glob, GrantRow, Str};
use crate::platform::Verdict;
use crate::platform::aws::policy::{Ask, decide};

fn pick(list: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(list)
}

const ACTIONS: &[&str] = &[
    "*",
    "s3:*",
    "s3:Get*",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:DeleteBucket",
    "s3:*Bucket*",
    "sqs:*",
    "sqs:SendMessage",
    "ec2:DescribeInstances",
    "iam:CreateUser",
    "*:List*",
];

/// Patterns whose wildcards are not confined to a segment, so that reading them without segments is exact.
const EXACT: &[&str] = &[
    "*",
    "arn:aws:s3:::data",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::*/x",
    "arn:aws:s3:::d*",
    "arn:aws:sqs:*:*:q",
    "arn:aws:s3",
    "arn:aws:s3:::${aws:username}/*",
    "arn:aws:s3:::${aws:PrincipalTag/team}/*",
    "arn:aws:s3:::${aws:PrincipalTag/else}/*",
    "arn:aws:s3:::?ata/x",
    "arn:aws:iam::111111111111:user/*",
    "arn:aws:sqs:*:q",
];

const CONFINED: &[&str] =
    &["arn:aws:sqs:eu-*-1:*:q", "arn:aws:s*:::data/*", "arn:aws:sqs:e?-west-1:*"];

const CONDITIONS: &[&str] = &[
    r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
    r#"{"StringEquals":{"aws:username":"alice"}}"#,
    r#"{"StringNotEquals":{"aws:PrincipalTag/team":"red"}}"#,
    r#"{"Null":{"aws:TokenIssueTime":"true"}}"#,
];

fn statement(confined: bool, principal: bool) -> impl Strategy<Value = String> {
    let resource = if confined {
        prop_oneof![4 => pick(EXACT), 1 => pick(CONFINED)].boxed()
    } else {
        pick(EXACT).boxed()
    };
    (
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.15),
        prop::collection::vec(pick(ACTIONS), 1..3),
        prop::bool::weighted(0.15),
        prop::collection::vec(resource, 1..3),
        prop::option::weighted(0.3, pick(CONDITIONS)),
        pick(&[
            "\"*\"",
            r#"{"AWS":"111111111111"}"#,
            r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#,
        ]),
    )
        .prop_map(
            move |(allow, not_action, actions, not_resource, resources, condition, who)| {
                let mut text = format!(
                    r#"{{"Effect":"{}","{}Action":{actions:?},"{}Resource":{resources:?}"#,
                    if allow { "Allow" } else { "Deny" },
                    if not_action { "Not" } else { "" },
                    if not_resource { "Not" } else { "" },
                );
                if let Some(condition) = condition {
                    text += &format!(r#","Condition":{condition}"#);
                }
                if principal {
                    text += &format!(r#","Principal":{who}"#);
                }
                text + "}"
            },
        )
}

fn document(confined: bool, principal: bool) -> impl Strategy<Value = String> {
    prop::collection::vec(statement(confined, principal), 1..4).prop_map(|all| all.join(","))
}

fn layers(confined: bool) -> impl Strategy<Value = Layers> {
    let own = move || document(confined, false);
    (
        prop::collection::vec(own(), 0..3),
        prop::option::weighted(0.4, own()),
        prop::option::weighted(0.2, own()),
        prop::collection::vec(prop::collection::vec(own(), 1..3), 0..3),
        prop::option::weighted(0.3, document(confined, true)),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(identity, boundary, session, scps, resource, partial)| {
            let mut layers = Layers::default();
            for (at, text) in identity.iter().enumerate() {
                layers.identity.push(bound(Layer::Identity, &format!("p{at}"), text));
            }
            if let Some(text) = boundary {
                layers.boundary = Limit::Known(bound(Layer::Boundary, "boundary", &text));
            }
            layers.session.extend(session.map(|text| bound(Layer::Session, "session", &text)));
            let level = |texts: &Vec<String>| -> Vec<Bound> {
                texts.iter().map(|text| bound(Layer::Scp, "scp", text)).collect()
            };
            let levels: Vec<Vec<Bound>> = scps.iter().map(level).collect();
            layers.scps = if partial {
                OrgLimit::Partial(levels.into_iter().flatten().collect())
            } else if levels.is_empty() {
                OrgLimit::Absent
            } else {
                OrgLimit::Levels(levels)
            };
            let resource = resource.map(|text| bound(Layer::Resource, "policy", &text));
            layers.resource.extend(resource);
            layers
        })
}

/// Requests whose resources are of the types that the actions take.
const REQUESTS: &[(&str, &[&str])] = &[
    (
        "s3:GetObject",
        &[
            "arn:aws:s3:::data/x",
            "arn:aws:s3:::data/y",
            "arn:aws:s3:::alice/x",
            "arn:aws:s3:::red/k",
        ],
    ),
    ("s3:ListBucket", &["arn:aws:s3:::data", "arn:aws:s3:::other"]),
    ("s3:DeleteBucket", &["arn:aws:s3:::data", "arn:aws:s3:::dx"]),
    ("s3:ListAllMyBuckets", &["*"]),
    ("ec2:DescribeInstances", &["*"]),
    ("iam:CreateUser", &["arn:aws:iam::111111111111:user/bob"]),
    (
        "sqs:SendMessage",
        &[
            "arn:aws:sqs:eu-west-1:111111111111:q",
            "arn:aws:sqs:eu-west-1:111111111111:r",
            "arn:aws:sqs:us-east-2:111111111111:q",
        ],
    ),
];

fn requests() -> impl Iterator<Item = (&'static str, &'static str)> {
    REQUESTS
        .iter()
        .flat_map(|(action, resources)| resources.iter().map(move |resource| (*action, *resource)))
}

fn verdict(caller: &Caller, layers: &Layers, (action, resource): (&str, &str)) -> Verdict {
    let context = Context::default();
    let ask = Ask { caller, action, resource, resource_account: Some(ACCOUNT), context: &context };
    decide(&ask, layers).verdict
}

fn covers(row: &GrantRow, (action, resource): (&str, &str)) -> bool {
    let resource = crate::platform::aws::policy::matching::decided_on(action, resource, "aws");
    let matches = |pattern: &Str| Glob::new(pattern).matches(&resource);
    row.actions.contains(id(action))
        && row.resources.iter().any(matches)
        && !row.except.iter().any(matches)
}

fn covered(set: &GrantSet, request: (&str, &str)) -> bool {
    set.rows.iter().any(|row| covers(row, request))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_may_be_allowed_is_in_a_row(layers in layers(true), is_role in any::<bool>()) {
        let caller = if is_role { role() } else { user() };
        let set = effective(&caller, &layers, &run().0, &run().1);
        for request in requests() {
            if verdict(&caller, &layers, request) != Verdict::Deny {
                prop_assert!(covered(&set, request), "{request:?}\n{:#?}", set.rows);
            }
        }
    }

    #[test]
    fn what_a_row_allows_outright_is_allowed(layers in layers(false), is_role in any::<bool>()) {
        let caller = if is_role { role() } else { user() };
        let set = effective(&caller, &layers, &run().0, &run().1);
        for request in requests() {
            let verdict = verdict(&caller, &layers, request);
            let certain = |row: &&GrantRow| row.decision == Decision::Allow && covers(row, request);
            if set.rows.iter().any(|row| certain(&row)) {
                prop_assert_eq!(verdict, Verdict::Allow, "{:?}\n{:#?}", request, set.rows);
            } else if !covered(&set, request) {
                prop_assert_eq!(verdict, Verdict::Deny);
            }
        }
    }

    #[test]
    fn a_further_deny_or_boundary_adds_nothing(
        layers in layers(true),
        extra in document(true, false),
        boundary in document(true, false),
    ) {
        let before = grants(&layers);
        let mut denied = layers.clone();
        denied.identity.push(bound(Layer::Identity, "extra", &extra.replace("Allow", "Deny")));
        let mut bounded = layers.clone();
        bounded.boundary = Limit::Known(bound(Layer::Boundary, "b", &boundary));
        let without = Layers { boundary: Limit::Absent, ..layers.clone() };
        let (after, wide, narrow) = (grants(&denied), grants(&without), grants(&bounded));
        for request in requests() {
            if !covered(&before, request) {
                prop_assert!(!covered(&after, request), "{request:?}");
            }
            prop_assert!(covered(&wide, request) || !covered(&narrow, request), "{request:?}");
            let order = |layers: &Layers| match verdict(&user(), layers, request) {
                Verdict::Deny => 0,
                Verdict::Unknown | Verdict::Conditional => 1,
                Verdict::Allow => 2,
            };
            prop_assert!(order(&denied) <= order(&layers), "{request:?}");
            prop_assert!(order(&bounded) <= order(&without), "{request:?}");
        }
    }
}
