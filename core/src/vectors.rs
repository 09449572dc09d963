//! Rows of checked vectors: owned while they are gathered, borrowed once they are stored.

mod factors;

use crate::aligned::AlignedBytes;
use crate::distance::{self, Format, Measure, Records, Table, measure_pair, widen_f16};
use crate::element::Element;
use crate::error::{ErrorKind, Result};
use crate::limits::{MAX_DIMENSIONS, MAX_ROWS};
use crate::magnitude::{
    greatest, inverse_length, is_ordinary, overflows, rescale, squared_length, underflows,
};
use crate::metric::{Metric, cosine_distance, sqrt};
use alloc::vec::Vec;
pub(crate) use factors::Factors;

/// How far from 1 the length of a unit vector may be; rounding to binary16 changes a length by less than 2⁻¹¹.
const UNIT_TOLERANCE: f32 = 1.0 / 1024.0;

/// The form of an index's rows: everything but the bytes that a distance depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub dimensions: usize,
    pub element: Element,
    pub metric: Metric,
}

impl Shape {
    fn values_size(self) -> usize {
        self.dimensions * self.element.size()
    }

    /// Bytes from one row to the next. Under cosine an f32, the inverse length, follows the
    /// values. f32 rows start at cache lines (otherwise they are a third slower); binary16 rows gain nothing
    /// from that, and are smaller packed.
    pub fn stride(self) -> usize {
        let factor = if self.metric == Metric::Cosine { 4 } else { 0 };
        let alignment = match self.element {
            Element::F32 => 64,
            Element::F16 => 4,
        };
        (self.values_size() + factor).next_multiple_of(alignment)
    }
}

/// A query, prepared once for all rows it is compared with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub values: Vec<f32>,
    /// The inverse of the query's length under cosine, and wherever else it counts; otherwise 1.
    pub inverse_length: f32,
}

impl Query {
    /// Checks `values` for distances by `metric` and copies them, reusing this query's memory.
    pub fn set(&mut self, values: &[f32], dimensions: usize, metric: Metric) -> Result<()> {
        if values.len() != dimensions {
            return Err(
                ErrorKind::DimensionMismatch { expected: dimensions, got: values.len() }.into()
            );
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ErrorKind::NonFinite { at }.into());
        }
        self.values.clear();
        self.values.extend_from_slice(values);
        self.inverse_length = 1.0;
        let square = squared_length(values);
        if metric == Metric::Cosine {
            if !is_ordinary(square) {
                rescale(&mut self.values);
            }
            self.measure_length()
        } else if overflows(square) {
            Err(ErrorKind::VectorOverflow.into())
        } else {
            Ok(())
        }
    }

    /// Measures the length too, for walks over codes that are ordered by cosine.
    pub fn measure_length(&mut self) -> Result<()> {
        self.inverse_length = inverse_length(&self.values);
        if !self.inverse_length.is_finite() {
            return Err(ErrorKind::ZeroVector.into());
        }
        Ok(())
    }
}

/// Stored rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorsView<'a> {
    table: Table<'a>,
    metric: Metric,
    /// The rows' inverse lengths, under cosine.
    lengths: Option<Factors<'a>>,
}

impl<'a> VectorsView<'a> {
    /// Rows as [`Vectors`] writes them.
    pub fn new(bytes: &'a [u8], shape: Shape) -> Self {
        let format = match shape.element {
            Element::F32 => Format::F32,
            Element::F16 => Format::F16,
        };
        let records = Records { bytes, stride: shape.stride() };
        let table = Table { records, dimensions: shape.dimensions, format };
        let lengths = (shape.metric == Metric::Cosine).then(|| Factors {
            bytes: bytes.get(shape.values_size()..).unwrap_or(&[]),
            stride: shape.stride(),
        });
        Self { table, metric: shape.metric, lengths }
    }

    /// Rows in another form, such as codes alone, which `table` says how to read.
    pub fn from_table(table: Table<'a>, metric: Metric, lengths: Option<Factors<'a>>) -> Self {
        Self { table, metric, lengths }
    }

    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub fn dimensions(&self) -> usize {
        self.table.dimensions
    }

