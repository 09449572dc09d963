//! Building (Algorithms 1, 3 and 4 of the paper), the same graph with one thread or many.
//!
//! Rows are inserted in batches: every row of a batch searches the graph as it stood before the
//! batch, then the batch's edges are added, sorted. Nothing depends on which thread did what
//! (Manohar et al.: ParlayANN, PPoPP 2024). A batch is a fraction of the graph, so that few rows
//! miss a neighbour that came with them.

use super::HnswParams;
use super::ranks::{RankScratch, RowRanks};
use super::search::{EarlyStop, Halt, Storage, Walk, present};
use super::select::{link_back, select_neighbors};
use crate::distance::prefetch;
use crate::error::Result;
use crate::neighbor::Candidate;
use crate::parallel::Threads;
use crate::random::mix;
use crate::sort::sort_by;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Most upper layers; with `m` 2 the chance of a row to go beyond is 2⁻¹⁶ and costs nothing.
pub(crate) const MAX_LAYERS: usize = 16;

/// A batch holds at most one row for this many rows of the graph.
const BATCH_FRACTION: usize = 16;

/// Largest batch, as a fraction of all rows.
const MAX_BATCH_FRACTION: usize = 50;

/// A layer of a graph that grows. Nodes are numbered as they are inserted.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Row of every node; in the base layer node and row order are one table for all layers.
    pub rows: Vec<u32>,
    /// Position of every node in the layer below; empty in the base layer.
    pub below: Vec<u32>,
    degrees: Vec<u8>,
    links: Vec<u32>,
    pub limit: usize,
    pub inserted: u32,
}

impl Layer {
    pub fn neighbors(&self, node: u32) -> &[u32] {
        let start = node as usize * self.limit;
        &self.links[start..start + usize::from(self.degrees[node as usize])]
    }

    fn set_neighbors(&mut self, node: u32, neighbors: &[u32]) {
        let start = node as usize * self.limit;
        self.links[start..start + neighbors.len()].copy_from_slice(neighbors);
        self.degrees[node as usize] = neighbors.len() as u8;
    }
}

/// Measures the listed rows.
type MeasureRows<'a> = &'a mut dyn FnMut(&[u32], &mut [f32]) -> Result<()>;

/// One layer as a walk sees it.
struct LayerStorage<'a> {
    layer: &'a Layer,
    measure: MeasureRows<'a>,
    rows: &'a mut Vec<u32>,
    looks_ahead: bool,
}

impl Storage for LayerStorage<'_> {
    type Missing = Infallible;

    fn nodes(&self) -> u32 {
        self.layer.inserted
    }

    #[inline]
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<Infallible>> {
        out.clear();
        out.extend_from_slice(self.layer.neighbors(id));
        Ok(())
    }

    #[inline]
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<Infallible>> {
        self.rows.clear();
        self.rows.extend(list.iter().map(|&node| self.layer.rows[node as usize]));
        Ok((self.measure)(self.rows, out)?)
    }

    #[inline]
    fn prefetch(&self, id: u32) {
        prefetch(bytemuck::cast_slice(self.layer.neighbors(id)));
    }

    #[inline]
    fn looks_ahead(&self) -> bool {
        self.looks_ahead
    }
}

/// What a thread needs to insert rows.
#[derive(Default)]
pub(super) struct Scratch {
    pub walk: Walk,
    pub ranks: RankScratch,
    pub rows: Vec<u32>,
    pub candidates: Vec<Candidate>,
    pub selected_rows: Vec<u32>,
    pub distances: Vec<f32>,
}

/// A graph that grows.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(super) params: HnswParams,
    pub(super) layers: Vec<Layer>,
    /// Node of the topmost layer that has any at which searches begin, and that layer.
    pub(super) entry: Option<(usize, u32)>,
    /// Uppermost layer of the node inserted at each place of the order.
    levels: Vec<u8>,
}

impl Graph {
    /// An empty graph that will hold the rows of `order`, in that order.
    pub fn new(params: HnswParams, order: &[u32], seed: u64) -> Self {
        let levels: Vec<u8> = order.iter().map(|&row| level(row, params.m, seed)).collect();
        let mut layers: Vec<Layer> = Vec::new();
        let mut nodes: Vec<u32> = (0..order.len() as u32).collect();
        let mut positions: Vec<u32> = nodes.clone();
        for layer in 0..=MAX_LAYERS {
            if nodes.is_empty() && layer > 0 {
                break;
            }
            let limit = if layer == 0 { 2 * params.m } else { params.m } as usize;
            layers.push(Layer {
                rows: nodes.iter().map(|&node| order[node as usize]).collect(),
                below: if layer == 0 { Vec::new() } else { positions.clone() },
                degrees: vec![0; nodes.len()],
                links: vec![0; nodes.len() * limit],
                limit,
                inserted: 0,
            });
            // Nodes of the next layer, and where they are in this one.
            let above = |&(_, node): &(usize, &u32)| usize::from(levels[*node as usize]) > layer;
            positions = nodes
                .iter()
                .enumerate()
                .filter(above)
                .map(|(position, _)| position as u32)
                .collect();
            nodes.retain(|&node| usize::from(levels[node as usize]) > layer);
        }
        Self { params, layers, entry: None, levels }
    }

