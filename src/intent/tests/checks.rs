//! The four core scenarios, and what is inside, outside and undecided.

use roaring::RoaringBitmap;

use super::super::cover::{Cover, cover_scope};
use super::*;
use crate::model::Glob;

#[test]
fn scenario_1_an_agent_that_changes_records() {
    let agent = only("    intent: {allow: [\"ticket:read\"]}\n");
    let judged =
        agent.judge(&row("record:update", "crm-prod/contacts", &["2026-08-27T10:00:00Z"]), None);
    assert_eq!(facets(&judged), [Facet::Action]);
    assert_eq!(judged.breaches[0].spot, Spot { line: 3, column: 14 });
    assert_eq!(facets(&agent.judge(&row("ticket:read", "queue", &[]), None)), []);
    let beyond = agent.grant_beyond("record:update", &patterns(&["*"]), &[]);
    assert_eq!((beyond[0].extent, beyond[0].breach.facet), (Extent::Whole, Facet::Action));
    assert!(agent.grant_beyond("ticket:read", &patterns(&["*"]), &[]).is_empty());
}

const SERVICE: &str = "arn:aws:ecs:eu-west-1:111122223333:service";

#[test]
fn scenario_2_a_deployer_in_production_on_a_saturday_evening() {
    let config = config(WHOLE);
    let ci = intent_of(&config, "arn:aws:iam::1:role/deployer-a", "aws:role/deployer-a");
    let at = ["2026-03-07T19:30:00Z"];
    let judged =
        ci.judge(&row("ecs:UpdateService", &format!("{SERVICE}/production/web"), &at), None);
    assert_eq!(facets(&judged), [Facet::Resource, Facet::Environment, Facet::Hours]);
    assert_eq!(judged.breaches[1].spot, Spot { line: 7, column: 5 });
    assert_eq!(judged.breaches[2].slots.len(), 1);
    let judged = ci.judge(
        &row("ecs:UpdateService", &format!("{SERVICE}/staging/web"), &["2026-03-06T09:30:00Z"]),
        None,
    );
    assert_eq!(judged, Judgement::default());
    let beyond = ci.grant_beyond("ecs:UpdateService", &patterns(&["*"]), &[]);
    assert_eq!(beyond[0].breach.facet, Facet::Resource);
    assert_eq!(beyond[0].extent, Extent::Part);
    assert_eq!(beyond[0].within, patterns(&["arn:aws:ecs:*:*:service/staging/*"]));
    let staging = patterns(&["arn:aws:ecs:eu-west-1:111122223333:service/staging/web"]);
    assert_eq!(ci.grant_beyond("ecs:UpdateService", &staging, &[]), []);
}

#[test]
fn scenario_3_use_after_the_end() {
    let vendor = only("    third_party: true\n    expires: 2026-03-02\n");
    let judged = vendor.judge(&row("s3:PutObject", "b", &["2026-03-02T23:50:00Z"]), None);
    assert_eq!(facets(&judged), []);
    let times = ["2026-03-01T10:00:00Z", "2026-03-03T00:00:00Z", "2026-05-01T10:00:00Z"];
    let judged = vendor.judge(&row("s3:PutObject", "b", &times), None);
    assert_eq!(facets(&judged), [Facet::AfterEnd]);
    assert_eq!(judged.breaches[0].slots.len(), 2);
    assert_eq!(judged.breaches[0].spot, Spot { line: 4, column: 5 });
    // The end never makes a grant a drift.
    assert_eq!(vendor.grant_beyond("s3:PutObject", &patterns(&["*"]), &[]), []);
    // Use after the end, but before the window, is not judged.
    let from = Time::parse("2026-06-01");
    assert_eq!(facets(&vendor.judge(&row("s3:PutObject", "b", &times), from)), []);
}

