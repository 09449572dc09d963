//! Fuzzes index files. The first byte says what the others are. If it is even, they are a file. If it is 1
//! modulo 4, they are a file whose header and manifest are made to fit their hashes. Otherwise they are a
//! script of changes to a sound file, all of whose checksums are made to fit.
#![no_main]

use hither::{Filter, Searcher};
use hither::raw::AlignedBytes;
use hither_fuzz::exercise::exercise;
use hither_fuzz::fixtures::{self, Fixture, fixture};
use hither_fuzz::format::{Layout, repair_header};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FIXTURES: LazyLock<Vec<(Fixture, Layout)>> = LazyLock::new(|| {
    let with_layout = |name| {
        let fixture = fixture(name);
        let layout = Layout::of(&fixture.bytes, &fixtures::sections(&fixture.bytes));
        (fixture, layout)
    };
    fixtures::names().map(with_layout).collect()
});

static FILTERS: LazyLock<Vec<Filter>> = LazyLock::new(|| {
    let all = FIXTURES.iter().flat_map(|(fixture, _)| fixture.filters.clone());
    all.collect()
});

fuzz_target!(|input: &[u8]| {
    let [first, rest @ ..] = input else { return };
    match first % 4 {
        0 | 2 => ask(&AlignedBytes::copy_of(rest), &FILTERS),
        1 => {
            let mut bytes = AlignedBytes::copy_of(rest);
            repair_header(bytes.as_mut_slice());
            ask(&bytes, &FILTERS);
        }
        _ => {
            let [which, script @ ..] = rest else { return };
            let (fixture, layout) = &FIXTURES[usize::from(*which) % FIXTURES.len()];
            let mut bytes = AlignedBytes::copy_of(&fixture.bytes);
            // A change is two bytes for the place and four for the value.
            for change in script.as_chunks::<6>().0 {
                let [low, high, what @ ..] = *change;
                let at = usize::from(u16::from_le_bytes([low, high])) % (bytes.len() - 3);
                bytes.as_mut_slice()[at..at + 4].copy_from_slice(&what);
            }
            layout.repair(bytes.as_mut_slice());
            ask(&bytes, &fixture.filters);
        }
    }
});

fn ask(bytes: &[u8], filters: &[Filter]) {
    let outcome = exercise(bytes, filters, &mut Searcher::new(), bytes.len() % 8 == 0);
    if let (Some(Ok(())), Some(error)) = (&outcome.verified, &outcome.met) {
        panic!("verify passed over what a search met: {error}");
    }
}
