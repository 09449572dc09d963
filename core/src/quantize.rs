//! 8-bit scalar codes (SQ8): a value is `centre[dimension] + scale · code`, code from −127 to 127.
//!
//! A rank is corrected by the row's factor, an f32: under L2 the squared length of `scale · codes`,
//! under cosine the inverse length of the decoded row; inner product has none. It lies after the
//! row's codes where their stride has room for it, else beside them all, so that common numbers of
//! dimensions fill cache lines: of 384 bytes a row takes six, of 400 seven. The query is coded too;
//! products of codes are integers, and so the same on every platform.

use crate::distance::{self, Format, Measure, Table, coming, measure_pair};
use crate::error::{Result, corrupt};
use crate::magnitude::{inverse_length, overflows, squared_length};
use crate::metric::{Metric, cosine_distance};
use crate::vectors::{Factors, Query, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// What codes mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantizer {
    pub centre: Vec<f32>,
    pub scale: f32,
}

/// How many rows the centre and the scale are learned from.
const TRAINING_ROWS: u32 = 2048;

/// Bytes from the codes of one row to those of the next.
pub(crate) fn code_stride(dimensions: usize) -> usize {
    dimensions.next_multiple_of(16)
}

/// Whether the factor of a row has room behind its codes.
pub(crate) fn has_room_for_factor(dimensions: usize) -> bool {
    code_stride(dimensions) - dimensions >= size_of::<f32>()
}

/// Reads row `row` as it is coded: under cosine at unit length.
fn coded_values(vectors: &VectorsView<'_>, row: u32, out: &mut [f32]) -> Result<()> {
    vectors.get(row, out)?;
    if vectors.metric() == Metric::Cosine {
        let inverse = inverse_length(out);
        out.iter_mut().for_each(|value| *value *= inverse);
    }
    Ok(())
}

/// The nearest integer, ties to even, for |x| ≤ 127: the sum has no fraction bits left, and ends in
/// those of the integer.
#[inline]
fn nearest(x: f32) -> i8 {
    const SHIFT: f32 = 12_582_912.0; // 1.5 · 2²³
    (x + SHIFT).to_bits() as i8
}

#[inline]
fn code(value: f32, centre: f32, inverse_scale: f32) -> i8 {
    nearest(((value - centre) * inverse_scale).clamp(-127.0, 127.0))
}

impl Quantizer {
    /// Learns centre and scale from rows spread evenly over `vectors`: of two centres (mean,
    /// middle of the range) and a few scales (outliers may be clipped), those with the least
    /// squared error.
    pub fn train(vectors: &VectorsView<'_>, rows: u32) -> Result<Self> {
        let dimensions = vectors.dimensions();
        let count = rows.min(TRAINING_ROWS);
        let mut sample = vec![0.0; count as usize * dimensions];
        for (i, values) in sample.chunks_exact_mut(dimensions).enumerate() {
            let row = (i as u64 * u64::from(rows) / u64::from(count)) as u32;
            coded_values(vectors, row, values)?;
        }
        let mut mean = vec![0.0_f64; dimensions];
        let mut low = vec![f32::INFINITY; dimensions];
        let mut high = vec![f32::NEG_INFINITY; dimensions];
        for values in sample.chunks_exact(dimensions) {
            for (d, &value) in values.iter().enumerate() {
                mean[d] += f64::from(value);
                low[d] = low[d].min(value);
                high[d] = high[d].max(value);
            }
        }
        let mean = mean.iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect();
        let middle = low.iter().zip(&high).map(|(low, high)| low * 0.5 + high * 0.5).collect();

        let mut best = Self::default();
        let mut least = f64::INFINITY;
        // Of rows that all are short enough, no mean is too long; the middle may be.
        let middle =
            Some(middle).filter(|middle: &Vec<f32>| !overflows(squared_length(middle) / 2.0));
        for centre in [Some(mean), middle].into_iter().flatten() {
            let centre: Vec<f32> = centre;
            let widest = sample.chunks_exact(dimensions).fold(0.0_f32, |widest, values| {
                values.iter().zip(&centre).fold(widest, |w, (v, c)| w.max((v - c).abs()))
            });
            for part in [1.0, 0.85, 0.7, 0.55, 0.4, 0.3] {
                let scale = widest * part / 127.0;
                // A scale of zero (all rows equal) codes every row as the centre.
                let scale = if scale.is_normal() { scale } else { f32::MIN_POSITIVE };
                let candidate = Self { centre: centre.clone(), scale };
                let error = candidate.squared_error(&sample);
                if error < least {
                    (best, least) = (candidate, error);
                }
            }
        }
        if best.centre.is_empty() {
            best = Self::zero(dimensions);
        }
        Ok(best)
    }

    /// A quantizer for no rows.
    pub fn zero(dimensions: usize) -> Self {
        Self { centre: vec![0.0; dimensions], scale: 1.0 }
    }

