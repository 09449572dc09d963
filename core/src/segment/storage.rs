//! What a search reads of a segment, of growing rows, and of rows that a build measures: one trait, over which
//! the whole search is written.
//!
//! An answer may be missing ([`Step`]), because its bytes are not here. The output is then undefined, the
//! search has changed nothing that matters, and the caller repeats the search's call later. For bytes in memory
//! nothing is ever missing, and the check compiles to nothing; but a search may be interrupted
//! ([`Interrupts`]), which is an error that leaves the same state as missing bytes do.

#[cfg(feature = "std")]
use super::Codes;
use super::Segment;
use super::filter::RowFilter;
use crate::calibration::Structure;
use crate::error::{ErrorKind, Result, corrupt};
use crate::hnsw::search::{GraphStorage, Step};
use crate::ivf::IvfView;
use crate::key::KeyRef;
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::quantize::CodedQuery;
use crate::vectors::{Query, VectorsView};
use alloc::vec::Vec;
use core::cell::Cell;
use core::convert::Infallible;

/// Which rows may be in the answer, where not all may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selectivity {
    /// About how many rows match.
    pub expected: u64,
    /// The cost of measuring all of them, in ranks.
    pub scan_cost: u64,
}

/// What a search reads beside the graph. Rows and nodes of the graph have the same numbers.
pub(crate) trait Storage: GraphStorage {
    /// Whether there may be structures: if not, only the scan is compiled.
    const STRUCTURED: bool = true;

    /// Whether a row may be in several lists of the inverted file.
    const IN_TWO_LISTS: bool = false;

    fn rows(&self) -> u32;

    /// The metric by which the structures order rows.
    fn metric(&self) -> Metric;

    /// Whether there is this structure. Everything can be scanned.
    fn has(&self, structure: Structure) -> bool {
        structure == Structure::Flat
    }

    /// `None` if every row may be in the answer.
    fn selectivity(&self) -> Option<Selectivity> {
        None
    }

    /// Announces that ranks will be requested to steer the search.
    fn steer(&mut self) {}

    /// The query in codes, if ranks are of codes; `None` if they are of stored vectors.
    fn coded(&self) -> Option<&CodedQuery> {
        None
    }

    /// How many rows' vectors to measure for the `want` nearest, where ranks are estimates of unknown error;
    /// otherwise `None`.
    fn rows_measured(&self, _want: usize) -> Option<usize> {
        None
    }

    /// The node at which a walk begins.
    fn entry(&mut self) -> Step<u32, Self::Missing> {
        Err(corrupt("the graph").into())
    }

    /// The number of lists of the inverted file.
    fn lists(&self) -> u32 {
        0
    }

    /// The ranks of the centroids of all lists of the inverted file.
    fn list_ranks(&mut self, _: &mut Vec<f32>) -> Step<(), Self::Missing> {
        Err(corrupt("the inverted file").into())
    }

    /// Announces that the rows of these lists will be requested next, in this order.
    fn expect_lists(&mut self, _: &[Candidate]) -> Step<(), Self::Missing> {
        Ok(())
    }

    /// The rows of a list. Ranks are then requested for rows of this list, in its order.
    fn list_rows(&mut self, _: u32, _: &mut Vec<u32>) -> Step<(), Self::Missing> {
        Err(corrupt("the inverted file").into())
    }

    /// The ranks of stored vectors by `metric`.
    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Step<(), Self::Missing>;

    /// The lower and upper bounds of the ranks of rows by `metric`, which are certain by their codes; false if
    /// the codes give no bounds.
    #[cfg(feature = "std")]
    fn rank_bounds(
        &mut self,
        _: Metric,
        _: &[u32],
        _: &mut Vec<(f32, f32)>,
    ) -> Step<bool, Self::Missing> {
        Ok(false)
    }

    /// The rows that pass the filter, including removed ones; false if there is no filter.
    fn listed(&mut self, _: &mut Vec<u32>) -> Step<bool, Self::Missing> {
        Ok(false)
    }

