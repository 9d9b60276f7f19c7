//! How near the reader is to decompression alone.
//!
//! ```text
//! cargo bench --bench reader                              1,000,000 events in 400 files, 5 rounds
//! cargo bench --bench reader -- EVENTS FILES [ROUNDS]     of another size
//! cargo bench --bench reader -- read DIR [ROUNDS] [N]     over files that are there; only variant N
//! cargo bench --bench reader -- generate DIR EVENTS FILES writes the files and ends
//! ```
//!
//! Each round runs all variants one after the other, and only ratios within a round are compared: the same
//! program is up to 30 % faster or slower from hour to hour. *Floor* is decompressing each file whole with
//! libdeflate. The ratio is of CPU time (user and system, of the whole program), the median of the rounds.
//!
//! The goal is for the usage table. The reader also hashes each file (SHA-256), which the report's list of inputs names
//! and the table does not need; what that costs is measured beside it, and told apart.
//!
//! Benchmarks are built as releases are (`profile.bench` in `Cargo.toml` is as `dist`: thin link-time optimization,
//! one unit of code), not as `cargo build --release` is. The settings are printed with the figures.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "support/generate.rs"]
mod generate;
#[path = "support/measure.rs"]
mod measure;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use authgap::platform::aws::trail::FORMAT;
use authgap::platform::events::{
    EventFormat, Field, Layout, RawEvent, RawRow, Record, Sort, Translated,
};
use authgap::usage::{LogFile, LogResult, NoProgress, ReadOptions, read_logs};
use measure::{cpu, median};
use sha2::{Digest, Sha256};

/// Goal for the ratio of the usage table to the floor.
const GOAL: f64 = 2.5;

fn main() -> io::Result<()> {
    let arguments = measure::arguments();
    let number = |at, default| measure::number(&arguments, at, default);
    match arguments.first().map(String::as_str) {
        Some("generate") => {
            let folder = arguments.get(1).map_or(".", String::as_str);
            generate::write(Path::new(folder), number(2, 1_000_000), number(3, 400))
        }
        Some("read") => {
            let folder = arguments.get(1).map_or(".", String::as_str);
            measure(
                Path::new(folder),
                number(2, 5),
                arguments.get(3).map(|_| number(3, 0) as usize),
            )
        }
        _ => {
            let folder = tempfile::tempdir()?;
            generate::write(folder.path(), number(0, 1_000_000), number(1, 400))?;
            measure(folder.path(), number(2, 5), None)
        }
    }
}

/// Reads the fields of CloudTrail and makes nothing of them.
struct Scan;

impl EventFormat for Scan {
    fn id(&self) -> &'static str {
        "scan"
    }

    fn layout(&self) -> Layout {
        FORMAT.layout()
    }

    fn fields(&self) -> &'static [Field] {
        FORMAT.fields()
    }

    fn event(&self, _: &str, record: &Record<'_>, _event: &mut RawEvent) -> Sort {
        let length: usize = (0..self.fields().len()).map(|field| record.get(field).len()).sum();
        if length == 0 { Sort::Reject("empty") } else { Sort::Skip("scanned") }
    }

    fn translate(&self, _rows: Vec<RawRow>, _out: &mut Translated) {}
}

/// What is done with a file.
#[derive(Clone, Copy)]
enum Work {
    /// It is only read.
    Read,
    /// It is read and hashed.
    Digest,
    /// It is read and decompressed.
    Floor,
    /// All that the reader does, into rows of this format.
    Rows(&'static dyn EventFormat),
}

/// A way through the files.
struct Variant {
    name: &'static str,
    work: Work,
    spill_after: usize,
}

const LISTED: usize = usize::MAX / 2;

/// As [`ReadOptions`] has it; the gate is on this one.
const DEFAULT: usize = 1 << 20;

static VARIANTS: &[Variant] = &[
    Variant { name: "floor: libdeflate alone", work: Work::Floor, spill_after: 0 },
    Variant { name: "files read", work: Work::Read, spill_after: 0 },
    Variant { name: "files read and hashed", work: Work::Digest, spill_after: 0 },
    Variant { name: "fields read", work: Work::Rows(&Scan), spill_after: 0 },
    Variant { name: "usage table, ids listed", work: Work::Rows(&FORMAT), spill_after: LISTED },
    Variant { name: "usage table, as by default", work: Work::Rows(&FORMAT), spill_after: DEFAULT },
    Variant { name: "usage table, ids spilled", work: Work::Rows(&FORMAT), spill_after: 0 },
];

/// The first variants, which are measured in any case: the floor, and what hashing costs.
const FLOOR: usize = 0;
const READ: usize = 1;
const HASHED: usize = 2;

#[derive(Clone, Copy, Default)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// What each variant cost in each round.
struct Costs(Vec<Vec<Cost>>);

impl Costs {
    /// The median over the rounds.
    fn median(&self, variant: usize, value: fn(Cost) -> f64) -> f64 {
        median(self.of(variant).iter().map(|cost| value(*cost)).collect())
    }

    /// The median of the ratios to the floor of the same round.
    fn ratio(&self, variant: usize, value: fn(Cost) -> f64) -> f64 {
        let pairs = self.of(variant).iter().zip(self.of(FLOOR));
        median(pairs.map(|(cost, floor)| value(*cost) / value(*floor).max(0.001)).collect())
    }

