//! Reading parts of remote files, each of one version, without bringing the rest.

mod attempt;

pub use attempt::{RangeOptions, Traffic};

use crate::access::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::note::Note;
use crate::object::Object;
use crate::wait::{Interrupt, Runtime};
use attempt::{Attempts, Came};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

/// Requests at the same time, and connections that are kept to a server: as many as a browser has.
const AT_ONCE: usize = 6;

/// Reads parts of remote files. It keeps connections to their servers, and lets none of them rest on
/// another thread: between calls nothing runs.
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

/// One version of a remote file, of which parts can be read.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    object: Arc<Object>,
    note: Arc<Note>,
}

/// What came of a file that was opened.
#[derive(Debug)]
pub enum Opened {
    /// The server sends parts.
    Parts {
        /// The version that it has.
        file: RemoteFile,
        /// The part that was asked for; shorter where the file ends before.
        first: Vec<u8>,
    },
    /// The server sends no parts: the file, whole, of at most [`RangeOptions::most_whole`] bytes.
    Whole(Vec<u8>),
}

impl RemoteFile {
    /// Where it is, as people write it.
    pub fn url(&self) -> &str {
        self.object.url()
    }

    /// Whom it is asked of, whatever version there is by now.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.note.length
    }

    /// What tells this version of the file from others that had or will have its name, and from other files.
    /// Of a server that names no versions, one written within a second of another of the same length has the
    /// same.
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

    /// Asks for the part `first` of a file, by which its length and version are learnt.
    ///
    /// # Errors
    /// The location means none or several files, the part is empty, or the server does not give it.
    /// [`ErrorKind::NoRanges`] where it gives only the whole, and that is longer than
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

    /// The files that a location means, as [`Access::objects`] gives them, of servers to which this reader keeps
    /// connections. They are for it and no other.
    ///
    /// # Errors
    /// Those of [`Access::objects`].
    pub fn objects(
        &self,
        access: &Access,
        location: &Location,
        interrupt: &mut impl Interrupt,
    ) -> Result<Vec<Object>> {
        // Whom a list is asked of is waited for on a runtime of its own, with which its connections go.
        access.objects_kept(location, AT_ONCE, interrupt)
    }

    /// The same as [`open`](Self::open) for several files, six at a time, in their order.
    ///
    /// # Errors
    /// Of the first that does not come, as of [`open`](Self::open).
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
                Came::Part { meta, bytes } => {
                    let note = Arc::new(Note::new(object.url(), &meta));
                    let object = Arc::new((*object).clone());
                    Opened::Parts { file: RemoteFile { object, note }, first: bytes }
                }
                Came::Whole(bytes) => Opened::Whole(bytes),
            })
        };
        let all = stream::iter(files).map(one).buffered(AT_ONCE).try_collect();
        self.runtime.wait(all, interrupt)?
    }

    /// Reads parts of files, in their order, six at a time. Whoever wants fewer requests joins parts
    /// that are near.
    ///
    /// # Errors
    /// Of the first that does not come. [`ErrorKind::Replaced`] where the server has another version of its file
    /// by now: what was read before is of the one that was opened.
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
                Came::Part { bytes, .. } => Ok(bytes),
                Came::Whole(_) => Err(Error::no_ranges(file.url())),
            }
        };
        let all = stream::iter(parts).map(one).buffered(AT_ONCE).try_collect();
        self.runtime.wait(all, interrupt)?
    }

    /// What was asked for and came until now.
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
