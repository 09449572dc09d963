//! Makes every node of the base layer reachable from the entry, and the entry from every node; in the upper
//! layers, as far as there are free places.
//!
//! The paper's insertion promises neither. Edges back to a new node are dropped when its neighbour
//! finds nearer ones; of two distant groups one may lose its last edge in, and a group of nearly equal rows its
//! last edge out; under inner product no row at all leads to a short one. So after the build, a tree is grown
//! from the entry, and each node outside of it gets an edge from the nearest node in it. Then each component
//! without edges to others ([`Components`]) gets an edge to the nearest node of the entry's component.
//!
//! A full node gives up its farthest edge that is not of the tree, so that all reachable nodes stay reachable;
//! but only one, because all searches pass through hubs. The node linked in its place takes the next edge. With
//! ordinary data this concerns a handful of rows.

use super::build::Graph;
use super::components::Components;
use super::layer::{Layer, Scratch};
use super::ranks::RowRanks;
use super::view::NONE;
use crate::error::Result;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// Among this many nearest nodes, one with a free place is preferred to a nearer one without.
const PREFERRED: usize = 8;

/// How often components are computed: giving up an edge may have split one.
const ROUNDS: usize = 4;

/// The nodes that can be reached.
struct Tree {
    /// The parent of each node.
    parents: Vec<u32>,
    /// For nodes that gave up an edge, the node that takes the next edge instead.
    adopted: BTreeMap<u32, u32>,
    /// The node that was linked last, if it takes the nodes that find no free place nearby: where there are
    /// hubs, near means next to a hub.
    last: Option<u32>,
    has_hubs: bool,
    /// Whether edges may be given up.
    is_base: bool,
}

impl Tree {
    fn new(layer: &Layer, root: u32, has_hubs: bool, is_base: bool) -> Self {
        let parents = vec![NONE; layer.inserted as usize];
        let mut tree = Self { parents, adopted: BTreeMap::new(), last: None, has_hubs, is_base };
        tree.add(layer, root, root);
        tree
    }

    fn has(&self, node: u32) -> bool {
        self.parents[node as usize] != NONE
    }

    /// Adds a node to which `parent` leads, and all nodes reachable from it.
    fn add(&mut self, layer: &Layer, parent: u32, node: u32) {
        self.parents[node as usize] = parent;
        let mut next = vec![node];
        while let Some(node) = next.pop() {
            for &neighbor in layer.neighbors(node) {
                if !self.has(neighbor) {
                    self.parents[neighbor as usize] = node;
                    next.push(neighbor);
                }
            }
        }
    }

    /// The place of the farthest neighbour that a node may give up.
    fn spare(&self, layer: &Layer, node: u32) -> Option<usize> {
        let is_spare = |&neighbor: &u32| self.parents[neighbor as usize] != node;
        layer.neighbors(node).iter().rposition(is_spare)
    }

    /// The node that takes the next edge in place of one that gave an edge up.
    fn adopted(&mut self, node: u32) -> Option<u32> {
        let mut child = *self.adopted.get(&node)?;
        while let Some(&next) = self.adopted.get(&child) {
            child = next;
        }
        self.adopted.insert(node, child);
        Some(child)
    }

    /// The node to take a further edge, among `nodes`, nearest first, or the nodes that stand for them.
    fn choose(&mut self, layer: &Layer, nodes: &[u32]) -> Option<u32> {
        let is_free = |&node: &u32| layer.neighbors(node).len() < layer.room(node);
        let mut free = nodes.iter().copied().take(PREFERRED).find(is_free);
        free = free.or_else(|| nodes.iter().filter_map(|&node| self.adopted(node)).find(is_free));
        free = free.or_else(|| self.last.filter(is_free));
        if free.is_some() || !self.is_base {
            return free;
        }
        let gives_up = |&&node: &&u32| self.spare(layer, node).is_some();
        nodes.iter().find(gives_up).copied().or_else(|| nodes.iter().copied().find(is_free))
    }

