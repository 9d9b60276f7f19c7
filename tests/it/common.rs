//! Runs the program in a clean environment, and finds files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run of the program.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `authgap` with arguments in a folder, with an environment that tells it nothing.
pub(crate) fn authgap_in(dir: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authgap"));
    command.args(args).current_dir(dir).env("TZ", "UTC").env("COLUMNS", "100");
    for (name, _) in std::env::vars() {
        let is_ours = ["AUTHGAP_", "CLICOLOR", "NO_COLOR", "CI", "RUST_LOG", "GITHUB_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_ours {
            command.env_remove(name);
        }
    }
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Run {
        status: status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
    }
}

/// Runs `authgap` in the project's folder.
pub(crate) fn authgap(args: &[&str]) -> Run {
    authgap_in(&root(), args)
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of evidence that lies beside the project and is not part of it; prints a line if it is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let base = std::env::var_os("AUTHGAP_SHARED")
        .map_or_else(|| root().join("..").join("shared"), PathBuf::from);
    let found = base.join(path);
    if found.exists() {
        return Some(found);
    }
    println!("skipped: {path} is not beside the project");
    None
}

/// The JSON report of some paths.
pub(crate) fn report(args: &[&str]) -> serde_json::Value {
    let mut all = vec!["analyze", "--format", "json"];
    all.extend_from_slice(args);
    let run = authgap(&all);
    assert_eq!(run.status, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).expect("the report is JSON")
}

/// One identity of a report, by display name or id.
pub(crate) fn identity<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    report["identities"]
        .as_array()
        .expect("identities")
        .iter()
        .find(|one| one["name"] == name || one["id"] == name)
        .unwrap_or_else(|| panic!("no identity {name}"))
}

/// Statuses of an identity's permissions, by action.
pub(crate) fn statuses(identity: &serde_json::Value) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
    identity["permissions"]
        .as_array()
        .expect("permissions")
        .iter()
        .map(|row| (text(&row["action"]), text(&row["status"]), text(&row["reason"])))
        .collect()
}
