//! Keys, values and vectors of rows, read by ranges.

use super::cache::{Cache, Check, Unit};
use super::open::{KnownKeys, LazyIndex, LazySegment, Opened, part};
use super::{Missing, poll};
use crate::archive::Kind;
use crate::archive::manifest::{NO_COLUMN, Section};
use crate::column::{ColumnType, Value, code_width, number, offset_width, unknown_column};
use crate::error::{OrCorrupt, Result, corrupt};
use crate::hnsw::search::{Halt, Step};
use crate::key::{Key, KeyType, MAX_KEY_BITS};
use crate::neighbor::RowId;
use crate::packed::unpack;
use crate::vectors::VectorsView;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::Poll;

const KEYS: &str = "keys";
const COLUMN: &str = "a column";

impl Opened {
    pub(super) fn segment(&self, row: RowId) -> Result<&LazySegment> {
        let segment = self.segments.get(row.segment as usize);
        segment.filter(|segment| row.row < segment.rows).or_corrupt("a row number")
    }

    pub(super) fn section(&self, segment: u32, column: u32, kind: Kind) -> Result<&Section> {
        let what = kind.name();
        self.start.section(segment, column, kind).or_corrupt(what)
    }

    /// The key of a row: a known one, or from blocks of the sections of keys.
    pub(super) fn key(
        &self,
        segment: &LazySegment,
        row: u32,
        known: &KnownKeys,
        cache: &mut Cache,
    ) -> Step<Key, Missing> {
        if let Some(key) = known.get(&(segment.number, row)) {
            return Ok(Key::Int64((*key).into()));
        }
        let section = |kind| self.start.section(segment.number, NO_COLUMN, kind);
        let Some(keys) = section(Kind::Keys) else {
            return match self.options.key_type {
                // The keys are the numbers of the rows.
                KeyType::RowNumber => Ok(Key::Int64(row.into())),
                // All keys are empty, so there is one.
                KeyType::Text => Ok(Key::Text(String::new())),
                _ => Err(corrupt(KEYS).into()),
            };
        };
        let at = u64::from(row);
        Ok(match self.options.key_type {
            KeyType::RowNumber if segment.key_bits > MAX_KEY_BITS => {
                return Err(corrupt(KEYS).into());
            }
            KeyType::RowNumber => {
                let bits = u64::from(segment.key_bits);
                let (first, last) = (at * bits, (at + 1) * bits);
                let bytes = part(keys, first / 8..last.div_ceil(8), cache)?;
                Key::Int64(unpack(&bytes, first, segment.key_bits) as i64)
            }
            KeyType::Int64 => {
                let bytes = part(keys, at * 8..at * 8 + 8, cache)?;
                Key::Int64(i64::from_le_bytes(*bytes.first_chunk().or_corrupt(KEYS)?))
            }
            KeyType::Uuid => {
                let bytes = part(keys, at * 16..at * 16 + 16, cache)?;
                Key::Uuid(*bytes.first_chunk().or_corrupt(KEYS)?)
            }
            KeyType::Text => {
                let offsets = section(Kind::KeyOffsets).or_corrupt(KEYS)?;
                let places = part(offsets, at * 8..at * 8 + 16, cache)?;
                let (first, last) = (number(&places, 0, 8), number(&places, 8, 8));
                let range = first.or_corrupt(KEYS)?..last.or_corrupt(KEYS)?;
                let text = part(keys, range, cache)?;
                Key::Text(String::from_utf8(text).map_err(|_| corrupt(KEYS))?)
            }
        })
    }

    fn value(
        &self,
        segment: &LazySegment,
        column: u32,
        row: u32,
        cache: &mut Cache,
    ) -> Step<Value, Missing> {
        let schema = self.options.columns.get(column as usize).or_corrupt(COLUMN)?;
        let find = |kind| self.start.section(segment.number, column, kind);
        let at = u64::from(row);
        let mut is_missing = false;
        if let Some(validity) = find(Kind::ColumnValidity) {
            match part(validity, at / 8..at / 8 + 1, cache) {
                Ok(byte) if byte[0] >> (row % 8) & 1 == 0 => return Ok(Value::Null),
                // The bytes below are requested in the same round trip.
                Err(Halt::Missing(Missing)) => is_missing = true,
                other => drop(other?),
            }
        }
        let Some(values) = find(Kind::ColumnValues) else {
            return match schema.column_type {
                // All values are empty, or null.
                _ if is_missing => Err(Halt::Missing(Missing)),
                ColumnType::Text => Ok(Value::Text(String::new())),
                ColumnType::Bytes => Ok(Value::Bytes(Vec::new())),
                ColumnType::Json => Ok(Value::Json(String::new())),
                _ => Err(corrupt(COLUMN).into()),
            };
        };
        let width = match schema.column_type {
            ColumnType::Bool => 0,
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 8,
            ColumnType::Uuid => 16,
            ColumnType::Text | ColumnType::Bytes | ColumnType::Json => {
                return self.blob(segment, column, row, is_missing, cache);
            }
        };
        let range = if width == 0 { at / 8..at / 8 + 1 } else { at * width..(at + 1) * width };
        let bytes = part(values, range, cache)?;
        if is_missing {
            return Err(Halt::Missing(Missing));
        }
        let eight = || bytes.first_chunk().or_corrupt(COLUMN);
        Ok(match schema.column_type {
            ColumnType::Bool => Value::Bool(bytes[0] >> (row % 8) & 1 == 1),
            ColumnType::Int64 => Value::Int64(i64::from_le_bytes(*eight()?)),
            ColumnType::Timestamp => Value::Timestamp(i64::from_le_bytes(*eight()?)),
            ColumnType::Float64 => Value::Float64(f64::from_le_bytes(*eight()?)),
            _ => Value::Uuid(*bytes.first_chunk().or_corrupt(COLUMN)?),
        })
    }

