//! Real evidence: what is known to be true of it must come out.

use serde_json::Value;

use crate::common::{authgap, identity, report, shared, statuses};

fn path(found: &std::path::Path) -> &str {
    found.to_str().expect("a path")
}

fn total(report: &Value, field: &str) -> u64 {
    report["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| input[field].as_u64().unwrap_or(0))
        .sum()
}

#[test]
fn invictus_is_read_whole() {
    let Some(dir) = shared("data/aws/cloudtrail/invictus") else { return };
    let report = report(&[path(&dir)]);
    assert_eq!(report["inputs"].as_array().expect("inputs").len(), 55);
    assert_eq!(total(&report, "records"), 2_900);
    assert_eq!(total(&report, "rejected_count"), 0);
    assert_eq!(report["as_of"], "2023-07-10T12:37:50Z");
    let remarks = report["summary"]["remarks"].to_string();
    assert!(!remarks.contains("unmapped"), "{remarks}");
    let denied = |name: &str, action: &str| {
        let one = identity(&report, name);
        let rows = one["permissions"].as_array().expect("permissions");
        let row = rows.iter().find(|row| row["action"] == action);
        row.map(|row| row["denied"].as_u64().unwrap_or(0))
    };
    let role = "aws:role/stratus-red-team-ec2-get-password-data-role";
    assert_eq!(denied(role, "ec2:GetPasswordData"), Some(29));
    // Grants are not in this set: nothing may be called unused or unexplained.
    for one in report["identities"].as_array().expect("identities") {
        for (action, status, _) in statuses(one) {
            assert!(["used", "not-granted"].contains(&status.as_str()), "{action} {status}");
        }
    }
}

#[test]
fn rule_tests_of_one_record_each_never_fail() {
    let Some(file) = shared("data/aws/cloudtrail/panther-rule-tests.jsonl.gz") else { return };
    let packed = std::fs::read(file).expect("the file");
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::MultiGzDecoder::new(packed.as_slice()),
        &mut text,
    )
    .expect("text");
    let dir = tempfile::tempdir().expect("a folder");
    let mut lines = 0;
    let mut statuses = std::collections::BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let file = dir.path().join("one.jsonl");
        std::fs::write(&file, line).expect("a file");
        let run =
            crate::common::authgap_in(dir.path(), &["analyze", "one.jsonl", "--format", "json"]);
        assert!(run.status == 0 || run.status == 2, "line {number}: {}", run.stderr);
        *statuses.entry(run.status).or_insert(0) += 1;
        lines += 1;
    }
    println!("{lines} records: {statuses:?}");
    assert_eq!(lines, 431);
    // 13 have no time; what has one is read.
    assert!(statuses.get(&0).copied().unwrap_or(0) >= 350, "{statuses:?}");
}

#[test]
fn cloud_snitch_is_read_from_its_delivery_layout() {
    let Some(dir) = shared("data/aws/cloudtrail/cloud-snitch") else { return };
    let report = report(&[path(&dir)]);
    assert_eq!(total(&report, "rejected_count"), 0);
    let records: u64 = report["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .filter(|input| input["path"].as_str().is_some_and(|path| path.contains("AWSLogs")))
        .map(|input| input["records"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(records, 21);
}

#[test]
fn cloudmapper_grants_and_reports() {
    let Some(dir) = shared("data/aws/grants/cloudmapper-demo") else { return };
    let report = report(&[path(&dir)]);
    let roles: Vec<&str> = report["identities"]
        .as_array()
        .expect("identities")
        .iter()
        .filter(|one| one["kind"] == "role")
        .filter_map(|one| one["name"].as_str())
        .collect();
    for name in ["exfiller", "bad_role", "level1", "level3"] {
        assert!(roles.contains(&format!("aws:role/{name}").as_str()), "{roles:?}");
    }
    // Contradicting evidence is told: the path of level1 differs between two files.
    let notes = report["summary"]["notes"].to_string();
    assert!(notes.contains("level1"), "{notes}");
    let key = report.to_string();
    assert!(key.contains("auditor_tmp"));
}

#[test]
fn cloudsplaining_grants_have_no_time_and_say_so() {
    let Some(dir) = shared("data/aws/grants/cloudsplaining") else { return };
    let run = authgap(&["analyze", path(&dir), "--format", "json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let obama = identity(&report, "aws:user/obama");
    assert!(obama["administrator"].is_string(), "{}", obama["administrator"]);
    for one in report["identities"].as_array().expect("identities") {
        // There is no log; only roles whose last use the export states as never are concluded.
        for row in one["permissions"].as_array().expect("permissions") {
            let basis = row["basis"].to_string();
            assert!(row["status"] != "excess" || basis.contains("role last used"), "{row}");
        }
        assert!(one["holes"].as_array().expect("holes").is_empty(), "{}", one["holes"]);
    }
}

#[test]
fn terraform_plans_are_read_and_say_what_they_do_not_know() {
    let Some(dir) = shared("data/aws/terraform") else { return };
    let Some(iam) = shared("data/aws/grants/cloudsplaining") else { return };
    let report = report(&[path(&dir), path(&iam)]);
    let plans: Vec<&Value> = report["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .filter(|input| input["path"].as_str().is_some_and(|path| path.contains("tfplan")))
        .collect();
    assert_eq!(plans.len(), 4);
    for plan in plans {
        assert_eq!(plan["kind"], "aws-terraform-plan", "{plan}");
        assert!(plan["used"].as_u64().is_some_and(|used| used > 0), "{plan}");
        // In one of them all that decides is written in the configuration.
        let is_whole =
            plan["path"].as_str().is_some_and(|path| path.ends_with("/plan.tfplan.json.gz"));
        let notes = plan["notes"].to_string();
        assert_ne!(notes.contains("known only after apply"), is_whole, "{plan}");
    }
}

#[test]
fn the_generic_tables_say_what_is_expected_of_them() {
    let Some(dir) = shared("data/other/generic") else { return };
    let expected: Value = serde_json::from_str(
        &std::fs::read_to_string(dir.join("expected.json")).expect("the file"),
    )
    .expect("JSON");
    let tables: Vec<String> = ["identities", "grants", "usage", "coverage"]
        .map(|name| dir.join(format!("{name}.csv")).to_string_lossy().into_owned())
        .to_vec();
    let mut args: Vec<&str> = tables.iter().map(String::as_str).collect();
    args.extend(["--as-of", "2026-03-31", "--window", "90d", "--expand"]);
    let report = report(&args);
    for row in expected["permissions"].as_array().expect("permissions") {
        let text = |at: usize| row[at].as_str().unwrap_or_default();
        let one = identity(&report, text(0));
        let found: Vec<(String, String)> = statuses(one)
            .into_iter()
            .filter(|(action, ..)| action == text(1))
            .map(|(_, status, reason)| (status, reason))
            .collect();
        assert!(found.iter().any(|(status, _)| status == text(2)), "{row}: {found:?}");
    }
}
