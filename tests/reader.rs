//! A reader of index files, written from FORMAT.md. It is slow, reads everything, and panics where a file is
//! not as specified.

use half::f16;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

pub const COSINE: u8 = 1;
const NO_COLUMN: u32 = u32::MAX;

/// A key or a value: booleans are 0 and 1, doubles their bits.
#[derive(Debug, PartialEq)]
pub enum Cell {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
}

pub struct File<'a> {
    bytes: &'a [u8],
    pub content_id: u128,
    pub dimensions: usize,
    element: u8,
    pub metric: u8,
    key_type: u8,
    pub columns: Vec<(String, u8)>,
    pub segments: Vec<Segment>,
    sections: Vec<Section>,
}

pub struct Segment {
    number: u32,
    pub rows: usize,
    key_bits: usize,
    codes: u8,
    pub scale: f32,
    /// `m`, the number of edges, the nodes of each upper layer, the entry.
    hnsw: Option<(usize, usize, Vec<u32>, usize)>,
    lists: Option<usize>,
    removed: Vec<bool>,
}

struct Section {
    kind: u32,
    segment: u32,
    column: u32,
    offset: usize,
    length: usize,
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn float(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(number(bytes, at, 4) as u32)
}

/// The fewest bits that hold every number below `n`.
fn bits(n: usize) -> usize {
    (0..64).find(|&bits| n as u64 <= 1 << bits).unwrap()
}

/// Number `at` of numbers that are packed with this many bits each.
fn packed(bytes: &[u8], at: usize, bits: usize) -> usize {
    let bit = |bit: usize| usize::from(bytes[bit / 8] >> (bit % 8) & 1);
    (0..bits).map(|of| bit(at * bits + of) << of).sum()
}

fn has(bitmap: &[u8], row: usize) -> bool {
    bitmap.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// The fields of a record, each at its alignment.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn align(&mut self, alignment: usize) -> usize {
        self.at = self.at.next_multiple_of(alignment);
        self.at
    }

    fn number(&mut self, size: usize) -> u64 {
        let at = self.align(size);
        self.at += size;
        number(self.bytes, at, size)
    }

    fn u8(&mut self) -> u8 {
        self.number(1) as u8
    }

    fn u32(&mut self) -> u32 {
        self.number(4) as u32
    }

    /// The target of the next field, which is a pointer relative to its place, counted from `from`.
    fn pointer(&mut self, from: usize) -> usize {
        from.checked_add_signed(self.u32() as i32 as isize).unwrap()
    }

    fn list<T>(&mut self, alignment: usize, each: impl Fn(&mut Self) -> T) -> Vec<T> {
        let from = self.align(4);
        let at = self.pointer(from);
        let count = self.u32();
        let mut elements = Self { bytes: self.bytes, at };
        let element = |_| {
            elements.align(alignment);
            let element = each(&mut elements);
            elements.align(alignment);
            element
        };
        (0..count).map(element).collect()
    }

    fn text(&mut self) -> String {
        let from = self.align(4);
        let bytes = if self.bytes[from] >> 6 == 0b10 {
            let length = self.u32() as usize;
            let at = self.pointer(from);
            &self.bytes[at..at + (length & 0x3F | (length & !0xFF) >> 2)]
        } else {
            self.at += 8;
            self.bytes[from..from + 8].split(|&byte| byte == 0xFF).next().unwrap()
        };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// An optional record of this size and alignment.
    fn option<T>(
        &mut self,
        alignment: usize,
        size: usize,
        read: impl Fn(&mut Self) -> T,
    ) -> Option<T> {
        let at = self.align(alignment);
        let value = (self.bytes[at] == 1)
            .then(|| read(&mut Self { bytes: self.bytes, at: at + alignment }));
        self.at = at + alignment + size;
        value
    }
}

impl<'a> File<'a> {
    /// Reads everything that has a checksum, and checks it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let check = |holds: bool, what: &str| holds.then_some(()).ok_or(what.to_string());
        check(bytes[..8] == [0x89, 0x48, 0x54, 0x52, 0x0D, 0x0A, 0x1A, 0x0A], "magic")?;
        check(number(bytes, 8, 4) == 1 && number(bytes, 12, 4) == 0, "version")?;
        check(number(bytes, 16, 8) == bytes.len() as u64, "length")?;
        check(number(bytes, 24, 8) == 64, "the manifest's offset")?;
        check(number(bytes, 56, 8) == xxh3_64(&bytes[..56]), "the header's checksum")?;
        let manifest = &bytes[64..64 + number(bytes, 32, 8) as usize];
        let content_id = u128::from_le_bytes(bytes[40..56].try_into().unwrap());
        check(content_id == xxh3_128(manifest), "the content id")?;

