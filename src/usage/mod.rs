//! Logs into rows of usage: many files at a time, near the speed of decompression, without keeping events.
//!
//! Owns: finding records ([`read_logs`] says how), reading the fields that a format wants, adding up records
//! with equal keys, counting each event once, and the time as of which a report is made. Does not own: what
//! fields, keys and rows mean (that is [`crate::platform::events::EventFormat`]).
//!
//! | file | owns |
//! |---|---|
//! | `plan` | the wanted fields as a tree |
//! | `walk` | the fast record reader |
//! | `twin` | the slow one, by `serde_json`, which decides in doubt |
//! | `form`, `frame` | where records begin, and going on behind broken ones |
//! | `table` | rows, in batches |
//! | `dedupe` | copies of events, exactly, in bounded memory |
//! | `engine`, `worker` | one thread's part |
//! | `merge` | all threads' parts into one |
//! | `asof` | the latest plausible time |
//! | `store` | the usage table as Parquet |

pub mod asof;
mod dedupe;
mod engine;
mod form;
mod frame;
mod merge;
mod plan;
mod prepare;
#[cfg(feature = "tables")]
pub mod store;
mod table;
mod twin;
mod walk;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::diagnostic::Diagnostic;
use crate::evidence::Compression;
pub use crate::evidence::{NoProgress, Progress};
use crate::model::{FileId, Place, Time};
use crate::platform::Intake;
use crate::platform::events::{EventFormat, RawRow};

use self::dedupe::Spill;
use self::engine::{Engine, FileCount};
use self::merge::Places;
use self::prepare::prepare;
use self::table::Seeds;
use self::worker::{Shared, Way, Worker};

/// A log to read.
#[derive(Clone)]
pub struct LogFile<'a> {
    /// Its number. Numbers follow the order of printed paths.
    pub file: FileId,
    /// Where to open it.
    pub path: &'a Path,
    /// Its path as printed.
    pub printed: &'a str,
    /// Its format.
    pub format: &'a dyn EventFormat,
    /// The name of the place that it is from ([`crate::platform::Document::context`]).
    pub context: &'a str,
}

/// How to read logs. The defaults serve; tests and benchmarks change them. No value but `max_record`
/// changes the result.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Threads.
    pub threads: usize,
    /// Event ids that are kept in memory before they go to a temporary file (24 bytes each).
    pub spill_after: usize,
    /// Bytes that are read at once of files that are not read whole.
    pub block_bytes: usize,
    /// Bytes that a record or line may have; longer ones are rejected.
    pub max_record: usize,
    /// Read every record with the slow reader.
    pub slow_twin: bool,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            spill_after: 1 << 20,
            block_bytes: 1 << 20,
            max_record: 64 << 20,
            slow_twin: false,
        }
    }
}

/// What reading one file told.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    /// The file.
    pub file: FileId,
    /// Records, used and rejected ones, and notes.
    pub intake: Intake,
    /// SHA-256 of the file as stored, in hexadecimal; empty if it could not be read to its end.
    pub sha256: String,
    /// How it is packed.
    pub compression: Compression,
    /// If part of the file is lost: why, and the time of the last record that was read before the loss.
    pub damaged: Option<Damage>,
    /// Why nothing of the file could be read, if so.
    pub failed: Option<String>,
    /// Earliest and latest time of its used records.
    pub span: Option<(Time, Time)>,
    /// The file has the same bytes as this one, which was counted in its place.
    pub same_as: Option<FileId>,
}

/// Part of a file is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Why.
    pub reason: String,
    /// Time of the last record that was read.
    pub last_good: Option<Time>,
}

/// The rows of one format.
#[derive(Clone)]
pub struct FormatRows {
    /// The format's id.
    pub format: &'static str,
    /// Its rows, in key order. A row whose every event is counted by another row has the count 0.
    pub rows: Vec<RawRow>,
}

