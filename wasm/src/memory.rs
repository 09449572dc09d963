//! Reserves memory before it is needed: that fails with an error, where the allocation itself could only end
//! the program.

use crate::failure::Outcome;
use hither::ErrorKind;

/// Makes sure that `bytes` bytes can be allocated at once.
pub(crate) fn ensure(bytes: usize) -> Outcome<()> {
    room(&mut Vec::<u8>::new(), bytes)
}

/// The same for bytes that go to several lists, each of which takes at most a fourth: free memory lies in
/// pieces, and memory that grows for one piece as large as all of them never shrinks.
pub(crate) fn ensure_in_parts(bytes: usize) -> Outcome<()> {
    let mut parts: [Vec<u8>; 4] = Default::default();
    for part in &mut parts {
        room(part, bytes.div_ceil(4))?;
    }
    Ok(())
}

/// Makes room in `list` for `length` elements, or says that there is none.
pub(crate) fn room<T>(list: &mut Vec<T>, length: usize) -> Outcome<()> {
    let more = length.saturating_sub(list.len());
    let bytes = length as u64 * size_of::<T>() as u64;
    list.try_reserve_exact(more).map_err(|_| ErrorKind::OutOfMemory { bytes }.into())
}