        // Numbers, a list, Build (seed, two options, codes), three lists.
        let build = 8 + 12 + 8 + 4;
        let size = 8 + 8 + build + 24;
        let mut fields = Fields { bytes: manifest, at: manifest.len() - size };
        let dimensions = fields.u32() as usize;
        let (element, metric, key_type, _) = (fields.u8(), fields.u8(), fields.u8(), fields.u8());
        let columns = fields.list(4, |column| (column.text(), column.u8()));
        fields.at += build;
        fields.list(4, |property| (property.text(), property.text()));
        let mut segments = fields.list(8, |segment| {
            let (rows, _removed) = (segment.u32() as usize, segment.u32());
            let (key_bits, codes) = (segment.u32() as usize, segment.u8());
            let scale = f32::from_bits(segment.u32());
            let hnsw = segment.option(8, 32, |hnsw| {
                let (m, edges) = (hnsw.u32() as usize, hnsw.number(8) as usize);
                (m, edges, hnsw.list(4, Fields::u32), hnsw.u32() as usize)
            });
            let lists = segment.option(4, 4, |ivf| ivf.u32() as usize);
            segment.list(4, |calibration| {
                let head = (calibration.u8(), calibration.u32(), calibration.u32());
                (head, calibration.list(4, Fields::u32), calibration.list(4, Fields::u32))
            });
            Segment { number: 0, rows, key_bits, codes, scale, hnsw, lists, removed: vec![] }
        });
        let mut sums = Vec::new();
        let sections = fields.list(8, |section| {
            let (segment, column, kind) = (section.u32(), section.u32(), section.u32());
            let (_required, log2) = (section.u8(), section.u8());
            let [offset, length, checksums] = [(); 3].map(|()| section.number(8) as usize);
            let pages = section.list(8, |page| page.number(8));
            (Section { kind, segment, column, offset, length }, log2, checksums, pages)
        });
        check(fields.align(8) == manifest.len(), "the manifest's length")?;
        for (section, log2, checksums, pages) in sections {
            check(section.offset.is_multiple_of(64), "a section's offset")?;
            let content = &bytes[section.offset..section.offset + section.length];
            for (at, block) in content.chunks(1 << log2).enumerate() {
                check(number(bytes, checksums + 8 * at, 8) == xxh3_64(block), "a block")?;
            }
            let count = section.length.div_ceil(1 << log2);
            let hashes = bytes[checksums..checksums + 8 * count].chunks(4096).map(xxh3_64);
            check(hashes.eq(pages), "a page of checksums")?;
            sums.push(section);
        }
        let mut file = Self {
            bytes,
            content_id,
            dimensions,
            element,
            metric,
            key_type,
            columns,
            segments: Vec::new(),
            sections: sums,
        };
        for (at, segment) in segments.iter_mut().enumerate() {
            segment.number = at as u32;
            let removed = file.section(segment, 1, NO_COLUMN);
            segment.removed = (0..segment.rows).map(|row| has(removed, row)).collect();
        }
        file.segments = segments;
        Ok(file)
    }