    fn of(&self, variant: usize) -> &[Cost] {
        self.0.get(variant).map_or(&[], Vec::as_slice)
    }
}

fn measure(folder: &Path, rounds: u64, only: Option<usize>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let raw = alone(&paths, threads, Work::Floor)?;
    let stored: u64 =
        paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
    println!(
        "{} files, {:.1} MB stored, {:.3} GB of text, {threads} threads, {rounds} rounds",
        paths.len(),
        stored as f64 / 1e6,
        raw as f64 / 1e9
    );
    let mut costs = vec![Vec::new(); VARIANTS.len()];
    let mut told = String::new();
    for _ in 0..rounds.max(1) {
        for (number, (variant, costs)) in VARIANTS.iter().zip(&mut costs).enumerate() {
            if number > HASHED && only.is_some_and(|only| only != number) {
                continue;
            }
            let before = (cpu(), Instant::now());
            match variant.work {
                Work::Rows(format) => {
                    told = tell(&read(&paths, format, threads, variant.spill_after));
                }
                work => {
                    alone(&paths, threads, work)?;
                }
            }
            costs.push(Cost { cpu: cpu() - before.0, wall: before.1.elapsed().as_secs_f64() });
        }
    }
    println!("{told}, peak {} MB", peak_mb());
    println!("profile.bench: {}", profile());
    print(&Costs(costs), raw as f64 / 1e9);
    Ok(())
}

/// Prints what each variant cost, and whether the goal was met. `raw` is the text in GB.
fn print(costs: &Costs, raw: f64) {
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>10} {:>10}",
        "", "CPU s", "wall s", "GB/s", "CPU/floor", "wall/floor"
    );
    let mut all = 0.0;
    for (number, variant) in VARIANTS.iter().enumerate() {
        if costs.of(number).is_empty() {
            continue;
        }
        let (ratio, wall) =
            (costs.ratio(number, |cost| cost.cpu), costs.median(number, |cost| cost.wall));
        if variant.spill_after == DEFAULT {
            all = ratio;
        }
        println!(
            "{:<28} {:>8.3} {:>8.3} {:>8.2} {:>10.3} {:>10.3}",
            variant.name,
            costs.median(number, |cost| cost.cpu),
            wall,
            raw / wall.max(0.001),
            ratio,
            costs.ratio(number, |cost| cost.wall),
        );
    }
    let hashing = costs.ratio(HASHED, |cost| cost.cpu) - costs.ratio(READ, |cost| cost.cpu);
    let table = all - hashing;
    println!(
        "goal: the usage table in {GOAL} times the floor: {table:.3}, {}",
        if table <= GOAL { "met" } else { "missed" }
    );
    println!("with the digest of each file ({hashing:.3}): {all:.3}");
}

/// The settings of `profile.bench` that this was built with, unless the environment changed them.
fn profile() -> String {
    let manifest = include_str!("../Cargo.toml");
    let (_, section) = manifest.split_once("[profile.bench]").unwrap_or_default();
    let settings = section.lines().skip(1).take_while(|line| line.contains(" = "));
    settings.collect::<Vec<_>>().join(", ")
}

fn tell(result: &LogResult) -> String {
    let rows: usize = result.rows.iter().map(|rows| rows.rows.len()).sum();
    format!("{} events, {} copies, {rows} rows", result.events, result.duplicates)
}

fn read(
    paths: &[PathBuf],
    format: &'static dyn EventFormat,
    threads: usize,
    spill_after: usize,
) -> LogResult {
    let printed: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let files: Vec<LogFile<'_>> = paths
        .iter()
        .zip(&printed)
        .zip(0..)
        .map(|((path, printed), file)| LogFile { file, path, printed, format, context: "" })
        .collect();
    let options = ReadOptions { threads, spill_after, ..ReadOptions::default() };
    read_logs(&files, &options, &NoProgress)
}

/// Does one simple thing with all files, each whole into buffers of its thread, and returns how many bytes came out.
fn alone(paths: &[PathBuf], threads: usize, work: Work) -> io::Result<u64> {
    let next = AtomicUsize::new(0);
    let total = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        for _ in 0..threads {
            running.push(scope.spawn(|| -> io::Result<()> {
                let mut decompressor = libdeflater::Decompressor::new();
                let (mut stored, mut text) = (Vec::new(), Vec::new());
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    stored.clear();
                    io::Read::read_to_end(&mut std::fs::File::open(path)?, &mut stored)?;
                    let length = match work {
                        Work::Floor => inflate(&mut decompressor, &stored, &mut text)?,
                        Work::Digest => Sha256::digest(&stored).len(),
                        _ => stored.len(),
                    };
                    total.fetch_add(length as u64, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        for thread in running {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread failed")))?;
        }
        Ok(total.load(Ordering::Relaxed))
    })
}

fn inflate(
    decompressor: &mut libdeflater::Decompressor,
    stored: &[u8],
    text: &mut Vec<u8>,
) -> io::Result<usize> {
    let size = stored.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    text.resize(text.len().max(size as usize), 0);
    decompressor.gzip_decompress(stored, text).map_err(|error| io::Error::other(error.to_string()))
}

/// Peak memory of the program, from `/proc/self/status`.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_000
}
