//! The generic tables as a whole: the shared examples, the formats, rejected records, bounds.

use std::path::PathBuf;

use super::*;
use crate::catalogue::RunCatalogue;
use crate::model::{
    At, Claim, ClaimScope, Decision, GrantSet, Identity, IdentityKind, Label, Outcome, ScopeSet,
    Select, Source, Str, Time,
};
use crate::platform::{Document, Evaluator, Intake, LogSummary, Request, Tables, Verdict};

/// Reads documents of stated kinds, and finishes.
fn read(files: &[(&'static Kind, &str)]) -> (Tables, Box<dyn Evaluator>, Vec<Intake>) {
    let mut estate = Generic.estate();
    let mut intakes = Vec::new();
    for (number, (kind, text)) in files.iter().enumerate() {
        let mut intake = Intake::default();
        let document = Document {
            file: number as u32,
            path: "table",
            bytes: text.as_bytes(),
        };
        estate.read(kind, &document, &mut intake);
        intakes.push(intake);
    }
    let logs = LogSummary {
        as_of: Time::parse("2026-03-31T00:00:00Z"),
        ..LogSummary::default()
    };
    let mut tables = Tables::default();
    estate.finish(&logs, &mut tables);
    (tables, estate.evaluator(), intakes)
}

fn catalogue(tables: &Tables) -> RunCatalogue {
    RunCatalogue::build(&[], &tables.actions, &|_, name, action| {
        Generic.facts(name, action)
    })
}

fn grants(
    tables: &Tables,
    evaluator: &mut Box<dyn Evaluator>,
    id: &str,
) -> (RunCatalogue, GrantSet) {
    let catalogue = catalogue(tables);
    evaluator.prepare(&catalogue);
    let identity = tables.identities.iter().find(|one| &*one.id == id);
    let set = evaluator.grants(identity.expect("the identity is there"), &catalogue);
    (catalogue, (*set).clone())
}

fn find<'t>(tables: &'t Tables, id: &str) -> &'t Identity {
    let found = tables.identities.iter().find(|one| &*one.id == id);
    found.unwrap_or_else(|| panic!("no {id}"))
}

fn verdict(
    evaluator: &dyn Evaluator,
    id: &str,
    action: &str,
    on: &str,
    ip: Option<&str>,
) -> Verdict {
    let context: Vec<(String, Vec<String>)> = ip
        .map(|ip| ("ip".to_string(), vec![ip.to_string()]))
        .into_iter()
        .collect();
    let request = Request {
        identity: id,
        action,
        resource: Some(on),
        context: &context,
    };
    evaluator.decide(&request).verdict
}

