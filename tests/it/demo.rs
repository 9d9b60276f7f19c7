//! The demo: the four core scenarios by name, each with the evidence that proves it, and a snapshot of every
//! format.

use serde_json::Value;

use crate::common::{authgap, report};

fn findings<'a>(report: &'a Value, identity: &str, kind: &str) -> Vec<&'a Value> {
    let id = report["identities"]
        .as_array()
        .expect("identities")
        .iter()
        .find(|one| one["name"] == identity || one["id"] == identity)
        .map(|one| one["id"].clone())
        .unwrap_or_else(|| panic!("no identity {identity}"));
    report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|one| one["identity"] == id && one["kind"] == kind)
        .collect()
}

/// A finding that is there, with a place of evidence on a side whose line says something.
fn proven(
    report: &Value,
    identity: &str,
    kind: &str,
    facet: Option<&str>,
    sides: &[&str],
) -> Value {
    let found = findings(report, identity, kind);
    let one = found
        .iter()
        .find(|one| facet.is_none_or(|facet| one["facet"] == facet))
        .unwrap_or_else(|| panic!("{identity} has no {kind} {facet:?}: {found:?}"));
    for side in sides {
        let evidence = one["evidence"].as_array().expect("evidence");
        let has = evidence.iter().any(|place| {
            place["side"] == *side
                && !place["file"].as_str().unwrap_or_default().is_empty()
                && (place["line"].is_u64() || place["record"].is_u64())
        });
        assert!(has, "{kind} of {identity} has no place on the side {side}: {evidence:?}");
    }
    (*one).clone()
}

#[test]
fn scenario_1_an_agent_may_read_tickets_and_changed_production_records() {
    let report = report(&["fixtures/demo"]);
    let who = "agent://triage-bot";
    let headline = proven(&report, who, "out-of-scope-action", Some("action"), &["use", "intent"]);
    assert_eq!(headline["severity"], "critical");
    assert_eq!(headline["actions"][0], "record:update");
    proven(&report, who, "intent-drift", Some("action"), &["grant", "intent"]);
}

#[test]
fn scenario_2_a_ci_account_deployed_to_production_at_night() {
    let report = report(&["fixtures/demo"]);
    let who = "aws:role/ci-deploy";
    proven(&report, who, "wrong-environment", None, &["use", "intent"]);
    proven(&report, who, "out-of-hours", None, &["use", "intent"]);
    proven(&report, who, "intent-drift", Some("resource"), &["grant", "intent"]);
}

#[test]
fn scenario_3_a_third_party_key_outlives_the_contract() {
    let report = report(&["fixtures/demo"]);
    let who = "aws:user/parcelco-sync";
    proven(&report, who, "expired-relationship", None, &["grant", "intent"]);
    proven(&report, who, "out-of-scope-action", Some("after-end"), &["use", "intent"]);
}

#[test]
fn scenario_4_secrets_are_read_with_no_condition_on_their_class() {
    let report = report(&["fixtures/demo"]);
    let who = "aws:role/report-worker";
    proven(&report, who, "sensitive-without-condition", None, &["grant", "intent"]);
    proven(&report, who, "out-of-scope-action", Some("data"), &["use", "intent"]);
}

#[test]
fn scenario_1_again_from_an_agents_traces() {
    let report = report(&["fixtures/demo"]);
    let who = "agent://support-copilot";
    let headline = proven(&report, who, "out-of-scope-action", Some("action"), &["use", "intent"]);
    assert_eq!(headline["severity"], "critical");
    assert_eq!(headline["actions"][0], "agent:update_record");
    assert_eq!(headline["resources"][0], "record:prod.customers");
    proven(&report, who, "intent-drift", Some("action"), &["grant", "intent"]);
    proven(&report, who, "unapproved-destructive-tool", None, &["grant"]);
    // What the calls carried stays in the traces.
    assert!(!report.to_string().contains("Example Street"));
}

