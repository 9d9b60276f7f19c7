//! Formats, rejected records, notes and bounds.

use super::*;

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
    let lines = [(CSV, [2, 3]), (JSONL, [1, 3]), (ARRAY, [2, 3]), (YAML, [2, 9])];
    for (text, lines) in lines {
        let sample = Sample { path: "x", head: text.as_bytes(), is_whole: true };
        let detected = Generic.detect(&sample).map(|found| found.kind.id);
        assert_eq!(detected, Some("generic-usage"), "{text}");
        let (tables, _, intakes) = read(&[(&USAGE, text)]);
        let intake = &intakes[0];
        assert_eq!((intake.used, intake.rejected_count), (2, 0), "{text}\n{intake:?}");
        let rows: Vec<(&str, &str, u64, Outcome)> = tables
            .usage
            .iter()
            .map(|row| (&*row.identity, &*row.action, row.count, row.outcome))
            .collect();
        let wanted = [("x", "s:read", 3, Outcome::Allowed), ("y", "s:write", 1, Outcome::Allowed)];
        assert_eq!(rows, wanted, "{text}");
        assert_eq!(tables.usage[0].first, Time::parse("2026-03-01"), "{text}");
        assert!(tables.usage[0].agents.contains("bot"));
        let found = tables.usage.iter().map(|row| row.first_place.map(|place| place.at));
        for (at, line) in found.zip(lines) {
            assert!(matches!(at, Some(At::Line(found, _)) if found == line), "{at:?} {line}");
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
    assert_eq!((intake.records, intake.used, intake.rejected_count), (8, 3, 5));
    let listed: Vec<(At, &str)> =
        intake.rejected.iter().map(|(place, reason)| (place.at, reason.as_str())).collect();
    assert_eq!(
        listed,
        [
            (At::Line(3, 1), "4 fields, the header has 5"),
            (At::Line(4, 1), "time is no time"),
            (At::Line(5, 1), "the record has no time: it needs time, or first and last"),
            (At::Line(6, 1), "the record has no identity"),
            (At::Line(7, 1), "count is no whole number from 1 on"),
        ]
    );
    assert!(intake.notes.iter().any(|note| note.contains("no known word")));
    let counts: Vec<(Outcome, u64)> =
        tables.usage.iter().map(|row| (row.outcome, row.count)).collect();
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
    assert_eq!((intakes[0].rejected[0].0.at, tables.usage[0].count), (At::Line(2, 1), 2));
    let array = format!("[{line},\n{line},\n oops]");
    let (tables, _, intakes) = read(&[(&USAGE, &array)]);
    assert_eq!((tables.usage[0].count, intakes[0].rejected_count), (2, 1));
    let twice = r#"{"identity":"x","Identity":"y","action":"s:a","time":1}"#;
    let (_, _, intakes) = read(&[(&USAGE, twice)]);
    assert_eq!(intakes[0].rejected[0].1, "a column stands twice in the record");
    let (_, _, intakes) = read(&[(&USAGE, "identity,verb\nx,y\n")]);
    assert!(intakes[0].rejected[0].1.contains("no column action"));
    for (kind, text) in [
        (&GRANTS, "identity,action,effect\nx,s:a,maybe\n"),
        (&GRANTS, "identity,action,access\nx,s:a,sudo\n"),
        (&COVERAGE, "actions,from,to\n*,2026-02-01,2026-01-01\n"),
        (&COVERAGE, "actions,from,to,gaps\n*,2026-01-01,2026-02-01,x\n"),
        (&IDENTITIES, "id,kind,third_party\nx,bot,perhaps\n"),
        (&CREDENTIALS, "identity,id,active\nx,k,soon\n"),
    ] {
        let (_, _, intakes) = read(&[(kind, text)]);
        assert_eq!((intakes[0].used, intakes[0].rejected_count), (0, 1), "{text}");
    }
}

#[test]
fn errors_without_an_outcome_are_no_use_and_no_denial() {
    let text = "identity,action,time,outcome,error\n\
        x,s:a,2026-03-01,,timeout\nx,s:b,2026-03-01,,403\nx,s:c,2026-03-01,failure,\n";
    let (tables, _, _) = read(&[(&USAGE, text)]);
    let outcomes: Vec<Outcome> = tables.usage.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Undetermined, Outcome::Denied, Outcome::Undetermined]);
}

#[test]
fn first_last_and_slots_are_kept() {
    let text = r#"{"identity":"x","action":"s:a","first":"2026-03-01T00:00:00Z","last":"2026-03-03T00:00:00Z","count":9,"slots":[1969344,1969400]}"#;
    let (tables, _, _) = read(&[(&USAGE, text)]);
    let row = &tables.usage[0];
    assert_eq!((row.first, row.last), (Time::parse("2026-03-01"), Time::parse("2026-03-03")));
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
    for text in
        ["", "{", "[]", "plain words", "{\"Records\":[]}", "a,b,c\n1,2,3", "- a\n- b\n", "PAR1"]
    {
        let sample = Sample { path: "x", head: text.as_bytes(), is_whole: true };
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