    /// Text, bytes or JSON.
    fn blob(
        &self,
        segment: &LazySegment,
        column: u32,
        row: u32,
        is_missing: bool,
        cache: &mut Cache,
    ) -> Step<Value, Missing> {
        let schema = self.options.columns.get(column as usize).or_corrupt(COLUMN)?;
        let find = |kind| self.start.section(segment.number, column, kind);
        let values = find(Kind::ColumnValues).or_corrupt(COLUMN)?;
        let at = u64::from(row);
        let bytes = match find(Kind::ColumnDictionaryOffsets) {
            Some(offsets) if schema.column_type == ColumnType::Text => {
                let length = find(Kind::ColumnDictionary).map_or(0, |section| section.length);
                let width = offset_width(length as usize) as u64;
                let stride = width + 4;
                let entries = (offsets.length / stride).checked_sub(1).or_corrupt(COLUMN)?;
                let code = code_width(entries as usize) as u64;
                let bytes = part(values, at * code..(at + 1) * code, cache)?;
                let code = number(&bytes, 0, code as usize).or_corrupt(COLUMN)?;
                let places = part(offsets, code * stride..code * stride + stride + width, cache)?;
                let place = |at| number(&places, at, width as usize).or_corrupt(COLUMN);
                let range = place(0)?..place(stride as usize)?;
                match find(Kind::ColumnDictionary) {
                    Some(dictionary) => part(dictionary, range, cache)?,
                    None => Vec::new(),
                }
            }
            _ => {
                let offsets = find(Kind::ColumnOffsets).or_corrupt(COLUMN)?;
                let width = offset_width(values.length as usize);
                let stride = width as u64;
                let places = part(offsets, at * stride..(at + 2) * stride, cache)?;
                let place = |at| number(&places, at, width).or_corrupt(COLUMN);
                part(values, place(0)?..place(width)?, cache)?
            }
        };
        if is_missing {
            return Err(Halt::Missing(Missing));
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| corrupt(COLUMN));
        Ok(match schema.column_type {
            ColumnType::Bytes => Value::Bytes(bytes),
            ColumnType::Json => Value::Json(text(bytes)?),
            _ => Value::Text(text(bytes)?),
        })
    }

    /// The record of a row's vector, whose hash is known.
    pub(super) fn vector_unit(&self, segment: &LazySegment, row: u32, check: u32) -> Result<Unit> {
        let section = self.section(segment.number, NO_COLUMN, Kind::Vectors)?;
        let stride = self.options.shape().stride() as u64;
        let offset = section.offset + u64::from(row) * stride;
        Ok(Unit { offset, length: stride, check: Check::Short(check), what: "a vector" })
    }
}

impl LazyIndex {
    /// The key of a row.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the index has no such row, or the file is damaged.
    pub fn key(&self, row: RowId) -> Result<Poll<Key>> {
        let opened = self.opened()?;
        let segment = opened.segment(row)?;
        poll(opened.key(segment, row.row, &self.known.borrow(), &mut self.cache.borrow_mut()))
    }

    /// A row's value in column number `column`.
    ///
    /// # Errors
    /// Those of [`key`](Self::key), and [`ErrorKind::UnknownColumn`](crate::ErrorKind::UnknownColumn).
    pub fn value(&self, row: RowId, column: usize) -> Result<Poll<Value>> {
        let opened = self.opened()?;
        let segment = opened.segment(row)?;
        if column >= opened.options.columns.len() {
            let name = format!("number {column}");
            return Err(unknown_column(&opened.options.columns, name));
        }
        poll(opened.value(segment, column as u32, row.row, &mut self.cache.borrow_mut()))
    }

    /// The stored vector of a row, one value a dimension. A vector that a search has measured is not read again
    /// while it is kept.
    ///
    /// # Errors
    /// Those of [`key`](Self::key).
    pub fn vector(&self, row: RowId) -> Result<Poll<Vec<f32>>> {
        let opened = self.opened()?;
        let segment = opened.segment(row)?;
        let read = || -> Step<Vec<f32>, Missing> {
            let section = opened.section(row.segment, NO_COLUMN, Kind::Vectors)?;
            let shape = opened.options.shape();
            let stride = shape.stride() as u64;
            let first = u64::from(row.row) * stride;
            let mut cache = self.cache.borrow_mut();
            let record = match cache.checked(section.offset + first, stride) {
                Some(measured) => measured.to_vec(),
                None => part(section, first..first + stride, &mut cache)?,
            };
            let mut values = alloc::vec![0.0; shape.dimensions];
            VectorsView::new(&record, shape).get(0, &mut values)?;
            Ok(values)
        };
        debug_assert!(row.row < segment.rows);
        poll(read())
    }
}
