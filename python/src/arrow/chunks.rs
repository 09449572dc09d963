//! Columns that lie in several arrays.

/// Which parts of chunks of these lengths the rows from `start` to `end` are: a chunk's number, where in it they
/// begin, and how many they are.
pub fn parts(
    lengths: impl Iterator<Item = usize>,
    start: usize,
    end: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut before = 0;
    lengths.enumerate().filter_map(move |(chunk, length)| {
        let within = |place: usize| place.clamp(before, before + length) - before;
        let (from, to) = (within(start), within(end));
        before += length;
        (from < to).then_some((chunk, from, to - from))
    })
}