#[test]
fn scenario_4_secrets_above_the_limit() {
    let text = "identities:
  - {match: x, intent: {data: {max: internal}}}
labels:
  - {match: \"arn:aws:secretsmanager:*:*:secret:*\", sensitivity: internal}
  - {match: \"arn:aws:secretsmanager:*:*:secret:pay-*\", sensitivity: restricted}
  - {match: \"arn:aws:secretsmanager:*:*:secret:pay-test-*\", sensitivity: public}
";
    let worker = intent_of(&config(text), "x", "x");
    let secret = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:1:secret:{name}");
    let get = "secretsmanager:GetSecretValue";
    let judged = worker.judge(&row(get, &secret("pay-live-1"), &[]), None);
    assert_eq!(facets(&judged), [Facet::Data]);
    assert_eq!(worker.data_on(&one(&secret("pay-test-1"))), Within::Inside);
    assert_eq!(worker.data_on(&one(&secret("web"))), Within::Inside);
    assert_eq!(worker.data_on(&ScopeSet::Overflow), Within::Undecided);
    assert_eq!(worker.sensitivity_of(&secret("web")).map(|s| &**s), Some("internal"));
    let reach = worker.sensitive_reach(get, &patterns(&["*"]), &[]);
    assert_eq!(reach.len(), 1);
    assert_eq!(&*reach[0].pattern, "arn:aws:secretsmanager:*:*:secret:pay-*");
    assert_eq!(reach[0].label, Spot { line: 5, column: 5 });
    // Other services, other secrets, and what a deny takes away are not reached.
    assert_eq!(worker.sensitive_reach("s3:GetObject", &patterns(&["*"]), &[]), []);
    assert_eq!(worker.sensitive_reach(get, &patterns(&[&secret("web")]), &[]), []);
    assert_eq!(worker.sensitive_reach(get, &patterns(&["*"]), &patterns(&["*:secret:pay-*"])), []);
    let beyond = worker.grant_beyond(get, &patterns(&["*"]), &[]);
    assert_eq!((beyond[0].breach.facet, beyond[0].extent), (Facet::Data, Extent::Part));
}

#[test]
fn a_scope_holds_what_lies_in_it() {
    let cover = |pattern: &str, scope: &str| cover_scope(&Glob::new(pattern), scope);
    let bucket = "arn:aws:s3:::b";
    assert_eq!(cover("arn:aws:s3:::b", bucket), Cover::Full);
    assert_eq!(cover("arn:aws:s3:::b/*", bucket), Cover::Full);
    assert_eq!(cover("arn:aws:s3:::?/*", bucket), Cover::Full);
    assert_eq!(cover("arn:aws:s3:::b/reports/*", bucket), Cover::Partly);
    assert_eq!(cover("arn:aws:s3:::*/reports/*", bucket), Cover::Partly);
    assert_eq!(cover("arn:aws:s3:::bb/*", bucket), Cover::None);
    assert_eq!(cover("*prod*", bucket), Cover::None);
    assert_eq!(cover("*:prod-*", bucket), Cover::None);
    let service = format!("{SERVICE}/production/api");
    assert_eq!(cover("arn:aws:ecs:*:*:service/*/web", &service), Cover::None);
    assert_eq!(cover("arn:aws:ecs:*:*:cluster/staging/*", &service), Cover::None);
    let secret = "arn:aws:secretsmanager:eu-west-1:1:secret:db";
    assert_eq!(cover("arn:aws:secretsmanager:*:*:secret:db-??????", secret), Cover::Full);
    assert_eq!(cover("arn:aws:secretsmanager:*:*:secret:db-Ab3dEf", secret), Cover::Full);
    assert_eq!(cover("arn:aws:secretsmanager:*:*:secret:db2-*", secret), Cover::None);
    let group = "arn:aws:logs:eu-west-1:1:log-group:/app";
    assert_eq!(cover("arn:aws:logs:*:*:log-group:/app:*", group), Cover::Full);
}

#[test]
fn unknown_scopes_are_undecided_only_where_a_resource_matters() {
    let intent = only(
        "    intent:\n      allow: [\"sqs:*\", {actions: [\"s3:*\"], resources: [\"arn:aws:s3:::b/*\"]}]\n",
    );
    for scope in [ScopeSet::Unknown, ScopeSet::Overflow] {
        assert_eq!(intent.action_resource("sqs:SendMessage", &scope), Within::Inside);
        assert_eq!(intent.action_resource("s3:GetObject", &scope), Within::Undecided);
        let outside = intent.action_resource("iam:PassRole", &scope);
        assert_eq!(facet(&outside), Some(Facet::Action));
    }
    assert_eq!(intent.action_on("s3:GetObject", "arn:aws:s3:::b"), Within::Inside);
    let other = intent.action_on("s3:GetObject", "arn:aws:s3:::c");
    assert_eq!(facet(&other), Some(Facet::Resource));
}

#[test]
fn a_resources_list_limits_only_the_services_that_it_names() {
    let intent = only(
        "    intent: {allow: [\"*\"], resources: [\"arn:aws:s3:::b\", \"arn:aws:s3:::b/*\"]}\n",
    );
    assert_eq!(intent.action_on("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q"), Within::Inside);
    let other = intent.action_on("s3:GetObject", "arn:aws:s3:::c");
    assert_eq!(facet(&other), Some(Facet::Resource));
    assert_eq!(intent.grant_beyond("sqs:SendMessage", &patterns(&["*"]), &[]), []);
    let beyond = intent.grant_beyond("s3:GetObject", &patterns(&["*"]), &[]);
    assert_eq!(beyond[0].within, patterns(&["arn:aws:s3:::b", "arn:aws:s3:::b/*"]));
}

#[test]
fn a_pattern_that_stands_for_actions_is_undecided_where_the_intent_names_some_of_it() {
    let intent = only("    intent: {allow: [\"crm:leads.*\"]}\n");
    assert_eq!(intent.action_on("crm:*", "t"), Within::Undecided);
    assert_eq!(intent.action_on("crm:leads.read*", "t"), Within::Inside);
    assert_eq!(facet(&intent.action_on("erp:*", "t")), Some(Facet::Action));
    assert_eq!(intent.grant_beyond("crm:*", &patterns(&["*"]), &[]), []);
}

#[test]
fn a_deny_with_resources_takes_a_part() {
    let intent =
        only("    intent: {deny: [{actions: [\"s3:*\"], resources: [\"arn:aws:s3:::prod-*\"]}]}\n");
    let denied = intent.action_on("s3:PutObject", "arn:aws:s3:::prod-a");
    assert_eq!(facet(&denied), Some(Facet::Resource));
    assert_eq!(intent.action_on("s3:PutObject", "arn:aws:s3:::test-a"), Within::Inside);
    let beyond = intent.grant_beyond("s3:PutObject", &patterns(&["*"]), &[]);
    assert_eq!(beyond[0].patterns, patterns(&["arn:aws:s3:::prod-*"]));
    let except = patterns(&["arn:aws:s3:::prod-*"]);
    assert_eq!(intent.grant_beyond("s3:PutObject", &patterns(&["*"]), &except), []);
}

#[test]
fn destinations_leave_out_services_without_a_region() {
    let intent = only("    intent: {destinations: {regions: [eu-west-1], accounts: [\"1\"]}}\n");
    let queue = one("arn:aws:sqs:eu-west-1:1:q");
    assert_eq!(intent.destination("sqs:SendMessage", &["eu-west-1"], &queue), Within::Inside);
    let wrong = intent.destination("sqs:SendMessage", &["us-east-1"], &queue);
    assert_eq!(facet(&wrong), Some(Facet::Destination));
    let role = one("arn:aws:iam::1:role/r");
    assert_eq!(intent.destination("iam:GetRole", &["us-east-1"], &role), Within::Inside);
    let foreign = intent.destination("iam:GetRole", &[], &one("arn:aws:iam::2:role/r"));
    assert_eq!(facet(&foreign), Some(Facet::Destination));
    let bucket = one("arn:aws:s3:::b");
    assert_eq!(intent.destination("s3:GetObject", &["eu-west-1"], &bucket), Within::Undecided);
    let grant = patterns(&["arn:aws:sqs:us-east-1:1:q", "arn:aws:sqs:*:1:r"]);
    let beyond = intent.grant_beyond("sqs:SendMessage", &grant, &[]);
    assert_eq!(beyond[0].patterns, patterns(&["arn:aws:sqs:us-east-1:1:q"]));
}

#[test]
fn an_environment_is_also_that_of_the_account() {
    let text = "identities:
  - {match: x, environment: staging}
environments:
  - {match: \"222\", environment: production}
  - {match: \"*sandbox*\", environment: staging}
";
    let intent = intent_of(&config(text), "x", "x");
    let wrong = intent.environment_on(&one("arn:aws:sqs:eu-west-1:222:q"));
    assert_eq!(facet(&wrong), Some(Facet::Environment));
    assert_eq!(intent.environment_on(&one("arn:aws:sqs:eu-west-1:222:sandbox")), Within::Inside);
    assert_eq!(intent.environment_on(&one("arn:aws:sqs:eu-west-1:3:q")), Within::Inside);
    assert_eq!(intent.environment_on(&ScopeSet::Unknown), Within::Undecided);
}

#[test]
fn undated_use_is_undecided_for_hours() {
    let hours = "{timezone: UTC, days: mon-fri, from: \"08:00\", to: \"18:00\"}";
    let intent = only(&format!("    intent: {{hours: {hours}}}\n"));
    let judged = intent.judge(&row("a:b", "c", &[]), None);
    assert_eq!(judged.undecided, [Facet::Hours]);
    assert!(intent.out_of_hours(&RoaringBitmap::new()).is_none());
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // What is called beyond has a resource that the grant allows and the intent does not mean.
        #[test]
        fn a_named_part_is_really_beyond(
            grant in "[ab*?]{1,4}", meant in proptest::collection::vec("[ab*?]{1,4}", 1..3),
        ) {
            let list = meant.iter().map(|m| format!("\"{m}\"")).collect::<Vec<_>>().join(", ");
            let intent = only(&format!(
                "    intent: {{allow: [{{actions: [\"s:*\"], resources: [{list}]}}]}}\n"
            ));
            let beyond = intent.grant_beyond("s:x", &patterns(&[&grant]), &[]);
            let mut words = vec![String::new()];
            let mut last = words.clone();
            for _ in 0..5 {
                last = last.iter().flat_map(|w| ["a", "b", "z"].map(|c| format!("{w}{c}"))).collect();
                words.extend(last.clone());
            }
            let mine = Glob::new(&grant);
            let globs: Vec<Glob> = meant.iter().map(|m| Glob::new(m)).collect();
            let outside = words.iter().any(|w| mine.matches(w) && !globs.iter().any(|g| g.matches(w)));
            if !beyond.is_empty() {
                prop_assert!(outside, "{:?}", beyond);
            }
            // One pattern alone is decided exactly.
            if meant.len() == 1 {
                prop_assert_eq!(outside, !beyond.is_empty());
            }
        }
    }
}
