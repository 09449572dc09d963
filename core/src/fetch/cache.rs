//! The cache: pieces of the file that were read and checked, and those that are wanted.

use super::Missing;
use crate::error::{ErrorKind, Result};
use crate::hnsw::search::{Halt, Step};
use crate::ranges::check_of;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// How a piece is checked.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// By its reader: the start of the file.
    Own,
    /// By its XXH3.
    Hash(u64),
    /// By the first four bytes of its XXH3.
    Short(u32),
    /// A whole section, by the hashes of the pages of its blocks' hashes. Blocks have 2 to this power of bytes.
    Section(u8, Rc<[u64]>),
    /// By a hash that is missing too.
    Later,
}

/// A piece of the file.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub offset: u64,
    pub length: u64,
    pub check: Check,
    pub what: &'static str,
}

#[derive(Debug)]
struct Piece {
    bytes: Rc<[u8]>,
    is_checked: bool,
    used: u64,
}

/// Pieces by offset and length.
#[derive(Debug, Default)]
pub(super) struct Cache {
    pieces: BTreeMap<(u64, u64), Piece>,
    wanted: BTreeMap<(u64, u64), Unit>,
    held: u64,
    clock: u64,
    /// How many bytes were supplied in all.
    pub supplied: u64,
}

/// Block hashes in a page, which one hash covers.
const PAGE_HASHES: usize = crate::archive::PAGE / 8;

impl Check {
    fn passes(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Own | Self::Later => true,
            Self::Hash(hash) => xxh3_64(bytes) == *hash,
            Self::Short(check) => check_of(bytes) == *check,
            Self::Section(block_log2, pages) => {
                let hashes: Vec<[u8; 8]> = bytes
                    .chunks(1 << block_log2)
                    .map(|block| xxh3_64(block).to_le_bytes())
                    .collect();
                hashes
                    .chunks(PAGE_HASHES)
                    .map(|page| xxh3_64(page.as_flattened()))
                    .eq(pages.iter().copied())
            }
        }
    }
}

impl Unit {
    fn mismatch(&self) -> ErrorKind {
        ErrorKind::ChecksumMismatch { what: self.what, offset: self.offset, length: self.length }
    }
}

impl Cache {
    /// A piece, if it is cached; otherwise it is wanted from now on.
    pub fn get(&mut self, unit: &Unit) -> Step<Rc<[u8]>, Missing> {
        let place = (unit.offset, unit.length);
        self.clock += 1;
        let Some(piece) = self.pieces.get_mut(&place) else {
            self.wanted.entry(place).or_insert_with(|| unit.clone());
            return Err(Halt::Missing(Missing));
        };
        if !piece.is_checked && !matches!(unit.check, Check::Later) {
            if !unit.check.passes(&piece.bytes) {
                self.held -= piece.bytes.len() as u64;
                self.pieces.remove(&place);
                return Err(Halt::Error(unit.mismatch().into()));
            }
            piece.is_checked = true;
        }
        piece.used = self.clock;
        Ok(piece.bytes.clone())
    }

    /// A piece that is cached, and so checked.
    pub fn checked(&mut self, offset: u64, length: u64) -> Option<Rc<[u8]>> {
        let piece = self.pieces.get_mut(&(offset, length)).filter(|piece| piece.is_checked)?;
        self.clock += 1;
        piece.used = self.clock;
        Some(piece.bytes.clone())
    }

    /// Forgets what is wanted.
    pub fn forget(&mut self) {
        self.wanted.clear();
    }

    /// Whether a piece is cached; otherwise it is wanted from now on.
    pub fn want(&mut self, unit: &Unit) -> bool {
        self.get(unit).is_ok()
    }

    /// Takes a piece that came with another; false if its hash differs.
    pub fn takes(&mut self, unit: &Unit, bytes: &[u8]) -> bool {
        let place = (unit.offset, unit.length);
        if self.pieces.contains_key(&place) {
            return true;
        }
        if !unit.check.passes(bytes) {
            return false;
        }
        self.held += bytes.len() as u64;
        self.pieces
            .insert(place, Piece { bytes: bytes.into(), is_checked: true, used: self.clock });
        true
    }

    /// The wanted ranges, in order; those at most `gap` bytes apart are joined.
    pub fn requests(&self, gap: u64) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for unit in self.wanted.values() {
            let end = unit.offset + unit.length;
            match ranges.last_mut() {
                Some(last) if unit.offset <= last.end.saturating_add(gap) => {
                    last.end = last.end.max(end);
                }
                _ => ranges.push(unit.offset..end),
            }
        }
        ranges
    }

    /// Takes the wanted pieces within `bytes`, which begin at offset `start`; all are checked before the first
    /// is kept.
    pub fn supply(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let end = start + bytes.len() as u64;
        let mut taken = Vec::new();
        for (&place, unit) in self.wanted.range((start, 0)..=(end, 0)) {
            let first = (unit.offset - start) as usize;
            let part = match bytes.get(first..first + unit.length as usize) {
                Some(part) => part,
                // The file is shorter than the first read.
                None if matches!(unit.check, Check::Own) => &bytes[first..],
                None => continue,
            };
            if !unit.check.passes(part) {
                return Err(unit.mismatch().into());
            }
            taken.push((place, Rc::from(part), !matches!(unit.check, Check::Later)));
        }
        self.supplied += bytes.len() as u64;
        for (place, bytes, is_checked) in taken {
            self.wanted.remove(&place);
            self.clock += 1;
            let bytes: Rc<[u8]> = bytes;
            self.held += bytes.len() as u64;
            let piece = Piece { bytes, is_checked, used: self.clock };
            if let Some(before) = self.pieces.insert(place, piece) {
                self.held -= before.bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Drops the least recently used pieces until `limit` bytes are left at most, and forgets what is wanted.
    pub fn trim(&mut self, limit: u64) {
        self.forget();
        if self.held <= limit {
            return;
        }
        let mut by_use: Vec<(u64, (u64, u64))> =
            self.pieces.iter().map(|(place, piece)| (piece.used, *place)).collect();
        by_use.sort_unstable();
        // A quarter more, so that not every question has to drop pieces.
        for (_, place) in by_use {
            if self.held <= limit - limit / 4 {
                break;
            }
            if let Some(piece) = self.pieces.remove(&place) {
                self.held -= piece.bytes.len() as u64;
            }
        }
    }

    /// How many bytes are kept.
    pub fn held(&self) -> u64 {
        self.held
    }
}
