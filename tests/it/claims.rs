//! What each source may conclude: one test for each row of the table in `docs/claims.md`, from evidence to status.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::bad_input::{details, event, write};
use crate::common::{authgap_in, identity, statuses};

/// A folder with the role `runner`, who is granted these actions.
fn granted(actions: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut export = details();
    export["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] =
        json!(actions);
    write(dir.path(), "iam.json", export.to_string().as_bytes());
    dir
}

/// A log of reads and changes on each of the first days.
fn log(dir: &Path, days: u32) {
    let mut text = String::new();
    for day in 0..days {
        for (name, read_only) in [("DescribeInstances", true), ("StartInstances", false)] {
            let _ = writeln!(text, "{}", event(day, name, read_only));
        }
    }
    write(dir, "log.json", text.as_bytes());
}

fn status(dir: &Path, action: &str, more: &[&str]) -> (String, String) {
    let mut args = vec!["analyze", ".", "--format", "json", "--expand"];
    args.extend_from_slice(more);
    let run = authgap_in(dir, &args);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let rows = statuses(identity(&report, "aws:role/runner"));
    let row = rows.into_iter().find(|(name, ..)| name == action);
    let (_, status, reason) = row.unwrap_or_else(|| panic!("no row for {action}"));
    (status, reason)
}

fn is(dir: &Path, action: &str, wanted: &str) {
    let (status, reason) = status(dir, action, &[]);
    let found = if reason.is_empty() { status } else { format!("{status} {reason}") };
    assert_eq!(found, wanted, "{action}");
}

fn last_accessed(services: &Value) -> String {
    json!({
        "Arn": "arn:aws:iam::111122223333:role/runner",
        "JobStatus": "COMPLETED",
        "JobType": "ACTION_LEVEL",
        "JobCreationDate": "2026-04-10T12:00:00Z",
        "JobCompletionDate": "2026-04-10T12:00:05Z",
        "IsTruncated": false,
        "ServicesLastAccessed": services,
    })
    .to_string()
}

#[test]
fn a_log_concludes_what_it_recorded_and_nothing_else() {
    let dir = granted(&["ec2:StartInstances", "ec2:StopInstances", "s3:GetObject", "iam:PassRole"]);
    log(dir.path(), 100);
    is(dir.path(), "ec2:StartInstances", "used");
    is(dir.path(), "ec2:StopInstances", "excess");
    is(dir.path(), "s3:GetObject", "unknown not-logged");
    is(dir.path(), "iam:PassRole", "unknown never-logged");
}

#[test]
fn a_log_of_less_than_nine_tenths_of_the_window_is_too_short() {
    let dir = granted(&["ec2:StopInstances"]);
    log(dir.path(), 70);
    is(dir.path(), "ec2:StopInstances", "unknown short-window");
    let (status, _) = status(dir.path(), "ec2:StopInstances", &["--window", "60d"]);
    assert_eq!(status, "excess");
}

#[test]
fn a_region_that_is_seen_with_reads_alone_leaves_changes_open() {
    let dir = granted(&["ec2:StopInstances", "ec2:DescribeImages"]);
    log(dir.path(), 100);
    let mut other = String::new();
    for day in 0..100 {
        let mut one = event(day, "DescribeInstances", true);
        one["awsRegion"] = json!("eu-central-1");
        one["eventID"] = json!(format!("10000000-0000-4000-8000-{day:012x}"));
        let _ = writeln!(other, "{one}");
    }
    write(dir.path(), "other.json", other.as_bytes());
    is(dir.path(), "ec2:DescribeImages", "excess");
    is(dir.path(), "ec2:StopInstances", "unknown not-logged");
}

#[test]
fn a_log_of_denials_alone_proves_no_non_use() {
    let dir = granted(&["ec2:StopInstances"]);
    let mut text = String::new();
    for day in 0..100 {
        for (name, read_only) in [("DescribeInstances", true), ("StartInstances", false)] {
            let mut one = event(day, name, read_only);
            one["errorCode"] = json!("Client.UnauthorizedOperation");
            let _ = writeln!(text, "{one}");
        }
    }
    write(dir.path(), "log.json", text.as_bytes());
    is(dir.path(), "ec2:StopInstances", "unknown not-logged");
}

#[test]
fn a_service_that_was_never_accessed_concludes_data_events_too() {
    let dir = granted(&["s3:GetObject", "iam:PassRole", "ec2:StopInstances"]);
    let services = json!([
        { "ServiceName": "Amazon S3", "ServiceNamespace": "s3", "TotalAuthenticatedEntities": 0 },
        { "ServiceName": "IAM", "ServiceNamespace": "iam", "TotalAuthenticatedEntities": 0 },
        { "ServiceName": "EC2", "ServiceNamespace": "ec2", "LastAuthenticated": "2026-04-01T00:00:00Z",
          "LastAuthenticatedEntity": "arn:aws:iam::111122223333:role/runner", "TotalAuthenticatedEntities": 1 },
    ]);
    write(dir.path(), "report.json", last_accessed(&services).as_bytes());
    is(dir.path(), "s3:GetObject", "excess");
    // No call carries it, so the report could not have shown it.
    is(dir.path(), "iam:PassRole", "unknown never-logged");
    // The service was accessed; by which action nobody says.
    is(dir.path(), "ec2:StopInstances", "unknown not-logged");
}

#[test]
fn the_action_level_concludes_what_it_tracks_and_an_attempt_keeps_an_action() {
    let dir = granted(&["ec2:StopInstances", "ec2:RebootInstances", "ec2:ModifyHosts"]);
    let services = json!([{
        "ServiceName": "EC2",
        "ServiceNamespace": "ec2",
        "LastAuthenticated": "2026-04-01T00:00:00Z",
        "TotalAuthenticatedEntities": 1,
        "TrackedActionsLastAccessed": [
            { "ActionName": "StopInstances" },
            { "ActionName": "RebootInstances", "LastAccessedTime": "2026-04-01T00:00:00Z",
              "LastAccessedEntity": "arn:aws:iam::111122223333:role/runner", "LastAccessedRegion": "eu-west-1" },
        ],
    }]);
    write(dir.path(), "report.json", last_accessed(&services).as_bytes());
    is(dir.path(), "ec2:StopInstances", "excess");
    is(dir.path(), "ec2:RebootInstances", "unknown attempted");
    // Not tracked, so not concluded.
    is(dir.path(), "ec2:ModifyHosts", "unknown not-logged");
}

#[test]
fn trap_02_an_attempt_that_a_log_shows_as_denied_keeps_nothing() {
    let dir = granted(&["ec2:RebootInstances"]);
    log(dir.path(), 100);
    let services = json!([{
        "ServiceName": "EC2",
        "ServiceNamespace": "ec2",
        "LastAuthenticated": "2026-03-02T12:00:00Z",
        "TotalAuthenticatedEntities": 1,
        "TrackedActionsLastAccessed": [
            { "ActionName": "RebootInstances", "LastAccessedTime": "2026-03-02T12:00:00Z" },
        ],
    }]);
    write(dir.path(), "report.json", last_accessed(&services).as_bytes());
    is(dir.path(), "ec2:RebootInstances", "unknown attempted");
    let mut denied = event(60, "RebootInstances", false);
    denied["errorCode"] = json!("Client.UnauthorizedOperation");
    denied["eventID"] = json!("20000000-0000-4000-8000-000000000001");
    write(dir.path(), "denied.json", denied.to_string().as_bytes());
    is(dir.path(), "ec2:RebootInstances", "excess");
}

#[test]
fn a_role_that_was_never_used_concludes_everything() {
    let dir = granted(&["s3:GetObject", "iam:PassRole"]);
    let text = std::fs::read_to_string(dir.path().join("iam.json")).expect("the export");
    let mut export: Value = serde_json::from_str(&text).expect("JSON");
    let mut other = export["RoleDetailList"][0].clone();
    export["RoleDetailList"][0]["RoleLastUsed"] = json!({});
    other["RoleName"] = json!("busy");
    other["RoleId"] = json!("AROAEXAMPLE0000000002");
    other["Arn"] = json!("arn:aws:iam::111122223333:role/busy");
    other["RoleLastUsed"] =
        json!({ "LastUsedDate": "2026-04-10T11:00:00Z", "Region": "eu-west-1" });
    export["RoleDetailList"].as_array_mut().expect("a list").push(other);
    write(dir.path(), "iam.json", export.to_string().as_bytes());
    is(dir.path(), "s3:GetObject", "excess");
    is(dir.path(), "iam:PassRole", "excess");
    let run = authgap_in(dir.path(), &["analyze", ".", "--format", "json"]);
    assert!(run.stdout.contains("never-used-identity"), "the identity as a whole is the finding");
}

#[test]
fn undetermined_calls_keep_an_action_and_prove_nothing() {
    let dir = granted(&["ec2:StopInstances"]);
    log(dir.path(), 100);
    let mut throttled = event(50, "StopInstances", false);
    throttled["errorCode"] = json!("Client.RequestLimitExceeded");
    throttled["eventID"] = json!("30000000-0000-4000-8000-000000000001");
    write(dir.path(), "throttled.json", throttled.to_string().as_bytes());
    is(dir.path(), "ec2:StopInstances", "unknown attempted");
}

#[test]
fn an_unmapped_event_of_the_service_keeps_its_actions_open() {
    let dir = granted(&["ec2:StopInstances"]);
    log(dir.path(), 100);
    let mut odd = event(50, "HaltInstances", false);
    odd["eventID"] = json!("40000000-0000-4000-8000-000000000001");
    write(dir.path(), "odd.json", odd.to_string().as_bytes());
    is(dir.path(), "ec2:StopInstances", "unknown unmapped");
}

#[test]
fn a_missing_policy_is_a_hole_and_never_an_empty_one() {
    let dir = granted(&["ec2:StopInstances"]);
    log(dir.path(), 100);
    let text = std::fs::read_to_string(dir.path().join("iam.json")).expect("the export");
    let mut export: Value = serde_json::from_str(&text).expect("JSON");
    export["RoleDetailList"][0]["AttachedManagedPolicies"] = json!([
        { "PolicyName": "AmazonEC2FullAccess", "PolicyArn": "arn:aws:iam::aws:policy/AmazonEC2FullAccess" },
    ]);
    write(dir.path(), "iam.json", export.to_string().as_bytes());
    // Used and not granted by what is known: the hole may grant it, so it is not unexplained.
    is(dir.path(), "ec2:StartInstances", "used");
    let run =
        authgap_in(dir.path(), &["can", "aws:role/runner", "ec2:StartInstances", "--from", "."]);
    assert!(run.stdout.starts_with("unknown"), "{}", run.stdout);
}

#[test]
fn tables_without_coverage_prove_no_non_use_unless_the_user_vouches() {
    let dir = tempfile::tempdir().expect("a folder");
    write(
        dir.path(),
        "grants.csv",
        b"identity,action,effect\nsvc:a,crm:read,allow\nsvc:a,crm:write,allow\n",
    );
    let mut usage = "identity,action,time,outcome\n".to_string();
    for day in 1..=28 {
        for month in 1..=4 {
            let _ = writeln!(usage, "svc:a,crm:read,2026-{month:02}-{day:02}T00:00:00Z,allowed");
        }
    }
    write(dir.path(), "usage.csv", usage.as_bytes());
    let of = |more: &[&str]| {
        let mut args = vec!["analyze", ".", "--format", "json", "--expand"];
        args.extend_from_slice(more);
        let run = authgap_in(dir.path(), &args);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let rows = statuses(identity(&report, "svc:a"));
        let row = rows.into_iter().find(|(name, ..)| name == "crm:write");
        (row.map(|(_, status, reason)| (status, reason)), run.stdout)
    };
    let (alone, _) = of(&[]);
    assert_eq!(alone, Some(("unknown".to_string(), "not-logged".to_string())));
    let (vouched, text) = of(&["--assume-covered", "generic"]);
    assert_eq!(vouched.map(|(status, _)| status).as_deref(), Some("excess"));
    assert!(text.contains("assumed covered"), "the report repeats it");
}
