//! Rows of a part of an action's resources, and what the intent leaves open, from tables to the report.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::audit::{self, Evidence, Options};
use crate::evidence::NoProgress;
use crate::gap::{Advice, Fresh, FreshGrant, Reason, Status};
use crate::model::{Claim, ClaimScope, Glob, Intervals, Rw, Says, Select, Source, Str, Time};
use crate::report::build::build;
use crate::report::model::{Advised, PermissionOut, Report};

const TWO: [(&str, &str); 2] = [("doc:read", "a/*"), ("doc:read", "b/*")];
const ON_A: (&str, &str, &str, &str) = ("doc:read", "a/x", "2026-08-27", "allowed");

/// Tables of one identity, observed for all of the window.
#[derive(Clone, Default)]
struct Tables<'a> {
    grants: &'a [(&'a str, &'a str)],
    denies: &'a [(&'a str, &'a str)],
    usage: Vec<(&'a str, &'a str, &'a str, &'a str)>,
    coverage: Option<&'a str>,
    intent: &'a str,
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).expect("a file");
}

impl Tables<'_> {
    fn report(&self) -> Report {
        self.report_with(|_| {})
    }

    fn report_with(&self, change: impl FnOnce(&mut Evidence)) -> Report {
        let dir = tempfile::tempdir().expect("a folder");
        let mut grants = "identity,action,resource,effect,origin\n".to_string();
        for (effect, list) in [("allow", self.grants), ("deny", self.denies)] {
            for (number, (action, resource)) in list.iter().enumerate() {
                let _ = writeln!(grants, "svc:one,{action},{resource},{effect},p{number}");
            }
        }
        let mut usage = "identity,action,resource,time,outcome\n".to_string();
        for (action, resource, day, outcome) in &self.usage {
            let _ = writeln!(usage, "svc:one,{action},{resource},{day}T10:15:00Z,{outcome}");
        }
        write(
            dir.path(),
            "identities.csv",
            "id,kind,account,owner\nsvc:one,service-account,acme,team\n",
        );
        write(dir.path(), "grants.csv", &grants);
        write(dir.path(), "usage.csv", &usage);
        let covered = self.coverage.unwrap_or("acme,*,2026-01-01,2026-09-01");
        write(dir.path(), "coverage.csv", &format!("account,actions,from,to\n{covered}\n"));
        if !self.intent.is_empty() {
            write(dir.path(), "authgap.yaml", self.intent);
        }
        report(dir.path(), change)
    }
}

fn report(dir: &Path, change: impl FnOnce(&mut Evidence)) -> Report {
    let options = Options {
        paths: vec![dir.to_path_buf()],
        as_of: Time::parse("2026-09-01"),
        expand: true,
        ..Options::default()
    };
    let mut evidence = audit::read(&options, &NoProgress).unwrap_or_else(|why| panic!("{why:?}"));
    change(&mut evidence);
    let outcome = audit::analyse(&evidence, &options);
    build(&evidence, &outcome, &options)
}

fn rows(report: &Report, status: Status) -> Vec<&PermissionOut> {
    let all = report.identities.iter().flat_map(|one| &one.permissions);
    all.filter(|row| row.status == status).collect()
}

fn texts(list: &[Str]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}

fn advised(report: &Report, advice: Advice) -> Vec<&Advised> {
    let all = report.recommendations.iter();
    all.flat_map(|one| match advice {
        Advice::Keep => &one.keep,
        Advice::Remove => &one.remove,
        Advice::Review => &one.review,
    })
    .collect()
}

#[test]
fn what_is_used_on_one_resource_is_excess_on_another() {
    let report = Tables { grants: &TWO, usage: vec![ON_A], ..Tables::default() }.report();
    let [excess] = rows(&report, Status::Excess)[..] else { panic!("{:?}", report.identities) };
    assert_eq!((&*excess.action, texts(&excess.resources)), ("doc:read", vec!["b/*"]));
    assert_eq!(excess.observed_days, 90);
    assert_eq!(texts(&excess.basis), ["coverage table"]);
    assert_eq!(excess.note.as_deref(), Some("used on other resources"));
    let [used] = rows(&report, Status::Used)[..] else { panic!("one row of use") };
    assert_eq!(texts(&used.resources), ["a/x"]);
    let [gone] = advised(&report, Advice::Remove)[..] else { panic!("one advice") };
    assert_eq!(texts(&gone.resources), ["b/*"]);
    let found: Vec<(&str, &str)> =
        report.findings.iter().map(|one| (&*one.kind, &*one.title)).collect();
    assert!(found.contains(&("unused-permission", "doc:read on b/*")), "{found:?}");
}

