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

/// Goal for the ratio of everything to the floor.
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

/// A way through the files.
struct Variant {
    name: &'static str,
    format: Option<&'static dyn EventFormat>,
    spill_after: usize,
}

const LISTED: usize = usize::MAX / 2;

/// As [`ReadOptions`] has it; the gate is on this one.
const DEFAULT: usize = 1 << 20;

static VARIANTS: &[Variant] = &[
    Variant { name: "floor: libdeflate alone", format: None, spill_after: 0 },
    Variant { name: "fields read", format: Some(&Scan), spill_after: 0 },
    Variant { name: "usage table, ids listed", format: Some(&FORMAT), spill_after: LISTED },
    Variant { name: "usage table, as by default", format: Some(&FORMAT), spill_after: DEFAULT },
    Variant { name: "usage table, ids spilled", format: Some(&FORMAT), spill_after: 0 },
];

#[derive(Clone, Copy, Default)]
struct Cost {
    cpu: f64,
    wall: f64,
}

fn measure(folder: &Path, rounds: u64, only: Option<usize>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let raw = floor(&paths, threads)?;
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
            if number > 0 && only.is_some_and(|only| only != number) {
                continue;
            }
            let before = (cpu(), Instant::now());
            match variant.format {
                None => {
                    floor(&paths, threads)?;
                }
                Some(format) => {
                    told = tell(&read(&paths, format, threads, variant.spill_after));
                }
            }
            costs.push(Cost { cpu: cpu() - before.0, wall: before.1.elapsed().as_secs_f64() });
        }
    }
    println!("{told}, peak {} MB", peak_mb());
    println!("profile.bench: {}", profile());
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>10} {:>10}",
        "", "CPU s", "wall s", "GB/s", "CPU/floor", "wall/floor"
    );
    let floors = costs.first().cloned().unwrap_or_default();
    let mut gate = 0.0;
    for (variant, costs) in VARIANTS.iter().zip(&costs) {
        let of = |value: fn(Cost) -> f64| median(costs.iter().map(|cost| value(*cost)).collect());
        let ratio = |value: fn(Cost) -> f64| {
            let pairs = costs.iter().zip(&floors);
            median(pairs.map(|(cost, floor)| value(*cost) / value(*floor).max(0.001)).collect())
        };
        if costs.is_empty() {
            continue;
        }
        let of_cpu = ratio(|cost| cost.cpu);
        if variant.spill_after == DEFAULT {
            gate = of_cpu;
        }
        println!(
            "{:<28} {:>8.2} {:>8.2} {:>8.2} {:>10.2} {:>10.2}",
            variant.name,
            of(|cost| cost.cpu),
            of(|cost| cost.wall),
            raw as f64 / 1e9 / of(|cost| cost.wall).max(0.001),
            of_cpu,
            ratio(|cost| cost.wall),
        );
    }
    println!("goal: {GOAL} times the floor: {}", if gate <= GOAL { "met" } else { "missed" });
    Ok(())
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

/// Decompresses all files, each whole into one buffer of its thread, and returns the bytes of text.
fn floor(paths: &[PathBuf], threads: usize) -> io::Result<u64> {
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
                    let size = stored.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
                    text.resize(text.len().max(size as usize), 0);
                    let length = decompressor
                        .gzip_decompress(&stored, &mut text)
                        .map_err(|error| io::Error::other(error.to_string()))?;
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

/// Peak memory of the program, from `/proc/self/status`.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_000
}
