//! What a large estate costs: time and memory of each stage from the evidence to the reports.
//!
//! ```text
//! cargo bench --bench gap                          100,000 identities
//! cargo bench --bench gap -- IDENTITIES            of another size
//! cargo bench --bench gap -- generate DIR [IDENTITIES]
//!                                                  writes the evidence and ends
//! cargo bench --bench gap -- read DIR [OUT]        over evidence that is there; with OUT, writes the reports there
//! ```
//!
//! Each stage is measured once, on the wall and in CPU time (user and system, of the whole program). *Peak* is the most
//! memory that was resident during the stage (`VmHWM`, set back before it), *held* what is resident after it; both
//! hold what earlier stages keep. Reports are written into nothing, so that no disk is measured; all formats are fed
//! from one report.
//!
//! Goals are those of the issue: grants read in under 10 s, the passes in under 5 s.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "support/estate.rs"]
mod estate;
#[allow(dead_code, reason = "shared with the benchmark of the reader, which uses all of it")]
#[path = "support/generate.rs"]
mod generate;
#[allow(dead_code, reason = "the median is for benchmarks that run rounds")]
#[path = "support/measure.rs"]
mod measure;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use authgap::audit::{self, Options};
use authgap::evidence::Progress;
use authgap::report::model::Report;
use authgap::report::{self, Format, TableKind, View};
use measure::cpu;

/// Seconds in which the grants of [`IDENTITIES`] are read, and the passes run over them.
const GRANTS_GOAL: f64 = 10.0;
const PASSES_GOAL: f64 = 5.0;

const IDENTITIES: u64 = 100_000;

fn main() -> io::Result<()> {
    let arguments = measure::arguments();
    let number = |at| measure::number(&arguments, at, IDENTITIES);
    let folder = arguments.get(1).map_or(".", String::as_str);
    match arguments.first().map(String::as_str) {
        Some("generate") => estate::write(Path::new(folder), number(2)),
        Some("read") => measure(Path::new(folder), arguments.get(2).map(Path::new)),
        _ => {
            let folder = tempfile::tempdir()?;
            estate::write(folder.path(), number(0))?;
            measure(folder.path(), None)
        }
    }
}

fn measure(folder: &Path, out: Option<&Path>) -> io::Result<()> {
    let options = Options { paths: vec![folder.to_path_buf()], ..Options::default() };
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>11}",
        "", "wall s", "CPU s", "peak MB", "held MB", ""
    );
    let logs = Logs::default();
    let stage = Stage::begin();
    let evidence = audit::read(&options, &logs)
        .map_err(|problems| io::Error::other(format!("{} problems", problems.len())))?;
    let whole = stage.seconds();
    let documents = whole - logs.seconds();
    stage.end("grants and log read", evidence.identities.len(), "identities");
    println!("{:<28} {documents:>8.2}", "  of that, without the log");
    let stage = Stage::begin();
    let mut outcome = audit::passes(&evidence, &options);
    let passes = stage.seconds();
    let rows = outcome.analysis.gaps.iter().map(|gap| gap.rows.len()).sum();
    stage.end("gap passes", rows, "rows");
    let stage = Stage::begin();
    outcome.find();
    stage.end("findings", outcome.findings.len(), "findings");
    let stage = Stage::begin();
    let report = report::build::build(&evidence, &outcome, &options);
    let advised = |one: &report::model::Recommendation| one.rows().count();
    let recommended: usize = report.recommendations.iter().map(advised).sum();
    stage.end("report and recommendations", recommended, "recommended rows");
    write(&report, out)?;
    println!("{:<28} {:>26}", "peak of all", peak_of_all());
    let told = |name: &str, seconds: f64, goal: f64| {
        let met = if seconds < goal { "met" } else { "missed" };
        println!("goal: {name} in under {goal} s: {met}");
    };
    if evidence.identities.len() as u64 == IDENTITIES {
        told("grants read", documents, GRANTS_GOAL);
        told("gap passes", passes, PASSES_GOAL);
    }
    Ok(())
}

/// Writes the report as JSON and Markdown, and each of its tables as CSV.
fn write(report: &Report, out: Option<&Path>) -> io::Result<()> {
    let tables = TableKind::ALL.into_iter().map(|table| ("csv", table));
    let whole = [("json", TableKind::Findings), ("markdown", TableKind::Findings)];
    for (id, table) in whole.into_iter().chain(tables) {
        let format = report::by_id(id).ok_or_else(|| io::Error::other("no such format"))?;
        let view = View { table, ..View::default() };
        let stage = Stage::begin();
        let bytes = match out {
            Some(folder) => to_file(folder, format, report, &view)?,
            None => {
                let mut counter = Counter(0);
                format.write(report, &view, &mut counter)?;
                counter.0
            }
        };
        let name = if id == "csv" { format!("CSV, {}", table.as_str()) } else { id.to_string() };
        stage.end(&name, bytes, "bytes");
    }
    Ok(())
}

fn to_file(folder: &Path, format: &dyn Format, report: &Report, view: &View) -> io::Result<usize> {
    let name = format!("{}.{}", view.table.as_str(), format.id());
    std::fs::create_dir_all(folder)?;
    let path: PathBuf = folder.join(name);
    let mut file = BufWriter::new(File::create(&path)?);
    format.write(report, view, &mut file)?;
    file.flush()?;
    Ok(path.metadata()?.len() as usize)
}

/// Counts bytes and keeps none.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When the first log was begun and the last one ended.
#[derive(Default)]
struct Logs(Mutex<Option<(Instant, Instant)>>);

impl Logs {
    fn seconds(&self) -> f64 {
        let times = self.0.lock().map(|times| *times).unwrap_or_default();
        times.map_or(0.0, |(begin, end)| (end - begin).as_secs_f64())
    }
}

impl Progress for Logs {
    fn start(&self, _bytes: u64, _files: u64) {
        if let Ok(mut times) = self.0.lock() {
            *times = Some((Instant::now(), Instant::now()));
        }
    }

    fn add(&self, _bytes: u64) {}

    fn file_done(&self) {
        if let Ok(mut times) = self.0.lock()
            && let Some((_, end)) = times.as_mut()
        {
            *end = Instant::now();
        }
    }
}

/// A stage that is being measured.
struct Stage {
    begin: Instant,
    cpu: f64,
}

impl Stage {
    fn begin() -> Stage {
        peak_of_all();
        // Sets `VmHWM` back (`proc(5)`, `clear_refs`); where that is not allowed, peaks are those since the start.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Stage { begin: Instant::now(), cpu: cpu() }
    }

    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    fn end(self, name: &str, number: usize, what: &str) {
        let (wall, cpu) = (self.seconds(), cpu() - self.cpu);
        println!(
            "{name:<28} {wall:>8.2} {cpu:>8.2} {:>8} {:>8} {number:>11} {what}",
            megabytes("VmHWM:"),
            megabytes("VmRSS:"),
        );
    }
}

/// The highest peak of the stages that ended.
static PEAK: Mutex<u64> = Mutex::new(0);

fn peak_of_all() -> u64 {
    let now = megabytes("VmHWM:");
    PEAK.lock().map_or(now, |mut peak| {
        *peak = now.max(*peak);
        *peak
    })
}

/// A figure of `/proc/self/status` in MB; 0 where there is none.
fn megabytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_000
}
