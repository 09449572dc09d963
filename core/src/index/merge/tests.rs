//! A search over a storage that is missing bytes at random answers, bit for bit, what one over memory
//! does: for every structure, filter, radius and order, several segments, and goes on the same.

use super::*;
use crate::hnsw::search::GraphStorage;
use crate::index::memory::Memory;
use crate::random::Random;
use crate::segment::storage::{Selectivity, Storage};
use crate::{
    AlignedBytes, Codes, ColumnSchema, ColumnType, Comparison, Filter, HnswParams, Index,
    IndexBuilder, IndexOptions, IvfParams, Key, KeyType, Metric, Save, Searcher, Structure, Value,
    ValueRef,
};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::convert::Infallible;

/// When bytes are missing: one request in so many the first time, then they are there; and now and
/// then any, for enough was done.
struct Luck {
    one_in: u32,
    random: RefCell<Random>,
    arrived: RefCell<BTreeSet<(u8, u64)>>,
    missed: Cell<usize>,
}

/// One request in so many is missing although it was there, but for keys, which stay.
const ENOUGH: u32 = 3000;

/// The kinds of requests from which on they are for keys.
const KEY: u8 = 11;

impl Luck {
    fn arrive(&self, kind: u8, number: impl Into<u64>) -> Result<(), Halt<()>> {
        let is_new = self.arrived.borrow_mut().insert((kind, number.into()));
        let one_in = if is_new { self.one_in } else { ENOUGH };
        let may_be_missing = is_new || kind < KEY;
        if may_be_missing && self.random.borrow_mut().below(one_in) == 0 {
            self.missed.set(self.missed.get() + 1);
            return Err(Halt::Missing(()));
        }
        Ok(())
    }
}

/// A storage that is missing, now and then, what it is asked for, and then leaves something else.
struct Patchy<'l, S> {
    storage: S,
    luck: &'l Luck,
}

fn whole<T>(result: Result<T, Halt<Infallible>>) -> Result<T, Halt<()>> {
    result.map_err(|halt| match halt {
        Halt::Error(error) => Halt::Error(error),
        Halt::Missing(never) => match never {},
    })
}

impl<S: Storage<Missing = Infallible>> Patchy<'_, S> {
    /// What `list` is filled with, unless it is missing.
    fn fill<T: Copy + Default>(
        &mut self,
        list: &mut Vec<T>,
        (kind, number): (u8, u32),
        fill: impl FnOnce(&mut S, &mut Vec<T>) -> Result<(), Halt<Infallible>>,
    ) -> Result<(), Halt<()>> {
        *list = vec![T::default(); 3];
        self.luck.arrive(kind, number)?;
        whole(fill(&mut self.storage, list))
    }
}

impl<S: Storage<Missing = Infallible>> GraphStorage for Patchy<'_, S> {
    type Missing = ();

    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<()>> {
        self.fill(out, (0, id), |storage, out| storage.neighbors(id, out))
    }

    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<()>> {
        out.fill(-1.0);
        for &id in &list[..out.len()] {
            self.luck.arrive(1, id)?;
        }
        whole(self.storage.ranks(list, out))
    }

    fn is_filtered(&self) -> bool {
        self.storage.is_filtered()
    }

    fn matches(&mut self, id: u32) -> Result<bool, Halt<()>> {
        self.luck.arrive(2, id)?;
        whole(self.storage.matches(id))
    }
}

