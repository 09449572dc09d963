//! The same rows, options and seed give the same bytes, whatever the processor and the number of threads.

use hither::raw::{simd_levels, use_simd_level};
use hither::{Codes, Element, Index, IndexOptions, IvfParams, Metric};
use hither_tests::{build, clustered};

#[test]
fn threads_and_instruction_sets_change_no_byte() {
    let rows = clustered(31, 1200, 45);
    for (metric, element, codes) in [
        (Metric::L2, Element::F32, Codes::Sq8),
        (Metric::L2, Element::F16, Codes::Sq4),
        (Metric::Cosine, Element::F16, Codes::Sq8),
        (Metric::InnerProduct, Element::F16, Codes::Sq8),
        (Metric::L1, Element::F32, Codes::None),
    ] {
        {
            let options = |threads| IndexOptions {
                threads,
                element,
                codes: Some(codes),
                ivf: Some(IvfParams::default()),
                ranges: metric != Metric::L1,
                ..IndexOptions::new(45, metric)
            };
            let expected = build(&rows, options(1));
            assert_eq!(Index::open(&expected).unwrap().info().segments[0].codes, codes);
            for threads in [2, 3, 7] {
                assert!(build(&rows, options(threads)).as_slice() == expected.as_slice());
            }
            for level in simd_levels() {
                assert!(use_simd_level(level));
                let bytes = build(&rows, options(2));
                assert!(bytes.as_slice() == expected.as_slice(), "{metric:?} {element:?} {level}");
            }
            let other = IndexOptions { seed: 43, ..options(1) };
            assert!(build(&rows, other).as_slice() != expected.as_slice());
        }
    }
}
