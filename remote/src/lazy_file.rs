//! A remote index file that is searched where it lies: what a [`LazyIndex`] misses is read by ranges.

use crate::access::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::range_reader::{Opened, RangeOptions, RangeReader, RemoteFile};
use crate::wait::Interrupt;
use hither::fetch::LazyIndex;
use std::cell::Cell;
use std::ops::Range;
use std::task::Poll;

/// Bytes between two ranges that are read over, to save a request.
const GAP: u64 = 4096;

/// A remote index file, of which a search reads what it needs.
///
/// ```no_run
/// use hither_remote::{Access, Error, LazyFile, RangeOptions, location};
///
/// let mut interrupt = || false;
/// let location = location::parse("https://example.org/words.hither", None)?;
/// let file = LazyFile::open(RangeOptions::default(), &Access::default(), &location, 64 << 20, &mut interrupt)?;
/// let row: Result<_, Box<dyn std::error::Error>> = file.ready(|index| index.find(42.into()), &mut interrupt);
/// println!("{row:?}, for {} bytes", file.traffic().bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LazyFile {
    reader: RangeReader,
    file: RemoteFile,
    index: LazyIndex,
    round_trips: Cell<u64>,
}

/// What a file that is searched where it lies took, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LazyTraffic {
    /// Requests, those that were repeated too.
    pub requests: u64,
    /// Bytes of the file that came.
    pub bytes: u64,
    /// How often requests, of which several go at once, were waited for.
    pub round_trips: u64,
}

impl LazyFile {
    /// Opens the file, of which up to so many bytes are kept.
    ///
    /// # Errors
    /// Those of [`RangeReader::open`]; [`ErrorKind::NoRanges`] where the server sends files whole; what is wrong with
    /// the file, [`ErrorKind::Unsupported`] if it has no lists for ranges.
    pub fn open(
        options: RangeOptions,
        access: &Access,
        location: &Location,
        cache_bytes: u64,
        interrupt: &mut impl Interrupt,
    ) -> Result<Self> {
        let reader = RangeReader::new(options)?;
        let of_file = |error: &hither::Error| Error::of_file(&location.to_string(), error);
        let mut index = LazyIndex::new(cache_bytes);
        // Nothing is here yet: it is known now what is wanted.
        let _ = index.open().map_err(|error| of_file(&error))?;
        let wanted = index.requests(GAP).into_iter().next().unwrap_or_default();
        let start = wanted.start;
        let (file, first) = match reader.open(access, location, wanted, interrupt)? {
            Opened::Parts { file, first } => (file, first),
            Opened::Whole(_) => return Err(Error::no_ranges(&location.to_string())),
        };
        index.supply(start, &first).map_err(|error| of_file(&error))?;
        let mut opened = Self { reader, file, index, round_trips: Cell::new(1) };
        while opened.index.open().map_err(|error| of_file(&error))?.is_pending() {
            opened.bring(interrupt)?;
        }
        Ok(opened)
    }

    /// The index, to ask questions that read nothing, and to begin those that do.
    pub fn index(&self) -> &LazyIndex {
        &self.index
    }

    /// The file, and where it is.
    pub fn file(&self) -> &RemoteFile {
        &self.file
    }

    /// What it took until now.
    pub fn traffic(&self) -> LazyTraffic {
        let read = self.reader.traffic();
        let round_trips = self.round_trips.get();
        LazyTraffic { requests: read.requests, bytes: read.bytes, round_trips }
    }

    /// Asks, and brings what is missing, until there is an answer.
    ///
    /// # Errors
    /// Those of the question, and of [`bring`](Self::bring).
    pub fn ready<T, E: From<Error> + From<hither::Error>>(
        &self,
        mut ask: impl FnMut(&LazyIndex) -> hither::Result<Poll<T>>,
        interrupt: &mut impl Interrupt,
    ) -> core::result::Result<T, E> {
        loop {
            match ask(&self.index)? {
                Poll::Ready(answer) => return Ok(answer),
                Poll::Pending => self.bring(interrupt)?,
            }
        }
    }

    /// Brings what is missing, in one round.
    ///
    /// # Errors
    /// Those of [`RangeReader::read`]; that the file is damaged.
    pub fn bring(&self, interrupt: &mut impl Interrupt) -> Result<()> {
        let parts: Vec<(&RemoteFile, Range<u64>)> = self
            .index
            .requests(GAP)
            .into_iter()
            .map(|range| {
                let end = range.end.min(self.file.length()).max(range.start);
                (&self.file, range.start..end)
            })
            .collect();
        self.round_trips.set(self.round_trips.get() + 1);
        let read = self.reader.read(&parts, interrupt)?;
        for ((_, range), bytes) in parts.iter().zip(read) {
            let url = self.file.url();
            if bytes.is_empty() {
                let message = format!(
                    "index file \"{url}\": it is shorter than it says: a copy that was broken off"
                );
                return Err(Error::new(ErrorKind::Damaged, message));
            }
            let supplied = self.index.supply(range.start, &bytes);
            supplied.map_err(|error| Error::of_file(url, &error))?;
        }
        Ok(())
    }
}