/// What logs told.
#[derive(Clone, Default)]
pub struct LogResult {
    /// One report a file, in file order.
    pub files: Vec<FileReport>,
    /// Rows, by format id.
    pub rows: Vec<FormatRows>,
    /// Records that were used, copies included.
    pub records: u64,
    /// Copies of events among them, which are not in the rows' counts.
    pub duplicates: u64,
    /// Distinct events.
    pub events: u64,
    /// Records that were left out for a reason that is no fault, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Records that were used, by day since the epoch (UTC).
    pub days: BTreeMap<i64, u64>,
    /// The last time in each of these days.
    pub last_in_day: BTreeMap<i64, Time>,
    /// What went wrong beyond single files.
    pub problems: Vec<Diagnostic>,
}

/// Reads logs, all at once.
///
/// - The result is the same for any number of threads, size of blocks, and order of files.
/// - A record that cannot be read costs that record: it is listed with its line or number, and reading goes
///   on at the next one. A cut file gives its whole records and is marked as damaged.
/// - An event with an id that comes several times, in whatever files, is counted once.
/// - A file whose bytes were read already is counted once.
/// - Memory grows with distinct keys, not with events.
pub fn read_logs(
    files: &[LogFile<'_>],
    options: &ReadOptions,
    progress: &dyn Progress,
) -> LogResult {
    let mut files: Vec<LogFile<'_>> = files.to_vec();
    files.sort_by_key(|file| file.file);
    let (formats, format_of) = formats_of(&files);
    let (ways, tasks) = prepare(&files, options);
    let shared = Shared { files: &files, ways: &ways, formats: &format_of, options, progress };
    let runner = Runner::new(options.threads);
    let spill = Spill::default();
    let seeds = Seeds::default();
    let id_limit = options.spill_after / runner.threads().max(1);
    let next = AtomicUsize::new(0);
    let done = runner.on_all(|| {
        let engine = Engine::new(&formats, options.slow_twin, id_limit, &spill, seeds.clone());
        let mut worker = Worker::new(&shared, engine);
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            worker.work(*task);
        }
        worker.finish();
        (worker.engine, worker.counts)
    });
    let (engines, counts): (Vec<Engine<'_>>, Vec<Vec<(u32, FileCount)>>) = done.into_iter().unzip();
    finish(&files, &ways, &formats, &runner, engines, counts)
}

fn finish(
    files: &[LogFile<'_>],
    ways: &[Way],
    formats: &[&dyn EventFormat],
    runner: &Runner,
    engines: Vec<Engine<'_>>,
    counts: Vec<Vec<(u32, FileCount)>>,
) -> LogResult {
    let mut result = LogResult::default();
    for engine in &engines {
        for (day, events) in &engine.days {
            *result.days.entry(*day).or_default() += events.count;
            let last = result.last_in_day.entry(*day).or_insert(events.last);
            *last = (*last).max(events.last);
        }
    }
    let mut of_files: Vec<FileCount> = Vec::new();
    of_files.resize_with(files.len(), FileCount::default);
    for (file, count) in counts.into_iter().flatten() {
        if let Some(known) = of_files.get_mut(file as usize) {
            known.merge(count);
        }
    }
    let places: Vec<Places> =
        ways.iter().zip(&of_files).map(|(way, count)| places_of(way, count)).collect();
    let place = |spot: table::Spot| {
        let at = spot.file as usize;
        Place {
            file: files.get(at).map_or(0, |file| file.file),
            at: places.get(at).unwrap_or(&Places::Records).at(spot.at),
        }
    };
    let merged = merge::merge(engines, formats, runner, &place);
    result.rows = merged.rows;
    result.duplicates = merged.copies;
    for problem in merged.problems {
        result.problems.push(
            Diagnostic::warning("usage", format!("temporary storage failed: {problem}"))
                .note("events that were delivered more than once may be counted more than once")
                .help("free space in the folder for temporary files (TMPDIR), and run again"),
        );
    }
    for (at, count) in of_files.into_iter().enumerate() {
        result.records += count.used;
        for (reason, skipped) in &count.skipped {
            *result.skipped.entry(reason).or_default() += skipped;
        }
        if let (Some(file), Some(way), Some(places)) = (files.get(at), ways.get(at), places.get(at))
        {
            let report = report(file, files, way, places, count);
            result.files.push(report);
        }
    }
    share_digests(&mut result.files);
    result.events = result.records.saturating_sub(result.duplicates);
    result
}

/// A file that was not read has the digest of its twin.
fn share_digests(reports: &mut [FileReport]) {
    let known: BTreeMap<FileId, (String, Compression)> = reports
        .iter()
        .map(|report| (report.file, (report.sha256.clone(), report.compression)))
        .collect();
    for report in reports {
        if let Some((sha256, compression)) = report.same_as.and_then(|same| known.get(&same)) {
            report.sha256.clone_from(sha256);
            report.compression = *compression;
        }
    }
}

fn places_of(way: &Way, count: &FileCount) -> Places {
    match way {
        Way::Blocks(blocks) => {
            let mut before = 0;
            let lines = blocks.lines.iter().map(|lines| {
                let here = before;
                before += u64::from(lines.load(Ordering::Relaxed));
                here
            });
            Places::Blocks(lines.collect())
        }
        _ if count.by_line => Places::Lines,
        _ => Places::Records,
    }
}

fn report(
    file: &LogFile<'_>,
    files: &[LogFile<'_>],
    way: &Way,
    places: &Places,
    count: FileCount,
) -> FileReport {
    let mut intake = Intake {
        records: count.records,
        used: count.used,
        rejected_count: count.rejected_count,
        ..Intake::default()
    };
    for (at, reason) in count.rejected {
        let place = Place { file: file.file, at: places.at(at) };
        intake.rejected.push((place, reason));
    }
    for note in count.notes {
        intake.note(note);
    }
    for (reason, skipped) in &count.skipped {
        intake.note(format!("{skipped} left out: {reason}"));
    }
    if let Some(reason) = &count.failed {
        intake.reject(Place::file(file.file), reason.clone());
    }
    let damaged = count.damaged.map(|reason| Damage { reason, last_good: count.last_read });
    if let Some(damage) = &damaged {
        intake.note(match damage.last_good {
            Some(time) => {
                let reason = &damage.reason;
                format!(
                    "damaged: {reason}; what follows {time}, its last record, is a gap in coverage"
                )
            }
            None => format!("damaged: {}; no record was read", damage.reason),
        });
    }
    let same = match way {
        Way::SameAs(same) => files.get(*same),
        _ => None,
    };
    if let Some(same) = same {
        intake.note(format!("the same bytes as {}: counted once", same.printed));
    }
    let digest = match way {
        Way::Blocks(blocks) => blocks.digest(),
        _ => count.sha256,
    };
    FileReport {
        file: file.file,
        intake,
        sha256: digest.unwrap_or_default(),
        compression: count.compression,
        damaged,
        failed: count.failed,
        span: count.span,
        same_as: same.map(|same| same.file),
    }
}

/// The formats of the files, sorted by id, and which one each file has.
fn formats_of<'a>(files: &[LogFile<'a>]) -> (Vec<&'a dyn EventFormat>, Vec<u16>) {
    let by_id: BTreeMap<&str, &'a dyn EventFormat> =
        files.iter().map(|file| (file.format.id(), file.format)).collect();
    let numbers: BTreeMap<&str, u16> = by_id.keys().copied().zip(0..).collect();
    let format_of =
        files.iter().map(|file| numbers.get(file.format.id()).copied().unwrap_or(0)).collect();
    (by_id.into_values().collect(), format_of)
}

/// Threads of one run.
pub(crate) struct Runner {
    pool: Option<rayon::ThreadPool>,
}

impl Runner {
    /// If threads cannot be had, the calling one does all the work.
    fn new(threads: usize) -> Runner {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        Runner { pool: pool.ok() }
    }

    fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs a task once on each thread; the results in the order of the threads.
    pub(crate) fn on_all<R: Send>(&self, task: impl Fn() -> R + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.broadcast(|_| task()),
            None => vec![task()],
        }
    }

    /// Runs something whose parallel parts use these threads.
    pub(crate) fn install<R: Send>(&self, run: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(run),
            None => run(),
        }
    }
}

#[cfg(test)]
mod tests;
