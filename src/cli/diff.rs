//! `authgap diff`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::analyze::{Source, pool};
use super::output::{create, to_file, to_stdout};
use super::progress::Bar;
use super::{Global, Stop};
use crate::diagnostic::Diagnostic;
use crate::gate::diff::{Diff, diff, markdown, table};

/// Arguments of `diff`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// The earlier state: a JSON report, evidence, or policies
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The later state
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Write to FILE (.md, .json, .txt); may be repeated
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Vec<PathBuf>,
    /// Format of standard output
    #[arg(long, value_enum, default_value = "table", help_heading = "Output")]
    format: Shape,
}

/// How a difference is written.
#[derive(Clone, Copy, ValueEnum)]
enum Shape {
    /// Lines.
    Table,
    /// Markdown.
    Markdown,
    /// JSON.
    Json,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    args.source.load_catalogue()?;
    let mut targets = Vec::new();
    for path in &args.output {
        let extension = path.extension().and_then(|one| one.to_str()).unwrap_or_default();
        let shape = match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Shape::Markdown,
            "json" => Shape::Json,
            "txt" => Shape::Table,
            _ => {
                let text = format!("no format has the extension of {}", path.display());
                return Err(Diagnostic::error("output", text)
                    .help("use .md, .json or .txt")
                    .into());
            }
        };
        targets.push((path, shape, create(path)?));
    }
    let options = args.source.options(&[]);
    let bar = Bar::new(global);
    let found = pool(options.threads, || diff(&args.old, &args.new, &options, &bar))?;
    bar.done();
    if targets.is_empty() {
        return to_stdout(|out| write(args.format, &found, out));
    }
    for (path, shape, file) in targets {
        to_file(path, file, |out| write(shape, &found, out))?;
    }
    Ok(0)
}

fn write(shape: Shape, found: &Diff, mut out: &mut dyn std::io::Write) -> std::io::Result<()> {
    match shape {
        Shape::Table => table(found, out),
        Shape::Markdown => markdown(found, out),
        Shape::Json => {
            serde_json::to_writer_pretty(&mut out, found)?;
            out.write_all(b"\n")
        }
    }
}
