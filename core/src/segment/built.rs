//! Structures that are being built, as a search reads them, so that the calibration measures the search that
//! users have.

use super::storage::{Scratch, Storage, vector_ranks};
use crate::calibration::Structure;
use crate::error::corrupt;
use crate::hnsw::build::Graph;
use crate::hnsw::search::{GraphStorage, Step, Walk};
use crate::key::KeyRef;
use crate::metric::Metric;
use crate::quantize::{CodedQuery, CodesView};
use crate::vectors::{Query, VectorsView};
use alloc::vec::Vec;
use core::convert::Infallible;

/// The structure to search.
#[derive(Clone, Copy)]
pub(super) enum BuiltStructure<'b> {
    /// A graph, in which rows are numbered by their places in the order of insertion.
    Graph(&'b Graph),
    /// Lists: the centroids, and the rows of each list.
    Lists(VectorsView<'b>, &'b [Vec<u32>]),
}

/// A structure in memory, while it is built.
pub(super) struct Built<'b> {
    pub structure: BuiltStructure<'b>,
    /// The codes, if a search will have them as well.
    pub codes: Option<CodesView<'b>>,
    /// The vectors of exact ranks: the stored ones, or codes in their place.
    pub stored: VectorsView<'b>,
    /// The number of rows, held-out rows included.
    pub rows: u32,
    pub query: &'b Query,
    pub scratch: &'b mut Scratch,
    /// Scratch of the descent.
    pub walk: &'b mut Walk,
}

impl Built<'_> {
    /// Copies the rows of `list` to the scratch.
    fn list_stored(&mut self, list: &[u32]) {
        self.scratch.rows.clear();
        match self.structure {
            BuiltStructure::Graph(graph) => {
                self.scratch.rows.extend(list.iter().map(|&place| graph.row(place)));
            }
            BuiltStructure::Lists(..) => self.scratch.rows.extend_from_slice(list),
        }
    }
}

impl GraphStorage for Built<'_> {
    type Missing = Infallible;

    #[inline]
    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        out.clear();
        if let BuiltStructure::Graph(graph) = self.structure {
            graph.base_neighbors(id, out);
        }
        Ok(())
    }

    #[inline]
    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Step<(), Infallible> {
        self.list_stored(list);
        let Scratch { coded, rows, .. } = &mut *self.scratch;
        match &self.codes {
            Some(codes) => codes.ranks(coded, rows, out)?,
            None => self.stored.ranks(self.query, rows, out)?,
        }
        Ok(())
    }

    #[inline]
    fn prefetch(&self, id: u32) {
        if let BuiltStructure::Graph(graph) = self.structure {
            graph.prefetch(id);
        }
    }
}

impl Storage for Built<'_> {
    fn rows(&self) -> u32 {
        match self.structure {
            BuiltStructure::Graph(graph) => graph.inserted() as u32,
            BuiltStructure::Lists(..) => self.rows,
        }
    }

    fn metric(&self) -> Metric {
        self.stored.metric()
    }

    fn has(&self, structure: Structure) -> bool {
        match self.structure {
            BuiltStructure::Graph(_) => structure == Structure::Hnsw,
            BuiltStructure::Lists(..) => structure == Structure::Ivf,
        }
    }

    fn steer(&mut self) {
        if let Some(codes) = &self.codes {
            self.scratch.coded.set(self.query, codes);
        }
    }

    fn coded(&self) -> Option<&CodedQuery> {
        self.codes.as_ref().map(|_| &self.scratch.coded)
    }

    fn entry(&mut self) -> Step<u32, Infallible> {
        let BuiltStructure::Graph(graph) = self.structure else {
            return Err(corrupt("the graph").into());
        };
        let (codes, stored, query) = (&self.codes, &self.stored, self.query);
        let coded = &mut self.scratch.coded;
        Ok(graph.entry(self.walk, &mut |list, out| match codes {
            Some(codes) => codes.ranks(coded, list, out),
            None => stored.ranks(query, list, out),
        })?)
    }

    fn lists(&self) -> u32 {
        match self.structure {
            BuiltStructure::Graph(_) => 0,
            BuiltStructure::Lists(_, members) => members.len() as u32,
        }
    }

    fn list_ranks(&mut self, out: &mut Vec<f32>) -> Step<(), Infallible> {
        let BuiltStructure::Lists(centroids, members) = self.structure else {
            return Err(corrupt("the inverted file").into());
        };
        let lists = &mut self.scratch.rows;
        lists.clear();
        lists.extend(0..members.len() as u32);
        out.resize(lists.len(), 0.0);
        Ok(centroids.ranks(self.query, lists, out)?)
    }

    fn list_rows(&mut self, list: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        out.clear();
        if let BuiltStructure::Lists(_, members) = self.structure {
            out.extend_from_slice(&members[list as usize]);
        }
        Ok(())
    }

    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Step<(), Infallible> {
        self.list_stored(rows);
        let Scratch { rows, values, .. } = &mut *self.scratch;
        Ok(vector_ranks(&self.stored, self.query, metric, rows, out, values)?)
    }

    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Step<(), Infallible> {
        out.clear();
        match self.structure {
            BuiltStructure::Graph(graph) => out.extend(graph.with_copies(node)),
            BuiltStructure::Lists(..) => out.push(node),
        }
        Ok(())
    }

    /// Rows have no keys yet: their numbers take the place of keys.
    fn key(&self, row: u32) -> Step<KeyRef<'_>, Infallible> {
        Ok(KeyRef::Int64(row.into()))
    }
}
