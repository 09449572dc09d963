//! Opening, and what is known of an open file.

use super::cache::{Cache, Check, Unit};
use super::{Missing, poll};
use crate::archive::manifest::{NO_COLUMN, Section};
use crate::archive::{HEADER, Kind, PAGE, Start};
use crate::builder::IndexOptions;
use crate::error::{Error, ErrorKind, OrCorrupt, Result, corrupt};
use crate::hnsw::search::{Halt, Step};
use crate::limits::MAX_ROWS;
use crate::metric::Metric;
use crate::ranges::view::Top;
use crate::rows::Bitmap;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;
use core::task::Poll;

/// How many of a file's first bytes are read before the length of the manifest is known.
const FIRST: u64 = 64 << 10;

/// An index over a remote file, which requests the bytes that it needs. See the [module](super).
#[derive(Debug)]
pub struct LazyIndex {
    pub(super) cache: RefCell<Cache>,
    pub(super) known: RefCell<KnownKeys>,
    limit: u64,
    opened: Option<Opened>,
}

/// Keys that came with lists, of the rows that recent searches measured.
pub(super) type KnownKeys = BTreeMap<(u32, u32), u32>;

/// What is known of an open file.
#[derive(Debug)]
pub(super) struct Opened {
    pub start: Start,
    pub options: IndexOptions,
    pub segments: Vec<LazySegment>,
}

/// What is known of a segment.
#[derive(Debug)]
pub(super) struct LazySegment {
    pub rows: u32,
    pub number: u32,
    /// None where there are no rows.
    pub top: Option<Top>,
    /// Bitmap of removed rows; empty if there are none.
    hidden: Vec<u8>,
    pub hidden_count: u32,
    pub key_bits: u32,
}

impl LazySegment {
    pub fn is_hidden(&self, row: u32) -> bool {
        self.hidden_count > 0 && Bitmap(&self.hidden).contains(row)
    }
}

impl LazyIndex {
    /// Knows nothing yet, and keeps up to `cache_bytes` of the bytes supplied.
    pub fn new(cache_bytes: u64) -> Self {
        Self {
            cache: RefCell::default(),
            known: RefCell::default(),
            limit: cache_bytes,
            opened: None,
        }
    }

    /// Opens the file: asks for its first 64 KiB, and more only if its manifest is longer or rows were removed.
    ///
    /// # Errors
    /// Those of [`Index::open`](crate::Index::open); [`ErrorKind::Unsupported`] if the file has no lists
    /// for ranges.
    pub fn open(&mut self) -> Result<Poll<()>> {
        if self.opened.is_some() {
            return Ok(Poll::Ready(()));
        }
        let opened = poll(self.read_start())?;
        Ok(opened.map(|opened| self.opened = Some(opened)))
    }

    fn read_start(&self) -> Step<Opened, Missing> {
        let mut cache = self.cache.borrow_mut();
        let own = |length| Unit { offset: 0, length, check: Check::Own, what: "the start" };
        let mut bytes = cache.get(&own(FIRST))?;
        let truncated = |expected: u64, bytes: &[u8]| {
            let got = bytes.len() as u64;
            Error::from(ErrorKind::Truncated { expected, got })
        };
        let wanted = Start::wanted(&bytes)?;
        if wanted > FIRST {
            bytes = cache.get(&own(wanted))?;
        }
        if wanted > bytes.len() as u64 {
            return Err(truncated(wanted, &bytes).into());
        }
        let start = Start::read(&bytes)?;
        // Fewer bytes than requested means that the file ends there.
        if (bytes.len() as u64) < FIRST.min(start.length) {
            return Err(truncated(start.length, &bytes).into());
        }
        let options = IndexOptions::from_manifest(&start.manifest)?;
        let mut segments = Vec::new();
        let mut is_missing = false;
        for number in 0..start.manifest.segments.len() as u32 {
            match read_segment(&start, &options, number, &bytes, &mut cache) {
                Ok(segment) => segments.push(segment),
                Err(Halt::Missing(Missing)) => is_missing = true,
                Err(error) => return Err(error),
            }
        }
        if is_missing {
            return Err(Halt::Missing(Missing));
        }
        Ok(Opened { start, options, segments })
    }

