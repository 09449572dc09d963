//! Building (Algorithms 1, 3 and 4 of the paper), the same graph with one thread or many.
//!
//! # Batches
//!
//! Rows are inserted in batches: every row of a batch searches the graph as it stood before the
//! batch, then the batch's edges are added, sorted. Nothing depends on which thread did what
//! (Manohar et al.: ParlayANN, PPoPP 2024). A batch is a fraction of the graph, so that few rows
//! miss a neighbour that came with them.
//!
//! # A row
//!
//! A row's uppermost layer is drawn from its number and the seed, not from the order of insertion. The search
//! for its neighbours has two phases, each run for all rows of a batch: first the greedy descents from the top
//! to the row's uppermost layer (`descend`); then, sorted by where these arrive, the walks through the row's
//! own layers with a pool of `ef_construction` (`find_neighbors`): rows near each other then walk over the same
//! rows while these are in the cache. Of the rows found, `m` are selected (`select.rs`, Algorithm 4): a
//! candidate nearer to a selected neighbour than to the row is left out, because it is reached through that
//! neighbour.
//!
//! # Back edges
//!
//! An edge leads back from each neighbour. If its places are full, it selects again from its neighbours and the
//! row. The edges of a batch are sorted by their start, so each node is processed once.
//!
//! # After insertion
//!
//! Early rows had few candidates. So once all rows are inserted, the neighbours of every row are selected again
//! (`refine.rs`). Equal rows are one node (`groups.rs`), small distant groups get edges in (`shortcuts.rs`),
//! and nodes that no walk from the entry reaches are linked (`connect.rs`). Rows that are held out for the
//! calibration are inserted last, after recall has been measured without them.

use super::HnswParams;
use super::groups::Groups;
use super::layer::{Layer, LayerStorage, MeasureRows, Scratch};
use super::ranks::RowRanks;
use super::search::{Walk, present};
use super::select::{link_back, select_neighbors};
use super::view::MAX_LAYERS;
use crate::distance::prefetch;
use crate::error::{Result, corrupt};
use crate::parallel::Threads;
use crate::random::mix;
use crate::sort::sort_by;
use alloc::vec;
use alloc::vec::Vec;

/// A batch has at most one row for this many rows of the graph. With 16, and batches of up to a fiftieth of all
/// rows, Gaussian rows had .006 less recall at `ef_search` 40, and a build at one thread took as long.
const BATCH_FRACTION: usize = 64;

/// Largest batch, as a fraction of all rows, and of how many rows it may be in a small graph.
const MAX_BATCH_FRACTION: usize = 200;
const SMALL_BATCH: usize = 16;

/// A graph that grows.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(super) params: HnswParams,
    pub(super) layers: Vec<Layer>,
    /// The topmost layer that has nodes, and the node there at which searches begin.
    pub(super) entry: Option<(usize, u32)>,
    /// Uppermost layer of the node inserted at each place of the order.
    levels: Vec<u8>,
    /// Rows whose stored vectors are equal.
    pub copies: Groups,
    /// Rows with equal codes, not counting copies, where codes steer.
    pub(super) alike: Groups,
    /// Whether the graph was refined; rows inserted later are not.
    pub(super) refined: bool,
}

