//! A layer of a graph under construction, and walks over it.

use super::groups::Groups;
use super::ranks::RankScratch;
use super::search::{GraphStorage, Halt, Walk};
use crate::distance::prefetch;
use crate::error::Result;
use crate::neighbor::Candidate;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;

/// A layer of a graph under construction. Nodes are numbered in the order of insertion.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// The row of every node; the table of the base layer is the order of insertion.
    pub rows: Vec<u32>,
    /// Position of every node in the layer below; empty in the base layer.
    pub below: Vec<u32>,
    degrees: Vec<u8>,
    links: Vec<u32>,
    limit: usize,
    /// The fewest neighbours of a node, if there are as many candidates.
    pub least: usize,
    /// Free places take candidates to which no selected one is nearer than the node by this factor of ranks; 1
    /// for the paper's rule alone.
    pub alpha: f32,
    /// How many places each node reserves for edges to equal rows.
    reserved: Vec<u8>,
    pub inserted: u32,
}

impl Layer {
    /// A layer for these rows, each with at most `limit` neighbours, and if possible at least
    /// `least`; nothing is inserted yet.
    pub fn new(rows: Vec<u32>, below: Vec<u32>, limit: usize, least: usize) -> Self {
        let degrees = vec![0; rows.len()];
        let links = vec![0; rows.len() * limit];
        let reserved = Vec::new();
        Self { rows, below, degrees, links, limit, least, alpha: 1.0, reserved, inserted: 0 }
    }

    /// Reserves a place at every node that is the first of a group.
    pub fn reserve(&mut self, groups: &Groups) {
        for group in groups.pairs().chunk_by(|a, b| a.0 == b.0) {
            self.reserved.resize(self.rows.len(), 0);
            self.reserved[group[0].0 as usize] += 1;
        }
    }

    /// How many neighbours a node may have.
    pub fn room(&self, node: u32) -> usize {
        self.limit - usize::from(self.reserved.get(node as usize).copied().unwrap_or(0))
    }

    pub fn neighbors(&self, node: u32) -> &[u32] {
        let start = node as usize * self.limit;
        &self.links[start..start + usize::from(self.degrees[node as usize])]
    }

    /// Adds a neighbour if there is a free place; returns whether it is a neighbour now.
    pub fn add_neighbor(&mut self, node: u32, neighbor: u32) -> bool {
        if self.neighbors(node).contains(&neighbor) {
            return true;
        }
        let degree = self.neighbors(node).len();
        if node == neighbor || degree >= self.room(node) {
            return false;
        }
        self.links[node as usize * self.limit + degree] = neighbor;
        self.degrees[node as usize] += 1;
        true
    }

    pub fn set_neighbors(&mut self, node: u32, neighbors: &[u32]) {
        let start = node as usize * self.limit;
        self.links[start..start + neighbors.len()].copy_from_slice(neighbors);
        self.degrees[node as usize] = neighbors.len() as u8;
    }
}

/// Measures the listed rows.
pub(super) type MeasureRows<'a> = &'a mut dyn FnMut(&[u32], &mut [f32]) -> Result<()>;

/// One layer as a storage for walks.
pub(super) struct LayerStorage<'a> {
    pub layer: &'a Layer,
    /// The nodes that the walk must not visit.
    pub avoid: Option<&'a dyn Fn(u32) -> bool>,
    pub measure: MeasureRows<'a>,
    pub rows: &'a mut Vec<u32>,
}

impl GraphStorage for LayerStorage<'_> {
    type Missing = Infallible;

    #[inline]
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<Infallible>> {
        out.clear();
        out.extend_from_slice(self.layer.neighbors(id));
        if let Some(avoid) = self.avoid {
            out.retain(|&node| !avoid(node));
        }
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
}

/// The scratch of a thread that inserts rows.
#[derive(Default)]
pub(super) struct Scratch {
    pub walk: Walk,
    pub ranks: RankScratch,
    pub rows: Vec<u32>,
    pub candidates: Vec<Candidate>,
    /// Candidates that the less strict rule of the selection may still take, and with how many selected ones
    /// each was compared.
    pub spare: Vec<(Candidate, usize)>,
    pub selected_rows: Vec<u32>,
    pub distances: Vec<f32>,
}
