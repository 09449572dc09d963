//! Rows as kernels read them.

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

/// Rows of values that start `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
    pub dimensions: usize,
    pub format: Format<'a>,
}

impl<'a> Table<'a> {
    /// Whether the rows are likely to lie in memory rather than in caches.
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    pub fn is_far(&self) -> bool {
        self.bytes.len() >= 8 << 20
    }

    /// The whole stride of a row: its values and what lies beside them.
    #[inline(always)]
    pub fn record(&self, row: u32) -> Result<&'a [u8]> {
        let start = row as usize * self.stride;
        self.bytes
            .get(start..start + self.stride)
            .or_corrupt("a row number is beyond the number of rows")
    }
}

/// Of a list whose first `measured` rows are measured, those to be brought near: the next, and if
/// there are none, all.
pub(crate) fn coming(list: &[u32], measured: usize) -> &[u32] {
    if list.len() > measured { &list[measured..] } else { list }
}
