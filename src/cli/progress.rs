//! Progress bars on stderr, only on a terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Global;
use crate::evidence::Progress;

/// A bar over the bytes of log files.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    files: AtomicU64,
    done: AtomicU64,
}

impl Bar {
    /// A bar, or nothing where stderr is no terminal or `--quiet` is set.
    pub(super) fn new(global: Global) -> Bar {
        let is_shown = !global.quiet && std::io::stderr().is_terminal();
        let bar = is_shown.then(ProgressBar::hidden);
        Bar { bar, files: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// Removes the bar.
    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn start(&self, bytes: u64, files: u64) {
        let Some(bar) = &self.bar else { return };
        let template = "reading   [{bar:18}]  {bytes} of {total_bytes}  {bytes_per_sec}  \
                        {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##-"));
        }
        self.files.store(files, Ordering::Relaxed);
        bar.set_length(bytes);
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn add(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn file_done(&self) {
        if let Some(bar) = &self.bar {
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set_message(format!("{done} of {} files", self.files.load(Ordering::Relaxed)));
        }
    }
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
