//! Choosing neighbours (Algorithm 4 of the paper).
//!
//! The paper's rule keeps a candidate that is nearer to the row than to those kept before. In a tight group
//! this leaves a star: each row keeps only the one in the middle, which keeps as many as it has places, and
//! those it drops are never visited; of 300 such rows, a dozen were not found at `ef_search` 320. So a row that
//! would keep fewer than half of `m` also gets the nearest rejected candidates. Ordinary rows keep more: their
//! files grow by 0.01 to 0.3 %.

use super::layer::{Layer, Scratch};
use super::ranks::RowRanks;
use crate::error::Result;
use crate::neighbor::Candidate;
use crate::sort::sort;
use alloc::vec::Vec;

/// Selects from the sorted `scratch.candidates` at most `limit` neighbours that are nearer to the row than
/// to each other (Algorithm 4, without extending candidates). If there are fewer than the layer's least, or
/// than `limit` where there are hubs, the nearest rejected ones are added.
pub(super) fn select_neighbors(
    layer: &Layer,
    limit: usize,
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<u32>> {
    let Scratch { candidates, spare, selected_rows, .. } = &mut *scratch;
    let (candidates, mut spare) = (core::mem::take(candidates), core::mem::take(spare));
    let mut selected = Vec::with_capacity(limit);
    selected_rows.clear();
    spare.clear();
    for &candidate in &candidates {
        if selected.len() == limit {
            break;
        }
        match nearer_to_selected(layer, candidate, 0, 1.0, ranks, scratch)? {
            None => select(layer, candidate, &mut selected, scratch),
            // A candidate that the less strict rule rejects now would be rejected later, too.
            Some((_, rank)) if layer.alpha * rank < candidate.rank() => {}
            Some((asked, _)) => spare.push((candidate, asked)),
        }
    }
    for &(candidate, asked) in &spare {
        if selected.len() == limit {
            break;
        }
        if nearer_to_selected(layer, candidate, asked, layer.alpha, ranks, scratch)?.is_none() {
            select(layer, candidate, &mut selected, scratch);
        }
    }
    let least = if ranks.has_hubs() { limit } else { layer.least.min(limit) };
    for candidate in candidates.iter() {
        if selected.len() >= least {
            break;
        }
        if !selected.contains(&candidate.id()) {
            selected.push(candidate.id());
        }
    }
    (scratch.candidates, scratch.spare) = (candidates, spare);
    Ok(selected)
}

fn select(layer: &Layer, candidate: Candidate, selected: &mut Vec<u32>, scratch: &mut Scratch) {
    selected.push(candidate.id());
    scratch.selected_rows.push(layer.rows[candidate.id() as usize]);
}

/// The rank, as seen from the candidate, of a selected row that is nearer to it (times `alpha`) than the row
/// is, if any, and how many selected rows were compared. The first `asked` were compared before.
fn nearer_to_selected(
    layer: &Layer,
    candidate: Candidate,
    mut asked: usize,
    alpha: f32,
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<Option<(usize, f32)>> {
    let Scratch { ranks: rank_scratch, selected_rows, distances, .. } = scratch;
    let row = layer.rows[candidate.id() as usize];
    // Most rejections come from the nearest few, so these are compared first.
    for some in selected_rows[asked..].chunks(4) {
        distances.resize(some.len(), 0.0);
        ranks.ranks(row, some, distances, rank_scratch)?;
        let nearest = distances.iter().copied().fold(f32::INFINITY, f32::min);
        asked += some.len();
        if alpha * nearest < candidate.rank() {
            return Ok(Some((asked, nearest)));
        }
    }
    Ok(None)
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
    rank_nodes(layer, node, &neighbors, ranks, scratch)?;
    select_neighbors(layer, layer.room(node), ranks, scratch)
}

/// Ranks nodes of a layer as seen from one of them, into the scratch's candidates, sorted.
pub(super) fn rank_nodes(
    layer: &Layer,
    from: u32,
    nodes: &[u32],
    ranks: &RowRanks<'_>,
    scratch: &mut Scratch,
) -> Result<()> {
    let Scratch { rows, distances, candidates, ranks: rank_scratch, .. } = scratch;
    rows.clear();
    rows.extend(nodes.iter().map(|&node| layer.rows[node as usize]));
    distances.resize(rows.len(), 0.0);
    ranks.ranks(layer.rows[from as usize], rows, distances, rank_scratch)?;
    candidates.clear();
    let pairs = distances.iter().zip(nodes);
    candidates.extend(pairs.map(|(&rank, &node)| Candidate::new(rank, node)));
    sort(candidates);
    Ok(())
}
