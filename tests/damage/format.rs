//! Finds the checksums of a sound file, so that damage can be hidden behind checksums that fit.
//!
//! Written from the description of the format, without the library's own reader.

use std::ops::Range;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

const HEADER: usize = 64;
/// Bytes of checksums that one hash in the manifest covers.
const PAGE: usize = 4096;
/// The sizes of the blocks that one checksum covers.
const BLOCKS: [usize; 2] = [4096, 65536];

/// A range of bytes, and the place of its hash.
struct Hashed {
    bytes: Range<usize>,
    at: usize,
}

/// The parts of a sound file.
pub struct Layout {
    blocks: Vec<Hashed>,
    pages: Vec<Hashed>,
    /// Header, manifest, checksums and every section.
    pub regions: Vec<Range<usize>>,
    /// The region that is the manifest.
    pub manifest: Range<usize>,
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

impl Layout {
    /// Finds the parts of a sound file whose sections are at `sections`, in the order of the file.
    pub fn of(bytes: &[u8], sections: &[Range<usize>]) -> Self {
        let manifest = HEADER..HEADER + u64_at(bytes, 32) as usize;
        let mut first = manifest.end.next_multiple_of(64);
        // Sections that are read with the start of the file are before the checksums.
        for section in sections.iter().filter(|section| !section.is_empty()) {
            if section.start == first {
                first = section.end.next_multiple_of(64);
            }
        }
        let mut at = first;
        let (mut blocks, mut pages) = (Vec::new(), Vec::new());
        for section in sections {
            let content = &bytes[section.clone()];
            let fits = |size: &&usize| {
                let mut chunks = content.chunks(**size).enumerate();
                chunks.all(|(n, chunk)| xxh3_64(chunk) == u64_at(bytes, at + 8 * n))
            };
            let size = *BLOCKS.iter().find(fits).expect("the checksums of a section");
            let start = at;
            for from in section.clone().step_by(size) {
                let covered = from..section.end.min(from + size);
                blocks.push(Hashed { bytes: covered, at });
                at += 8;
            }
            for from in (start..at).step_by(PAGE) {
                let page = from..at.min(from + PAGE);
                let hash = xxh3_64(&bytes[page.clone()]).to_le_bytes();
                let place = bytes[manifest.clone()].windows(8).position(|window| window == hash);
                let place = manifest.start + place.expect("the hash of a page of checksums");
                pages.push(Hashed { bytes: page, at: place });
            }
        }
        let mut regions = vec![0..HEADER, manifest.clone(), first..at];
        regions.extend(sections.iter().cloned());
        regions.retain(|region| !region.is_empty());
        Self { blocks, pages, regions, manifest }
    }

    /// Computes every checksum anew.
    pub fn repair(&self, bytes: &mut [u8]) {
        for Hashed { bytes: range, at } in self.blocks.iter().chain(&self.pages) {
            if let Some(content) = bytes.get(range.clone()) {
                let hash = xxh3_64(content).to_le_bytes();
                put(bytes, *at, &hash);
            }
        }
        repair_header(bytes);
    }
}

/// Computes the content id and the header's checksum anew.
pub fn repair_header(bytes: &mut [u8]) {
    let (offset, length) = (u64_at(bytes, 24), u64_at(bytes, 32));
    let end = offset.saturating_add(length).min(bytes.len() as u64) as usize;
    if let Some(manifest) = bytes.get(offset.min(end as u64) as usize..end) {
        let id = xxh3_128(manifest).to_le_bytes();
        put(bytes, 40, &id);
    }
    repair_header_checksum(bytes);
}

fn repair_header_checksum(bytes: &mut [u8]) {
    if let Some(fields) = bytes.get(..56) {
        let checksum = xxh3_64(fields).to_le_bytes();
        put(bytes, 56, &checksum);
    }
}

/// Writes the header's length of the file.
pub fn set_length(bytes: &mut [u8], length: u64) {
    put(bytes, 16, &length.to_le_bytes());
}
