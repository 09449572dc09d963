//! Keys for rows that come without one, where keys are UUIDs.

use super::Key;
#[cfg(not(feature = "getrandom"))]
use super::KeyType;
use crate::error::{ErrorKind, Result};
use crate::random::Random;

/// UUIDs of version 4 (RFC 9562): 122 bits are random.
#[derive(Clone, Debug, Default)]
pub(crate) struct RandomKeys {
    /// Where they come from instead of the system, for files that must be reproducible.
    seeded: Option<Random>,
}

impl RandomKeys {
    pub fn seeded(seed: u64) -> Self {
        Self { seeded: Some(Random::new(seed)) }
    }

    /// A key that no other row has, with overwhelming probability.
    pub fn next(&mut self) -> Result<Key> {
        let mut bytes = match &mut self.seeded {
            Some(random) => {
                (u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes()
            }
            None => system()?,
        };
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Ok(Key::Uuid(bytes))
    }
}

#[cfg(feature = "getrandom")]
fn system() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let reason = alloc::format!(
                "the system has no random numbers for the key of a row that came without one: {error}"
            );
            Err(ErrorKind::Unsupported { reason }.into())
        }
    }
}

#[cfg(not(feature = "getrandom"))]
fn system() -> Result<[u8; 16]> {
    Err(ErrorKind::KeyType { expected: KeyType::Uuid.name(), got: "missing" }.into())
}
