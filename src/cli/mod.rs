//! The command line: one file a subcommand, no logic beyond arguments and printing.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this module is for"
)]

mod analyze;
mod baseline;
mod can;
mod catalog;
mod check;
mod clock;
mod demo;
mod dev;
mod diff;
mod evidence;
mod explain;
mod output;
mod progress;
mod usage;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::diagnostic::Diagnostic;

/// Find what non-human identities may do and do not: granted against used against intended.
#[derive(Parser)]
#[command(name = "authgap", version, about, max_term_width = 100)]
#[command(after_help = AFTER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colour: auto (a terminal, and NO_COLOR is not set), always or never
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: When,
    /// Print no warnings and no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print more: every warning
    #[arg(short, long, global = true)]
    verbose: bool,
}

const AFTER: &str = "\
authgap PATH... is the same as authgap analyze PATH...
Exit:    0 done (check: clean)   1 check found something   2 error, or nothing could be read
Example: authgap analyze iam.json logs/ -o report.md -o report.json";

#[derive(Subcommand)]
enum Command {
    /// The report: what is granted, used and intended, and the gap between
    Analyze(analyze::Args),
    /// A kind of finding, one finding, or one identity
    Explain(explain::Args),
    /// Would the policies allow it, and by which statement
    Can(can::Args),
    /// Fail on new findings: grants that the accepted state does not hold
    Check(check::Args),
    /// Accept the present state, so that only new grants fail
    Baseline(baseline::Args),
    /// Two reports, two folders of evidence, or two sets of policies
    Diff(diff::Args),
    /// Reduce logs to a usage table that can stand in their place
    Usage(usage::Args),
    /// Print a read-only script that collects the evidence
    Evidence(evidence::Args),
    /// The action catalogues: version, date, look-ups
    Catalog(catalog::Args),
    /// Write the evidence of an invented company, and analyse it
    Demo(demo::Args),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Write or check the generated pages of the documentation
    #[command(hide = true)]
    Dev(dev::Args),
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options that every command has.
#[derive(Clone, Copy)]
pub(crate) struct Global {
    color: When,
    quiet: bool,
    verbose: bool,
}

impl Global {
    /// Whether standard output is coloured.
    fn color(self) -> bool {
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// Prints warnings: all with `--verbose`, the first ten otherwise, none with `--quiet`.
    fn warn(self, warnings: &[Diagnostic]) {
        if self.quiet {
            return;
        }
        let most = if self.verbose { warnings.len() } else { 10 };
        for warning in warnings.iter().take(most) {
            eprint!("{}", warning.render());
        }
        if warnings.len() > most {
            eprintln!("… and {} more warnings (--verbose)", warnings.len() - most);
        }
    }
}

/// Why a command stopped.
pub(crate) enum Stop {
    /// Errors to print; exit status 2.
    Failed(Vec<Diagnostic>),
    /// Standard output was closed: nothing to say.
    Closed,
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Stop {
        Stop::Failed(vec![problem])
    }
}

impl From<Vec<Diagnostic>> for Stop {
    fn from(problems: Vec<Diagnostic>) -> Stop {
        Stop::Failed(problems)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Stop::Closed
        } else {
            Diagnostic::error("output", error.to_string()).into()
        }
    }
}

/// Exit status of errors.
const FAILED: u8 = 2;

/// Runs the program.
pub fn main() -> ExitCode {
    crate::diagnostic::tell_panics();
    let cli = Cli::parse_from(with_default_command(std::env::args_os().collect()));
    let global = Global { color: cli.color, quiet: cli.quiet, verbose: cli.verbose };
    let status = match cli.command {
        Command::Analyze(args) => analyze::run(&args, global),
        Command::Explain(args) => explain::run(&args, global),
        Command::Can(args) => can::run(&args, global),
        Command::Check(args) => check::run(&args, global),
        Command::Baseline(args) => baseline::run(&args, global),
        Command::Diff(args) => diff::run(&args, global),
        Command::Usage(args) => usage::run(&args, global),
        Command::Evidence(args) => evidence::run(&args),
        Command::Catalog(args) => catalog::run(&args),
        Command::Demo(args) => demo::run(&args, global),
        Command::Completions { shell } => output::to_stdout(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "authgap", out);
            Ok(())
        }),
        Command::Man => output::to_stdout(|out| clap_mangen::Man::new(Cli::command()).render(out)),
        Command::Dev(args) => dev::run(&args),
    };
    match status {
        Ok(status) => ExitCode::from(status),
        Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed(problems)) => {
            for problem in problems {
                eprint!("{}", problem.render());
            }
            ExitCode::from(FAILED)
        }
    }
}

/// `authgap PATH...` means `authgap analyze PATH...`: so it is when the first word that is no option names no
/// command.
fn with_default_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| {
        let word = word.to_string_lossy();
        word == "help" || Cli::command().get_subcommands().any(|command| command.get_name() == word)
    };
    let first = args.get(1);
    let is_path = first.is_some_and(|word| !word.to_string_lossy().starts_with('-') || word == "-");
    if is_path && !first.is_some_and(is_command) {
        args.insert(1, "analyze".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_path_alone_is_analysed() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            with_default_command(args(&["authgap", "fixtures"])),
            args(&["authgap", "analyze", "fixtures"])
        );
        assert_eq!(
            with_default_command(args(&["authgap", "can", "x"])),
            args(&["authgap", "can", "x"])
        );
        assert_eq!(
            with_default_command(args(&["authgap", "--help"])),
            args(&["authgap", "--help"])
        );
    }
}