    fn squared_error(&self, sample: &[f32]) -> f64 {
        let inverse = 1.0 / self.scale;
        let mut total = 0.0;
        for values in sample.chunks_exact(self.centre.len()) {
            let mut row = 0.0_f32;
            for (&value, &centre) in values.iter().zip(&self.centre) {
                let decoded = centre + self.scale * f32::from(code(value, centre, inverse));
                row += (value - decoded) * (value - decoded);
            }
            total += f64::from(row);
        }
        total
    }

    /// Writes the codes of row `row`, behind them its factor if `codes` has room for it, and gives
    /// the factor. `values` is scratch of one value a dimension.
    pub fn encode(
        &self,
        vectors: &VectorsView<'_>,
        row: u32,
        values: &mut [f32],
        codes: &mut [u8],
    ) -> Result<f32> {
        coded_values(vectors, row, values)?;
        let inverse = 1.0 / self.scale;
        let mut squares = 0_i64;
        for ((value, &centre), out) in values.iter_mut().zip(&self.centre).zip(codes.iter_mut()) {
            let code = code(*value, centre, inverse);
            *value = centre + self.scale * f32::from(code);
            *out = code as u8;
            squares += i64::from(code) * i64::from(code);
        }
        let factor = match vectors.metric() {
            Metric::L2 => self.scale * self.scale * squares as f32,
            Metric::Cosine => {
                let inverse = inverse_length(values);
                if inverse.is_finite() { inverse } else { 0.0 }
            }
            Metric::InnerProduct | Metric::L1 => 0.0,
        };
        if let Some(place) = codes[self.centre.len()..].first_chunk_mut() {
            *place = factor.to_le_bytes();
        }
        Ok(factor)
    }
}

/// Stored codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodesView<'a> {
    table: Table<'a>,
    factors: Factors<'a>,
    metric: Metric,
}

/// A query in codes: a rank is `base ± slope · product`, corrected by the row's factor.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodedQuery {
    codes: Vec<i8>,
    base: f32,
    slope: f32,
    noise: f32,
    /// The metric of the rows that it was coded for.
    metric: Option<Metric>,
    products: Vec<i32>,
}

impl CodedQuery {
    /// By how much ranks are off, about.
    pub fn noise(&self) -> f32 {
        self.noise
    }

    /// The rank by codes up to which rows may be nearer than one whose rank by codes is `rank`: four
    /// standard deviations more. Infinite where ranks are no squares of distances.
    pub fn bound(&self, rank: f32) -> f32 {
        // An error of e a value moves a squared distance by 2·distance·e, and by 2d·e⁴ in the mean of
        // squares where distances are small; the cosine distance is half of that square.
        let (scale, part) = match self.metric {
            Some(Metric::L2) => (2.0, 1.0),
            Some(Metric::Cosine) => (1.0, 0.25),
            _ => return f32::INFINITY,
        };
        let dimensions = self.codes.len() as f32;
        let square = self.noise / (2.0 * dimensions);
        let rank = if rank > 0.0 { rank } else { 0.0 };
        let variance = 2.0 * scale * rank * square + part * 2.0 * dimensions * square * square;
        rank + 4.0 * distance::sqrt(variance)
    }

