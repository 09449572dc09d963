//! Finding rows by their keys, and listing keys: a look-up reads the directory of keys and one of its leaves, and for a row
//! number a block of the order of keys. Older files have no directory: all their keys are read.

use super::cache::{Cache, Check, Unit};
use super::open::{KnownKeys, LazyIndex, LazySegment, Opened, part, whole};
use super::{Missing, poll};
use crate::archive::Kind;
use crate::archive::manifest::{NO_COLUMN, Section};
use crate::error::{OrCorrupt, Result, corrupt};
use crate::hnsw::search::{Halt, Step};
use crate::key::directory::{Directory, Leaf, LeafEntry, sortable, text_of};
use crate::key::{KeyRef, KeySections, KeyType, KeysView};
use crate::neighbor::RowId;
use crate::packed::{bits_below, unpack};
use crate::sort::sort;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::Poll;

/// The sections of a segment's keys, all of them.
struct AllKeys {
    sections: [Option<Rc<[u8]>>; 3],
}

impl AllKeys {
    fn view(&self, opened: &Opened, segment: &LazySegment) -> Result<KeysView<'_>> {
        let [keys, offsets, order] = &self.sections;
        let sections = KeySections {
            keys: keys.as_deref().unwrap_or(&[]),
            offsets: offsets.as_deref().unwrap_or(&[]),
            order: order.as_deref().unwrap_or(&[]),
            bits: segment.key_bits,
        };
        KeysView::new(opened.options.key_type, sections, segment.rows)
    }
}

/// The unit of a leaf, which its hash in the directory checks.
fn leaf_unit(leaves: &Section, entry: &LeafEntry<'_>) -> Unit {
    Unit {
        offset: leaves.offset + entry.offset,
        length: entry.length,
        check: Check::Hash(entry.hash),
        what: Kind::KeyLeaves.name(),
    }
}

impl Opened {
    /// The places of the directory and of its leaves, if the segment has them.
    fn directory(&self, segment: &LazySegment) -> Result<Option<(&Section, &Section)>> {
        let section = |kind| self.start.section(segment.number, NO_COLUMN, kind);
        match section(Kind::KeyDirectory) {
            Some(directory) => {
                let leaves = section(Kind::KeyLeaves).or_corrupt(Kind::KeyLeaves.name())?;
                Ok(Some((directory, leaves)))
            }
            None => Ok(None),
        }
    }

    fn all_keys(&self, segment: &LazySegment, cache: &mut Cache) -> Step<AllKeys, Missing> {
        let mut sections = [None, None, None];
        let mut is_missing = false;
        for (kind, bytes) in
            [Kind::Keys, Kind::KeyOffsets, Kind::KeyOrder].into_iter().zip(&mut sections)
        {
            let Some(section) = self.start.section(segment.number, NO_COLUMN, kind) else {
                continue;
            };
            match cache.get(&whole(section)) {
                Ok(found) => *bytes = Some(found),
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(error) => return Err(error),
            }
        }
        if is_missing { Err(Halt::Missing(Missing)) } else { Ok(AllKeys { sections }) }
    }

    fn find(
        &self,
        segment: &LazySegment,
        key: KeyRef<'_>,
        cache: &mut Cache,
    ) -> Step<Option<u32>, Missing> {
        let Some((directory, leaves)) = self.directory(segment)? else {
            if let Some(row) = self.find_number(segment, key, cache)? {
                return Ok(Some(row));
            }
            let all = self.all_keys(segment, cache)?;
            return Ok(all.view(self, segment)?.find(key)?);
        };
        let bytes = cache.get(&whole(directory))?;
        let directory = Directory::read(&bytes, segment.rows, leaves.length)?;
        let key = sortable(key);
        let entry = directory.entry(directory.leaf_of(&key)?)?;
        let bytes = cache.get(&leaf_unit(leaves, &entry))?;
        Ok(Leaf::new(entry, &bytes).find(&key)?)
    }

    /// The row of a row number, if the segment has all numbers below the number of its rows: the order of keys then
    /// has the row at that place. None where it has not, and for keys of other types.
    fn find_number(
        &self,
        segment: &LazySegment,
        key: KeyRef<'_>,
        cache: &mut Cache,
    ) -> Step<Option<u32>, Missing> {
        let order = self.start.section(segment.number, NO_COLUMN, Kind::KeyOrder);
        let (KeyRef::Int64(number), KeyType::RowNumber, Some(order)) =
            (key, self.options.key_type, order)
        else {
            return Ok(None);
        };
        let Some(at) = u64::try_from(number).ok().filter(|at| *at < u64::from(segment.rows)) else {
            return Ok(None);
        };
        let bits = bits_below(segment.rows.into());
        let (first, last) = (at * u64::from(bits), (at + 1) * u64::from(bits));
        let bytes = part(order, first / 8..last.div_ceil(8), cache)?;
        let row = unpack(&bytes, first, bits) as u32;
        if row >= segment.rows {
            return Err(corrupt(Kind::KeyOrder.name()).into());
        }
        let own = self.key(segment, row, &KnownKeys::new(), cache)?;
        Ok((own.as_ref() == key).then_some(row))
    }

