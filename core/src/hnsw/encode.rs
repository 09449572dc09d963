//! A built graph in the form of the file, and the best order of its rows there.

use super::base::BaseWriter;
use super::build::Graph;
use super::view::{NONE, upper_stride};
use alloc::vec;
use alloc::vec::Vec;

/// A graph in the form of the file.
#[derive(Debug)]
pub(crate) struct EncodedGraph {
    /// The records of the base layer, as [`BaseLayer`](super::base::BaseLayer) reads them.
    pub records: Vec<u8>,
    pub edges: u64,
    pub upper: Vec<u8>,
    /// Bitmap of the rows that are copies; empty if there are none.
    pub copies: Vec<u8>,
    pub layers: Vec<u32>,
    pub entry: u32,
}

impl Graph {
    /// The neighbours of a node of the base layer.
    fn edges(&self, node: u32) -> impl Iterator<Item = u32> {
        let neighbors = self.layers[0].neighbors(node).iter().copied();
        neighbors.chain(self.alike.below(node)).chain(self.copies.below(node))
    }

    /// Rows in breadth-first order from the entry, each followed by its copies. Neighbours are then close to
    /// each other in the file.
    pub fn breadth_first(&self) -> Vec<u32> {
        let places = self.breadth_first_nodes().into_iter().flat_map(|node| self.with_copies(node));
        places.map(|place| self.row(place)).collect()
    }

    /// Nodes of the base layer in breadth-first order from the entry.
    pub(super) fn breadth_first_nodes(&self) -> Vec<u32> {
        let count = self.inserted();
        let mut order = Vec::with_capacity(count);
        let mut seen = vec![false; count];
        if count == 0 {
            return order;
        }
        let mut start = self.entry.map_or(0, |(top, entry)| {
            (1..=top).rev().fold(entry, |node, layer| self.layers[layer].below[node as usize])
        });
        let mut unseen = 0;
        let mut next = 0;
        let inserted = |node: &u32| (*node as usize) < count;
        let copies = self.copies.pairs().iter().map(|pair| pair.1).filter(inserted);
        copies.for_each(|copy| seen[copy as usize] = true);
        loop {
            seen[start as usize] = true;
            order.push(start);
            while next < order.len() {
                for neighbor in self.edges(order[next]).filter(inserted) {
                    if !seen[neighbor as usize] {
                        seen[neighbor as usize] = true;
                        order.push(neighbor);
                    }
                }
                next += 1;
            }
            // The rows that no edge leads to, if any.
            while unseen < seen.len() && seen[unseen] {
                unseen += 1;
            }
            if unseen == seen.len() {
                break;
            }
            start = unseen as u32;
        }
        order
    }

    /// Writes the graph as [`HnswView`](super::HnswView) reads it; `new_row[row]` renumbers.
    pub fn encode(&self, new_row: &[u32]) -> EncodedGraph {
        let base = &self.layers[0];
        let rows = base.rows.len() as u32;
        let m = self.params.m;
        let number = |node: u32| new_row[base.rows[node as usize] as usize];
        let mut node_of = vec![0; rows as usize];
        for node in 0..rows {
            node_of[number(node) as usize] = node;
        }
        let mut records = BaseWriter::new(rows, 2 * m);
        for &node in &node_of {
            records.push(self.edges(node).map(number));
        }
        let edges = records.edges;
        let mut upper = Vec::new();
        let top = self.entry.map_or(0, |(top, _)| top);
        for (number, layer) in self.layers.iter().enumerate().take(top + 1).skip(1) {
            for (node, &row) in layer.rows.iter().enumerate() {
                let end = upper.len() + upper_stride(m);
                upper.extend_from_slice(&new_row[row as usize].to_le_bytes());
                let below = layer.below[node];
                let below =
                    if number == 1 { new_row[base.rows[below as usize] as usize] } else { below };
                upper.extend_from_slice(&below.to_le_bytes());
                for neighbor in layer.neighbors(node as u32) {
                    upper.extend_from_slice(&neighbor.to_le_bytes());
                }
                while upper.len() < end {
                    upper.extend_from_slice(&NONE.to_le_bytes());
                }
            }
        }
        let mut copies = vec![];
        for &(_, copy) in self.copies.pairs() {
            copies.resize(rows.div_ceil(8) as usize, 0);
            copies[number(copy) as usize / 8] |= 1 << (number(copy) % 8);
        }
        let layers = self.layers[1..=top].iter().map(|layer| layer.inserted).collect();
        let entry = match self.entry {
            Some((0, node)) => new_row[base.rows[node as usize] as usize],
            Some((_, node)) => node,
            None => 0,
        };
        EncodedGraph { records: records.finish(), upper, copies, edges, layers, entry }
    }
}
