//! A stored graph.

use super::HnswParams;
use super::base::{BaseLayer, BaseSections};
use crate::error::{OrCorrupt, Result, corrupt};
use crate::rows::{Bitmap, RowSet};
use alloc::vec::Vec;
use core::ops::Range;

/// The most upper layers; with `m` 2 a row reaches beyond with probability 2⁻¹⁶, which costs nothing.
pub(super) const MAX_LAYERS: usize = 16;

/// Marks the unused places of an upper layer's record.
pub(super) const NONE: u32 = u32::MAX;

pub(super) fn upper_stride(m: u32) -> usize {
    (2 + m as usize) * 4
}

/// The size of a stored graph, and the entry of searches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphSize<'m> {
    pub m: u32,
    /// Edges of the base layer.
    pub edges: u64,
    /// How many nodes every upper layer has, layer 1 first.
    pub layers: &'m [u32],
    /// Position in the topmost layer at which a search begins; a row if there is no upper layer.
    pub entry: u32,
}

/// A stored graph.
///
/// Upper layers: a record a node, layer 1 first: its row, its position in the layer below (for
/// layer 1: its row), and the positions of its neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HnswView<'a> {
    pub base: BaseLayer<'a>,
    upper: &'a [u8],
    /// Which rows are copies of the last row before them that is not a copy.
    copies: Bitmap<'a>,
    m: u32,
    pub(super) rows: u32,
    /// How many nodes every upper layer has, layer 1 first; zeros above the topmost.
    pub(super) layers: [u32; MAX_LAYERS],
    pub(super) top: usize,
    pub(super) entry: u32,
}

impl<'a> HnswView<'a> {
    /// `graph` says how many nodes and edges there are.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the sections do not have the length that the numbers imply.
    pub fn new(
        base: BaseSections<'a>,
        upper: &'a [u8],
        copies: &'a [u8],
        rows: u32,
        graph: GraphSize<'_>,
    ) -> Result<Self> {
        let GraphSize { m, edges, layers, entry } = graph;
        let nodes = layers.iter().map(|&count| u64::from(count)).sum::<u64>();
        let fits = HnswParams { m, ef_construction: m }.check().is_ok()
            && layers.len() <= MAX_LAYERS
            && upper.len() as u64 == nodes * upper_stride(m) as u64
            && (copies.is_empty() || copies.len() == rows.div_ceil(8) as usize)
            && (rows == 0 || entry < layers.last().copied().unwrap_or(rows));
        if !fits {
            return Err(corrupt("the sizes of the graph"));
        }
        let mut counts = [0; MAX_LAYERS];
        counts[..layers.len()].copy_from_slice(layers);
        let top = layers.len();
        Ok(Self {
            base: BaseLayer::open(base, rows, 2 * m, edges)?,
            upper,
            copies: Bitmap(copies),
            m,
            rows,
            layers: counts,
            top,
            entry,
        })
    }

    /// A row and its copies.
    pub fn copies(&self, row: u32) -> Range<u32> {
        let mut end = row + 1;
        while end < self.rows && self.copies.contains(end) {
            end += 1;
        }
        row..end
    }

    /// The neighbours of a row in the base layer, without copies, into `out`.
    #[inline]
    pub fn base_neighbors(&self, row: u32, out: &mut Vec<u32>) -> Result<()> {
        self.base.neighbors(row, out)?;
        if !self.copies.0.is_empty() {
            out.retain(|&id| !self.copies.contains(id));
        }
        Ok(())
    }

    /// The record at `position` of upper layer `layer` (from 1), as u32 words.
    pub(super) fn upper_record(
        &self,
        layer: usize,
        position: u32,
    ) -> Result<impl Iterator<Item = u32> + 'a> {
        const WHAT: &str = "the upper layers of the graph";
        let (&count, below) = self.layers[..layer].split_last().or_corrupt(WHAT)?;
        if position >= count {
            return Err(corrupt(WHAT));
        }
        let before: usize = below.iter().map(|&count| count as usize).sum();
        let stride = upper_stride(self.m);
        let start = (before + position as usize) * stride;
        let record = self.upper.get(start..start + stride).or_corrupt(WHAT)?;
        Ok(record.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)))
    }

    /// Checks every id of the graph.
    pub fn verify(&self) -> Result<()> {
        let mut neighbors = Vec::new();
        let mut seen = RowSet::default();
        for row in 0..self.rows {
            self.base.neighbors(row, &mut neighbors)?;
            // A copy follows another row.
            if row == 0 && self.copies.contains(row) {
                return Err(corrupt("the copies of rows"));
            }
            seen.reset(self.rows);
            seen.insert(row);
            if !neighbors.iter().all(|&id| seen.insert(id)) {
                return Err(corrupt("the neighbours of a row"));
            }
        }
        for layer in 1..=self.top {
            let count = self.layers[layer - 1];
            let below = if layer == 1 { self.rows } else { self.layers[layer - 2] };
            for position in 0..count {
                let mut words = self.upper_record(layer, position)?;
                let valid = words.next().is_some_and(|row| row < self.rows)
                    && words.next().is_some_and(|position| position < below)
                    && words.all(|id| id == NONE || id < count);
                if !valid {
                    return Err(corrupt("the upper layers of the graph"));
                }
            }
        }
        Ok(())
    }
}
