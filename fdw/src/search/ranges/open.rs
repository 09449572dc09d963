//! Opens files by reading their first bytes, and keeps them from one statement to the next.

use super::file::{RangeFile, Traffic, bring};
use super::{RangeFiles, cache};
use crate::search::backend::{Backend, SignalMask};
use crate::search::recent::RecentValues;
use crate::search::stats;
use crate::sql::failure::{Failure, Result};
use crate::sql::settings::Caching;
use hither_core::ErrorKind;
use hither_core::fetch::LazyIndex;
use hither_remote::{Access, Location, Object, Opened, RangeOptions, RangeReader, RemoteFile};
use pgrx::PgSqlErrorCode as Code;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

/// The first bytes of a file, which are requested before anything is known about it: as many as opening
/// usually needs.
const FIRST: Range<u64> = 0..65_536;
/// The range that is requested to find out whether an open file is still current.
const AGAIN: Range<u64> = 0..1;

/// The objects at a location, and when they were listed.
type List = (Vec<Object>, SystemTime);

thread_local! {
    /// The reader, which keeps this backend's connections.
    static READER: RefCell<Option<Rc<RangeReader>>> = RefCell::default();
    /// Lists by location and access.
    static LISTED: RefCell<RecentValues<(String, Access), List>> = RefCell::default();
}

/// The locations of a table's files, and what is needed to open them.
pub struct RangeSet<'o> {
    pub locations: &'o [Location],
    pub access: &'o Access,
    pub caching: &'o Caching,
}

impl RangeSet<'_> {
    /// Opens all files, several at a time. No location may be on this machine.
    ///
    /// # Errors
    /// If a server does not send ranges, or a file has no lists for reading by ranges.
    pub fn open(&self) -> Result<RangeFiles> {
        let reader = reader()?;
        let asked = SystemTime::now();
        let mut objects = Vec::new();
        for location in self.locations {
            objects.extend(self.list(&reader, location)?);
        }
        let before = reader.traffic();
        let mut files = self.known(&objects);
        let unknown: Vec<usize> = (0..objects.len()).filter(|at| files[*at].is_none()).collect();
        let mut round_trips = 0;
        if !unknown.is_empty() {
            let stale: Vec<Option<Rc<RangeFile>>> =
                unknown.iter().map(|at| cache::find(objects[*at].id())).collect();
            let wanted: Vec<(&Object, Range<u64>)> = unknown
                .iter()
                .zip(&stale)
                .map(|(at, stale)| match stale {
                    // Reuses the file's object, and so its connections.
                    Some(file) => (file.remote.object(), AGAIN),
                    None => (&objects[*at], FIRST),
                })
                .collect();
            let came = reader.open_all(&wanted, &mut Backend)?;
            round_trips += 1;
            let mut opening = Vec::new();
            for ((&at, stale), came) in unknown.iter().zip(stale).zip(came) {
                let url = objects[at].url();
                let Opened::Parts { file: remote, first } = came else {
                    let message = format!(
                        "could not read \"{url}\" by ranges: the server sends no parts of files"
                    );
                    return Err(whole_instead(Failure::new(
                        Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                        message,
                    )));
                };
                match stale {
                    Some(file) if file.remote.version() == remote.version() => {
                        files[at] = Some(file);
                    }
                    stale => {
                        opening.push((at, PendingOpen::new(url, remote, first, stale.is_some())?))
                    }
                }
            }
            round_trips += read_starts(&reader, &mut opening)?;
            for (at, opening) in opening {
                stats::note_open();
                files[at] = Some(Rc::new(opening.done()?));
            }
            for &at in &unknown {
                if let Some(file) = &files[at] {
                    cache::keep(objects[at].id(), Rc::clone(file), asked);
                }
            }
            cache::trim();
        }
        let after = reader.traffic();
        let traffic = Cell::new(Traffic {
            requests: after.requests - before.requests,
            bytes: after.bytes - before.bytes,
            round_trips,
        });
        Ok(RangeFiles { files: files.into_iter().flatten().collect(), reader, traffic })
    }

    /// The files that are already open and whose servers need not be asked again.
    fn known(&self, objects: &[Object]) -> Vec<Option<Rc<RangeFile>>> {
        let trusted_since = self.caching.trusted_since();
        objects.iter().map(|object| cache::find_asked_since(object.id(), trusted_since)).collect()
    }

    /// The files at a location. Lists are trusted as long as files are.
    fn list(&self, reader: &RangeReader, location: &Location) -> Result<Vec<Object>> {
        let trusted_since = self.caching.trusted_since();
        let key = (location.to_string(), self.access.clone());
        let known = LISTED.with_borrow_mut(|listed| {
            listed
                .get(&key)
                .filter(|(_, asked)| *asked >= trusted_since)
                .map(|(list, _)| list.clone())
        });
        if let Some(objects) = known {
            return Ok(objects);
        }
        let asked = SystemTime::now();
        let objects = reader.objects(self.access, location, &mut Backend)?;
        LISTED.with_borrow_mut(|listed| listed.insert(key, (objects.clone(), asked)));
        Ok(objects)
    }
}

