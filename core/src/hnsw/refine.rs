//! Refining: the neighbours of every row are selected again once all rows are inserted.
//!
//! Rows inserted early had few candidates, and the paper's selection gives a new row half as many neighbours as
//! there are places. So for each row, a short walk from the row itself finds the rows near it now. From these
//! and its neighbours as many are selected as there are places, first by the paper's rule, then for free places
//! by a slightly less strict one (the alpha of Subramanya et al.: DiskANN, NeurIPS 2019). The less strict rule
//! alone filled the places of rows in tight groups with their own group, so that searches missed others. Back
//! edges are added where there is a free place: selecting again at full nodes, as insertion does, took a third
//! of the pass and gained nothing on texts and images, and .007 of recall on Gaussian rows at `ef_search` 160.
//!
//! Because of this pass, insertion may be cheaper: its walks keep three quarters of `ef_construction`
//! candidates, those of this pass a quarter, and insertion selects from the nearest half of its candidates. At
//! the same work per search, recall is the same (on texts to a thousandth), and a build of 15,000 texts takes a
//! sixth less time. With half of `ef_construction`, Gaussian rows had less recall than without refining.
//!
//! Graphs with hubs, by inner product of rows of unequal length, are not refined: it finds the same few rows
//! again and loses the edges between the others. Recall at `ef_search` 40 fell from .97 to .74 on Gaussian rows
//! times e^N(0,1).
//!
//! As in insertion, rows are processed in batches against the graph before the batch, so that the result does
//! not depend on threads. Rows of a batch are near each other, so that walks find in the processor's cache the
//! rows that earlier ones read.

use super::build::Graph;
use super::layer::Scratch;
use super::ranks::RowRanks;
use super::select::{rank_nodes, select_neighbors};
use crate::error::Result;
use crate::parallel::Threads;
use crate::sort::sort;
use alloc::vec::Vec;

/// A candidate is kept unless a selected one is nearer to it than the row is by this factor of distances.
const ALPHA: f32 = 1.05;

/// The number of batches, and the fewest rows of one.
const BATCHES: usize = 50;
const LEAST_BATCH: usize = 64;

impl Graph {
    /// Selects the neighbours of every node of the base layer again. `progress` is told for how many that is
    /// done, and cancels the build by an error.
    pub fn refine(
        &mut self,
        ranks: &RowRanks<'_>,
        threads: &Threads,
        progress: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        if ranks.has_hubs() {
            return Ok(());
        }
        self.layers[0].alpha = ranks.metric().stretch(ALPHA).unwrap_or(1.0);
        let mut nodes = self.breadth_first_nodes();
        nodes.retain(|&node| self.is_node(node));
        let mut scratch = threads.scratch::<Scratch>();
        let mut done = 0;
        for batch in nodes.chunks((nodes.len() / BATCHES).max(LEAST_BATCH)) {
            let graph = &*self;
            let found = threads.map(batch.len(), &mut scratch, |at, scratch| {
                graph.select_again(batch[at], ranks, scratch)
            })?;
            let layer = &mut self.layers[0];
            for (&node, neighbors) in batch.iter().zip(&found) {
                layer.set_neighbors(node, neighbors);
            }
            for (&node, neighbors) in batch.iter().zip(&found) {
                for &neighbor in neighbors {
                    layer.add_neighbor(neighbor, node);
                }
            }
            done += batch.len();
            progress(done)?;
        }
        self.refined = true;
        Ok(())
    }

    /// The neighbours of a node, selected among those it has and the nearest that a walk finds.
    fn select_again(
        &self,
        node: u32,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<Vec<u32>> {
        let layer = &self.layers[0];
        rank_nodes(layer, node, layer.neighbors(node), ranks, scratch)?;
        let ef = (self.params.ef_construction / 4).max(2 * self.params.m) as usize;
        self.walk_layer(self.row(node), 0, &[node], ef, None, ranks, scratch)?;
        let Scratch { candidates, walk, .. } = &mut *scratch;
        for found in walk.pool.entries().iter().filter(|found| found.id() != node) {
            if !candidates.iter().any(|known| known.id() == found.id()) {
                candidates.push(*found);
            }
        }
        sort(candidates);
        select_neighbors(layer, layer.room(node), ranks, scratch)
    }
}
