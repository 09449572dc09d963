//! A sparse directory of the keys of a segment, for readers of ranges.
//!
//! # What for
//!
//! A binary search over the order of keys reads a key here and there: over a network each step is a round trip, so
//! such a reader would have to fetch all keys. Instead, all keys are stored once more, sorted, in *leaves* of some
//! 4 KiB, and the *directory* says where each leaf lies and which keys are in it. A look-up fetches the directory,
//! once, and then one leaf. The keys with a common prefix lie in successive leaves, so listing them takes no more
//! round trips.
//!
//! # Sorted bytes
//!
//! Keys of every type are turned into bytes whose order is that of the keys: text and UUIDs are themselves, numbers
//! have their sign bit flipped and the highest byte first. In a leaf each key is stored as how many bytes it has in
//! common with the key before, and the bytes that follow. The directory does not need whole keys either: of each
//! leaf's first key it has the *separator*, the shortest beginning that is greater than the last key of the leaf
//! before (as in prefix B-trees: Bayer, Unterauer, ACM TODS 1977).
//!
//! FORMAT.md specifies the bytes.

#[cfg(test)]
mod tests;

use super::{Key, KeyRef, KeyType, KeysView};
use crate::error::{OrCorrupt, Result, corrupt};
use crate::sort::sort_by;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use xxhash_rust::xxh3::xxh3_64;

/// The sections of a segment's directory; empty if there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DirectorySections<T> {
    pub directory: T,
    pub leaves: T,
}

const WHAT: &str = "the directory of keys";

/// A leaf ends with the key that makes it at least this long, in bytes. With 116,659 words a leaf then has some
/// 500 keys, and the directory is about as long as a leaf.
const LEAF: usize = 4096;

/// Bytes of a leaf's record in the directory.
const RECORD: usize = 24;

/// The bytes of a key, in the order of keys.
pub(crate) fn sortable(key: KeyRef<'_>) -> Cow<'_, [u8]> {
    match key {
        KeyRef::Int64(number) => Cow::Owned((number as u64 ^ 1 << 63).to_be_bytes().to_vec()),
        KeyRef::Uuid(bytes) => Cow::Owned(bytes.to_vec()),
        KeyRef::Text(text) => Cow::Borrowed(text.as_bytes()),
    }
}

/// Writes the directory of these keys; row `r` has the key `keys[order[r]]`. The keys are of one type, and no two
/// are equal. Empty where the keys are too long for it: then readers do without.
pub(crate) fn encode_directory(keys: &[Key], order: &[u32]) -> DirectorySections<Vec<u8>> {
    let mut rows: Vec<u32> = (0..order.len() as u32).collect();
    let key = |row: u32| keys[order[row as usize] as usize].as_ref();
    sort_by(&mut rows, |&a, &b| key(a).cmp(&key(b)));
    let mut sections = DirectorySections::default();
    if rows.is_empty() {
        return sections;
    }
    let (mut records, mut separators) = (Vec::new(), Vec::new());
    let mut last: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut first = 0;
    for (at, &row) in rows.iter().enumerate() {
        let own = sortable(key(row));
        if own.len().max(separators.len()) > u32::MAX as usize / 2 {
            return DirectorySections::default();
        }
        let mut shared = last.iter().zip(own.iter()).take_while(|(a, b)| a == b).count();
        let length = sections.leaves.len() - first;
        if at == 0 || length >= LEAF {
            let separator = if at == 0 { &[] } else { &own[..(shared + 1).min(own.len())] };
            if at > 0 {
                let hash = xxh3_64(&sections.leaves[first..]);
                push_hash(&mut records, hash);
            }
            first = sections.leaves.len();
            push_record(&mut records, at, first, separators.len());
            separators.extend_from_slice(separator);
            shared = 0;
        }
        push_number(&mut sections.leaves, shared);
        push_number(&mut sections.leaves, own.len() - shared);
        sections.leaves.extend_from_slice(&own[shared..]);
        push_number(&mut sections.leaves, row as usize);
        last = own;
    }
    push_hash(&mut records, xxh3_64(&sections.leaves[first..]));
    push_record(&mut records, rows.len(), sections.leaves.len(), separators.len());
    push_hash(&mut records, 0);
    sections.directory = ((records.len() / RECORD - 1) as u32).to_le_bytes().to_vec();
    sections.directory.extend_from_slice(&records);
    sections.directory.extend_from_slice(&separators);
    sections
}

fn push_record(out: &mut Vec<u8>, first: usize, offset: usize, separator: usize) {
    out.extend_from_slice(&(first as u32).to_le_bytes());
    out.extend_from_slice(&(separator as u32).to_le_bytes());
    out.extend_from_slice(&(offset as u64).to_le_bytes());
}

fn push_hash(out: &mut Vec<u8>, hash: u64) {
    out.extend_from_slice(&hash.to_le_bytes());
}

/// LEB128: seven bits a byte, the lowest first, and the highest bit of every byte but the last is 1.
fn push_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What the directory says of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafEntry<'a> {
    /// Where it lies in the section of leaves, in bytes.
    pub offset: u64,
    pub length: u64,
    pub hash: u64,
    /// How many keys it has.
    pub count: u32,
    /// Its keys are not less than this, and less than the next, if there is a next leaf.
    separator: &'a [u8],
    next: Option<&'a [u8]>,
    /// How many rows the segment has.
    rows: u32,
}

