//! Reads files: documents into the estates of their platforms, logs into usage rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::Options;
use super::context::Contexts;
use super::detect::{self, KindName};
use crate::diagnostic::{Diagnostic, nearest};
use crate::evidence::{self, Found, Progress};
use crate::intent::{self, Config};
use crate::model::{Claim, Intervals, Settings, Str, Time, UsageRow};
use crate::platform::events::{EventFormat, Translated};
use crate::platform::{Document, Estate, Intake, Kind, LogSpan, LoggedGrant, PLATFORMS, Platform};
use crate::report::model::{Input, Rejected, Remark};
use crate::usage::{self, LogFile, ReadOptions};

/// What was read, before it is joined.
pub(super) struct Raw {
    pub(super) inputs: Vec<Input>,
    pub(super) paths: Vec<String>,
    pub(super) estates: Vec<(Str, Box<dyn Estate>)>,
    pub(super) usage: Vec<UsageRow>,
    pub(super) spans: Vec<LogSpan>,
    pub(super) grants: Vec<LoggedGrant>,
    pub(super) damaged: Vec<(Str, Str, Intervals)>,
    pub(super) claims: Vec<Claim>,
    pub(super) config: Config,
    pub(super) events: u64,
    pub(super) duplicates: u64,
    pub(super) remarks: Vec<Remark>,
    pub(super) days: BTreeMap<i64, u64>,
    pub(super) last_in_day: BTreeMap<i64, Time>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Files behind the stores that were read: path and SHA-256.
    pub(super) store_inputs: Vec<(String, String)>,
    /// Whether each input is a log.
    pub(super) is_log: Vec<bool>,
}

/// A file and what it is.
pub(super) struct Classified {
    pub(super) found: Found,
    pub(super) kind: Option<KindName>,
    problem: Option<String>,
}

pub(super) fn read(options: &Options, progress: &dyn Progress) -> Result<Raw, Vec<Diagnostic>> {
    let discovered = evidence::discover(&options.paths);
    let forced = forced(options)?;
    let files: Vec<Classified> =
        discovered.files.par_iter().map(|found| classify(found, &forced)).collect();
    let config = config(options, &files)?;
    let settings = Arc::new(Settings { side: options.side, ..config.settings() });
    let mut raw = Raw {
        inputs: files.iter().map(input).collect(),
        paths: files.iter().map(|file| file.found.printed.clone()).collect(),
        estates: PLATFORMS.iter().map(|one| (one.id().into(), one.estate(&settings))).collect(),
        usage: Vec::new(),
        spans: Vec::new(),
        grants: Vec::new(),
        damaged: Vec::new(),
        claims: Vec::new(),
        config,
        events: 0,
        duplicates: 0,
        remarks: Vec::new(),
        days: BTreeMap::new(),
        last_in_day: BTreeMap::new(),
        warnings: discovered.problems,
        store_inputs: Vec::new(),
        is_log: vec![false; files.len()],
    };
    let contexts = Contexts::new(&raw.config, &files);
    raw.documents(&files, &contexts);
    raw.logs(&files, &contexts, &settings, (options, progress));
    raw.warn();
    let is_evidence = |input: &Input| input.used > 0 && input.kind != KindName::Config.id();
    if !raw.inputs.iter().any(is_evidence) {
        return Err(nothing_read(&raw, options));
    }
    Ok(raw)
}

