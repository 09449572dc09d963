//! The file: header, manifest, sections, checksums. The only module that knows its bytes.
//! FORMAT.md specifies them.
//!
//! ```text
//! 0   header, 64 bytes      magic, version, length, manifest's place, content id, checksum
//! 64  manifest              what is in the file, hashed by the content id
//!     checksums             of the sections' blocks; hashed in pages, by the manifest
//!     sections              each at a multiple of 64: what every query needs comes first
//! ```
//!
//! # Opening reads no rows
//!
//! A file may be gigabytes long, mapped, or on a server. Opening reads the header and the manifest, checks
//! their hashes, and checks that every section lies within the file, overlaps no other, and has as many
//! checksums as blocks. The code that opens a section checks its length; the code that uses it checks its
//! content.
//!
//! # Checksums are a tree
//!
//! The content id is the hash of the manifest; the manifest has the hash of every 4,096 bytes of checksums, and
//! these are of blocks of 4 KiB (where queries read scattered rows) or 64 KiB. So the content id stands for
//! every byte of the file, and the reader of a range can check that range with two more blocks. `verify` checks
//! them all, and that what lies between sections is zero.
//!
//! # The order of sections
//!
//! Sections are sorted by need: first what every query reads, then what a walk reads, then what is read for the
//! rows of the answer. A file that is mapped, or fetched from its front, is warm where it matters.
//!
//! # Frozen
//!
//! The manifest's record never changes; what comes later comes as sections of a new kind, which say whether a
//! reader that does not know them must refuse the file.

mod kind;
pub(crate) mod manifest;
pub(crate) mod spill;
pub(crate) mod write;

pub(crate) use kind::Kind;

use crate::error::{ErrorKind, OrCorrupt, Result, corrupt};
use crate::sort::sort_by;
use alloc::vec::Vec;
use manifest::{Manifest, Section};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Like PNG's signature, it reveals damage by transfers as text: a byte beyond ASCII, both kinds of line end,
/// an end of file.
pub(crate) const MAGIC: [u8; 8] = *b"\x89HTR\r\n\x1a\n";

/// The format version that this library writes and reads.
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// use hither::Index;
/// use hither::raw::FORMAT_VERSION;
///
/// assert_eq!(Index::open(&bytes)?.info().format_version, FORMAT_VERSION);
/// # Ok::<(), hither::Error>(())
/// ```
pub const FORMAT_VERSION: u32 = 1;

pub(crate) const HEADER: usize = 64;

/// Sections start at multiples of this.
const ALIGNMENT: u64 = 64;

/// Bytes of checksums that one hash in the manifest covers.
pub(crate) const PAGE: usize = 4096;

/// An opened file: its manifest, and the bytes of its sections.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    pub manifest: Manifest,
    pub content_id: u128,
    manifest_end: u64,
}

/// The header's fields.
struct Header {
    length: u64,
    manifest_offset: u64,
    manifest_length: u64,
    content_id: u128,
}