/// A directory, checked: leaves follow each other and have all keys, and separators ascend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory<'a> {
    records: &'a [[u8; RECORD]],
    separators: &'a [u8],
    rows: u32,
}

impl<'a> Directory<'a> {
    /// Reads the directory of a segment with so many rows, whose leaves have `leaves` bytes in all.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it contradicts itself or these numbers.
    pub fn read(bytes: &'a [u8], rows: u32, leaves: u64) -> Result<Self> {
        let (count, rest) = bytes.split_first_chunk().or_corrupt(WHAT)?;
        let length = (u32::from_le_bytes(*count) as usize).checked_add(1).or_corrupt(WHAT)?;
        let length = length.checked_mul(RECORD).or_corrupt(WHAT)?;
        let (records, separators) = rest.split_at_checked(length).or_corrupt(WHAT)?;
        let directory = Self { records: records.as_chunks().0, separators, rows };
        let (first, last) = (directory.record(0)?, directory.record(directory.leaves())?);
        let is_whole = first == (0, 0, 0) && last == (rows, separators.len() as u32, leaves);
        let mut is_sound = is_whole && directory.leaves() > 0;
        for leaf in 0..directory.leaves() {
            let (own, next) = (directory.record(leaf)?, directory.record(leaf + 1)?);
            is_sound &= own.0 < next.0 && own.1 <= next.1 && own.2 < next.2;
        }
        is_sound.then_some(()).or_corrupt(WHAT)?;
        for leaf in 1..directory.leaves() {
            is_sound &= directory.separator(leaf - 1)? < directory.separator(leaf)?;
        }
        is_sound.then_some(directory).or_corrupt(WHAT)
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> usize {
        self.records.len() - 1
    }

    /// How many keys lie before a leaf, where its separator begins, and where the leaf does.
    fn record(&self, leaf: usize) -> Result<(u32, u32, u64)> {
        let record = self.records.get(leaf).or_corrupt(WHAT)?;
        let number = |at: usize| {
            let bytes = record.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        Ok((number(0), number(4), u64::from(number(8)) | u64::from(number(12)) << 32))
    }

    fn separator(&self, leaf: usize) -> Result<&'a [u8]> {
        let range = self.record(leaf)?.1 as usize..self.record(leaf + 1)?.1 as usize;
        self.separators.get(range).or_corrupt(WHAT)
    }

    /// The leaf that has this key, if any has.
    pub fn leaf_of(&self, key: &[u8]) -> Result<usize> {
        let (mut low, mut high) = (0, self.leaves());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.separator(middle)? <= key {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Whether a leaf behind that of `prefix` may have keys that begin with it.
    pub fn may_begin(&self, leaf: usize, prefix: &[u8]) -> Result<bool> {
        // Its separator is greater than the prefix: unless it begins with it, it is greater than all such keys.
        Ok(leaf < self.leaves() && self.separator(leaf)?.starts_with(prefix))
    }

    pub fn entry(&self, leaf: usize) -> Result<LeafEntry<'a>> {
        let (own, next) = (self.record(leaf)?, self.record(leaf + 1)?);
        let hash = self.records[leaf].last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(LeafEntry {
            offset: own.2,
            length: next.2 - own.2,
            hash,
            count: next.0 - own.0,
            separator: self.separator(leaf)?,
            next: if leaf + 1 < self.leaves() { Some(self.separator(leaf + 1)?) } else { None },
            rows: self.rows,
        })
    }
}

/// The keys of a leaf, one after another.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    entry: LeafEntry<'a>,
    rest: &'a [u8],
    left: u32,
    key: Vec<u8>,
}

impl<'a> Leaf<'a> {
    pub fn new(entry: LeafEntry<'a>, bytes: &'a [u8]) -> Self {
        Self { entry, rest: bytes, left: entry.count, key: Vec::new() }
    }

