//! Types of numbers in binary formats without a header, or with one that does not name the type.

/// A type of numbers, all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    U8,
    I8,
    I32,
}

impl Element {
    /// Bytes a number takes.
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
    /// If f32 does not hold an integer exactly, with its place.
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

/// What is said of a list that holds an integer which [`exact`] does not take.
#[cfg(feature = "parquet")]
pub fn rounded(number: i128, at: usize) -> String {
    format!("holds {number} at {at}, which float32 would round")
}

/// An integer as f32, if that holds all of its digits. It is one of up to 64 bits.
pub fn exact(number: i128) -> Option<f32> {
    let value = number as f32;
    (value as i128 == number).then_some(value)
}
