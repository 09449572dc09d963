//! How far a build has come.

use crate::error::Result;

/// What is being done, for a progress bar.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::{AlignedBytes, IndexBuilder as Builder};
///
/// let mut builder = Builder::new(IndexOptions::new(2, Metric::L2))?;
/// builder.push(None, &[1.0, 2.0], &[])?;
/// let mut file = AlignedBytes::new();
/// builder.write_to(&mut file, &mut |progress| {
///     println!("{}: {} of {}", progress.stage, progress.done, progress.total);
///     Ok(())
/// })?;
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