    /// Ranks of the listed rows; ranks have the order of distances.
    pub fn ranks(&self, query: &Query, list: &[u32], out: &mut [f32]) -> Result<()> {
        distance::measure(self.metric.measure(), &query.values, &self.table, list, out)?;
        match self.metric {
            Metric::L2 | Metric::L1 => {}
            Metric::InnerProduct => out.iter_mut().for_each(|rank| *rank = -*rank),
            Metric::Cosine => {
                for (&row, rank) in list.iter().zip(out) {
                    let similarity = *rank * query.inverse_length * self.inverse_length(row)?;
                    *rank = cosine_distance(similarity);
                }
            }
        }
        Ok(())
    }

    /// Ranks by any metric; by the index's own they equal those of [`ranks`](Self::ranks). `row_values` is
    /// scratch.
    pub fn ranks_as(
        &self,
        metric: Metric,
        query: &Query,
        list: &[u32],
        out: &mut [f32],
        row_values: &mut Vec<f32>,
    ) -> Result<()> {
        let mut view = Self { metric, ..*self };
        if metric == Metric::Cosine && self.lengths.is_none() {
            view.metric = Metric::InnerProduct;
            view.ranks(query, list, out)?;
            row_values.resize(self.dimensions(), 0.0);
            for (&row, rank) in list.iter().zip(out) {
                self.get(row, row_values)?;
                if !is_ordinary(squared_length(row_values)) {
                    rescale(row_values);
                    *rank = -measure_pair(Measure::Dot, &query.values, row_values);
                }
                let similarity = -*rank * query.inverse_length * inverse_length(row_values);
                *rank = cosine_distance(similarity);
            }
            return Ok(());
        }
        view.ranks(query, list, out)
    }

    /// Makes the stored values of a row the query. They are not checked again: checking took a twentieth of a
    /// build on vectors.
    pub fn set_query(&self, row: u32, query: &mut Query) -> Result<()> {
        query.values.resize(self.dimensions(), 0.0);
        self.get(row, &mut query.values)?;
        query.inverse_length = self.inverse_length(row)?;
        Ok(())
    }

    fn inverse_length(&self, row: u32) -> Result<f32> {
        self.lengths.map_or(Ok(1.0), |lengths| lengths.get(row))
    }

    /// All bytes of a row.
    pub fn record(&self, row: u32) -> Result<&'a [u8]> {
        self.table.records.get(row)
    }

    /// The bytes of a row's values; none if they are codes.
    pub fn stored(&self, row: u32) -> Result<Option<&'a [u8]>> {
        let record = self.table.records.get(row)?;
        Ok(match self.table.format {
            Format::Sq8 { .. } => None,
            format => record.get(..format.size() * self.table.dimensions),
        })
    }

    /// The stored values of a row, into `out` (one a dimension).
    pub fn get(&self, row: u32, out: &mut [f32]) -> Result<()> {
        let record = self.table.records.get(row)?;
        match self.table.format {
            Format::F32 => Element::F32.decode(record, out),
            Format::F16 => widen_f16(record, out),
            Format::Sq8 { centre, scale } => {
                for ((out, &code), &centre) in out.iter_mut().zip(record).zip(centre) {
                    *out = centre + scale * f32::from(code as i8);
                }
            }
        }
        Ok(())
    }
}

/// Rows that are being gathered, each checked when it is added.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    shape: Shape,
    bytes: AlignedBytes,
    rows: u32,
    unit_length: bool,
    /// Whether there are rows too small to be compared with one another, and whether there are rows that are
    /// neither too small nor zero.
    small: bool,
    measurable: bool,
    scratch: Vec<f32>,
}

impl Vectors {
    pub fn new(shape: Shape) -> Result<Self> {
        if shape.dimensions == 0 {
            return Err(ErrorKind::InvalidParameter {
                name: "dimensions",
                reason: "a vector has at least 1 dimension".into(),
            }
            .into());
        }
        if shape.dimensions > MAX_DIMENSIONS {
            return Err(
                ErrorKind::TooMany { what: "dimensions", limit: MAX_DIMENSIONS as u64 }.into()
            );
        }
        let scratch = Vec::new();
        let bytes = AlignedBytes::new();
        let (unit_length, small, measurable) = (true, false, false);
        Ok(Self { shape, bytes, rows: 0, unit_length, small, measurable, scratch })
    }

    /// Makes room for `rows` rows more.
    pub fn reserve(&mut self, rows: usize) -> Result<()> {
        self.bytes.try_reserve(rows.saturating_mul(self.shape.stride()))
    }

