//! Groups of equal rows: one node of the graph stands for all of them.
//!
//! Equal rows are nearer to each other than to anything else, and all lead the same way. If each were an
//! ordinary node, a group of more than `2m` would fill all places of its rows with one another and tear the
//! graph: searches of other rows then stopped at recall 0.6 whatever `ef_search` was. Rejecting a candidate
//! that is as near to a neighbour as to the row (`<=` in Algorithm 4) mends that, but then equal rows lose each
//! other.
//!
//! So the first row of a group, in the order of insertion, is the node. The others hang below it in a tree,
//! whose first edge takes one of the node's places. There are two kinds of groups:
//!
//! - **Copies**: rows whose stored vectors are the same bytes. They follow their row in the file, and a bitmap
//!   marks them, so that a walk skips them and a search takes them with their row: a thousand copies take no
//!   place from other candidates. Their edges are for readers that do not know the bitmap.
//! - **Rows of equal codes**, where codes steer: a walk visits them one after another, because all have the
//!   same rank, and their vectors tell them apart.

use crate::rows::RowSet;
use crate::sort::sort_by;
use alloc::vec::Vec;
use xxhash_rust::xxh3::xxh3_64;

/// Which rows of an order of insertion are equal to earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// (place of the first of a group, place of another), ascending.
    pairs: Vec<(u32, u32)>,
    /// (place, place of a row that hangs below it), ascending.
    edges: Vec<(u32, u32)>,
    /// All places that are not the first of their group.
    others: RowSet,
}

impl Groups {
    /// Finds the `places` of `order` whose rows have the same `record`. At most `children` hang below each, and
    /// one below the first of a group.
    pub fn find<'a>(
        order: &[u32],
        places: impl Iterator<Item = u32>,
        children: usize,
        record: impl Fn(u32) -> &'a [u8],
    ) -> Self {
        let record_at = |place: u32| record(order[place as usize]);
        let mut hashed: Vec<(u64, u32)> =
            places.map(|place| (xxh3_64(record_at(place)), place)).collect();
        sort_by(&mut hashed, Ord::cmp);
        let mut found = Self::default();
        found.others.reset(order.len() as u32);
        for group in hashed.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            let first = group[0].1;
            // If hashes collide, rows that differ from the first are no copies.
            let is_equal = |place: &u32| record_at(*place) == record_at(first);
            let others: Vec<u32> = group[1..].iter().map(|row| row.1).filter(is_equal).collect();
            for (at, &place) in others.iter().enumerate() {
                let above = at.checked_sub(1).map_or(first, |below| others[below / children]);
                found.pairs.push((first, place));
                found.edges.push((above, place));
                found.others.insert(place);
            }
        }
        sort_by(&mut found.pairs, Ord::cmp);
        sort_by(&mut found.edges, Ord::cmp);
        found
    }

    /// Pairs of the first place of a group and another of it.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// Whether the row at a place is equal to an earlier one.
    pub fn is_other(&self, place: u32) -> bool {
        self.others.contains(place)
    }

    /// The other places of the group whose first is at `place`.
    pub fn others(&self, place: u32) -> impl Iterator<Item = u32> {
        second_of(&self.pairs, place)
    }

    /// The places that hang below `place`.
    pub fn below(&self, place: u32) -> impl Iterator<Item = u32> {
        second_of(&self.edges, place)
    }
}

/// The second places of the pairs, which ascend, whose first is `place`.
fn second_of(pairs: &[(u32, u32)], place: u32) -> impl Iterator<Item = u32> {
    let start = pairs.partition_point(|pair| pair.0 < place);
    pairs[start..].iter().take_while(move |pair| pair.0 == place).map(|pair| pair.1)
}
