//! Stored codes, and queries in codes that are ranked against them.

use super::{Quantizer, Width, nearest};
use crate::distance::{self, Format, Measure, QueryCodes, Records, Table, measure_pair};
use crate::error::{Result, corrupt};
use crate::metric::{Metric, cosine_distance};
use crate::vectors::{Factors, Query, VectorsView};
use alloc::vec::Vec;

/// How many values of a query are compared side by side.
const LANES: usize = 16;

/// The meaning of stored codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeMeaning<'a> {
    pub width: Width,
    /// One value for each dimension.
    pub centre: &'a [f32],
    pub scale: f32,
}

/// Stored codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodesView<'a> {
    pub(super) records: Records<'a>,
    pub(super) meaning: CodeMeaning<'a>,
    pub(super) factors: Factors<'a>,
    pub(super) metric: Metric,
}

/// A query in 8-bit codes: a rank is `base ± slope · product`, corrected by the row's factor.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodedQuery {
    /// The codes in the form of [`QueryCodes`], one half after the other.
    codes: Vec<i8>,
    /// How much a product is too large, because something is added to the stored codes.
    excess: i32,
    pub(super) base: f32,
    pub(super) slope: f32,
    /// The mean square of the error of a value, and about the error of a rank.
    square: f32,
    noise: f32,
    /// The metric of the rows that the query is coded for, and the width of their codes.
    pub(super) metric: Option<Metric>,
    width: Width,
    products: Vec<i32>,
}

impl CodedQuery {
    /// The width of the rows' codes. Those of the query have 8 bits.
    pub fn width(&self) -> Width {
        self.width
    }

    /// About how much ranks are off.
    pub fn noise(&self) -> f32 {
        self.noise
    }

    /// The rank by codes up to which rows may be nearer than a row with rank `rank` by codes: four standard
    /// deviations more. Infinite where ranks are not squares of distances.
    pub fn bound(&self, rank: f32) -> f32 {
        // An error of e in a value changes a squared distance by 2·distance·e, and by 2d·e⁴ in the mean of
        // squares where distances are small; the cosine distance is half of that square.
        let (scale, part) = match self.metric {
            Some(Metric::L2) => (2.0, 1.0),
            Some(Metric::Cosine) => (1.0, 0.25),
            _ => return f32::INFINITY,
        };
        let rank = if rank > 0.0 { rank } else { 0.0 };
        let variance = 2.0 * scale * rank * self.square + part * self.noise * self.square;
        rank + 4.0 * distance::sqrt(variance)
    }

    /// Codes `query` for the rows of `view`, reusing the memory of this query.
    pub fn set(&mut self, query: &Query, view: &CodesView<'_>) {
        let CodeMeaning { width, centre, scale } = view.meaning;
        (self.metric, self.width) = (Some(view.metric), width);
        let centred = view.metric == Metric::L2;
        // Without a branch for each value: one of the two factors has no effect.
        let (part, factor) = if centred { (1.0, 1.0) } else { (0.0, query.inverse_length) };
        let value = |(&value, &centre): (&f32, &f32)| (value - part * centre) * factor;
        // In many lanes, so that no comparison waits for the one before.
        let mut widest = [0.0; LANES];
        for (values, centre) in query.values.chunks(LANES).zip(centre.chunks(LANES)) {
            for (widest, pair) in widest.iter_mut().zip(values.iter().zip(centre)) {
                let value = value(pair).abs();
                // Not `f32::max`, which in WebAssembly is a call of a library function.
                *widest = if value > *widest { value } else { *widest };
            }
        }
        let widest = widest.into_iter().fold(0.0, |a, b| if b > a { b } else { a });
        let step = widest / 127.0;
        let inverse = if step.is_normal() { 1.0 / step } else { 0.0 };
        // Rounding to a step has a mean square error of step²/12, for the row and for the query.
        self.square = (scale * scale + step * step) / 12.0;
        self.noise = 2.0 * centre.len() as f32 * self.square;
        // As long as the rows' records, so that kernels have whole registers only.
        let (bytes, stride) = (width.bytes(centre.len()), width.stride(centre.len()));
        self.codes.clear();
        self.codes.resize(width.codes_a_byte() * stride, 0);
        let halves = query.values.chunks(bytes).zip(centre.chunks(bytes));
        for (codes, (values, centre)) in self.codes.chunks_mut(stride).zip(halves) {
            for (place, pair) in codes.iter_mut().zip(values.iter().zip(centre)) {
                *place = nearest(value(pair) * inverse);
            }
        }
        let sum: i32 = self.codes.iter().map(|&code| i32::from(code)).sum();
        self.excess = i32::from(width.added()) * sum;
        (self.base, self.slope) = if centred {
            let square = measure_pair(Measure::SquaredL2, &query.values, centre);
            (square, 2.0 * scale * step)
        } else {
            let product = measure_pair(Measure::Dot, &query.values, centre);
            (product * query.inverse_length, scale * step)
        };
    }
}

