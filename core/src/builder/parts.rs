//! The finished segments of a build that does not fit in memory at once; they are spilled as they are built.

use super::memory::{BYTES_PUT_ASIDE, LEAST_ROWS};
use super::options::IndexOptions;
use crate::archive::manifest::{self, Manifest, Section};
use crate::archive::spill::Spill;
use crate::archive::write::{NewSection, Source};
use crate::error::{ErrorKind, Result};
use crate::key::Key;
use crate::limits::MAX_ROWS;
use crate::segment::build::NewSegment;
use crate::sort::sort;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use xxhash_rust::xxh3::xxh3_128;

/// The spilled segments.
#[derive(Debug, Default)]
pub(super) struct Parts {
    spill: Option<Box<dyn Spill>>,
    segments: Vec<manifest::Segment>,
    /// Each section, and where it ends in the spill.
    sections: Vec<(Section, u64)>,
    /// The length of the spill.
    end: u64,
    /// The keys of the spilled rows, sorted; a text as its hash.
    keys: Vec<u128>,
    /// How many rows are not spilled, including those to come, if known; and how many of them a segment gets.
    coming: Option<u64>,
    share: Option<u64>,
    /// Memory taken by others than the builder.
    pub beside: u64,
}

impl Parts {
    pub fn spill_to(&mut self, spill: Box<dyn Spill>) {
        self.spill = Some(spill);
    }

    /// The number of spilled segments.
    pub fn count(&self) -> u32 {
        self.segments.len() as u32
    }

    pub fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.rows)).sum()
    }

    /// Divides `rows` rows, present and to come, evenly among as many segments as needed, and returns the
    /// number for each. `text` is the number of bytes of text in a row, as far as known.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if the limit does not hold a segment besides the keys of all rows.
    pub fn expect(&mut self, options: &IndexOptions, rows: u64, text: u64) -> Result<u64> {
        let Some(memory) = options.memory else { return Ok(rows) };
        self.coming = Some(rows);
        if self.needed(options, rows, text.saturating_mul(rows)) <= memory {
            self.share = Some(rows);
            return Ok(rows);
        }
        // The last segment shares memory with the keys of all others.
        let aside = BYTES_PUT_ASIDE.saturating_mul(rows).saturating_add(self.beside());
        options.check_memory(aside)?;
        let fits = |rows: u64| {
            let texts = rows.saturating_mul(2 * text);
            options.segment_needed(rows).saturating_add(texts) <= memory - aside
        };
        let (mut most, mut too_many) = (LEAST_ROWS, u64::from(MAX_ROWS) + 1);
        while too_many - most > 1 {
            let middle = most.midpoint(too_many);
            *(if fits(middle) { &mut most } else { &mut too_many }) = middle;
        }
        let share = rows.div_ceil(rows.div_ceil(most).max(1));
        self.share = Some(share);
        Ok(share)
    }

    /// Whether a segment of `rows` rows with `texts` bytes of text is full.
    pub fn is_full(&self, options: &IndexOptions, rows: u64, texts: u64) -> bool {
        let Some(memory) = options.memory.filter(|_| rows > 0) else { return false };
        self.share.is_some_and(|share| rows >= share)
            || rows >= MAX_ROWS.into()
            || self.needed(options, rows + 1, texts) > memory
    }

    fn needed(&self, options: &IndexOptions, rows: u64, texts: u64) -> u64 {
        let beside = self.beside().saturating_add(texts.saturating_mul(2));
        options.segment_needed(rows).saturating_add(beside)
    }

    /// Memory taken by anything but the rows of a segment.
    fn beside(&self) -> u64 {
        self.beside.saturating_add(BYTES_PUT_ASIDE * self.keys.len() as u64)
    }

    /// Checks that a segment of `rows` rows is worth building.
    pub fn check_size(&self, options: &IndexOptions, rows: u64, texts: u64) -> Result<()> {
        if rows >= LEAST_ROWS || self.share.is_some_and(|share| rows >= share) {
            return Ok(());
        }
        let texts = texts.saturating_mul(LEAST_ROWS) / rows.max(1);
        let reason = format!(
            "{} bytes hold no more than {rows} of these rows at a time, and {LEAST_ROWS} are the least that is built: give at least {}",
            options.memory.unwrap_or_default(),
            self.needed(options, LEAST_ROWS, texts),
        );
        Err(ErrorKind::InvalidParameter { name: "memory", reason }.into())
    }

    /// Refuses keys that rows of spilled segments have.
    pub fn check_keys(&self, keys: &[Key]) -> Result<()> {
        let given_twice = |key: &&Key| self.keys.binary_search(&number(key)).is_ok();
        match keys.iter().filter(|_| !self.keys.is_empty()).find(given_twice) {
            Some(key) => Err(ErrorKind::DuplicateKey { key: format!("{key}") }.into()),
            None => Ok(()),
        }
    }

    /// Spills a segment, whose rows had `texts` bytes of text.
    pub fn put_aside(
        &mut self,
        new: NewSegment<'_>,
        keys: &[Key],
        texts: u64,
        options: &IndexOptions,
    ) -> Result<()> {
        let Some(spill) = &mut self.spill else {
            let reason = "memory is limited, and there is nothing to put segments aside in: give the builder a Spill".into();
            return Err(ErrorKind::Unsupported { reason }.into());
        };
        for mut section in new.sections {
            section.section.length = section.source.len();
            section.source.for_pieces(1 << 16, &mut |piece| spill.append(piece))?;
            self.end += section.section.length;
            self.sections.push((section.section, self.end));
        }
        self.segments.push(new.segment);
        self.keys.reserve_exact(keys.len());
        self.keys.extend(keys.iter().map(number));
        sort(&mut self.keys);
        if let Some(coming) = self.coming {
            let rows = keys.len() as u64;
            let text = texts.div_ceil(rows.max(1));
            self.expect(options, coming.saturating_sub(rows).max(1), text)?;
        }
        Ok(())
    }

    /// The sections of all segments; enters the segments in the manifest.
    pub fn sections(&self, manifest: &mut Manifest) -> Vec<NewSection<'_>> {
        manifest.segments.extend(self.segments.iter().cloned());
        let Some(spill) = self.spill.as_deref() else { return Vec::new() };
        let new = |(section, end): &(Section, u64)| {
            let (length, section) = (section.length, section.clone());
            NewSection { section, source: Source::Spilled { spill, at: end - length, length } }
        };
        self.sections.iter().map(new).collect()
    }
}

/// A key as a number, distinct for distinct keys: no two texts are expected to have the same 128-bit hash.
fn number(key: &Key) -> u128 {
    match key {
        Key::Int64(number) => u128::from(number.cast_unsigned()),
        Key::Uuid(bytes) => u128::from_be_bytes(*bytes),
        Key::Text(text) => xxh3_128(text.as_bytes()),
    }
}
