//! A search of a storage that is missing bytes at random, or interrupts, answers bit for bit what a search of
//! memory does, for every structure, filter, radius and order and for several segments and indexes, and goes on
//! in the same way.

use super::*;
use crate::aligned::AlignedBytes;
use crate::hnsw::search::{GraphStorage, Halt, Step};
use crate::index::memory::{Joined, Memory, PartStorage};
use crate::random::Random;
use crate::segment::storage::{Selectivity, Storage};
use crate::{
    Codes, ColumnSchema, ColumnType, Comparison, ErrorKind, Filter, HnswParams, Index,
    IndexBuilder, IndexOptions, IvfParams, Key, KeyRef, KeyType, Metric, Save, Searcher, Shards,
    Structure, Value, ValueRef,
};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::convert::Infallible;

/// Decides when bytes are missing: one in `one_in` requests finds them missing the first time, and from then on
/// they are there. Now and then any request interrupts.
struct Luck {
    one_in: u32,
    random: RefCell<Random>,
    arrived: RefCell<BTreeSet<(u8, u64)>>,
    missed: Cell<usize>,
}

/// One in so many requests interrupts although its bytes are there; those for keys do not.
const ENOUGH: u32 = 3000;

/// Kinds of requests from this number on are for keys.
const KEY: u8 = 11;

impl Luck {
    fn arrive(&self, kind: u8, number: impl Into<u64>) -> Step<(), ()> {
        let is_new = self.arrived.borrow_mut().insert((kind, number.into()));
        let one_in = if is_new { self.one_in } else { ENOUGH };
        let may_be_missing = is_new || kind < KEY;
        if may_be_missing && self.random.borrow_mut().below(one_in) == 0 {
            self.missed.set(self.missed.get() + 1);
            return Err(match is_new {
                true => Halt::Missing(()),
                false => Halt::Error(ErrorKind::Interrupted.into()),
            });
        }
        Ok(())
    }
}

/// A storage that is sometimes missing what it is asked for, and then leaves something else in its place.
struct Patchy<'l, S> {
    storage: S,
    luck: &'l Luck,
}

fn whole<T>(result: Step<T, Infallible>) -> Step<T, ()> {
    result.map_err(|halt| match halt {
        Halt::Error(error) => Halt::Error(error),
        Halt::Missing(never) => match never {},
    })
}

impl<S: Storage<Missing = Infallible>> Patchy<'_, S> {
    /// Fills `list`, unless its content is missing.
    fn fill<T: Copy + Default>(
        &mut self,
        list: &mut Vec<T>,
        (kind, number): (u8, u32),
        fill: impl FnOnce(&mut S, &mut Vec<T>) -> Step<(), Infallible>,
    ) -> Step<(), ()> {
        *list = vec![T::default(); 3];
        self.luck.arrive(kind, number)?;
        whole(fill(&mut self.storage, list))
    }
}

impl<S: Storage<Missing = Infallible>> GraphStorage for Patchy<'_, S> {
    type Missing = ();

    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Step<(), ()> {
        self.fill(out, (0, id), |storage, out| storage.neighbors(id, out))
    }

    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Step<(), ()> {
        out.fill(-1.0);
        for &id in &list[..out.len()] {
            self.luck.arrive(1, id)?;
        }
        whole(self.storage.ranks(list, out))
    }

    fn is_filtered(&self) -> bool {
        self.storage.is_filtered()
    }

    fn matches(&mut self, id: u32) -> Step<bool, ()> {
        self.luck.arrive(2, id)?;
        whole(self.storage.matches(id))
    }
}

impl<S: Storage<Missing = Infallible>> Storage for Patchy<'_, S> {
    const STRUCTURED: bool = S::STRUCTURED;

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

    fn entry(&mut self) -> Step<u32, ()> {
        self.luck.arrive(3, 0_u32)?;
        whole(self.storage.entry())
    }

    fn lists(&self) -> u32 {
        self.storage.lists()
    }

    fn list_ranks(&mut self, out: &mut Vec<f32>) -> Step<(), ()> {
        self.fill(out, (4, 0), |storage, out| storage.list_ranks(out))
    }

    fn list_rows(&mut self, list: u32, out: &mut Vec<u32>) -> Step<(), ()> {
        self.fill(out, (5, list), |storage, out| storage.list_rows(list, out))
    }

    fn exact_ranks(&mut self, metric: Metric, rows: &[u32], out: &mut Vec<f32>) -> Step<(), ()> {
        for &row in rows {
            self.luck.arrive(6, row)?;
        }
        self.fill(out, (7, 0), |storage, out| storage.exact_ranks(metric, rows, out))
    }

    fn listed(&mut self, out: &mut Vec<u32>) -> Step<bool, ()> {
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

    fn row_matches(&mut self, row: u32) -> Step<bool, ()> {
        self.luck.arrive(9, row)?;
        whole(self.storage.row_matches(row))
    }

    fn node_rows(&mut self, node: u32, out: &mut Vec<u32>) -> Step<(), ()> {
        self.fill(out, (10, node), |storage, out| storage.node_rows(node, out))
    }

    fn key(&self, row: u32) -> Step<KeyRef<'_>, ()> {
        self.luck.arrive(KEY, row)?;
        whole(self.storage.key(row))
    }
}

