use std::sync::{Arc, OnceLock};

use super::*;
use crate::catalogue::{Catalogue, Facts};
use crate::model::{ActionId, Decision, GrantRow, Str, Time};
use crate::platform::aws::policy::Policy;

pub(super) const ACCOUNT: &str = "111111111111";

pub(super) fn run() -> &'static (RunCatalogue, Compiled) {
    static RUN: OnceLock<(RunCatalogue, Compiled)> = OnceLock::new();
    RUN.get_or_init(|| {
        let facts = |_: &str, _: &str, _: Option<&crate::catalogue::Action>| Facts {
            class: "management".into(),
            ..Facts::default()
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

pub(super) fn role() -> Caller {
    let arn: Str = format!("arn:aws:iam::{ACCOUNT}:role/app").into();
    Caller { role_arn: Some(arn.clone()), arn, kind: CallerKind::Role, tags: Vec::new(), ..user() }
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

pub(super) fn identity(statements: &[&str]) -> Layers {
    let each = statements.iter().enumerate();
    Layers {
        identity: each.map(|(at, text)| bound(Layer::Identity, &format!("p{at}"), text)).collect(),
        ..Layers::default()
    }
}

pub(super) fn grants(layers: &Layers) -> GrantSet {
    effective(&user(), layers, &run().0, &run().1)
}

pub(super) fn id(action: &str) -> ActionId {
    run().0.id("aws", action).unwrap()
}

fn has(set: &GrantSet, action: &str) -> bool {
    set.actions.contains(id(action))
}

fn row_of<'a>(set: &'a GrantSet, action: &str) -> &'a GrantRow {
    let id = id(action);
    set.rows.iter().find(|row| row.actions.contains(id)).unwrap()
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
    let set = grants(&identity(&[&allow(r#""s3:*""#, r#""arn:aws:s3:::data/*""#)]));
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
    assert_eq!(&*row.conditions[0].text, "unless Bool aws:SecureTransport false");
    assert_eq!(row_of(&set, "sqs:ReceiveMessage").decision, Decision::Allow);
}

#[test]
fn a_deny_of_all_but_a_list_leaves_the_list() {
    let set = grants(&identity(&[
        &allow(r#""s3:*""#, r#""*""#),
        r#"{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}"#,
    ]));
    let row = row_of(&set, "s3:GetObject");
    assert_eq!(*row.resources, ["arn:aws:s3:::data".into(), "arn:aws:s3:::data/*".into()]);
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
    assert_eq!(*row_of(&set, "s3:GetObject").resources, ["arn:aws:s3:::data/*".into()]);
    assert!(!has(&set, "iam:CreateUser") && !has(&set, "s3:DeleteBucket"));
    assert_eq!(set.administrative, None);
    assert_eq!(set.rows.len(), 2);
}

#[test]
fn a_missing_boundary_conditions_every_row() {
    let mut layers = identity(&[&allow(r#""s3:*""#, r#""*""#)]);
    layers.boundary = Limit::Missing("gone".into());
    let set = grants(&layers);
    assert!(set.rows.iter().all(|row| row.decision == Decision::Conditional));
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
        &allow(r#""s3:GetObject""#, r#""arn:aws:s3:::home/${aws:username}/*""#),
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
        &allow(r#""s3:GetObject""#, r#""arn:aws:s3:::home/${aws:username}/*""#),
        &allow(r#""s3:PutObject""#, r#""arn:aws:s3:::${aws:PrincipalTag/team}/*""#),
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
    assert_eq!(admin(&[&allow(r#""iam:*""#, r#""*""#)]).as_deref(), Some("everything on iam"));
    let not_action = r#"{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"*"}"#;
    assert_eq!(admin(&[not_action]).as_deref(), Some("everything but 1 actions"));
    let not_resource = r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::secret/*"}"#;
    let words = admin(&[not_resource]);
    assert_eq!(words.as_deref(), Some("everything, on all but some resources"));
    // PowerUserAccess.
    let power = r#"{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}"#;
    assert_eq!(admin(&[power]), None);
    assert_eq!(admin(&[&allow(r#""*""#, r#""*""#), &deny(r#""iam:*""#, r#""*""#)]), None);
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
    assert_eq!(set.since, [(Time::from_seconds(100), put), (Time::from_seconds(200), get)]);
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
    assert_eq!(*row.resources, ["arn:aws:s3:::data".into(), "arn:aws:s3:::data/*".into()]);
    assert!(!row.is_own());
    assert!(grants(&with(ACCOUNT)).rows.is_empty());
    // A role is limited by its boundary where the policy names the role.
    let role = role();
    assert!(effective(&role, &with(&role.arn), &run().0, &run().1).rows.is_empty());
}