    /// Checks and appends a row of `shape.dimensions` values.
    pub fn push(&mut self, values: &[f32]) -> Result<()> {
        let shape = self.shape;
        if values.len() != shape.dimensions {
            return Err(ErrorKind::DimensionMismatch {
                expected: shape.dimensions,
                got: values.len(),
            }
            .into());
        }
        if self.rows >= MAX_ROWS {
            return Err(ErrorKind::TooMany { what: "rows", limit: MAX_ROWS.into() }.into());
        }
        let start = self.bytes.len();
        let result = self.append(values);
        if result.is_err() {
            self.bytes.truncate(start);
        } else {
            self.rows += 1;
        }
        result
    }

    fn append(&mut self, values: &[f32]) -> Result<()> {
        let shape = self.shape;
        let record = self.bytes.grow(shape.stride())?;
        let (row, rest) = record.split_at_mut(shape.values_size());
        shape.element.encode(values, row)?;
        // The length is that of the stored values, which a search reads.
        self.scratch.resize(shape.dimensions, 0.0);
        match shape.element {
            Element::F32 => self.scratch.copy_from_slice(values),
            Element::F16 => widen_f16(row, &mut self.scratch),
        }
        let mut square = squared_length(&self.scratch);
        let keeps_digits = match shape.element {
            Element::F32 => true,
            Element::F16 => keeps_digits(values, &self.scratch, square, shape.metric)?,
        };
        if shape.metric == Metric::Cosine {
            if !is_ordinary(square) {
                rescale(&mut self.scratch);
                shape.element.encode(&self.scratch, row)?;
                square = squared_length(&self.scratch);
            }
            if square == 0.0 {
                return Err(ErrorKind::ZeroVector.into());
            }
        } else if overflows(square) {
            return Err(ErrorKind::VectorOverflow.into());
        } else if keeps_digits && !underflows(square) {
            self.measurable = true;
        } else {
            self.small |= greatest(values) > 0.0;
        }
        let inverse = 1.0 / sqrt(square);
        if shape.metric == Metric::Cosine {
            rest[..4].copy_from_slice(&inverse.to_le_bytes());
        }
        self.unit_length &= (1.0 / inverse - 1.0).abs() <= UNIT_TOLERANCE;
        Ok(())
    }

    /// Checks that the rows can be told apart: that not all are too small.
    pub fn check_size(&self) -> Result<()> {
        if !self.small || self.measurable {
            return Ok(());
        }
        Err(match self.shape.element {
            Element::F32 => ErrorKind::VectorUnderflow,
            Element::F16 => ErrorKind::HalfUnderflow,
        }
        .into())
    }

    /// Drops the rows but keeps their memory, and the results of [`check_size`](Self::check_size) and
    /// [`unit_length`](Self::unit_length).
    pub fn clear(&mut self) {
        self.bytes.truncate(0);
        self.rows = 0;
    }

    pub fn rows(&self) -> u32 {
        self.rows
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The rows as they are stored, one after another.
    pub fn bytes(&self) -> &AlignedBytes {
        &self.bytes
    }

    /// A row as it is stored.
    pub fn record(&self, row: u32) -> &[u8] {
        let stride = self.shape.stride();
        &self.bytes[row as usize * stride..][..stride]
    }

    /// Whether every row has length 1, up to rounding to binary16.
    pub fn unit_length(&self) -> bool {
        self.unit_length
    }

    pub fn view(&self) -> VectorsView<'_> {
        VectorsView::new(&self.bytes, self.shape)
    }
}

/// Whether the greatest value keeps at least 6 significant bits in binary16. It is an error if a vector becomes
/// zero or, under cosine, loses its direction. `square` is the squared length of `stored`.
fn keeps_digits(values: &[f32], stored: &[f32], square: f32, metric: Metric) -> Result<bool> {
    // The smallest step of binary16 is 2⁻²⁴: longer vectors have digits to spare.
    const STEPS: f32 = 1.0 / (1_u64 << 38) as f32;
    if square >= values.len() as f32 * STEPS {
        return Ok(true);
    }
    let size = greatest(values);
    let pairs = values.iter().zip(stored);
    let error = pairs.fold(0.0_f32, |error, (value, stored)| error.max((value - stored).abs()));
    let keeps_digits = error * 64.0 <= size;
    if !keeps_digits && (metric == Metric::Cosine || square == 0.0) {
        return Err(ErrorKind::HalfUnderflow.into());
    }
    Ok(keeps_digits)
}