    /// Codes `query` for the rows of `view`, reusing this query's memory.
    pub fn set(&mut self, query: &Query, view: &CodesView<'_>) {
        self.metric = Some(view.metric);
        let (centre, scale) = view.centre_and_scale();
        let centred = view.metric == Metric::L2;
        // Without a branch for each value: one of the two does nothing.
        let (part, factor) = if centred { (1.0, 1.0) } else { (0.0, query.inverse_length) };
        let value = |(&value, &centre): (&f32, &f32)| (value - part * centre) * factor;
        let values = || query.values.iter().zip(centre).map(value);
        let mut widest = 0.0;
        for value in values() {
            // Not `f32::max`, a call of a library's function in WebAssembly.
            if value.abs() > widest {
                widest = value.abs();
            }
        }
        let step = widest / 127.0;
        let inverse = if step.is_normal() { 1.0 / step } else { 0.0 };
        // Rounding to a step is off by step²/12 in the mean of squares, for the row and the query.
        let squares = (scale * scale + step * step) / 12.0;
        self.noise = 2.0 * values().len() as f32 * squares;
        self.codes.resize(values().len(), 0);
        for (place, value) in self.codes.iter_mut().zip(values()) {
            *place = nearest(value * inverse);
        }
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
    /// The sections of a file. At first the stride of all files had room for the factors.
    pub fn open(
        bytes: &'a [u8],
        factors: &'a [u8],
        rows: u32,
        metric: Metric,
        quantizer: (&'a [f32], f32),
    ) -> Result<Self> {
        let (rows, dimensions) = (u64::from(rows), quantizer.0.len());
        let recorded = (dimensions + 4).next_multiple_of(16);
        let (stride, factors) = if factors.is_empty()
            && bytes.len() as u64 == rows * recorded as u64
        {
            (recorded, Factors { bytes: bytes.get(dimensions..).unwrap_or(&[]), stride: recorded })
        } else if metric == Metric::InnerProduct || factors.len() as u64 == rows * 4 {
            (code_stride(dimensions), Factors { bytes: factors, stride: 4 })
        } else {
            return Err(corrupt("the size of the codes' factors"));
        };
        if bytes.len() as u64 != rows * stride as u64 {
            return Err(corrupt("the size of the codes"));
        }
        Ok(Self { table: code_table(bytes, stride, quantizer), factors, metric })
    }

    /// The codes that [`Quantizer::encode`] wrote, and the factors that it gave.
    pub fn new(
        bytes: &'a [u8],
        factors: &'a [f32],
        metric: Metric,
        quantizer: &'a Quantizer,
    ) -> Self {
        let Quantizer { centre, scale } = quantizer;
        let table = code_table(bytes, code_stride(centre.len()), (centre, *scale));
        Self { table, factors: Factors { bytes: bytemuck::cast_slice(factors), stride: 4 }, metric }
    }

    fn centre_and_scale(&self) -> (&'a [f32], f32) {
        match self.table.format {
            Format::Sq8 { centre, scale } => (centre, scale),
            Format::F32 | Format::F16 => (&[], 0.0),
        }
    }

    /// The same rows as vectors, decoded where they are measured.
    pub fn as_vectors(&self) -> VectorsView<'a> {
        let lengths = (self.metric == Metric::Cosine).then_some(self.factors);
        VectorsView::from_table(self.table, self.metric, lengths)
    }

    /// Ranks of the listed rows, as near as codes come.
    pub fn ranks(&self, query: &mut CodedQuery, list: &[u32], out: &mut [f32]) -> Result<()> {
        let CodedQuery { codes, base, slope, products, .. } = query;
        products.resize(out.len(), 0);
        // Factors first, while nothing waits for them.
        if self.metric != Metric::InnerProduct {
            for &row in &list[out.len()..] {
                self.factors.prefetch(row);
            }
            for (&row, out) in list.iter().zip(&mut *out) {
                *out = self.factors.get(row)?;
            }
        }
        distance::dot_codes(codes, &self.table, list, products)?;
        for (&mut product, out) in products.iter_mut().zip(out) {
            let product = *slope * product as f32;
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

fn code_table<'a>(bytes: &'a [u8], stride: usize, (centre, scale): (&'a [f32], f32)) -> Table<'a> {
    Table { bytes, stride, dimensions: centre.len(), format: Format::Sq8 { centre, scale } }
}

/// Ranks between stored rows in codes, for building: both sides are exact integers.
pub(crate) struct CodePairs<'a> {
    view: CodesView<'a>,
    /// Centre·codes (not under L2) and the factor of each row, in one place of memory.
    terms: Vec<[f32; 2]>,
    centre_square: f32,
}

impl<'a> CodePairs<'a> {
    /// `view` is of new codes: those have a factor each under inner product too, zero.
    pub fn new(view: CodesView<'a>, rows: u32) -> Result<Self> {
        let (centre, scale) = view.centre_and_scale();
        let mut linear = vec![0.0; rows as usize];
        if view.metric != Metric::L2 {
            let table = Table {
                format: Format::Sq8 { centre: &vec![0.0; centre.len()], scale },
                ..view.table
            };
            let list: Vec<u32> = (0..rows).collect();
            distance::measure(Measure::Dot, centre, &table, &list, &mut linear)?;
        }
        let mut terms = Vec::with_capacity(linear.len());
        for (row, linear) in (0..).zip(linear) {
            terms.push([linear, view.factors.get(row)?]);
        }
        let centre_square = measure_pair(Measure::Dot, centre, centre);
        Ok(Self { view, terms, centre_square })
    }

    pub fn metric(&self) -> Metric {
        self.view.metric
    }

    /// Ranks of the listed rows as seen from row `from`. `products` is scratch.
    pub fn ranks(
        &self,
        from: u32,
        list: &[u32],
        out: &mut [f32],
        products: &mut Vec<i32>,
    ) -> Result<()> {
        let view = &self.view;
        let (_, scale) = view.centre_and_scale();
        let record = view.table.record(from)?;
        let codes: &[i8] = bytemuck::cast_slice(&record[..view.table.dimensions]);
        for &row in coming(list, out.len()) {
            if let Some(term) = self.terms.get(row as usize) {
                distance::prefetch(bytemuck::bytes_of(term));
            }
        }
        products.resize(out.len(), 0);
        distance::dot_codes(codes, &view.table, list, products)?;
        let square = scale * scale;
        let [from_linear, from_factor] = self.terms[from as usize];
        for ((&row, &mut product), out) in list.iter().zip(products).zip(out) {
            let product = square * product as f32;
            let [linear, factor] = self.terms[row as usize];
            // Added in an order that does not tell the rows apart, so that ranks are symmetric.
            let similarity = self.centre_square + (from_linear + linear) + product;
            *out = match view.metric {
                Metric::L2 => from_factor + factor - 2.0 * product,
                Metric::InnerProduct => -similarity,
                Metric::Cosine => cosine_distance(similarity * (from_factor * factor)),
                Metric::L1 => return Err(corrupt("codes under l1")),
            };
        }
        Ok(())
    }
}
