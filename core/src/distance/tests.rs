use super::*;
use crate::element::Element;
use crate::random::Random;
use std::vec;
use std::vec::Vec;

/// The level is a static variable: tests that change it must not overlap.
static LEVEL: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// The definition at the head of the module, transcribed.
fn oracle(kind: Measure, query: &[f32], row: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 32];
    for (i, (q, x)) in query.iter().zip(row).enumerate() {
        let term = match kind {
            Measure::Dot => q * x,
            Measure::SquaredL2 => (q - x) * (q - x),
            Measure::L1 => (q - x).abs(),
        };
        sums[i % 32] += term;
    }
    for apart in [16, 8, 4, 2, 1] {
        for i in 0..apart {
            sums[i] += sums[i + apart];
        }
    }
    sums[0]
}

fn vector(random: &mut Random, dimensions: usize) -> Vec<f32> {
    (0..dimensions).map(|_| random.unit() * 8.0 - 4.0).collect()
}

/// All short lengths and some long ones; under Miri, which is slow, only those at which the code takes another
/// path.
fn lengths(long: &[usize]) -> Vec<usize> {
    match cfg!(miri) {
        true => vec![1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 97, 130],
        false => (1..=130).chain(long.iter().copied()).collect(),
    }
}

#[test]
fn every_level_gives_the_defined_bits() {
    let _guard = LEVEL.lock().unwrap();
    let best = simd_level();
    let mut random = Random::new(1);
    for dimensions in lengths(&[255, 256, 257, 383, 384, 768, 784, 1536]) {
        let query = vector(&mut random, dimensions);
        let centre = vector(&mut random, dimensions);
        let scale = 0.03_f32;
        // Seven bytes of slack move every row but the first off any alignment.
        let stride = dimensions * 4 + 7;
        for format in [Format::F32, Format::Sq8 { centre: &centre, scale }, Format::F16] {
            // Miri does not know the instructions of F16C.
            if cfg!(all(miri, target_feature = "f16c")) && matches!(format, Format::F16) {
                continue;
            }
            let mut bytes = vec![0xff_u8; stride * 5];
            let mut rows = Vec::new();
            for record in bytes.chunks_exact_mut(stride) {
                let mut row = vector(&mut random, dimensions);
                match format {
                    Format::F32 => {
                        Element::F32.encode(&row, &mut record[..4 * dimensions]).unwrap()
                    }
                    Format::F16 => {
                        let record = &mut record[..2 * dimensions];
                        Element::F16.encode(&row, record).unwrap();
                        Element::F16.decode(record, &mut row);
                    }
                    Format::Sq8 { .. } => {
                        for i in 0..dimensions {
                            let code = (random.below(255) as i32 - 127) as i8;
                            record[i] = code as u8;
                            row[i] = centre[i] + scale * f32::from(code);
                        }
                    }
                }
                rows.push(row);
            }
            let records = Records { bytes: &bytes, stride };
            let table = Table { records, dimensions, format };
            for kind in [Measure::Dot, Measure::SquaredL2, Measure::L1] {
                for level in simd_levels() {
                    assert!(use_simd_level(level));
                    let list = [4, 0, 3, 1, 2, 2];
                    let mut out = [0.0; 6];
                    measure(kind, &query, &table, &list, &mut out).unwrap();
                    for (row, got) in list.iter().zip(out) {
                        let expected = oracle(kind, &query, &rows[*row as usize]);
                        assert_eq!(
                            expected.to_bits(),
                            got.to_bits(),
                            "{kind:?} {format:?} {level} {dimensions}: {expected} {got}"
                        );
                    }
                }
            }
        }
    }
    use_simd_level(best);
}

#[test]
fn code_products_are_exact() {
    let _guard = LEVEL.lock().unwrap();
    let best = simd_level();
    let mut random = Random::new(2);
    for dimensions in lengths(&[384, 784, 65535]) {
        // A query holds no −128; a row of a damaged file may.
        let mut codes = |least: i32, extreme: bool| -> Vec<i8> {
            let any = |random: &mut Random| least + random.below((128 - least) as u32) as i32;
            (0..dimensions).map(|_| if extreme { least } else { any(&mut random) } as i8).collect()
        };
        for extreme in [false, true] {
            let (query, row) = (codes(-127, extreme), codes(-128, extreme));
            let expected: i64 =
                query.iter().zip(&row).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            let records = Records { bytes: bytemuck::cast_slice(&row), stride: dimensions };
            for level in simd_levels() {
                assert!(use_simd_level(level));
                let mut out = [0];
                dot_codes(QueryCodes::Eight(&query), records, &[0], &mut out).unwrap();
                assert_eq!(expected, i64::from(out[0]), "{level} {dimensions}");
            }
        }
    }
    use_simd_level(best);
}