/// A file that is being opened.
struct PendingOpen {
    url: String,
    remote: RemoteFile,
    index: LazyIndex,
}

impl PendingOpen {
    /// Starts with the first bytes of the file or, if it was open in another version, with only one byte.
    fn new(url: &str, remote: RemoteFile, first: Vec<u8>, again: bool) -> Result<Self> {
        // This module limits the memory of all files together.
        let mut opening = Self { url: url.into(), remote, index: LazyIndex::new(u64::MAX) };
        if !again {
            // The index has no bytes yet: opening it makes it ask for some.
            let _ = opening.open()?;
            let supplied = opening.index.supply(FIRST.start, &first);
            supplied.map_err(|error| opening.file_error(error))?;
        }
        Ok(opening)
    }

    fn open(&mut self) -> Result<bool> {
        let opened = self.index.open();
        Ok(opened.map_err(|error| self.file_error(error))?.is_ready())
    }

    fn file_error(&self, error: hither_core::Error) -> Failure {
        let lists = matches!(error.kind(), ErrorKind::Unsupported { .. });
        let failure = Failure::from(error).about(Path::new(&self.url));
        if lists { whole_instead(failure) } else { failure }
    }

    fn done(self) -> Result<RangeFile> {
        let facts = (|| {
            let index = &self.index;
            Ok((index.options()?.clone(), index.len()?, index.is_unit_length()?))
        })();
        let (options, rows, is_unit_length) = facts.map_err(|error| self.file_error(error))?;
        let Self { url, remote, index } = self;
        Ok(RangeFile { path: url.into(), options, rows, is_unit_length, index, remote })
    }
}

/// Reads further ranges until all files are open; returns the number of rounds.
fn read_starts(reader: &RangeReader, opening: &mut [(usize, PendingOpen)]) -> Result<u64> {
    let mut round_trips = 0;
    loop {
        let mut waiting = Vec::new();
        for (_, one) in &mut *opening {
            if !one.open()? {
                waiting.push((&one.remote, Path::new(&one.url), &one.index));
            }
        }
        if waiting.is_empty() {
            return Ok(round_trips);
        }
        let (traffic, brought) = bring(reader, waiting);
        brought?;
        round_trips += traffic.round_trips;
    }
}

/// This backend's reader.
fn reader() -> Result<Rc<RangeReader>> {
    READER.with_borrow_mut(|reader| {
        if let Some(reader) = reader {
            return Ok(Rc::clone(reader));
        }
        // Threads that it starts never receive signals.
        let _masked = SignalMask::new();
        let made = Rc::new(RangeReader::new(RangeOptions::default())?);
        *reader = Some(Rc::clone(&made));
        Ok(made)
    })
}

/// Adds a hint for a file that cannot be read by ranges.
fn whole_instead(failure: Failure) -> Failure {
    failure.hint("SET hither.fetch_mode = file, or the option fetch 'file' of the table or its server, brings it whole.")
}
