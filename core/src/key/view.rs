//! Stored keys: read by row, and found by binary search over the rows sorted by key.

use super::{Key, KeyRef, KeyType};
use crate::error::{ErrorKind, OrCorrupt, Result, corrupt};
use crate::packed::{PackedView, Packer, bits_below, packed_len};
use crate::sort::sort_by;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The sections of a segment's keys; an absent section is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySections<T> {
    /// Row numbers packed at `bits` bits; int64 8 bytes a row, little-endian; uuid 16 bytes a row; text as
    /// UTF-8, one key after another. Empty for row numbers that equal the rows.
    pub keys: T,
    /// Text only: where each key begins, and where the last ends; u64, little-endian.
    pub offsets: T,
    /// The rows sorted by key, packed. Empty if the rows are in that order.
    pub order: T,
    /// The bits of a packed row number.
    pub bits: u32,
}

/// Writes keys in the form that [`KeysView`] reads; row `r` has the key `keys[order[r]]`.
///
/// # Errors
/// [`ErrorKind::DuplicateKey`] if two rows have the same key, [`ErrorKind::KeyType`] if one is of
/// another type than `key_type`.
pub(crate) fn encode_keys(
    key_type: KeyType,
    keys: &[Key],
    order: &[u32],
) -> Result<KeySections<Vec<u8>>> {
    let ordered = || order.iter().map(|&row| &keys[row as usize]);
    if let Some(key) = ordered().find(|key| !key.as_ref().fits(key_type)) {
        let got = key.as_ref().type_name();
        return Err(ErrorKind::KeyType { expected: key_type.name(), got }.into());
    }
    let mut sections = KeySections::default();
    let numbers = || ordered().map(|key| if let Key::Int64(number) = key { *number } else { 0 });
    match key_type {
        KeyType::RowNumber => {
            if !numbers().enumerate().all(|(row, number)| number == row as i64) {
                let bound = numbers().max().map_or(0, |largest| largest as u64 + 1);
                sections.bits = bits_below(bound);
                let mut packer = Packer::new(sections.bits);
                numbers().for_each(|number| packer.push(number as u64));
                sections.keys = packer.finish();
            }
        }
        KeyType::Int64 | KeyType::Uuid => {
            for key in ordered() {
                match key {
                    Key::Int64(number) => sections.keys.extend_from_slice(&number.to_le_bytes()),
                    Key::Uuid(bytes) => sections.keys.extend_from_slice(bytes),
                    Key::Text(_) => {}
                }
            }
        }
        KeyType::Text => {
            sections.offsets.extend_from_slice(&0_u64.to_le_bytes());
            for key in ordered() {
                if let Key::Text(text) = key {
                    sections.keys.extend_from_slice(text.as_bytes());
                }
                sections.offsets.extend_from_slice(&(sections.keys.len() as u64).to_le_bytes());
            }
        }
    }
    let mut rows: Vec<u32> = (0..order.len() as u32).collect();
    let key = |row: u32| &keys[order[row as usize] as usize];
    sort_by(&mut rows, |&a, &b| key(a).cmp(key(b)));
    if let Some(pair) = rows.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
        return Err(ErrorKind::DuplicateKey { key: alloc::format!("{}", key(pair[0])) }.into());
    }
    if !rows.is_sorted() {
        let mut packer = Packer::new(bits_below(rows.len() as u64));
        rows.iter().for_each(|&row| packer.push(row.into()));
        sections.order = packer.finish();
    }
    Ok(sections)
}

/// Stored keys of a segment.
#[derive(Clone, Debug)]
pub(crate) struct KeysView<'a> {
    key_type: KeyType,
    sections: KeySections<&'a [u8]>,
    rows: u32,
}

const WHAT: &str = "keys";

/// The most bits of a packed row number, which is never negative.
pub(crate) const MAX_KEY_BITS: u32 = 63;

