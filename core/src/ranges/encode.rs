//! Writes groups and lists as records.

use super::cluster::{NO_LIST, RangeLists};
use super::code::{push_signs, rotate};
use super::view::{GroupEntry, decode};
use super::{check_of, list_metric};
use crate::calibration::Calibration;
use crate::distance::{Measure, measure_pair};
use crate::element::Element;
use crate::error::Result;
use crate::key::{Key, KeyType};
use crate::metric::Metric;
use crate::packed::{Packer, bits_below};
use crate::parallel::Threads;
use crate::quantize::{CodeMeaning, Quantizer, Width, coded_values};
use crate::vectors::{Shape, Vectors, VectorsView};
use alloc::vec;
use alloc::vec::Vec;
use xxhash_rust::xxh3::xxh3_64;

/// The records, one after another. The top is written last ([`RangeRecords::top`]).
pub(crate) struct RangeRecords {
    pub groups: Vec<u8>,
    pub lists: Vec<u8>,
    entries: Vec<GroupEntry>,
    quantizer: Quantizer,
    /// The codes of the groups' centroids, and their factors.
    codes: Vec<u8>,
    factors: Vec<f32>,
    key_bits: u32,
}

/// The record of a list, while it is written.
struct Record {
    bytes: Vec<u8>,
    guests: u32,
    scale: f32,
    bias: f32,
}

#[derive(Default)]
struct Scratch {
    centroid: Vec<f32>,
    values: Vec<f32>,
    residual: Vec<f32>,
    signs: Vec<f32>,
}

/// The rows of a segment, and their order in the file.
pub(crate) struct Rows<'a> {
    pub vectors: &'a Vectors,
    pub keys: &'a [Key],
    pub key_type: KeyType,
    pub order: &'a [u32],
}

