//! The shape of the source tree: what one file can promise for all others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::root;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, out: &mut Vec<(PathBuf, String)>) {
        let entries =
            std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
        for path in entries.collect::<BTreeSet<_>>() {
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("source is text");
                out.push((path, text));
            }
        }
    }
    let mut out = Vec::new();
    walk(&root().join("src"), &mut out);
    assert!(out.len() > 50, "{} files", out.len());
    out
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the project");
    path.to_string_lossy().replace('\\', "/")
}

/// Module of a file: its first folder, or its own name at the top.
fn module(path: &str) -> &str {
    let rest = path.strip_prefix("src/").unwrap_or(path);
    rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs")
}

#[test]
fn polars_is_confined() {
    let allowed = ["src/usage/store.rs", "src/platform/generic/parquet.rs"];
    for (path, text) in sources() {
        let path = relative(&path);
        if text.contains("polars::") {
            assert!(allowed.contains(&path.as_str()), "{path} names polars");
        }
    }
}

#[test]
fn dependencies_have_one_direction() {
    // Each module with those below it; nobody uses what is not below. Tests may.
    let below: &[(&str, &[&str])] = &[
        ("model", &[]),
        ("diagnostic", &["model"]),
        ("catalogue", &["model"]),
        ("platform", &["model", "catalogue", "diagnostic", "evidence"]),
        ("evidence", &["model", "diagnostic"]),
        ("intent", &["model", "diagnostic"]),
        ("frameworks", &["model"]),
        ("gap", &["model", "catalogue", "platform", "intent"]),
        ("findings", &["model", "catalogue", "platform", "intent", "gap", "frameworks"]),
    ];
    for (path, text) in sources() {
        let path = relative(&path);
        let mine = module(&path);
        let is_test = path.contains("tests") || path.contains("_test");
        let Some((_, allowed)) = below.iter().find(|(name, _)| *name == mine).filter(|_| !is_test)
        else {
            continue;
        };
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (at, _) in line.match_indices("crate::") {
                let used: String = line[at + 7..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let is_module = below.iter().any(|(name, _)| *name == used)
                    || ["report", "audit", "cli", "usage"].contains(&used.as_str());
                assert!(
                    !is_module || used == mine || allowed.contains(&used.as_str()),
                    "{path} uses crate::{used}"
                );
            }
        }
    }
}

#[test]
fn files_stay_readable() {
    let is_test = |path: &str| path.contains("test") || path.contains("properties");
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(&relative(path))) {
        let code =
            text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count();
        assert!(code <= 600, "{} has {code} lines", relative(&path));
    }
}

#[test]
fn every_kind_has_its_file_and_page() {
    let names: BTreeSet<String> =
        authgap::findings::KINDS.iter().map(|kind| kind.id.to_string()).collect();
    let pages: BTreeSet<String> = std::fs::read_dir(root().join("docs/findings"))
        .expect("the pages")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .map(|name| name.trim_end_matches(".md").to_string())
        .collect();
    assert_eq!(names, pages);
    let files: BTreeSet<String> = std::fs::read_dir(root().join("src/findings"))
        .expect("the sources")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "mod.rs" && name != "shared.rs")
        .map(|name| name.trim_end_matches(".rs").replace('_', "-"))
        .collect();
    assert_eq!(names, files);
}

#[test]
fn no_snapshot_is_pending() {
    fn walk(dir: &Path) {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            assert!(!name.ends_with(".snap.new") && !name.ends_with(".pending-snap"), "{name}");
            if path.is_dir() {
                walk(&path);
            }
        }
    }
    walk(&root().join("tests"));
}