    /// Appends the first `limit` keys of a segment that begin with `prefix`. Wants all leaves that these take at
    /// once.
    fn keys_with_prefix(
        &self,
        segment: &LazySegment,
        prefix: &str,
        limit: usize,
        cache: &mut Cache,
        out: &mut Vec<String>,
    ) -> Step<(), Missing> {
        let enough = out.len().saturating_add(limit);
        let Some((directory, leaves)) = self.directory(segment)? else {
            let all = self.all_keys(segment, cache)?;
            let view = all.view(self, segment)?;
            for row in view.rows_with_prefix(prefix)? {
                let row = row?;
                if out.len() == enough {
                    break;
                }
                if let (false, KeyRef::Text(key)) = (segment.is_hidden(row), view.get(row)?) {
                    out.push(key.into());
                }
            }
            return Ok(());
        };
        let keys = self.start.section(segment.number, NO_COLUMN, Kind::Keys);
        // Keys share bytes in a leaf; listed, they take no more than where they are stored whole.
        let mut left = keys.map_or(0, |section| section.length);
        let bytes = cache.get(&whole(directory))?;
        let directory = Directory::read(&bytes, segment.rows, leaves.length)?;
        let first = directory.leaf_of(prefix.as_bytes())?;
        let (mut number, mut expected, mut is_missing) = (first, 0_usize, false);
        while out.len().saturating_add(expected) < enough {
            let entry = directory.entry(number)?;
            match cache.get(&leaf_unit(leaves, &entry)) {
                Ok(bytes) if !is_missing => {
                    let mut leaf = Leaf::new(entry, &bytes);
                    while let Some((key, row)) = leaf.next_key()? {
                        let begins = key.starts_with(prefix.as_bytes());
                        if begins && !segment.is_hidden(row) && out.len() < enough {
                            let length = key.len() as u64;
                            left = left.checked_sub(length).or_corrupt(Kind::KeyLeaves.name())?;
                            out.push(text_of(key)?);
                        }
                    }
                }
                Ok(_) => expected = expected.saturating_add(entry.count as usize),
                Err(Halt::Missing(Missing)) => {
                    is_missing = true;
                    // How many keys of the first leaf begin so is not known.
                    if number > first {
                        expected = expected.saturating_add(entry.count as usize);
                    }
                }
                Err(error) => return Err(error),
            }
            number += 1;
            if !directory.may_begin(number, prefix.as_bytes())? {
                break;
            }
        }
        if is_missing { Err(Halt::Missing(Missing)) } else { Ok(()) }
    }
}

impl LazyIndex {
    /// The row that has this key, if any. Takes two round trips, the first of which reads the directory of the keys
    /// and serves all look-ups. Of files of before, which have no directory, all keys are read.
    ///
    /// # Errors
    /// [`ErrorKind::KeyType`](crate::ErrorKind::KeyType), or [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the file is damaged.
    pub fn find(&self, key: KeyRef<'_>) -> Result<Poll<Option<RowId>>> {
        let opened = self.opened()?;
        opened.options.check_key(key)?;
        let mut cache = self.cache.borrow_mut();
        let mut is_missing = false;
        for segment in opened.segments.iter().rev().filter(|segment| segment.rows > 0) {
            match opened.find(segment, key, &mut cache) {
                Ok(Some(row)) if !is_missing && !segment.is_hidden(row) => {
                    return Ok(Poll::Ready(Some(RowId { segment: segment.number, row })));
                }
                Ok(_) => {}
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(Halt::Error(error)) => return Err(error),
            }
        }
        Ok(if is_missing { Poll::Pending } else { Poll::Ready(None) })
    }

    /// The first `limit` text keys that begin with `prefix`, ascending by their bytes: see
    /// [`Index::keys_with_prefix`](crate::Index::keys_with_prefix). Takes as many round trips as [`find`](Self::find),
    /// more only if many such keys were removed.
    ///
    /// # Errors
    /// [`ErrorKind::KeyType`](crate::ErrorKind::KeyType) if the keys are no text, or [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the file is damaged.
    pub fn keys_with_prefix(&self, prefix: &str, limit: usize) -> Result<Poll<Vec<String>>> {
        let opened = self.opened()?;
        opened.options.check_key(KeyRef::Text(prefix))?;
        let mut cache = self.cache.borrow_mut();
        let mut found = Vec::new();
        let mut is_missing = false;
        for segment in opened.segments.iter().filter(|segment| segment.rows > 0) {
            match opened.keys_with_prefix(segment, prefix, limit, &mut cache, &mut found) {
                Ok(()) => {}
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(Halt::Error(error)) => return Err(error),
            }
        }
        if is_missing {
            return poll(Err(Halt::Missing(Missing)));
        }
        sort(&mut found);
        found.truncate(limit);
        Ok(Poll::Ready(found))
    }
}
