//! The generic tables as a whole: the shared examples, the formats, rejected records, bounds.

use std::path::PathBuf;

use super::*;
use crate::catalogue::RunCatalogue;
use crate::gap;
use crate::model::{
    At, Claim, ClaimScope, Decision, GrantSet, Identity, IdentityKind, Label, Outcome, ScopeSet,
    Select, Source, Str, Time,
};
use crate::platform::{Document, Evaluator, Intake, LogSummary, Request, Tables, Verdict};

mod formats;

/// Reads documents of stated kinds, and finishes.
fn read(files: &[(&'static Kind, &str)]) -> (Tables, Box<dyn Evaluator>, Vec<Intake>) {
    let mut estate = Generic.estate(&Default::default());
    let mut intakes = Vec::new();
    for (number, (kind, text)) in files.iter().enumerate() {
        let mut intake = Intake::default();
        let document =
            Document { file: number as u32, path: "table", context: "", bytes: text.as_bytes() };
        estate.read(kind, &document, &mut intake);
        intakes.push(intake);
    }
    let logs = LogSummary { as_of: Time::parse("2026-03-31T00:00:00Z"), ..LogSummary::default() };
    let mut tables = Tables::default();
    estate.finish(&logs, &mut tables);
    (tables, estate.evaluator(), intakes)
}

fn catalogue(tables: &Tables) -> RunCatalogue {
    RunCatalogue::build(&[], &tables.actions, &|_, name, action| Generic.facts(name, action))
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
    let context: Vec<(String, Vec<String>)> =
        ip.map(|ip| ("ip".to_string(), vec![ip.to_string()])).into_iter().collect();
    let request = Request { identity: id, action, resource: Some(on), context: &context };
    evaluator.decide(&request).verdict
}

/// A shared example, or `None` with a printed line where they are absent.
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn example(name: &str) -> Option<&'static str> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/other/generic");
    if !folder.is_dir() {
        println!("skipped: ../shared is not there");
        return None;
    }
    let text = std::fs::read_to_string(folder.join(name)).expect("readable");
    Some(Box::leak(text.into_boxed_str()))
}

/// The shared tables.
fn shared() -> Option<[(&'static Kind, &'static str); 4]> {
    Some([
        (&IDENTITIES, example("identities.csv")?),
        (&GRANTS, example("grants.csv")?),
        (&USAGE, example("usage.csv")?),
        (&COVERAGE, example("coverage.csv")?),
    ])
}

#[test]
fn the_shared_tables_are_detected_and_read_whole() {
    let Some(files) = shared() else { return };
    for (kind, text) in &files {
        let sample = Sample { path: "x.csv", head: text.as_bytes(), is_whole: true };
        assert_eq!(Generic.detect(&sample).map(|found| found.kind), Some(*kind));
    }
    let (tables, _, intakes) = read(&files);
    let used: Vec<(u64, u64)> = intakes.iter().map(|i| (i.used, i.rejected_count)).collect();
    assert_eq!(used, [(4, 0), (11, 0), (8, 0), (3, 0)]);
    assert_eq!(tables.identities.len(), 4);
    let agent = find(&tables, "jira:agent/triage-bot");
    assert_eq!(&*agent.name, "jira:agent/triage-bot");
    assert_eq!((&*agent.platform, agent.kind), ("generic", IdentityKind::Agent));
    assert_eq!(&*agent.account, "acme.atlassian.net");
    assert!(agent.has_grant_evidence);
    let partner = find(&tables, "crm:key/partner-eu");
    assert!(partner.is(Label::ThirdParty));
    assert_eq!(partner.expires.map(Time::date).as_deref(), Some("2025-12-31"));
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
    assert_eq!(tables.usage[1].first_place.map(|place| place.at), Some(At::Line(8, 1)));
}

#[test]
fn coverage_speaks_of_its_system_and_account_only() {
    let Some(files) = shared() else { return };
    let (tables, _, _) = read(&files);
    let by_account = |account: &str| -> Vec<&Claim> {
        let wanted = ClaimScope::Account(account.into());
        tables.claims.iter().filter(|claim| claim.scope == wanted).collect()
    };
    assert_eq!(tables.claims.len(), 3);
    assert_eq!(by_account("acme.atlassian.net")[0].actions, Select::Everything);
    let sap = by_account("PRD/100")[0];
    assert_eq!(sap.actions, Select::Pattern("sap:F_*".into()));
    assert_eq!((sap.covered.days(), sap.source), (87, Source::Table));
    let (uncovered, _, _) = read(&files[..3]);
    assert_eq!(uncovered.claims, []);

    let identities = "id,platform,kind,account\na:1,a,bot,t\nb:1,b,bot,t\nb:2,b,bot,u\n";
    let coverage = "platform,account,actions,from,to\nb,*,*,2026-01-01,2026-02-01\nc,,*,2026-01-01,2026-02-01\n";
    let (tables, _, _) = read(&[(&IDENTITIES, identities), (&COVERAGE, coverage)]);
    let scopes: Vec<&ClaimScope> = tables.claims.iter().map(|claim| &claim.scope).collect();
    let wanted = [ClaimScope::Identity("b:1".into()), ClaimScope::Account("u".into())];
    assert_eq!(scopes, wanted.iter().collect::<Vec<_>>());
    assert_eq!(tables.notes.len(), 1);
}

#[test]
fn the_shared_grants_are_evaluated_with_denies_and_conditions() {
    let Some(files) = shared() else { return };
    let (tables, mut evaluator, _) = read(&files);
    let agent = "jira:agent/triage-bot";
    let (catalogue, set) = grants(&tables, &mut evaluator, agent);
    let delete = catalogue.id("generic", "jira:issue.delete").expect("named");
    let row = set.rows.iter().find(|row| row.actions.contains(delete)).expect("granted");
    assert_eq!(row.decision, Decision::Allow);
    assert_eq!((&*row.resources[0], &*row.except[0]), ("project/*", "project/LEGAL"));
    assert_eq!(row.origin[0].place.map(|place| place.at), Some(At::Line(4, 1)));
    assert!(row.origin[0].shareable);
    assert_eq!(set.since.len(), 1);
    let evaluator = &*evaluator;
    assert_eq!(verdict(evaluator, agent, "jira:issue.delete", "project/SUP", None), Verdict::Allow);
    assert_eq!(
        verdict(evaluator, agent, "JIRA:issue.delete", "project/LEGAL", None),
        Verdict::Deny
    );
    assert_eq!(verdict(evaluator, agent, "jira:issue.create", "project/SUP", None), Verdict::Deny);

    let partner = "crm:key/partner-eu";
    let write = |ip| verdict(evaluator, partner, "crm:leads.write", "tenant-7", ip);
    assert_eq!(write(None), Verdict::Conditional);
    assert_eq!(write(Some("203.0.113.9")), Verdict::Deny);
    assert_eq!(write(Some("198.51.100.3")), Verdict::Allow);
    assert_eq!(verdict(evaluator, "nobody", "crm:leads.write", "x", None), Verdict::Unknown);
}

#[test]
fn the_shared_tables_yield_the_expected_statuses() {
    let Some(files) = shared() else { return };
    let Some(expected) = example("expected.json") else {
        return;
    };
    let (tables, mut evaluator, _) = read(&files);
    let catalogue = catalogue(&tables);
    evaluator.prepare(&catalogue);
    let as_of = Time::parse("2026-03-31T23:59:59Z").expect("a time");
    let input = gap::Input {
        identities: &tables.identities,
        usage: &tables.usage,
        claims: &tables.claims,
        catalogue: &catalogue,
        evaluators: &[(ID.into(), evaluator)].into(),
        escalation: &crate::catalogue::risk::EscalationIndex::default(),
        intents: &[],
        config: &crate::intent::Config::default(),
        as_of: Some(as_of),
        window: Some(gap::Window { from: as_of.plus_days(-90), to: as_of }),
        stale_after_days: 90,
        fresh: None,
    };
    let mut found: Vec<(String, String, String)> = Vec::new();
    for one in gap::run(&input, &[true; 4]) {
        let id = &tables.identities[one.identity].id;
        for row in &one.rows {
            for action in &row.actions {
                let name = &catalogue.entry(*action).name;
                let status = row.status.as_str().to_string();
                found.push((id.to_string(), name.to_string(), status));
            }
        }
    }
    let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_string();
    let rows = expected["permissions"].as_array().expect("a list");
    let mut wanted: Vec<(String, String, String)> =
        rows.iter().map(|row| (text(&row[0]), text(&row[1]), text(&row[2]))).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn patterns_of_a_system_stay_one_row() {
    let Some(files) = shared() else { return };
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
    let mut names: Vec<&str> = set.actions.iter().map(|id| &*catalogue.entry(id).name).collect();
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
    assert_eq!(row("s:write").map(|row| row.except.to_vec()), Some(vec![Str::from("a/b*")]));
    let list = row("s:list").expect("conditional");
    assert_eq!(&*list.conditions[0].text, "unless mfa false");
    assert_eq!(row("s:old*").map(|row| row.decision), Some(Decision::Conditional));
    let evaluator = &*evaluator;
    assert_eq!(verdict(evaluator, "x", "s:oldest", "q", None), Verdict::Deny);
    assert_eq!(verdict(evaluator, "x", "s:older", "q", None), Verdict::Allow);
    assert_eq!(verdict(evaluator, "x", "s:list", "q", None), Verdict::Conditional);
    let request = Request { identity: "x", action: "s:write", resource: None, context: &[] };
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
    let kept: Vec<&str> = set.actions.iter().map(|id| &*catalogue.entry(id).name).collect();
    assert_eq!(kept, ["s:b"]);
    assert_eq!(verdict(&*evaluator, "x", "s:a", "q", None), Verdict::Deny);
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
