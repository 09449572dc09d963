//! Tests of manifests: those of earlier versions, damaged ones, and ones that would expand when decoded.

use super::*;
use crate::archive::{HEADER, Header};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,3}", "[a-z]{7,10}", "[a-zß日]{60,70}", "[a-z]{250,260}"]
}

fn list<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..4)
}

prop_compose! {
    fn segment()(
        numbers in any::<[u32; 6]>(), codes: u8, scale: f32, edges: u64,
        hnsw: bool, ivf: bool, layers in list(any::<u32>()),
        calibrations in list((any::<u8>(), list(any::<u32>()), list(any::<f32>()))),
    ) -> Segment {
        let [rows, hidden, key_bits, m, entry, lists] = numbers;
        let calibrations = calibrations.into_iter().map(|(structure, efforts, recalls)| {
            Calibration { structure, k: m, queries: rows, efforts, recalls }
        });
        Segment {
            rows, hidden, key_bits, codes, scale,
            hnsw: hnsw.then_some(Hnsw { m, edges, layers, entry }),
            ivf: ivf.then_some(Ivf { lists }),
            calibrations: calibrations.collect(),
        }
    }
}

prop_compose! {
    fn section()(
        numbers in any::<[u32; 3]>(), places in any::<[u64; 3]>(), required: bool,
        block_log2: u8, pages in list(any::<u64>()),
    ) -> Section {
        let ([segment, column, kind], [offset, length, checksums]) = (numbers, places);
        Section {
            segment, column, kind, required, block_log2, offset, length, checksums, pages,
        }
    }
}

prop_compose! {
    fn manifests()(
        dimensions: u32, bytes in any::<[u8; 4]>(), unit_length: bool, seed: u64,
        hnsw: Option<(u32, u32)>, ivf: Option<u32>,
        columns in list((text(), any::<u8>())),
        properties in list((text(), text())),
        segments in list(segment()), sections in list(section()),
    ) -> Manifest {
        let [element, metric, key_type, codes] = bytes;
        let hnsw = hnsw.map(|(m, ef_construction)| HnswBuild { m, ef_construction });
        let ivf = ivf.map(|lists| IvfBuild { lists });
        let column = |(name, column_type)| Column { name, column_type };
        let property = |(name, value)| Property { name, value };
        Manifest {
            dimensions, element, metric, key_type, unit_length,
            columns: columns.into_iter().map(column).collect(),
            build: Build { seed, hnsw, ivf, codes },
            properties: properties.into_iter().map(property).collect(),
            segments, sections,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in manifests()) {
        let bytes = encode(&written).unwrap();
        // Numbers may be NaN, so manifests are compared by their bytes.
        let again = encode(&decode(&bytes).unwrap()).unwrap();
        prop_assert_eq!(bytes.as_slice(), again.as_slice());
    }

    #[test]
    fn damage_is_refused_or_read(
        written in manifests(), changes in list((any::<prop::sample::Index>(), any::<u8>())),
        end: prop::sample::Index,
    ) {
        let mut bytes = encode(&written).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // The outermost record is found from the end, at an address that is a multiple of 8.
        let length = bytes.len() - end.index(bytes.len()) / 16 * 8;
        if let Ok(read) = decode(&bytes[..length]) {
            // No byte is read twice, so nothing grows.
            prop_assert!(encode(&read).unwrap().len() <= length + 7 * 64);
        }
    }
}

#[test]
fn manifests_of_before_are_written_as_they_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "hither") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let length = Header::decode(&bytes).unwrap().manifest_length as usize;
        let mut manifest = AlignedVec::<16>::new();
        manifest.extend_from_slice(&bytes[HEADER..HEADER + length]);
        let again = encode(&decode(&manifest).unwrap()).unwrap();
        assert_eq!(manifest.as_slice(), again.as_slice());
        files += 1;
    }
    assert!(files > 8);
}

#[test]
fn too_little_and_misplaced_bytes_are_refused() {
    let mut bytes = AlignedVec::<16>::new();
    bytes.resize(512, 0);
    for from in 0..64 {
        for to in from..512 {
            let _ = decode(&bytes[from..to]);
        }
    }
    assert!(decode(&[]).is_err());
}

#[test]
fn lists_within_lists_do_not_multiply() {
    // Each of 1,000 lists of the outer one points to all of the same 4,000 bytes.
    let mut bytes = AlignedVec::<16>::new();
    bytes.resize(4000, 0);
    for _ in 0..1000 {
        let offset = (bytes.len() as i32).wrapping_neg();
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&1000_u32.to_le_bytes());
    }
    bytes.extend_from_slice(&(-8000_i32).to_le_bytes());
    bytes.extend_from_slice(&1000_u32.to_le_bytes());
    assert!(low::from_bytes::<Vec<Vec<u32>>, Failure>(&bytes).is_err());
    // An offset beyond all bytes, and a count of more than there are.
    for eight in [[0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 0, 0], [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]] {
        let mut bytes = AlignedVec::<16>::new();
        bytes.extend_from_slice(&eight);
        assert!(low::from_bytes::<Vec<u8>, Failure>(&bytes).is_err());
    }
}
