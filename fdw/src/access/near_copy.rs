//! Near copies: the files of segments, outside the index, which all backends map.
//!
//! A near copy is a cache entry addressed by content. Its name contains the hash of its bytes, so it is
//! never out of date: the metapage says which content is current, also after a crash, rollback, TRUNCATE,
//! promotion or restoration. A copy may be removed at any time and is written again when it is needed. It
//! is not synced and may lose bytes in a power failure. Therefore a copy is read and compared before use,
//! unless this server wrote or compared it since it started and nothing has changed it since.
//!
//! If a copy cannot be written (a full or read-only disk, `hither.near_copies = off`), a backend keeps the
//! file in its own memory. Copies of temporary tables' indexes are never written.

use crate::access::metapage::SegmentEntry;
use crate::access::relation::{IndexRelation, RelationFile};
use crate::access::segment::read_file;
use crate::sql::failure::Result;
use crate::sql::settings;
use hither_core::IndexFile;
use hither_core::raw::AlignedBytes;
use pgrx::pg_sys;
use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;
use xxhash_rust::xxh3::xxh3_128;

/// Within the data directory: pg_basebackup leaves out folders with this prefix, and pg_checksums skips
/// them.
const FOLDER: &str = "pgsql_tmp_hither/near";

/// The path of the copy of a file with this content.
fn path(file: RelationFile, content: &[u8; 16]) -> PathBuf {
    let content = u128::from_be_bytes(*content);
    Path::new(FOLDER).join(format!("{}{content:032x}.hither", prefix(file)))
}

/// The common prefix of the names of all copies of a relation's file.
fn prefix(file: RelationFile) -> String {
    format!("{}.{}.{}.", file.database, file.tablespace, file.number)
}

/// Whether copies of this index are written.
fn is_wanted(index: IndexRelation) -> bool {
    settings::near_copies() && !index.is_temporary()
}

/// When the server started: copies that are older may have lost bytes that were not synced.
fn server_start() -> SystemTime {
    // SAFETY: a number that the server set when it started.
    settings::system_time(unsafe { pg_sys::PgStartTime })
}

/// Logs, once in each backend, why copies cannot be written.
fn log_failure(error: &io::Error) {
    use std::cell::Cell;
    thread_local! { static SAID: Cell<bool> = const { Cell::new(false) }; }
    if !SAID.replace(true) {
        pgrx::log!("hither keeps segments in memory, for \"{FOLDER}\" cannot be written: {error}");
    }
}

/// The file of a segment, mapped or in memory; `None` if a merge has removed the segment meanwhile.
///
/// # Errors
/// If it is not a valid index file.
pub fn open(index: IndexRelation, segment: &SegmentEntry) -> Result<Option<Rc<IndexFile>>> {
    let wanted = is_wanted(index);
    let path = path(index.file(), &segment.content);
    // A copy that is being removed, or cannot be opened, counts as missing.
    if wanted
        && is_whole(&path, segment)
        && let Ok(file) = IndexFile::open(&path)
    {
        note_use(&path);
        return Ok(Some(Rc::new(file)));
    }
    let Some(bytes) = read_file(index, segment)? else { return Ok(None) };
    if wanted && make_room(segment.length) {
        match write(&path, &bytes) {
            Ok(()) => {
                if let Ok(file) = IndexFile::open(&path) {
                    return Ok(Some(Rc::new(file)));
                }
            }
            Err(error) => log_failure(&error),
        }
    }
    Ok(Some(Rc::new(IndexFile::from_bytes(bytes)?)))
}

/// Whether a segment has a copy.
pub fn exists(index: IndexRelation, segment: &SegmentEntry) -> bool {
    let path = path(index.file(), &segment.content);
    fs::metadata(path).is_ok_and(|file| file.len() == segment.length)
}

/// Reads a copy once to bring it into the page cache; returns its length, or 0 if there is none.
pub fn warm(index: IndexRelation, segment: &SegmentEntry) -> u64 {
    let read = || io::copy(&mut File::open(path(index.file(), &segment.content))?, &mut io::sink());
    read().unwrap_or(0)
}

/// Whether a copy exists and has the segment's bytes.
fn is_whole(path: &Path, segment: &SegmentEntry) -> bool {
    let Ok(file) = fs::metadata(path) else { return false };
    if !file.is_file() || file.len() != segment.length {
        return false;
    }
    if file.modified().is_ok_and(|modified| modified == server_start()) {
        return true;
    }
    let is_same = |bytes: Vec<u8>| xxh3_128(&bytes).to_le_bytes() == segment.content;
    fs::read(path).is_ok_and(is_same)
}