#[test]
fn scenario_4_again_from_a_cluster() {
    let report = report(&["fixtures/demo"]);
    let who = "k8s://shop/reports/serviceaccount/report-builder";
    let guard = proven(&report, who, "sensitive-without-condition", None, &["grant", "intent"]);
    assert!(guard["actions"].to_string().contains("k8s:list:core/secrets"), "{guard}");
    let unused = proven(&report, who, "unused-permission", None, &["grant"]);
    assert!(unused["actions"].to_string().contains("k8s:list:core/secrets"), "{unused}");
    let builder = crate::common::identity(&report, who);
    assert!(
        builder["reach"].to_string().contains("role/report-worker"),
        "the account's reach in the cloud: {}",
        builder["reach"]
    );
}

#[test]
fn frameworks_stand_on_findings_and_recommendations() {
    let report = report(&["fixtures/demo"]);
    let labels = |value: &Value| -> Vec<String> {
        let ids = value["frameworks"].as_array().expect("frameworks");
        ids.iter().map(|id| format!("{}={}", id["label"], id["published"])).collect()
    };
    for recommendation in report["recommendations"].as_array().expect("recommendations") {
        let labels = labels(recommendation);
        assert!(labels.contains(&"\"NHI-03\"=\"NHI5:2025\"".to_string()), "{labels:?}");
        assert!(labels.contains(&"\"PR.AC-4\"=\"PR.AA-05\"".to_string()), "{labels:?}");
    }
    for finding in report["findings"].as_array().expect("findings") {
        assert!(!labels(finding).is_empty(), "{finding}");
    }
}

#[test]
fn the_partition_adds_up() {
    let report = report(&["fixtures/demo"]);
    for identity in report["identities"].as_array().expect("identities") {
        let by_status = identity["by_status"].as_object().expect("by_status");
        let granted: u64 = by_status
            .iter()
            .filter(|(status, _)| {
                !["unexplained", "shortfall", "not-granted"].contains(&status.as_str())
            })
            .map(|(_, count)| count.as_u64().expect("a number"))
            .sum();
        if identity["judged"] == true && identity["counts"]["unexplained"] == 0 {
            assert_eq!(
                granted,
                identity["counts"]["granted"].as_u64().expect("a number"),
                "{}",
                identity["id"]
            );
        }
    }
}

/// What the generator of the demo says must come out, written down without this program: status, reason and facet
/// of every action, how often and when it was last used.
#[test]
fn the_demo_comes_out_as_it_was_made() {
    let path = crate::common::root().join("fixtures/demo.expected.json");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the file")).expect("JSON");
    let report = report(&["fixtures/demo", "--expand"]);
    assert_eq!(report["as_of"], expected["as_of"]);
    let files = report["inputs"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(Some(files), expected["inputs"]["files"].as_u64());
    assert_eq!(report["summary"]["duplicates"], expected["inputs"]["cloudtrail"]["duplicates"]);
    let mut actions = 0;
    for wanted in expected["identities"].as_array().expect("identities") {
        let name = wanted["id"].as_str().expect("an id");
        let one = crate::common::identity(&report, name);
        if wanted["class"] != "judged" {
            continue;
        }
        if wanted["granted"].is_u64() {
            assert_eq!(one["counts"]["granted"], wanted["granted"], "{name}");
        }
        let rows = one["permissions"].as_array().expect("permissions");
        for action in wanted["permissions"].as_array().expect("permissions") {
            let of = |row: &&Value| row["action"] == action["action"];
            let mut found: Vec<String> = rows
                .iter()
                .filter(of)
                .map(|row| format!("{} {} {}", row["status"], row["reason"], row["facet"]))
                .collect();
            // One use that is outside in several respects is one row, which prints the first of them.
            let mut uses_seen = std::collections::BTreeSet::new();
            let mut rows_wanted: Vec<String> = action["rows"]
                .as_array()
                .expect("rows")
                .iter()
                .filter(|row| {
                    row["status"] != "out-of-scope"
                        || uses_seen.insert(row["resources"].to_string())
                })
                .map(|row| format!("{} {} {}", row["status"], row["reason"], facet(row)))
                .collect();
            found.sort();
            rows_wanted.sort();
            assert_eq!(found, rows_wanted, "{name} {}", action["action"]);
            if let Some(allowed) = action["allowed"].as_u64() {
                let uses: u64 =
                    rows.iter().filter(of).map(|row| row["uses"].as_u64().unwrap_or(0)).sum();
                assert_eq!(uses, allowed, "{name} {}", action["action"]);
            }
            if action["last"].is_string() {
                let last = rows.iter().filter(of).filter_map(|row| row["last_used"].as_str()).max();
                assert_eq!(last, action["last"].as_str(), "{name} {}", action["action"]);
            }
            actions += 1;
        }
    }
    assert!(actions > 60, "{actions}");
}

/// The first of several facets is the one that a row prints.
fn facet(row: &Value) -> Value {
    let list = row["facet"].as_array().and_then(|list| list.first()).cloned();
    list.unwrap_or_else(|| row["facet"].clone())
}

fn snapshot(name: &str, args: &[&str]) {
    let run = authgap(args);
    assert_eq!(run.status, 0, "{}", run.stderr);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, run.stdout);
    });
}