/// The length in bytes of the index file that begins with `start`, its first 64 bytes or more:
/// what to allocate before the rest has arrived.
///
/// # Errors
/// [`ErrorKind::NotAnIndex`], [`ErrorKind::UnsupportedVersion`], [`ErrorKind::Truncated`],
/// [`ErrorKind::Corrupt`].
///
/// ```
/// # use hither::{IndexBuilder, IndexOptions, Metric};
/// # let mut builder = IndexBuilder::new(IndexOptions::new(2, Metric::L2))?;
/// # for x in 0..5 { builder.push(None, &[x as f32, 0.0], &[])?; }
/// # let bytes = builder.finish()?;
/// let start = &bytes[..64]; // what has arrived so far
/// assert_eq!(hither::raw::file_length(start)?, bytes.len() as u64);
/// # Ok::<(), hither::Error>(())
/// ```
pub fn file_length(start: &[u8]) -> Result<u64> {
    Header::decode(start).map(|header| header.length)
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.manifest_offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.manifest_length.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.content_id.to_le_bytes());
        let checksum = xxh3_64(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads and checks a header. The version comes before the checksum, which another version may compute
    /// differently.
    fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.get(..8) != Some(MAGIC.as_slice()) {
            return Err(ErrorKind::NotAnIndex.into());
        }
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Err(
                ErrorKind::Truncated { expected: HEADER as u64, got: bytes.len() as u64 }.into()
            );
        };
        let u64_at = |at: usize| header[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let version = u64_at(8) as u32;
        let sound = xxh3_64(&header[..56]) == u64_at(56);
        if version != FORMAT_VERSION && (sound || version < 1 << 16) {
            return Err(
                ErrorKind::UnsupportedVersion { expected: FORMAT_VERSION, got: version }.into()
            );
        }
        if !sound {
            return Err(corrupt("the header"));
        }
        Ok(Self {
            length: u64_at(16),
            manifest_offset: u64_at(24),
            manifest_length: u64_at(32),
            content_id: u128::from(u64_at(40)) | u128::from(u64_at(48)) << 64,
        })
    }
}

impl<'a> Archive<'a> {
    /// Reads header and manifest and checks that every section lies within the bytes. Reads no section.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let header = Header::decode(bytes)?;
        if header.length != bytes.len() as u64 {
            return Err(
                ErrorKind::Truncated { expected: header.length, got: bytes.len() as u64 }.into()
            );
        }
        if !(bytes.as_ptr() as usize).is_multiple_of(16) {
            return Err(ErrorKind::Misaligned.into());
        }
        let Start { manifest, content_id, manifest_end, .. } = Start::of(&header, bytes)?;
        Ok(Self { bytes, manifest, content_id, manifest_end })
    }

    /// The bytes of a section; none if the file has no such section.
    pub fn section(&self, segment: u32, column: u32, kind: Kind) -> &'a [u8] {
        let section = find(&self.manifest, segment, column, kind);
        section.and_then(|s| range(self.bytes, s.offset, s.length)).unwrap_or(&[])
    }

    /// Checks every byte of the file against its checksum, and the gaps for zeros.
    pub fn verify(&self) -> Result<()> {
        for section in &self.manifest.sections {
            let what = Kind::from_number(section.kind).map_or("an unknown section", Kind::name);
            let blocks = section.blocks().unwrap_or(0);
            let checksums = range(self.bytes, section.checksums, blocks * 8).unwrap_or(&[]);
            for (page, hash) in checksums.chunks(PAGE).zip(&section.pages) {
                if xxh3_64(page) != *hash {
                    let offset = page.as_ptr() as u64 - self.bytes.as_ptr() as u64;
                    let length = page.len() as u64;
                    return Err(ErrorKind::ChecksumMismatch {
                        what: "the checksums",
                        offset,
                        length,
                    }
                    .into());
                }
            }
            let bytes = range(self.bytes, section.offset, section.length).unwrap_or(&[]);
            let size = 1_usize << section.block_log2;
            let blocks = bytes.chunks(size).zip(checksums.as_chunks().0);
            for (number, (block, checksum)) in blocks.enumerate() {
                if xxh3_64(block) != u64::from_le_bytes(*checksum) {
                    let offset = section.offset + (number * size) as u64;
                    let length = block.len() as u64;
                    return Err(ErrorKind::ChecksumMismatch { what, offset, length }.into());
                }
            }
        }
        let mut end = 0;
        for (offset, length) in covered(&self.manifest, self.manifest_end, self.bytes.len() as u64)
        {
            let gap = range(self.bytes, end, offset - end).unwrap_or(&[]);
            if gap.iter().any(|&byte| byte != 0) {
                return Err(corrupt("the space between two sections"));
            }
            end = offset + length;
        }
        Ok(())
    }
}