    pub(super) fn opened(&self) -> Result<&Opened> {
        self.opened.as_ref().ok_or_else(|| {
            let reason = "the index is not open yet: call open until it is ready".into();
            ErrorKind::Unsupported { reason }.into()
        })
    }

    /// The missing ranges of the file, first to last. Ranges at most `gap` bytes apart are joined: reading a
    /// few bytes too many is cheaper than another request.
    pub fn requests(&self, gap: u64) -> Vec<Range<u64>> {
        self.cache.borrow().requests(gap)
    }

    /// Takes the bytes of the file from offset `start` on, and keeps those that are missing. They may be fewer
    /// than requested only at the end of the file.
    ///
    /// # Errors
    /// [`ErrorKind::ChecksumMismatch`] if they differ from the file that was opened: it is damaged, or replaced
    /// by another version. None of them is kept then, and they are still missing.
    pub fn supply(&self, start: u64, bytes: &[u8]) -> Result<()> {
        self.cache.borrow_mut().supply(start, bytes)
    }

    /// Ends a question that will not be asked again: forgets its missing ranges, and drops pieces beyond the
    /// limit. A search that is answered does this by itself; keys, values, filters and abandoned searches do
    /// not.
    pub fn settle(&self) {
        self.trim();
    }

    /// How many bytes were supplied in all, and how many are kept.
    pub fn traffic(&self) -> (u64, u64) {
        let cache = self.cache.borrow();
        (cache.supplied, cache.held())
    }

    /// Drops the least recently used pieces until at most `bytes` are kept, which may be below the limit of
    /// [`new`](Self::new): for callers with one limit for many files. Forgets missing ranges too.
    pub fn shrink(&self, bytes: u64) {
        self.cache.borrow_mut().trim(bytes);
    }

    /// Drops pieces beyond the limit, once a question is answered.
    pub(super) fn trim(&self) {
        /// The most keys that are kept: those of some thousand answers.
        const MOST_KEYS: usize = 1 << 16;
        self.cache.borrow_mut().trim(self.limit);
        let mut known = self.known.borrow_mut();
        if known.len() > MOST_KEYS {
            known.clear();
        }
    }

    /// The options that the index was built with.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] before it is open.
    pub fn options(&self) -> Result<&IndexOptions> {
        Ok(&self.opened()?.options)
    }

    /// How many rows there are, not counting removed ones.
    ///
    /// # Errors
    /// Those of [`options`](Self::options).
    pub fn len(&self) -> Result<u64> {
        let rows = |segment: &LazySegment| u64::from(segment.rows - segment.hidden_count);
        Ok(self.opened()?.segments.iter().map(rows).sum())
    }

    /// Whether there are no rows.
    ///
    /// # Errors
    /// Those of [`options`](Self::options).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The content id of the file, and its length in bytes.
    ///
    /// # Errors
    /// Those of [`options`](Self::options).
    pub fn content(&self) -> Result<(u128, u64)> {
        let start = &self.opened()?.start;
        Ok((start.content_id, start.length))
    }

    /// Whether a search can order rows by `metric`: see [`Index::orders_by`](crate::Index::orders_by).
    ///
    /// # Errors
    /// Those of [`options`](Self::options).
    pub fn orders_by(&self, metric: Metric) -> Result<bool> {
        Ok(self.opened()?.options.orders_by(metric, self.is_unit_length()?))
    }
}

