//! Choosing neighbours (Algorithm 4 of the paper).

use super::layer::{Layer, Scratch};
use super::ranks::RowRanks;
use crate::error::Result;
use crate::neighbor::Candidate;
use crate::sort::sort;
use alloc::vec::Vec;

/// Of `scratch.candidates`, sorted, at most `limit` neighbours that are nearer to the row than to
/// each other (Algorithm 4, without extending candidates), where there are hubs filled up with the
/// nearest of the others.
pub(super) fn select_neighbors(
    layer: &Layer,
    limit: usize,
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<u32>> {
    let Scratch { candidates, ranks: rank_scratch, selected_rows, distances, .. } = scratch;
    let mut selected = Vec::with_capacity(limit);
    selected_rows.clear();
    for candidate in candidates.iter() {
        if selected.len() == limit {
            break;
        }
        let row = layer.rows[candidate.id() as usize];
        // Most rejections come from the nearest few: those are asked first.
        let mut nearer_to_selected = false;
        for some in selected_rows.chunks(4) {
            distances.resize(some.len(), 0.0);
            ranks.ranks(row, some, distances, rank_scratch)?;
            if distances.iter().any(|&rank| rank < candidate.rank()) {
                nearer_to_selected = true;
                break;
            }
        }
        if !nearer_to_selected {
            selected.push(candidate.id());
            selected_rows.push(row);
        }
    }
    if ranks.has_hubs() {
        let rejected = candidates.iter().map(|candidate| candidate.id());
        for id in rejected {
            if selected.len() == limit {
                break;
            }
            if !selected.contains(&id) {
                selected.push(id);
            }
        }
    }
    Ok(selected)
}

/// The neighbours of a node after the edges from `group`'s new nodes were added.
pub(super) fn link_back(
    layer: &Layer,
    group: &[(u32, u32)],
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<u32>> {
    let node = group[0].0;
    let mut neighbors = layer.neighbors(node).to_vec();
    neighbors.extend(group.iter().map(|&(_, new)| new));
    if neighbors.len() <= layer.room(node) {
        return Ok(neighbors);
    }
    let Scratch { ranks: rank_scratch, rows, distances, candidates, .. } = scratch;
    rows.clear();
    rows.extend(neighbors.iter().map(|&neighbor| layer.rows[neighbor as usize]));
    distances.resize(rows.len(), 0.0);
    ranks.ranks(layer.rows[node as usize], rows, distances, rank_scratch)?;
    candidates.clear();
    let pairs = distances.iter().zip(&neighbors);
    candidates.extend(pairs.map(|(&rank, &neighbor)| Candidate::new(rank, neighbor)));
    sort(candidates);
    select_neighbors(layer, layer.room(node), ranks, scratch)
}