/// An index in memory, parts of which are missing at random.
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
        task: Task,
    ) -> Step<(), ()> {
        let luck = &self.luck;
        match self.memory.part(number, query, scratch).expect("a part") {
            PartStorage::Growing(storage) => search.run(&mut Patchy { storage, luck }, task, 0),
            PartStorage::Segment(storage) => search.run(&mut Patchy { storage, luck }, task, 0),
        }
    }

    fn key(&self, row: RowId) -> Step<KeyRef<'_>, ()> {
        self.luck.arrive(KEY + 1, u64::from(row.segment) << 32 | u64::from(row.row))?;
        whole(self.memory.key(row))
    }

    fn is_passed_over(&self, row: RowId) -> Step<bool, ()> {
        self.luck.arrive(KEY - 1, row.row)?;
        whole(self.memory.is_passed_over(row))
    }
}

const DIMENSIONS: usize = 6;

/// Rows on a coarse grid: many are equal, and more have the same distance from a query.
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

/// A file with two segments, some rows of which were removed.
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
    index.write_to(&mut delta, Save::delta().threads(1)).unwrap();
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
type Trace = Vec<(Vec<(Key, u32)>, u32, [u64; 3])>;

fn run<P: Parts>(
    memory: &Memory<'_, '_, '_>,
    parts: &P,
    query: &[f32],
    batches: &[usize],
) -> Trace {
    let mut searcher = Searcher::new();
    memory.begin(query, &mut searcher).unwrap();
    let metric = memory.joined.indexes[0].metric();
    let mut trace = Vec::new();
    for &want in batches {
        let Searcher { query, merge, .. } = &mut searcher;
        loop {
            match merge.advance(parts, query, &memory.params, metric, want) {
                Ok(()) => break,
                Err(Halt::Missing(_)) => {}
                Err(Halt::Error(error)) if *error.kind() == ErrorKind::Interrupted => {}
                Err(Halt::Error(error)) => panic!("{error}"),
            }
        }
        let found = merge.found.iter().map(|found| {
            let (shard, row) = memory.joined.place(found.row);
            let key = memory.joined.key(shard, row).unwrap().to_owned();
            (key, found.distance.to_bits())
        });
        let (found, floor) = (found.collect(), searcher.floor(metric).to_bits());
        let stats = searcher.stats();
        trace.push((found, floor, [stats.visited, stats.compared, stats.dropped]));
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
        (Metric::L2, Codes::Sq4, true, true),
        (Metric::InnerProduct, Codes::None, true, true),
        (Metric::L1, Codes::None, false, false),
    ];
    for (metric, codes, lists, graph) in kinds {
        let bytes = file(options(metric, codes, lists, graph), &mut random);
        let mut index = Index::open(&bytes).unwrap();
        assert_eq!(index.info().segments[0].codes, codes);
        change(&mut index, 790, &mut random);
        // A second index, whose rows replace some of the first.
        let later = file(options(metric, codes, lists, graph), &mut random);
        let later = Index::open(&later).unwrap();
        let below = |bound| Filter::Compare {
            column: "n".into(),
            op: Comparison::Lt,
            value: Value::Int64(bound),
        };
        let filters = [3, 60, 0]
            .map(|bound| [&index, &later].map(|index| index.filter(&below(bound)).unwrap()));
        let shards = Shards::new(vec![&index, &later]).unwrap();
        let one = &index;
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
            let filter = [None, Some(0), Some(1), Some(2)][round / 4 % 4];
            let filters: Vec<_> = filter.iter().flat_map(|&at: &usize| &filters[at]).collect();
            params.order = if round / 16 % 2 == 0 { Order::Strict } else { Order::Relaxed };
            params.radius = (round / 32 % 3 == 1).then_some(if graph { 2.0 } else { 0.05 });
            params.ef_search = Some(1 + random.below(60) as usize);
            params.probes = Some(1 + random.below(5) as usize);
            let goes_on = round / 32 % 3 == 2;
            let first = [k, 1, 2 * k + 1][round / 2 % 3];
            let batches = if goes_on { vec![first, 3, 40, 1, 150, 2000, 5] } else { vec![k] };
            let joined = if round % 5 == 0 { shards.joined() } else { Joined::one(&one) };
            let memory = || Memory::new(joined, &params, &filters);
            let expected = run(&memory(), &memory(), &query, &batches);
            for one_in in [3, 40] {
                let luck = Luck {
                    one_in,
                    random: RefCell::new(Random::new(random.next())),
                    arrived: RefCell::default(),
                    missed: Cell::new(0),
                };
                let parts = PatchyParts { memory: memory(), luck };
                let found = run(&memory(), &parts, &query, &batches);
                assert!(found == expected, "{metric:?} {codes:?}, round {round}, one in {one_in}");
                missed += parts.luck.missed.get();
            }
        }
    }
    assert!(missed > 100_000, "{missed}");
}
