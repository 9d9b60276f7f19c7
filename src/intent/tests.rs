//! The configuration's errors, the choice of identities, and the checks of the four core scenarios.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::cover::{Cover, cover_scope};
use super::*;
use crate::diagnostic::Diagnostic;
use crate::model::{Glob, Identity, IdentityKind, Label, Outcome, ScopeSet, Str, Time, UsageRow};

fn config(text: &str) -> Config {
    match parse(text, "authgap.yaml") {
        Ok(config) => config,
        Err(errors) => panic!("{}", shown(&errors)),
    }
}

fn shown(errors: &[Diagnostic]) -> String {
    errors.iter().map(Diagnostic::render).collect()
}

fn errors(text: &str) -> Vec<Diagnostic> {
    parse(text, "authgap.yaml").expect_err("the configuration is wrong")
}

fn identity(id: &str, name: &str) -> Identity {
    let mut identity = Identity::new(id, "aws", IdentityKind::Role);
    identity.name = name.into();
    identity
}

fn intent_of(config: &Config, id: &str, name: &str) -> Arc<Intent> {
    let applied = apply(config, &mut [identity(id, name)]);
    applied.intents[0].clone().expect("an entry matches")
}

fn only(intent: &str) -> Arc<Intent> {
    intent_of(
        &config(&format!("identities:\n  - match: x\n{intent}")),
        "x",
        "x",
    )
}

fn one(scope: &str) -> ScopeSet {
    ScopeSet::One(scope.into())
}

fn patterns(list: &[&str]) -> Vec<Str> {
    list.iter().map(|text| (*text).into()).collect()
}

fn facet(within: &Within) -> Option<Facet> {
    match within {
        Within::Outside(breach) => Some(breach.facet),
        _ => None,
    }
}

fn row(action: &str, scope: &str, times: &[&str]) -> UsageRow {
    let times: Vec<Time> = times
        .iter()
        .map(|time| Time::parse(time).unwrap())
        .collect();
    UsageRow {
        platform: "aws".into(),
        identity: "x".into(),
        action: action.into(),
        scope: one(scope),
        outcome: Outcome::Allowed,
        on_behalf_of: None,
        via: None,
        inferred: false,
        unmapped: false,
        count: times.len() as u64,
        first: times.first().copied(),
        last: times.last().copied(),
        first_place: None,
        last_place: None,
        slots: times.iter().map(|time| time.slot()).collect(),
        regions: Default::default(),
        networks: Default::default(),
        agents: Default::default(),
        sessions: Default::default(),
    }
}

fn facets(judgement: &Judgement) -> Vec<Facet> {
    judgement
        .breaches
        .iter()
        .map(|breach| breach.facet)
        .collect()
}

const WHOLE: &str = r#"window: 90d
stale_after: 120d
identities:
  - match: "aws:role/deployer-*"
    owner: platform-team
    purpose: deploys services
    environment: staging
    third_party: false
    expires: 2026-06-30
    intent:
      allow:
        - "ecr:Get*"
        - {actions: ["ecs:UpdateService"], resources: ["arn:aws:ecs:*:*:service/staging/*"]}
      deny:  ["iam:*"]
      hours: {timezone: Europe/London, days: mon-fri, from: "08:00", to: "18:00"}
      destinations: {regions: [eu-west-1], accounts: [111122223333]}
      data: {max: internal, require_condition_above: internal}
labels:
  - {match: "arn:aws:s3:::finance-*", sensitivity: restricted}
environments:
  - {match: "*prod*", environment: production}
agents:
  - {name: support-bot, paths: ["traces/support/**"], servers: [tickets, crm]}
clusters:
  - {name: east, paths: ["k8s/east/**"]}
waivers:
  - finding: unused-permission
    identity: "aws:role/break-glass"
    reason: emergency access, reviewed quarterly
    owner: platform-team
    expires: 2027-01-31
gate: {fail_on: medium, new_only: false}
"#;