    /// Adds an edge, in place of a spare one if the node has no free place.
    fn link(&mut self, layer: &mut Layer, from: u32, to: u32) {
        if !layer.add_neighbor(from, to)
            && let Some(place) = self.spare(layer, from)
        {
            let mut neighbors = layer.neighbors(from).to_vec();
            neighbors[place] = to;
            layer.set_neighbors(from, &neighbors);
            self.adopted.insert(from, to);
        }
        self.last = self.has_hubs.then_some(to);
    }
}

impl Graph {
    /// Makes every node of the base layer reach every other, except rows that hang below equal ones.
    pub fn connect(&mut self, ranks: &RowRanks<'_>) -> Result<()> {
        let Some((top, mut entry)) = self.entry else { return Ok(()) };
        let mut scratch = Scratch::default();
        for number in (0..=top).rev() {
            let layer = &self.layers[number];
            let mut tree = Tree::new(layer, entry, ranks.has_hubs(), number == 0);
            // Short rows do not lead to others, so they need not be reachable in upper layers.
            if number == 0 || !ranks.has_hubs() {
                self.connect_from(number, entry, &mut tree, ranks, &mut scratch)?;
                self.connect_to(number, entry, &mut tree, ranks, &mut scratch)?;
            }
            if number > 0 {
                entry = self.layers[number].below[entry as usize];
            }
        }
        Ok(())
    }

    /// Makes every node of a layer reachable from `entry`.
    fn connect_from(
        &mut self,
        number: usize,
        entry: u32,
        tree: &mut Tree,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut near = Vec::new();
        for node in 0..self.layers[number].inserted {
            if tree.has(node) || (number == 0 && !self.is_node(node)) {
                continue;
            }
            // Its own neighbours are near, if they are reachable.
            let layer = &self.layers[number];
            near.clear();
            near.extend(layer.neighbors(node).iter().filter(|&&neighbor| tree.has(neighbor)));
            let mut from = tree.choose(layer, &near);
            if from.is_none() {
                self.nearest(number, entry, node, None, ranks, scratch)?;
                near.clear();
                near.extend(scratch.walk.pool.entries().iter().map(|entry| entry.id()));
                from = tree.choose(layer, &near);
            }
            if from.is_none() && number == 0 {
                // A tree has fewer edges than nodes, so some node has a place.
                let reached: Vec<u32> = (0..layer.inserted)
                    .filter(|&node| tree.has(node) && self.is_node(node))
                    .collect();
                from = tree.choose(layer, &reached);
            }
            if let Some(from) = from {
                tree.link(&mut self.layers[number], from, node);
                tree.add(&self.layers[number], from, node);
            }
        }
        Ok(())
    }

    /// Makes every node of a layer reach `entry`.
    fn connect_to(
        &mut self,
        number: usize,
        entry: u32,
        tree: &mut Tree,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        (tree.has_hubs, tree.last) = (false, None);
        for _ in 0..ROUNDS {
            let components = Components::of(&self.layers[number]);
            let home = components.of[entry as usize];
            let mut ends: Vec<Vec<u32>> = vec![Vec::new(); components.leads_on.len()];
            for (node, &component) in components.of.iter().enumerate() {
                let node = node as u32;
                let leads_on = components.leads_on[component as usize] || component == home;
                if !leads_on && tree.has(node) {
                    ends[component as usize].push(node);
                }
            }
            ends.retain(|nodes| !nodes.is_empty());
            if ends.is_empty() {
                break;
            }
            let elsewhere = |node: u32| components.of[node as usize] != home;
            for nodes in ends {
                let Some(from) = tree.choose(&self.layers[number], &nodes) else { continue };
                self.nearest(number, entry, from, Some(&elsewhere), ranks, scratch)?;
                if let Some(to) = scratch.walk.pool.entries().first() {
                    tree.link(&mut self.layers[number], from, to.id());
                }
            }
        }
        Ok(())
    }

    /// Fills the walk's pool with the nodes of a layer nearest to a node, reached from `entry` without passing
    /// nodes to `avoid`.
    fn nearest(
        &self,
        number: usize,
        entry: u32,
        node: u32,
        avoid: Option<&dyn Fn(u32) -> bool>,
        ranks: &RowRanks<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let row = self.layers[number].rows[node as usize];
        let ef = self.params.ef_construction as usize;
        self.walk_layer(row, number, &[entry], ef, avoid, ranks, scratch)
    }
}
