//! Searching a segment by its inverted file.

use super::filter::RowFilter;
use super::search::{BLOCK, Method, Plan, SegmentSearch};
use super::storage::rank_rows;
use crate::error::{Result, corrupt};
use crate::ivf::IvfView;
use crate::neighbor::Candidate;
use crate::sort::sort;
use crate::vectors::Query;

impl SegmentSearch {
    /// Ranks the lists by their centroids.
    pub(super) fn start_probing(
        &mut self,
        query: &Query,
        plan: Plan,
        ivf: &IvfView<'_>,
        rows: u32,
        resumable: bool,
    ) -> Result<()> {
        self.method = Method::Probe;
        self.walk.start(rows, plan.ef_search, resumable);
        self.probed = 0;
        self.rows.clear();
        self.rows.extend(0..ivf.lists());
        self.ranks.resize(self.rows.len(), 0.0);
        ivf.ranks(query, &self.rows, &mut self.ranks)?;
        self.lists.clear();
        let ranked = self.ranks.iter().zip(&self.rows);
        self.lists.extend(ranked.map(|(&rank, &list)| Candidate::new(rank, list)));
        sort(&mut self.lists);
        Ok(())
    }

    /// One round: the rows of the next lists.
    pub(super) fn probe_on(
        &mut self,
        query: &Query,
        plan: Plan,
        filter: RowFilter<'_, '_>,
        want: usize,
    ) -> Result<()> {
        let segment = filter.segment;
        let Some(ivf) = &segment.ivf else { return Err(corrupt("segment")) };
        let last = self.probed.saturating_add(plan.probes.max(1));
        while let Some(list) = self.lists.get(self.probed) {
            let seen = self.walk.measured as usize;
            if self.probed >= last && self.walk.pool.entries().len() >= want && seen >= self.share {
                break;
            }
            self.probed += 1;
            let mut rows = ivf.rows(list.id())?;
            while !rows.is_empty() {
                let block = rows.start..rows.end.min(rows.start + BLOCK);
                rows.start = block.end;
                self.rows.clear();
                for row in block {
                    if filter.is_trivial() || filter.matches(row)? {
                        self.rows.push(row);
                    }
                }
                self.ranks.resize(self.rows.len(), 0.0);
                rank_rows(segment, query, &mut self.coded, &self.rows, &mut self.ranks)?;
                self.walk.measured += self.rows.len() as u64;
                for (&rank, &row) in self.ranks.iter().zip(&self.rows) {
                    let evicted = self.walk.pool.push(Candidate::settled(rank, row));
                    if self.walk.resumable {
                        self.walk.spill.extend(evicted);
                    }
                }
            }
        }
        let _ = self.walk.pool.next(); // all are settled: moves the cursor to the end
        if self.walk.pool.entries().is_empty() {
            self.method = if self.probed < self.lists.len() { Method::Probe } else { Method::Done };
            return Ok(());
        }
        self.settle(query, plan, filter, want)
    }
}
