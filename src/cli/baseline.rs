//! `authgap baseline`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::analyze::{Source, pool};
use super::output::{create, to_file};
use super::progress::Bar;
use super::{Global, Stop};
use crate::diagnostic::{Diagnostic, show};
use crate::gate::baseline::{Baseline, FILE};
use crate::gate::check::{load, present};

/// Arguments of `baseline`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// The same paths as those of `check`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = FILE)]
    output: PathBuf,
    /// Add to the file; since and reason of known findings stay
    #[arg(long)]
    update: bool,
    /// With --update: drop what no longer matches
    #[arg(long, requires = "update")]
    prune: bool,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    args.source.load_catalogue()?;
    let earlier = earlier(args)?;
    let options = args.source.options(&args.paths);
    let bar = Bar::new(global);
    let (now, evidence) = pool(options.threads, || present(&options, &bar))?;
    bar.done();
    global.warn(&evidence.warnings);
    let (baseline, update) = Baseline::update(earlier, now, args.prune);
    write(&args.output, &baseline)?;
    if global.quiet {
        return Ok(0);
    }
    let atoms: usize = baseline.accepted.holders.values().map(|one| one.atoms.len()).sum();
    eprintln!(
        "{}: {}, {}, {}; added {} and {}",
        show(&args.output.to_string_lossy()),
        count(baseline.findings.len(), "finding", "findings"),
        count(baseline.accepted.holders.len(), "identity", "identities"),
        count(atoms, "grant", "grants"),
        count(update.added, "finding", "findings"),
        count(update.atoms_added, "grant", "grants"),
    );
    let word = if args.prune { "dropped" } else { "no longer matches (--prune drops it)" };
    for entry in &update.gone {
        let (kind, identity) = (show(&entry.kind), show(&entry.identity));
        eprintln!("{word}: {} {kind} of {identity}: {}", entry.fingerprint, show(&entry.grant));
    }
    if update.atoms_gone > 0 {
        eprintln!("{word}: {} grants", update.atoms_gone);
    }
    Ok(0)
}

/// `1 grant`, `2 grants`.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn earlier(args: &Args) -> Result<Baseline, Stop> {
    if !args.output.exists() {
        return Ok(Baseline::default());
    }
    if args.update {
        return Ok(load(&args.output)?);
    }
    let text = format!("{} exists", args.output.display());
    Err(Diagnostic::error("baseline", text)
        .help("--update adds to it and keeps reasons; or remove it first")
        .into())
}

/// Writes beside the file and renames, so that a failure leaves the earlier one whole.
fn write(path: &Path, baseline: &Baseline) -> Result<(), Stop> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    to_file(&part, create(&part)?, |out| baseline.write(out))?;
    std::fs::rename(&part, path).map_err(|error| {
        let text = format!("cannot write {}: {error}", path.display());
        Diagnostic::error("output", text).into()
    })
}
