//! Tests of the readers, each through the whole way: file, records, keys, rows.

mod shared;
mod traps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Settings, UsageRow};
use crate::platform::events::{EventFormat, Translated};
use crate::platform::{Kind, Sample};
use crate::usage::{LogFile, LogResult, NoProgress, ReadOptions, read_logs};

use super::{detect, format};

/// What reading files told.
struct Told {
    result: LogResult,
    out: Translated,
}

impl Told {
    /// Events by identity, action and outcome.
    fn counts(&self) -> BTreeMap<(String, String, &'static str), u64> {
        let mut out = BTreeMap::new();
        for row in &self.out.usage {
            let key = (row.identity.to_string(), row.action.to_string(), row.outcome.as_str());
            *out.entry(key).or_default() += row.count;
        }
        out.retain(|_, count| *count > 0);
        out
    }

    /// Events by outcome.
    fn outcomes(&self) -> (u64, u64, u64) {
        let of = |word: &str| {
            self.counts().iter().filter(|(key, _)| key.2 == word).map(|(_, n)| n).sum()
        };
        (of("allowed"), of("denied"), of("undetermined"))
    }

    /// Rows of an action.
    fn rows(&self, action: &str) -> Vec<&UsageRow> {
        self.out.usage.iter().filter(|row| *row.action == *action).collect()
    }

    /// Granted actions, each once.
    fn granted(&self) -> Vec<String> {
        let all: std::collections::BTreeSet<String> =
            self.out.grants.iter().map(|grant| grant.action.to_string()).collect();
        all.into_iter().collect()
    }
}

/// Reads files of one kind.
fn read_files(kind: &'static Kind, paths: &[PathBuf], context: &str, settings: Settings) -> Told {
    let format: Arc<dyn EventFormat> = format(kind, &Arc::new(settings)).unwrap();
    let printed: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let files: Vec<LogFile<'_>> = paths
        .iter()
        .zip(&printed)
        .zip(0..)
        .map(|((path, printed), file)| LogFile { file, path, printed, format: &*format, context })
        .collect();
    let options = ReadOptions { threads: 2, ..ReadOptions::default() };
    let result = read_logs(&files, &options, &NoProgress);
    let mut out = Translated::default();
    for rows in &result.rows {
        format.translate(rows.rows.clone(), &mut out);
    }
    Told { result, out }
}

/// Reads texts of one kind.
fn read(kind: &'static Kind, texts: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> =
        (0..texts.len()).map(|at| folder.path().join(format!("{at}.jsonl"))).collect();
    for (path, text) in paths.iter().zip(texts) {
        std::fs::write(path, text).unwrap();
    }
    read_files(kind, &paths, "", Settings::default())
}

/// What a text is taken for.
fn detected(path: &str, text: &[u8]) -> Option<&'static str> {
    let head = &text[..text.len().min(64 << 10)];
    let sample = Sample { path, head, is_whole: head.len() == text.len() };
    detect(&sample).map(|found| found.kind.id)
}

/// The folder of samples; `None`, and a printed line, where it is not there.
fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/agents");
    if folder.is_dir() {
        return Some(folder);
    }
    #[allow(clippy::print_stdout, reason = "says that the test did not run")]
    {
        println!("skipped: no samples of agents");
    }
    None
}