impl<'a> CodesView<'a> {
    /// Opens the sections of a file. In the first files the stride had room for the factors.
    pub fn open(
        bytes: &'a [u8],
        factors: &'a [u8],
        rows: u32,
        metric: Metric,
        meaning: CodeMeaning<'a>,
    ) -> Result<Self> {
        let rows = u64::from(rows);
        let (dimensions, used) = (meaning.centre.len(), meaning.width.bytes(meaning.centre.len()));
        let recorded = (used + 4).next_multiple_of(16);
        let (stride, factors) =
            if factors.is_empty() && bytes.len() as u64 == rows * recorded as u64 {
                (recorded, Factors { bytes: bytes.get(used..).unwrap_or(&[]), stride: recorded })
            } else if metric == Metric::InnerProduct || factors.len() as u64 == rows * 4 {
                (meaning.width.stride(dimensions), Factors { bytes: factors, stride: 4 })
            } else {
                return Err(corrupt("the size of the codes' factors"));
            };
        if bytes.len() as u64 != rows * stride as u64 {
            return Err(corrupt("the size of the codes"));
        }
        Ok(Self { records: Records { bytes, stride }, meaning, factors, metric })
    }

    /// The codes that [`Quantizer::encode`] wrote, and the factors that it returned.
    pub fn new(
        bytes: &'a [u8],
        factors: &'a [f32],
        metric: Metric,
        quantizer: &'a Quantizer,
    ) -> Self {
        let Quantizer { width, centre, scale } = quantizer;
        let records = Records { bytes, stride: width.stride(centre.len()) };
        let meaning = CodeMeaning { width: *width, centre, scale: *scale };
        let factors = Factors { bytes: bytemuck::cast_slice(factors), stride: 4 };
        Self { records, meaning, factors, metric }
    }

    /// The same rows as vectors, of 8-bit codes that are decoded when they are measured.
    pub fn as_vectors(&self) -> VectorsView<'a> {
        let CodeMeaning { centre, scale, .. } = self.meaning;
        let format = Format::Sq8 { centre, scale };
        let table = Table { records: self.records, dimensions: centre.len(), format };
        let lengths = (self.metric == Metric::Cosine).then_some(self.factors);
        VectorsView::from_table(table, self.metric, lengths)
    }

    /// The ranks of the listed rows, as precise as codes allow.
    pub fn ranks(&self, query: &mut CodedQuery, list: &[u32], out: &mut [f32]) -> Result<()> {
        let CodedQuery { codes, excess, base, slope, products, .. } = query;
        products.resize(out.len(), 0);
        // Factors first, while no product waits for them.
        if self.metric != Metric::InnerProduct {
            for &row in &list[out.len()..] {
                self.factors.prefetch(row);
            }
            for (&row, out) in list.iter().zip(&mut *out) {
                *out = self.factors.get(row)?;
            }
        }
        let codes = match self.meaning.width {
            Width::Eight => QueryCodes::Eight(codes),
            Width::Four => {
                let (low, high) = codes.split_at(codes.len() / 2);
                QueryCodes::Four(low, high)
            }
        };
        distance::dot_codes(codes, self.records, list, products)?;
        for (&mut product, out) in products.iter_mut().zip(out) {
            let product = *slope * (product - *excess) as f32;
            *out = match self.metric {
                Metric::L2 => *base + *out - product,
                Metric::InnerProduct => -(*base + product),
                Metric::Cosine => cosine_distance((*base + product) * *out),
                Metric::L1 => return Err(corrupt("codes under l1")),
            };
        }
        Ok(())
    }
}
