//! A stored column, read in place.

use super::zones::{Zone, encode_zones, value_key, zones_len};
use super::{ColumnSchema, ColumnSections, ColumnType, ValueRef, code_width, offset_width};
use crate::error::{OrCorrupt, Result, corrupt};
use alloc::vec;

const WHAT: &str = "a column";

/// A stored column with its name.
#[derive(Clone, Debug)]
pub(crate) struct ColumnView<'a> {
    pub schema: ColumnSchema,
    pub cells: Cells<'a>,
}

impl<'a> ColumnView<'a> {
    /// Checks that the sections have the lengths that `rows` rows take, and nothing else.
    pub fn new(
        schema: ColumnSchema,
        sections: ColumnSections<&'a [u8]>,
        rows: u32,
    ) -> Result<Self> {
        let cells = Cells::new(schema.column_type, sections, rows)?;
        Ok(Self { schema, cells })
    }

    /// The value of a row.
    pub fn get(&self, row: u32) -> Result<ValueRef<'a>> {
        self.cells.get(row)
    }

    /// Checks every offset, code and text, and that dictionary and zones agree with the values.
    pub fn verify(&self) -> Result<()> {
        self.cells.verify()
    }
}

/// The values of a stored column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    pub column_type: ColumnType,
    pub layout: Layout,
    pub rows: u32,
    sections: ColumnSections<&'a [u8]>,
}

/// The layout of the values in their section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A bit a row.
    Bits,
    /// 8 bytes a row, integers or timestamps.
    Ints,
    /// 8 bytes a row, doubles.
    Floats,
    /// 16 bytes a row.
    Uuids,
    /// Bytes, found by their offsets.
    Blobs,
    /// Codes of a dictionary with this many entries.
    Codes(u32),
}

impl<'a> Cells<'a> {
    fn new(column_type: ColumnType, sections: ColumnSections<&'a [u8]>, rows: u32) -> Result<Self> {
        const WHAT: &str = "the size of a column";
        let ColumnSections { validity, values, offsets, dictionary_offsets, dictionary, zones } =
            sections;
        let layout = match column_type {
            ColumnType::Bool => Layout::Bits,
            ColumnType::Int64 | ColumnType::Timestamp => Layout::Ints,
            ColumnType::Float64 => Layout::Floats,
            ColumnType::Uuid => Layout::Uuids,
            ColumnType::Text if !dictionary_offsets.is_empty() => {
                let stride = offset_width(dictionary.len()) + 4;
                let entries =
                    (dictionary_offsets.len() / stride).checked_sub(1).or_corrupt(WHAT)?;
                Layout::Codes(u32::try_from(entries).map_err(|_| corrupt(WHAT))?)
            }
            ColumnType::Text | ColumnType::Bytes | ColumnType::Json => Layout::Blobs,
        };
        let count = u64::from(rows);
        let bitmap = count.div_ceil(8);
        // Lengths of values, offsets and dictionary offsets; the other sections are only checked.
        let (mut values_len, mut offsets_len, mut entries_len) = (0, 0, 0);
        match layout {
            _ if rows == 0 => {}
            Layout::Bits => values_len = bitmap,
            Layout::Ints | Layout::Floats => values_len = 8 * count,
            Layout::Uuids => values_len = 16 * count,
            Layout::Blobs => {
                values_len = values.len() as u64;
                offsets_len = (count + 1) * offset_width(values.len()) as u64;
            }
            Layout::Codes(entries) => {
                values_len = count * code_width(entries as usize) as u64;
                let stride = offset_width(dictionary.len()) as u64 + 4;
                entries_len = (u64::from(entries) + 1) * stride;
            }
        }
        let sound = (validity.is_empty() || validity.len() as u64 == bitmap)
            && values.len() as u64 == values_len
            && offsets.len() as u64 == offsets_len
            && dictionary_offsets.len() as u64 == entries_len
            && (entries_len > 0 || dictionary.is_empty())
            && zones.len() as u64 == zones_len(rows);
        sound.then_some(Self { column_type, layout, rows, sections }).or_corrupt(WHAT)
    }