#[test]
fn products_of_two_codes_a_byte_are_exact() {
    let _guard = LEVEL.lock().unwrap();
    let best = simd_level();
    let mut random = Random::new(3);
    for bytes in (16..=if cfg!(miri) { 144 } else { 528 }).step_by(16).chain([32_768]) {
        if cfg!(miri) && bytes > 144 {
            continue;
        }
        for extreme in [None, Some(-127), Some(127)] {
            let mut half = || -> Vec<i8> {
                let any = |random: &mut Random| random.below(255) as i32 - 127;
                (0..bytes).map(|_| extreme.unwrap_or_else(|| any(&mut random)) as i8).collect()
            };
            let (low, high) = (half(), half());
            // More rows than any kernel takes at once, with padding behind each.
            let stride = bytes + 16;
            let any = |random: &mut Random| random.below(256) as u8;
            let rows: Vec<u8> = (0..7 * stride)
                .map(|_| if extreme.is_some() { 0xff } else { any(&mut random) })
                .collect();
            let expected: Vec<i32> = rows
                .chunks(stride)
                .map(|row| {
                    let codes = row.iter().zip(low.iter().zip(&high));
                    let products = codes.map(|(codes, (low, high))| {
                        i32::from(codes % 16) * i32::from(*low)
                            + i32::from(codes / 16) * i32::from(*high)
                    });
                    products.sum()
                })
                .collect();
            let records = Records { bytes: &rows, stride };
            let list = [6, 0, 1, 5, 4, 2, 3];
            for level in simd_levels() {
                assert!(use_simd_level(level));
                // Whole lists, remainders of four, and rows that are only prefetched.
                for measured in [7, 6, 4, 1, 0] {
                    let mut out = [0; 7];
                    let query = QueryCodes::Four(&low, &high);
                    dot_codes(query, records, &list, &mut out[..measured]).unwrap();
                    for (row, got) in list.iter().zip(&out[..measured]) {
                        assert_eq!(expected[*row as usize], *got, "{level} {bytes}");
                    }
                }
            }
        }
    }
    use_simd_level(best);
}

/// Every finite binary16, in whole registers and in remainders.
#[test]
fn widening_is_exact() {
    let _guard = LEVEL.lock().unwrap();
    let best = simd_level();
    let finite = |bits: &u16| half::f16::from_bits(*bits).is_finite();
    let all: Vec<u16> = (0..=u16::MAX).filter(finite).collect();
    let lengths = [all.len(), 1, 3, 15, 17, 31];
    for length in if cfg!(miri) { &lengths[1..] } else { &lengths } {
        let halves = &all[all.len() - length..];
        let bytes: Vec<u8> = halves.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        for level in simd_levels() {
            // Miri does not know the instructions of F16C.
            if cfg!(miri) && *level != "portable" {
                continue;
            }
            assert!(use_simd_level(level));
            let mut out = vec![0.0; *length];
            widen_f16(&bytes, &mut out);
            for (bits, got) in halves.iter().zip(out) {
                let expected = half::f16::from_bits(*bits).to_f32();
                assert_eq!(expected.to_bits(), got.to_bits(), "{bits:#06x} {level}");
            }
        }
    }
    use_simd_level(best);
}

/// Compares our feature detection with the standard library's.
#[test]
#[cfg(target_arch = "x86_64")]
fn levels_are_those_that_the_processor_has() {
    macro_rules! has {
        ($($feature:tt)*) => { $(std::is_x86_feature_detected!($feature))&&* };
    }
    let avx2 = has!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "bmi1" "bmi2" "fma" "lzcnt" "f16c");
    let avx512 = avx2 && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
    let vnni = avx512 && has!("avx512vnni");
    let expected = 1 + usize::from(avx2) + usize::from(avx512) + usize::from(vnni);
    // Under Miri VNNI is not used.
    let expected = if cfg!(miri) { expected.min(3) } else { expected };
    assert_eq!(simd_levels().len(), expected);
}

#[test]
fn a_row_beyond_the_table_is_an_error() {
    let records = Records { bytes: &[0; 16], stride: 8 };
    let table = Table { records, dimensions: 2, format: Format::F32 };
    let mut out = [0.0; 2];
    assert!(measure(Measure::Dot, &[1.0, 1.0], &table, &[1, 2], &mut out).is_err());
    assert!(measure(Measure::Dot, &[1.0, 1.0], &table, &[u32::MAX, 0], &mut out).is_err());
}