#[test]
fn the_whole_example_reads_with_places() {
    let config = config(WHOLE);
    assert_eq!(
        config.window.as_ref().map(|w| w.value),
        Some(Window::Days(90))
    );
    assert_eq!(config.stale_after_days.as_ref().map(|d| d.value), Some(120));
    let entry = &config.identities[0];
    assert_eq!(
        entry.environment.as_ref().unwrap().spot,
        Spot { line: 7, column: 5 }
    );
    assert_eq!(
        config.cite(entry.owner.as_ref().unwrap().spot),
        "authgap.yaml:5:5"
    );
    let end = entry.expires.as_ref().unwrap().value;
    assert_eq!(end.to_string(), "2026-06-30T23:59:59Z");
    let intent = &entry.intent.as_ref().unwrap().value;
    assert_eq!(
        intent.max.as_ref().unwrap().spot,
        Spot {
            line: 17,
            column: 7
        }
    );
    let accounts = &intent.accounts.as_ref().unwrap().value;
    assert_eq!(accounts[0].as_str(), "111122223333");
    let rule = &intent.allow.as_ref().unwrap().value[1];
    assert_eq!(
        rule.spot,
        Spot {
            line: 13,
            column: 11
        }
    );
    assert_eq!(&*config.agents[0].servers[1], "crm");
    assert_eq!(&*config.clusters[0].name, "east");
    let waiver = &config.waivers[0];
    assert_eq!(
        waiver.expires.spot,
        Spot {
            line: 31,
            column: 14
        }
    );
    assert_eq!(config.gate.fail_on.value, "medium");
    assert!(!config.gate.new_only);
}