    /// The next key's bytes, and its row; `None` behind the last.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the leaf contradicts its entry, or its keys do not ascend.
    pub fn next_key(&mut self) -> Result<Option<(&[u8], u32)>> {
        if self.left == 0 {
            return self.rest.is_empty().then_some(None).or_corrupt(WHAT);
        }
        let is_first = self.left == self.entry.count;
        self.left -= 1;
        let shared = self.number()? as usize;
        let length = self.number()? as usize;
        let (own, rest) = self.rest.split_at_checked(length).or_corrupt(WHAT)?;
        self.rest = rest;
        let row = self.number()?;
        // Whether it is greater than the key before depends on what they do not share.
        let before = self.key.get(shared..).or_corrupt(WHAT)?;
        let is_sound = (is_first || before < own) && row < self.entry.rows;
        self.key.truncate(shared);
        self.key.extend_from_slice(own);
        let key = self.key.as_slice();
        let fits = (!is_first || self.entry.separator <= key)
            && self.entry.next.is_none_or(|next| self.left > 0 || key < next);
        (is_sound && fits).then_some(Some((key, row))).or_corrupt(WHAT)
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = self.rest.split_first().or_corrupt(WHAT)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| corrupt(WHAT));
            }
        }
        Err(corrupt(WHAT))
    }

    /// The row with this key. Reads the leaf to its end.
    pub fn find(mut self, key: &[u8]) -> Result<Option<u32>> {
        let mut found = None;
        while let Some((own, row)) = self.next_key()? {
            if own == key {
                found = Some(row);
            }
        }
        Ok(found)
    }
}

/// A text key from its bytes.
pub(crate) fn text_of(bytes: &[u8]) -> Result<String> {
    core::str::from_utf8(bytes).map(String::from).map_err(|_| corrupt(WHAT))
}

/// Checks every hash, and that the directory has the keys of all rows in their order.
pub(crate) fn verify(
    sections: DirectorySections<&[u8]>,
    keys: &KeysView<'_>,
    rows: u32,
) -> Result<()> {
    let DirectorySections { directory, leaves } = sections;
    if directory.is_empty() {
        return leaves.is_empty().then_some(()).or_corrupt(WHAT);
    }
    let directory = Directory::read(directory, rows, leaves.len() as u64)?;
    let mut at = 0;
    for number in 0..directory.leaves() {
        let entry = directory.entry(number)?;
        let range = entry.offset as usize..(entry.offset + entry.length) as usize;
        let bytes = leaves.get(range).or_corrupt(WHAT)?;
        let mut is_sound = xxh3_64(bytes) == entry.hash;
        let mut leaf = Leaf::new(entry, bytes);
        while let Some((key, row)) = leaf.next_key()? {
            is_sound &= keys.sorted(at)? == row && *sortable(keys.get(row)?) == *key;
            at += 1;
        }
        is_sound.then_some(()).or_corrupt(WHAT)?;
    }
    Ok(())
}

/// Whether keys of this type get a directory. Row numbers need none: the order of keys leads from a number to its row.
pub(crate) fn needs_directory(key_type: KeyType) -> bool {
    key_type != KeyType::RowNumber
}
