use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::*;
use crate::catalogue::{Catalogue, Facts};
use crate::model::{ActionId, Decision, Glob, GrantRow, Str, Time};
use crate::platform::Verdict;
use crate::platform::aws::policy::{Ask, Policy, decide};

pub(super) const ACCOUNT: &str = "111111111111";

pub(super) fn run() -> &'static (RunCatalogue, Compiled) {
    static RUN: OnceLock<(RunCatalogue, Compiled)> = OnceLock::new();
    RUN.get_or_init(|| {
        let facts = |_: &str, _: &str, _: Option<&crate::catalogue::Action>| Facts {
            class: "management".into(),
            touches_data: false,
            level: None,
        };
        let seen = [("aws".into(), "newsvc:DoIt".into())];
        let run = RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &seen, &facts);
        let compiled = Compiled::new(&run);
        (run, compiled)
    })
}

pub(super) fn user() -> Caller {
    Caller {
        arn: format!("arn:aws:iam::{ACCOUNT}:user/alice").into(),
        role_arn: None,
        account: ACCOUNT.into(),
        kind: CallerKind::User,
        unique_id: None,
        tags: vec![("team".into(), "red".into())],
        org_id: None,
    }
}

fn role() -> Caller {
    let arn: Str = format!("arn:aws:iam::{ACCOUNT}:role/app").into();
    Caller {
        role_arn: Some(arn.clone()),
        arn,
        kind: CallerKind::Role,
        tags: Vec::new(),
        ..user()
    }
}

pub(super) fn bound(layer: Layer, name: &str, statements: &str) -> Bound {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let policy = Policy::parse(&text, &|_| None).unwrap_or_else(|e| unreachable!("{e}: {text}"));
    Bound {
        policy: Arc::new(policy),
        name: name.into(),
        layer,
        level: None,
        via: None,
        since: None,
        shareable: false,
    }
}

fn identity(statements: &[&str]) -> Layers {
    let each = statements.iter().enumerate();
    Layers {
        identity: each
            .map(|(at, text)| bound(Layer::Identity, &format!("p{at}"), text))
            .collect(),
        ..Layers::default()
    }
}

fn grants(layers: &Layers) -> GrantSet {
    effective(&user(), layers, &run().0, &run().1)
}

fn id(action: &str) -> ActionId {
    run().0.id("aws", action).unwrap()
}

fn has(set: &GrantSet, action: &str) -> bool {
    set.actions.contains(id(action))
}

fn row_of<'a>(set: &'a GrantSet, action: &str) -> &'a GrantRow {
    let id = id(action);
    set.rows
        .iter()
        .find(|row| row.actions.contains(id))
        .unwrap()
}

fn allow(actions: &str, resources: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":[{resources}]}}"#)
}

fn deny(actions: &str, resources: &str) -> String {
    allow(actions, resources).replace("Allow", "Deny")
}

