//! Changing an index in memory: inserted rows grow beside the segments, removed rows are hidden.

use super::Index;
use crate::column::ValueRef;
use crate::error::{ErrorKind, Result};
use crate::growing::Growing;
use crate::key::{Key, KeyRef, KeyType, RandomKeys};

impl Index<'_> {
    /// Inserts a row and returns its key. Without a key it gets the next number where keys are row numbers, and
    /// a random UUID of version 4 where keys are UUIDs and the feature `getrandom` is on.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateKey`] if there is a row with this key, and those of
    /// [`IndexBuilder::push`](crate::IndexBuilder::push). The index is then unchanged.
    ///
    /// ```
    /// # use hither::{IndexBuilder, IndexOptions, Metric};
    /// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
    /// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
    /// # let bytes = builder.finish()?;
    /// use hither::{Index, Key, KeyRef};
    ///
    /// let mut index = Index::open(&bytes)?;
    /// assert_eq!(index.insert(None, &[9.0, 0.0], &[])?, Key::Int64(5));
    /// index.update(KeyRef::Int64(0), &[7.0, 0.0], &[])?;
    /// assert!(index.remove(KeyRef::Int64(1))?);
    /// assert_eq!(index.len(), 5);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn insert(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[ValueRef<'_>],
    ) -> Result<Key> {
        let key = match key {
            Some(key) => key.to_owned(),
            None if self.options.key_type == KeyType::RowNumber => {
                Key::Int64(self.row_number_end()?)
            }
            None if self.options.key_type == KeyType::Uuid => self.random_keys.next()?,
            None => {
                let expected = self.options.key_type.name();
                return Err(ErrorKind::KeyType { expected, got: "missing" }.into());
            }
        };
        if self.find(key.as_ref())?.is_some() {
            return Err(ErrorKind::DuplicateKey { key: alloc::format!("{key}") }.into());
        }
        self.grow(key.clone(), vector, values)?;
        Ok(key)
    }

    /// Draws the keys of rows that are inserted without one from this seed, as
    /// [`IndexBuilder::seed_keys`](crate::IndexBuilder::seed_keys) does.
    pub fn seed_keys(&mut self, seed: u64) {
        self.random_keys = RandomKeys::seeded(seed);
    }

    /// Replaces the row with this key.
    ///
    /// # Errors
    /// [`ErrorKind::KeyNotFound`] if there is none, and those of [`insert`](Self::insert).
    pub fn update(
        &mut self,
        key: KeyRef<'_>,
        vector: &[f32],
        values: &[ValueRef<'_>],
    ) -> Result<()> {
        let Some(old) = self.find(key)? else {
            return Err(ErrorKind::KeyNotFound { key: alloc::format!("{key}") }.into());
        };
        self.grow(key.to_owned(), vector, values)?;
        if let Some(segment) = self.segments.get_mut(old.segment as usize) {
            segment.hide(old.row);
        }
        Ok(())
    }

    /// Removes the row with this key; false if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::KeyType`], or [`ErrorKind::Corrupt`] if the file is damaged.
    pub fn remove(&mut self, key: KeyRef<'_>) -> Result<bool> {
        let Some(row) = self.find(key)? else { return Ok(false) };
        match (self.segments.get_mut(row.segment as usize), &mut self.growing) {
            (Some(segment), _) => segment.hide(row.row),
            (None, Some(growing)) => {
                growing.remove(key);
            }
            (None, None) => {}
        }
        Ok(true)
    }

    fn grow(&mut self, key: Key, vector: &[f32], values: &[ValueRef<'_>]) -> Result<()> {
        if let (Key::Int64(number), KeyType::RowNumber) = (&key, self.options.key_type) {
            let next = self.row_number_end()?;
            self.next_number = Some(next.max(number.saturating_add(1)));
        }
        let growing = match &mut self.growing {
            Some(growing) => growing,
            empty => empty.insert(Growing::new(self.options.shape(), &self.options.columns)?),
        };
        growing.push(key, vector, values)
    }

    /// Where keys are row numbers: the number after the greatest that was given.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the file is damaged.
    pub fn row_number_end(&self) -> Result<i64> {
        if let Some(next) = self.next_number {
            return Ok(next);
        }
        let mut next = 0;
        for segment in &self.segments {
            if let Some(KeyRef::Int64(greatest)) = segment.keys.greatest()? {
                next = next.max(greatest.saturating_add(1));
            }
        }
        Ok(next)
    }
}