/// Marks a copy as verified, by setting its modification time to the server's start, and as used now, so
/// that it is not among the first to be removed.
fn note_use(path: &Path) {
    if let Ok(file) = File::options().write(true).open(path) {
        let times = FileTimes::new().set_accessed(SystemTime::now()).set_modified(server_start());
        let _ = file.set_times(times);
    }
}

/// Removes the least recently used copies until a new one of `bytes` bytes fits; false if it is larger than
/// the limit.
fn make_room(bytes: u64) -> bool {
    let limit = settings::near_copy_size();
    if limit == u64::MAX || bytes > limit {
        return bytes <= limit;
    }
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let copy = |entry: fs::DirEntry| {
        let file = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((file.accessed().ok()?, file.len(), entry.path()))
    };
    let mut copies: Vec<_> = entries.filter_map(copy).collect();
    copies.sort();
    let mut taken: u64 = copies.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in copies {
        if taken + bytes <= limit {
            break;
        }
        let _ = fs::remove_file(path);
        taken -= length;
    }
    true
}

fn write(path: &Path, bytes: &AlignedBytes) -> io::Result<()> {
    fs::create_dir_all(FOLDER)?;
    let mut file =
        TemporaryFile::create(path.with_extension(format!("{}.tmp", std::process::id())))?;
    file.write(bytes)?;
    file.rename(path)
}

/// A file that is removed on drop unless it was renamed.
struct TemporaryFile {
    path: PathBuf,
    file: File,
}

impl TemporaryFile {
    fn create(path: PathBuf) -> io::Result<Self> {
        Ok(Self { file: File::create(&path)?, path })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        note_use(to);
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Fails if the file was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a copy while the segment is written.
pub struct NearCopyWriter {
    file: TemporaryFile,
    of: RelationFile,
}

impl NearCopyWriter {
    /// `None` if copies are off, this one exceeds the limit, or it cannot be created.
    pub fn new(index: IndexRelation, length: u64) -> Option<Self> {
        if !is_wanted(index) || !make_room(length) {
            return None;
        }
        let of = index.file();
        let path = Path::new(FOLDER).join(format!("{}{}.tmp", prefix(of), std::process::id()));
        let file = fs::create_dir_all(FOLDER).and_then(|()| TemporaryFile::create(path));
        let file = file.inspect_err(log_failure).ok()?;
        Some(Self { file, of })
    }

    /// Appends bytes; false if that failed.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.file.write(bytes).inspect_err(log_failure).is_ok()
    }

    /// Renames the copy to its final name.
    pub fn finish(self, content: &[u8; 16]) {
        let Self { file, of } = self;
        let _ = file.rename(&path(of, content)).inspect_err(log_failure);
    }
}

/// Removes copies that are not needed: those of this index's segments that are not among `live`, of
/// relations whose files are gone, and of processes that died while writing. Backends that have such a copy
/// open keep it.
pub fn sweep(index: IndexRelation, live: &[SegmentEntry]) {
    let own = prefix(index.file());
    let names: Vec<_> = live.iter().map(|segment| path(index.file(), &segment.content)).collect();
    let Ok(entries) = fs::read_dir(FOLDER) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_wanted = match name.strip_suffix(".tmp") {
            Some(name) => is_running(name),
            None if name.starts_with(&own) => names.contains(&path),
            None => has_relation(name),
        };
        if !is_wanted {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether the process that writes a temporary file is still running.
fn is_running(name: &str) -> bool {
    let process = name.rsplit('.').next().and_then(|process| process.parse().ok());
    // SAFETY: signal 0 is not delivered.
    process.is_some_and(|process| unsafe { libc::kill(process, 0) == 0 })
}

/// Whether the relation in a copy's name still has a file.
fn has_relation(name: &str) -> bool {
    let mut parts = name.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let (database, tablespace, number) = (part(), part(), part());
    if tablespace == pg_sys::DEFAULTTABLESPACE_OID.to_u32().to_string() {
        return Path::new("base").join(database).join(number).exists();
    }
    let Ok(versions) = fs::read_dir(Path::new("pg_tblspc").join(tablespace)) else { return false };
    versions.flatten().any(|version| version.path().join(database).join(number).exists())
}