    /// How many rows the graph holds now.
    pub fn inserted(&self) -> usize {
        self.layers[0].inserted as usize
    }

    /// Inserts the next rows of the order until `until` are in. `progress` hears how many are,
    /// and stops the build by an error.
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
            let most = (total / MAX_BATCH_FRACTION).max(64);
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

    fn insert_batch(
        &mut self,
        first: usize,
        last: usize,
        ranks: &RowRanks<'_>,
        threads: &Threads,
        scratch: &mut [Scratch],
    ) -> Result<()> {
        let graph = &*self;
        // Rows that arrive near each other walk over the same rows: one after another, they find
        // these in the processor's cache. That took a sixth off the build.
        let mut descents = threads.map(last - first, scratch, |at, scratch| {
            Ok((graph.descend(first + at, ranks, scratch)?, at))
        })?;
        sort_by(&mut descents, Ord::cmp);
        let mut found = threads.map(last - first, scratch, |place, scratch| {
            let (path, at) = &descents[place];
            Ok((*at, graph.find_neighbors(first + at, path, ranks, scratch)?))
        })?;
        sort_by(&mut found, |a, b| a.0.cmp(&b.0));

        // Where the batch's nodes come to lie: every layer numbers its nodes in order.
        let mut edges: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.layers.len()];
        for (at, neighbors) in found {
            for (number, layer) in
                self.layers.iter_mut().take(usize::from(self.levels[first + at]) + 1).enumerate()
            {
                let node = layer.inserted;
                layer.inserted += 1;
                if let Some(neighbors) = neighbors.get(number) {
                    layer.set_neighbors(node, neighbors);
                    edges[number].extend(neighbors.iter().map(|&neighbor| (neighbor, node)));
                }
            }
        }
        for (number, mut edges) in edges.into_iter().enumerate() {
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
        }
        for (number, layer) in self.layers.iter().enumerate() {
            if layer.inserted > 0 && self.entry.is_none_or(|(top, _)| number > top) {
                self.entry = Some((number, layer.inserted - 1));
            }
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
            self.walk_layer(at, number, &[entry], 1, ranks, scratch)?;
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
            let ef = self.params.ef_construction as usize;
            self.walk_layer(at, number, &entries, ef, ranks, scratch)?;
            scratch.candidates.clear();
            scratch.candidates.extend_from_slice(scratch.walk.pool.entries());
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

    /// Fills the walk's pool with the `ef` nodes of a layer that are nearest to the row at place
    /// `at` of the order (Algorithm 2).
    fn walk_layer(
        &self,
        at: usize,
        number: usize,
        entries: &[u32],
        ef: usize,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let layer = &self.layers[number];
        let from = self.layers[0].rows[at];
        let Scratch { walk, ranks: rank_scratch, rows, .. } = scratch;
        let looks_ahead = ranks.looks_ahead();
        let measure =
            &mut |list: &[u32], out: &mut [f32]| ranks.ranks(from, list, out, rank_scratch);
        let mut storage = LayerStorage { layer, measure, rows, looks_ahead };
        walk.start(storage.nodes(), ef, false);
        walk.early_stop = ranks.early_stop(2 * self.params.m as usize);
        present(walk.enter(&mut storage, entries))?;
        present(walk.run(&mut storage, usize::MAX, u64::MAX))?;
        Ok(())
    }

    /// Begins where a search of the base layer does: its node, for a row that is not in the
    /// graph.
    pub fn search_base(
        &self,
        walk: &mut Walk,
        ef: usize,
        early_stop: Option<EarlyStop>,
        measure: MeasureRows<'_>,
    ) -> Result<()> {
        let Some((top, entry)) = self.entry else { return Ok(()) };
        let mut entries = vec![entry];
        let rows = &mut Vec::new();
        for number in (0..=top).rev() {
            let layer = &self.layers[number];
            let mut storage = LayerStorage { layer, measure, rows, looks_ahead: false };
            walk.start(layer.inserted, if number > 0 { 1 } else { ef }, false);
            if number == 0 {
                walk.early_stop = early_stop;
            }
            present(walk.enter(&mut storage, &entries))?;
            present(walk.run(&mut storage, usize::MAX, u64::MAX))?;
            if number > 0 {
                entries.clear();
                let nearest = walk.pool.entries().iter().take(1);
                entries.extend(nearest.map(|entry| layer.below[entry.id() as usize]));
            }
        }
        Ok(())
    }

    /// The row of a node of the base layer.
    pub fn row(&self, node: u32) -> u32 {
        self.layers[0].rows[node as usize]
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
