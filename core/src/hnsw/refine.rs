//! A second look at every row's neighbours, once the rows are in.
//!
//! A row that came early chose among few, and the paper's selection keeps half as many neighbours for
//! a new row as there are places. So for each row, a short walk that begins at the row itself finds
//! who is near it now; of those and the neighbours that it has, as many as there are places are
//! selected, first by the paper's rule, then for the places left by one that is a little less strict
//! (the alpha of Subramanya et al.: DiskANN, NeurIPS 2019). The less strict rule alone filled the
//! places of rows in tight groups with their own group, so that searches missed others. They are
//! linked back where there is a free place: to select anew where there is none, as insertion does,
//! took a third of the pass and gained nothing on texts and pictures, and .007 of recall on Gaussian
//! rows at `ef_search` 160.
//!
//! Because there is this second look, the first may be cheaper: a walk of insertion keeps three quarters
//! of `ef_construction` candidates, this one a quarter, and of those of insertion the nearest half are
//! selected from. At the same work a search's recall is the same, on texts to a thousandth, and a
//! build of 15,000 texts takes a sixth less. With half of `ef_construction` Gaussian rows fell behind
//! a graph without a second look.
//!
//! Where a few rows are nearest to all others, by inner products of unequal rows, the second look
//! finds these again, and loses the ways between the others: recall at `ef_search` 40 fell from
//! .97 to .74 on Gaussian rows times e^N(0,1). There is none.
//!
//! As insertion does, rows are taken in batches against the graph as it stood before the batch, so
//! that it does not depend on threads. Rows of a batch lie near each other, so that walks find in the
//! processor's cache what those before them read.

use super::build::Graph;
use super::layer::Scratch;
use super::ranks::RowRanks;
use super::select::{rank_nodes, select_neighbors};
use crate::error::Result;
use crate::parallel::Threads;
use crate::sort::sort;
use alloc::vec::Vec;

/// A candidate is kept unless one that was selected is nearer to it than the row is by this factor,
/// of distances.
const ALPHA: f32 = 1.05;

/// Into how many batches the rows are divided, and how many rows one has at least.
const BATCHES: usize = 50;
const LEAST_BATCH: usize = 64;

impl Graph {
    /// Selects the neighbours of every node of the base layer anew. `progress` hears for how many
    /// that is done, and stops the build by an error.
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
