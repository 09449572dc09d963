//! A progress bar on a terminal; nothing if standard error is not one.

use crate::interrupt::interrupted;
use crate::show;
use hither::{ErrorKind, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A progress bar that shows one stage after another.
pub struct Bar {
    bar: ProgressBar,
    stage: &'static str,
    quiet: bool,
}

impl Bar {
    /// A bar on standard error; hidden if that is not a terminal. With `quiet` there is neither a bar nor
    /// lines above it.
    pub fn new(quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, stage: "", quiet }
    }

    /// Shows the progress; if the total is 0, only that work goes on.
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

    /// Shows the progress.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if the command is interrupted.
    pub fn advance(&mut self, progress: Progress) -> hither::Result<()> {
        self.show(progress);
        if interrupted() { Err(ErrorKind::Cancelled.into()) } else { Ok(()) }
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| show::complain(line));
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
