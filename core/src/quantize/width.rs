//! How many bits a code has, and how codes lie in a row.

/// How many bits a code has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Width {
    #[default]
    Eight,
    Four,
}

impl Width {
    /// The greatest code. The least is as far from 0, or one more.
    pub fn greatest(self) -> f32 {
        match self {
            Self::Eight => 127.0,
            Self::Four => 7.0,
        }
    }

    /// Cuts to between the least code and the greatest.
    #[inline]
    pub fn clamp(self, value: f32) -> f32 {
        // By constants: of others `clamp` checks the order, and has a text of two floats for it.
        match self {
            Self::Eight => value.clamp(-127.0, 127.0),
            Self::Four => value.clamp(-8.0, 7.0),
        }
    }

    /// What is added to codes as they are stored.
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

    /// Bytes that the codes of a row take.
    pub fn bytes(self, dimensions: usize) -> usize {
        dimensions.div_ceil(self.codes_a_byte())
    }

    /// Bytes from the codes of one row to those of the next.
    pub fn stride(self, dimensions: usize) -> usize {
        self.bytes(dimensions).next_multiple_of(16)
    }

    /// Whether the factor of a row has room behind its codes.
    pub fn has_room_for_factor(self, dimensions: usize) -> bool {
        self.stride(dimensions) - self.bytes(dimensions) >= size_of::<f32>()
    }
}