impl<S: Storage<Missing = Infallible>> Storage for Patchy<'_, S> {
    fn rows(&self) -> u32 {
        self.storage.rows()
    }

    fn metric(&self) -> Metric {
        self.storage.metric()
    }

    fn has(&self, structure: Structure) -> bool {
        self.storage.has(structure)
    }

    fn selectivity(&self) -> Option<Selectivity> {
        self.storage.selectivity()
    }

    fn steer(&mut self) {
        self.storage.steer();
    }

    fn coded(&self) -> Option<&crate::quantize::CodedQuery> {
        self.storage.coded()
    }

    fn entry(&mut self) -> Result<u32, Halt<()>> {
        self.luck.arrive(3, 0_u32)?;
        whole(self.storage.entry())
    }

    fn lists(&self) -> u32 {
        self.storage.lists()
    }

    fn list_ranks(&mut self, out: &mut Vec<f32>) -> Result<(), Halt<()>> {
        self.fill(out, (4, 0), |storage, out| storage.list_ranks(out))
    }

    fn list_rows(&mut self, list: u32, out: &mut Vec<u32>) -> Result<(), Halt<()>> {
        self.fill(out, (5, list), |storage, out| storage.list_rows(list, out))
    }

    fn exact_ranks(
        &mut self,
        metric: Metric,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) -> Result<(), Halt<()>> {
        for &row in rows {
            self.luck.arrive(6, row)?;
        }
        self.fill(out, (7, 0), |storage, out| storage.exact_ranks(metric, rows, out))
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Result<bool, Halt<()>> {
        let mut is_listed = false;
        self.fill(out, (8, 0), |storage, out| {
            is_listed = storage.listed(out)?;
            Ok(())
        })?;
        Ok(is_listed)
    }

    fn is_hidden(&self, row: u32) -> bool {
        self.storage.is_hidden(row)
    }

    fn row_matches(&mut self, row: u32) -> Result<bool, Halt<()>> {
        self.luck.arrive(9, row)?;
        whole(self.storage.row_matches(row))
    }

    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Result<(), Halt<()>> {
        self.fill(out, (10, node), |storage, out| storage.node_rows(node, out))
    }

    fn key(&self, row: u32) -> Result<KeyRef<'_>, Halt<()>> {
        self.luck.arrive(KEY, row)?;
        whole(self.storage.key(row))
    }
}

/// An index in memory of which something is missing at random.
struct PatchyParts<'m, 'a, 'p> {
    memory: Memory<'m, 'a, 'p>,
    luck: Luck,
}

impl Parts for PatchyParts<'_, '_, '_> {
    type Missing = ();

    fn fill(
        &self,
        number: usize,
        Part { search, scratch }: &mut Part,
        query: &Query,
        want: usize,
    ) -> Result<bool, Halt<()>> {
        let luck = &self.luck;
        match self.memory.growing(number, query, scratch) {
            Some(storage) => search.next_batch(&mut Patchy { storage, luck }, want),
            None => {
                let storage = self.memory.segment(number, query, scratch);
                search.next_batch(&mut Patchy { storage, luck }, want)
            }
        }
    }

    fn key(&self, row: RowId) -> Result<KeyRef<'_>, Halt<()>> {
        self.luck.arrive(KEY + 1, u64::from(row.segment) << 32 | u64::from(row.row))?;
        whole(self.memory.key(row))
    }
}

const DIMENSIONS: usize = 6;

/// Rows on a coarse grid: many are equal, more are as far from a query.
fn vector(random: &mut Random) -> Vec<f32> {
    (0..DIMENSIONS).map(|_| random.below(4) as f32 + 1.0).collect()
}

fn options(metric: Metric, codes: Codes, lists: bool, graph: bool) -> IndexOptions {
    IndexOptions {
        codes: Some(codes),
        hnsw: graph.then_some(HnswParams { m: 6, ef_construction: 24 }),
        ivf: lists.then_some(IvfParams { lists: 13 }),
        key_type: KeyType::Int64,
        columns: vec![ColumnSchema { name: "n".into(), column_type: ColumnType::Int64 }],
        ..IndexOptions::new(DIMENSIONS, metric)
    }
}

/// A file of two segments, rows of which were removed.
fn file(options: IndexOptions, random: &mut Random) -> AlignedBytes {
    let mut builder = IndexBuilder::new(options).unwrap();
    for key in 0..700 {
        let value = [ValueRef::Int64(i64::from(random.below(100)))];
        builder.push(Some(KeyRef::Int64(key * 7919 % 700)), &vector(random), &value).unwrap();
    }
    let bytes = builder.finish().unwrap();
    let mut index = Index::open(&bytes).unwrap();
    change(&mut index, 700, random);
    let mut delta = AlignedBytes::new();
    index.write_to(Save::Delta, 1, &mut delta, &mut |_| Ok(())).unwrap();
    delta
}