    /// Whether a row was removed or replaced.
    fn is_hidden(&self, _: u32) -> bool {
        false
    }

    /// Whether a row may be in the answer; a node matches if one of its rows does.
    fn row_matches(&mut self, _: u32) -> Step<bool, Self::Missing> {
        Ok(true)
    }

    /// The row of a node, and the rows equal to it that the node stands for.
    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Step<(), Self::Missing> {
        out.clear();
        out.push(node);
        Ok(())
    }

    /// The key of a row: rows at the same distance are sorted by key. A key that was available before still is.
    fn key(&self, row: u32) -> Step<KeyRef<'_>, Self::Missing>;
}

/// The ranks of stored vectors by `metric`. `values` is scratch.
pub(crate) fn vector_ranks(
    view: &VectorsView<'_>,
    query: &Query,
    metric: Metric,
    rows: &[u32],
    out: &mut Vec<f32>,
    values: &mut Vec<f32>,
) -> Result<()> {
    out.clear();
    out.resize(rows.len(), 0.0);
    view.ranks_as(metric, query, rows, out, values)
}

/// Memory of a storage, reused from search to search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub coded: CodedQuery,
    pub rows: Vec<u32>,
    pub neighbors: Vec<u32>,
    pub ranks: Vec<f32>,
    pub values: Vec<f32>,
}

/// The least number of rows that are measured between two calls of `interrupt`: they take a fraction of a
/// millisecond.
const INTERRUPT_ROWS: usize = 4096;

/// When a call of a search pauses.
pub(crate) struct Interrupts<'p> {
    /// Returns true to pause.
    asked: Option<&'p (dyn Fn() -> bool + Sync)>,
    /// How many rows were measured since the call began, or since `asked` was last called.
    counted: Cell<usize>,
}

impl<'p> Interrupts<'p> {
    /// For one call of a search, which measures some rows before it can pause.
    pub fn new(asked: Option<&'p (dyn Fn() -> bool + Sync)>) -> Self {
        Self { asked, counted: Cell::new(0) }
    }

    /// Counts rows that are about to be measured.
    #[inline]
    pub fn count(&self, rows: usize) -> Result<()> {
        if self.counted.get() >= INTERRUPT_ROWS {
            self.ask()?;
        }
        self.counted.set(self.counted.get() + rows);
        Ok(())
    }

