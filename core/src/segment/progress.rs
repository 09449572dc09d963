//! The progress of a build.

use crate::error::Result;

/// A step of a build, for a progress bar.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// let mut tell = |progress: hither::Progress| {
///     println!("{}: {} of {}", progress.stage, progress.done, progress.total);
///     Ok(())
/// };
/// builder.write_to(&mut hither::raw::AlignedBytes::new(), Some(&mut tell))?;
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current stage: `coding`, `measuring`, `linking`, `refining`, `clustering`, `writing`.
    pub stage: &'static str,
    /// How much of the stage is done.
    pub done: u64,
    /// How much there is to do in the stage.
    pub total: u64,
}

/// Is told of progress; an error, such as [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), ends the
/// build.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> Result<()>;

/// The receiver of progress: `progress`, or else `unheard`.
pub(crate) fn heard<'s, 'p: 's>(
    progress: Option<OnProgress<'p>>,
    unheard: OnProgress<'s>,
) -> OnProgress<'s> {
    match progress {
        Some(progress) => progress,
        None => unheard,
    }
}
