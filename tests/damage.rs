//! Damaged files: every single-bit flip and every cut of small fixtures of each kind, and random mutations,
//! with the checksums as they are and with checksums made to fit. The outcome is an `Err` or answers; never a
//! panic, a hang, or an allocation beyond a small multiple of the file's size.
//!
//! - `HITHER_MUTATIONS=1000000`: this many random mutations, instead of 10,000.
//! - `HITHER_MUTATION=123`: only this one.

#[path = "damage/allocations.rs"]
mod allocations;
#[path = "damage/elsewhere.rs"]
mod elsewhere;
#[path = "damage/exercise.rs"]
mod exercise;
#[path = "damage/fixtures.rs"]
mod fixtures;
#[path = "damage/format.rs"]
mod format;
#[path = "damage/mutate.rs"]
mod mutate;
#[path = "damage/random.rs"]
mod random;
#[path = "damage/watch.rs"]
mod watch;

use exercise::{Outcome, exercise};
use fixtures::{Fixture, fixture};
use format::Layout;
use hither::raw::AlignedBytes;
use hither::{
    Error, ErrorKind, Index, IndexBuilder, IndexOptions, KeyRef, KeyType, Metric, Neighbor,
    SearchParams, Searcher, Structure,
};
use random::Random;
use std::env;
use std::thread;
use watch::Watch;

/// One in this many cases is exercised thoroughly, which takes several times as long.
const THOROUGH: u64 = 32;

/// A file that is damaged, case by case.
struct Patient<'f> {
    fixture: &'f Fixture,
    layout: Layout,
    bytes: AlignedBytes,
    /// Used for every second case; the others begin with a fresh one, whose memory is counted.
    searcher: Searcher,
}

impl<'f> Patient<'f> {
    fn new(fixture: &'f Fixture) -> Self {
        let layout = Layout::of(&fixture.bytes, &fixtures::sections(&fixture.bytes));
        let bytes = AlignedBytes::copy_of(&fixture.bytes);
        Self { fixture, layout, bytes, searcher: Searcher::new() }
    }

    fn heal(&mut self) {
        self.bytes.as_mut_slice().copy_from_slice(&self.fixture.bytes);
    }

    /// Exercises the first `length` bytes, and counts what that allocates.
    fn case(&mut self, number: u64, length: usize) -> Outcome {
        let bytes = &self.bytes[..length];
        let thorough = number.is_multiple_of(THOROUGH);
        allocations::start(self.fixture.name, number);
        let outcome = if number.is_multiple_of(2) {
            exercise(bytes, &self.fixture.filters, &mut Searcher::new(), thorough)
        } else {
            exercise(bytes, &self.fixture.filters, &mut self.searcher, thorough)
        };
        let allocated = allocations::allocated();
        // The query is allocated by the caller: a damaged file may say that it has 65,535 values.
        let dimensions = Index::open(bytes).map_or(0, |index| index.dimensions());
        let bound = 16 * (length + 4 * dimensions) + (1 << 20);
        assert!(allocated.peak <= bound && allocated.largest <= bound, "{allocated:?} > {bound}");
        if let Outcome { verified: Some(Ok(())), met: Some(error) } = &outcome {
            panic!("verify passed over what a search met: {error}");
        }
        outcome
    }
}

fn answers(bytes: &[u8], searcher: &mut Searcher) -> Result<Vec<Neighbor>, Error> {
    let index = Index::open(bytes)?;
    let query = exercise::query(index.dimensions());
    Ok(index.search(&query, &SearchParams::new(9), searcher)?.to_vec())
}

/// Every single-bit flip. Without repair `verify` misses none.
fn flips(name: &str, repaired: bool) {
    let fixture = fixture(name);
    let mut patient = Patient::new(&fixture);
    let watch = Watch::new(format!("{name}, flipped bit, checksums repaired: {repaired}"));
    let (mut refused, mut missed) = (0, 0);
    let bits = 8 * fixture.bytes.len() as u64;
    for bit in 0..bits {
        watch.case(bit);
        patient.bytes.as_mut_slice()[(bit / 8) as usize] ^= 1 << (bit % 8);
        if repaired {
            patient.layout.repair(patient.bytes.as_mut_slice());
        }
        let outcome = patient.case(bit, fixture.bytes.len());
        assert!(repaired || outcome.is_found(), "verify misses a flipped bit");
        refused += u64::from(outcome.verified.is_none());
        missed += u64::from(!outcome.is_found());
        patient.heal();
    }
    println!("{name}: {bits} flips, {refused} refused when opened, {missed} not to be told");
    // Searching damaged files left nothing behind that changes the answers of a sound file.
    let expected = answers(&fixture.bytes, &mut Searcher::new()).expect("a sound file");
    assert_eq!(answers(&fixture.bytes, &mut patient.searcher), Ok(expected));
}

/// Every length shorter than the whole file.
fn cuts(name: &str) {
    let fixture = fixture(name);
    let mut patient = Patient::new(&fixture);
    for repaired in [false, true] {
        let watch = Watch::new(format!("{name}, cut to bytes, checksums repaired: {repaired}"));
        for length in 0..fixture.bytes.len() {
            watch.case(length as u64);
            if repaired {
                let cut = &mut patient.bytes.as_mut_slice()[..length];
                format::set_length(cut, length as u64);
                patient.layout.repair(cut);
            }
            let outcome = patient.case(length as u64, length);
            // Cutting zeros off the end loses nothing, if the header agrees.
            let end = patient.layout.regions.iter().map(|region| region.end).max();
            let lost = !repaired || Some(length) < end;
            assert!(!lost || outcome.is_found(), "verify misses a cut");
            patient.heal();
        }
    }
    // Also files that are longer than they should be.
    patient.bytes.extend_from_slice(&[0; 64]);
    for length in fixture.bytes.len() + 1..=fixture.bytes.len() + 64 {
        assert!(patient.case(1, length).is_found(), "verify misses what was appended");
    }
}

