//! FNV-1a: a hash of ten lines, written here so that the check does not rely on the library.

#[derive(Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Numbers are hashed as 64 bits, so that a 32-bit `usize` gives the same.
    pub fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    pub fn value(self) -> u64 {
        self.0
    }
}
