//! Saving indexes to files.

use super::atomic::write_file;
use crate::builder::IndexBuilder;
use crate::error::Result;
use crate::index::{Index, Save};
use std::path::Path;

impl IndexBuilder {
    /// Builds the index and writes its file, [whole or not at all](write_file).
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish) and of [`write_file`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path, |sink| self.write_to(sink, None))
    }
}

impl Index<'_> {
    /// Writes the index to a new file, [whole or not at all](write_file). It may replace the index's own file:
    /// readers that have that open keep the old one.
    ///
    /// # Errors
    /// Those of [`write_to`](Self::write_to) and of [`write_file`].
    ///
    /// ```
    /// use hither::{IndexFile, IndexBuilder, IndexOptions, Metric, Save};
    ///
    /// # let path = std::env::temp_dir().join("hither-example-save.hither");
    /// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// builder.push(None, &[1.0, 2.0], &[])?;
    /// builder.save(&path)?;
    /// let mut file = IndexFile::open(&path)?;
    /// file.change(|index| index.insert(None, &[3.0, 4.0], &[]))?;
    /// file.index().save(&path, Save::delta())?;
    /// assert_eq!(IndexFile::open(&path)?.index().len(), 2);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>, save: Save<'_>) -> Result<()> {
        write_file(path, |sink| self.write_to(sink, save))
    }
}
