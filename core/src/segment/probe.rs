//! Searches a segment by its inverted file: scans the rows of the lists whose centroids are nearest.

use super::scan::BLOCK;
use super::storage::Storage;
use crate::hnsw::search::{Step, Walk};
use crate::neighbor::Candidate;
use crate::rows::RowSet;
use crate::sort::sort;
use alloc::vec::Vec;

/// The state of probing.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    /// The lists, nearest first, and how many of them were opened.
    lists: Vec<Candidate>,
    opened: usize,
    /// Rows of the list that was opened last, and how many of them were measured.
    members: Vec<u32>,
    measured: usize,
    /// How many lists this round opens at least, while it is running.
    round: Option<usize>,
    /// The least number of matching rows to look at.
    share: usize,
    /// Rows of lists that were opened before, where a row may be in several lists.
    seen: RowSet,
    rows: Vec<u32>,
    ranks: Vec<f32>,
}

impl Probe {
    /// Ranks the lists by their centroids. At least `share` matching rows will be looked at.
    pub fn start<S: Storage>(&mut self, storage: &mut S, share: usize) -> Step<(), S::Missing> {
        storage.list_ranks(&mut self.ranks)?;
        self.lists.clear();
        let ranked = (0..).zip(&self.ranks);
        self.lists.extend(ranked.map(|(list, &rank)| Candidate::new(rank, list)));
        sort(&mut self.lists);
        self.members.clear();
        (self.opened, self.measured, self.round, self.share) = (0, 0, None, share);
        if S::IN_TWO_LISTS {
            self.seen.reset(storage.rows());
        }
        Ok(())
    }

    /// Whether all lists were opened.
    pub fn is_over(&self) -> bool {
        self.opened == self.lists.len()
    }

    /// One round: adds the rows of the next `probes` lists to the pool of `walk`, or of more lists until there
    /// are `want` rows.
    pub fn run<S: Storage>(
        &mut self,
        storage: &mut S,
        walk: &mut Walk,
        probes: usize,
        want: usize,
    ) -> Step<(), S::Missing> {
        let Self { lists, opened, members, measured, seen, rows, ranks, .. } = self;
        let last = *self.round.get_or_insert(opened.saturating_add(probes.max(1)));
        let filtered = storage.is_filtered();
        if *measured == members.len() {
            let end = last.min(lists.len());
            storage.expect_lists(lists.get(*opened..end).unwrap_or(&[]))?;
        }
        loop {
            if *measured == members.len() {
                let looked_at = walk.measured as usize;
                let enough =
                    *opened >= last && walk.pool.entries().len() >= want && looked_at >= self.share;
                let Some(list) = lists.get(*opened).filter(|_| !enough) else { break };
                storage.list_rows(list.id(), rows)?;
                core::mem::swap(rows, members);
                (*opened, *measured) = (*opened + 1, 0);
                continue;
            }
            let end = members.len().min(*measured + BLOCK);
            rows.clear();
            for &row in &members[*measured..end] {
                if (!filtered || storage.row_matches(row)?)
                    && !(S::IN_TWO_LISTS && seen.contains(row))
                {
                    rows.push(row);
                }
            }
            ranks.resize(rows.len(), 0.0);
            storage.ranks(rows, ranks)?;
            *measured = end;
            if S::IN_TWO_LISTS {
                for &row in &*rows {
                    seen.insert(row);
                }
            }
            walk.measured += rows.len() as u64;
            for (&rank, &row) in ranks.iter().zip(&*rows) {
                let evicted = walk.pool.push(Candidate::settled(rank, row));
                if walk.resumable {
                    walk.spill.extend(evicted);
                }
            }
        }
        let _ = walk.pool.next(); // all are settled: moves the cursor to the end
        Ok(())
    }

    /// Ends the round, after what it found was taken.
    pub fn end_round(&mut self) {
        self.round = None;
    }
}