    #[cold]
    fn ask(&self) -> Result<()> {
        self.counted.set(0);
        match self.asked {
            Some(asked) if asked() => Err(ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}

/// A segment in memory.
pub(crate) struct SegmentStorage<'s, 'a> {
    pub filter: RowFilter<'s, 'a>,
    pub query: &'s Query,
    pub scratch: &'s mut Scratch,
    pub interrupts: &'s Interrupts<'s>,
}

impl GraphStorage for SegmentStorage<'_, '_> {
    type Missing = Infallible;

    #[inline]
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        match &self.filter.segment.hnsw {
            Some(hnsw) => Ok(hnsw.base_neighbors(id, out)?),
            None => {
                out.clear();
                Ok(())
            }
        }
    }

    #[inline]
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Step<(), Infallible> {
        self.interrupts.count(out.len())?;
        Ok(rank_rows(self.filter.segment, self.query, &mut self.scratch.coded, list, out)?)
    }

    fn is_filtered(&self) -> bool {
        !self.filter.is_trivial()
    }

    fn matches(&mut self, id: u32) -> Step<bool, Infallible> {
        for row in self.filter.segment.with_copies(id) {
            if self.filter.matches(row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn prefetch(&self, id: u32) {
        if let Some(hnsw) = &self.filter.segment.hnsw {
            hnsw.base.prefetch(id);
        }
    }

    #[inline]
    fn prefetch_place(&self, id: u32) {
        if let Some(hnsw) = &self.filter.segment.hnsw {
            hnsw.base.prefetch_place(id);
        }
    }
}

impl Storage for SegmentStorage<'_, '_> {
    fn rows(&self) -> u32 {
        self.filter.segment.rows
    }

    fn metric(&self) -> Metric {
        self.filter.segment.vectors.metric()
    }

    fn has(&self, structure: Structure) -> bool {
        self.filter.segment.has(structure)
    }

    fn selectivity(&self) -> Option<Selectivity> {
        let filter = &self.filter;
        (!filter.is_trivial()).then(|| Selectivity {
            expected: filter.expected().into(),
            scan_cost: filter.scan_cost(),
        })
    }

    fn steer(&mut self) {
        if let Some(codes) = &self.filter.segment.codes {
            self.scratch.coded.set(self.query, codes);
        }
    }

    fn coded(&self) -> Option<&CodedQuery> {
        self.filter.segment.codes.as_ref().map(|_| &self.scratch.coded)
    }

    fn entry(&mut self) -> Step<u32, Infallible> {
        let segment = self.filter.segment;
        let Some(hnsw) = &segment.hnsw else { return Err(corrupt("the graph").into()) };
        let Scratch { coded, rows, neighbors, ranks, .. } = &mut *self.scratch;
        hnsw.descend(neighbors, rows, ranks, |list, out| {
            Ok(rank_rows(segment, self.query, coded, list, out)?)
        })
    }

    fn lists(&self) -> u32 {
        self.filter.segment.ivf.as_ref().map_or(0, IvfView::lists)
    }

    fn list_ranks(&mut self, out: &mut Vec<f32>) -> Step<(), Infallible> {
        let Some(ivf) = &self.filter.segment.ivf else {
            return Err(corrupt("the inverted file").into());
        };
        let lists = &mut self.scratch.rows;
        lists.clear();
        lists.extend(0..ivf.lists());
        out.resize(lists.len(), 0.0);
        Ok(ivf.ranks(self.query, lists, out)?)
    }

    fn list_rows(&mut self, list: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        let Some(ivf) = &self.filter.segment.ivf else {
            return Err(corrupt("the inverted file").into());
        };
        out.clear();
        out.extend(ivf.rows(list)?);
        Ok(())
    }

    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Step<(), Infallible> {
        self.interrupts.count(rows.len())?;
        let view = &self.filter.segment.vectors;
        Ok(vector_ranks(view, self.query, metric, rows, out, &mut self.scratch.values)?)
    }

    #[cfg(feature = "std")]
    fn rank_bounds(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<(f32, f32)>,
    ) -> Step<bool, Infallible> {
        let segment = self.filter.segment;
        let Some(codes) = &segment.codes else { return Ok(false) };
        // Beside stored vectors, the errors of codes are not known.
        if segment.stored_codes != Codes::Sq8Only || metric != segment.vectors.metric() {
            return Ok(false);
        }
        self.interrupts.count(rows.len())?;
        let Scratch { coded, ranks, .. } = &mut *self.scratch;
        Ok(codes.rank_bounds(self.query, coded, rows, ranks, out)?)
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Step<bool, Infallible> {
        let Some(filter) = self.filter.filter else { return Ok(false) };
        out.clear();
        filter.collect_into(out)?;
        Ok(true)
    }

    fn is_hidden(&self, row: u32) -> bool {
        self.filter.segment.is_hidden(row)
    }

    fn row_matches(&mut self, row: u32) -> Step<bool, Infallible> {
        Ok(self.filter.matches(row)?)
    }

    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        out.clear();
        out.extend(self.filter.segment.with_copies(node));
        Ok(())
    }

    fn key(&self, row: u32) -> Step<KeyRef<'_>, Infallible> {
        Ok(self.filter.segment.keys.get(row)?)
    }
}

/// The ranks that steer a walk: by codes, if there are any.
#[inline]
fn rank_rows(
    segment: &Segment<'_>,
    query: &Query,
    coded: &mut CodedQuery,
    list: &[u32],
    out: &mut [f32],
) -> Result<()> {
    match &segment.codes {
        Some(codes) => codes.ranks(coded, list, out),
        None => segment.vectors.ranks(query, list, out),
    }
}
