//! A walk over a storage that misses bytes at random is the same as one over memory.

use super::*;
use crate::random::Random;
use alloc::vec;

/// A random graph, of whose answers one in `one_in` is missing; 0 for none.
struct Patchy<'a> {
    edges: &'a [Vec<u32>],
    ranks: &'a [f32],
    /// Nodes whose number is a multiple of this match.
    filter: Option<u32>,
    one_in: u32,
    random: Random,
    missed: usize,
}

impl Patchy<'_> {
    fn arrive(&mut self) -> Result<(), Halt<()>> {
        if self.one_in > 0 && self.random.below(self.one_in) == 0 {
            self.missed += 1;
            return Err(Halt::Missing(()));
        }
        Ok(())
    }
}

impl GraphStorage for Patchy<'_> {
    type Missing = ();

    fn neighbors(&mut self, id: u32, out: &mut Vec<u32>) -> Result<(), Halt<()>> {
        out.clear();
        // A partial output before the missing bytes must be ignored.
        out.extend_from_slice(&self.edges[id as usize][..1]);
        self.arrive()?;
        out.clear();
        out.extend_from_slice(&self.edges[id as usize]);
        Ok(())
    }

    fn ranks(&mut self, list: &[u32], out: &mut [f32]) -> Result<(), Halt<()>> {
        out.fill(f32::NAN);
        self.arrive()?;
        list.iter().zip(out).for_each(|(&id, out)| *out = self.ranks[id as usize]);
        Ok(())
    }

    fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    fn matches(&mut self, id: u32) -> Result<bool, Halt<()>> {
        self.arrive()?;
        Ok(self.filter.is_none_or(|every| id.is_multiple_of(every)))
    }
}

/// The state of a walk after each of three runs, each of which removes the settled candidates.
type Trace = Vec<(Stop, Vec<Candidate>, usize, Vec<Candidate>, u64)>;

fn walk(storage: &mut Patchy<'_>, capacity: usize, resumable: bool, early: bool) -> Trace {
    let mut walk = Walk::default();
    walk.start(storage.edges.len() as u32, capacity, resumable);
    walk.early_stop = early.then_some(EarlyStop { k: 4, noise: 0.01 });
    walk.enter(&[0, 7]);
    let mut trace = Vec::new();
    for budget in [300, 600, u64::MAX] {
        let stop = loop {
            match walk.run(storage, 10, budget) {
                Ok(stop) => break stop,
                Err(Halt::Missing(())) => {}
                Err(Halt::Error(error)) => panic!("{error}"),
            }
        };
        assert_eq!(walk.done, walk.list.len(), "a walk that ends has measured all that it listed");
        let (entries, settled) = (walk.pool.entries().to_vec(), walk.pool.settled());
        trace.push((stop, entries, settled, walk.spill.clone(), walk.measured));
        walk.pool.remove_first(settled);
        if resumable {
            walk.pool.refill(&mut walk.spill);
        }
    }
    trace
}

#[test]
fn what_is_missing_when_changes_no_answer() {
    const NODES: u32 = 700;
    let mut random = Random::new(5);
    let mut missed = 0;
    for round in 0..60 {
        let mut edges = Vec::new();
        for node in 0..NODES {
            // Edges to itself and repeated edges occur in damaged files.
            let mut to: Vec<u32> = (0..1 + random.below(16)).map(|_| random.below(NODES)).collect();
            to.push((node + 1) % NODES);
            edges.push(to);
        }
        // A third of the ranks are equal, like those of copies.
        let rank = |random: &mut Random| if random.below(3) == 0 { 0.5 } else { random.unit() };
        let ranks: Vec<f32> = (0..NODES).map(|_| rank(&mut random)).collect();
        let filter = [None, Some(2), Some(9)][round % 3];
        let (resumable, early) = (round % 2 == 0, round % 4 < 2);
        let capacity = [1, 10, 60, 5_000][round / 3 % 4];
        let mut patchy = |one_in| Patchy {
            edges: &edges,
            ranks: &ranks,
            filter,
            one_in,
            random: Random::new(random.next()),
            missed: 0,
        };
        let whole = walk(&mut patchy(0), capacity, resumable, early);
        for one_in in [2, 10] {
            let mut storage = patchy(one_in);
            assert!(walk(&mut storage, capacity, resumable, early) == whole, "round {round}");
            missed += storage.missed;
        }
    }
    assert!(missed > 1000, "{missed}");
}

#[test]
fn a_resumed_walk_meets_every_node_that_can_be_reached() {
    let edges: Vec<Vec<u32>> = (0..50).map(|node| vec![(node + 1) % 50, (node + 7) % 50]).collect();
    let ranks: Vec<f32> = (0..50).map(|node| (node * 31 % 50) as f32).collect();
    let (mut storage, mut walk) = (
        Patchy {
            edges: &edges,
            ranks: &ranks,
            filter: None,
            one_in: 3,
            random: Random::new(9),
            missed: 0,
        },
        Walk::default(),
    );
    walk.start(50, 4, true);
    walk.enter(&[3]);
    let mut met = Vec::new();
    loop {
        match walk.run(&mut storage, usize::MAX, u64::MAX) {
            Ok(stop) => assert_eq!(stop, Stop::Settled),
            Err(_) => continue,
        }
        let settled = walk.pool.settled();
        if settled == 0 {
            break;
        }
        met.extend(walk.pool.entries()[..settled].iter().map(|entry| entry.id()));
        walk.pool.remove_first(settled);
        walk.pool.refill(&mut walk.spill);
    }
    met.sort_unstable();
    assert_eq!(met, (0..50).collect::<Vec<u32>>());
}