impl<'a> KeysView<'a> {
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the sections do not have the length that the numbers imply.
    pub fn new(key_type: KeyType, sections: KeySections<&'a [u8]>, rows: u32) -> Result<Self> {
        let count = u64::from(rows);
        let length = sections.keys.len() as u64;
        let fits = match key_type {
            KeyType::RowNumber => {
                sections.bits <= MAX_KEY_BITS
                    && (length == 0 || length == packed_len(count, sections.bits))
            }
            KeyType::Int64 => length == 8 * count,
            KeyType::Uuid => length == 16 * count,
            KeyType::Text => sections.offsets.len() as u64 == 8 * (count + 1),
        };
        let order = sections.order.len() as u64;
        if !fits || (order != 0 && order != packed_len(count, bits_below(count))) {
            return Err(corrupt(WHAT));
        }
        Ok(Self { key_type, sections, rows })
    }

    /// The key of a row.
    pub fn get(&self, row: u32) -> Result<KeyRef<'a>> {
        if row >= self.rows {
            return Err(corrupt(WHAT));
        }
        let at = row as usize;
        let keys = self.sections.keys;
        Ok(match self.key_type {
            KeyType::RowNumber if keys.is_empty() => KeyRef::Int64(i64::from(row)),
            KeyType::RowNumber => {
                let view = PackedView { bytes: keys, bits: self.sections.bits };
                KeyRef::Int64(view.get(row)? as i64)
            }
            KeyType::Int64 => {
                KeyRef::Int64(i64::from_le_bytes(*keys.as_chunks().0.get(at).or_corrupt(WHAT)?))
            }
            KeyType::Uuid => KeyRef::Uuid(*keys.as_chunks().0.get(at).or_corrupt(WHAT)?),
            KeyType::Text => {
                let offsets = self.sections.offsets.as_chunks().0;
                let offset = |at: usize| {
                    let offset = u64::from_le_bytes(*offsets.get(at).or_corrupt(WHAT)?);
                    usize::try_from(offset).map_err(|_| corrupt(WHAT))
                };
                let bytes = keys.get(offset(at)?..offset(at + 1)?).or_corrupt(WHAT)?;
                KeyRef::Text(core::str::from_utf8(bytes).map_err(|_| corrupt(WHAT))?)
            }
        })
    }

    /// The row at place `at` in the order of keys.
    pub fn sorted(&self, at: u32) -> Result<u32> {
        if self.sections.order.is_empty() {
            return Ok(at);
        }
        let bits = bits_below(u64::from(self.rows));
        Ok(PackedView { bytes: self.sections.order, bits }.get(at)? as u32)
    }

    /// The greatest key; `None` if there are no rows.
    pub fn greatest(&self) -> Result<Option<KeyRef<'a>>> {
        match self.rows.checked_sub(1) {
            Some(last) => self.get(self.sorted(last)?).map(Some),
            None => Ok(None),
        }
    }

    /// The row with this key.
    pub fn find(&self, key: KeyRef<'_>) -> Result<Option<u32>> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.sorted(middle)?;
            match self.get(row)?.cmp(&key) {
                Ordering::Equal => return Ok(Some(row)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The rows whose text keys begin with `prefix`, by their keys, ascending.
    pub fn rows_with_prefix(&self, prefix: &str) -> Result<impl Iterator<Item = Result<u32>>> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(self.sorted(middle)?)? < KeyRef::Text(prefix) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let begins = move |at: u32| -> Result<Option<u32>> {
            let row = self.sorted(at)?;
            let KeyRef::Text(text) = self.get(row)? else { return Ok(None) };
            Ok(text.starts_with(prefix).then_some(row))
        };
        Ok((low..self.rows).map_while(move |at| begins(at).transpose()))
    }

    /// Checks every key, and that the order by key is right.
    pub fn verify(&self) -> Result<()> {
        let mut last: Option<KeyRef<'_>> = None;
        for at in 0..self.rows {
            let key = self.get(self.sorted(at)?)?;
            if last.is_some_and(|last| last >= key) {
                return Err(corrupt(WHAT));
            }
            last = Some(key);
        }
        Ok(())
    }
}