/// `--as` by path as given.
fn forced(options: &Options) -> Result<BTreeMap<PathBuf, KindName>, Vec<Diagnostic>> {
    let mut out = BTreeMap::new();
    let mut problems = Vec::new();
    for (id, path) in &options.forced {
        match detect::by_id(id) {
            Some(kind) => {
                out.insert(path.canonicalize().unwrap_or_else(|_| path.clone()), kind);
            }
            None => {
                let all = detect::kinds();
                let names: Vec<&str> = all.iter().map(KindName::id).collect();
                let mut problem = Diagnostic::error("evidence", format!("unknown kind `{id}`"))
                    .note(format!("kinds: {}", names.join(", ")));
                if let Some(near) = nearest(id, &names) {
                    problem = problem.help(format!("did you mean `{near}`?"));
                }
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

fn classify(found: &Found, forced: &BTreeMap<PathBuf, KindName>) -> Classified {
    let real = found.path.canonicalize().unwrap_or_else(|_| found.path.clone());
    let (kind, problem) = match evidence::open_head(&found.path) {
        Err(error) => (None, Some(error.to_string())),
        Ok(_) if forced.contains_key(&real) => (forced.get(&real).copied(), None),
        Ok(head) if head.size == 0 => (None, Some("0 bytes".to_string())),
        Ok(head) => {
            let kind = detect::detect(&found.printed, &found.path, &head.text, head.is_whole);
            let unknown = || match (&head.damaged, std::str::from_utf8(&head.text)) {
                (Some(reason), _) => reason.clone(),
                (None, Ok(_)) => "no known kind (text)".to_string(),
                (None, Err(error)) if error.error_len().is_none() => {
                    "no known kind (text)".to_string()
                }
                (None, Err(_)) => "no known kind (binary)".to_string(),
            };
            (kind, kind.is_none().then(unknown))
        }
    };
    Classified { found: found.clone(), kind, problem }
}

fn input(file: &Classified) -> Input {
    Input {
        path: file.found.printed.clone(),
        sha256: String::new(),
        kind: file.kind.map_or("", |kind| kind.id()).to_string(),
        records: 0,
        used: 0,
        rejected_count: 0,
        rejected: Vec::new(),
        notes: file.problem.iter().cloned().collect(),
    }
}

/// The configuration: `--config`, else `authgap.yaml` in the first path argument, else in the current folder.
/// Two different ones are an error unless `--config` decides (design, section 5).
fn config(options: &Options, files: &[Classified]) -> Result<Config, Vec<Diagnostic>> {
    let load = |path: &Path, printed: &str| {
        let whole = evidence::read_whole(path)
            .map_err(|error| vec![Diagnostic::error("config", format!("`{printed}` {error}"))])?;
        let text = String::from_utf8(whole.bytes)
            .map_err(|_| vec![Diagnostic::error("config", format!("`{printed}` is not UTF-8"))])?;
        intent::parse(&text, printed)
    };
    if let Some(path) = &options.config {
        return load(path, &path.to_string_lossy());
    }
    let found: Vec<&Classified> =
        files.iter().filter(|file| matches!(file.kind, Some(KindName::Config))).collect();
    let here = Path::new("authgap.yaml");
    match found.as_slice() {
        [] if here.is_file() => load(here, "authgap.yaml"),
        [] => Ok(Config::default()),
        [one] if differs(&one.found.path, here) => Err(vec![
            Diagnostic::error("config", "two different configurations")
                .note(format!("{} and authgap.yaml in this folder", one.found.printed))
                .help("name the one that holds with --config FILE"),
        ]),
        [one] => load(&one.found.path, &one.found.printed),
        many => {
            let list: Vec<&str> = many.iter().map(|file| file.found.printed.as_str()).collect();
            Err(vec![
                Diagnostic::error("config", "more than one configuration among the paths")
                    .note(list.join(", "))
                    .help("name the one that holds with --config FILE"),
            ])
        }
    }
}

/// Whether both files exist and hold different bytes.
fn differs(one: &Path, other: &Path) -> bool {
    match (std::fs::read(one), std::fs::read(other)) {
        (Ok(one), Ok(other)) => one != other,
        _ => false,
    }
}

impl Raw {
    fn documents(&mut self, files: &[Classified], contexts: &Contexts) {
        for (number, file) in files.iter().enumerate() {
            match file.kind {
                Some(KindName::Config) => self.own(number, file, 1),
                Some(KindName::Baseline) => self.own(number, file, 0),
                Some(KindName::Report) => {
                    self.own(number, file, 0);
                    self.inputs[number].notes.push("a report is no evidence: left out".to_string());
                }
                Some(KindName::Store) => self.store(number, file),
                _ => {}
            }
        }
        for batch in batches(files) {
            self.batch(&batch, contexts);
        }
    }

    /// Reads documents of platforms: from their files in parallel, and into their estates in the order of files.
    fn batch(&mut self, batch: &[Pending<'_>], contexts: &Contexts) {
        let wholes: Vec<_> =
            batch.par_iter().map(|one| evidence::read_whole(&one.file.found.path)).collect();
        let mut intakes: Vec<Intake> = Vec::with_capacity(batch.len());
        for (one, whole) in batch.iter().zip(&wholes) {
            let mut intake = Intake::default();
            if let crate::platform::Role::LeftOut(reason) = one.kind.role {
                intake.note(reason);
            }
            match whole {
                Err(error) => intake.note(error.to_string()),
                Ok(whole) => {
                    self.inputs[one.number].sha256.clone_from(&whole.sha256);
                    whole.notes.iter().chain(&whole.damaged).for_each(|note| intake.note(note));
                }
            }
            intakes.push(intake);
        }
        for (id, estate) in &mut self.estates {
            let mut at = Vec::new();
            let mut documents = Vec::new();
            for (position, (one, whole)) in batch.iter().zip(&wholes).enumerate() {
                if let Ok(whole) = whole
                    && **id == *one.platform.id()
                    && one.kind.role == crate::platform::Role::Document
                {
                    at.push(position);
                    let document = Document {
                        file: one.number as u32,
                        path: &one.file.found.printed,
                        context: contexts.of(one.platform.id(), one.number),
                        bytes: &whole.bytes,
                    };
                    documents.push((one.kind, document));
                }
            }
            for (position, intake) in at.into_iter().zip(estate.read_all(&documents)) {
                intakes[position].append(intake);
            }
        }
        for (one, intake) in batch.iter().zip(intakes) {
            self.take(one.number, intake);
        }
    }

    /// One of authgap's own files: only its digest is needed.
    fn own(&mut self, number: usize, file: &Classified, used: u64) {
        let input = &mut self.inputs[number];
        (input.records, input.used) = (1, used);
        match evidence::read_whole(&file.found.path) {
            Ok(whole) => input.sha256 = whole.sha256,
            Err(error) => input.notes.push(error.to_string()),
        }
    }

    #[cfg(feature = "tables")]
    fn store(&mut self, number: usize, file: &Classified) {
        let mut intake = Intake::default();
        match evidence::read_whole(&file.found.path) {
            Err(error) => intake.note(error.to_string()),
            Ok(whole) => {
                self.inputs[number].sha256 = whole.sha256.clone();
                match usage::store::read_safely(&whole.bytes, number as u32) {
                    Err(reason) => intake.reject(crate::model::Place::file(number as u32), reason),
                    Ok(store) if store.inputs.iter().any(|(_, hash)| self.is_in_store(hash)) => {
                        let reason = "holds a log file that another store holds too";
                        intake.reject(crate::model::Place::file(number as u32), reason);
                    }
                    Ok(store) => {
                        intake.used(store.rows.len() as u64);
                        intake.note(format!("made of {} log files", store.inputs.len()));
                        for (day, last, events) in &store.days {
                            *self.days.entry(*day).or_default() += events;
                            let slot = self.last_in_day.entry(*day).or_insert(*last);
                            *slot = (*slot).max(*last);
                        }
                        self.usage.extend(store.rows);
                        self.spans.extend(store.spans);
                        self.grants.extend(store.grants);
                        self.damaged.extend(store.damaged);
                        self.remarks.extend(store.remarks);
                        self.events += store.events;
                        self.duplicates += store.duplicates;
                        self.store_inputs.extend(store.inputs);
                    }
                }
            }
        }
        self.take(number, intake);
    }

    #[cfg(not(feature = "tables"))]
    fn store(&mut self, number: usize, _: &Classified) {
        self.inputs[number].notes.push("built without tables: cannot be read".to_string());
    }

    /// Whether a file with this SHA-256 is in a store that was read.
    fn is_in_store(&self, hash: &str) -> bool {
        self.store_inputs.iter().any(|(_, known)| known == hash)
    }

    fn take(&mut self, number: usize, intake: Intake) {
        let input = &mut self.inputs[number];
        input.records += intake.records;
        input.used += intake.used;
        input.rejected_count += intake.rejected_count;
        let path = &input.path;
        input.rejected.extend(
            intake
                .rejected
                .into_iter()
                .map(|(place, reason)| Rejected { place: place.show(path), reason }),
        );
        input.notes.extend(intake.notes);
    }

    fn logs(
        &mut self,
        files: &[Classified],
        contexts: &Contexts,
        settings: &Arc<Settings>,
        (options, progress): (&Options, &dyn Progress),
    ) {
        let formats = formats(files, settings);
        let mut logs: Vec<LogFile<'_>> = Vec::new();
        for (number, file) in files.iter().enumerate() {
            if let Some(KindName::Platform(platform, kind)) = file.kind
                && let Some(format) = formats.get(kind.id)
            {
                self.is_log[number] = true;
                // What a store holds is not counted a second time.
                if !self.store_inputs.is_empty()
                    && let Some(hash) = hash_file(&file.found.path)
                    && self.is_in_store(&hash)
                {
                    self.inputs[number].sha256 = hash;
                    self.inputs[number].notes.push("already in the usage store".to_string());
                    continue;
                }
                logs.push(LogFile {
                    file: number as u32,
                    path: &file.found.path,
                    printed: &file.found.printed,
                    format: &**format,
                    context: contexts.of(platform.id(), number),
                });
            }
        }
        if logs.is_empty() {
            return;
        }
        let sizes = logs.iter().filter_map(|log| files.get(log.file as usize));
        progress.start(sizes.map(|file| file.found.size).sum(), logs.len() as u64);
        let mut settings = ReadOptions::default();
        if options.threads > 0 {
            settings.threads = options.threads;
        }
        let result = usage::read_logs(&logs, &settings, progress);
        for file in result.files {
            self.log_file(file, files);
        }
        self.events += result.events;
        self.duplicates += result.duplicates;
        for (day, events) in result.days {
            *self.days.entry(day).or_default() += events;
        }
        for (day, last) in result.last_in_day {
            let known = self.last_in_day.entry(day).or_insert(last);
            *known = (*known).max(last);
        }
        self.warnings.extend(result.problems);
        for of_format in result.rows {
            if let Some(format) = formats.values().find(|one| one.id() == of_format.format) {
                self.translate(&**format, of_format.rows);
            }
        }
        for (reason, count) in result.skipped {
            self.remarks.push(Remark { text: format!("left out: {reason}"), events: count });
        }
    }

    /// What reading a log told of the file. What is lost of it is a gap in coverage until the end of its day.
    fn log_file(&mut self, report: usage::FileReport, files: &[Classified]) {
        let number = report.file as usize;
        if let (Some(last), Some(KindName::Platform(platform, _))) =
            (report.damaged.and_then(|damage| damage.last_good), files[number].kind)
        {
            // A file of one day, as trails deliver them, loses the rest of that day; of a larger one nobody knows
            // how far it would have reached.
            let first = report.span.map_or(last, |(first, _)| first);
            let is_daily = last.day() - first.day() < 1;
            let end = if is_daily { last.midnight().plus_days(1) } else { Time::END };
            let gap = (platform.id().into(), "".into(), Intervals::span(last, end));
            self.damaged.push(gap);
        }
        self.inputs[number].sha256 = report.sha256;
        self.take(number, report.intake);
    }

    fn translate(&mut self, format: &dyn EventFormat, rows: Vec<crate::platform::events::RawRow>) {
        let mut translated = Translated::default();
        format.translate(rows, &mut translated);
        if self.usage.is_empty() {
            self.usage = translated.usage;
        } else {
            self.usage.append(&mut translated.usage);
        }
        self.spans.extend(translated.spans);
        self.grants.extend(translated.grants);
        let remarks = translated.remarks.into_iter();
        self.remarks.extend(remarks.map(|(text, events)| Remark { text, events }));
    }

    /// Warnings on stderr repeat what the inputs table holds, at most five of a kind.
    fn warn(&mut self) {
        let mut shown = 0;
        let mut more = 0;
        for input in &self.inputs {
            for rejected in input.rejected.iter().take(2) {
                if shown >= 5 {
                    more += 1;
                    continue;
                }
                shown += 1;
                let message = format!(
                    "{}: {}, {} of {} records left out",
                    rejected.place, rejected.reason, input.rejected_count, input.records
                );
                self.warnings.push(
                    Diagnostic::warning("evidence", message)
                        .help("--table inputs lists them; --strict makes this an error"),
                );
            }
        }
        if more > 0 {
            let message = format!("… and {more} more of this kind (--table inputs)");
            self.warnings.push(Diagnostic::warning("evidence", message));
        }
        for input in self.inputs.iter().filter(|input| input.kind.is_empty()) {
            let why = input.notes.first().map_or("no known kind", String::as_str);
            let message = format!("{}: {why}", input.path);
            self.warnings.push(Diagnostic::warning("evidence", message));
        }
    }
}

/// A document of a platform that is not read yet.
struct Pending<'a> {
    number: usize,
    file: &'a Classified,
    platform: &'static dyn Platform,
    kind: &'static Kind,
}

/// Documents that are read together: so many files and stored bytes at most, or one file.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 16 << 20;

/// The documents of platforms in the order of files, in parts that bound what is in memory at once.
fn batches(files: &[Classified]) -> Vec<Vec<Pending<'_>>> {
    let mut batches: Vec<Vec<Pending<'_>>> = Vec::new();
    let mut bytes = 0u64;
    for (number, file) in files.iter().enumerate() {
        let Some(KindName::Platform(platform, kind)) = file.kind else { continue };
        if detect::is_log(kind) {
            continue;
        }
        let size = std::fs::metadata(&file.found.path).map_or(0, |metadata| metadata.len());
        let pending = Pending { number, file, platform, kind };
        bytes = bytes.saturating_add(size);
        match batches.last_mut() {
            Some(last) if last.len() < BATCH_FILES && bytes <= BATCH_BYTES => last.push(pending),
            _ => {
                bytes = size;
                batches.push(vec![pending]);
            }
        }
    }
    batches
}

/// The log formats of the files, by kind.
fn formats(
    files: &[Classified],
    settings: &Arc<Settings>,
) -> BTreeMap<&'static str, Arc<dyn EventFormat>> {
    let mut formats = BTreeMap::new();
    for file in files {
        if let Some(KindName::Platform(platform, kind)) = file.kind
            && let Some(format) = platform.events(kind, settings)
        {
            formats.entry(kind.id).or_insert(format);
        }
    }
    formats
}

/// SHA-256 of a file as stored.
fn hash_file(path: &Path) -> Option<String> {
    use sha2::{Digest, Sha256};
    let mut file = std::fs::File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut block).ok()? {
            0 => return Some(evidence::hex(&hash.finalize())),
            length => hash.update(&block[..length]),
        }
    }
}

fn nothing_read(raw: &Raw, options: &Options) -> Vec<Diagnostic> {
    let paths: Vec<String> =
        options.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut problem = Diagnostic::error(
        "evidence",
        format!("nothing was read: {} files in {}, none usable", raw.inputs.len(), paths.join(" ")),
    );
    for input in raw.inputs.iter().take(10) {
        let rejected = input.rejected.first().map(|one| one.reason.clone());
        let why = rejected.or_else(|| input.notes.first().cloned()).unwrap_or_default();
        let kind = if input.kind.is_empty() { why } else { format!("{}: {why}", input.kind) };
        problem = problem.note(format!("{}  {kind}", input.path));
    }
    let mut all: Vec<Diagnostic> =
        raw.warnings.iter().filter(|one| one.path.is_some()).cloned().collect();
    all.push(problem.help("name the kind yourself: authgap analyze --as KIND=PATH"));
    all
}
