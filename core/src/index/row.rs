//! Reading a row: its key, its vector, its values.

use super::{Index, Place};
use crate::column::{ValueRef, unknown_column};
use crate::error::{ErrorKind, Result};
use crate::key::KeyRef;
use crate::neighbor::RowId;
use alloc::format;

impl Index<'_> {
    /// The key of a row.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the file is damaged, or the index has no such row.
    pub fn key(&self, row: RowId) -> Result<KeyRef<'_>> {
        match self.place(row)? {
            Place::Stored(segment) => segment.keys.get(row.row),
            Place::Growing(growing) => Ok(growing.keys[row.row as usize].as_ref()),
        }
    }

    /// Copies the stored vector of a row to `out`, one value for each dimension.
    ///
    /// # Errors
    /// Those of [`key`](Self::key), and [`ErrorKind::DimensionMismatch`].
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, KeyRef};
    ///
    /// let index = Index::open(&bytes)?;
    /// let row = index.find(KeyRef::Int64(3))?.expect("row 3");
    /// let mut vector = [0.0; 2];
    /// index.vector(row, &mut vector)?;
    /// assert_eq!(vector, [3.0, 0.0]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn vector(&self, row: RowId, out: &mut [f32]) -> Result<()> {
        if out.len() != self.dimensions() {
            let (expected, got) = (self.dimensions(), out.len());
            return Err(ErrorKind::DimensionMismatch { expected, got }.into());
        }
        match self.place(row)? {
            Place::Stored(segment) => segment.vectors.get(row.row, out),
            Place::Growing(growing) => growing.vectors.view().get(row.row, out),
        }
    }

    /// The stored vector as it is in the file, without a copy: one little-endian value of
    /// [`element`](crate::IndexOptions::element) for each dimension. `None` where only codes are stored.
    ///
    /// # Errors
    /// Those of [`key`](Self::key).
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Element, Index, KeyRef};
    ///
    /// let index = Index::open(&bytes)?;
    /// let row = index.find(KeyRef::Int64(3))?.expect("row 3");
    /// let stored = index.vector_bytes(row)?.expect("not codes alone");
    /// let mut vector = [0.0; 2];
    /// index.options().element.decode(stored, &mut vector);
    /// assert_eq!((index.options().element, vector), (Element::F16, [3.0, 0.0]));
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn vector_bytes(&self, row: RowId) -> Result<Option<&[u8]>> {
        match self.place(row)? {
            Place::Stored(segment) => segment.vectors.stored(row.row),
            Place::Growing(growing) => growing.vectors.view().stored(row.row),
        }
    }

    /// The most by which the row's vector may differ from the one that was added, as the L2 distance between
    /// them; under cosine, between both at unit length. 0 where vectors are stored. With
    /// [`Codes::Sq8Only`](crate::Codes::Sq8Only) it is the error of the codes, or at most a hundredth more;
    /// infinity if the file is older than this information.
    ///
    /// So the L2 distance of the vector that was added is within this of the distance that a search returns.
    ///
    /// # Errors
    /// Those of [`key`](Self::key).
    ///
    /// ```
    /// use hither::{Codes, Index, IndexBuilder, IndexOptions, KeyRef, Metric};
    ///
    /// let options = IndexOptions { codes: Some(Codes::Sq8Only), ..IndexOptions::new(2, Metric::L2) };
    /// let mut builder = IndexBuilder::new(options)?;
    /// for x in 0..100 { builder.push(None, &[x as f32, 0.1], &[])?; }
    /// let bytes = builder.finish()?;
    /// let index = Index::open(&bytes)?;
    /// let row = index.find(KeyRef::Int64(3))?.expect("row 3");
    /// let mut vector = [0.0; 2];
    /// index.vector(row, &mut vector)?;
    /// let off = (vector[0] - 3.0).hypot(vector[1] - 0.1);
    /// assert!(off <= index.vector_error(row)?);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn vector_error(&self, row: RowId) -> Result<f32> {
        match self.place(row)? {
            Place::Stored(segment) => Ok(segment.vector_error(row.row)),
            Place::Growing(_) => Ok(0.0),
        }
    }

    /// The value of a row in column number `column`.
    ///
    /// # Errors
    /// Those of [`key`](Self::key).
    pub fn value(&self, row: RowId, column: usize) -> Result<ValueRef<'_>> {
        match self.place(row)? {
            Place::Stored(segment) => match segment.columns.get(column) {
                Some(column) => column.get(row.row),
                None => Err(unknown_column(self.columns(), format!("number {column}"))),
            },
            Place::Growing(growing) if column < growing.columns.len() => {
                Ok(growing.value(column, row.row))
            }
            Place::Growing(_) => Err(unknown_column(self.columns(), format!("number {column}"))),
        }
    }
}
