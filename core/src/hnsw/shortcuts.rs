//! Edges into groups and out of them, for rows in tight groups far from each other.
//!
//! A descent looks at one node at a time, and ends where no neighbour is nearer: it may never see a small group
//! behind a gap. And if a group is larger than a list of neighbours, most of its rows lead only to each other,
//! so that a walk must visit the whole group before it leaves it: of 400 groups of 50 rows, each a thousandth
//! as wide as the distance between groups, `ef_search` 640 saw twelve.
//!
//! So if a descent for the row of an upper node ends elsewhere, that place gets an edge to the node. A node
//! whose neighbours in the layer below are far nearer than those above takes the latter into its free places
//! below. Rows that are spread out need neither: their nearest neighbours in two layers are at similar
//! distances. Last, a node to which none of its near neighbours leads gets an edge from the nearest node around
//! them with a free place: reached only from far rows, three rows of a tight group of 300 were not found at
//! `ef_search` 640.

use super::build::Graph;
use super::layer::{Layer, Scratch};
use super::ranks::RowRanks;
use super::select::rank_nodes;
use crate::error::Result;
use crate::neighbor::Candidate;
use alloc::vec::Vec;

/// A rank is far greater than another if it exceeds this multiple: twice the distance.
const BY_FAR: f32 = 4.0;

/// One in this many neighbours of a group's node is in the group, even if that is small, and one in this many
/// neighbours above is not far.
const NEAR: usize = 4;
const MIDDLE: usize = 2;

impl Graph {
    /// Adds edges into groups and out of them, where there are free places.
    pub fn add_shortcuts(&mut self, ranks: &RowRanks<'_>) -> Result<()> {
        // Ranks must be distances, so that they have ratios.
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
        self.add_ways_back(ranks, &mut scratch)
    }

    /// Adds edges to the nodes of an upper layer from where descents for them, and for rows near them, end.
    fn add_ways_in(
        &mut self,
        number: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        for node in 0..self.layers[number].inserted {
            let row = self.layers[number].rows[node as usize];
            let Some((end, rank)) = self.descend_to(number, row, ranks, scratch)? else { continue };
            // The layer below has more rows of a small group.
            let (below, node_below) =
                (&self.layers[number - 1], self.layers[number].below[node as usize]);
            let near = near_rank(below, node_below, NEAR, ranks, scratch)?;
            let around = below.neighbors(node_below).iter();
            let around: Vec<u32> = around.map(|&neighbor| below.rows[neighbor as usize]).collect();
            if end == node || rank <= BY_FAR * near {
                continue;
            }
            self.layers[number].add_neighbor(end, node);
            for row in around {
                let end = self.descend_to(number, row, ranks, scratch)?;
                if let Some((end, rank)) = end
                    && rank > BY_FAR * near
                {
                    self.layers[number].add_neighbor(end, node);
                }
            }
        }
        Ok(())
    }

    /// Adds edges to the neighbours above, for nodes whose own neighbours are all near.
    fn add_ways_out(
        &mut self,
        number: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        for above in 0..self.layers[number + 1].inserted {
            let upper = &self.layers[number + 1];
            let node = upper.below[above as usize];
            let others = upper.neighbors(above).to_vec();
            let near = near_rank(&self.layers[number], node, NEAR, ranks, scratch)?;
            let far = near_rank(upper, above, MIDDLE, ranks, scratch)?;
            if far > BY_FAR * BY_FAR * near {
                for other in others {
                    let other = self.layers[number + 1].below[other as usize];
                    self.layers[number].add_neighbor(node, other);
                }
            }
        }
        Ok(())
    }

    /// Adds edges to nodes of the base layer to which none of their near neighbours leads.
    fn add_ways_back(&mut self, ranks: &RowRanks<'_>, scratch: &mut Scratch) -> Result<()> {
        for node in 0..self.layers[0].inserted {
            let layer = &self.layers[0];
            rank_nodes(layer, node, layer.neighbors(node), ranks, scratch)?;
            let candidates = &scratch.candidates;
            let Some(nearest) = candidates.first().map(|nearest| nearest.rank()) else { continue };
            let is_near = |entry: &&Candidate| entry.rank() <= BY_FAR * nearest.max(0.0);
            let near = candidates.iter().take_while(is_near).map(|entry| entry.id());
            let mut near: Vec<u32> = near.collect();
            if near.iter().any(|&neighbor| layer.neighbors(neighbor).contains(&node)) {
                continue;
            }
            // These may be full, as a node in the middle of many rows is; nodes around them are not.
            let around = near.iter().flat_map(|&neighbor| layer.neighbors(neighbor)).copied();
            let around: Vec<u32> = around.filter(|&other| other != node).collect();
            rank_nodes(layer, node, &around, ranks, scratch)?;
            near.extend(scratch.candidates.iter().map(|entry| entry.id()));
            near.into_iter().find(|&from| self.layers[0].add_neighbor(from, node));
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
}

/// The rank that one in `part` of a node's neighbours is below; 0 if there are none.
fn near_rank(
    layer: &Layer,
    node: u32,
    part: usize,
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<f32> {
    rank_nodes(layer, node, layer.neighbors(node), ranks, scratch)?;
    let ranked = &scratch.candidates;
    Ok(ranked.get(ranked.len() / part).map_or(0.0, |entry| entry.rank()).max(0.0))
}
