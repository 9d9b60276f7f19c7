//! `authgap usage`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::analyze::{Source, pool};
use super::output::{create, to_file};
use super::progress::Bar;
use super::{Global, Stop};
use crate::audit;
use crate::diagnostic::Diagnostic;
use crate::usage::store;

/// Arguments of `usage`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// Logs, folders of logs, and earlier stores to add to
    #[arg(required = true, value_name = "LOGS")]
    paths: Vec<PathBuf>,
    /// The store to write: a Parquet file
    #[arg(short, long, value_name = "FILE.parquet")]
    output: PathBuf,
    #[command(flatten)]
    source: Source,
    /// A rejected record or an unreadable file is an error
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    args.source.load_catalogue()?;
    let options = args.source.options(&args.paths);
    let bar = Bar::new(global);
    let logs = pool(options.threads, || audit::read_usage(&options, &bar))?;
    bar.done();
    global.warn(&logs.warnings);
    let file = create(&args.output)?;
    let mut failed = None;
    to_file(&args.output, file, |out| {
        if let Err(reason) = store::write(&logs.store, out) {
            failed = Some(reason);
        }
        Ok(())
    })?;
    if let Some(reason) = failed {
        return Err(Diagnostic::error("usage", reason).into());
    }
    if !global.quiet {
        eprintln!(
            "{}: {} rows of {} events, {} duplicates left out, {} files",
            args.output.display(),
            logs.store.rows.len(),
            logs.store.events,
            logs.store.duplicates,
            logs.store.inputs.len()
        );
    }
    if args.strict && logs.has_rejects {
        return Err(
            Diagnostic::error("evidence", "something was rejected, and --strict is set").into()
        );
    }
    Ok(0)
}
