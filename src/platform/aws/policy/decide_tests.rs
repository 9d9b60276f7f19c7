use std::sync::Arc;

use super::*;
use crate::model::Str;
use crate::platform::aws::policy::Policy;
use crate::platform::aws::policy::cases::caller;

const ALICE: &str = "arn:aws:iam::111111111111:user/alice";
const OBJECT: &str = "arn:aws:s3:::data/k1";

fn bound(layer: Layer, name: &str, statements: &str) -> Bound {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Bound {
        policy: Arc::new(Policy::parse(&text, &|_| None).unwrap()),
        name: name.into(),
        layer,
        level: None,
        via: None,
        since: None,
        shareable: false,
    }
}

const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const NETWORK: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*",
    "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#;
const NO_TLS: &str = r#"{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;

fn identity(statements: &str) -> Layers {
    Layers { identity: vec![bound(Layer::Identity, "p", statements)], ..Layers::default() }
}

fn answer_to(who: &str, action: &str, resource: &str, account: &str, layers: &Layers) -> Answer {
    let (caller, context) = (caller(who).unwrap(), Context::default());
    let ask = Ask {
        caller: &caller,
        action,
        resource,
        resource_account: Some(account),
        context: &context,
    };
    decide(&ask, layers)
}

fn answer(layers: &Layers) -> Answer {
    answer_to(ALICE, "s3:GetObject", OBJECT, "111111111111", layers)
}

#[test]
fn an_open_condition_of_the_allow_is_named() {
    let answer = answer(&identity(NETWORK));
    assert_eq!(answer.verdict, Verdict::Conditional);
    assert_eq!(answer.conditions, ["IpAddress aws:SourceIp 10.0.0.0/8"]);
    assert_eq!(answer.by.len(), 1);
    assert_eq!(answer.reason, "explicit-identity");
}

#[test]
fn a_possible_deny_is_named_with_unless() {
    let answer = answer(&identity(&format!("{ALL},{NO_TLS}")));
    assert_eq!(answer.verdict, Verdict::Conditional);
    assert_eq!(answer.conditions, ["unless Bool aws:SecureTransport false"]);
    let statements: Vec<u32> = answer.by.iter().map(|by| by.statement).collect();
    assert_eq!(statements, [0, 1]);
}

#[test]
fn a_possible_deny_of_what_nothing_allows_is_no_question() {
    let answer = answer(&identity(NO_TLS));
    assert_eq!((answer.verdict, &*answer.reason), (Verdict::Deny, "implicit-identity"));
}

#[test]
fn an_open_limit_is_named_and_a_settled_allow_beside_it_is_not() {
    let mut layers = identity(&format!("{ALL},{NETWORK}"));
    let text = NETWORK.replace("aws:SourceIp", "aws:VpcSourceIp");
    layers.boundary = Limit::Known(bound(Layer::Boundary, "b", &text));
    let answer = answer(&layers);
    assert_eq!(answer.verdict, Verdict::Conditional);
    assert_eq!(answer.conditions, ["IpAddress aws:VpcSourceIp 10.0.0.0/8"]);
}

#[test]
fn a_missing_attached_policy_leaves_an_allow_and_opens_a_deny() {
    let mut layers = identity(ALL);
    layers.missing = vec!["m".into()];
    let allowed = answer(&layers);
    assert_eq!(allowed.verdict, Verdict::Allow);
    assert_eq!(allowed.missing, ["attached policy m is not in the evidence"]);
    layers.identity.clear();
    let open = answer(&layers);
    assert_eq!((open.verdict, &*open.reason), (Verdict::Unknown, "implicit-identity"));
    layers.boundary = Limit::Known(bound(Layer::Boundary, "b", NO_TLS));
    let denied = answer(&layers);
    assert_eq!((denied.verdict, &*denied.reason), (Verdict::Deny, "implicit-boundary"));
    assert!(denied.missing.is_empty());
}

#[test]
fn a_missing_boundary_is_unknown_unless_something_else_decides() {
    let mut layers = identity(ALL);
    layers.boundary = Limit::Missing("b".into());
    let open = answer(&layers);
    assert_eq!((open.verdict, &*open.reason), (Verdict::Unknown, "implicit-boundary"));
    layers.identity = vec![bound(Layer::Identity, "p", &ALL.replace("Allow", "Deny"))];
    assert_eq!(answer(&layers).reason, "explicit-identity");
    layers.identity.clear();
    assert_eq!(answer(&layers).verdict, Verdict::Deny);
    // A resource policy that names the user is not limited by the boundary's silence.
    let text = format!(
        r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{{"AWS":"{ALICE}"}}}}"#
    );
    layers.resource = vec![bound(Layer::Resource, "r", &text)];
    assert_eq!(answer(&layers).verdict, Verdict::Allow);
}