#[test]
fn a_denied_attempt_is_no_use_of_the_other_part() {
    let denied = ("doc:read", "b/x", "2026-08-27", "denied");
    let report = Tables { grants: &TWO, usage: vec![ON_A, denied], ..Tables::default() }.report();
    assert_eq!(rows(&report, Status::Excess).len(), 1);
}

/// Nothing is concluded of `b`.
fn is_silent(why: &str, report: &Report) {
    assert_eq!(rows(report, Status::Used).len(), 1, "{why}: the use is there");
    assert_eq!(rows(report, Status::Excess), Vec::<&PermissionOut>::new(), "{why}");
    assert!(advised(report, Advice::Remove).is_empty(), "{why}");
}

#[test]
fn no_part_is_unused_that_a_use_may_have_touched() {
    let also = |resource, outcome| vec![ON_A, ("doc:read", resource, "2026-08-26", outcome)];
    let base = Tables { grants: &TWO, ..Tables::default() };
    let cases = [
        ("a use whose resource is unknown", also("", "allowed")),
        ("an undetermined use whose resource is unknown", also("", "timeout")),
        ("an undetermined use of the other part", also("b/x", "timeout")),
        ("a use of the other part", also("b/x", "allowed")),
        ("a use of all of the other part", also("b", "allowed")),
        ("a use of many by a pattern", also("*/x", "allowed")),
    ];
    for (why, usage) in cases {
        is_silent(why, &Tables { usage, ..base.clone() }.report());
    }
}

#[test]
fn a_use_in_other_words_than_the_grants_leaves_every_part_open() {
    // Nothing is unexplained while a policy is missing; the name tells of none of the patterns.
    let tables = Tables {
        grants: &TWO,
        usage: vec![ON_A, ("doc:read", "alias:b", "2026-08-26", "allowed")],
        ..Tables::default()
    };
    let report = tables.report_with(|evidence| {
        evidence.identities[0].holes.push(crate::model::Hole {
            kind: crate::model::HoleKind::Grants,
            policy: "p9".into(),
            note: "not in the evidence".into(),
            place: None,
        });
    });
    is_silent("other words", &report);
}

#[test]
fn more_scopes_than_are_kept_leave_every_part_open() {
    let names: Vec<String> = (0..1_200).map(|number| format!("a/{number}")).collect();
    let usage = names.iter().map(|name| ("doc:read", &**name, "2026-08-27", "allowed")).collect();
    let report = Tables { grants: &TWO, usage, ..Tables::default() }.report();
    let [used] = rows(&report, Status::Used)[..] else { panic!("one row of use") };
    assert_eq!(used.uses, 1_200);
    is_silent("overflow", &report);
}

#[test]
fn within_a_wider_grant_that_is_used_there_is_no_unused_part() {
    for wide in ["*", "?/*", "*/x"] {
        let grants = [("doc:read", wide), ("doc:read", "b/x")];
        let report = Tables { grants: &grants, usage: vec![ON_A], ..Tables::default() }.report();
        is_silent(wide, &report);
    }
}

#[test]
fn a_part_that_a_deny_takes_away_is_not_told_again() {
    let denies = [("doc:read", "b/*")];
    let tables = Tables { grants: &TWO, denies: &denies, usage: vec![ON_A], ..Tables::default() };
    is_silent("denied", &tables.report());
}

#[test]
fn a_part_that_was_not_observed_long_enough_is_not_unused() {
    let coverage = Some("acme,*,2026-08-01,2026-09-01");
    is_silent(
        "short",
        &Tables { grants: &TWO, usage: vec![ON_A], coverage, ..Tables::default() }.report(),
    );
}

#[test]
fn an_attempt_that_a_report_states_leaves_every_part_open() {
    let tables = Tables { grants: &TWO, usage: vec![ON_A], ..Tables::default() };
    let report = tables.report_with(|evidence| {
        let at = Time::parse("2026-08-20").expect("a date");
        evidence.claims.push(Claim {
            platform: "generic".into(),
            source: Source::LastAccessedAction,
            says: Says::Attempted,
            scope: ClaimScope::Identity("svc:one".into()),
            actions: Select::Pattern("doc:read".into()),
            rw: Rw::All,
            resources: None,
            region: None,
            covered: Intervals::span(at, at.plus_seconds(1)),
            own_policies_only: false,
            basis: "report".into(),
            place: None,
        });
    });
    is_silent("attempted", &report);
}

#[test]
fn an_event_that_maps_to_no_action_leaves_every_part_open() {
    let tables = Tables {
        grants: &TWO,
        usage: vec![ON_A, ("doc:other", "b/x", "2026-08-26", "denied")],
        ..Tables::default()
    };
    let report = tables.report_with(|evidence| {
        let row = evidence.usage.iter_mut().find(|row| &*row.action == "doc:other");
        row.expect("the row").unmapped = true;
    });
    is_silent("unmapped", &report);
}

