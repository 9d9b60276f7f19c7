//! How reading Kubernetes audit logs compares with reading CloudTrail.
//!
//! ```text
//! cargo bench --bench kubernetes                              500,000 events of each in 100 files, 5 rounds
//! cargo bench --bench kubernetes -- EVENTS FILES [ROUNDS]     of another size
//! cargo bench --bench kubernetes -- generate DIR EVENTS FILES writes the audit log files and ends
//! ```
//!
//! Of each log the files are decompressed alone (the floor), and read into the usage table. What counts is CPU time
//! (user and system, of the whole program) a byte of text beyond the floor: the median of the rounds, and the ratio of
//! both logs within a round, since the same program is up to 30 % faster or slower from hour to hour.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "support/audit.rs"]
mod audit;
#[path = "support/generate.rs"]
mod generate;
#[path = "support/measure.rs"]
mod measure;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use authgap::platform::aws::trail::FORMAT;
use authgap::platform::events::EventFormat;
use authgap::platform::kubernetes::audit::NATIVE;
use authgap::usage::{LogFile, LogResult, NoProgress, ReadOptions, read_logs};
use measure::{cpu, median};

/// Goal: an audit log costs at most this many times what CloudTrail does, a byte.
const GOAL: f64 = 2.0;

fn main() -> io::Result<()> {
    let arguments = measure::arguments();
    let number = |at, default| measure::number(&arguments, at, default);
    if arguments.first().map(String::as_str) == Some("generate") {
        let folder = arguments.get(1).map_or(".", String::as_str);
        return audit::write(Path::new(folder), number(2, 500_000), number(3, 100));
    }
    let (events, files, rounds) = (number(0, 500_000), number(1, 100), number(2, 5).max(1));
    let (trail, cluster) = (tempfile::tempdir()?, tempfile::tempdir()?);
    generate::write(trail.path(), events, files)?;
    audit::write(cluster.path(), events, files)?;
    let logs = [
        Log::new("CloudTrail", trail.path(), &FORMAT)?,
        Log::new("Kubernetes audit", cluster.path(), &NATIVE)?,
    ];
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (log, costs) in logs.iter().zip(&mut costs) {
            costs.push(log.measure()?);
        }
    }
    println!(
        "{:<18} {:>9} {:>8} {:>9} {:>12} {:>12}",
        "", "events", "rows", "GB/s", "CPU ns/byte", "above floor"
    );
    for (log, costs) in logs.iter().zip(&costs) {
        let of = |value: fn(&Cost) -> f64| median(costs.iter().map(value).collect());
        let told = log.read();
        let rows: usize = told.rows.iter().map(|rows| rows.rows.len()).sum();
        println!(
            "{:<18} {:>9} {rows:>8} {:>9.2} {:>12.3} {:>12.3}",
            log.name,
            told.events,
            log.bytes as f64 / 1e9 / of(|cost| cost.wall).max(0.001),
            of(|cost| cost.whole),
            of(|cost| cost.whole - cost.floor),
        );
    }
    let [of_trail, of_cluster] = &costs;
    let above = |cost: &Cost| (cost.whole - cost.floor).max(1e-6);
    let pairs = of_trail.iter().zip(of_cluster);
    let ratio = median(pairs.map(|(trail, cluster)| above(cluster) / above(trail)).collect());
    let met = if ratio <= GOAL { "met" } else { "missed" };
    println!("a byte of audit log costs {ratio:.2} times one of CloudTrail; goal {GOAL}: {met}");
    Ok(())
}

/// CPU nanoseconds a byte of text, and seconds on the wall.
struct Cost {
    floor: f64,
    whole: f64,
    wall: f64,
}

/// A log in files.
struct Log {
    name: &'static str,
    paths: Vec<PathBuf>,
    format: &'static dyn EventFormat,
    bytes: u64,
}

impl Log {
    fn new(name: &'static str, folder: &Path, format: &'static dyn EventFormat) -> io::Result<Log> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        let mut log = Log { name, paths, format, bytes: 0 };
        log.bytes = log.floor()?;
        Ok(log)
    }

    /// Decompresses all files, and returns the bytes of text.
    fn floor(&self) -> io::Result<u64> {
        let mut decompressor = libdeflater::Decompressor::new();
        let (mut text, mut total) = (Vec::new(), 0);
        for path in &self.paths {
            let stored = std::fs::read(path)?;
            let size = stored.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
            text.resize(text.len().max(size as usize), 0);
            let length = decompressor
                .gzip_decompress(&stored, &mut text)
                .map_err(|error| io::Error::other(error.to_string()))?;
            total += length as u64;
        }
        Ok(total)
    }

    fn read(&self) -> LogResult {
        let printed: Vec<String> =
            self.paths.iter().map(|path| path.display().to_string()).collect();
        let files: Vec<LogFile<'_>> = self
            .paths
            .iter()
            .zip(&printed)
            .zip(0..)
            .map(|((path, printed), file)| LogFile {
                file,
                path,
                printed,
                format: self.format,
                context: "",
            })
            .collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        read_logs(&files, &ReadOptions { threads, ..ReadOptions::default() }, &NoProgress)
    }

    fn measure(&self) -> io::Result<Cost> {
        let a_byte = |seconds: f64| seconds * 1e9 / self.bytes.max(1) as f64;
        let before = cpu();
        self.floor()?;
        let floor = a_byte(cpu() - before);
        let before = (cpu(), Instant::now());
        self.read();
        let whole = a_byte(cpu() - before.0);
        Ok(Cost { floor, whole, wall: before.1.elapsed().as_secs_f64() })
    }
}
