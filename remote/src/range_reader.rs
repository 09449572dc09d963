//! Reads ranges of remote files, each in one version, without downloading the rest.

mod attempt;

pub use attempt::{RangeOptions, Traffic};

use crate::access::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::note::Note;
use crate::object::Object;
use crate::wait::{Interrupt, Runtime};
use attempt::{Attempts, Reply};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

/// The number of simultaneous requests, and of connections kept to a server: as many as a browser uses.
const AT_ONCE: usize = 6;

/// Reads ranges of remote files. It keeps connections to their servers, but no thread: nothing runs between
/// calls.
///
/// ```no_run
/// use hither_remote::{Access, Opened, RangeOptions, RangeReader, location};
///
/// let mut interrupt = || false;
/// let location = location::parse("https://example.org/words.hither", None)?;
/// let reader = RangeReader::new(RangeOptions::default())?;
/// let opened = reader.open(&Access::default(), &location, 0..65_536, &mut interrupt)?;
/// if let Opened::Parts { file, first } = opened {
///     println!("{} of {} bytes", first.len(), file.length());
///     let last = file.length() - 100..file.length();
///     let parts = reader.read(&[(&file, last)], &mut interrupt)?;
///     assert_eq!(parts[0].len(), 100);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RangeReader {
    runtime: Runtime,
    options: RangeOptions,
    traffic: Cell<Traffic>,
}

/// One version of a remote file, of which ranges can be read.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    object: Arc<Object>,
    note: Arc<Note>,
}

/// The result of opening a file.
#[derive(Debug)]
pub enum Opened {
    /// The server sends ranges.
    Parts {
        /// The version on the server.
        file: RemoteFile,
        /// The requested range; shorter if the file ends before.
        first: Vec<u8>,
    },
    /// The server sends no ranges: the whole file, of at most [`RangeOptions::most_whole`] bytes.
    Whole(Vec<u8>),
}

impl RemoteFile {
    /// Its location, as users write it.
    pub fn url(&self) -> &str {
        self.object.url()
    }

    /// The object on the server, whichever version it has by now.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.note.length
    }

    /// Identifies this version of the file among all versions of all files. On a server that names no
    /// versions, two files of the same length that were written within the same second are not
    /// distinguished.
    pub fn version(&self) -> String {
        let etag = self.note.etag.as_deref().unwrap_or("");
        crate::object::digest(&[
            self.object.id(),
            &self.note.length.to_string(),
            etag,
            &self.note.modified.to_string(),
        ])
    }
}

impl RangeReader {
    /// A reader without connections.
    ///
    /// # Errors
    /// [`ErrorKind::System`].
    pub fn new(options: RangeOptions) -> Result<Self> {
        Ok(Self { runtime: Runtime::new()?, options, traffic: Cell::default() })
    }

    /// Requests the range `first` of a file, which also tells its length and version.
    ///
    /// # Errors
    /// If there is no file or several at the location, the range is empty, or the server does not send it.
    /// [`ErrorKind::NoRanges`] if the server only sends the whole file, and that is longer than
    /// [`RangeOptions::most_whole`].
    pub fn open(
        &self,
        access: &Access,
        location: &Location,
        first: Range<u64>,
        interrupt: &mut impl Interrupt,
    ) -> Result<Opened> {
        let mut objects = self.objects(access, location, interrupt)?;
        let Some(object) = objects.pop() else { return Err(Error::nothing_at(location)) };
        if !objects.is_empty() {
            let message = format!("{location}: these are {} files; name one", objects.len() + 1);
            return Err(Error::new(ErrorKind::NotOneFile, message));
        }
        let mut opened = self.open_all(&[(&object, first)], interrupt)?;
        opened.pop().ok_or_else(|| Error::nothing_at(location))
    }

    /// The files at a location, like [`Access::objects`]. This reader keeps connections to their servers;
    /// the objects can only be used with this reader.
    ///
    /// # Errors
    /// As for [`Access::objects`].
    pub fn objects(
        &self,
        access: &Access,
        location: &Location,
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Object>> {
        // Listing uses a runtime of its own, whose connections end with it.
        access.objects_kept(location, AT_ONCE, interrupt)
    }

    /// Like [`open`](Self::open) for several files, six at a time; the results are in order.
    ///
    /// # Errors
    /// The first error, as for [`open`](Self::open).
    pub fn open_all(
        &self,
        files: &[(&Object, Range<u64>)],
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Opened>> {
        let attempts = self.attempts();
        let one = async |(object, first): &(&Object, Range<u64>)| {
            if first.is_empty() {
                return Err(outside(object, first));
            }
            Ok(match attempts.get(object, None, first.clone()).await? {
                Reply::Part { meta, bytes } => {
                    let note = Arc::new(Note::new(object.url(), &meta));
                    let object = Arc::new((*object).clone());
                    Opened::Parts { file: RemoteFile { object, note }, first: bytes }
                }
                Reply::Whole(bytes) => Opened::Whole(bytes),
            })
        };
        let all = stream::iter(files).map(one).buffered(AT_ONCE).try_collect();
        self.runtime.wait(all, interrupt)?
    }

    /// Reads ranges of files, six at a time; the results are in order. To send fewer requests, join ranges
    /// that are close to each other first.
    ///
    /// # Errors
    /// The first error. [`ErrorKind::Replaced`] if the server has another version of a file by now:
    /// everything read before is of the version that was opened.
    pub fn read(
        &self,
        parts: &[(&RemoteFile, Range<u64>)],
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Vec<u8>>> {
        let attempts = self.attempts();
        let one = async |(file, range): &(&RemoteFile, Range<u64>)| {
            if range.start > range.end || range.end > file.length() {
                return Err(outside(&file.object, range));
            }
            if range.is_empty() {
                return Ok(Vec::new());
            }
            match attempts.get(&file.object, Some(&file.note), range.clone()).await? {
                Reply::Part { bytes, .. } => Ok(bytes),
                Reply::Whole(_) => Err(Error::no_ranges(file.url())),
            }
        };
        let all = stream::iter(parts).map(one).buffered(AT_ONCE).try_collect();
        self.runtime.wait(all, interrupt)?
    }

    /// The requests and received bytes so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    fn attempts(&self) -> Attempts<'_> {
        Attempts { options: &self.options, traffic: &self.traffic }
    }
}

fn outside(object: &Object, range: &Range<u64>) -> Error {
    let what = format!("it has no bytes from {} to {}", range.start, range.end);
    Error::not_given(ErrorKind::Answer, object.url(), what)
}
