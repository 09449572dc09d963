//! Writes a segment: an index file in pages, and its near copy.

use crate::access::blocks::FreeBlocks;
use crate::access::extents::Extents;
use crate::access::metapage::SegmentEntry;
use crate::access::near_copy::NearCopyWriter;
use crate::access::page::{Block, CONTENT, LogRecord, NO_BLOCK, PageKind, PageTag};
use crate::access::relation::IndexRelation;
use crate::access::segment::ROWS_OF_PAGE;
use crate::sql::failure::Result;
use hither_core::raw::Sink;
use xxhash_rust::xxh3::Xxh3;

/// Writes a file to pages and to its near copy at once.
pub struct SegmentWriter {
    index: IndexRelation,
    number: u32,
    blocks: FreeBlocks,
    extents: Extents,
    /// The bytes of the last piece, which is not full yet.
    piece: Vec<u8>,
    pieces: u32,
    length: u64,
    hash: Xxh3,
    copy: Option<NearCopyWriter>,
}

impl SegmentWriter {
    pub fn new(index: IndexRelation, number: u32, blocks: FreeBlocks) -> Self {
        Self {
            index,
            number,
            blocks,
            extents: Extents::default(),
            piece: Vec::with_capacity(CONTENT),
            pieces: 0,
            length: 0,
            hash: Xxh3::new(),
            copy: None,
        }
    }

    fn write_page(
        &mut self,
        kind: PageKind,
        place: u32,
        next: Block,
        content: &[u8],
    ) -> Result<Block> {
        let page = self.blocks.new_page(self.index)?;
        let log = LogRecord::new(self.index);
        let tag = PageTag::new(kind, self.number, place).before(next);
        log.new_page(&page, tag).write(content);
        log.finish();
        Ok(page.block())
    }

    fn flush_piece(&mut self) -> Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let block = self.write_page(PageKind::Piece, self.pieces, NO_BLOCK, &piece)?;
        self.extents.push_piece(block);
        self.pieces += 1;
        self.piece = piece;
        self.piece.clear();
        Ok(())
    }

    /// Ends the file. `lengths` bound the lengths of its rows' vectors. Returns the segment's entry for the
    /// metapage and the remaining free blocks.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn finish(mut self, rows: u64, lengths: (f32, f32)) -> Result<(SegmentEntry, FreeBlocks)> {
        if !self.piece.is_empty() {
            self.flush_piece()?;
        }
        for place in 0..rows.div_ceil(ROWS_OF_PAGE) as u32 {
            let bits = [0; CONTENT];
            let block = self.write_page(PageKind::Deletions, place, NO_BLOCK, &bits)?;
            self.extents.push_deletions(block);
        }
        let content = self.hash.digest128().to_le_bytes();
        if let Some(copy) = self.copy.take() {
            copy.finish(&content);
        }
        let entry = SegmentEntry {
            content,
            length: self.length,
            rows,
            deleted: 0,
            deletions: 0,
            number: self.number,
            extents: self.write_extents()?,
            least_length: lengths.0,
            greatest_length: lengths.1,
        };
        Ok((entry, self.blocks))
    }

    /// Writes the extents pages, the last one first; returns the block of the first.
    fn write_extents(&mut self) -> Result<Block> {
        let mut next = NO_BLOCK;
        for (place, content) in self.extents.encode().iter().enumerate().rev() {
            next = self.write_page(PageKind::Extents, place as u32, next, content)?;
        }
        Ok(next)
    }
}

impl Sink for SegmentWriter {
    fn begin(&mut self, length: u64) -> hither_core::Result<()> {
        self.copy = NearCopyWriter::new(self.index, length);
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> hither_core::Result<()> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        if let Some(copy) = &mut self.copy
            && !copy.write(bytes)
        {
            self.copy = None;
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CONTENT - self.piece.len()));
            self.piece.extend_from_slice(now);
            // Raised here, so that Postgres gets the error itself; through the library only the fact that
            // writing failed would remain.
            if self.piece.len() == CONTENT
                && let Err(failure) = self.flush_piece()
            {
                failure.raise();
            }
            bytes = later;
        }
        Ok(())
    }
}