    /// Which of the 64 rows from `64 * word` on have a value, the first in the lowest bit.
    pub fn validity(&self, word: usize) -> u64 {
        let validity = self.sections.validity;
        if validity.is_empty() { u64::MAX } else { bitmap_word(validity, word) }
    }

    /// The bits of 64 rows of a bool column.
    pub fn bits(&self, word: usize) -> u64 {
        bitmap_word(self.sections.values, word)
    }

    /// The values, of `N` bytes each, of the 64 rows from `64 * word` on, or of as many as there are.
    pub fn records<const N: usize>(&self, word: usize) -> &'a [[u8; N]] {
        let records = self.sections.values.as_chunks().0;
        let first = (64 * word).min(records.len());
        &records[first..records.len().min(first + 64)]
    }

    /// Bytes of one code of the dictionary.
    pub fn code_width(&self) -> usize {
        match self.layout {
            Layout::Codes(entries) => code_width(entries as usize),
            _ => 0,
        }
    }

    pub fn is_null(&self, row: u32) -> Result<bool> {
        if row >= self.rows {
            return Err(corrupt("a row number"));
        }
        Ok(self.validity(row as usize / 64) >> (row % 64) & 1 == 0)
    }

    /// The value of a row.
    pub fn get(&self, row: u32) -> Result<ValueRef<'a>> {
        if self.is_null(row)? {
            return Ok(ValueRef::Null);
        }
        let text = |row| str::from_utf8(self.blob(row)?).map_err(|_| corrupt(WHAT));
        Ok(match self.column_type {
            ColumnType::Bool => ValueRef::Bool(self.bit(row)),
            ColumnType::Int64 => ValueRef::Int64(i64::from_le_bytes(self.record(row)?)),
            ColumnType::Float64 => ValueRef::Float64(f64::from_le_bytes(self.record(row)?)),
            ColumnType::Timestamp => ValueRef::Timestamp(i64::from_le_bytes(self.record(row)?)),
            ColumnType::Uuid => ValueRef::Uuid(self.record(row)?),
            ColumnType::Text => ValueRef::Text(text(row)?),
            ColumnType::Bytes => ValueRef::Bytes(self.blob(row)?),
            ColumnType::Json => ValueRef::Json(text(row)?),
        })
    }

    /// The ordered key of a row that is not null, where equal keys mean equal values; see [`super::zones`].
    pub fn key(&self, row: u32) -> Result<u64> {
        Ok(match self.layout {
            Layout::Bits => self.bit(row).into(),
            Layout::Ints => super::int_key(i64::from_le_bytes(self.record(row)?)),
            Layout::Floats => super::float_key(f64::from_le_bytes(self.record(row)?)),
            Layout::Codes(_) => self.code(row)?.into(),
            Layout::Uuids | Layout::Blobs => return Err(corrupt(WHAT)),
        })
    }

    /// The bytes of the text, bytes, JSON or UUID of a row that is not null.
    pub fn blob(&self, row: u32) -> Result<&'a [u8]> {
        match self.layout {
            Layout::Uuids => {
                let record: Option<&[u8; 16]> = self.record_ref(row);
                record.map(<[u8; 16]>::as_slice).or_corrupt(WHAT)
            }
            Layout::Codes(_) => self.entry(self.code(row)?),
            _ => {
                let width = offset_width(self.sections.values.len());
                let place = |at| number(self.sections.offsets, at * width, width);
                let at = row as usize;
                slice(self.sections.values, place(at), place(at + 1)).or_corrupt(WHAT)
            }
        }
    }

    /// A text of the dictionary.
    pub fn entry(&self, code: u32) -> Result<&'a [u8]> {
        let places = self.place(code).zip(code.checked_add(1).and_then(|next| self.place(next)));
        let text =
            places.and_then(|(from, to)| slice(self.sections.dictionary, Some(from), Some(to)));
        text.or_corrupt("the dictionary of a column")
    }

    /// How many rows have a dictionary code below `code`.
    pub fn rows_below(&self, code: u32) -> Option<u32> {
        let width = offset_width(self.sections.dictionary.len());
        let at = (code as usize).checked_mul(width + 4)?;
        number(self.sections.dictionary_offsets, at + width, 4).map(|rows| rows as u32)
    }

    /// Zone number `number`.
    pub fn zone(&self, number: u32) -> Result<Zone> {
        let zone = Zone::read(self.sections.zones, number);
        zone.or_corrupt("the zones of a column")
    }

    fn bit(&self, row: u32) -> bool {
        self.bits(row as usize / 64) >> (row % 64) & 1 == 1
    }

    fn record_ref<const N: usize>(&self, row: u32) -> Option<&'a [u8; N]> {
        self.sections.values.as_chunks().0.get(row as usize)
    }

    fn record<const N: usize>(&self, row: u32) -> Result<[u8; N]> {
        self.record_ref(row).copied().or_corrupt(WHAT)
    }

    fn code(&self, row: u32) -> Result<u32> {
        let width = self.code_width();
        let code = number(self.sections.values, row as usize * width, width);
        code.map(|code| code as u32).or_corrupt(WHAT)
    }

    /// The offset of a dictionary entry.
    fn place(&self, code: u32) -> Option<u64> {
        let width = offset_width(self.sections.dictionary.len());
        number(self.sections.dictionary_offsets, (code as usize).checked_mul(width + 4)?, width)
    }

    fn verify(&self) -> Result<()> {
        match self.layout {
            _ if self.rows == 0 => return Ok(()),
            Layout::Blobs => {
                let ColumnSections { values, offsets, .. } = self.sections;
                let width = offset_width(values.len());
                let last = number(offsets, self.rows as usize * width, width);
                // Every byte is checked as part of some row, null rows included.
                (0..self.rows).try_for_each(|row| self.blob(row).map(drop))?;
                if number(offsets, 0, width) != Some(0) || last != Some(values.len() as u64) {
                    return Err(corrupt(WHAT));
                }
            }
            Layout::Codes(entries) => self.verify_dictionary(entries)?,
            _ => {}
        }
        let zones = encode_zones(self.rows, |row| match self.get(row)? {
            ValueRef::Null => Ok(None),
            _ if matches!(self.layout, Layout::Codes(_)) => self.key(row).map(Some),
            value => Ok(value_key(value)),
        })?;
        if zones != self.sections.zones {
            return Err(corrupt("the zones of a column"));
        }
        Ok(())
    }

    fn verify_dictionary(&self, entries: u32) -> Result<()> {
        const WHAT: &str = "the dictionary of a column";
        let mut counts = vec![0_u32; entries as usize];
        for row in 0..self.rows {
            if !self.is_null(row)? {
                *counts.get_mut(self.code(row)? as usize).or_corrupt(WHAT)? += 1;
            }
        }
        let mut before = None;
        let mut rows_below = 0;
        for (code, count) in counts.iter().enumerate() {
            let text = self.entry(code as u32)?;
            let sound = str::from_utf8(text).is_ok()
                && before.is_none_or(|before| before < text)
                && self.rows_below(code as u32) == Some(rows_below);
            if !sound {
                return Err(corrupt(WHAT));
            }
            before = Some(text);
            rows_below += count;
        }
        let whole = self.place(0) == Some(0)
            && self.place(entries) == Some(self.sections.dictionary.len() as u64)
            && self.rows_below(entries) == Some(rows_below);
        whole.then_some(()).or_corrupt(WHAT)
    }
}

/// The number of `width` bytes, 1 to 8, at offset `at`.
pub(crate) fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(match *bytes {
        [a] => a.into(),
        [a, b] => u16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        _ => u64::from_le_bytes(*bytes.first_chunk()?),
    })
}

fn slice(bytes: &[u8], from: Option<u64>, to: Option<u64>) -> Option<&[u8]> {
    bytes.get(usize::try_from(from?).ok()?..usize::try_from(to?).ok()?)
}

/// 64 bits of a bitmap; zeros beyond its end.
fn bitmap_word(bitmap: &[u8], word: usize) -> u64 {
    let bytes = bitmap.get(8 * word..).unwrap_or_default();
    if let Some(bytes) = bytes.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}