#[test]
fn every_format_and_table_of_the_demo() {
    snapshot("demo-table", &["analyze", "fixtures/demo"]);
    snapshot("demo-markdown", &["analyze", "fixtures/demo", "--format", "markdown"]);
    for table in ["findings", "identities", "permissions", "recommendations", "coverage"] {
        let name = format!("demo-csv-{table}");
        snapshot(&name, &["analyze", "fixtures/demo", "--format", "csv", "--table", table]);
    }
    for table in ["identities", "permissions", "recommendations", "coverage"] {
        let name = format!("demo-table-{table}");
        snapshot(&name, &["analyze", "fixtures/demo", "--table", table]);
    }
    snapshot("demo-filtered", &["analyze", "fixtures/demo", "--min-severity", "high"]);
    snapshot(
        "demo-explain-identity",
        &["explain", "aws:role/report-worker", "--from", "fixtures/demo"],
    );
    snapshot("demo-json", &["analyze", "fixtures/demo", "--format", "json"]);
    for format in ["github", "comment", "junit"] {
        let name = format!("demo-{format}");
        snapshot(&name, &["analyze", "fixtures/demo", "--format", format]);
    }
    // The results alone: the rules before them hold the pages of the kinds.
    let args = ["analyze", "fixtures/demo", "--format", "sarif", "--min-severity", "high"];
    let run = authgap(&args);
    let (_, results) = run.stdout.split_once("\"results\": ").expect("results");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("demo-sarif", results);
    });
}

#[test]
fn the_program_carries_the_demo() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("demo");
    let folder = folder.to_str().expect("a path");
    let demo = authgap(&["demo", folder, "-q"]);
    let again = authgap(&["analyze", folder, "-q"]);
    assert_eq!((demo.status, demo.stdout.as_str()), (0, again.stdout.as_str()));
    std::fs::write(root.path().join("demo").join("mine.txt"), "mine").expect("written");
    let refused = authgap(&["demo", folder]);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("mine.txt"), "{}", refused.stderr);
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let readme =
        std::fs::read_to_string(crate::common::root().join("README.md")).expect("the README");
    let sample = readme
        .split("<!-- sample:begin -->")
        .nth(1)
        .and_then(|rest| rest.split("<!-- sample:end -->").next())
        .expect("the README has a sample");
    let run = authgap(&["analyze", "fixtures/demo"]);
    let shown: Vec<&str> =
        sample.lines().filter(|line| !line.starts_with("```") && !line.starts_with('$')).collect();
    let printed: Vec<&str> = run.stdout.lines().collect();
    let shown: Vec<&str> = shown.into_iter().skip_while(|line| line.is_empty()).collect();
    assert!(shown.len() > 20, "{} lines", shown.len());
    for (line, wanted) in shown.iter().zip(&printed) {
        if line.trim() == "…" {
            break;
        }
        assert_eq!(line.trim_end(), wanted.trim_end());
    }
}

#[test]
fn the_report_matches_its_published_schema() {
    let schema = std::fs::read_to_string(crate::common::root().join("docs/report.schema.json"))
        .expect("the schema");
    assert_eq!(schema, authgap::report::schema::schema(), "run `authgap dev docs`");
    let run = authgap(&["analyze", "fixtures/demo", "--format", "json"]);
    let again = authgap::report::json::read(run.stdout.as_bytes()).expect("the report reads back");
    assert_eq!(
        again.findings.len(),
        serde_json::from_str::<Value>(&run.stdout).expect("JSON")["findings"]
            .as_array()
            .expect("a list")
            .len()
    );
}
