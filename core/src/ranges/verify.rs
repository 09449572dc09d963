//! Checks the lists against the rows that they describe.

use super::check_of;
use super::read::WHAT;
use super::view::Top;
use crate::error::{OrCorrupt, Result, corrupt};
use crate::key::{KeyRef, KeysView};
use crate::vectors::VectorsView;
use xxhash_rust::xxh3::xxh3_64;

/// The sections of a segment's lists; empty if there are none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RangeSections<'a> {
    pub top: &'a [u8],
    pub groups: &'a [u8],
    pub lists: &'a [u8],
}

/// Checks every hash, and the number, key and check of every row.
pub(crate) fn verify(
    sections: RangeSections<'_>,
    vectors: &VectorsView<'_>,
    keys: &KeysView<'_>,
    rows: u32,
) -> Result<()> {
    let RangeSections { top, groups, lists } = sections;
    if top.is_empty() {
        return if groups.is_empty() && lists.is_empty() { Ok(()) } else { Err(corrupt(WHAT)) };
    }
    let lengths = (groups.len() as u64, lists.len() as u64);
    let top = Top::read(top, vectors.dimensions(), vectors.metric(), rows, lengths)?;
    for number in 0..top.groups() {
        let (entry, next) = top.group(number)?;
        let bytes = groups.get(entry.at as usize..next.at as usize).or_corrupt(WHAT)?;
        let group = top.open_group(number, bytes)?;
        let mut is_sound = xxh3_64(bytes) == entry.hash;
        for list in group.lists() {
            let entry = group.list(list)?;
            let bytes = lists.get(entry.at as usize..(entry.at + entry.length) as usize);
            let bytes = bytes.or_corrupt(WHAT)?;
            let members = top.open_list(entry, bytes)?;
            is_sound &= xxh3_64(bytes) == entry.hash;
            let mut last = None;
            for place in 0..members.len() {
                let row = members.row(place)?;
                let own = entry.first_row..entry.first_row + entry.hosts;
                let is_host = place < entry.hosts as usize;
                is_sound &= is_host == own.contains(&row)
                    && (is_host || last.is_none_or(|last| last < row))
                    && row < rows
                    && check_of(vectors.record(row)?) == members.check(place);
                if top.key_bits > 0 {
                    is_sound &= keys.get(row)? == KeyRef::Int64(members.key(place)?.into());
                }
                last = (!is_host).then_some(row);
            }
        }
        is_sound.then_some(()).or_corrupt(WHAT)?;
    }
    Ok(())
}