impl Graph {
    /// An empty graph for the rows of `order`, to be inserted in that order; some are `copies` of others, and
    /// some have codes that are `alike`.
    pub fn new(
        params: HnswParams,
        order: &[u32],
        seed: u64,
        copies: Groups,
        alike: Groups,
    ) -> Self {
        let mut levels: Vec<u8> = order.iter().map(|&row| level(row, params.m, seed)).collect();
        // A group reaches as high as the highest of its rows.
        for &(first, other) in copies.pairs().iter().chain(alike.pairs()) {
            let level = core::mem::take(&mut levels[other as usize]);
            levels[first as usize] = level.max(levels[first as usize]);
        }
        let mut layers: Vec<Layer> = Vec::new();
        let mut nodes: Vec<u32> = (0..order.len() as u32).collect();
        let mut positions: Vec<u32> = nodes.clone();
        for layer in 0..=MAX_LAYERS {
            if nodes.is_empty() && layer > 0 {
                break;
            }
            let limit = if layer == 0 { 2 * params.m } else { params.m } as usize;
            let rows = nodes.iter().map(|&node| order[node as usize]).collect();
            let below = if layer == 0 { Vec::new() } else { positions.clone() };
            layers.push(Layer::new(rows, below, limit, params.m as usize / 2));
            // The nodes of the next layer, with their positions in this one.
            let above = |&(_, node): &(usize, &u32)| usize::from(levels[*node as usize]) > layer;
            positions = nodes
                .iter()
                .enumerate()
                .filter(above)
                .map(|(position, _)| position as u32)
                .collect();
            nodes.retain(|&node| usize::from(levels[node as usize]) > layer);
        }
        layers[0].reserve(&copies);
        layers[0].reserve(&alike);
        Self { params, layers, entry: None, levels, copies, alike, refined: false }
    }

    /// How many rows are inserted.
    pub fn inserted(&self) -> usize {
        self.layers[0].inserted as usize
    }

    /// Inserts the next rows of the order until `until` are inserted. `progress` is told how many are, and
    /// cancels the build by an error.
    pub fn insert_until(
        &mut self,
        until: usize,
        ranks: &RowRanks<'_>,
        threads: &Threads,
        progress: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let total = self.levels.len();
        let mut scratch = threads.scratch::<Scratch>();
        while self.inserted() < until {
            let first = self.inserted();
            let most = (total / MAX_BATCH_FRACTION).max(SMALL_BATCH);
            let mut last = (first + (first / BATCH_FRACTION).clamp(1, most)).min(until);
            // A row that raises the graph comes alone: later rows of its layer must find it.
            let top = self.entry.map_or(0, |(layer, _)| layer);
            let raises = |at: &usize| usize::from(self.levels[*at]) > top;
            if let Some(raising) = (first..last).find(raises) {
                last = raising.max(first + 1);
            }
            self.insert_batch(first, last, ranks, threads, &mut scratch)?;
            progress(last)?;
        }
        Ok(())
    }

    /// Refines and connects the graph, after the rows that searches must find are inserted.
    pub fn finish(&mut self, ranks: &RowRanks<'_>) -> Result<()> {
        self.add_shortcuts(ranks)?;
        self.connect(ranks)
    }

