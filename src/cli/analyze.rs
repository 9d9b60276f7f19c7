//! `authgap analyze`.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::output::{create, to_file, to_stdout, width};
use super::progress::{Bar, Steps};
use super::{Global, Stop, clock};
use crate::audit::{self, Options};
use crate::diagnostic::{Diagnostic, nearest};
use crate::findings::Severity;
use crate::intent;
use crate::model::Time;
use crate::report::filter::{Filter, SplitBy, split};
use crate::report::model::Report;
use crate::report::{self, FORMATS, Format, TableKind, View};

/// Where evidence comes from and how it is judged; shared with other commands.
#[derive(ClapArgs, Clone)]
pub(super) struct Source {
    /// Take PATH for KIND instead of looking inside; may be repeated
    #[arg(long = "as", value_name = "KIND=PATH", value_parser = pair, help_heading = "Input")]
    forced: Vec<(String, PathBuf)>,
    /// The configuration [default: authgap.yaml among the paths, else here]
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    config: Option<PathBuf>,
    /// Use this action catalogue instead of the built-in one
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    catalogue: Option<PathBuf>,
    /// You vouch that the usage of this platform shows all use; the report repeats it
    #[arg(long, value_name = "PLATFORM", help_heading = "Input")]
    assume_covered: Vec<String>,
    /// Also judge identities that the rules call human
    #[arg(long, help_heading = "Input")]
    include_humans: bool,
    /// Observation window: days, as in 90d, or all
    #[arg(long, value_name = "90d", value_parser = window, help_heading = "Time")]
    window: Option<intent::Window>,
    /// A date, a time, or today [default: the newest plausible time in the evidence]
    #[arg(long, value_name = "TIME", value_parser = clock::as_of, help_heading = "Time")]
    as_of: Option<Time>,
    /// Threads; the report is the same bytes for any number
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Machine",
        hide_default_value = true
    )]
    threads: usize,
}

impl Source {
    /// Puts the catalogue that the user gives in the place of the built-in one. Before anything else: the first use of
    /// a catalogue fixes it.
    pub(super) fn load_catalogue(&self) -> Result<(), Stop> {
        self.catalogue.as_deref().map_or(Ok(()), super::catalog::load)
    }

    /// The options of a run over these paths.
    pub(super) fn options(&self, paths: &[PathBuf]) -> Options {
        Options {
            paths: paths.to_vec(),
            forced: self.forced.clone(),
            config: self.config.clone(),
            assume_covered: self.assume_covered.clone(),
            include_humans: self.include_humans,
            window: self.window,
            as_of: self.as_of,
            threads: self.threads,
            expand: false,
            ..Options::default()
        }
    }
}

fn pair(text: &str) -> Result<(String, PathBuf), String> {
    let (kind, path) = text.split_once('=').ok_or("write KIND=PATH")?;
    Ok((kind.to_string(), PathBuf::from(path)))
}

fn window(text: &str) -> Result<intent::Window, String> {
    intent::Window::parse(text).ok_or_else(|| format!("`{text}` is no window: write 90d or all"))
}

/// Arguments of `analyze`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// Files, folders, globs, or - for standard input; plain, .gz or .zst
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// A rejected record or an unreadable file is an error
    #[arg(long, help_heading = "Input")]
    strict: bool,
    /// Only identities whose id or name matches; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Filter")]
    identity: Vec<String>,
    /// Only identities of an owner
    #[arg(long, help_heading = "Filter")]
    owner: Option<String>,
    /// Only identities of an account
    #[arg(long, help_heading = "Filter")]
    account: Option<String>,
    /// Only findings of a kind; may be repeated
    #[arg(long, help_heading = "Filter", value_parser = known_kind)]
    kind: Vec<String>,
    /// Only findings at or above a severity
    #[arg(long, value_name = "SEVERITY", value_parser = severity, help_heading = "Filter")]
    min_severity: Option<Severity>,
    /// One file for each owner or account
    #[arg(long, value_name = "owner|account", value_enum, help_heading = "Filter")]
    split_by: Option<SplitWord>,
    /// Write to FILE, format by its extension; may be repeated
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Vec<PathBuf>,
    /// Format of standard output, and of files whose extension says none
    #[arg(long, value_parser = format, help_heading = "Output")]
    format: Option<&'static dyn Format>,
    /// findings, identities, permissions, recommendations, coverage or inputs
    #[arg(long, value_name = "NAME", value_parser = table, default_value = "findings", help_heading = "Output")]
    table: TableKind,
    /// One row an action
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Every identity on the terminal
    #[arg(long, help_heading = "Output")]
    all: bool,
    /// No column dropped, no cell cut
    #[arg(long, help_heading = "Output")]
    wide: bool,
}

/// `--split-by`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum SplitWord {
    /// By owner.
    Owner,
    /// By account.
    Account,
}

fn known_kind(text: &str) -> Result<String, String> {
    let all: Vec<&str> = crate::findings::KINDS.iter().map(|kind| kind.id).collect();
    if all.contains(&text) {
        return Ok(text.to_string());
    }
    let near =
        nearest(text, &all).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err(format!("no such kind{near}"))
}

pub(super) fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| "write info, low, medium, high or critical".to_string())
}

pub(super) fn format(text: &str) -> Result<&'static dyn Format, String> {
    report::by_id(text).ok_or_else(|| {
        let all: Vec<&str> = FORMATS.iter().map(|format| format.id()).collect();
        format!("formats: {}", all.join(", "))
    })
}

