//! Keys that begin with a text.

use super::Index;
use crate::error::Result;
use crate::key::{Key, KeyRef};
use crate::sort::sort;
use alloc::string::String;
use alloc::vec::Vec;

impl Index<'_> {
    /// The first `limit` text keys that begin with `prefix`, ascending by their bytes.
    ///
    /// # Errors
    /// [`ErrorKind::KeyType`](crate::ErrorKind::KeyType) if the keys are no text,
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the file is damaged.
    ///
    /// ```
    /// use hither::{Index, IndexOptions, KeyRef, KeyType, Metric};
    ///
    /// let options = IndexOptions { key_type: KeyType::Text, ..IndexOptions::new(1, Metric::L2) };
    /// let mut index = Index::new(options)?;
    /// for word in ["hill", "hike", "river"] {
    ///     index.insert(Some(KeyRef::Text(word)), &[0.5], &[])?;
    /// }
    /// assert_eq!(index.keys_with_prefix("hi", 10)?, ["hike", "hill"]);
    /// # Ok::<(), hither::Error>(())
    /// ```
    pub fn keys_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<String>> {
        self.options.check_key(KeyRef::Text(prefix))?;
        let mut found = Vec::new();
        for segment in &self.segments {
            let enough = found.len().saturating_add(limit);
            for row in segment.keys.rows_with_prefix(prefix)? {
                let row = row?;
                if found.len() == enough {
                    break;
                }
                if let (false, KeyRef::Text(key)) = (segment.is_hidden(row), segment.keys.get(row)?)
                {
                    found.push(String::from(key));
                }
            }
        }
        if let Some(growing) = &self.growing {
            for row in growing.live_rows() {
                if let Key::Text(key) = &growing.keys[row as usize]
                    && key.starts_with(prefix)
                {
                    found.push(key.clone());
                }
            }
        }
        sort(&mut found);
        found.truncate(limit);
        Ok(found)
    }
}