#[test]
fn partial_organisation_policies_only_deny() {
    let mut layers = identity(ALL);
    let ec2 = ALL.replace(r#""Action":"*""#, r#""Action":"ec2:*""#);
    layers.scps = OrgLimit::Partial(vec![bound(Layer::Scp, "s", &ec2)]);
    let allowed = answer(&layers);
    assert_eq!(allowed.verdict, Verdict::Allow);
    assert_eq!(allowed.missing, ["not all service control policies are in the evidence"]);
    let deny = ALL.replace("Allow", "Deny");
    layers.scps = OrgLimit::Partial(vec![bound(Layer::Scp, "s", &deny)]);
    assert_eq!(answer(&layers).reason, "explicit-scp");
}

#[test]
fn a_resource_policy_that_must_take_part_and_is_missing_is_unknown() {
    let layers = identity(ALL);
    let cross = answer_to(ALICE, "s3:GetObject", OBJECT, "222222222222", &layers);
    assert_eq!((cross.verdict, &*cross.reason), (Verdict::Unknown, "implicit-resource"));
    assert_eq!(cross.missing, [format!("the policy of {OBJECT} is not in the evidence")]);
    let role = "arn:aws:iam::111111111111:role/target";
    let assume = answer_to(ALICE, "sts:AssumeRole", role, "111111111111", &layers);
    assert_eq!((assume.verdict, &*assume.reason), (Verdict::Unknown, "implicit-trust"));
}

#[test]
fn resource_control_policies_spare_services_without_support_and_service_linked_roles() {
    let mut layers = identity(ALL);
    let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}"#;
    layers.rcps = OrgLimit::Levels(vec![vec![bound(Layer::Rcp, "r", deny)]]);
    assert_eq!(answer(&layers).reason, "explicit-rcp");
    let topic = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let other = answer_to(ALICE, "lambda:InvokeFunction", topic, "111111111111", &layers);
    assert_eq!(other.verdict, Verdict::Allow);
    let linked =
        "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
    let answer = answer_to(linked, "s3:GetObject", OBJECT, "111111111111", &layers);
    assert_eq!(answer.verdict, Verdict::Allow);
}

#[test]
fn keys_that_follow_from_the_caller_are_known() {
    let text = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/*",
        "Condition":{"StringEquals":{"aws:username":"alice","aws:PrincipalAccount":"111111111111",
        "aws:ResourceAccount":"111111111111"},"Null":{"aws:PrincipalTag/team":"true"},
        "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}}"#;
    assert_eq!(answer(&identity(text)).verdict, Verdict::Allow);
    let session = "arn:aws:sts::111111111111:assumed-role/app/s1";
    let text = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
        {"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/app"},
         "Null":{"aws:username":"true"}}}"#;
    let layers = identity(text);
    let answer = answer_to(session, "s3:GetObject", OBJECT, "111111111111", &layers);
    assert_eq!(answer.verdict, Verdict::Allow);
}

#[test]
fn an_unknown_variable_in_a_resource_makes_it_conditional_only_where_it_can_match() {
    let session = "arn:aws:sts::111111111111:assumed-role/app/s1";
    let text = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/${aws:PrincipalTag/t}"}"#;
    let layers = identity(text);
    let ask = |resource: &str| {
        answer_to(session, "s3:GetObject", resource, "111111111111", &layers).verdict
    };
    assert_eq!(ask(OBJECT), Verdict::Conditional);
    assert_eq!(ask("arn:aws:s3:::other/k1"), Verdict::Deny);
    // A user's tags are all known, and this one has none.
    assert_eq!(answer(&layers).verdict, Verdict::Deny);
}

#[test]
fn a_deny_names_every_denying_statement() {
    let deny: Str = ALL.replace("Allow", "Deny").into();
    let mut layers = identity(&deny);
    layers.session = vec![bound(Layer::Session, "s", &deny)];
    let answer = answer(&layers);
    let names: Vec<&str> = answer.by.iter().map(|by| &*by.policy).collect();
    assert_eq!((names, &*answer.reason), (vec!["p", "s"], "explicit-identity"));
}
