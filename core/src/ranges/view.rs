//! Reads the records of lists in a file: the top, groups and lists.

use super::list::{List, ListEntry, entry_len};
use super::list_metric;
use super::read::{Reader, WHAT, number};
use crate::calibration::{Calibration, Structure};
use crate::error::{OrCorrupt, Result, corrupt};
use crate::metric::Metric;
use crate::packed::{bits_below, packed_len};
use crate::quantize::{CodeMeaning, CodesView, Width};
use alloc::vec::Vec;

/// The bytes of the top before the parts that depend on dimensions and groups.
pub(super) const HEAD: usize = 32;

/// The bytes of a group's entry in the top.
pub(super) const ENTRY: usize = 32;

/// The bytes of a list's fields in its group's record, without its code.
pub(super) const FIELDS: usize = 28;

/// The place of a group's record, and what it contains.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GroupEntry {
    /// The number of its first list, and the first row of that list.
    pub first_list: u32,
    pub first_row: u32,
    /// The offset of its record among those of groups, and of its first list's record among those of lists.
    pub at: u64,
    pub lists_at: u64,
    pub hash: u64,
}

/// The directory of the groups.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    /// An entry for each group, and one for the end.
    entries: Vec<GroupEntry>,
    /// The bits of a row's key in the record of a list; 0 if records have no keys.
    pub key_bits: u32,
    centre: Vec<f32>,
    scale: f32,
    codes: Vec<u8>,
    factors: Vec<u8>,
    pub calibration: Option<Calibration>,
    metric: Metric,
    dimensions: usize,
    row_bits: u32,
}

impl Top {
    /// Reads the top of a segment with `rows` rows, whose records of groups and of lists have these lengths in
    /// bytes.
    pub fn read(
        bytes: &[u8],
        dimensions: usize,
        metric: Metric,
        rows: u32,
        (groups_len, lists_len): (u64, u64),
    ) -> Result<Self> {
        let mut reader = Reader(bytes);
        let (lists, groups) = (reader.u32()?, reader.u32()?);
        let key_bits = reader.u32()?;
        let scale = reader.f32()?;
        let (points, k, queries) = (reader.u32()?, reader.u32()?, reader.u32()?);
        reader.u32()?;
        let stride = Width::Four.stride(dimensions);
        let expected = HEAD as u64
            + 4 * dimensions as u64
            + (u64::from(groups) + 1) * ENTRY as u64
            + u64::from(groups) * (stride as u64 + 4)
            + u64::from(points) * 8;
        if bytes.len() as u64 != expected || groups > lists || lists > rows || key_bits > 32 {
            return Err(corrupt(WHAT));
        }
        let mut centre = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            centre.push(reader.f32()?);
        }
        let mut entries: Vec<GroupEntry> = Vec::with_capacity(groups as usize + 1);
        for _ in 0..=groups {
            let (first_list, first_row) = (reader.u32()?, reader.u32()?);
            let (at, lists_at, hash) = (reader.u64()?, reader.u64()?, reader.u64()?);
            entries.push(GroupEntry { first_list, first_row, at, lists_at, hash });
        }
        let record = (stride + FIELDS) as u64;
        let follows = |a: &GroupEntry, b: &GroupEntry| {
            a.first_list < b.first_list
                && a.first_row <= b.first_row
                && a.lists_at <= b.lists_at
                && b.at.checked_sub(a.at) == Some(u64::from(b.first_list - a.first_list) * record)
        };
        let first = GroupEntry { hash: entries[0].hash, ..GroupEntry::default() };
        let end = entries[groups as usize];
        let sound = entries.windows(2).all(|pair| follows(&pair[0], &pair[1]))
            && entries[0] == first
            && (end.first_list, end.first_row) == (lists, rows)
            && (end.at, end.lists_at) == (groups_len, lists_len);
        if !sound {
            return Err(corrupt(WHAT));
        }
        let codes = reader.bytes(groups as usize * stride)?.to_vec();
        let factors = reader.bytes(groups as usize * 4)?.to_vec();
        let mut measured = Vec::new();
        for _ in 0..points {
            measured.push((reader.u32()?, reader.f32()?));
        }
        let calibration = (points > 0).then_some(Calibration {
            structure: Structure::Ivf,
            k,
            queries,
            points: measured,
        });
        if let Some(calibration) = &calibration {
            Calibration::from_manifest(&calibration.to_manifest())?;
        }
        Ok(Self {
            entries,
            key_bits,
            centre,
            scale,
            codes,
            factors,
            calibration,
            metric,
            dimensions,
            row_bits: bits_below(rows.into()),
        })
    }

    /// The metric of the rows.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub fn groups(&self) -> u32 {
        self.entries.len() as u32 - 1
    }

    pub fn lists(&self) -> u32 {
        self.entries.last().map_or(0, |end| end.first_list)
    }

    /// The entry of a group, and the entry after it.
    pub fn group(&self, group: u32) -> Result<(GroupEntry, GroupEntry)> {
        let entry = |at: u32| self.entries.get(at as usize).copied().or_corrupt(WHAT);
        Ok((entry(group)?, entry(group + 1)?))
    }

    /// The group of a list.
    pub fn group_of(&self, list: u32) -> u32 {
        self.entries.partition_point(|entry| entry.first_list <= list).saturating_sub(1) as u32
    }

    /// The group of the list that a row is a host of.
    pub fn group_of_row(&self, row: u32) -> u32 {
        self.entries.partition_point(|entry| entry.first_row <= row).saturating_sub(1) as u32
    }

    fn meaning(&self) -> CodeMeaning<'_> {
        CodeMeaning { width: Width::Four, centre: &self.centre, scale: self.scale }
    }

    fn view<'c>(&'c self, codes: &'c [u8], factors: &'c [u8], count: u32) -> Result<CodesView<'c>> {
        CodesView::open(codes, factors, count, list_metric(self.metric), self.meaning())
    }

    /// The groups' centroids.
    pub fn centroids(&self) -> Result<CodesView<'_>> {
        self.view(&self.codes, &self.factors, self.groups())
    }

    /// Opens a group, whose record is `bytes`.
    pub fn open_group<'a>(&'a self, group: u32, bytes: &'a [u8]) -> Result<Group<'a>> {
        let (entry, next) = self.group(group)?;
        let count = next.first_list - entry.first_list;
        let mut reader = Reader(bytes);
        let mut column = |width: usize| reader.bytes(count as usize * width);
        let (hashes, hosts, guests) = (column(8)?, column(4)?, column(4)?);
        let (scales, biases, factors) = (column(4)?, column(4)?, column(4)?);
        let codes = column(Width::Four.stride(self.dimensions))?;
        if !reader.0.is_empty() {
            return Err(corrupt(WHAT));
        }
        let group = Group {
            top: self,
            entry,
            count,
            hashes,
            hosts,
            guests,
            scales,
            biases,
            factors,
            codes,
        };
        let mut end = (entry.first_row, entry.lists_at);
        for list in 0..count {
            let (hosts, guests) = (number(hosts, list as usize), number(guests, list as usize));
            let row = end.0.checked_add(hosts).or_corrupt(WHAT)?;
            end = (row, end.1 + self.list_len(hosts, guests));
        }
        if end != (next.first_row, next.lists_at) {
            return Err(corrupt(WHAT));
        }
        Ok(group)
    }

    /// The length of a list's record in bytes.
    pub fn list_len(&self, hosts: u32, guests: u32) -> u64 {
        let entries = u64::from(hosts) + u64::from(guests);
        entries * entry_len(self.dimensions)
            + packed_len(entries, self.key_bits)
            + packed_len(guests.into(), self.row_bits)
    }

    /// Opens a list, whose entry is from its group and whose record is `bytes`.
    pub fn open_list<'a>(&self, entry: ListEntry, bytes: &'a [u8]) -> Result<List<'a>> {
        List::open(entry, bytes, self.dimensions, (self.key_bits, self.row_bits))
    }
}

