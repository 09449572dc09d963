//! Laying out and writing a file.

use super::manifest::{self, Manifest, Section};
use super::spill::Spill;
use super::{ALIGNMENT, HEADER, Header, Kind, PAGE};
use crate::aligned::AlignedBytes;
use crate::error::{OrCorrupt, Result};
use crate::sort::sort_by;
use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Takes the bytes of a file, first to last.
///
/// ```
/// use hither::raw::Sink;
/// use hither::{IndexBuilder, IndexOptions, Metric, Result};
///
/// /// Counts the bytes and keeps none.
/// struct Counter(u64);
///
/// impl Sink for Counter {
///     fn write(&mut self, bytes: &[u8]) -> Result<()> {
///         self.0 += bytes.len() as u64;
///         Ok(())
///     }
/// }
///
/// let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// builder.push(None, &[1.0, 2.0], &[])?;
/// let mut counter = Counter(0);
/// builder.write_to(&mut counter, None)?;
/// assert_eq!(counter.0, builder.finish()?.len() as u64);
/// # Ok::<(), hither::Error>(())
/// ```
pub trait Sink {
    /// Announces the length of the file before its first byte.
    ///
    /// # Errors
    /// Whatever keeps it from taking that many; nothing is written.
    fn begin(&mut self, _length: u64) -> Result<()> {
        Ok(())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Whatever keeps it from doing so; writing stops.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for AlignedBytes {
    fn begin(&mut self, length: u64) -> Result<()> {
        self.try_reserve(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.try_reserve(bytes.len())?;
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// How many spilled bytes are read at once.
const READ: usize = 1 << 20;

/// The bytes of a section to be written.
pub(crate) enum Source<'a> {
    Bytes(Cow<'a, [u8]>),
    /// Records of `stride` bytes, sorted by their numbers in `order`: rows in a new order without a second copy
    /// of all.
    Gather {
        bytes: Cow<'a, AlignedBytes>,
        stride: usize,
        order: Rc<[u32]>,
    },
    /// Bytes in the spill.
    Spilled {
        spill: &'a dyn Spill,
        at: u64,
        length: u64,
    },
}

impl Source<'_> {
    pub fn len(&self) -> u64 {
        match self {
            Self::Spilled { length, .. } => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Gather { stride, order, .. } => *stride as u64 * order.len() as u64,
        }
    }

    /// Passes the bytes on in pieces of `size` bytes; the last may be shorter. `size` is a power of two, of at
    /// most [`READ`] bytes.
    pub fn for_pieces(&self, size: usize, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self {
            Self::Spilled { spill, at, length } => {
                let mut read = vec![0; READ.min(*length as usize)];
                for first in (0..*length).step_by(READ) {
                    let part = &mut read[..READ.min((length - first) as usize)];
                    spill.read(at + first, part)?;
                    part.chunks(size).try_for_each(&mut *each)?;
                }
                Ok(())
            }
            Self::Bytes(bytes) => bytes.chunks(size).try_for_each(each),
            Self::Gather { bytes, stride, order } => {
                let mut piece = Vec::with_capacity(size + stride);
                for &row in order.iter() {
                    let start = row as usize * stride;
                    let record = bytes.get(start..start + stride);
                    piece.extend_from_slice(record.or_corrupt("rows")?);
                    let whole = piece.len() - piece.len() % size;
                    piece[..whole].chunks(size).try_for_each(&mut *each)?;
                    piece.drain(..whole);
                }
                if piece.is_empty() { Ok(()) } else { each(&piece) }
            }
        }
    }
}

/// A section and its bytes.
pub(crate) struct NewSection<'a> {
    pub section: Section,
    pub source: Source<'a>,
}

/// Writes a file from `manifest`, whose sections are not filled in, and `sections`; empty sections are left
/// out.
pub(crate) fn write(
    mut manifest: Manifest,
    mut sections: Vec<NewSection<'_>>,
    sink: &mut dyn Sink,
) -> Result<()> {
    sections.retain(|new| new.source.len() > 0);
    sort_by(&mut sections, |a, b| a.section.place().cmp(&b.section.place()));

    let mut checksums = Vec::new();
    for new in &mut sections {
        let block = 1 << new.section.block_log2;
        let first = checksums.len();
        new.section.length = new.source.len();
        new.section.checksums = first as u64;
        new.source.for_pieces(block, &mut |block| {
            checksums.extend_from_slice(&xxh3_64(block).to_le_bytes());
            Ok(())
        })?;
        new.section.pages = checksums[first..].chunks(PAGE).map(xxh3_64).collect();
    }

    // The manifest's length does not depend on the offsets.
    manifest.sections = sections.iter().map(|new| new.section.clone()).collect();
    let manifest_length = manifest::encode(&manifest)?.len() as u64;
    // Sections that are read with the start of the file come between the manifest and the checksums.
    let (early, late): (Vec<usize>, Vec<usize>) =
        (0..sections.len()).partition(|&at| manifest.sections[at].kind == Kind::RangeTop as u32);
    let mut end = HEADER as u64 + manifest_length;
    let place = |section: &mut Section, end: &mut u64| {
        section.offset = end.next_multiple_of(ALIGNMENT);
        *end = section.offset + section.length;
    };
    early.iter().for_each(|&at| place(&mut manifest.sections[at], &mut end));
    let checksums_offset = end.next_multiple_of(ALIGNMENT);
    end = checksums_offset + checksums.len() as u64;
    late.iter().for_each(|&at| place(&mut manifest.sections[at], &mut end));
    for section in &mut manifest.sections {
        section.checksums += checksums_offset;
    }
    let encoded = manifest::encode(&manifest)?;
    let header = Header {
        length: end,
        manifest_offset: HEADER as u64,
        manifest_length,
        content_id: xxh3_128(&encoded),
    };

    sink.begin(end)?;
    let mut written = 0;
    let mut put = |offset: u64, bytes: &[u8]| -> Result<()> {
        const ZEROS: [u8; ALIGNMENT as usize] = [0; ALIGNMENT as usize];
        sink.write(&ZEROS[..(offset - written) as usize])?;
        sink.write(bytes)?;
        written = offset + bytes.len() as u64;
        Ok(())
    };
    put(0, &header.encode())?;
    put(HEADER as u64, &encoded)?;
    let put_sections = |places: &[usize], put: &mut dyn FnMut(u64, &[u8]) -> Result<()>| {
        places.iter().try_for_each(|&place| {
            let mut at = manifest.sections[place].offset;
            sections[place].source.for_pieces(1 << 16, &mut |piece| {
                put(at, piece)?;
                at += piece.len() as u64;
                Ok(())
            })
        })
    };
    put_sections(&early, &mut put)?;
    put(checksums_offset, &checksums)?;
    put_sections(&late, &mut put)
}
