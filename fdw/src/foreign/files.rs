//! The locations of a table's files, and opening them: whole, or by ranges.

use crate::foreign::access::access;
use crate::search::ranges::{RangeFiles, RangeSet};
use crate::search::shards::{FileSet, Shard};
use crate::sql::failure::{Failure, Result};
use crate::sql::options::{self, Options};
use crate::sql::settings::{self, Caching, Fetch};
use hither_core::{IndexOptions, Metric};
use hither_remote::{Access, Location};
use pgrx::{PgSqlErrorCode as Code, pg_sys};
use std::path::Path;

/// The open files of a table.
pub enum Contents {
    /// Whole files on this machine.
    Whole(Vec<Shard>),
    /// Files on servers, of which only ranges are read.
    Ranges(RangeFiles),
}

/// The properties of a file that are known either way.
#[derive(Clone, Copy)]
pub struct FileInfo<'f> {
    pub path: &'f Path,
    pub options: &'f IndexOptions,
    pub rows: u64,
    pub is_unit_length: bool,
}

impl Contents {
    /// The number of files: at least one.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(shards) => shards.len(),
            Self::Ranges(ranges) => ranges.files.len(),
        }
    }

    /// The file with this number.
    pub fn file(&self, number: usize) -> FileInfo<'_> {
        match self {
            Self::Whole(shards) => {
                let Shard { path, file } = &shards[number];
                let index = file.index();
                let (rows, is_unit_length) = (index.len(), index.is_unit_length());
                FileInfo { path, options: index.options(), rows, is_unit_length }
            }
            Self::Ranges(ranges) => {
                let file = &*ranges.files[number];
                let (rows, is_unit_length) = (file.rows, file.is_unit_length);
                FileInfo { path: &file.path, options: &file.options, rows, is_unit_length }
            }
        }
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = FileInfo<'_>> {
        (0..self.len()).map(|number| self.file(number))
    }

    /// Whether the files order their rows by this metric.
    pub fn orders_by(&self, metric: Metric) -> bool {
        match self {
            Self::Whole(shards) => shards.iter().all(|shard| shard.file.index().orders_by(metric)),
            Self::Ranges(ranges) => ranges.files.iter().all(|file| file.orders_by(metric)),
        }
    }

    /// Whether only those parts of the files are read that a search needs.
    pub fn is_ranges(&self) -> bool {
        matches!(self, Self::Ranges(_))
    }

    /// The files, if they are whole files on this machine.
    ///
    /// # Errors
    /// If they are not; `why` says what needs them.
    pub fn whole(&self, why: &str) -> Result<&[Shard]> {
        if let Self::Whole(shards) = self {
            return Ok(shards);
        }
        let message = format!(
            "by ranges of a file no more is found than the nearest rows under a LIMIT, rows by key, and counts: {why}"
        );
        Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message).hint(
            "SET hither.fetch_mode = file, or the option fetch 'file' of the table or its server, brings the files whole into the cache. It must have room for them.",
        ))
    }
}

/// The files of a table, as its options and those of its server describe them.
pub struct Files {
    table: Options,
    server: Options,
    locations: Vec<Location>,
    access: Access,
    caching: Caching,
}

impl Files {
    /// # Errors
    /// Invalid options.
    pub fn new(relation: pg_sys::Oid, user: pg_sys::Oid) -> Result<Self> {
        // SAFETY: the relation is a foreign table that the caller's statement has locked; its options are
        // lists of DefElem.
        let (table, server, server_oid) = unsafe {
            let table = pg_sys::GetForeignTable(relation);
            let server = pg_sys::GetForeignServer((*table).serverid);
            let (own, servers) =
                (options::read((*table).options), options::read((*server).options));
            (own, servers, (*server).serverid)
        };
        let locations = options::locations(&table, &server)?;
        Self::at(locations, table, server, server_oid, user)
    }

    /// Files on a foreign server that no table refers to yet.
    pub fn at(
        locations: Vec<Location>,
        table: Options,
        server: Options,
        server_oid: pg_sys::Oid,
        user: pg_sys::Oid,
    ) -> Result<Self> {
        // SAFETY: reads the current user of this backend.
        let current = unsafe { pg_sys::GetUserId() };
        let user = if user == pg_sys::InvalidOid { current } else { user };
        // Files on this machine need no keys.
        let is_local = |location: &Location| matches!(location, Location::Path(_));
        let asker = (!locations.iter().all(is_local)).then_some((server_oid, user));
        let access = access(&server, asker)?;
        let caching = Caching::new([&table, &server]);
        Ok(Self { table, server, locations, access, caching })
    }

    pub fn levels(&self) -> [&Options; 2] {
        [&self.table, &self.server]
    }

    /// Opens the files, whole or by ranges as the settings and options say.
    ///
    /// # Errors
    /// If a file cannot be opened, or not in this way.
    pub fn open(&self) -> Result<Contents> {
        let is_local = |location: &Location| matches!(location, Location::Path(_));
        let fetch = settings::fetch(self.levels());
        if fetch == Fetch::File || self.locations.iter().all(is_local) {
            return Ok(Contents::Whole(self.file_set().open()?));
        }
        let mixed = self.locations.iter().any(is_local);
        if fetch == Fetch::Range {
            if mixed {
                let message = "the table has files of this machine beside those of servers";
                return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message).hint(
                    "Only files of servers are read by ranges: make two tables of them, or SET hither.fetch_mode = file.",
                ));
            }
            return Ok(Contents::Ranges(self.range_set().open()?));
        }
        match self.file_set().open() {
            // Files that do not fit in the cache can still be searched by ranges, if they were built for
            // that.
            Err(failure) if failure.is_about_room() && !mixed => match self.range_set().open() {
                Ok(ranges) => Ok(Contents::Ranges(ranges)),
                Err(_) => Err(failure),
            },
            whole => Ok(Contents::Whole(whole?)),
        }
    }

    fn range_set(&self) -> RangeSet<'_> {
        RangeSet { locations: &self.locations, access: &self.access, caching: &self.caching }
    }

    pub fn file_set(&self) -> FileSet<'_> {
        FileSet {
            locations: &self.locations,
            access: &self.access,
            caching: &self.caching,
            mapping: settings::mapping(self.levels()),
        }
    }
}