fn table(text: &str) -> Result<TableKind, String> {
    TableKind::parse(text).ok_or_else(|| {
        "tables: findings, identities, permissions, recommendations, coverage, inputs".to_string()
    })
}

/// An output file with its format, opened before the work.
struct Target {
    path: PathBuf,
    format: &'static dyn Format,
    file: Option<File>,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    args.source.load_catalogue()?;
    let targets = targets(args)?;
    let mut options = args.source.options(&args.paths);
    options.expand = args.expand;
    options.arguments = arguments(args);
    let bar = Bar::new(global);
    let mut steps = Steps::new(global);
    let evidence = pool(options.threads, || audit::read(&options, &bar))?;
    bar.done();
    steps.done("reading");
    let report = pool(options.threads, || {
        let outcome = audit::analyse(&evidence, &options);
        steps.done("passes and findings");
        report::build::build(&evidence, &outcome, &options)
    });
    steps.done("report");
    global.warn(&evidence.warnings);
    let filter = Filter {
        identity: args.identity.clone(),
        owner: args.owner.clone(),
        account: args.account.clone(),
        kind: args.kind.clone(),
        min_severity: args.min_severity,
    };
    let words = filter.words();
    let report = filter.apply(report);
    write(args, global, &report, targets, words)?;
    if args.strict && evidence.has_rejects() {
        return Err(Diagnostic::error("evidence", "something was rejected, and --strict is set")
            .help("--table inputs lists it")
            .into());
    }
    Ok(0)
}

/// Runs work on so many threads; 0 is all cores.
pub(super) fn pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

fn targets(args: &Args) -> Result<Vec<Target>, Stop> {
    let mut targets = Vec::new();
    for path in &args.output {
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let format = report::by_extension(extension).or(args.format).ok_or_else(|| {
            let all: Vec<&str> =
                FORMATS.iter().flat_map(|format| format.extensions()).copied().collect();
            Diagnostic::error(
                "output",
                format!("no format has the extension of {}", path.display()),
            )
            .help(format!("use one of .{}, or --format", all.join(" .")))
        })?;
        let file = if args.split_by.is_none() { Some(create(path)?) } else { None };
        targets.push(Target { path: path.clone(), format, file });
    }
    Ok(targets)
}

fn arguments(args: &Args) -> Vec<String> {
    let mut out = vec!["analyze".to_string()];
    out.extend(args.paths.iter().map(|path| path.to_string_lossy().into_owned()));
    if let Some(config) = &args.source.config {
        out.push(format!("--config={}", config.display()));
    }
    out.extend(args.source.assume_covered.iter().map(|name| format!("--assume-covered={name}")));
    if args.source.include_humans {
        out.push("--include-humans".to_string());
    }
    match args.source.window {
        Some(intent::Window::Days(days)) => out.push(format!("--window={days}d")),
        Some(intent::Window::All) => out.push("--window=all".to_string()),
        None => {}
    }
    if let Some(as_of) = args.source.as_of {
        out.push(format!("--as-of={as_of}"));
    }
    out
}

fn write(
    args: &Args,
    global: Global,
    report: &Report,
    targets: Vec<Target>,
    filters: Vec<String>,
) -> Result<(), Stop> {
    let paths: Vec<String> =
        args.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut view = View {
        table: args.table,
        color: global.color(),
        width: width(),
        wide: args.wide,
        all: args.all,
        expand: args.expand,
        command_paths: paths,
        filters,
        fail_on: Severity::High,
        verdict: None,
        repository: super::output::repository(),
    };
    if targets.is_empty() {
        let format = args.format.or_else(|| report::by_id("table"));
        if let Some(format) = format {
            to_stdout(|out| format.write(report, &view, out))?;
            tell_cuts(format, report, &view, global);
        }
        return Ok(());
    }
    view.color = false;
    for target in targets {
        match (target.file, args.split_by) {
            (Some(file), _) => {
                to_file(&target.path, file, |out| target.format.write(report, &view, out))?;
                tell_cuts(target.format, report, &view, global);
            }
            (None, by) => {
                let by = match by {
                    Some(SplitWord::Account) => SplitBy::Account,
                    _ => SplitBy::Owner,
                };
                let mut taken = std::collections::BTreeSet::new();
                for (key, part) in split(report, by) {
                    let mut path = part_path(&target.path, &key);
                    // Two keys that differ only in other signs must not write over each other.
                    for number in 2.. {
                        if taken.insert(path.clone()) {
                            break;
                        }
                        path = part_path(&target.path, &format!("{key}-{number}"));
                    }
                    let file = create(&path)?;
                    to_file(&path, file, |out| target.format.write(&part, &view, out))?;
                    tell_cuts(target.format, &part, &view, global);
                }
            }
        }
    }
    Ok(())
}

/// Says on standard error what a format had to leave out.
pub(super) fn tell_cuts(format: &dyn Format, report: &Report, view: &View, global: Global) {
    let cuts = format.left_out(report, view);
    let cuts: Vec<Diagnostic> =
        cuts.into_iter().map(|cut| Diagnostic::warning("output", cut)).collect();
    global.warn(&cuts);
}

/// `report.md` for the key `data team` becomes `report.data-team.md`: only letters, digits, `-` and `_` of the
/// key reach a file name.
fn part_path(path: &Path, key: &str) -> PathBuf {
    let safe: String = key
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
        .collect();
    let safe = if safe.is_empty() { "none".to_string() } else { safe };
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("report");
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    path.with_file_name(format!("{stem}.{safe}.{extension}"))
}