/// The shared examples, or `None` with a printed line where they are absent.
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn shared() -> Option<Vec<(&'static Kind, String)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/other/generic");
    if !folder.is_dir() {
        println!("skipped: ../shared is not there");
        return None;
    }
    let files: [(&'static Kind, &str); 4] = [
        (&IDENTITIES, "identities.csv"),
        (&GRANTS, "grants.csv"),
        (&USAGE, "usage.csv"),
        (&COVERAGE, "coverage.csv"),
    ];
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("readable");
    Some(files.map(|(kind, name)| (kind, text(name))).into())
}

#[test]
fn the_shared_tables_are_detected_and_read_whole() {
    let Some(files) = shared() else { return };
    for (kind, text) in &files {
        let sample = Sample {
            path: "x.csv",
            head: text.as_bytes(),
            is_whole: true,
        };
        assert_eq!(Generic.detect(&sample).map(|found| found.kind), Some(*kind));
    }
    let files: Vec<(&'static Kind, &str)> = files
        .iter()
        .map(|(kind, text)| (*kind, text.as_str()))
        .collect();
    let (tables, _, intakes) = read(&files);
    let used: Vec<(u64, u64)> = intakes.iter().map(|i| (i.used, i.rejected_count)).collect();
    assert_eq!(used, [(4, 0), (11, 0), (8, 0), (3, 0)]);
    assert_eq!(tables.identities.len(), 4);
    let agent = find(&tables, "jira:agent/triage-bot");
    assert_eq!(&*agent.name, "jira:agent/triage-bot");
    assert_eq!(
        (&*agent.platform, agent.kind),
        ("generic", IdentityKind::Agent)
    );
    assert_eq!(&*agent.account, "acme.atlassian.net");
    assert!(agent.has_grant_evidence);
    let partner = find(&tables, "crm:key/partner-eu");
    assert!(partner.is(Label::ThirdParty));
    assert_eq!(
        partner.expires.map(Time::date).as_deref(),
        Some("2025-12-31")
    );
    assert_eq!(find(&tables, "crm:key/old-dashboard").owner, None);

    let usage: Vec<(&str, &str, Outcome, u64)> = tables
        .usage
        .iter()
        .map(|row| (&*row.action, row.scope.as_str(), row.outcome, row.count))
        .collect();
    assert_eq!(
        usage,
        [
            ("crm:contacts.write", "tenant-7", Outcome::Undetermined, 1),
            ("crm:leads.write", "tenant-7", Outcome::Allowed, 25),
            ("jira:issue.delete", "project/LEGAL", Outcome::Denied, 1),
            ("jira:issue.delete", "project/SUP", Outcome::Allowed, 1),
            ("jira:issue.edit", "project/SUP", Outcome::Allowed, 12),
            ("jira:issue.read", "project/SUP", Outcome::Allowed, 140),
            ("sap:F_BKPF_BUK.01", "company/1000", Outcome::Allowed, 320),
            ("sap:F_BKPF_BUK.03", "company/1000", Outcome::Allowed, 8),
        ]
    );
    // Seconds and milliseconds are the same moment.
    assert_eq!(tables.usage[6].first, Time::parse("2026-03-31T01:10:00Z"));
    assert_eq!(tables.usage[6].first, tables.usage[7].first);
    assert_eq!(tables.usage[4].on_behalf_of.as_deref(), Some("user:maria"));
    assert_eq!(
        tables.usage[1].first_place.map(|place| place.at),
        Some(At::Line(8, 1))
    );
}

#[test]
fn coverage_speaks_of_its_system_and_account_only() {
    let Some(files) = shared() else { return };
    let files: Vec<(&'static Kind, &str)> = files
        .iter()
        .map(|(kind, text)| (*kind, text.as_str()))
        .collect();
    let (tables, _, _) = read(&files);
    let by_account = |account: &str| -> Vec<&Claim> {
        let wanted = ClaimScope::Account(account.into());
        tables
            .claims
            .iter()
            .filter(|claim| claim.scope == wanted)
            .collect()
    };
    assert_eq!(tables.claims.len(), 3);
    assert_eq!(
        by_account("acme.atlassian.net")[0].actions,
        Select::Everything
    );
    let sap = by_account("PRD/100")[0];
    assert_eq!(sap.actions, Select::Pattern("sap:F_*".into()));
    assert_eq!((sap.covered.days(), sap.source), (87, Source::Table));
    let (uncovered, _, _) = read(&files[..3]);
    assert_eq!(uncovered.claims, []);

    let identities = "id,platform,kind,account\na:1,a,bot,t\nb:1,b,bot,t\nb:2,b,bot,u\n";
    let coverage = "platform,account,actions,from,to\nb,*,*,2026-01-01,2026-02-01\nc,,*,2026-01-01,2026-02-01\n";
    let (tables, _, _) = read(&[(&IDENTITIES, identities), (&COVERAGE, coverage)]);
    let scopes: Vec<&ClaimScope> = tables.claims.iter().map(|claim| &claim.scope).collect();
    let wanted = [
        ClaimScope::Identity("b:1".into()),
        ClaimScope::Account("u".into()),
    ];
    assert_eq!(scopes, wanted.iter().collect::<Vec<_>>());
    assert_eq!(tables.notes.len(), 1);
}

#[test]
fn the_shared_grants_are_evaluated_with_denies_and_conditions() {
    let Some(files) = shared() else { return };
    let files: Vec<(&'static Kind, &str)> = files
        .iter()
        .map(|(kind, text)| (*kind, text.as_str()))
        .collect();
    let (tables, mut evaluator, _) = read(&files);
    let agent = "jira:agent/triage-bot";
    let (catalogue, set) = grants(&tables, &mut evaluator, agent);
    let delete = catalogue.id("generic", "jira:issue.delete").expect("named");
    let row = set
        .rows
        .iter()
        .find(|row| row.actions.contains(delete))
        .expect("granted");
    assert_eq!(row.decision, Decision::Allow);
    assert_eq!(
        (&*row.resources[0], &*row.except[0]),
        ("project/*", "project/LEGAL")
    );
    assert_eq!(
        row.origin[0].place.map(|place| place.at),
        Some(At::Line(4, 1))
    );
    assert!(row.origin[0].shareable);
    assert_eq!(set.since.len(), 1);
    let evaluator = &*evaluator;
    assert_eq!(
        verdict(evaluator, agent, "jira:issue.delete", "project/SUP", None),
        Verdict::Allow
    );
    assert_eq!(
        verdict(evaluator, agent, "JIRA:issue.delete", "project/LEGAL", None),
        Verdict::Deny
    );
    assert_eq!(
        verdict(evaluator, agent, "jira:issue.create", "project/SUP", None),
        Verdict::Deny
    );

    let partner = "crm:key/partner-eu";
    let write = |ip| verdict(evaluator, partner, "crm:leads.write", "tenant-7", ip);
    assert_eq!(write(None), Verdict::Conditional);
    assert_eq!(write(Some("203.0.113.9")), Verdict::Deny);
    assert_eq!(write(Some("198.51.100.3")), Verdict::Allow);
    assert_eq!(
        verdict(evaluator, "nobody", "crm:leads.write", "x", None),
        Verdict::Unknown
    );
}

#[test]
fn patterns_of_a_system_stay_one_row() {
    let Some(files) = shared() else { return };
    let files: Vec<(&'static Kind, &str)> = files
        .iter()
        .map(|(kind, text)| (*kind, text.as_str()))
        .collect();
    let (tables, mut evaluator, _) = read(&files);
    let (catalogue, set) = grants(&tables, &mut evaluator, "crm:key/old-dashboard");
    let pattern = catalogue.id("generic", "crm:*").expect("a row of its own");
    assert_eq!(set.actions.iter().collect::<Vec<_>>(), [pattern]);
    assert_eq!(evaluator.shared_with("api scope"), 1);
}

#[test]
fn everything_is_what_the_evidence_names_for_the_system_and_account() {
    let table = "identity,action,resource,effect\na:admin,*,*,allow\na:other,a:read,*,allow\nb:x,b:read,*,allow\na:admin,a:drop,*,deny\n";
    let usage = "identity,action,time\na:other,a:write,2026-03-01\n";
    let (tables, mut evaluator, _) = read(&[(&GRANTS, table), (&USAGE, usage)]);
    let (catalogue, set) = grants(&tables, &mut evaluator, "a:admin");
    let mut names: Vec<&str> = set
        .actions
        .iter()
        .map(|id| &*catalogue.entry(id).name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a:read", "a:write"]);
    assert_eq!(set.rows[0].decision, Decision::Conditional);
    assert_eq!(set.administrative, None);
    let (tables, mut evaluator, _) = read(&[(&GRANTS, "identity,action\na:admin,*\na:x,a:read\n")]);
    let (_, set) = grants(&tables, &mut evaluator, "a:admin");
    assert!(set.administrative.is_some());
}

#[test]
fn denies_take_whole_rows_parts_and_conditions() {
    let table = "identity,action,resource,effect,condition\n\
        x,s:read,a/*,allow,\n\
        x,s:read,a/*,deny,\n\
        x,s:write,a/*,allow,\n\
        x,s:write,a/b*,deny,\n\
        x,s:list,*,allow,\n\
        x,s:list,*,deny,\"{\"\"mfa\"\":false}\"\n\
        x,s:old*,*,allow,\n\
        x,s:oldest,*,deny,\n";
    let (tables, mut evaluator, _) = read(&[(&GRANTS, table)]);
    let (catalogue, set) = grants(&tables, &mut evaluator, "x");
    let row = |name: &str| {
        let id = catalogue.id("generic", name).expect("named");
        set.rows.iter().find(|row| row.actions.contains(id))
    };
    assert_eq!(row("s:read"), None);
    assert_eq!(
        row("s:write").map(|row| row.except.to_vec()),
        Some(vec![Str::from("a/b*")])
    );
    let list = row("s:list").expect("conditional");
    assert_eq!(&*list.conditions[0].text, "unless mfa false");
    assert_eq!(
        row("s:old*").map(|row| row.decision),
        Some(Decision::Conditional)
    );
    let evaluator = &*evaluator;
    assert_eq!(
        verdict(evaluator, "x", "s:oldest", "q", None),
        Verdict::Deny
    );
    assert_eq!(
        verdict(evaluator, "x", "s:older", "q", None),
        Verdict::Allow
    );
    assert_eq!(
        verdict(evaluator, "x", "s:list", "q", None),
        Verdict::Conditional
    );
    let request = Request {
        identity: "x",
        action: "s:write",
        resource: None,
        context: &[],
    };
    let answer = evaluator.decide(&request);
    assert_eq!(answer.verdict, Verdict::Allow);
    assert_eq!(answer.resources, [Str::from("a/*")]);
    assert_eq!(answer.conditions, ["not on a/b*"]);
}

#[test]
fn grants_that_ended_are_not_in_force() {
    let table = "identity,action,expires\nx,s:a,2026-01-01\nx,s:b,2027-01-01\n";
    let (tables, mut evaluator, _) = read(&[(&GRANTS, table)]);
    let (catalogue, set) = grants(&tables, &mut evaluator, "x");
    let kept: Vec<&str> = set
        .actions
        .iter()
        .map(|id| &*catalogue.entry(id).name)
        .collect();
    assert_eq!(kept, ["s:b"]);
    assert_eq!(verdict(&*evaluator, "x", "s:a", "q", None), Verdict::Deny);
}

const CSV: &str = "Identity;User Agent;ACTION;time;outcome;count;colour\n\
    x;bot/1;s:read;2026-03-01T00:00:00Z;ok;3;red\n\
    y;;s:write;2026-03-02 10:00:00;;;\n";

const JSONL: &str = r#"{"identity":"x","user-agent":"bot/1","action":"s:read","time":1772323200,"outcome":200,"count":3,"colour":"red"}

{"action":"s:\u0077rite","identity":"y","time":"2026-03-02 10:00:00","outcome":null}
"#;

const ARRAY: &str = r#"[
  {"identity": "x", "user_agent": "bot/1", "action": "s:read", "time": "2026-03-01", "outcome": "ok", "count": 3, "colour": {"a": 1}},
  {"identity": "y", "action": "s:write", "time": "2026-03-02 10:00:00"}
]"#;

const YAML: &str = "# exported\n- identity: x\n  user_agent: bot/1\n  action: s:read\n  time: 2026-03-01T00:00:00Z\n  outcome: 200\n  count: 3\n  colour: red\n- {identity: y, action: \"s:write\", time: 2026-03-02 10:00:00, outcome: ~}\n";

#[test]
fn every_format_yields_the_same_rows() {
    let lines = [
        (CSV, [2, 3]),
        (JSONL, [1, 3]),
        (ARRAY, [2, 3]),
        (YAML, [2, 9]),
    ];
    for (text, lines) in lines {
        let sample = Sample {
            path: "x",
            head: text.as_bytes(),
            is_whole: true,
        };
        let detected = Generic.detect(&sample).map(|found| found.kind.id);
        assert_eq!(detected, Some("generic-usage"), "{text}");
        let (tables, _, intakes) = read(&[(&USAGE, text)]);
        let intake = &intakes[0];
        assert_eq!(
            (intake.used, intake.rejected_count),
            (2, 0),
            "{text}\n{intake:?}"
        );
        let rows: Vec<(&str, &str, u64, Outcome)> = tables
            .usage
            .iter()
            .map(|row| (&*row.identity, &*row.action, row.count, row.outcome))
            .collect();
        let wanted = [
            ("x", "s:read", 3, Outcome::Allowed),
            ("y", "s:write", 1, Outcome::Allowed),
        ];
        assert_eq!(rows, wanted, "{text}");
        assert_eq!(tables.usage[0].first, Time::parse("2026-03-01"), "{text}");
        assert!(tables.usage[0].agents.values.contains("bot"));
        let found = tables
            .usage
            .iter()
            .map(|row| row.first_place.map(|place| place.at));
        for (at, line) in found.zip(lines) {
            assert!(
                matches!(at, Some(At::Line(found, _)) if found == line),
                "{at:?} {line}"
            );
        }
        let notes = intake.notes.join("\n");
        for note in ["read as UTC", "read as allowed", "does not have: colour"] {
            assert!(notes.contains(note), "{note}\n{notes}");
        }
    }
}

#[test]
fn a_bad_record_costs_itself_only() {
    let text = "identity,action,time,outcome,count\n\
        x,s:a,2026-03-01,ok,1\n\
        x,s:a,2026-03-01,ok\n\
        x,s:a,yesterday,ok,1\n\
        x,s:a,,ok,1\n\
        ,s:a,2026-03-01,ok,1\n\
        x,s:a,2026-03-01,ok,-1\n\
        x,s:a,2026-03-01,shrug,1\n\
        x,s:a,2026-03-01,ok,1\n";
    let (tables, _, intakes) = read(&[(&USAGE, text)]);
    let intake = &intakes[0];
    assert_eq!(
        (intake.records, intake.used, intake.rejected_count),
        (8, 3, 5)
    );
    let listed: Vec<(At, &str)> = intake
        .rejected
        .iter()
        .map(|(place, reason)| (place.at, reason.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            (At::Line(3, 1), "4 fields, the header has 5"),
            (At::Line(4, 1), "time is no time"),
            (
                At::Line(5, 1),
                "the record has no time: it needs time, or first and last"
            ),
            (At::Line(6, 1), "the record has no identity"),
            (At::Line(7, 1), "count is no whole number from 1 on"),
        ]
    );
    assert!(
        intake
            .notes
            .iter()
            .any(|note| note.contains("no known word"))
    );
    let counts: Vec<(Outcome, u64)> = tables
        .usage
        .iter()
        .map(|row| (row.outcome, row.count))
        .collect();
    assert_eq!(counts, [(Outcome::Allowed, 2), (Outcome::Undetermined, 1)]);
}

#[test]
fn broken_files_say_where() {
    let quote = "identity,action,time\nx,s:a,2026-03-01\nx,\"s:a,2026-03-01\nx,s:b,2026-03-01\n";
    let (_, _, intakes) = read(&[(&USAGE, quote)]);
    let (place, reason) = &intakes[0].rejected[0];
    assert_eq!(place.at, At::Line(3, 1));
    assert!(reason.contains("is a quote open?"), "{reason}");
    let line = r#"{"identity":"x","action":"s:a","time":"2026-03-01"}"#;
    let cut = format!("{line}\n{{\"identity\": \"x\", \n{line}\n");
    let (tables, _, intakes) = read(&[(&USAGE, &cut)]);
    assert_eq!(
        (intakes[0].rejected[0].0.at, tables.usage[0].count),
        (At::Line(2, 1), 2)
    );
    let array = format!("[{line},\n{line},\n oops]");
    let (tables, _, intakes) = read(&[(&USAGE, &array)]);
    assert_eq!((tables.usage[0].count, intakes[0].rejected_count), (2, 1));
    let twice = r#"{"identity":"x","Identity":"y","action":"s:a","time":1}"#;
    let (_, _, intakes) = read(&[(&USAGE, twice)]);
    assert_eq!(
        intakes[0].rejected[0].1,
        "a column stands twice in the record"
    );
    let (_, _, intakes) = read(&[(&USAGE, "identity,verb\nx,y\n")]);
    assert!(intakes[0].rejected[0].1.contains("no column action"));
    for (kind, text) in [
        (&GRANTS, "identity,action,effect\nx,s:a,maybe\n"),
        (&GRANTS, "identity,action,access\nx,s:a,sudo\n"),
        (&COVERAGE, "actions,from,to\n*,2026-02-01,2026-01-01\n"),
        (
            &COVERAGE,
            "actions,from,to,gaps\n*,2026-01-01,2026-02-01,x\n",
        ),
        (&IDENTITIES, "id,kind,third_party\nx,bot,perhaps\n"),
        (&CREDENTIALS, "identity,id,active\nx,k,soon\n"),
    ] {
        let (_, _, intakes) = read(&[(kind, text)]);
        assert_eq!(
            (intakes[0].used, intakes[0].rejected_count),
            (0, 1),
            "{text}"
        );
    }
}

#[test]
fn errors_without_an_outcome_are_no_use_and_no_denial() {
    let text = "identity,action,time,outcome,error\n\
        x,s:a,2026-03-01,,timeout\nx,s:b,2026-03-01,,403\nx,s:c,2026-03-01,failure,\n";
    let (tables, _, _) = read(&[(&USAGE, text)]);
    let outcomes: Vec<Outcome> = tables.usage.iter().map(|row| row.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Undetermined,
            Outcome::Denied,
            Outcome::Undetermined
        ]
    );
}

#[test]
fn first_last_and_slots_are_kept() {
    let text = r#"{"identity":"x","action":"s:a","first":"2026-03-01T00:00:00Z","last":"2026-03-03T00:00:00Z","count":9,"slots":[1969344,1969400]}"#;
    let (tables, _, _) = read(&[(&USAGE, text)]);
    let row = &tables.usage[0];
    assert_eq!(
        (row.first, row.last),
        (Time::parse("2026-03-01"), Time::parse("2026-03-03"))
    );
    assert_eq!((row.count, row.slots.len()), (9, 2));
    let (_, _, intakes) = read(&[(&USAGE, "identity,action,first\nx,s:a,2026-03-01\n")]);
    assert_eq!(intakes[0].rejected_count, 1);
}

#[test]
fn scopes_beyond_the_cap_overflow_whatever_the_order() {
    let line = |at: usize| format!("x,s:a,2026-03-01,denied,r{at},{}\n", at % 2);
    let header = "identity,action,time,outcome,resource,on_behalf_of\n".to_string();
    let forward: String = header.clone() + &(0..1_500).map(line).collect::<String>();
    let backward: String = header + &(0..1_500).rev().map(line).collect::<String>();
    let summary = |text: &str| -> Vec<(String, Option<String>, u64)> {
        let (tables, _, _) = read(&[(&USAGE, text)]);
        let row = |row: &crate::model::UsageRow| {
            let behalf = row.on_behalf_of.as_ref().map(|name| name.to_string());
            (row.scope.as_str().to_string(), behalf, row.count)
        };
        assert_eq!(tables.usage.iter().map(|row| row.count).sum::<u64>(), 1_500);
        let one = |row: &&crate::model::UsageRow| matches!(row.scope, ScopeSet::One(_));
        assert_eq!(tables.usage.iter().filter(one).count(), 1_000);
        tables.usage.iter().map(row).collect()
    };
    assert_eq!(summary(&forward), summary(&backward));
}

#[test]
fn identities_that_only_use_names_are_log_only() {
    let usage = "identity,action,time\nq:bot/7,q:a,2026-03-01\n";
    let (tables, _, _) = read(&[(&USAGE, usage)]);
    let one = find(&tables, "q:bot/7");
    assert!(one.is(Label::LogOnly) && !one.has_grant_evidence);
    assert_eq!(&*one.name, "q:other/7");
    assert_eq!(tables.claims, []);
}

#[test]
fn a_later_record_of_an_identity_fills_gaps_only() {
    let table = "id,kind,owner,account\nx,bot,,a\nx,bot,me,b\n";
    let (tables, _, intakes) = read(&[(&IDENTITIES, table)]);
    assert_eq!(tables.identities.len(), 1);
    assert_eq!(tables.identities[0].owner.as_deref(), Some("me"));
    assert_eq!(&*tables.identities[0].account, "a");
    assert_eq!(intakes[0].notes.len(), 1);
}

#[test]
fn other_files_are_not_detected() {
    for text in [
        "",
        "{",
        "[]",
        "plain words",
        "{\"Records\":[]}",
        "a,b,c\n1,2,3",
        "- a\n- b\n",
        "PAR1",
    ] {
        let sample = Sample {
            path: "x",
            head: text.as_bytes(),
            is_whole: true,
        };
        assert!(Generic.detect(&sample).is_none(), "{text}");
    }
}

#[test]
fn a_yaml_bomb_is_refused() {
    let mut text = String::from("- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("- &a{level} [{row}]\n"));
    }
    let (_, _, intakes) = read(&[(&USAGE, &text)]);
    assert_eq!((intakes[0].used, intakes[0].rejected_count), (0, 1));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[-a-z:{}\\[\\]\"',;\n\t0-9é/*]{0,300}") {
            for kind in KINDS {
                let (tables, mut evaluator, _) = read(&[(kind, &text)]);
                let catalogue = catalogue(&tables);
                evaluator.prepare(&catalogue);
                for identity in &tables.identities {
                    let _ = evaluator.grants(identity, &catalogue);
                }
            }
            let _ = Generic.detect(&Sample { path: "x", head: text.as_bytes(), is_whole: true });
        }

        #[test]
        fn any_cells_are_read_without_panic(
            cells in proptest::collection::vec("[-a-z:{}0-9/*\\[\\]. ]{0,12}", 7),
        ) {
            let row = cells.join(",");
            let grants = format!("identity,action,resource,effect,condition,granted_at,expires\n{row}\n");
            let usage = format!("identity,action,time,outcome,count,source_ip,slots\n{row}\n");
            let coverage = format!("platform,account,actions,from,to,gaps,source\n{row}\n");
            let _ = read(&[(&GRANTS, &grants), (&USAGE, &usage), (&COVERAGE, &coverage)]);
        }

        // A granted row allows what it names, and a deny row that matches everything allows nothing.
        #[test]
        fn a_request_that_equals_a_grant_is_allowed(
            action in "s:[a-c]{1,3}", resource in "[a-c/]{1,4}",
        ) {
            let table = format!("identity,action,resource\nx,{action},{resource}\n");
            let (_, evaluator, _) = read(&[(&GRANTS, &table)]);
            prop_assert_eq!(verdict(&*evaluator, "x", &action, &resource, None), Verdict::Allow);
            let table = format!("identity,action,resource,effect\nx,{action},{resource},allow\nx,*,*,deny\n");
            let (tables, mut evaluator, _) = read(&[(&GRANTS, &table)]);
            prop_assert_eq!(verdict(&*evaluator, "x", &action, &resource, None), Verdict::Deny);
            prop_assert!(grants(&tables, &mut evaluator, "x").1.rows.is_empty());
        }
    }
}
