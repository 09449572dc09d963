//! Which rows of a stored graph a walk can reach.

use super::view::{HnswView, NONE};
use crate::error::Result;
use crate::rows::RowSet;
use alloc::vec::Vec;

impl HnswView<'_> {
    /// How many rows no search of the graph can visit, wherever its descent ends.
    pub fn unreachable(&self) -> Result<u32> {
        let mut reached = RowSet::default();
        reached.reset(self.rows);
        let mut next: Vec<u32> = Vec::new();
        let mut start = |row: u32, next: &mut Vec<u32>| {
            if reached.insert(row) {
                next.push(row);
            }
        };
        // The reachable nodes of a layer, and their positions below.
        let mut entries = alloc::vec![self.entry];
        for layer in (1..=self.top).rev() {
            let mut seen = RowSet::default();
            seen.reset(self.layers[layer - 1]);
            entries.retain(|&node| seen.insert(node));
            let mut at = 0;
            let mut below = Vec::new();
            while let Some(&node) = entries.get(at) {
                let mut words = self.upper_record(layer, node)?.skip(1);
                below.extend(words.next());
                let neighbors = words.take_while(|&id| id != NONE);
                entries.extend(neighbors.filter(|&node| seen.insert(node)));
                at += 1;
            }
            entries = below;
        }
        entries.iter().for_each(|&row| start(row, &mut next));
        let mut count = 0;
        let mut neighbors = Vec::new();
        while let Some(row) = next.pop() {
            count += 1;
            self.base.neighbors(row, &mut neighbors)?;
            neighbors.iter().for_each(|&row| start(row, &mut next));
        }
        Ok(self.rows.saturating_sub(count))
    }
}
