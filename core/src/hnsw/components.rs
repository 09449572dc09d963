//! Strongly connected components of a layer (Tarjan: Depth-first search and linear graph
//! algorithms, SIAM J. Comput. 1972), without recursion.

use super::layer::Layer;
use super::view::NONE;
use alloc::vec;
use alloc::vec::Vec;

/// Which nodes can reach each other.
pub(super) struct Components {
    /// The component of every node.
    pub of: Vec<u32>,
    /// Whether an edge leads from this component to another.
    pub leads_on: Vec<bool>,
}

impl Components {
    pub fn of(layer: &Layer) -> Self {
        let count = layer.inserted as usize;
        let mut found = Self { of: vec![NONE; count], leads_on: Vec::new() };
        // When each node was visited, and the earliest open node that it leads to.
        let (mut met, mut lowest) = (vec![NONE; count], vec![0; count]);
        let mut next = 0;
        let mut open: Vec<u32> = Vec::new();
        // The path from the root: nodes, each with the number of its next edge.
        let mut way: Vec<(u32, usize)> = Vec::new();
        for root in 0..layer.inserted {
            if met[root as usize] != NONE {
                continue;
            }
            way.push((root, 0));
            while let Some((node, edge)) = way.last_mut() {
                let (node, at) = (*node, *node as usize);
                if *edge == 0 {
                    (met[at], lowest[at]) = (next, next);
                    next += 1;
                    open.push(node);
                }
                let neighbor = layer.neighbors(node).get(*edge).copied();
                *edge += 1;
                match neighbor {
                    Some(neighbor) if met[neighbor as usize] == NONE => way.push((neighbor, 0)),
                    Some(neighbor) if found.of[neighbor as usize] == NONE => {
                        lowest[at] = met[neighbor as usize].min(lowest[at]);
                    }
                    Some(_) => {}
                    None => {
                        way.pop();
                        if let Some(&(before, _)) = way.last() {
                            lowest[before as usize] = lowest[at].min(lowest[before as usize]);
                        }
                        if lowest[at] == met[at] {
                            found.close(node, &mut open, layer);
                        }
                    }
                }
            }
        }
        found
    }

    /// Closes a complete component: the open nodes from `first` on.
    fn close(&mut self, first: u32, open: &mut Vec<u32>, layer: &Layer) {
        let component = self.leads_on.len() as u32;
        let start = open.iter().rposition(|&node| node == first).unwrap_or(0);
        let nodes = open.split_off(start);
        nodes.iter().for_each(|&node| self.of[node as usize] = component);
        let leads_on = |&node: &u32| {
            layer.neighbors(node).iter().any(|&neighbor| self.of[neighbor as usize] != component)
        };
        self.leads_on.push(nodes.iter().any(leads_on));
    }
}
