//! The same evidence gives the same bytes, whatever the threads and the order of paths.

use crate::common::{authgap, authgap_in, root};

fn run(args: &[&str]) -> String {
    let run = authgap(args);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.stdout
}

#[test]
fn threads_do_not_change_a_byte() {
    for format in ["json", "csv", "markdown", "table", "sarif", "junit", "github", "comment"] {
        let base = run(&["analyze", "fixtures/demo", "--format", format, "--threads", "1"]);
        assert!(base.len() > 1_000, "{format}");
        for threads in ["2", "3", "8"] {
            let other =
                run(&["analyze", "fixtures/demo", "--format", format, "--threads", threads]);
            assert!(base == other, "{format} differs with {threads} threads");
        }
    }
}

#[test]
fn the_order_of_paths_does_not_change_what_is_found() {
    let parts = ["fixtures/demo/aws", "fixtures/demo/agent", "fixtures/demo/authgap.yaml"];
    let report = |order: [usize; 3]| {
        let mut args = vec!["analyze", "--format", "json"];
        args.extend(order.map(|at| parts[at]));
        let mut report: serde_json::Value = serde_json::from_str(&run(&args)).expect("JSON");
        // The arguments are what differs.
        report["tool"]["arguments"] = serde_json::Value::Null;
        report
    };
    let base = report([0, 1, 2]);
    assert_eq!(base, report([2, 1, 0]));
    assert_eq!(base, report([1, 2, 0]));
}

#[test]
fn a_usage_store_stands_in_place_of_the_logs() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("usage.parquet");
    let store = store.to_str().expect("a path");
    let made = authgap(&["usage", "fixtures/demo/aws/cloudtrail-logs", "-o", store]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let again = dir.path().join("again.parquet");
    authgap(&["usage", "fixtures/demo/aws/cloudtrail-logs", "-o", again.to_str().expect("a path")]);
    assert!(
        std::fs::read(store).expect("a store") == std::fs::read(&again).expect("a store"),
        "the store's bytes differ from run to run"
    );
    // The rest of the evidence, without the logs.
    let rest = dir.path().join("rest");
    copy_without_logs(&root().join("fixtures/demo"), &rest);
    let from_logs = statuses(&run(&["analyze", "fixtures/demo", "--format", "json"]));
    let from_store = authgap_in(dir.path(), &["analyze", "rest", store, "--format", "json"]);
    assert_eq!(from_store.status, 0, "{}", from_store.stderr);
    assert_eq!(from_logs, statuses(&from_store.stdout));
    // Logs that the store holds already are not counted a second time.
    let logs = root().join("fixtures/demo/aws/cloudtrail-logs");
    let both = authgap_in(
        dir.path(),
        &["analyze", "rest", store, logs.to_str().expect("a path"), "--format", "json"],
    );
    assert_eq!(statuses(&both.stdout), from_logs);
}

fn copy_without_logs(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "cloudtrail-logs") {
                copy_without_logs(&path, &target);
            }
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Identity, action, status, uses: what must not depend on the form of the logs.
fn statuses(report: &str) -> Vec<(String, String, String, u64)> {
    let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
    let mut out = Vec::new();
    for identity in report["identities"].as_array().expect("identities") {
        for row in identity["permissions"].as_array().expect("permissions") {
            out.push((
                identity["id"].to_string(),
                row["action"].to_string(),
                row["status"].to_string(),
                row["uses"].as_u64().unwrap_or(0),
            ));
        }
    }
    out.sort();
    assert!(out.len() > 20);
    out
}
