//! `authgap dev docs`: writes the generated pages, or checks that they are up to date.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory, Subcommand};

use super::{Cli, Stop};
use crate::diagnostic::Diagnostic;
use crate::findings::KINDS;
use crate::report;

/// Arguments of `dev`.
#[derive(ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The generated pages
    Docs {
        /// Only check
        #[arg(long)]
        check: bool,
        /// The folder
        #[arg(long, default_value = "docs")]
        dir: PathBuf,
    },
}

pub(super) fn run(args: &Args) -> Result<u8, Stop> {
    let What::Docs { check, dir } = &args.what;
    let mut stale = Vec::new();
    for (name, text) in pages() {
        let path: PathBuf = Path::new(dir).join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        if before == text {
            continue;
        }
        if *check {
            stale.push(path.display().to_string());
        } else {
            std::fs::write(&path, text).map_err(|error| {
                Diagnostic::error("docs", format!("{}: {error}", path.display()))
            })?;
        }
    }
    if stale.is_empty() {
        return Ok(0);
    }
    Err(Diagnostic::error("docs", format!("not up to date: {}", stale.join(", ")))
        .help("run `authgap dev docs`")
        .into())
}

/// Every generated page: file name and text.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("findings/README.md", findings()),
        ("report.schema.json", report::schema::schema()),
        ("authgap.schema.json", crate::intent::schema::schema()),
        ("columns.md", columns()),
        ("cli.md", cli()),
    ]
}

fn findings() -> String {
    let mut out =
        "# Kinds of findings\n\nMade by `authgap dev docs` from the registry of kinds.\n\n"
            .to_string();
    out.push_str("| kind | what | since | frameworks |\n|---|---|---|---|\n");
    for kind in KINDS {
        let ids: Vec<String> =
            kind.frameworks().iter().take(4).map(|id| id.show().replace('|', "\\|")).collect();
        let _ = writeln!(
            out,
            "| [{}]({}.md) | {} | {} | {} |",
            kind.id,
            kind.id,
            kind.summary,
            kind.since,
            ids.join("; ")
        );
    }
    out
}

fn columns() -> String {
    let mut out =
        "# Columns of the tables\n\nMade by `authgap dev docs` from the definition of columns.\n"
            .to_string();
    for (table, columns) in report::columns::documentation() {
        let _ = writeln!(out, "\n## {table}\n\n| column | meaning |\n|---|---|");
        for (name, doc) in columns {
            let _ = writeln!(out, "| `{name}` | {doc} |");
        }
    }
    out
}

fn cli() -> String {
    let mut out =
        "# Commands\n\nMade by `authgap dev docs` from the program's own help.\n".to_string();
    let mut command = Cli::command().term_width(100);
    let _ = write!(out, "\n```text\n{}```\n", command.render_help());
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .map(|sub| sub.get_name().to_string())
        .collect();
    command.build();
    for name in names {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            let _ = write!(out, "\n## {name}\n\n```text\n{}```\n", sub.render_long_help());
        }
    }
    out
}