#[test]
fn the_use_of_a_new_grant_says_nothing_about_its_parts() {
    let tables = Tables { grants: &TWO, usage: vec![ON_A], ..Tables::default() };
    let report = tables.report_with(|evidence| {
        let id = evidence.catalogue.id("generic", "doc:read").expect("the action");
        let new = FreshGrant {
            row: 1,
            actions: [id].into_iter().collect(),
            resources: vec!["b/*".into()],
            used: crate::model::ActionSet::new(),
        };
        evidence.fresh = Some(Fresh { by_identity: vec![vec![new]], is_all: false });
    });
    is_silent("new", &report);
}

#[test]
fn an_action_on_several_kinds_of_resources_has_no_unused_part() {
    let dir = tempfile::tempdir().expect("a folder");
    let arn = |rest: &str| format!("arn:aws:{}", rest.replace('@', ":eu-west-1:111122223333:"));
    let statement = json!({
        "Effect": "Allow",
        "Action": ["ec2:StartInstances", "dynamodb:DescribeTable"],
        "Resource": [
            arn("ec2@instance/i-1"), arn("ec2@instance/i-2"),
            arn("dynamodb@table/a"), arn("dynamodb@table/b"),
        ],
    });
    let role = json!({
        "Path": "/",
        "RoleName": "runner",
        "RoleId": "AROAEXAMPLE0000000001",
        "Arn": "arn:aws:iam::111122223333:role/runner",
        "CreateDate": "2020-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "InstanceProfileList": [],
        "RolePolicyList": [{
            "PolicyName": "run",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        }],
        "AttachedManagedPolicies": [],
        "Tags": [],
    });
    let details = json!({
        "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [role],
        "Policies": [], "IsTruncated": false,
    });
    write(dir.path(), "iam.json", &details.to_string());
    let mut log = String::new();
    for day in 0..100 {
        let instances = json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}});
        for (name, request) in [
            ("ec2 StartInstances", instances),
            ("dynamodb DescribeTable", json!({"tableName": "a"})),
        ] {
            let _ = writeln!(log, "{}", event(day, name, &request));
        }
    }
    write(dir.path(), "log.json", &log);
    let report = report(dir.path(), |_| {});
    let excess: Vec<(&str, Vec<&str>)> = rows(&report, Status::Excess)
        .iter()
        .map(|row| (&*row.action, texts(&row.resources)))
        .collect();
    // A start needs more than the instance that the log names; a description needs the table alone.
    let second = arn("dynamodb@table/b");
    assert_eq!(excess, [("dynamodb:DescribeTable", vec![&*second])]);
    assert_eq!(rows(&report, Status::Used).len(), 2);
}

fn event(day: i64, call: &str, request: &Value) -> Value {
    let (service, name) = call.split_once(' ').expect("a service and a name");
    let date = Time::parse("2026-05-25").expect("a date").plus_days(day);
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE0000000001:job",
            "arn": "arn:aws:sts::111122223333:assumed-role/runner/job",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE0000000001",
                "arn": "arn:aws:iam::111122223333:role/runner",
                "accountId": "111122223333",
                "userName": "runner",
            }},
        },
        "eventTime": format!("{}T12:00:00Z", date.date()),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.10",
        "userAgent": "aws-sdk-go/1.0",
        "requestParameters": request,
        "responseElements": null,
        "eventID": format!("00000000-0000-4000-8000-{day:08x}{:04x}", name.len()),
        "readOnly": name.starts_with("Describe"),
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
    })
}

const ONLY_A: &str = r#"
identities:
  - match: "svc:one"
    intent:
      allow:
        - {actions: ["doc:read"], resources: ["a/*"]}
"#;

#[test]
fn drift_that_nothing_uses_goes_and_drift_in_which_a_use_lies_is_reviewed() {
    let grants = [("doc:read", "a/*"), ("doc:read", "b/*"), ("doc:read", "c/*")];
    let outside = ("doc:read", "b/x", "2026-08-26", "allowed");
    let tables =
        Tables { grants: &grants, usage: vec![ON_A, outside], intent: ONLY_A, ..Tables::default() };
    let report = tables.report();
    let drift: Vec<Vec<&str>> =
        rows(&report, Status::Drift).iter().map(|row| texts(&row.resources)).collect();
    assert_eq!(drift, [["b/*"], ["c/*"]]);
    let [gone] = advised(&report, Advice::Remove)[..] else { panic!("one advice") };
    assert_eq!(texts(&gone.resources), ["c/*"]);
    let review: Vec<Vec<&str>> =
        advised(&report, Advice::Review).iter().map(|one| texts(&one.resources)).collect();
    assert_eq!(review, [["b/x"], ["b/*"]]);
}