    fn section(&self, segment: &Segment, kind: u32, column: u32) -> &'a [u8] {
        let wanted = (kind, segment.number, column);
        let found = self.sections.iter().find(|s| (s.kind, s.segment, s.column) == wanted);
        found.map_or(&[], |found| &self.bytes[found.offset..found.offset + found.length])
    }

    fn of(&self, segment: &Segment, kind: u32) -> &'a [u8] {
        self.section(segment, kind, NO_COLUMN)
    }

    pub fn vector(&self, segment: &Segment, row: usize) -> Vec<f32> {
        if segment.codes == 2 {
            let (decoded, _) = self.decoded(segment, row).unwrap();
            return decoded;
        }
        let (size, alignment) = if self.element == 0 { (4, 64) } else { (2, 4) };
        let factor = if self.metric == COSINE { 4 } else { 0 };
        let stride = (self.dimensions * size + factor).next_multiple_of(alignment);
        let row = &self.of(segment, 16)[row * stride..][..stride];
        let value = |at| match size {
            4 => float(row, 4 * at),
            _ => f16::from_bits(number(row, 2 * at, 2) as u16).to_f32(),
        };
        (0..self.dimensions).map(value).collect()
    }

    /// The decoded values of a row, and its factor; none without codes.
    pub fn decoded(&self, segment: &Segment, row: usize) -> Option<(Vec<f32>, Option<f32>)> {
        let (codes, a_row) = match segment.codes {
            0 => return None,
            3 => (self.of(segment, 22), self.dimensions.div_ceil(2)),
            _ => (self.of(segment, 8), self.dimensions),
        };
        let factors = self.of(segment, 19);
        let mut stride = a_row.next_multiple_of(16);
        if factors.is_empty() && codes.len() != segment.rows * stride {
            stride = (a_row + 4).next_multiple_of(16); // an older file
        }
        assert_eq!(codes.len(), segment.rows * stride);
        let record = &codes[row * stride..][..stride];
        let code = |at: usize| match segment.codes {
            3 if at < a_row => i32::from(record[at] & 15) - 8,
            3 => i32::from(record[at - a_row] >> 4) - 8,
            _ => i32::from(record[at] as i8),
        };
        let centre = self.of(segment, 2);
        let value = |at| float(centre, 4 * at) + segment.scale * code(at) as f32;
        let factor = match self.metric {
            2 => None,
            _ if factors.is_empty() => Some(float(record, a_row)),
            _ => Some(float(factors, 4 * row)),
        };
        Some(((0..self.dimensions).map(value).collect(), factor))
    }

    pub fn key(&self, segment: &Segment, row: usize) -> Cell {
        let keys = self.of(segment, 9);
        match self.key_type {
            0 if keys.is_empty() => Cell::Number(row as i64),
            0 => Cell::Number(packed(keys, row, segment.key_bits) as i64),
            1 => Cell::Number(number(keys, 8 * row, 8) as i64),
            2 => Cell::Bytes(keys[16 * row..][..16].to_vec()),
            _ => {
                let offsets = self.of(segment, 10);
                let offset = |at| number(offsets, 8 * at, 8) as usize;
                Cell::Bytes(keys[offset(row)..offset(row + 1)].to_vec())
            }
        }
    }

    pub fn value(&self, segment: &Segment, row: usize, column: usize) -> Cell {
        let of = |kind| self.section(segment, kind, column as u32);
        let (nulls, values) = (of(13), of(18));
        if !nulls.is_empty() && !has(nulls, row) {
            return Cell::Null;
        }
        // Offsets have 4 bytes where they refer to less than 4 GiB, as here.
        let dictionary = of(14);
        match self.columns[column].1 {
            0 => Cell::Number(has(values, row).into()),
            1 | 2 | 4 => Cell::Number(number(values, 8 * row, 8) as i64),
            5 => Cell::Bytes(values[16 * row..][..16].to_vec()),
            _ if !dictionary.is_empty() => {
                let entries = dictionary.len() / 8 - 1;
                let width = if entries <= 256 { 1 } else { 2 };
                let entry = number(values, width * row, width) as usize;
                let place = |entry| number(dictionary, 8 * entry, 4) as usize;
                Cell::Bytes(of(15)[place(entry)..place(entry + 1)].to_vec())
            }
            _ => {
                let place = |row| number(of(17), 4 * row, 4) as usize;
                Cell::Bytes(values[place(row)..place(row + 1)].to_vec())
            }
        }
    }

    /// The row of the base layer at which a search begins: it descends from the entry.
    pub fn base_entry(&self, segment: &Segment) -> Option<usize> {
        let (m, _, layers, entry) = segment.hnsw.as_ref()?;
        let upper = self.of(segment, 3);
        let mut position = *entry;
        for layer in (0..layers.len()).rev() {
            let before: u32 = layers[..layer].iter().sum();
            let record = (before as usize + position) * 4 * (2 + m);
            let row = number(upper, record, 4) as usize;
            position = number(upper, record + 4, 4) as usize;
            assert!(layer > 0 || position == row, "layer 1 leads to its rows");
        }
        Some(position)
    }

    pub fn neighbors(&self, segment: &Segment, row: usize) -> Vec<usize> {
        let (m, edges, ..) = segment.hnsw.as_ref().unwrap();
        let (records, id) = (self.of(segment, 21), bits(segment.rows));
        if !records.is_empty() {
            let size = 1 + (2 * m * id).div_ceil(8);
            assert_eq!(records.len(), segment.rows * size + 8);
            let record = &records[row * size..][..size];
            return (0..record[0].into()).map(|at| packed(&record[1..], at, id)).collect();
        }
        let (offsets, ids) = (self.of(segment, 6), self.of(segment, 7));
        let before = |row| packed(offsets, row, bits(edges + 1));
        (before(row)..before(row + 1)).map(|at| packed(ids, at, id)).collect()
    }

    pub fn is_copy(&self, segment: &Segment, row: usize) -> bool {
        has(self.of(segment, 20), row)
    }

    /// The first row of each list, and the number of rows.
    pub fn lists(&self, segment: &Segment) -> Option<Vec<u32>> {
        let lists = segment.lists?;
        let section = self.of(segment, 5);
        Some((0..=lists).map(|list| number(section, 4 * list, 4) as u32).collect())
    }
}

impl Segment {
    /// The rows that are not removed.
    pub fn live(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).filter(|&row| !self.removed[row])
    }
}
