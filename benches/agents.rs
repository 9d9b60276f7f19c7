//! What a byte of an agent's transcript costs, beside a byte of CloudTrail.
//!
//! ```text
//! cargo bench --bench agents                            400 MB in 40 files, 5 rounds
//! cargo bench --bench agents -- MEGABYTES FILES [ROUNDS]
//! cargo bench --bench agents -- read DIR [ROUNDS]       transcripts that are there
//! ```
//!
//! Both are read from plain files, so that decompression counts for neither. Each round reads one after the other;
//! the ratio is of CPU time a byte (user and system, of the whole program), the median of the rounds.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[allow(dead_code, reason = "shared with the benchmark of the reader, which uses all of it")]
#[path = "support/generate.rs"]
mod generate;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/transcripts.rs"]
mod transcripts;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use authgap::model::Settings;
use authgap::platform::agent::{kinds, usage};
use authgap::platform::aws::trail;
use authgap::platform::events::EventFormat;
use authgap::usage::{LogFile, LogResult, NoProgress, ReadOptions, read_logs};
use measure::{cpu, median};

/// Goal for the ratio to CloudTrail.
const GOAL: f64 = 2.0;

/// Bytes of an event of the generated CloudTrail.
const EVENT_BYTES: u64 = 1_700;

fn main() -> io::Result<()> {
    let arguments = measure::arguments();
    let number = |at, default| measure::number(&arguments, at, default);
    let folder = tempfile::tempdir()?;
    let (mut logs, mut rounds) = (folder.path().join("agents"), number(2, 5));
    let megabytes = if arguments.first().is_some_and(|word| word == "read") {
        logs = PathBuf::from(arguments.get(1).map_or(".", String::as_str));
        rounds = number(2, 5);
        400
    } else {
        transcripts::write(&logs, number(0, 400), number(1, 40))?;
        number(0, 400)
    };
    let trail = folder.path().join("trail");
    generate::write(&trail, megabytes * 1_000_000 / EVENT_BYTES, number(1, 40))?;
    let (logs, trail) = (Set::new(&logs)?, Set::new(&unpacked(&trail)?)?);
    let settings = Arc::new(Settings::default());
    let Some(format) = usage::format(&kinds::TRANSCRIPT, &settings) else {
        return Err(io::Error::other("transcripts have no format"));
    };
    measure(&logs, &trail, &*format, rounds);
    Ok(())
}

/// Unpacks all files of a folder beside them.
fn unpacked(folder: &Path) -> io::Result<PathBuf> {
    let plain = folder.with_extension("plain");
    std::fs::create_dir_all(&plain)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(&path)?).read_to_end(&mut text)?;
        if let Some(name) = path.file_stem() {
            std::fs::write(plain.join(name), text)?;
        }
    }
    Ok(plain)
}

/// Files and their bytes.
struct Set {
    paths: Vec<PathBuf>,
    printed: Vec<String>,
    bytes: u64,
}

impl Set {
    fn new(folder: &Path) -> io::Result<Set> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        let bytes =
            paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let printed = paths.iter().map(|path| path.display().to_string()).collect();
        Ok(Set { paths, printed, bytes })
    }

    fn read(&self, format: &dyn EventFormat) -> LogResult {
        let files: Vec<LogFile<'_>> = self
            .paths
            .iter()
            .zip(&self.printed)
            .zip(0..)
            .map(|((path, printed), file)| LogFile { file, path, printed, format, context: "" })
            .collect();
        read_logs(&files, &ReadOptions::default(), &NoProgress)
    }
}

#[derive(Default)]
struct Costs {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

fn measure(logs: &Set, trail: &Set, format: &dyn EventFormat, rounds: u64) {
    let mut costs = [Costs::default(), Costs::default()];
    let mut told = [String::new(), String::new()];
    let sets: [(&Set, &dyn EventFormat); 2] = [(trail, &trail::FORMAT), (logs, format)];
    for _ in 0..rounds.max(1) {
        for (((set, format), costs), told) in sets.iter().zip(&mut costs).zip(&mut told) {
            let before = (cpu(), Instant::now());
            let result = set.read(*format);
            let bytes = set.bytes.max(1) as f64;
            costs.cpu.push((cpu() - before.0) * 1e9 / bytes);
            costs.wall.push(bytes / 1e9 / before.1.elapsed().as_secs_f64().max(0.001));
            let rows: usize = result.rows.iter().map(|rows| rows.rows.len()).sum();
            *told = format!("{} events, {rows} rows", result.events);
        }
    }
    println!("{:<24} {:>8} {:>12} {:>8}", "", "GB", "CPU ns/byte", "GB/s");
    let names = ["CloudTrail, unpacked", "transcripts"];
    for ((name, (set, _)), (costs, told)) in names.iter().zip(&sets).zip(costs.iter().zip(&told)) {
        println!(
            "{name:<24} {:>8.3} {:>12.3} {:>8.2}  {told}",
            set.bytes as f64 / 1e9,
            median(costs.cpu.clone()),
            median(costs.wall.clone()),
        );
    }
    let [trail, logs] = &costs;
    let ratios = logs.cpu.iter().zip(&trail.cpu).map(|(logs, trail)| logs / trail.max(1e-6));
    let ratio = median(ratios.collect());
    let verdict = if ratio <= GOAL { "met" } else { "missed" };
    println!("{ratio:.2} times CloudTrail's cost a byte; goal {GOAL}: {verdict}");
}
