//! Which codes a build chooses: those that tell the rows apart, of 4 bits, of 8, or none.

use super::{options, recall, repeated, shuffled, spread};
use hither::{Codes, Element, Index, IndexOptions, Metric};
use hither_tests::{Matrix, Random, build, clustered};

#[test]
fn rows_of_equal_codes_are_told_apart() {
    // A far row stretches the scale, so that codes do not tell the others apart.
    let near = spread(11, 2000, 24);
    let far = Matrix { values: vec![1e4; 24], dimensions: 24 };
    let tight = repeated(&Matrix { values: near.row(0).to_vec(), dimensions: 24 }, 300, 1e-3);
    for rows in [shuffled(&[&near, &far]), shuffled(&[&near, &tight])] {
        let of_f32 = IndexOptions { element: Element::F32, ..options(24, Metric::L2) };
        let bytes = build(&rows, of_f32.clone());
        let index = Index::open(&bytes).unwrap();
        assert_eq!(index.info().segments[0].codes, Codes::None);
        let found = recall(&index, &repeated(&tight, 1, 1e-4), 640);
        assert!(found >= 0.999, "{found}");
        // The same holds if 4-bit codes are requested.
        let bytes = build(&rows, IndexOptions { codes: Some(Codes::Sq4), ..of_f32.clone() });
        assert_eq!(Index::open(&bytes).unwrap().info().segments[0].codes, Codes::None);
        // If codes are required nevertheless, the graph still reaches every row.
        for codes in [Codes::Sq8, Codes::Sq8Only] {
            let bytes = build(&rows, IndexOptions { codes: Some(codes), ..of_f32.clone() });
            let index = Index::open(&bytes).unwrap();
            index.verify().unwrap();
            assert_eq!(index.unreachable().unwrap(), 0);
        }
    }
}

#[test]
fn rows_that_four_bits_do_not_tell_apart_have_eight() {
    // Each group is narrower than a step of 4 bits and wider than one of 8.
    let rows = shuffled(&[&repeated(&spread(24, 100, 24), 50, 0.05)]);
    let queries = repeated(&Matrix { values: rows.values[..24 * 200].to_vec(), ..rows }, 1, 0.05);
    let built = |codes| build(&rows, IndexOptions { codes, ..options(24, Metric::L2) });
    let (asked, default) = (built(Some(Codes::Sq4)), built(None));
    let index = Index::open(&asked).unwrap();
    assert_eq!(index.info().segments[0].codes, Codes::Sq8);
    let found = [&asked, &default].map(|bytes| recall(&Index::open(bytes).unwrap(), &queries, 40));
    assert_eq!(found[0], found[1]);
    assert!(found[0] >= 0.99, "{found:?}");
}

#[test]
fn of_many_dimensions_the_default_is_four_bits_where_they_lose_nothing() {
    let uneven = |rows: Matrix, spread: f32| {
        let (mut values, mut random) = (rows.values, Random::new(28));
        values.chunks_mut(rows.dimensions).for_each(|row| {
            let length = (spread * random.normal()).exp();
            row.iter_mut().for_each(|value| *value *= length);
        });
        Matrix { values, ..rows }
    };
    for (name, metric, mut rows, codes) in [
        ("fewer", Metric::L2, clustered(26, 2700, 255), Codes::Sq8),
        ("clusters", Metric::L2, clustered(26, 2700, 256), Codes::Sq4),
        ("directions", Metric::Cosine, clustered(26, 2700, 300), Codes::Sq4),
        ("unequal", Metric::InnerProduct, uneven(clustered(26, 2700, 256), 0.5), Codes::Sq4),
        ("equally far", Metric::L2, spread(27, 2700, 256), Codes::Sq8),
        ("very unequal", Metric::InnerProduct, uneven(spread(27, 2700, 256), 1.5), Codes::Sq8),
        ("tight", Metric::L2, repeated(&spread(29, 54, 256), 50, 1e-3), Codes::None),
    ] {
        let values = rows.values.split_off(2500 * rows.dimensions);
        let queries = Matrix { values, ..rows };
        let of_codes = |codes| IndexOptions { codes, ..options(rows.dimensions, metric) };
        let [default, plain] = [None, Some(Codes::None)].map(|c| build(&rows, of_codes(c)));
        let [default, plain] = [&default, &plain].map(|bytes| Index::open(bytes).unwrap());
        assert_eq!(default.info().segments[0].codes, codes, "{name}");
        for ef_search in [20, 40, 80, 160] {
            let [coded, plain] = [&default, &plain].map(|i| recall(i, &queries, ef_search));
            let least = plain - if ef_search < 40 { 0.015 } else { 0.01 };
            assert!(coded >= least, "{name}: {coded}, {plain} without, at {ef_search}");
        }
    }
}

#[test]
fn a_wanted_recall_is_reached_by_four_bits() {
    let mut rows = clustered(25, 6300, 64);
    let queries = Matrix { values: rows.values.split_off(64 * 6000), ..rows };
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let bytes = build(&rows, IndexOptions { codes: Some(Codes::Sq4), ..options(64, metric) });
        let index = Index::open(&bytes).unwrap();
        let segments = index.info().segments;
        assert_eq!(segments[0].codes, Codes::Sq4, "{metric:?}");
        let calibration = segments[0].calibrations.iter().find(|c| c.k == 10).unwrap();
        for wanted in [0.95, 0.99] {
            let found = recall(&index, &queries, calibration.effort(wanted) as usize);
            assert!(found >= f64::from(wanted) - 0.01, "{metric:?}: {found}, not {wanted}");
        }
    }
}