/// Inserts, replaces and removes rows.
fn change(index: &mut Index<'_>, first: i64, random: &mut Random) {
    for key in first..first + 90 {
        let value = [ValueRef::Int64(i64::from(random.below(100)))];
        index.insert(Some(KeyRef::Int64(key)), &vector(random), &value).unwrap();
    }
    for key in (0..first).step_by(29) {
        let _ = index.remove(KeyRef::Int64(key)).unwrap();
    }
    for key in (0..first).step_by(31) {
        if index.find(KeyRef::Int64(key)).unwrap().is_some() {
            let value = [ValueRef::Int64(1)];
            index.update(KeyRef::Int64(key), &vector(random), &value).unwrap();
        }
    }
}

/// All that a search leaves behind after each batch.
type Trace = Vec<(Vec<(Key, u32)>, [u64; 3])>;

fn run<P: Parts>(
    index: &Index<'_>,
    parts: &P,
    query: &[f32],
    params: &SearchParams<'_>,
    batches: &[usize],
) -> Trace {
    let mut searcher = Searcher::new();
    index.begin(query, params, &mut searcher, batches.len() > 1).unwrap();
    let mut trace = Vec::new();
    for &want in batches {
        let Searcher { query, merge, .. } = &mut searcher;
        loop {
            match merge.advance(parts, query, params, index.metric(), want) {
                Ok(()) => break,
                Err(Halt::Missing(_)) => {}
                Err(Halt::Error(error)) => panic!("{error}"),
            }
        }
        let found = searcher.merge.found.iter();
        let found =
            found.map(|row| (index.key(row.row).unwrap().to_owned(), row.distance.to_bits()));
        let stats = searcher.stats();
        trace.push((found.collect(), [stats.visited, stats.compared, stats.dropped]));
    }
    trace
}

#[test]
fn what_is_missing_when_changes_no_answer() {
    let mut random = Random::new(11);
    let mut missed = 0;
    let kinds = [
        (Metric::L2, Codes::Sq8, false, true),
        (Metric::Cosine, Codes::None, false, true),
        (Metric::L2, Codes::Sq8Only, true, false),
        (Metric::InnerProduct, Codes::None, true, true),
        (Metric::L1, Codes::None, false, false),
    ];
    for (metric, codes, lists, graph) in kinds {
        let bytes = file(options(metric, codes, lists, graph), &mut random);
        let mut index = Index::open(&bytes).unwrap();
        change(&mut index, 790, &mut random);
        let below = |bound| Filter::Compare {
            column: "n".into(),
            op: Comparison::Lt,
            value: Value::Int64(bound),
        };
        let filters = [3, 60, 0].map(|bound| index.filter(&below(bound)).unwrap());
        let structures = [
            None,
            Some(Structure::Flat),
            lists.then_some(Structure::Ivf),
            graph.then_some(Structure::Hnsw),
        ];
        for round in 0..96 {
            let query = vector(&mut random);
            let k = 1 + random.below(12) as usize;
            let mut params = SearchParams::new(k);
            params.structure = structures[round % 4];
            params.filter = [None, Some(0), Some(1), Some(2)][round / 4 % 4].map(|at| &filters[at]);
            params.order = if round / 16 % 2 == 0 { Order::Strict } else { Order::Relaxed };
            params.radius = (round / 32 % 3 == 1).then_some(if graph { 2.0 } else { 0.05 });
            params.ef_search = Some(1 + random.below(60) as usize);
            params.probes = Some(1 + random.below(5) as usize);
            let goes_on = round / 32 % 3 == 2;
            let batches = if goes_on { vec![k, 3, 40, 1, 150, 2000, 5] } else { vec![k] };
            let memory = || Memory { index: &index, params: &params };
            let expected = run(&index, &memory(), &query, &params, &batches);
            for one_in in [3, 40] {
                let luck = Luck {
                    one_in,
                    random: RefCell::new(Random::new(random.next())),
                    arrived: RefCell::default(),
                    missed: Cell::new(0),
                };
                let parts = PatchyParts { memory: memory(), luck };
                let found = run(&index, &parts, &query, &params, &batches);
                assert!(found == expected, "{metric:?} {codes:?}, round {round}, one in {one_in}");
                missed += parts.luck.missed.get();
            }
        }
    }
    assert!(missed > 100_000, "{missed}");
}
