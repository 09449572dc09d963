//! The number of bits of a code, and the layout of codes in a row.

/// The number of bits of a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Width {
    #[default]
    Eight,
    Four,
}

impl Width {
    /// The greatest code. The least code is its negative, or one less.
    pub fn greatest(self) -> f32 {
        match self {
            Self::Eight => 127.0,
            Self::Four => 7.0,
        }
    }

    /// Clamps a value to between the least and the greatest code.
    #[inline]
    pub fn clamp(self, value: f32) -> f32 {
        // With constants: for other bounds `clamp` checks their order, which brings in a message with two
        // floats.
        match self {
            Self::Eight => value.clamp(-127.0, 127.0),
            Self::Four => value.clamp(-8.0, 7.0),
        }
    }

    /// What is added to codes when they are stored.
    pub fn added(self) -> i8 {
        match self {
            Self::Eight => 0,
            Self::Four => 8,
        }
    }

    pub fn codes_a_byte(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Four => 2,
        }
    }

    /// The bytes that the codes of a row take.
    pub fn bytes(self, dimensions: usize) -> usize {
        dimensions.div_ceil(self.codes_a_byte())
    }

    /// The bytes from the codes of one row to those of the next.
    pub fn stride(self, dimensions: usize) -> usize {
        self.bytes(dimensions).next_multiple_of(16)
    }

    /// Whether there is room behind the codes of a row for its factor.
    pub fn has_room_for_factor(self, dimensions: usize) -> bool {
        self.stride(dimensions) - self.bytes(dimensions) >= size_of::<f32>()
    }
}