/// A group's record.
pub(crate) struct Group<'a> {
    top: &'a Top,
    entry: GroupEntry,
    count: u32,
    hashes: &'a [u8],
    hosts: &'a [u8],
    guests: &'a [u8],
    scales: &'a [u8],
    biases: &'a [u8],
    factors: &'a [u8],
    codes: &'a [u8],
}

impl Group<'_> {
    pub fn lists(&self) -> core::ops::Range<u32> {
        self.entry.first_list..self.entry.first_list + self.count
    }

    /// The centroids of the group's lists.
    pub fn centroids(&self) -> Result<CodesView<'_>> {
        self.top.view(self.codes, self.factors, self.count)
    }

    /// The entry of the list with this number.
    pub fn list(&self, list: u32) -> Result<ListEntry> {
        let own = list.checked_sub(self.entry.first_list).filter(|own| *own < self.count);
        let own = own.or_corrupt(WHAT)? as usize;
        let (mut at, mut first_row) = (self.entry.lists_at, self.entry.first_row);
        for before in 0..own {
            let hosts = number(self.hosts, before);
            at += self.top.list_len(hosts, number(self.guests, before));
            first_row += hosts;
        }
        let (hosts, guests) = (number(self.hosts, own), number(self.guests, own));
        let hash = self.hashes.as_chunks().0.get(own).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(ListEntry {
            at,
            length: self.top.list_len(hosts, guests),
            hash,
            first_row,
            hosts,
            guests,
            scale: f32::from_bits(number(self.scales, own)),
            bias: f32::from_bits(number(self.biases, own)),
        })
    }

    /// The list that a row is a host of.
    pub fn list_of_row(&self, row: u32) -> Result<u32> {
        let mut end = self.entry.first_row;
        for list in 0..self.count {
            end += number(self.hosts, list as usize);
            if row < end {
                return Ok(self.entry.first_list + list);
            }
        }
        Err(corrupt(WHAT))
    }

    /// The centroid from which the residuals of a list were computed.
    pub fn centroid(&self, list: u32, out: &mut Vec<f32>) -> Result<()> {
        let own = list.checked_sub(self.entry.first_list).filter(|own| *own < self.count);
        let stride = Width::Four.stride(self.top.dimensions);
        let at = own.or_corrupt(WHAT)? as usize * stride;
        decode(&self.codes[at..at + stride], self.top.meaning(), out);
        Ok(())
    }
}

/// Decodes a 4-bit code.
pub(super) fn decode(code: &[u8], meaning: CodeMeaning<'_>, out: &mut Vec<f32>) {
    let CodeMeaning { width, centre, scale } = meaning;
    let half = width.bytes(centre.len());
    out.clear();
    out.extend(centre.iter().enumerate().map(|(at, centre)| {
        let bits = if at < half { code[at] & 15 } else { code[at - half] >> 4 };
        centre + scale * f32::from(bits as i8 - width.added())
    }));
}