#[test]
fn an_administrator_is_one_row() {
    let set = grants(&identity(&[&allow(r#""*""#, r#""*""#)]));
    assert_eq!(set.rows.len(), 1);
    assert_eq!(set.actions, *run().1.all);
    assert_eq!(set.rows[0].decision, Decision::Allow);
    assert_eq!(set.administrative.as_deref(), Some("everything"));
}

#[test]
fn an_action_is_granted_only_on_resources_that_it_can_have() {
    let set = grants(&identity(&[&allow(
        r#""s3:*""#,
        r#""arn:aws:s3:::data/*""#,
    )]));
    assert!(has(&set, "s3:GetObject") && has(&set, "s3:DeleteObject"));
    assert!(!has(&set, "s3:DeleteBucket") && !has(&set, "s3:ListBucket"));
    assert!(!has(&set, "s3:ListAllMyBuckets"));
    let set = grants(&identity(&[&allow(r#""*""#, r#""arn:aws:s3:::*""#)]));
    assert!(has(&set, "s3:ListAllMyBuckets") && has(&set, "s3:DeleteBucket"));
    assert!(!has(&set, "ec2:DescribeInstances") && !has(&set, "sqs:SendMessage"));
    // No catalogue says what it acts on.
    assert!(has(&set, "newsvc:DoIt"));
    let logs = r#""arn:aws:logs:*:*:log-group:/aws/lambda/x:*""#;
    let set = grants(&identity(&[&allow(r#""logs:*""#, logs)]));
    assert!(has(&set, "logs:CreateLogStream") && has(&set, "logs:PutLogEvents"));
}

#[test]
fn a_covering_deny_removes_a_partial_one_excepts_and_a_possible_one_conditions() {
    let set = grants(&identity(&[
        &allow(r#""s3:*","sqs:*""#, r#""*""#),
        &deny(r#""s3:DeleteBucket""#, r#""*""#),
        &deny(r#""s3:GetObject""#, r#""arn:aws:s3:::secret/*""#),
        &deny(r#""s3:PutObject""#, r#""arn:aws:s3:*""#),
        r#"{"Effect":"Deny","Action":"sqs:SendMessage","Resource":"*",
            "Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
    ]));
    assert!(!has(&set, "s3:DeleteBucket"));
    // Every object is within the pattern.
    assert!(!has(&set, "s3:PutObject"));
    let row = row_of(&set, "s3:GetObject");
    assert_eq!(row.decision, Decision::Allow);
    assert_eq!(*row.except, ["arn:aws:s3:::secret/*".into()]);
    assert!(row_of(&set, "s3:ListBucket").except.is_empty());
    let row = row_of(&set, "sqs:SendMessage");
    assert_eq!(row.decision, Decision::Conditional);
    assert_eq!(
        &*row.conditions[0].text,
        "unless Bool aws:SecureTransport false"
    );
    assert_eq!(row_of(&set, "sqs:ReceiveMessage").decision, Decision::Allow);
}

#[test]
fn a_deny_of_all_but_a_list_leaves_the_list() {
    let set = grants(&identity(&[
        &allow(r#""s3:*""#, r#""*""#),
        r#"{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}"#,
    ]));
    let row = row_of(&set, "s3:GetObject");
    assert_eq!(
        *row.resources,
        ["arn:aws:s3:::data".into(), "arn:aws:s3:::data/*".into()]
    );
    assert!(!has(&set, "s3:ListAllMyBuckets"));
}

#[test]
fn a_boundary_passes_whole_actions_unchanged_and_narrows_the_others() {
    let mut layers = identity(&[&allow(r#""*""#, r#""*""#)]);
    let text =
        allow(r#""ec2:*""#, r#""*""#) + "," + &allow(r#""s3:*""#, r#""arn:aws:s3:::data/*""#);
    layers.boundary = Limit::Known(bound(Layer::Boundary, "b", &text));
    let set = grants(&layers);
    assert!(row_of(&set, "ec2:RunInstances").is_unlimited());
    assert_eq!(
        *row_of(&set, "s3:GetObject").resources,
        ["arn:aws:s3:::data/*".into()]
    );
    assert!(!has(&set, "iam:CreateUser") && !has(&set, "s3:DeleteBucket"));
    assert_eq!(set.administrative, None);
    assert_eq!(set.rows.len(), 2);
}

#[test]
fn a_missing_boundary_conditions_every_row() {
    let mut layers = identity(&[&allow(r#""s3:*""#, r#""*""#)]);
    layers.boundary = Limit::Missing("gone".into());
    let set = grants(&layers);
    assert!(
        set.rows
            .iter()
            .all(|row| row.decision == Decision::Conditional)
    );
    let text = &*set.rows[0].conditions[0].text;
    assert_eq!(text, "permissions boundary gone is not in the evidence");
}

#[test]
fn every_level_of_service_control_policies_limits_and_partial_ones_only_deny() {
    let mut layers = identity(&[&allow(r#""s3:*","sqs:*""#, r#""*""#)]);
    let all = bound(Layer::Scp, "full", &allow(r#""*""#, r#""*""#));
    let s3 = bound(Layer::Scp, "s3", &allow(r#""s3:*""#, r#""*""#));
    layers.scps = OrgLimit::Levels(vec![vec![all.clone()], vec![s3.clone()]]);
    let set = grants(&layers);
    assert!(has(&set, "s3:GetObject") && !has(&set, "sqs:SendMessage"));
    let guard = bound(Layer::Scp, "guard", &deny(r#""s3:PutObject""#, r#""*""#));
    layers.scps = OrgLimit::Partial(vec![s3, guard]);
    let set = grants(&layers);
    assert!(has(&set, "sqs:SendMessage") && !has(&set, "s3:PutObject"));
}

#[test]
fn variables_and_conditions_are_decided_by_the_caller_where_they_can_be() {
    let set = grants(&identity(&[
        &allow(
            r#""s3:GetObject""#,
            r#""arn:aws:s3:::home/${aws:username}/*""#,
        ),
        r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*",
            "Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}"#,
        r#"{"Effect":"Allow","Action":"sns:*","Resource":"*",
            "Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}"#,
    ]));
    let row = row_of(&set, "s3:GetObject");
    assert_eq!(*row.resources, ["arn:aws:s3:::home/alice/*".into()]);
    assert_eq!(row.decision, Decision::Allow);
    assert!(!has(&set, "sqs:SendMessage"));
    assert_eq!(row_of(&set, "sns:Publish").decision, Decision::Allow);
    let layers = identity(&[
        &allow(
            r#""s3:GetObject""#,
            r#""arn:aws:s3:::home/${aws:username}/*""#,
        ),
        &allow(
            r#""s3:PutObject""#,
            r#""arn:aws:s3:::${aws:PrincipalTag/team}/*""#,
        ),
    ]);
    let set = effective(&role(), &layers, &run().0, &run().1);
    assert!(!has(&set, "s3:GetObject"));
    let row = row_of(&set, "s3:PutObject");
    assert_eq!(*row.resources, ["arn:aws:s3:::*/*".into()]);
    assert_eq!(row.conditions[0].class, ConditionClass::Caller);
    assert_eq!(&*row.conditions[0].key, "aws:principaltag/team");
}

#[test]
fn administrative_is_everything_or_all_of_iam_but_a_few() {
    let admin = |statements: &[&str]| grants(&identity(statements)).administrative;
    assert_eq!(
        admin(&[&allow(r#""iam:*""#, r#""*""#)]).as_deref(),
        Some("everything on iam")
    );
    let not_action = r#"{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"*"}"#;
    assert_eq!(
        admin(&[not_action]).as_deref(),
        Some("everything but 1 actions")
    );
    let not_resource = r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::secret/*"}"#;
    let words = admin(&[not_resource]);
    assert_eq!(
        words.as_deref(),
        Some("everything, on all but some resources")
    );
    // PowerUserAccess.
    let power = r#"{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}"#;
    assert_eq!(admin(&[power]), None);
    assert_eq!(
        admin(&[&allow(r#""*""#, r#""*""#), &deny(r#""iam:*""#, r#""*""#)]),
        None
    );
    let mfa = r#"{"Effect":"Allow","Action":"*","Resource":"*",
        "Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#;
    assert_eq!(admin(&[mfa]), None);
}

#[test]
fn dates_are_kept_only_where_every_origin_has_one() {
    let mut layers = identity(&[
        &allow(r#""s3:GetObject","s3:PutObject""#, r#""*""#),
        &allow(r#""s3:PutObject","s3:ListBucket""#, r#""*""#),
        &allow(r#""s3:ListBucket""#, r#""*""#),
    ]);
    layers.identity[0].since = Some(Time::from_seconds(200));
    layers.identity[1].since = Some(Time::from_seconds(100));
    let set = grants(&layers);
    let put: crate::model::ActionSet = [id("s3:PutObject")].into_iter().collect();
    let get: crate::model::ActionSet = [id("s3:GetObject")].into_iter().collect();
    assert_eq!(
        set.since,
        [
            (Time::from_seconds(100), put),
            (Time::from_seconds(200), get)
        ]
    );
}

#[test]
fn equal_statements_are_one_row_with_both_origins() {
    let text = allow(r#""s3:GetObject""#, r#""*""#);
    let set = grants(&identity(&[&text, &text]));
    assert_eq!(set.rows.len(), 1);
    assert_eq!(set.rows[0].origin.len(), 2);
}

#[test]
fn a_resource_policy_grants_to_whom_it_names() {
    let statement = |principal: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{{"AWS":"{principal}"}}}}"#
        )
    };
    let with = |principal: &str| {
        let mut layers = identity(&[]);
        let name = "arn:aws:s3:::data";
        layers.resource = vec![bound(Layer::Resource, name, &statement(principal))];
        layers.boundary = Limit::Known(bound(Layer::Boundary, "b", &allow(r#""ec2:*""#, r#""*""#)));
        layers
    };
    let set = grants(&with(&user().arn));
    let row = row_of(&set, "s3:GetObject");
    assert_eq!(
        *row.resources,
        ["arn:aws:s3:::data".into(), "arn:aws:s3:::data/*".into()]
    );
    assert!(!row.is_own());
    assert!(grants(&with(ACCOUNT)).rows.is_empty());
    // A role is limited by its boundary where the policy names the role.
    let role = role();
    assert!(
        effective(&role, &with(&role.arn), &run().0, &run().1)
            .rows
            .is_empty()
    );
}

// Random policies.

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

const CONFINED: &[&str] = &[
    "arn:aws:sqs:eu-*-1:*:q",
    "arn:aws:s*:::data/*",
    "arn:aws:sqs:e?-west-1:*",
];

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
            let mut layers = self::identity(&[]);
            for (at, text) in identity.iter().enumerate() {
                layers
                    .identity
                    .push(bound(Layer::Identity, &format!("p{at}"), text));
            }
            if let Some(text) = boundary {
                layers.boundary = Limit::Known(bound(Layer::Boundary, "boundary", &text));
            }
            layers
                .session
                .extend(session.map(|text| bound(Layer::Session, "session", &text)));
            let level = |texts: &Vec<String>| -> Vec<Bound> {
                texts
                    .iter()
                    .map(|text| bound(Layer::Scp, "scp", text))
                    .collect()
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
    (
        "s3:ListBucket",
        &["arn:aws:s3:::data", "arn:aws:s3:::other"],
    ),
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
    let ask = Ask {
        caller,
        action,
        resource,
        resource_account: Some(ACCOUNT),
        context: &context,
    };
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
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

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
        for request in requests() {
            if !covered(&before, request) {
                prop_assert!(!covered(&grants(&denied), request), "{request:?}");
            }
            let (wide, narrow) = (grants(&without), grants(&bounded));
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

#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr, reason = "a measurement prints")]
fn speed() {
    let names: Vec<Str> = Catalogue::aws()
        .actions
        .iter()
        .map(|a| a.name.clone())
        .collect();
    let scp = bound(Layer::Scp, "full", &allow(r#""*""#, r#""*""#));
    let guard = bound(
        Layer::Scp,
        "guard",
        r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*",
            "Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}"#,
    );
    let mut parse = std::time::Duration::ZERO;
    let mut walk = parse;
    let count = 2_000;
    let _ = run();
    for number in 0..count {
        let start = std::time::Instant::now();
        let mut texts = Vec::new();
        for part in 0..3 {
            let list: Vec<&str> = (0..20)
                .map(|at| &*names[(number * 37 + part * 501 + at * 7) % names.len()])
                .collect();
            texts.push(format!(
                r#"{{"Effect":"Allow","Action":{list:?},"Resource":["arn:aws:s3:::b{number}","arn:aws:s3:::b{number}/*"]}}"#
            ).replace(r#"["arn:aws:s3:::b"#, if part == 0 { r#"["*","arn:aws:s3:::b"# } else { r#"["arn:aws:s3:::b"# }));
        }
        let mut layers = identity(&[&texts.join(",")]);
        parse += start.elapsed();
        layers.scps = OrgLimit::Levels(vec![vec![scp.clone()], vec![scp.clone(), guard.clone()]]);
        let start = std::time::Instant::now();
        let set = grants(&layers);
        walk += start.elapsed();
        assert!(!set.rows.is_empty());
    }
    eprintln!(
        "parse {:?} walk {:?} each",
        parse / count as u32,
        walk / count as u32
    );
    let Ok(text) = std::fs::read_to_string("/work/shared/data/aws/evaluation-cases.jsonl") else {
        return;
    };
    let start = std::time::Instant::now();
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().cycle().take(2_000) {
        std::hint::black_box(crate::platform::aws::policy::cases::answer_line(line));
    }
    eprintln!("case {:?} each", start.elapsed() / 2_000);
}
