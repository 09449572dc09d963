//! A file that is read by ranges, and fetching these.

use crate::search::backend::Backend;
use crate::sql::failure::{Failure, Result};
use hither_core::IndexOptions;
use hither_core::fetch::LazyIndex;
use hither_remote::{RangeReader, RemoteFile};
use pgrx::PgSqlErrorCode as Code;
use std::ops::{AddAssign, Range};
use std::path::{Path, PathBuf};

/// The greatest gap in bytes between two ranges that one request reads together.
const GAP: u64 = 4096;

/// A file that is read by ranges.
#[derive(Debug)]
pub struct RangeFile {
    /// Its location, as shown to users.
    pub path: PathBuf,
    pub options: IndexOptions,
    pub rows: u64,
    pub is_unit_length: bool,
    pub index: LazyIndex,
    pub remote: RemoteFile,
}

/// Requests to servers, bytes received, and how many rounds of requests were waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    pub requests: u64,
    pub bytes: u64,
    pub round_trips: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.round_trips += other.round_trips;
    }
}

/// Fetches the ranges that the indexes of these files miss, in one round.
pub fn bring(
    reader: &RangeReader,
    files: Vec<(&RemoteFile, &Path, &LazyIndex)>,
) -> (Traffic, Result<()>) {
    let mut parts: Vec<(&RemoteFile, Range<u64>)> = Vec::new();
    let mut places = Vec::new();
    for (number, (remote, _, index)) in files.iter().enumerate() {
        for range in index.requests(GAP) {
            let end = range.end.min(remote.length()).max(range.start);
            parts.push((remote, range.start..end));
            places.push(number);
        }
    }
    if parts.is_empty() {
        return (Traffic::default(), Ok(()));
    }
    let before = reader.traffic();
    let read = reader.read(&parts, &mut Backend);
    let after = reader.traffic();
    let traffic = Traffic {
        requests: after.requests - before.requests,
        bytes: after.bytes - before.bytes,
        round_trips: 1,
    };
    let supply = |came: Vec<Vec<u8>>| {
        for (((_, range), number), bytes) in parts.iter().zip(&places).zip(came) {
            let (_, path, index) = files[*number];
            if bytes.is_empty() {
                let message = "it is shorter than it says: a copy that was broken off";
                return Err(Failure::new(Code::ERRCODE_DATA_CORRUPTED, message).about(path));
            }
            let supplied = index.supply(range.start, &bytes);
            supplied.map_err(|error| Failure::from(error).about(path))?;
        }
        Ok(())
    };
    (traffic, read.map_err(Failure::from).and_then(supply))
}