#[test]
fn what_the_intent_leaves_open_is_said_on_the_row_and_in_the_summary() {
    let usage = vec![("doc:read", "", "2026-08-27", "allowed")];
    let report = Tables { grants: &TWO, usage, intent: ONLY_A, ..Tables::default() }.report();
    let [used] = rows(&report, Status::Used)[..] else { panic!("one row of use") };
    assert_eq!(used.note.as_deref(), Some("intent not decided: action"));
    let said = "whether the intent means 1 used permission of 1 identity: action 1";
    assert!(
        report.summary.notes.iter().any(|note| note.contains(said)),
        "{:?}",
        report.summary.notes
    );
    let decided = Tables { grants: &TWO, usage: vec![ON_A], intent: ONLY_A, ..Tables::default() };
    let report = decided.report();
    assert!(!report.summary.notes.iter().any(|note| note.contains("the intent means")));
}

/// The evidence of one use, 200 days ago, with coverage of `a` or of everything by a log of some resources.
fn old_use(limit: &'static str) -> Report {
    let old = ("doc:read", "a/x", "2026-02-13", "allowed");
    let tables = Tables {
        grants: &TWO,
        usage: vec![old],
        coverage: Some("acme,ticket:*,2026-01-01,2026-09-01"),
        ..Tables::default()
    };
    tables.report_with(|evidence| {
        let mut claim = evidence.claims[0].clone();
        claim.actions = Select::Pattern("doc:read".into());
        claim.resources = Some(limit.into());
        evidence.claims.push(claim);
    })
}

#[test]
fn a_log_of_some_resources_makes_an_action_stale_that_is_granted_on_no_others() {
    let report = old_use("?/*");
    let [stale] = rows(&report, Status::Stale)[..] else { panic!("{:?}", report.identities) };
    assert_eq!((texts(&stale.resources), stale.observed_days), (vec!["a/x"], 90));
    let report = old_use("a/*");
    let [used] = rows(&report, Status::Used)[..] else { panic!("{:?}", report.identities) };
    assert_eq!(used.note.as_deref(), Some("not observable since the last use"));
    assert!(rows(&report, Status::Unknown).iter().all(|row| row.reason != Some(Reason::Attempted)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is granted, used and meant: no pattern that is to go is one that a use reached.
    #[test]
    fn no_recommendation_removes_a_pattern_that_a_use_reached(
        granted in prop::collection::vec((0..2usize, 0..7usize), 1..5),
        used in prop::collection::vec((0..2usize, 0..7usize, 0..3usize), 1..6),
        has_intent in any::<bool>(),
    ) {
        const ACTIONS: [&str; 2] = ["doc:read", "doc:write"];
        const PATTERNS: [&str; 7] = ["a/*", "b/*", "b/x", "c", "?/x", "*", "d/*"];
        const SCOPES: [&str; 7] = ["a/x", "b/x", "b/y", "c", "", "b", "z"];
        const OUTCOMES: [&str; 3] = ["allowed", "allowed", "timeout"];
        let grants: Vec<(&str, &str)> =
            granted.iter().map(|(action, at)| (ACTIONS[*action], PATTERNS[*at])).collect();
        let usage: Vec<(&str, &str, &str, &str)> = used
            .iter()
            .map(|(action, scope, outcome)| {
                (ACTIONS[*action], SCOPES[*scope], "2026-08-27", OUTCOMES[*outcome])
            })
            .collect();
        let intent = if has_intent { ONLY_A } else { "" };
        let report = Tables { grants: &grants, usage: usage.clone(), intent, ..Tables::default() }.report();
        let kept: Vec<(&str, &str)> = advised(&report, Advice::Keep)
            .iter()
            .flat_map(|one| one.resources.iter().map(|scope| (&*one.action, &**scope)))
            .collect();
        for gone in advised(&report, Advice::Remove) {
            for pattern in gone.resources.iter() {
                for (action, scope, _, outcome) in &usage {
                    if *action != &*gone.action {
                        continue;
                    }
                    let inside = scope.is_empty()
                        || Glob::new(pattern).matches(scope)
                        || Glob::new(pattern).intersects(&Glob::new(&format!("{scope}/*")));
                    // Of drift the part that is meant is kept beside what goes.
                    let is_kept = gone.status == Status::Drift && kept.contains(&(*action, *scope));
                    prop_assert!(
                        !inside || is_kept || (gone.status == Status::Drift && *outcome == "timeout"),
                        "{action} on {pattern} goes, {outcome} on {scope}: {usage:?}"
                    );
                }
            }
        }
    }
}