/// Checks that every section lies within the file, is well-formed, and overlaps no other.
fn check_sections(manifest: &Manifest, manifest_end: u64, file_length: u64) -> Result<()> {
    const WHAT: &str = "the table of sections";
    let within =
        |offset: u64, length: u64| offset.checked_add(length).is_some_and(|end| end <= file_length);
    for section in &manifest.sections {
        if section.required && Kind::from_number(section.kind).is_none() {
            return Err(ErrorKind::UnsupportedSection { kind: section.kind }.into());
        }
        let blocks = section.blocks().or_corrupt(WHAT)?;
        let pages = blocks.div_ceil((PAGE / 8) as u64);
        let is_sound = within(section.offset, section.length)
            && within(section.checksums, blocks * 8)
            && section.offset.is_multiple_of(ALIGNMENT)
            && pages == section.pages.len() as u64;
        if !is_sound {
            return Err(corrupt(WHAT));
        }
    }
    // Sorted, unique, and none within another: look-ups use binary search, and scratch for the rows of all
    // segments stays within a multiple of the file's size.
    if !manifest.sections.is_sorted_by(|a, b| a.place() < b.place()) {
        return Err(corrupt(WHAT));
    }
    let mut end = 0;
    for (offset, length) in covered(manifest, manifest_end, file_length) {
        if offset < end {
            return Err(corrupt(WHAT));
        }
        end = offset + length;
    }
    Ok(())
}

/// The ranges of the file's parts, first to last, and its end.
fn covered(manifest: &Manifest, manifest_end: u64, file_length: u64) -> Vec<(u64, u64)> {
    let mut covered: Vec<(u64, u64)> = Vec::new();
    covered.push((0, manifest_end));
    for section in &manifest.sections {
        covered.push((section.checksums, section.blocks().unwrap_or(0) * 8));
        covered.push((section.offset, section.length));
    }
    covered.retain(|part| part.1 > 0);
    covered.push((file_length, 0));
    sort_by(&mut covered, Ord::cmp);
    covered
}

/// What the start of a file says about the rest.
#[derive(Debug)]
pub(crate) struct Start {
    pub manifest: Manifest,
    pub content_id: u128,
    /// The length of the file in bytes, and where its manifest ends.
    pub length: u64,
    pub manifest_end: u64,
}

impl Start {
    /// How many of the file's first bytes [`read`](Self::read) needs, by its header.
    pub fn wanted(start: &[u8]) -> Result<u64> {
        let header = Header::decode(start)?;
        if header.manifest_length > manifest::MOST as u64 {
            return Err(corrupt("the header"));
        }
        Ok(header.manifest_offset.saturating_add(header.manifest_length))
    }

    /// Reads header and manifest, with which `bytes` begin, and checks that every section lies within the file.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        Self::of(&Header::decode(bytes)?, bytes)
    }

    fn of(header: &Header, bytes: &[u8]) -> Result<Self> {
        let manifest_end = header.manifest_offset.saturating_add(header.manifest_length);
        let manifest = range(bytes, header.manifest_offset, header.manifest_length)
            .filter(|_| header.manifest_offset == HEADER as u64)
            .filter(|manifest| xxh3_128(manifest) == header.content_id)
            .or_corrupt("the manifest")?;
        let manifest = manifest::decode(manifest)?;
        check_sections(&manifest, manifest_end, header.length)?;
        Ok(Self { manifest, content_id: header.content_id, length: header.length, manifest_end })
    }

    /// The section of this kind, if there is one.
    pub fn section(&self, segment: u32, column: u32, kind: Kind) -> Option<&Section> {
        find(&self.manifest, segment, column, kind)
    }
}

fn find(manifest: &Manifest, segment: u32, column: u32, kind: Kind) -> Option<&Section> {
    let sections = &manifest.sections;
    let found = sections.binary_search_by_key(&(kind as u32, segment, column), Section::place);
    found.ok().and_then(|at| sections.get(at))
}

fn range(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(length)?).ok()?;
    bytes.get(start..end)
}
