//! Ways into groups and out of them, for rows that lie in tight groups far from each other.
//!
//! A descent looks at one node at a time, and ends where no neighbour is nearer: it may never see
//! a small group behind a gap. And where a group is larger than a list of neighbours, most of its
//! rows lead only to each other, so that a walk must take in the whole group before it leaves it:
//! of 400 groups of 50 rows, each a thousandth as wide as they are apart, `ef_search` 640 saw
//! twelve.
//!
//! So a node of an upper layer to whose own row a descent does not come gets an edge from where
//! it ends; and one whose neighbours in the layer below are nearer, by far, takes the
//! neighbours that it has above into its free places there. Rows that are spread out need
//! neither: their nearest neighbours in two layers are about as far.

use super::build::Graph;
use super::layer::Scratch;
use super::ranks::RowRanks;
use crate::error::Result;
use crate::sort::sort_by;
use alloc::vec::Vec;

/// A rank is another by far if it is greater than so many times: twice the distance.
const BY_FAR: f32 = 4.0;

impl Graph {
    /// Adds ways into groups and out of them, where there are free places.
    pub fn add_shortcuts(&mut self, ranks: &RowRanks<'_>) -> Result<()> {
        // Ranks must be distances, of which one can be several times another.
        if ranks.early_stop(1).is_none() {
            return Ok(());
        }
        let Some((top, _)) = self.entry else { return Ok(()) };
        let mut scratch = Scratch::default();
        for number in (0..=top).rev() {
            if number > 0 {
                self.add_ways_in(number, ranks, &mut scratch)?;
            }
            if number < top {
                self.add_ways_out(number, ranks, &mut scratch)?;
            }
        }
        Ok(())
    }

    /// Edges from where descents for the nodes of an upper layer end.
    fn add_ways_in(
        &mut self,
        number: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        for node in 0..self.layers[number].inserted {
            let row = self.layers[number].rows[node as usize];
            let Some((end, rank)) = self.descend_to(number, row, ranks, scratch)? else { continue };
            let neighbors = self.layers[number].neighbors(node).to_vec();
            let near = self.middle_rank(number, row, &neighbors, ranks, scratch)?;
            if end != node && rank > BY_FAR * near {
                self.layers[number].add_neighbor(end, node);
            }
        }
        Ok(())
    }

    /// Edges to the neighbours above, for nodes whose own are all near.
    fn add_ways_out(
        &mut self,
        number: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        for above in 0..self.layers[number + 1].inserted {
            let upper = &self.layers[number + 1];
            let node = upper.below[above as usize];
            let row = upper.rows[above as usize];
            let below = upper.neighbors(above).iter().map(|&other| upper.below[other as usize]);
            let below: Vec<u32> = below.collect();
            let neighbors = self.layers[number].neighbors(node).to_vec();
            let near = self.middle_rank(number, row, &neighbors, ranks, scratch)?;
            let far = self.middle_rank(number, row, &below, ranks, scratch)?;
            if far > BY_FAR * BY_FAR * near {
                for other in below {
                    self.layers[number].add_neighbor(node, other);
                }
            }
        }
        Ok(())
    }

    /// Where a descent to an upper layer for a row ends, and the rank there.
    fn descend_to(
        &self,
        number: usize,
        row: u32,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<(u32, f32)>> {
        let Some((top, mut entry)) = self.entry else { return Ok(None) };
        let mut end = None;
        for layer in (number..=top).rev() {
            self.walk_layer(row, layer, &[entry], 1, None, ranks, scratch)?;
            end = scratch.walk.pool.entries().first().map(|found| (found.id(), found.rank()));
            let Some((node, _)) = end else { return Ok(None) };
            if layer > number {
                entry = self.layers[layer].below[node as usize];
            }
        }
        Ok(end)
    }

    /// The rank in the middle of those of `nodes`, as seen from a row; 0 of none.
    fn middle_rank(
        &self,
        number: usize,
        row: u32,
        nodes: &[u32],
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<f32> {
        let Scratch { rows, distances, ranks: rank_scratch, .. } = scratch;
        rows.clear();
        rows.extend(nodes.iter().map(|&node| self.layers[number].rows[node as usize]));
        distances.resize(rows.len(), 0.0);
        ranks.ranks(row, rows, distances, rank_scratch)?;
        sort_by(distances, f32::total_cmp);
        Ok(distances.get(distances.len() / 2).copied().unwrap_or(0.0).max(0.0))
    }
}
