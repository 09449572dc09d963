//! A progress bar on a terminal; nothing in a pipe.

use crate::interrupt::interrupted;
use crate::show;
use hither::{ErrorKind, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar that shows one stage after another.
pub struct Bar {
    bar: ProgressBar,
    stage: &'static str,
    quiet: bool,
}

impl Bar {
    /// A bar on standard error, or none if that is no terminal, or `quiet` asks for neither a bar
    /// nor lines above it.
    pub fn new(quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, stage: "", quiet }
    }

    /// Shows how far the work is; of a total of 0, that it goes on.
    pub fn show(&mut self, progress: Progress) {
        if progress.stage != self.stage {
            self.stage = progress.stage;
            self.bar.reset();
            self.bar.set_message(progress.stage);
            let template = match progress.total {
                0 => "{msg:>10} {human_pos} rows",
                _ => "{msg:>10} {wide_bar} {percent:>3} % {eta:>4}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
    }

    /// Shows how far the work is.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if somebody wants the command to end.
    pub fn advance(&mut self, progress: Progress) -> hither::Result<()> {
        self.show(progress);
        if interrupted() { Err(ErrorKind::Cancelled.into()) } else { Ok(()) }
    }

    /// Writes a line above the bar.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| show::complain(line));
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
