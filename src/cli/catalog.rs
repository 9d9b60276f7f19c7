//! `authgap catalog`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Stop;
use super::output::to_stdout;
use crate::catalogue::Catalogue;
use crate::diagnostic::{Diagnostic, show};
use crate::model::Glob;
use crate::platform::PLATFORMS;

/// Arguments of `catalog`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// List the actions that match, such as 's3:Get*'
    action: Option<String>,
    /// Use the catalogue of this file instead of the built-in one
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Stop> {
    if let Some(path) = &args.load {
        load(path)?;
    }
    to_stdout(|out| match &args.action {
        Some(pattern) => list(pattern, out),
        None => versions(out),
    })
}

/// Reads a catalogue and puts it in the place of the built-in one.
pub(super) fn load(path: &std::path::Path) -> Result<(), Stop> {
    let problem =
        |reason: String| Diagnostic::error("catalogue", format!("{}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let catalogue = Catalogue::read(&bytes).map_err(|error| problem(error.to_string()))?;
    if &*catalogue.platform != "aws" {
        return Err(problem(format!("no platform `{}`", catalogue.platform)).into());
    }
    Catalogue::replace_aws(catalogue);
    Ok(())
}

fn versions(out: &mut dyn Write) -> std::io::Result<()> {
    for platform in PLATFORMS {
        let catalogue = platform.catalogue();
        if catalogue.actions.is_empty() {
            writeln!(out, "{}  no catalogue: actions come from the evidence", platform.id())?;
            continue;
        }
        writeln!(
            out,
            "{}  version {}, facts of {}, {} actions of {} services; from {}, {}",
            platform.id(),
            show(&catalogue.version),
            show(&catalogue.date),
            catalogue.actions.len(),
            catalogue.services.len(),
            show(&catalogue.source),
            show(&catalogue.licence)
        )?;
    }
    Ok(())
}

fn list(pattern: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let glob = Glob::fold(pattern);
    for platform in PLATFORMS {
        let catalogue = platform.catalogue();
        for action in catalogue.actions.iter().filter(|action| glob.matches(&action.name)) {
            let types: Vec<&str> = action
                .resource_types
                .iter()
                .map(|(number, _)| &*catalogue.resource_types[*number as usize].name)
                .collect();
            let facts = platform.facts(&action.name, Some(action));
            let on = if types.is_empty() { "no resource".to_string() } else { types.join(", ") };
            writeln!(
                out,
                "{}  {}  {}  {}",
                show(&action.name),
                action.level.as_str(),
                show(&facts.class),
                show(&on)
            )?;
        }
    }
    Ok(())
}