/// Writes the records of `lists` over `rows`, which are in the order of the lists.
pub(crate) fn encode(
    rows: &Rows<'_>,
    lists: &RangeLists,
    threads: &Threads,
    progress: &mut dyn FnMut() -> Result<()>,
) -> Result<RangeRecords> {
    /// How many lists lie between two calls of `progress`.
    const PIECE: usize = 256;
    let shape = rows.vectors.shape();
    let RangeLists { clustering, guests, groups, group_centroids } = lists;
    let count = clustering.centroids.rows();
    let (mut hosts, mut guest_rows) =
        (vec![0_u32; count as usize], vec![Vec::new(); count as usize]);
    for (new, &row) in (0..).zip(rows.order) {
        hosts[clustering.lists[row as usize] as usize] += 1;
        let guest = guests[row as usize];
        if guest != NO_LIST {
            guest_rows[guest as usize].push(new);
        }
    }
    let centroids = centroids_view(&clustering.centroids, shape.metric);
    let quantizer = Quantizer::train(Width::Four, &centroids, count)?;
    let (list_codes, list_factors) = code(&quantizer, &centroids, count)?;
    let number = |key: &Key| match key {
        Key::Int64(number) => u32::try_from(*number).ok(),
        _ => None,
    };
    let greatest = match rows.key_type {
        KeyType::RowNumber => rows.keys.iter().map(number).max().flatten(),
        _ => None,
    };
    let are_short = rows.keys.iter().all(|key| number(key).is_some());
    let key_bits = greatest.filter(|_| are_short).map_or(0, |key| bits_below(u64::from(key) + 1));
    let row_bits = bits_below(rows.order.len() as u64);

    let mut end = 0;
    let firsts: Vec<u32> = hosts
        .iter()
        .map(|count| {
            end += count;
            end - count
        })
        .collect();
    let stride = Width::Four.stride(shape.dimensions);
    let meaning =
        CodeMeaning { width: Width::Four, centre: &quantizer.centre, scale: quantizer.scale };
    let mut scratch = threads.scratch::<Scratch>();
    let (mut group_bytes, mut list_bytes, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let mut records: Vec<Record> = Vec::new();
    for first in (0..count as usize).step_by(PIECE) {
        progress()?;
        records.extend(threads.map(
            PIECE.min(count as usize - first),
            &mut scratch,
            |at, scratch| {
                let list = first + at;
                let own = || {
                    let hosts = firsts[list]..firsts[list] + hosts[list];
                    hosts.chain(guest_rows[list].iter().copied())
                };
                decode(&list_codes[list * stride..][..stride], meaning, &mut scratch.centroid);
                let mut record = write_list(rows, own(), scratch)?;
                if key_bits > 0 {
                    let mut keys = Packer::new(key_bits);
                    for new in own() {
                        let key = number(&rows.keys[rows.order[new as usize] as usize]);
                        keys.push(key.unwrap_or(0).into());
                    }
                    record.bytes.append(&mut keys.finish());
                }
                let mut guests = Packer::new(row_bits);
                guest_rows[list].iter().for_each(|&guest| guests.push(guest.into()));
                record.bytes.append(&mut guests.finish());
                record.guests = guest_rows[list].len() as u32;
                Ok(record)
            },
        )?);
    }
    for pair in groups.windows(2) {
        let own = pair[0] as usize..pair[1] as usize;
        let (at, lists_at) = (group_bytes.len(), list_bytes.len() as u64);
        let mut put = |value: &dyn Fn(usize) -> Vec<u8>| {
            own.clone().for_each(|list| group_bytes.extend_from_slice(&value(list)));
        };
        put(&|list| xxh3_64(&records[list].bytes).to_le_bytes().to_vec());
        put(&|list| hosts[list].to_le_bytes().to_vec());
        put(&|list| records[list].guests.to_le_bytes().to_vec());
        put(&|list| records[list].scale.to_le_bytes().to_vec());
        put(&|list| records[list].bias.to_le_bytes().to_vec());
        put(&|list| list_factors[list].to_le_bytes().to_vec());
        put(&|list| list_codes[list * stride..][..stride].to_vec());
        for list in own {
            list_bytes.append(&mut records[list].bytes);
        }
        entries.push(GroupEntry {
            first_list: pair[0],
            first_row: firsts[pair[0] as usize],
            at: at as u64,
            lists_at,
            hash: xxh3_64(&group_bytes[at..]),
        });
    }
    entries.push(GroupEntry {
        first_list: count,
        first_row: rows.order.len() as u32,
        at: group_bytes.len() as u64,
        lists_at: list_bytes.len() as u64,
        hash: 0,
    });
    let view = centroids_view(group_centroids, shape.metric);
    let (codes, factors) = code(&quantizer, &view, group_centroids.rows())?;
    Ok(RangeRecords {
        groups: group_bytes,
        lists: list_bytes,
        entries,
        quantizer,
        codes,
        factors,
        key_bits,
    })
}

impl RangeRecords {
    /// The top, with the recall that was measured.
    pub fn top(&self, calibration: Option<&Calibration>) -> Vec<u8> {
        let groups = self.entries.len() as u32 - 1;
        let lists = self.entries[groups as usize].first_list;
        let points = calibration.map_or(&[][..], |calibration| &calibration.points);
        let (k, queries) =
            calibration.map_or((0, 0), |calibration| (calibration.k, calibration.queries));
        let mut bytes = Vec::new();
        for number in [lists, groups, self.key_bits, self.quantizer.scale.to_bits()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [points.len() as u32, k, queries, 0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.quantizer
            .centre
            .iter()
            .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        for GroupEntry { first_list, first_row, at, lists_at, hash } in &self.entries {
            bytes.extend_from_slice(&first_list.to_le_bytes());
            bytes.extend_from_slice(&first_row.to_le_bytes());
            for number in [at, lists_at, hash] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&self.codes);
        self.factors.iter().for_each(|factor| bytes.extend_from_slice(&factor.to_le_bytes()));
        for (probes, recall) in points {
            bytes.extend_from_slice(&probes.to_le_bytes());
            bytes.extend_from_slice(&recall.to_le_bytes());
        }
        bytes
    }
}

/// The centroids, under the metric by which lists are ranked.
fn centroids_view(centroids: &Vectors, metric: Metric) -> VectorsView<'_> {
    let shape = Shape { metric: list_metric(metric), ..centroids.shape() };
    VectorsView::new(centroids.bytes(), shape)
}

/// The codes of the first `rows` rows, and their factors.
fn code(quantizer: &Quantizer, view: &VectorsView<'_>, rows: u32) -> Result<(Vec<u8>, Vec<f32>)> {
    let stride = Width::Four.stride(view.dimensions());
    let mut codes = vec![0; rows as usize * stride];
    let mut factors = Vec::with_capacity(rows as usize);
    let mut values = vec![0.0; view.dimensions()];
    for (row, code) in (0..rows).zip(codes.chunks_exact_mut(stride)) {
        factors.push(quantizer.encode(view, row, &mut values, code)?);
    }
    Ok((codes, factors))
}

/// Writes codes, factors and checks of the rows of a list, whose centroid is in the scratch.
fn write_list(
    rows: &Rows<'_>,
    own: impl Iterator<Item = u32>,
    scratch: &mut Scratch,
) -> Result<Record> {
    let Scratch { centroid, values, residual, signs } = scratch;
    let shape = rows.vectors.shape();
    let view = rows.vectors.view();
    let mut turned = centroid.clone();
    rotate(&mut turned);
    let (mut bytes, mut factors, mut biases, mut checks) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for new in own {
        let row = rows.order[new as usize];
        values.resize(shape.dimensions, 0.0);
        coded_values(&view, row, values)?;
        residual.clear();
        residual.extend(values.iter().zip(&*centroid).map(|(value, centroid)| value - centroid));
        let along = measure_pair(Measure::Dot, residual, centroid);
        rotate(residual);
        push_signs(residual, &mut bytes);
        signs.clear();
        signs.extend(residual.iter().map(|value| if *value >= 0.0 { 1.0 } else { -1.0 }));
        let square = measure_pair(Measure::Dot, residual, residual);
        let sum = measure_pair(Measure::Dot, residual, signs);
        let factor = if sum > 0.0 && square.is_finite() { square / sum } else { 0.0 };
        let estimated = factor * measure_pair(Measure::Dot, &turned, signs);
        factors.push(factor);
        biases.push(match shape.metric {
            Metric::InnerProduct => estimated - along,
            _ => square + 2.0 * estimated,
        });
        checks.extend_from_slice(&check_of(rows.vectors.record(row)).to_le_bytes());
    }
    let scale = scale_down(&mut factors);
    let bias = scale_down(&mut biases);
    for values in [factors, biases] {
        let at = bytes.len();
        bytes.resize(at + 2 * values.len(), 0);
        Element::F16.encode(&values, &mut bytes[at..])?;
    }
    bytes.extend_from_slice(&checks);
    Ok(Record { bytes, guests: 0, scale, bias })
}

/// Divides the values by the greatest of them, so that binary16 holds them, and returns that.
fn scale_down(values: &mut [f32]) -> f32 {
    let greatest = values.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
    if !greatest.is_normal() {
        values.fill(0.0);
        return 0.0;
    }
    values.iter_mut().for_each(|value| *value /= greatest);
    greatest
}
