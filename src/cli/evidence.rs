//! `authgap evidence`.

use clap::Args as ClapArgs;

use super::Stop;
use super::output::to_stdout;
use crate::diagnostic::Diagnostic;
use crate::platform::{self, PLATFORMS};

/// Arguments of `evidence`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// The platform
    platform: String,
}

pub(super) fn run(args: &Args) -> Result<u8, Stop> {
    let script = platform::by_id(&args.platform).and_then(|platform| platform.script());
    match script {
        Some(script) => to_stdout(|out| out.write_all(script.as_bytes())),
        None => {
            let with: Vec<&str> = PLATFORMS
                .iter()
                .filter(|platform| platform.script().is_some())
                .map(|platform| platform.id())
                .collect();
            Err(Diagnostic::error("evidence", format!("no script for `{}`", args.platform))
                .note("docs/platforms/ says how to get the evidence of the others")
                .help(format!("there is one for: {}", with.join(", ")))
                .into())
        }
    }
}
