//! A column to which rows are appended.

use super::zones::{encode_zones, value_key};
use super::{ColumnSchema, ColumnSections, ColumnType, ValueRef, code_width, offset_width};
use crate::error::{ErrorKind, Result};
use crate::sort::sort_by;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;

/// The values of a column, appended row by row.
#[derive(Clone, Debug)]
pub(crate) struct ColumnBuilder {
    schema: ColumnSchema,
    values: Values,
    /// Bitmap of the rows that have a value.
    valid: Vec<u8>,
    rows: usize,
}

/// Compact values; those of null rows are zero or empty.
#[derive(Clone, Debug)]
enum Values {
    Bools(Vec<bool>),
    /// Integers, timestamps and doubles, as bits.
    Numbers(Vec<u64>),
    Uuids(Vec<[u8; 16]>),
    /// Text, bytes and JSON: the bytes of all rows, and the end of each.
    Blobs {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

impl ColumnBuilder {
    pub fn new(schema: ColumnSchema) -> Self {
        let values = match schema.column_type {
            ColumnType::Bool => Values::Bools(Vec::new()),
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => {
                Values::Numbers(Vec::new())
            }
            ColumnType::Uuid => Values::Uuids(Vec::new()),
            ColumnType::Text | ColumnType::Bytes | ColumnType::Json => {
                Values::Blobs { bytes: Vec::new(), ends: Vec::new() }
            }
        };
        Self { schema, values, valid: Vec::new(), rows: 0 }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Checks that the column takes `value`: null, a value of its type, or an integer for a column of doubles.
    pub fn check(&self, value: ValueRef<'_>) -> Result<()> {
        let column_type = self.schema.column_type;
        let fits = match value {
            ValueRef::Null => true,
            ValueRef::Int64(_) if column_type == ColumnType::Float64 => true,
            _ => value.type_name() == column_type.name(),
        };
        if fits {
            return Ok(());
        }
        let column = self.schema.name.clone();
        Err(ErrorKind::ColumnType { column, expected: column_type.name(), got: value.type_name() }
            .into())
    }

    /// Appends a row's value. Changes nothing if it does not fit.
    pub fn push(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.check(value)?;
        let is_float = self.schema.column_type == ColumnType::Float64;
        match &mut self.values {
            Values::Bools(bools) => bools.push(value == ValueRef::Bool(true)),
            Values::Numbers(numbers) => numbers.push(match value {
                ValueRef::Int64(value) if is_float => (value as f64).to_bits(),
                ValueRef::Int64(value) | ValueRef::Timestamp(value) => value as u64,
                ValueRef::Float64(value) => value.to_bits(),
                _ => 0,
            }),
            Values::Uuids(uuids) => uuids.push(match value {
                ValueRef::Uuid(value) => value,
                _ => [0; 16],
            }),
            Values::Blobs { bytes, ends } => {
                bytes.extend_from_slice(match value {
                    ValueRef::Text(value) | ValueRef::Json(value) => value.as_bytes(),
                    ValueRef::Bytes(value) => value,
                    _ => &[],
                });
                ends.push(bytes.len());
            }
        }
        push_bit(&mut self.valid, self.rows, value != ValueRef::Null);
        self.rows += 1;
        Ok(())
    }

    /// The value of row `row`, as it was pushed; null beyond the last row.
    pub fn get(&self, row: usize) -> ValueRef<'_> {
        if !self.is_valid(row) {
            return ValueRef::Null;
        }
        match (&self.values, self.schema.column_type) {
            (Values::Bools(bools), _) => ValueRef::Bool(bools[row]),
            (Values::Numbers(numbers), ColumnType::Int64) => ValueRef::Int64(numbers[row] as i64),
            (Values::Numbers(numbers), ColumnType::Timestamp) => {
                ValueRef::Timestamp(numbers[row] as i64)
            }
            (Values::Numbers(numbers), _) => ValueRef::Float64(f64::from_bits(numbers[row])),
            (Values::Uuids(uuids), _) => ValueRef::Uuid(uuids[row]),
            (Values::Blobs { .. }, ColumnType::Bytes) => ValueRef::Bytes(self.blob(row)),
            (Values::Blobs { .. }, column_type) => {
                let text = str::from_utf8(self.blob(row)).unwrap_or_default();
                match column_type {
                    ColumnType::Json => ValueRef::Json(text),
                    _ => ValueRef::Text(text),
                }
            }
        }
    }

    fn is_valid(&self, row: usize) -> bool {
        row < self.len() && self.valid[row / 8] >> (row % 8) & 1 == 1
    }

    /// The bytes of a row's text, bytes or JSON.
    fn blob(&self, row: usize) -> &[u8] {
        match &self.values {
            Values::Blobs { bytes, ends } if row < ends.len() => {
                &bytes[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]]
            }
            _ => &[],
        }
    }

    /// The sections of a column whose row i is the pushed row `order[i]`.
    pub fn encode(&self, order: &[u32]) -> ColumnSections<Vec<u8>> {
        let mut sections = ColumnSections::default();
        if order.is_empty() {
            return sections;
        }
        let rows = || order.iter().map(|&row| row as usize);
        if !rows().all(|row| self.is_valid(row)) {
            rows().enumerate().for_each(|(at, row)| {
                push_bit(&mut sections.validity, at, self.is_valid(row));
            });
        }
        let mut codes = None;
        match &self.values {
            Values::Bools(bools) => rows().enumerate().for_each(|(at, row)| {
                push_bit(&mut sections.values, at, bools[row]);
            }),
            Values::Numbers(numbers) => {
                for row in rows() {
                    sections.values.extend_from_slice(&numbers[row].to_le_bytes());
                }
            }
            Values::Uuids(uuids) => {
                rows().for_each(|row| sections.values.extend_from_slice(&uuids[row]));
            }
            Values::Blobs { .. } => {
                codes = self.encode_dictionary(order, &mut sections);
                if codes.is_none() {
                    self.encode_blobs(order, &mut sections);
                }
            }
        }
        let zones = encode_zones::<Infallible>(order.len() as u32, |at| {
            let row = order[at as usize] as usize;
            Ok(match &codes {
                Some(codes) => self.is_valid(row).then(|| codes[at as usize].into()),
                None => value_key(self.get(row)),
            })
        });
        let Ok(zones) = zones;
        ColumnSections { zones, ..sections }
    }

    fn encode_blobs(&self, order: &[u32], sections: &mut ColumnSections<Vec<u8>>) {
        let blobs = || order.iter().map(|&row| self.blob(row as usize));
        let width = offset_width(blobs().map(<[u8]>::len).sum());
        sections.offsets.extend_from_slice(&[0; 8][..width]);
        for blob in blobs() {
            sections.values.extend_from_slice(blob);
            push_number(&mut sections.offsets, sections.values.len() as u64, width);
        }
    }

    /// Encodes text with a dictionary and returns the codes, unless that takes at least as much room as the
    /// plain form.
    fn encode_dictionary(
        &self,
        order: &[u32],
        sections: &mut ColumnSections<Vec<u8>>,
    ) -> Option<Vec<u32>> {
        if self.schema.column_type != ColumnType::Text {
            return None;
        }
        // The rows that are not null, sorted by text.
        let text = |at: u32| self.blob(order[at as usize] as usize);
        let mut sorted: Vec<u32> = (0..order.len() as u32).collect();
        sorted.retain(|&at| self.is_valid(order[at as usize] as usize));
        let length = sorted.iter().map(|&at| text(at).len()).sum();
        let plain = length + (order.len() + 1) * offset_width(length);
        sort_by(&mut sorted, |&a, &b| text(a).cmp(text(b)));
        let mut codes = vec![0; order.len()];
        let (mut entries, mut bytes) = (0, 0);
        for (place, &at) in sorted.iter().enumerate() {
            if place == 0 || text(sorted[place - 1]) != text(at) {
                entries += 1;
                bytes += text(at).len();
            }
            codes[at as usize] = entries as u32 - 1;
        }
        let coded = bytes + entries * (offset_width(length) + 4);
        if coded + order.len() * code_width(entries) >= plain {
            return None;
        }
        let width = offset_width(bytes);
        let mut offset = |bytes: usize, rows_below: usize| {
            push_number(&mut sections.dictionary_offsets, bytes as u64, width);
            push_number(&mut sections.dictionary_offsets, rows_below as u64, 4);
        };
        for (place, &at) in sorted.iter().enumerate() {
            if place == 0 || text(sorted[place - 1]) != text(at) {
                offset(sections.dictionary.len(), place);
                sections.dictionary.extend_from_slice(text(at));
            }
        }
        offset(bytes, sorted.len());
        for &code in &codes {
            push_number(&mut sections.values, u64::from(code), code_width(entries));
        }
        Some(codes)
    }
}

/// Appends bit number `at` to a bitmap.
fn push_bit(bitmap: &mut Vec<u8>, at: usize, bit: bool) {
    if at.is_multiple_of(8) {
        bitmap.push(0);
    }
    if let Some(byte) = bitmap.last_mut() {
        *byte |= u8::from(bit) << (at % 8);
    }
}

/// Appends the low `width` bytes of a number.
fn push_number(out: &mut Vec<u8>, number: u64, width: usize) {
    out.extend_from_slice(&number.to_le_bytes()[..width]);
}
