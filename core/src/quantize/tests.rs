//! Compares ranks by codes with f64 arithmetic over what the codes stand for, decoded as the head of `quantize`
//! defines it.

use super::*;
use crate::element::Element;
use crate::random::Random;
use crate::vectors::{Query, Shape, Vectors};
use std::vec;

/// The values that the codes of a record stand for.
fn decode(quantizer: &Quantizer, record: &[u8]) -> Vec<f64> {
    let bytes = quantizer.width.bytes(quantizer.centre.len());
    let code = |dimension: usize| match quantizer.width {
        Width::Eight => i32::from(record[dimension] as i8),
        Width::Four if dimension < bytes => i32::from(record[dimension] & 15) - 8,
        Width::Four => i32::from(record[dimension - bytes] >> 4) - 8,
    };
    let centre = quantizer.centre.iter().enumerate();
    centre.map(|(d, &c)| f64::from(c) + f64::from(quantizer.scale) * f64::from(code(d))).collect()
}

#[test]
fn ranks_are_those_of_what_codes_stand_for() {
    let mut random = Random::new(5);
    for dimensions in [1, 2, 3, 23, 24, 25, 31, 32, 33, 64, 100, 384] {
        for (width, levels) in [(Width::Eight, 254.0), (Width::Four, 15.0)] {
            for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
                let shape = Shape { dimensions, element: Element::F32, metric };
                let mut vectors = Vectors::new(shape).unwrap();
                let mut values =
                    || -> Vec<f32> { (0..dimensions).map(|_| 3.0 * random.unit() + 0.1).collect() };
                (0..60).for_each(|_| vectors.push(&values()).unwrap());
                let view = vectors.view();
                let quantizer = Quantizer::train(width, &view, 60).unwrap();
                let stride = width.stride(dimensions);
                let (mut records, mut factors) = (vec![0; 60 * stride], Vec::new());
                let mut scratch = vec![0.0; dimensions];
                for (row, record) in (0..).zip(records.chunks_mut(stride)) {
                    factors.push(quantizer.encode(&view, row, &mut scratch, record).unwrap());
                }
                let among = width.has_room_for_factor(dimensions);
                let beside = if among { &[][..] } else { bytemuck::cast_slice(&factors) };
                let meaning =
                    CodeMeaning { width, centre: &quantizer.centre, scale: quantizer.scale };
                let opened = CodesView::open(&records, beside, 60, metric, meaning).unwrap();
                let made = CodesView::new(&records, &factors, metric, &quantizer);

                let mut query = Query::default();
                query.set(&values(), dimensions, metric).unwrap();
                let list: Vec<u32> = (0..60).rev().collect();
                let (mut coded, mut ranks, mut same) =
                    (CodedQuery::default(), vec![0.0; 60], vec![0.0; 60]);
                coded.set(&query, &opened);
                opened.ranks(&mut coded, &list, &mut ranks).unwrap();
                made.ranks(&mut coded, &list, &mut same).unwrap();
                assert_eq!(ranks, same, "{width:?} {metric:?} {dimensions}");

                let length = query.values.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>().sqrt();
                for (&row, &rank) in list.iter().zip(&ranks) {
                    let decoded = decode(&quantizer, &records[row as usize * stride..]);
                    let pairs =
                        || query.values.iter().zip(&decoded).map(|(&q, &x)| (f64::from(q), x));
                    let dot: f64 = pairs().map(|(q, x)| q * x).sum();
                    let decoded_length = decoded.iter().map(|x| x * x).sum::<f64>().sqrt();
                    let (expected, size) = match metric {
                        Metric::L2 => (
                            pairs().map(|(q, x)| (q - x) * (q - x)).sum::<f64>(),
                            length * decoded_length * 2.0 + 1.0,
                        ),
                        Metric::Cosine => (1.0 - dot / length / decoded_length, 1.0),
                        _ => (-dot, length * decoded_length + 1.0),
                    };
                    // The query is rounded to 8 bits.
                    let error = (f64::from(rank) - expected).abs();
                    assert!(error <= 0.015 * size, "{width:?} {metric:?} {dimensions}: {error}");

                    // No value is off by more than about a step.
                    view.get(row, &mut scratch).unwrap();
                    if metric != Metric::Cosine {
                        let widest = 3.2 / levels * 1.2;
                        for (value, decoded) in scratch.iter().zip(&decoded) {
                            let off = (f64::from(*value) - decoded).abs();
                            assert!(off <= widest, "{width:?} {dimensions}: {off}");
                        }
                    }
                }
            }
        }
    }
}
