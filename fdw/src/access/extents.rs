//! The blocks of a segment, as listed on its extents pages; the metapage refers to the first of these.

use crate::access::metapage::SegmentEntry;
use crate::access::page::{Block, CONTENT, Lock, NO_BLOCK, PageBuffer, PageKind};
use crate::access::relation::IndexRelation;
use crate::sql::failure::Result;
use bytemuck::{Pod, Zeroable};

/// A run of consecutive blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct Extent {
    first: Block,
    count: u32,
}

/// The beginning of an extents page: the number of extents of either kind that follow.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct ExtentsHeader {
    pieces: u32,
    deletions: u32,
}

/// Extents that fit on a page.
const EXTENTS: usize = (CONTENT - size_of::<ExtentsHeader>()) / size_of::<Extent>();

/// The blocks of a segment.
#[derive(Debug, Default)]
pub struct Extents {
    own: Vec<Block>,
    pieces: Vec<Extent>,
    deletions: Vec<Extent>,
}

/// Adds the block that comes next.
fn push(extents: &mut Vec<Extent>, block: Block) {
    match extents.last_mut() {
        Some(last) if last.first + last.count == block => last.count += 1,
        _ => extents.push(Extent { first: block, count: 1 }),
    }
}

fn blocks(extents: &[Extent]) -> impl Iterator<Item = Block> {
    extents.iter().flat_map(|extent| extent.first..extent.first.saturating_add(extent.count))
}

impl Extents {
    /// Reads the blocks of a segment.
    ///
    /// # Errors
    /// If a page is not one of its extents pages.
    pub fn read(index: IndexRelation, segment: &SegmentEntry) -> Result<Self> {
        Self::try_read(index, segment)?
            .ok_or_else(|| index.damaged("a page of extents is none of its segment"))
    }

    /// Like [`read`](Self::read), but `None` if a page is not one of its extents pages.
    ///
    /// # Errors
    /// If a page does not exist.
    pub fn try_read(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<Self>> {
        let mut found = Self::default();
        let mut block = segment.extents;
        for place in 0.. {
            if block == NO_BLOCK {
                break;
            }
            let page = PageBuffer::read(index, block, Lock::Share)?;
            let tag = page.tag();
            if !tag.is(PageKind::Extents, segment.number, place) {
                return Ok(None);
            }
            let (header, rest) = page.content().split_at(size_of::<ExtentsHeader>());
            let header: ExtentsHeader = bytemuck::pod_read_unaligned(header);
            let mut listed =
                rest.chunks_exact(size_of::<Extent>()).map(bytemuck::pod_read_unaligned::<Extent>);
            found.pieces.extend(listed.by_ref().take(header.pieces as usize));
            found.deletions.extend(listed.take(header.deletions as usize));
            found.own.push(block);
            block = tag.next;
        }
        let listed = found.pieces.iter().chain(&found.deletions);
        let count: u64 = listed.map(|extent| u64::from(extent.count)).sum();
        Ok(Some(found).filter(|_| count <= u64::from(index.blocks())))
    }

    /// All blocks of the segment.
    pub fn all(&self) -> impl Iterator<Item = Block> {
        let others = blocks(&self.pieces).chain(blocks(&self.deletions));
        self.own.iter().copied().chain(others)
    }

    /// The blocks of the file's pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Block> {
        blocks(&self.pieces)
    }

    /// The blocks of the deletion pages, in order.
    pub fn deletions(&self) -> impl Iterator<Item = Block> {
        blocks(&self.deletions)
    }

    pub fn push_piece(&mut self, block: Block) {
        push(&mut self.pieces, block);
    }

    pub fn push_deletions(&mut self, block: Block) {
        push(&mut self.deletions, block);
    }

    /// The contents of the extents pages, first to last.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let pieces = self.pieces.iter().map(|extent| (extent, true));
        let deletions = self.deletions.iter().map(|extent| (extent, false));
        let all: Vec<_> = pieces.chain(deletions).collect();
        let encode = |page: &[(&Extent, bool)]| {
            let pieces = page.iter().filter(|(_, is_piece)| *is_piece).count() as u32;
            let header = ExtentsHeader { pieces, deletions: page.len() as u32 - pieces };
            let mut content = bytemuck::bytes_of(&header).to_vec();
            for (extent, _) in page {
                content.extend_from_slice(bytemuck::bytes_of(*extent));
            }
            content
        };
        all.chunks(EXTENTS).map(encode).collect()
    }
}