fn read_segment(
    start: &Start,
    options: &IndexOptions,
    number: u32,
    bytes: &[u8],
    cache: &mut Cache,
) -> Step<LazySegment, Missing> {
    let segment =
        start.manifest.segments.get(number as usize).or_corrupt("the table of segments")?;
    let rows = segment.rows;
    if rows > MAX_ROWS {
        return Err(corrupt("the table of segments").into());
    }
    let section = |kind| start.section(number, NO_COLUMN, kind);
    let mut top = None;
    if rows > 0 {
        let Some(place) = section(Kind::RangeTop) else {
            let reason = "the file has no lists for ranges: build it with them (hither build --ranges), or read all of it".into();
            return Err(Error::from(ErrorKind::Unsupported { reason }).into());
        };
        let unit = whole(place);
        let own = bytes.get(place.offset as usize..(place.offset + place.length) as usize);
        if own.is_some_and(|own| !cache.takes(&unit, own)) {
            return Err(corrupt("the top of the lists for ranges").into());
        }
        let read = cache.get(&unit)?;
        let length = |kind| section(kind).map_or(0, |section| section.length);
        let lengths = (length(Kind::RangeGroups), length(Kind::RangeLists));
        top = Some(Top::read(&read, options.dimensions, options.metric, rows, lengths)?);
        let stored = u64::from(rows) * options.shape().stride() as u64;
        if length(Kind::Vectors) != stored {
            return Err(corrupt("the size of the vectors").into());
        }
    }
    let mut hidden = Vec::new();
    if segment.hidden > 0 {
        let place = section(Kind::Hidden).or_corrupt("the removed rows")?;
        hidden = cache.get(&whole(place))?.to_vec();
        if hidden.len() != rows.div_ceil(8) as usize {
            return Err(corrupt("the size of the removed rows").into());
        }
    }
    Ok(LazySegment {
        rows,
        number,
        top,
        hidden,
        hidden_count: segment.hidden.min(rows),
        key_bits: segment.key_bits,
    })
}

/// A whole section.
pub(super) fn whole(section: &Section) -> Unit {
    let what = Kind::from_number(section.kind).map_or("a section", Kind::name);
    let check = Check::Section(section.block_log2, Rc::from(&section.pages[..]));
    Unit { offset: section.offset, length: section.length, check, what }
}

/// A range of a section: its blocks are read, and their hashes.
pub(super) fn part(
    section: &Section,
    range: Range<u64>,
    cache: &mut Cache,
) -> Step<Vec<u8>, Missing> {
    let what = Kind::from_number(section.kind).map_or("a section", Kind::name);
    if range.start > range.end || range.end > section.length {
        return Err(corrupt(what).into());
    }
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let size = 1_u64 << section.block_log2;
    let blocks = section.length.div_ceil(size);
    let hashes = (PAGE / 8) as u64;
    let mut out = Vec::new();
    let mut is_missing = false;
    for block in range.start / size..=(range.end - 1) / size {
        let page = block / hashes;
        let (first, last) = (page * hashes, blocks.min((page + 1) * hashes));
        let hash = section.pages.get(page as usize).or_corrupt("the table of sections")?;
        let page = Unit {
            offset: section.checksums + first * 8,
            length: (last - first) * 8,
            check: Check::Hash(*hash),
            what: "the checksums",
        };
        let offset = section.offset + block * size;
        let length = size.min(section.length - block * size);
        let mut unit = Unit { offset, length, check: Check::Later, what };
        match cache.get(&page) {
            Ok(page) => {
                let own = page.as_chunks().0.get((block - first) as usize);
                unit.check = Check::Hash(u64::from_le_bytes(*own.or_corrupt("the checksums")?));
            }
            Err(Halt::Missing(Missing)) => {
                cache.want(&unit);
                is_missing = true;
                continue;
            }
            Err(error) => return Err(error),
        }
        match cache.get(&unit) {
            Ok(bytes) => {
                let begin = block * size;
                let from = range.start.max(begin) - begin;
                let to = range.end.min(begin + length) - begin;
                out.extend_from_slice(&bytes[from as usize..to as usize]);
            }
            Err(Halt::Missing(Missing)) => is_missing = true,
            Err(error) => return Err(error),
        }
    }
    if is_missing { Err(Halt::Missing(Missing)) } else { Ok(out) }
}

const _: () = assert!(FIRST as usize > HEADER);
