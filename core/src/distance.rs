//! Distance kernels: one generic algorithm, instantiated for every instruction set. Kernels know nothing of
//! metrics.
//!
//! **The arithmetic is defined**, so that every platform gives the same bits: element `i` of a
//! vector goes to partial sum `i % 32`; a term is multiplied, then added, each rounded (no fused
//! operation, whose single rounding differs); the 32 sums are reduced by one fixed tree (16
//! apart, 8, 4, 2, 1). 1, 4, 8 and 16 lanes all divide 32. Sums of 8-bit codes are integers.
//!
//! A kernel takes a list of rows, so that the instruction set is dispatched once a list and later rows can be
//! prefetched: reading random rows is bound by memory, not by arithmetic.

mod lanes;
#[cfg(target_arch = "aarch64")]
#[path = "distance/aarch64.rs"]
mod platform;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32")))]
#[path = "distance/portable.rs"]
mod platform;
#[cfg(target_arch = "wasm32")]
#[path = "distance/wasm.rs"]
mod platform;
#[cfg(target_arch = "x86_64")]
#[path = "distance/x86.rs"]
mod platform;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32"))]
mod portable;
mod prefetch;
mod table;
#[cfg(test)]
mod tests;

pub use platform::{simd_level, simd_levels, use_simd_level};
pub(crate) use prefetch::{PREFETCHES, prefetch};
pub(crate) use table::{Format, QueryCodes, Records, Table, coming};

use crate::error::Result;
use lanes::{F16Values, F32Values, F32s, Kernel, Lanes, Sq8Values, Values, for_rows};
use pulp::Simd;

/// What is summed over the dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Σ q·x
    Dot,
    /// Σ (q − x)²
    SquaredL2,
    /// Σ |q − x|
    L1,
}

/// Measures `query` against the listed rows: `out[i]` belongs to `list[i]`. Rows beyond the length of `out` are
/// those to be measured next, and are only prefetched; if there are any, those before them have been
/// prefetched.
///
/// `query` has as many values as `table` has dimensions.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if a row lies beyond the table.
pub(crate) fn measure(
    measure: Measure,
    query: &[f32],
    table: &Table<'_>,
    list: &[u32],
    out: &mut [f32],
) -> Result<()> {
    debug_assert_eq!(query.len(), table.dimensions);
    #[cfg(target_arch = "wasm32")]
    platform::bring_near(table.records, coming(list, out.len()))?;
    platform::dispatch(MeasureList { measure, query, table, list, out })
}

/// The same for integers: `out[i]` is Σ query·code over the codes of row `list[i]`.
pub(crate) fn dot_codes(
    query: QueryCodes<'_>,
    records: Records<'_>,
    list: &[u32],
    out: &mut [i32],
) -> Result<()> {
    #[cfg(target_arch = "wasm32")]
    platform::bring_near(records, coming(list, out.len()))?;
    platform::dispatch(DotCodes { query, records, list, out })
}

/// Widens binary16 values, finite and little-endian, two bytes for each value of `out`.
pub(crate) fn widen_f16(bytes: &[u8], out: &mut [f32]) {
    platform::dispatch(WidenF16 { bytes, out });
}

/// Runs `work` compiled for this processor's instruction set, so that the compiler can vectorise its loops. All
/// functions that `work` calls must be `inline(always)`, or they are compiled for the baseline processor. In
/// WebAssembly there is only one instruction set.
pub(crate) fn vectorized<T>(work: impl FnOnce() -> T) -> T {
    platform::dispatch(Work(work))
}

/// A measure of one slice of f32 against another, of equal length.
pub(crate) fn measure_pair(kind: Measure, a: &[f32], b: &[f32]) -> f32 {
    let bytes = bytemuck::cast_slice(b);
    let records = Records { bytes, stride: bytes.len() };
    let table = Table { records, dimensions: b.len(), format: Format::F32 };
    let mut out = [0.0];
    match measure(kind, a, &table, &[0], &mut out) {
        Ok(()) => out[0],
        Err(_) => f32::NAN, // not reached: row 0 is within its own table
    }
}

/// The square root, rounded as IEEE 754 requires. In WebAssembly it is an instruction, which `libm` does not
/// know.
pub(crate) fn sqrt(value: f32) -> f32 {
    #[cfg(target_arch = "wasm32")]
    return platform::sqrt(value);
    #[cfg(not(target_arch = "wasm32"))]
    libm::sqrtf(value)
}

struct MeasureList<'a> {
    measure: Measure,
    query: &'a [f32],
    table: &'a Table<'a>,
    list: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for MeasureList<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Result<()> {
        match self.table.format {
            Format::F32 => self.run_format(lanes, F32Values),
            Format::F16 => self.run_format(lanes, F16Values),
            Format::Sq8 { centre, scale } => self.run_format(lanes, Sq8Values { centre, scale }),
        }
    }
}

impl MeasureList<'_> {
    #[inline(always)]
    fn run_format<L: Lanes>(self, lanes: L, values: impl Values) -> Result<()> {
        match self.measure {
            Measure::Dot => self.run_rows(lanes, values, |simd, q, x| simd.mul_f32s(q, x)),
            Measure::SquaredL2 => self.run_rows(lanes, values, |simd, q, x| {
                let difference = simd.sub_f32s(q, x);
                simd.mul_f32s(difference, difference)
            }),
            Measure::L1 => {
                self.run_rows(lanes, values, |simd, q, x| simd.abs_f32s(simd.sub_f32s(q, x)))
            }
        }
    }

    #[inline(always)]
    fn run_rows<L: Lanes>(
        self,
        lanes: L,
        values: impl Values,
        term: impl Fn(L::Simd, F32s<L>, F32s<L>) -> F32s<L> + Copy,
    ) -> Result<()> {
        let size = self.table.dimensions * self.table.format.size();
        for_rows::<L, _>(self.table.records, self.list, self.out, |record, out| {
            *out = lanes.sum(values, self.query, &record[..size], term);
        })
    }
}

struct DotCodes<'a> {
    query: QueryCodes<'a>,
    records: Records<'a>,
    list: &'a [u32],
    out: &'a mut [i32],
}

impl Kernel for DotCodes<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Result<()> {
        lanes.dot_rows(self.query, self.records, self.list, self.out)
    }
}

struct Work<F>(F);

impl<T, F: FnOnce() -> T> Kernel for Work<F> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> T {
        (self.0)()
    }
}

struct WidenF16<'a> {
    bytes: &'a [u8],
    out: &'a mut [f32],
}

impl Kernel for WidenF16<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let width = L::Simd::F32_LANES;
        let (registers, rest) = L::Simd::as_mut_simd_f32s(self.out);
        let (bytes, last) = self.bytes.split_at(2 * width * registers.len());
        for (register, bytes) in registers.iter_mut().zip(bytes.chunks_exact(2 * width)) {
            *register = lanes.widen_f16(bytes);
        }
        if !rest.is_empty() {
            let mut padded = [0; 32];
            padded[..last.len()].copy_from_slice(last);
            let wide = lanes.widen_f16(&padded[..2 * width]);
            rest.copy_from_slice(&bytemuck::cast_slice(&[wide])[..rest.len()]);
        }
    }
}
