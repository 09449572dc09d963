//! How far a build has come.

use crate::error::Result;

/// What is being done, for a progress bar.
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
    /// What is being done now: `coding`, `measuring`, `linking`, `refining`,
    /// `clustering`, `writing`.
    pub stage: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
}

/// Hears of progress; an error, such as [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), ends
/// the build.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> Result<()>;

/// What hears of progress: `progress`, or else `unheard`.
pub(crate) fn heard<'s, 'p: 's>(
    progress: Option<OnProgress<'p>>,
    unheard: OnProgress<'s>,
) -> OnProgress<'s> {
    match progress {
        Some(progress) => progress,
        None => unheard,
    }
}
