//! Progress bars on stderr, only on a terminal.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Global;
use crate::evidence::Progress;

/// A bar over the bytes of log files.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar, or nothing where stderr is no terminal or `--quiet` is set.
    pub(super) fn new(global: Global) -> Bar {
        if global.quiet || !std::io::stderr().is_terminal() {
            return Bar(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "reading   {spinner} {bytes}  {bytes_per_sec}  {elapsed}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Bar(Some(bar))
    }

    /// Removes the bar.
    pub(super) fn done(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn add(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    fn file_done(&self) {}
}

/// Says on stderr how long each step took, with `--verbose`.
pub(super) struct Steps {
    is_shown: bool,
    since: Instant,
}

impl Steps {
    /// Begins the first step.
    pub(super) fn new(global: Global) -> Steps {
        Steps { is_shown: global.verbose, since: Instant::now() }
    }

    /// Ends a step and begins the next.
    pub(super) fn done(&mut self, step: &str) {
        if self.is_shown {
            eprintln!("{step}: {:.2} s", self.since.elapsed().as_secs_f64());
        }
        self.since = Instant::now();
    }
}
