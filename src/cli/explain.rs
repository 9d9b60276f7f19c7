//! `authgap explain`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::analyze::{Source, pool};
use super::output::{to_stdout, width};
use super::progress::Bar;
use super::{Global, Stop};
use crate::audit;
use crate::diagnostic::{Diagnostic, nearest};
use crate::findings::{self, KINDS};
use crate::model::Glob;
use crate::report::model::Report;
use crate::report::{self, TableKind, View};

/// Arguments of `explain`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// A kind of finding, a fingerprint (6 digits are enough if they are unique), or an identity
    #[arg(value_name = "KIND|FINGERPRINT|IDENTITY")]
    what: String,
    /// Evidence, or a JSON report
    #[arg(long, value_name = "PATH", default_value = ".")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// No cell cut
    #[arg(long)]
    wide: bool,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    if let Some(kind) = findings::kind(&args.what) {
        return to_stdout(|out| out.write_all(kind.page.as_bytes()));
    }
    let looks_like_kind = args.what.contains('-') && !args.what.contains([':', '/']);
    let ids: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    if looks_like_kind && let Some(near) = nearest(&args.what, &ids) {
        return Err(Diagnostic::error("explain", format!("no kind `{}`", args.what))
            .help(format!("did you mean `{near}`?"))
            .into());
    }
    let report = load(args, global)?;
    let view = View {
        table: TableKind::Findings,
        color: global.color(),
        width: width(),
        wide: args.wide,
        all: true,
        expand: false,
        command_paths: args.from.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        filters: Vec::new(),
        ..View::default()
    };
    let is_fingerprint =
        args.what.len() >= 6 && args.what.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_fingerprint {
        let matching: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.fingerprint.starts_with(&args.what.to_ascii_lowercase()))
            .collect();
        match matching.as_slice() {
            [one] => {
                return to_stdout(|out| report::explain::explain_finding(&report, one, &view, out));
            }
            [] => {}
            many => {
                return Err(Diagnostic::error(
                    "explain",
                    format!("{} findings begin with {}", many.len(), args.what),
                )
                .help("give more digits")
                .into());
            }
        }
    }
    let glob = Glob::new(&args.what);
    let found = report
        .identities
        .iter()
        .find(|one| *one.id == *args.what || *one.name == *args.what)
        .or_else(|| {
            report.identities.iter().find(|one| glob.matches(&one.id) || glob.matches(&one.name))
        });
    match found {
        Some(one) => to_stdout(|out| report::explain::explain_identity(&report, one, &view, out)),
        None => Err(Diagnostic::error(
            "explain",
            format!("no kind, finding or identity `{}`", args.what),
        )
        .note(format!("kinds: {}", ids.join(", ")))
        .help("identities: authgap analyze PATH --table identities")
        .into()),
    }
}

fn load(args: &Args, global: Global) -> Result<Report, Stop> {
    if let [path] = args.from.as_slice()
        && path.is_file()
    {
        let bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::error("explain", format!("{}: {error}", path.display()))
        })?;
        if memchr::memmem::find(&bytes[..bytes.len().min(256)], b"\"authgap-report/").is_some() {
            return report::json::read(&bytes)
                .map_err(|reason| Diagnostic::error("explain", reason).into());
        }
    }
    args.source.load_catalogue()?;
    let options = args.source.options(&args.from);
    let bar = Bar::new(global);
    let evidence = pool(options.threads, || audit::read(&options, &bar))?;
    bar.done();
    Ok(pool(options.threads, || {
        let outcome = audit::analyse(&evidence, &options);
        report::build::build(&evidence, &outcome, &options)
    }))
}
