//! The codes of a segment that is being built.

use super::Codes;
use crate::aligned::AlignedBytes;
use crate::error::{Result, try_collect};
use crate::hnsw::groups::Groups;
use crate::metric::Metric;
use crate::parallel::Threads;
use crate::quantize::{CodesView, Quantizer, Width, measure_error};
use crate::vectors::Vectors;
use alloc::vec;
use alloc::vec::Vec;

/// The codes of all rows, of one width.
pub(super) struct CodedRows {
    pub quantizer: Quantizer,
    pub bytes: AlignedBytes,
    pub factors: Vec<f32>,
}

/// Makes codes of one width at a time: the 8-bit codes for building a graph and the 4-bit codes for searching
/// would together take the most memory of a build. The quantizers are kept, so that the same codes can be made
/// again after the others: that takes a hundredth of the time of the graph.
pub(super) struct Coding<'a> {
    pub vectors: &'a Vectors,
    pub threads: &'a Threads,
    /// The codes that a search will have.
    pub stored: Codes,
    /// The quantizers of the widths that tell the rows apart.
    pub quantizers: Vec<Quantizer>,
    pub held: Option<CodedRows>,
}

impl Coding<'_> {
    /// The codes of all rows in this width, if these tell the rows apart. Drops codes of another width.
    pub fn hold(&mut self, width: Width) -> Result<Option<&CodedRows>> {
        if self.held.as_ref().is_none_or(|held| held.quantizer.width != width) {
            let room = self.held.take().map(|held| held.bytes).unwrap_or_default();
            if let Some(quantizer) = self.quantizers.iter().find(|known| known.width == width) {
                let quantizer = quantizer.clone();
                self.held = Some(CodedRows::encode(quantizer, self.vectors, room, self.threads)?);
            }
        }
        Ok(self.held.as_ref())
    }

    /// The codes that a search will have, if any. Drops codes of another width.
    pub fn hold_stored(&mut self) -> Result<Option<&CodedRows>> {
        if self.stored == Codes::None {
            self.held = None;
            return Ok(None);
        }
        self.hold(self.stored.width())
    }
}

impl CodedRows {
    /// Encodes all rows; reuses the memory of `bytes`.
    fn encode(
        quantizer: Quantizer,
        vectors: &Vectors,
        mut bytes: AlignedBytes,
        threads: &Threads,
    ) -> Result<Self> {
        const PIECE: usize = 128;
        const PIECES: usize = 64;
        let view = vectors.view();
        let rows = vectors.rows();
        let stride = quantizer.width.stride(view.dimensions());
        let pieces = (rows as usize).div_ceil(PIECE);
        // Aligned as in a file, so that a row spans no more cache lines than it fills.
        bytes.truncate(0);
        bytes.try_reserve(rows as usize * stride)?;
        let mut factors = Vec::with_capacity(rows as usize);
        let mut scratch = threads.scratch::<Vec<f32>>();
        // A few pieces at a time: until they are appended, they take memory of their own.
        for before in (0..pieces).step_by(PIECES) {
            let count = PIECES.min(pieces - before);
            let encoded = threads.map(count, &mut scratch, |piece, values| {
                values.resize(view.dimensions(), 0.0);
                let first = (before + piece) * PIECE;
                let last = (first + PIECE).min(rows as usize);
                let mut codes = vec![0; (last - first) * stride];
                let mut factors = Vec::with_capacity(last - first);
                for (row, codes) in (first as u32..).zip(codes.chunks_exact_mut(stride)) {
                    factors.push(quantizer.encode(&view, row, values, codes)?);
                }
                Ok((codes, factors))
            })?;
            for (piece, of_piece) in &encoded {
                bytes.extend_from_slice(piece);
                factors.extend_from_slice(of_piece);
            }
        }
        Ok(Self { quantizer, bytes, factors })
    }

    /// The distance of each decoded row from its vector in `vectors`, plus the distance of that from the row's
    /// true vector: `before`, which may list only the first rows.
    pub fn errors(&self, vectors: &Vectors, before: &[f32], threads: &Threads) -> Result<Vec<f32>> {
        const PIECE: usize = 1024;
        let (view, rows) = (vectors.view(), vectors.rows() as usize);
        let decoded = self.view(view.metric()).as_vectors();
        let mut scratch = threads.scratch::<[Vec<f32>; 2]>();
        let pieces = threads.map(rows.div_ceil(PIECE), &mut scratch, |piece, scratch| {
            scratch.iter_mut().for_each(|values| values.resize(view.dimensions(), 0.0));
            let [added, stored] = scratch;
            let rows = piece * PIECE..rows.min((piece + 1) * PIECE);
            try_collect(rows.map(|row| {
                let error = measure_error(&view, &decoded, row as u32, added, stored)?;
                Ok(error + before.get(row).copied().unwrap_or(0.0))
            }))
        })?;
        Ok(pieces.concat())
    }

    /// The most rows, all with different vectors, that have equal codes.
    pub fn most_alike(&self, vectors: &Vectors) -> usize {
        let rows: Vec<u32> = (0..vectors.rows()).collect();
        let copies = Groups::find(&rows, 0..vectors.rows(), 1, |row| vectors.record(row));
        let different = (0..vectors.rows()).filter(|&row| !copies.is_other(row));
        let alike = Groups::find(&rows, different, 1, |row| self.record(row));
        let others = alike.pairs().chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).max();
        others.map_or(1, |others| others + 1)
    }

    /// The codes of a row.
    pub fn record(&self, row: u32) -> &[u8] {
        let stride = self.quantizer.width.stride(self.quantizer.centre.len());
        &self.bytes[row as usize * stride..][..stride]
    }

    pub fn view(&self, metric: Metric) -> CodesView<'_> {
        CodesView::new(&self.bytes, &self.factors, metric, &self.quantizer)
    }
}
