//! Number types of binary formats that have no header, or one that does not contain the type.

/// A type of numbers, stored little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    U8,
    I8,
    I32,
}

impl Element {
    /// The size of a number in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// Appends numbers as f32.
    ///
    /// # Errors
    ///
    /// If f32 cannot represent an integer exactly; the message has its position.
    pub fn decode(self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), String> {
        match self {
            Self::F32 => out.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b))),
            Self::U8 => out.extend(bytes.iter().map(|&b| f32::from(b))),
            Self::I8 => out.extend(bytes.iter().map(|&b| f32::from(b.cast_signed()))),
            Self::I32 => {
                for (at, &number) in bytes.as_chunks().0.iter().enumerate() {
                    let number = i32::from_le_bytes(number);
                    let value = exact(number.into());
                    out.push(value.ok_or_else(|| {
                        format!("value {at} of the vector is {number}, which float32 would round")
                    })?);
                }
            }
        }
        Ok(())
    }
}

/// The message about a list with an integer that [`exact`] rejects.
#[cfg(feature = "parquet")]
pub fn rounded(number: i128, at: usize) -> String {
    format!("holds {number} at {at}, which float32 would round")
}

/// An integer of up to 64 bits as f32, if that represents it exactly.
pub fn exact(number: i128) -> Option<f32> {
    let value = number as f32;
    (value as i128 == number).then_some(value)
}
