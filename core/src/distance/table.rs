//! Tables of rows, as kernels read them.

use crate::error::{OrCorrupt, Result};

/// How a row's values are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format<'a> {
    F32,
    F16,
    /// 8-bit codes that stand for `centre + scale · code`; `centre` has one value a dimension.
    Sq8 {
        centre: &'a [f32],
        scale: f32,
    },
}

impl Format<'_> {
    /// Bytes that one value takes.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Sq8 { .. } => 1,
        }
    }
}

/// A query as codes, none of them −128, in the layout of the rows.
#[derive(Clone, Copy)]
pub(crate) enum QueryCodes<'a> {
    /// Rows begin with a signed byte for each.
    Eight(&'a [i8]),
    /// Rows begin with a byte for each two: a code of 0 to 15 in its low bits, multiplied by that of the first
    /// slice, and one in its high bits, multiplied by that of the second. Both slices have the same length, a
    /// multiple of 16.
    Four(&'a [i8], &'a [i8]),
}

/// Rows of bytes, `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
}

impl<'a> Records<'a> {
    /// Whether the rows are likely in memory rather than in caches.
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    pub fn is_far(&self) -> bool {
        self.bytes.len() >= 8 << 20
    }

    /// The whole record of a row: its values and what follows them.
    #[inline(always)]
    pub fn get(&self, row: u32) -> Result<&'a [u8]> {
        let start = row as usize * self.stride;
        self.bytes
            .get(start..start + self.stride)
            .or_corrupt("a row number is beyond the number of rows")
    }
}

/// Rows of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub records: Records<'a>,
    pub dimensions: usize,
    pub format: Format<'a>,
}

/// The rows to prefetch of a list whose first `measured` rows are measured: those after them, or all if there
/// are none.
pub(crate) fn coming(list: &[u32], measured: usize) -> &[u32] {
    if list.len() > measured { &list[measured..] } else { list }
}