#[test]
fn nothing_is_a_configuration_without_limits() {
    for text in [
        "",
        "# a comment\n\n",
        "---\n",
        "{}\n",
        "\u{feff}window: all\n",
    ] {
        let config = config(text);
        assert!(
            config.identities.is_empty() && config.gate.new_only,
            "{text:?}"
        );
    }
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest_one() {
    let text = "\
identities:
  - match: \"aws:role/ci-deploy\"
    intent:
      hours: {timezome: Europe/London, days: mon-fri, from: \"08:00\", to: \"18:00\"}
";
    let found = errors(text);
    assert_eq!(
        shown(&found),
        "\
error[config]: unknown key `timezome`
 --> authgap.yaml:4:15
  |
4 |       hours: {timezome: Europe/London, days: mon-fri, from: \"08:00\", to: \"18:00\"}
  |               ^^^^^^^^ did you mean `timezone`?
  = help: keys of `hours`: days, from, timezone, to
"
    );
}

#[test]
fn every_mistake_is_told_at_once_in_file_order() {
    let text = r#"windo: 90d
stale_after: soon
identities:
  - match: ""
  - owner: x
  - match: a
    third_party: yes
    expires: 2026-02-30
    intent:
      allow: "s3:*"
      hours: {timezone: Europe/Londn, days: mon-fry, from: "8", to: "18:00"}
      data: {max: secret}
labels:
  - {match: x, sensitivity: restrictd}
waivers:
  - {finding: unused-permission, reason: r, owner: o}
gate: {fail_on: hight, new_only: 1}
owner: ~
"#;
    let found = errors(text);
    let lines: Vec<u32> = found.iter().filter_map(|e| e.at).map(|at| at.0).collect();
    assert_eq!(
        lines,
        [1, 2, 4, 5, 7, 8, 10, 11, 11, 11, 12, 14, 16, 17, 17, 18],
        "{}",
        shown(&found)
    );
    assert!(found.iter().all(|error| error.source.is_some()));
    let text = shown(&found);
    for part in [
        "did you mean `window`?",
        "did you mean `Europe/London`?",
        "did you mean `restricted`?",
        "did you mean `high`?",
        "`mon-fry` names no day",
        "`identities` needs `match`",
        "`waivers` needs `expires`",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_key_that_stands_twice_names_its_first_line() {
    let found = errors("window: 90d\ngate: {}\nwindow: 30d\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].at, Some((3, 1)));
    assert!(
        found[0].message.contains("first in line 1"),
        "{}",
        found[0].message
    );
}

#[test]
fn hours_that_cannot_hold_are_errors() {
    let hours = |rest: &str| {
        errors(&format!(
            "identities:\n  - match: a\n    intent:\n      hours: {{timezone: UTC, {rest}}}\n"
        ))
    };
    assert_eq!(
        hours("days: mon, from: \"08:00\", to: \"08:00\"")[0].at,
        Some((4, 14))
    );
    assert_eq!(hours("days: [], from: \"08:00\", to: \"09:00\"").len(), 1);
    assert_eq!(hours("days: mon, from: \"08:00\", to: \"24:15\"").len(), 1);
    assert_eq!(hours("days: mon, from: \"08:00\"").len(), 1);
}

#[test]
fn reserved_keys_say_that_they_are() {
    let found = errors("tools: []\n");
    assert!(
        found[0].message.contains("reserved"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        let row = vec![before; 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    let found = errors(&text);
    assert_eq!(found.len(), 1, "{}", shown(&found));
    assert!(found[0].message.starts_with("not readable as YAML"));
}

#[test]
fn a_megabyte_of_nesting_is_refused() {
    for text in [
        "[".repeat(1 << 20),
        "{a: ".repeat(1 << 18),
        "- ".repeat(1 << 19),
    ] {
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{}", shown(&found));
    }
    let mut deep = String::new();
    for level in 0..1_400 {
        deep.push_str(&format!("{}a:\n", " ".repeat(level)));
    }
    assert_eq!(errors(&deep).len(), 1);
}

#[test]
fn broken_yaml_has_a_place() {
    let found = errors("window: 90d\nidentities: [a\n");
    assert!(found[0].at.is_some(), "{}", shown(&found));
    assert!(
        !found[0].message.contains(" at line "),
        "{}",
        found[0].message
    );
}

#[test]
fn errors_are_counted_beyond_the_listed_ones() {
    let text: String = (0..80).map(|at| format!("key{at}: 1\n")).collect();
    let found = errors(&text);
    assert_eq!(found.len(), 51);
    assert!(found[50].message.contains("30 more"));
}

#[test]
fn later_entries_override_field_by_field() {
    let config = config(
        "identities:
  - {match: \"aws:role/*\", owner: a, purpose: p, third_party: true, intent: {allow: [\"s3:*\"], deny: [\"iam:*\"]}}
  - {match: \"arn:aws:iam::1:role/x/web\", owner: b, intent: {allow: [\"sqs:*\"]}}
  - {match: nobody}
",
    );
    let mut identities = [
        identity("arn:aws:iam::1:role/x/web", "aws:role/web"),
        identity("arn:aws:iam::1:role/db", "aws:role/db"),
        identity("arn:aws:iam::1:user/u", "aws:user/u"),
    ];
    let applied = apply(&config, &mut identities);
    assert_eq!(identities[0].owner.as_deref(), Some("b"));
    assert_eq!(identities[0].purpose.as_deref(), Some("p"));
    assert!(identities[0].is(Label::ThirdParty));
    assert_eq!(identities[1].owner.as_deref(), Some("a"));
    let web = applied.intents[0].as_ref().unwrap();
    assert_eq!(web.action_on("sqs:SendMessage", "q"), Within::Inside);
    assert_eq!(
        facet(&web.action_on("s3:GetObject", "b")),
        Some(Facet::Action)
    );
    assert_eq!(
        facet(&web.action_on("iam:PassRole", "r")),
        Some(Facet::Action)
    );
    assert_eq!(web.entries.len(), 2);
    assert!(applied.intents[2].is_none());
    assert_eq!(applied.warnings.len(), 1);
    assert_eq!(applied.warnings[0].at, Some((4, 6)));
}

#[test]
fn scenario_1_an_agent_that_changes_records() {
    let agent = only("    intent: {allow: [\"ticket:read\"]}\n");
    let judged = agent.judge(
        &row(
            "record:update",
            "crm-prod/contacts",
            &["2026-08-27T10:00:00Z"],
        ),
        None,
    );
    assert_eq!(facets(&judged), [Facet::Action]);
    assert_eq!(
        judged.breaches[0].spot,
        Spot {
            line: 3,
            column: 14
        }
    );
    assert_eq!(
        facets(&agent.judge(&row("ticket:read", "queue", &[]), None)),
        []
    );
    let beyond = agent.grant_beyond("record:update", &patterns(&["*"]), &[]);
    assert_eq!(
        (beyond[0].extent, beyond[0].breach.facet),
        (Extent::Whole, Facet::Action)
    );
    assert!(
        agent
            .grant_beyond("ticket:read", &patterns(&["*"]), &[])
            .is_empty()
    );
}

const SERVICE: &str = "arn:aws:ecs:eu-west-1:111122223333:service";

#[test]
fn scenario_2_a_deployer_in_production_on_a_saturday_evening() {
    let config = config(WHOLE);
    let ci = intent_of(
        &config,
        "arn:aws:iam::1:role/deployer-a",
        "aws:role/deployer-a",
    );
    let at = ["2026-03-07T19:30:00Z"];
    let judged = ci.judge(
        &row(
            "ecs:UpdateService",
            &format!("{SERVICE}/production/web"),
            &at,
        ),
        None,
    );
    assert_eq!(
        facets(&judged),
        [Facet::Resource, Facet::Environment, Facet::Hours]
    );
    assert_eq!(judged.breaches[1].spot, Spot { line: 7, column: 5 });
    assert_eq!(judged.breaches[2].slots.len(), 1);
    let judged = ci.judge(
        &row(
            "ecs:UpdateService",
            &format!("{SERVICE}/staging/web"),
            &["2026-03-06T09:30:00Z"],
        ),
        None,
    );
    assert_eq!(judged, Judgement::default());
    let beyond = ci.grant_beyond("ecs:UpdateService", &patterns(&["*"]), &[]);
    assert_eq!(beyond[0].breach.facet, Facet::Resource);
    assert_eq!(beyond[0].extent, Extent::Part);
    assert_eq!(
        beyond[0].within,
        patterns(&["arn:aws:ecs:*:*:service/staging/*"])
    );
    let staging = patterns(&["arn:aws:ecs:eu-west-1:111122223333:service/staging/web"]);
    assert_eq!(ci.grant_beyond("ecs:UpdateService", &staging, &[]), []);
}

#[test]
fn scenario_3_use_after_the_end() {
    let vendor = only("    third_party: true\n    expires: 2026-03-02\n");
    let judged = vendor.judge(&row("s3:PutObject", "b", &["2026-03-02T23:50:00Z"]), None);
    assert_eq!(facets(&judged), []);
    let times = [
        "2026-03-01T10:00:00Z",
        "2026-03-03T00:00:00Z",
        "2026-05-01T10:00:00Z",
    ];
    let judged = vendor.judge(&row("s3:PutObject", "b", &times), None);
    assert_eq!(facets(&judged), [Facet::AfterEnd]);
    assert_eq!(judged.breaches[0].slots.len(), 2);
    assert_eq!(judged.breaches[0].spot, Spot { line: 4, column: 5 });
    // The end never makes a grant a drift.
    assert_eq!(
        vendor.grant_beyond("s3:PutObject", &patterns(&["*"]), &[]),
        []
    );
    // Use after the end, but before the window, is not judged.
    let from = Time::parse("2026-06-01");
    assert_eq!(
        facets(&vendor.judge(&row("s3:PutObject", "b", &times), from)),
        []
    );
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
    assert_eq!(
        worker.sensitivity_of(&secret("web")).map(|s| &**s),
        Some("internal")
    );
    let reach = worker.sensitive_reach(get, &patterns(&["*"]), &[]);
    assert_eq!(reach.len(), 1);
    assert_eq!(
        &*reach[0].pattern,
        "arn:aws:secretsmanager:*:*:secret:pay-*"
    );
    assert_eq!(reach[0].label, Spot { line: 5, column: 5 });
    // Other services, other secrets, and what a deny takes away are not reached.
    assert_eq!(
        worker.sensitive_reach("s3:GetObject", &patterns(&["*"]), &[]),
        []
    );
    assert_eq!(
        worker.sensitive_reach(get, &patterns(&[&secret("web")]), &[]),
        []
    );
    assert_eq!(
        worker.sensitive_reach(get, &patterns(&["*"]), &patterns(&["*:secret:pay-*"])),
        []
    );
    let beyond = worker.grant_beyond(get, &patterns(&["*"]), &[]);
    assert_eq!(
        (beyond[0].breach.facet, beyond[0].extent),
        (Facet::Data, Extent::Part)
    );
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
    assert_eq!(
        cover("arn:aws:ecs:*:*:service/*/web", &service),
        Cover::None
    );
    assert_eq!(
        cover("arn:aws:ecs:*:*:cluster/staging/*", &service),
        Cover::None
    );
    let secret = "arn:aws:secretsmanager:eu-west-1:1:secret:db";
    assert_eq!(
        cover("arn:aws:secretsmanager:*:*:secret:db-??????", secret),
        Cover::Full
    );
    assert_eq!(
        cover("arn:aws:secretsmanager:*:*:secret:db-Ab3dEf", secret),
        Cover::Full
    );
    assert_eq!(
        cover("arn:aws:secretsmanager:*:*:secret:db2-*", secret),
        Cover::None
    );
    let group = "arn:aws:logs:eu-west-1:1:log-group:/app";
    assert_eq!(
        cover("arn:aws:logs:*:*:log-group:/app:*", group),
        Cover::Full
    );
}

#[test]
fn unknown_scopes_are_undecided_only_where_a_resource_matters() {
    let intent = only(
        "    intent:\n      allow: [\"sqs:*\", {actions: [\"s3:*\"], resources: [\"arn:aws:s3:::b/*\"]}]\n",
    );
    for scope in [ScopeSet::Unknown, ScopeSet::Overflow] {
        assert_eq!(
            intent.action_resource("sqs:SendMessage", &scope),
            Within::Inside
        );
        assert_eq!(
            intent.action_resource("s3:GetObject", &scope),
            Within::Undecided
        );
        let outside = intent.action_resource("iam:PassRole", &scope);
        assert_eq!(facet(&outside), Some(Facet::Action));
    }
    assert_eq!(
        intent.action_on("s3:GetObject", "arn:aws:s3:::b"),
        Within::Inside
    );
    let other = intent.action_on("s3:GetObject", "arn:aws:s3:::c");
    assert_eq!(facet(&other), Some(Facet::Resource));
}

#[test]
fn a_resources_list_limits_only_the_services_that_it_names() {
    let intent = only(
        "    intent: {allow: [\"*\"], resources: [\"arn:aws:s3:::b\", \"arn:aws:s3:::b/*\"]}\n",
    );
    assert_eq!(
        intent.action_on("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q"),
        Within::Inside
    );
    let other = intent.action_on("s3:GetObject", "arn:aws:s3:::c");
    assert_eq!(facet(&other), Some(Facet::Resource));
    assert_eq!(
        intent.grant_beyond("sqs:SendMessage", &patterns(&["*"]), &[]),
        []
    );
    let beyond = intent.grant_beyond("s3:GetObject", &patterns(&["*"]), &[]);
    assert_eq!(
        beyond[0].within,
        patterns(&["arn:aws:s3:::b", "arn:aws:s3:::b/*"])
    );
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
    assert_eq!(
        intent.action_on("s3:PutObject", "arn:aws:s3:::test-a"),
        Within::Inside
    );
    let beyond = intent.grant_beyond("s3:PutObject", &patterns(&["*"]), &[]);
    assert_eq!(beyond[0].patterns, patterns(&["arn:aws:s3:::prod-*"]));
    let except = patterns(&["arn:aws:s3:::prod-*"]);
    assert_eq!(
        intent.grant_beyond("s3:PutObject", &patterns(&["*"]), &except),
        []
    );
}

#[test]
fn destinations_leave_out_services_without_a_region() {
    let intent = only("    intent: {destinations: {regions: [eu-west-1], accounts: [\"1\"]}}\n");
    let queue = one("arn:aws:sqs:eu-west-1:1:q");
    assert_eq!(
        intent.destination("sqs:SendMessage", &["eu-west-1"], &queue),
        Within::Inside
    );
    let wrong = intent.destination("sqs:SendMessage", &["us-east-1"], &queue);
    assert_eq!(facet(&wrong), Some(Facet::Destination));
    let role = one("arn:aws:iam::1:role/r");
    assert_eq!(
        intent.destination("iam:GetRole", &["us-east-1"], &role),
        Within::Inside
    );
    let foreign = intent.destination("iam:GetRole", &[], &one("arn:aws:iam::2:role/r"));
    assert_eq!(facet(&foreign), Some(Facet::Destination));
    let bucket = one("arn:aws:s3:::b");
    assert_eq!(
        intent.destination("s3:GetObject", &["eu-west-1"], &bucket),
        Within::Undecided
    );
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
    assert_eq!(
        intent.environment_on(&one("arn:aws:sqs:eu-west-1:222:sandbox")),
        Within::Inside
    );
    assert_eq!(
        intent.environment_on(&one("arn:aws:sqs:eu-west-1:3:q")),
        Within::Inside
    );
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
        #[test]
        fn any_text_is_read_without_panic(text in "[-a-z:{}\\[\\]&*!|>'\"#, \n\t0-9é]{0,200}") {
            let _ = parse(&text, "authgap.yaml");
        }

        #[test]
        fn any_value_of_a_known_key_is_read_without_panic(
            key in "(window|identities|labels|waivers|gate|environments|agents)",
            value in "[-a-z:{}\\[\\]\", \n0-9]{0,80}",
        ) {
            let _ = parse(&format!("{key}: {value}\n"), "authgap.yaml");
        }

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
