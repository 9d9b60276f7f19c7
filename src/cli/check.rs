//! `authgap check`.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::analyze::{Source, format, pool, severity, tell_cuts};
use super::output::{create, repository, to_file, to_stdout, width};
use super::progress::Bar;
use super::{Global, Stop};
use crate::diagnostic::Diagnostic;
use crate::findings::Severity;
use crate::gate::check::{Ask, Checked, check};
use crate::gate::words;
use crate::report::{self, FORMATS, Format, TableKind, View};

/// Arguments of `check`.
#[derive(ClapArgs)]
#[command(
    after_help = "Exit: 0 clean   1 new findings at or above --fail-on, or an ended waiver   \
    2 error, or nothing could be judged"
)]
pub(super) struct Args {
    /// Evidence of what is granted; a usage store or an earlier JSON report for what is used
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// The accepted state [default: authgap-baseline.jsonl beside the configuration]
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    baseline: Option<PathBuf>,
    /// Evidence of the accepted state, such as the protected branch's; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Gate")]
    against: Vec<PathBuf>,
    /// The protected branch's configuration: it judges, and what the change's own adds is told
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    base_config: Option<PathBuf>,
    /// The protected branch's baseline: it judges, and what the change's own adds is told
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    base_baseline: Option<PathBuf>,
    /// Severity from which a new finding fails [default: of the configuration, else high]
    #[arg(long, value_name = "SEVERITY", value_parser = severity, help_heading = "Gate")]
    fail_on: Option<Severity>,
    /// Write to FILE, format by its extension, comment.md as a short summary; may be repeated
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Vec<PathBuf>,
    /// Format of standard output; but for table the last lines go to standard error
    #[arg(long, value_parser = format, help_heading = "Output")]
    format: Option<&'static dyn Format>,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    args.source.load_catalogue()?;
    let targets = targets(args)?;
    let mut options = args.source.options(&args.paths);
    options.arguments = vec!["check".to_string()];
    options.arguments.extend(args.paths.iter().map(|path| path.to_string_lossy().into_owned()));
    let ask = Ask {
        options,
        baseline: args.baseline.clone(),
        against: args.against.clone(),
        base_config: args.base_config.clone(),
        base_baseline: args.base_baseline.clone(),
        fail_on: args.fail_on,
    };
    let bar = Bar::new(global);
    let checked = pool(ask.options.threads, || check(&ask, &bar))?;
    bar.done();
    global.warn(&checked.warnings);
    let view = view(args, &checked);
    for (path, format, file) in targets {
        to_file(&path, file, |out| format.write(&checked.report, &view, out))?;
        tell_cuts(format, &checked.report, &view, global);
    }
    // A reader that closes standard output must not turn a failure into a success.
    match print(args, &checked, &view, global) {
        Ok(_) | Err(Stop::Closed) => {}
        Err(stop) => return Err(stop),
    }
    if checked.status() == 2 {
        return Err(checked.problems.into());
    }
    Ok(checked.status())
}

type Target = (PathBuf, &'static dyn Format, File);

fn targets(args: &Args) -> Result<Vec<Target>, Stop> {
    let mut out = Vec::new();
    for path in &args.output {
        let extension = path.extension().and_then(|one| one.to_str()).unwrap_or_default();
        // `comment.md` is the short form for a pull request, beside the whole report in any other `.md`.
        let named = path.file_stem().and_then(|stem| stem.to_str()).and_then(report::by_id);
        let named = named.filter(|format| format.extensions().is_empty());
        let format = named.or_else(|| report::by_extension(extension)).or(args.format);
        let format = format.ok_or_else(|| {
            let all: Vec<&str> =
                FORMATS.iter().flat_map(|format| format.extensions()).copied().collect();
            let text = format!("no format has the extension of {}", path.display());
            Diagnostic::error("output", text)
                .help(format!("use one of .{}, or --format", all.join(" .")))
        })?;
        out.push((path.clone(), format, create(path)?));
    }
    Ok(out)
}

/// The outputs say what the exit status says.
fn view(args: &Args, checked: &Checked) -> View {
    View {
        table: TableKind::Findings,
        color: false,
        width: width(),
        fail_on: checked.fail_on,
        verdict: Some(checked.verdict()),
        repository: repository(),
        command_paths: args.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        ..View::default()
    }
}

fn print(args: &Args, checked: &Checked, view: &View, global: Global) -> Result<u8, Stop> {
    let format = args.format.filter(|format| format.id() != "table" && args.output.is_empty());
    let Some(format) = format else {
        return to_stdout(|out| words::write(checked, global.color(), out));
    };
    let printed = to_stdout(|out| format.write(&checked.report, view, out));
    tell_cuts(format, &checked.report, view, global);
    let mut lines = Vec::new();
    words::write(checked, false, &mut lines)?;
    std::io::stderr().write_all(&lines)?;
    printed
}