    fn insert_batch(
        &mut self,
        first: usize,
        last: usize,
        ranks: &RowRanks<'_>,
        threads: &Threads,
        scratch: &mut [Scratch],
    ) -> Result<()> {
        let graph = &*self;
        let is_node = |place: &usize| graph.is_node(*place as u32);
        let places: Vec<usize> = (first..last).filter(is_node).collect();
        // Rows whose descents end near each other walk over the same rows: in sequence, they find these in the
        // processor's cache. That reduced the build's time by a sixth.
        let mut descents = threads.map(places.len(), scratch, |at, scratch| {
            Ok((graph.descend(places[at], ranks, scratch)?, places[at]))
        })?;
        sort_by(&mut descents, Ord::cmp);
        let mut found = threads.map(places.len(), scratch, |at, scratch| {
            let (path, place) = &descents[at];
            Ok((*place, graph.find_neighbors(*place, path, ranks, scratch)?))
        })?;
        sort_by(&mut found, |a, b| a.0.cmp(&b.0));
        let mut found = found.into_iter().peekable();

        // The positions of the batch's nodes: every layer numbers its nodes in order.
        let mut edges: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.layers.len()];
        for place in first..last {
            let neighbors =
                found.next_if(|found| found.0 == place).map_or(Vec::new(), |found| found.1);
            let level = usize::from(self.levels[place]);
            for (number, layer) in self.layers.iter_mut().take(level + 1).enumerate() {
                let node = layer.inserted;
                layer.inserted += 1;
                if let Some(neighbors) = neighbors.get(number) {
                    layer.set_neighbors(node, neighbors);
                    edges[number].extend(neighbors.iter().map(|&neighbor| (neighbor, node)));
                }
            }
        }
        for (number, edges) in edges.into_iter().enumerate() {
            self.add_edges(number, edges, ranks, threads, scratch)?;
        }
        for (number, layer) in self.layers.iter().enumerate() {
            if layer.inserted > 0 && self.entry.is_none_or(|(top, _)| number > top) {
                self.entry = Some((number, layer.inserted - 1));
            }
        }
        Ok(())
    }

    /// Adds edges (from, to) to a layer; nodes with too many select again.
    fn add_edges(
        &mut self,
        number: usize,
        mut edges: Vec<(u32, u32)>,
        ranks: &RowRanks<'_>,
        threads: &Threads,
        scratch: &mut [Scratch],
    ) -> Result<()> {
        sort_by(&mut edges, Ord::cmp);
        let groups: Vec<&[(u32, u32)]> = edges.chunk_by(|a, b| a.0 == b.0).collect();
        let layer = &self.layers[number];
        let linked = threads.map(groups.len(), scratch, |at, scratch| {
            link_back(layer, groups[at], ranks, scratch)
        })?;
        let layer = &mut self.layers[number];
        for (group, neighbors) in groups.iter().zip(&linked) {
            layer.set_neighbors(group[0].0, neighbors);
        }
        Ok(())
    }

    /// The nodes at which a greedy descent arrives, from the top down to above the uppermost layer
    /// of the row at place `at` of the order; zeros after them.
    fn descend(
        &self,
        at: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<[u32; MAX_LAYERS]> {
        let mut path = [0; MAX_LAYERS];
        let Some((top, mut entry)) = self.entry else { return Ok(path) };
        let above = usize::from(self.levels[at]) + 1..=top;
        for (number, node) in above.rev().zip(&mut path) {
            self.walk_layer(self.row(at as u32), number, &[entry], 1, None, ranks, scratch)?;
            *node = scratch.walk.pool.entries().first().map_or(entry, |nearest| nearest.id());
            entry = self.layers[number].below[*node as usize];
        }
        Ok(path)
    }

    /// The neighbours of the row at place `at` of the order, for each of its layers that has
    /// nodes, the base layer first (Algorithm 1 up to the edges). `path` is its descent.
    fn find_neighbors(
        &self,
        at: usize,
        path: &[u32],
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<u32>>> {
        let Some((top, entry)) = self.entry else { return Ok(Vec::new()) };
        let level = usize::from(self.levels[at]).min(top);
        let mut entries = vec![match (top - level).checked_sub(1) {
            Some(last) => self.layers[level + 1].below[path[last] as usize],
            None => entry,
        }];
        let mut found = vec![Vec::new(); level + 1];
        for number in (0..=level).rev() {
            let (ef, most) = self.looked_at(number, ranks);
            self.walk_layer(self.row(at as u32), number, &entries, ef, None, ranks, scratch)?;
            scratch.candidates.clear();
            scratch.candidates.extend(scratch.walk.pool.entries().iter().take(most));
            let layer = &self.layers[number];
            found[number] = select_neighbors(layer, self.params.m as usize, ranks, scratch)?;
            if number > 0 {
                entries.clear();
                let nearest = scratch.walk.pool.entries().iter();
                entries.extend(nearest.map(|entry| layer.below[entry.id() as usize]));
            }
        }
        Ok(found)
    }

    /// How many candidates the walk for a new row keeps in a layer, and from how many of the nearest its
    /// neighbours are selected: fewer in the base layer if the graph will be refined.
    fn looked_at(&self, layer: usize, ranks: &RowRanks<'_>) -> (usize, usize) {
        let HnswParams { m, ef_construction } = self.params;
        let ef = ef_construction as usize;
        if layer > 0 || self.refined || ranks.has_hubs() {
            return (ef, ef);
        }
        let places = 2 * m as usize;
        ((ef - ef / 4).max(m as usize), (ef / 2).max(places))
    }

    /// Fills the walk's pool with the `ef` nodes of a layer nearest to row `from`, without those to `avoid`
    /// (Algorithm 2).
    #[allow(clippy::too_many_arguments, reason = "all that a walk is")]
    pub(super) fn walk_layer(
        &self,
        from: u32,
        number: usize,
        entries: &[u32],
        ef: usize,
        avoid: Option<&dyn Fn(u32) -> bool>,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let layer = &self.layers[number];
        let Scratch { walk, ranks: rank_scratch, rows, .. } = scratch;
        let measure =
            &mut |list: &[u32], out: &mut [f32]| ranks.ranks(from, list, out, rank_scratch);
        let mut storage = LayerStorage { layer, avoid, measure, rows };
        walk.start(layer.inserted, ef, false);
        // This many are selected. Twice as many took a sixteenth more time without more recall.
        walk.early_stop = ranks.early_stop(self.params.m as usize);
        walk.enter(entries);
        present(walk.run(&mut storage, usize::MAX, u64::MAX))?;
        Ok(())
    }

    /// The node of the base layer at which a search for a row outside the graph begins, by a greedy descent
    /// like [`HnswView::descend`](super::HnswView::descend) in a file.
    pub fn entry(&self, walk: &mut Walk, measure: MeasureRows<'_>) -> Result<u32> {
        let Some((top, mut entry)) = self.entry else { return Err(corrupt("an empty graph")) };
        let rows = &mut Vec::new();
        for layer in self.layers[1..=top].iter().rev() {
            let mut storage = LayerStorage { layer, avoid: None, measure, rows };
            walk.start(layer.inserted, 1, false);
            walk.enter(&[entry]);
            present(walk.run(&mut storage, usize::MAX, u64::MAX))?;
            let nearest = walk.pool.entries().first().map_or(entry, |nearest| nearest.id());
            entry = layer.below[nearest as usize];
        }
        Ok(entry)
    }

    /// The inserted neighbours of a node of the base layer, including rows of equal codes, into `out`.
    #[inline]
    pub fn base_neighbors(&self, node: u32, out: &mut Vec<u32>) {
        let inserted = self.layers[0].inserted;
        out.clear();
        out.extend_from_slice(self.layers[0].neighbors(node));
        out.extend(self.alike.below(node).filter(|&below| below < inserted));
    }

    /// Prefetches the neighbours of a node of the base layer.
    #[inline]
    pub fn prefetch(&self, node: u32) {
        prefetch(bytemuck::cast_slice(self.layers[0].neighbors(node)));
    }

    /// Whether the row at a place is a node, and not one of the equal rows below a node.
    pub(super) fn is_node(&self, place: u32) -> bool {
        !self.copies.is_other(place) && !self.alike.is_other(place)
    }

    /// A node of the base layer and its inserted copies.
    pub fn with_copies(&self, node: u32) -> impl Iterator<Item = u32> {
        let inserted = self.layers[0].inserted;
        let copies = self.copies.others(node).filter(move |&copy| copy < inserted);
        core::iter::once(node).chain(copies)
    }

    /// The row of a node of the base layer.
    pub fn row(&self, node: u32) -> u32 {
        self.layers[0].rows[node as usize]
    }

    /// Gives copies the list of their row, which they follow in the file.
    pub fn share_lists(&self, lists: &mut [u32]) {
        for &(first, copy) in self.copies.pairs() {
            lists[self.row(copy) as usize] = lists[self.row(first) as usize];
        }
    }
}

/// The uppermost layer of a row: geometric with ratio 1/m, from the row's number alone, so that it
/// does not depend on the order of insertion.
fn level(row: u32, m: u32, seed: u64) -> u8 {
    let mut digits = mix(mix(seed).wrapping_add(u64::from(row) + 1));
    let mut level = 0;
    while usize::from(level) < MAX_LAYERS {
        if !digits.is_multiple_of(m.into()) {
            break;
        }
        level += 1;
        digits = mix(digits);
    }
    level
}
