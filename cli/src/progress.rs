//! A progress bar on a terminal; nothing in a pipe.

use hither::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar that shows one stage after another.
pub struct Bar {
    bar: ProgressBar,
    stage: &'static str,
}

impl Bar {
    /// A bar on standard error, or none if that is no terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3} % {eta:>4}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, stage: "" }
    }

    /// Shows how far the work is.
    pub fn show(&mut self, progress: Progress) {
        if progress.stage != self.stage {
            self.stage = progress.stage;
            self.bar.reset();
            self.bar.set_message(progress.stage);
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
