//! How far something is that takes long: a bar on a terminal, a line every few seconds elsewhere, on standard error.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::table::count;

/// How often to look.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// How often to say so where nothing can be drawn.
const PAUSE: Duration = Duration::from_secs(5);

/// Closed connections of those that are to be.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    is_quiet: bool,
    told: Option<Instant>,
}

impl Progress {
    /// Nothing is said at all if it `is_quiet`, as beside an answer for machines.
    pub(super) fn new(is_quiet: bool) -> Self {
        let target = match is_quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let template = "{bar:40} {pos} of {len} connections closed, {elapsed}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        Self {
            bar,
            is_quiet,
            told: None,
        }
    }

    /// Shows that `closed` of `total` connections are.
    pub(super) fn show(&mut self, closed: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(closed);
        self.bar.tick();
        let now = Instant::now();
        let is_due = self.told.is_none_or(|told| now - told >= PAUSE);
        if !self.is_quiet && self.bar.is_hidden() && is_due {
            self.told = Some(now);
            let total = count(total, "connection");
            // Whoever does not read on need not be told.
            let _ = writeln!(std::io::stderr().lock(), "{closed} of {total} closed");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
