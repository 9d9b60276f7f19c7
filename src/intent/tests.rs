//! The configuration's errors and the choice of identities. The checks are in `checks`.

use std::sync::Arc;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::model::{Identity, IdentityKind, Label, Outcome, ScopeSet, Str, Time, UsageRow};

mod checks;

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
    intent_of(&config(&format!("identities:\n  - match: x\n{intent}")), "x", "x")
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
    let times: Vec<Time> = times.iter().map(|time| Time::parse(time).unwrap()).collect();
    UsageRow {
        scope: one(scope),
        count: times.len() as u64,
        first: times.first().copied(),
        last: times.last().copied(),
        slots: times.iter().map(|time| time.slot()).collect(),
        ..UsageRow::new("aws".into(), "x".into(), action.into(), Outcome::Allowed)
    }
}

fn facets(judgement: &Judgement) -> Vec<Facet> {
    judgement.breaches.iter().map(|breach| breach.facet).collect()
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
    assert_eq!(config.window.as_ref().map(|w| w.value), Some(Window::Days(90)));
    assert_eq!(config.stale_after_days.as_ref().map(|d| d.value), Some(120));
    let entry = &config.identities[0];
    assert_eq!(entry.environment.as_ref().unwrap().spot, Spot { line: 7, column: 5 });
    assert_eq!(config.cite(entry.owner.as_ref().unwrap().spot), "authgap.yaml:5:5");
    let end = entry.expires.as_ref().unwrap().value;
    assert_eq!(end.to_string(), "2026-06-30T23:59:59Z");
    let intent = &entry.intent.as_ref().unwrap().value;
    assert_eq!(intent.max.as_ref().unwrap().spot, Spot { line: 17, column: 7 });
    let accounts = &intent.accounts.as_ref().unwrap().value;
    assert_eq!(accounts[0].as_str(), "111122223333");
    let rule = &intent.allow.as_ref().unwrap().value[1];
    assert_eq!(rule.spot, Spot { line: 13, column: 11 });
    assert_eq!(&*config.agents[0].servers[1], "crm");
    assert_eq!(&*config.clusters[0].name, "east");
    let waiver = &config.waivers[0];
    assert_eq!(waiver.expires.spot, Spot { line: 31, column: 14 });
    assert_eq!(config.gate.fail_on.value, "medium");
    assert!(!config.gate.new_only);
}

#[test]
fn nothing_is_a_configuration_without_limits() {
    for text in ["", "# a comment\n\n", "---\n", "{}\n", "\u{feff}window: all\n"] {
        let config = config(text);
        assert!(config.identities.is_empty() && config.gate.new_only, "{text:?}");
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
    assert!(found[0].message.contains("first in line 1"), "{}", found[0].message);
}

#[test]
fn hours_that_cannot_hold_are_errors() {
    let hours = |rest: &str| {
        errors(&format!(
            "identities:\n  - match: a\n    intent:\n      hours: {{timezone: UTC, {rest}}}\n"
        ))
    };
    assert_eq!(hours("days: mon, from: \"08:00\", to: \"08:00\"")[0].at, Some((4, 14)));
    assert_eq!(hours("days: [], from: \"08:00\", to: \"09:00\"").len(), 1);
    assert_eq!(hours("days: mon, from: \"08:00\", to: \"24:15\"").len(), 1);
    assert_eq!(hours("days: mon, from: \"08:00\"").len(), 1);
}

#[test]
fn reserved_keys_say_that_they_are() {
    let found = errors("scopes: []\n");
    assert!(found[0].message.contains("reserved"), "{}", found[0].message);
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
    for text in ["[".repeat(1 << 20), "{a: ".repeat(1 << 18), "- ".repeat(1 << 19)] {
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
    assert!(!found[0].message.contains(" at line "), "{}", found[0].message);
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
    assert_eq!(facet(&web.action_on("s3:GetObject", "b")), Some(Facet::Action));
    assert_eq!(facet(&web.action_on("iam:PassRole", "r")), Some(Facet::Action));
    assert_eq!(web.entries.len(), 2);
    assert!(applied.intents[2].is_none());
    assert_eq!(applied.warnings.len(), 1);
    assert_eq!(applied.warnings[0].at, Some((4, 6)));
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
    }
}