/// The fixture itself: it verifies, and everything that is asked of it is answered.
fn sound(name: &str) {
    let fixture = fixture(name);
    let index = Index::open(&fixture.bytes).expect("a sound file");
    for filter in &fixture.filters {
        assert!(index.filter(filter).is_ok(), "{filter:?}");
    }
    let mut patient = Patient::new(&fixture);
    let outcome = patient.case(0, fixture.bytes.len());
    assert_eq!((outcome.verified, outcome.met), (Some(Ok(())), None));
    // Repairing a sound file changes nothing: the repair knows the format.
    patient.layout.repair(patient.bytes.as_mut_slice());
    assert_eq!(*patient.bytes, *fixture.bytes);
    println!("{name}: {} bytes, {} regions", patient.bytes.len(), patient.layout.regions.len());
}

macro_rules! fixtures {
    ($($name:ident)*) => {
        $(mod $name {
            #[test]
            fn sound() {
                super::sound(stringify!($name));
            }

            #[test]
            fn flips() {
                super::flips(stringify!($name), false);
            }

            #[test]
            fn repaired_flips() {
                super::flips(stringify!($name), true);
            }

            #[test]
            fn cuts() {
                super::cuts(stringify!($name));
            }
        })*

        #[test]
        fn every_fixture_has_its_tests() {
            assert!(fixtures::names().eq([$(stringify!($name)),*]));
        }
    };
}

fixtures! {
    flat_f32_l2_number
    flat_f16_cosine_int64_every_column
    flat_sq8_only_cosine_uuid
    hnsw_f32_l2_number_columns
    hnsw_f16_cosine_sq8_uuid
    hnsw_sq8_only_l2_int64_columns
    hnsw_f16_l2_equal_rows_columns
    hnsw_f32_ip_number
    ivf_f32_ip_text
    ivf_f16_l2_sq8_columns
    both_f16_cosine_sq8_text
    both_f16_l2_sq4_int64
    both_f32_l1
    segments_hnsw_int64_columns
    segments_ivf_number_f16
    ranges_hnsw_f16_cosine_number_columns
    segments_ranges_l2_text_columns
    empty
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Random damage, half of it behind checksums that fit. The number of a case reproduces it.
#[test]
fn mutations() {
    let cases = match number("HITHER_MUTATION") {
        Some(case) => case..case + 1,
        None => 0..number("HITHER_MUTATIONS").unwrap_or(10_000),
    };
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let fixtures: Vec<Fixture> = fixtures::names().map(fixture).collect();
    thread::scope(|scope| {
        for first in 0..threads {
            let (cases, fixtures) = (cases.clone(), &fixtures);
            scope.spawn(move || {
                mutate_some(fixtures, cases.filter(|case| case % threads == first));
            });
        }
    });
}

fn mutate_some(fixtures: &[Fixture], cases: impl Iterator<Item = u64>) {
    let mut patients: Vec<Patient<'_>> = fixtures.iter().map(Patient::new).collect();
    let watch = Watch::new("mutations; HITHER_MUTATION and the case's number repeat it".into());
    let (mut count, mut opened, mut missed) = (0, 0, 0);
    for case in cases {
        watch.case(case);
        let mut random = Random(case);
        let which = random.below(patients.len());
        let patient = &mut patients[which];
        let repaired = random.below(2) == 0;
        let length = mutate::damage(&mut patient.bytes, &patient.layout, &mut random, repaired);
        let sound =
            length == patient.fixture.bytes.len() && *patient.bytes == *patient.fixture.bytes;
        let outcome = patient.case(case, length);
        assert!(repaired || sound || outcome.is_found(), "verify misses damage");
        count += 1;
        opened += u64::from(outcome.verified.is_some());
        missed += u64::from(!outcome.is_found());
        patient.heal();
    }
    println!("{count} mutations, {opened} of them opened, {missed} not to be told");
}

/// Ties are ordered by key. Where some keys are damaged there is no total order, which made a sort panic.
#[test]
fn ties_whose_keys_are_damaged() {
    let options = IndexOptions { key_type: KeyType::Text, ..IndexOptions::new(2, Metric::L2) };
    for rows in [2, 21, 40, 200, 1000] {
        let mut builder = IndexBuilder::new(options.clone()).unwrap();
        for row in 0..rows {
            // Neither ascending nor descending keys.
            let key = format!("key{:06}", row * 7919 % 1_000_003);
            builder.push(Some(KeyRef::Text(&key)), &[1.0, 2.0], &[]).unwrap();
        }
        let mut bytes = builder.finish().unwrap();
        let first = bytes.windows(3).position(|three| three == b"key").expect("the first key");
        for row in (0..rows).step_by(3) {
            bytes.as_mut_slice()[first + 9 * row] = 0xff;
        }
        let index = Index::open(&bytes).unwrap();
        let (all, mut searcher) = (SearchParams::new(rows), Searcher::new());
        let damaged = |error: Error| matches!(error.kind(), ErrorKind::Corrupt { .. });
        let found = index.search(&[1.0, 2.0], &all.structure(Structure::Flat), &mut searcher);
        assert!(found.is_err_and(damaged), "{rows}");
        assert!(index.search(&[1.0, 2.0], &all, &mut searcher).is_err_and(damaged), "{rows}");
        let found = index.search(&[1.0, 2.0], &SearchParams::within(1.0), &mut searcher);
        assert!(found.is_err_and(damaged), "{rows}");
    }
}
