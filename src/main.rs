//! The `authgap` program: parses the arguments, runs, and maps the outcome to an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    authgap::cli::main()
}
