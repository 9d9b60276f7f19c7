//! Tests of the audit log formats, through the log reader itself.

mod cases;
mod policies;
mod samples;
mod traps;
mod unwrapping;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{AuditLog, GKE, NATIVE, WRAPPED, detect};
use crate::model::{Outcome, UsageRow};
use crate::platform::events::{EventFormat, Translated};
use crate::platform::kubernetes::kinds;
use crate::platform::{Kind, Sample};
use crate::usage::{LogFile, LogResult, NoProgress, ReadOptions, read_logs};

/// What was read of some files.
pub(super) struct Read {
    pub(super) logs: LogResult,
    pub(super) out: Translated,
}

/// The folder of public samples, if it is there.
pub(super) fn shared(below: &str) -> Option<PathBuf> {
    let stated = std::env::var_os("AUTHGAP_SHARED").map(PathBuf::from);
    let path = stated.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = path.join("data/kubernetes").join(below);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

pub(super) fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Reads files in a format, in the slow way too, which must agree.
pub(super) fn read_files(paths: &[&Path], format: &AuditLog, context: &str) -> Read {
    let printed: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let files: Vec<LogFile<'_>> = paths
        .iter()
        .zip(&printed)
        .zip(0..)
        .map(|((path, printed), file)| LogFile { file, path, printed, format, context })
        .collect();
    let read = |slow_twin| {
        let options = ReadOptions { threads: 2, slow_twin, ..ReadOptions::default() };
        let logs = read_logs(&files, &options, &NoProgress);
        let mut out = Translated::default();
        for rows in &logs.rows {
            format.translate(rows.rows.clone(), &mut out);
        }
        Read { logs, out }
    };
    let (fast, slow) = (read(false), read(true));
    assert_eq!(fast.out.usage, slow.out.usage, "both readers agree");
    assert_eq!(fast.out.grants, slow.out.grants, "both readers agree");
    fast
}

/// Reads a text.
pub(super) fn read_text(text: &str, format: &AuditLog) -> Read {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    read_files(&[file.path()], format, "c")
}

/// Reads events, one a line.
pub(super) fn read_events(events: &[Value]) -> Read {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    read_text(&lines.join("\n"), &NATIVE)
}

pub(super) fn format_of(kind: &Kind) -> AuditLog {
    match kind.id {
        id if id == kinds::AUDIT.id => NATIVE,
        id if id == kinds::GKE.id => GKE,
        _ => WRAPPED,
    }
}

/// What a text is called.
pub(super) fn detected(text: &[u8]) -> Option<&'static Kind> {
    let head = text.get(..text.len().min(64 << 10)).unwrap();
    let sample = Sample { path: "x", head, is_whole: head.len() == text.len() };
    detect(&sample).map(|found| found.kind)
}

impl Read {
    /// Rows as lines: identity (without `k8s://c/`), action, scope, outcome, marks, count.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = merged(&self.out.usage).iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// Rows with equal keys together, as the audit merges them.
pub(super) fn merged(usage: &[UsageRow]) -> Vec<UsageRow> {
    let mut rows = usage.to_vec();
    rows.sort_by(|left, right| left.key().cmp(&right.key()));
    let mut out: Vec<UsageRow> = Vec::new();
    for row in rows {
        match out.last_mut() {
            Some(last) if last.key() == row.key() => last.merge(&row),
            _ => out.push(row),
        }
    }
    out
}

fn line(row: &UsageRow) -> String {
    let outcome = match row.outcome {
        Outcome::Allowed => "",
        Outcome::Denied => " denied",
        Outcome::Undetermined => " undetermined",
    };
    let inferred = if row.inferred { " inferred" } else { "" };
    let short = |id: &str| id.strip_prefix("k8s://c/").unwrap_or(id).to_string();
    let behalf = row.on_behalf_of.as_deref().map(|id| format!(" for {}", short(id)));
    let via = row.via.as_deref().map(|id| format!(" via {}", short(id)));
    format!(
        "{} {} {}{outcome}{inferred}{}{} x{}",
        short(&row.identity),
        row.action,
        row.scope.as_str(),
        behalf.unwrap_or_default(),
        via.unwrap_or_default(),
        row.count
    )
}
