//! Exports an index as a file: `hither.export`. Keys, columns and vectors are the table's, as the statement
//! sees them.
//!
//! If the index is one segment and the statement sees all of its rows and no others, the segment's graph is
//! taken over: writing the file then takes as long as reading the table. Otherwise an index is built anew
//! from the rows that the statement sees. The segments are not merged first, because a merge changes the
//! index, which neither a mere reader nor a standby may do; because a merge keeps rows that only other
//! transactions see, so that afterwards there may still be no such segment; and because it costs as much as
//! building.

use crate::access::attribute::Attribute;
use crate::access::build::{progress_callback, spill};
use crate::access::column::Column;
use crate::access::named_index::{Intent, NamedIndex};
use crate::access::open_index::{OpenSegment, Snapshot};
use crate::access::tid::tid_at;
use crate::access::visible_rows::{OwnersRights, VisibleRows};
use crate::search::backend::InterruptibleSink;
use crate::sql::encoding::from_database;
use crate::sql::failure::{Failure, Result};
use crate::sql::rights::{FileUse, server_file};
use hither_core::limits::FLAT_ROWS;
use hither_core::raw::{AtomicFile, Sink, Transfer};
use hither_core::{
    Codes, ColumnSchema, Error, ErrorKind, IndexBuilder, Key, KeyType, Value, ValueRef,
};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// Writes the rows of an index as an index file; returns their number.
#[pg_extern]
fn index_export(
    oid: pg_sys::Oid,
    path: Vec<u8>,
    key: Vec<u8>,
    columns: Array<'_, &[u8]>,
    vectors: bool,
    overwrite: bool,
) -> i64 {
    let exported = || {
        let path = server_file(path, FileUse::Write)?;
        if !overwrite && path.symlink_metadata().is_ok() {
            let message = format!("file \"{}\" exists", path.display());
            return Err(Failure::new(Code::ERRCODE_DUPLICATE_FILE, message)
                .hint("Name another, or say overwrite => true."));
        }
        let named = NamedIndex::open(oid, Intent::ReadRows)?;
        let columns: Vec<_> = columns.iter().flatten().map(from_database).collect();
        let export = Export::new(&named, &from_database(&key), &columns, vectors)?;
        let mut file = create(&path)?;
        let rows = export.write_to(&mut file)?;
        file.finish()?;
        Ok(rows)
    };
    exported().unwrap_or_else(|failure: Failure| failure.raise()) as i64
}

/// The length of a piece in bytes.
const PIECE: u64 = 1 << 20;

/// The bytes of the file that `index_export` writes, in pieces: for users without access to the server's
/// files.
#[pg_extern]
fn index_export_bytes(
    oid: pg_sys::Oid,
    key: Vec<u8>,
    columns: Array<'_, &[u8]>,
    vectors: bool,
) -> SetOfIterator<'static, Vec<u8>> {
    let exported = || {
        let named = NamedIndex::open(oid, Intent::ReadRows)?;
        let columns: Vec<_> = columns.iter().flatten().map(from_database).collect();
        let export = Export::new(&named, &from_database(&key), &columns, vectors)?;
        let mut file = TemporaryFile(spill(named.index())?);
        export.write_to(&mut file)?;
        file.0.rewind().map_err(|error| unreadable(&error))?;
        Ok(file.0)
    };
    let file = exported().unwrap_or_else(|failure: Failure| failure.raise());
    SetOfIterator::new(std::iter::from_fn(move || {
        let mut piece = Vec::new();
        match (&file).take(PIECE).read_to_end(&mut piece) {
            Ok(length) => (length > 0).then_some(piece),
            Err(error) => unreadable(&error).raise(),
        }
    }))
}

/// A file that was unlinked after it was opened.
struct TemporaryFile(File);

impl Sink for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> hither_core::Result<()> {
        self.0.write_all(bytes).map_err(|error| {
            let (path, reason) = ("the temporary file".into(), error.to_string());
            ErrorKind::Io { path, reason }.into()
        })
    }
}

fn unreadable(error: &io::Error) -> Failure {
    let message = format!("cannot read the temporary file: {error}");
    Failure::new(Code::ERRCODE_IO_ERROR, message)
}

/// Creates a file that everybody may read and the server's user may write, like the files of COPY.
fn create(path: &Path) -> Result<AtomicFile> {
    // SAFETY: the umask is a number of this process, which has one thread now.
    let before = unsafe { libc::umask(0o022) };
    let file = AtomicFile::create(path);
    // SAFETY: as above.
    unsafe { libc::umask(before) };
    Ok(file?)
}

/// The index and columns to export.
struct Export<'n> {
    named: &'n NamedIndex,
    column: Column,
    key: Attribute,
    key_type: KeyType,
    columns: Vec<Attribute>,
    vectors: bool,
}

impl<'n> Export<'n> {
    fn new(named: &'n NamedIndex, key: &str, columns: &[String], vectors: bool) -> Result<Self> {
        // SAFETY: the table stays open as long as this value.
        let find = |name: &str| unsafe { Attribute::find(named.table(), name) };
        let key = find(key)?;
        Ok(Self {
            named,
            column: Column::of(named.index())?,
            key_type: key.key_type()?,
            key,
            columns: columns.iter().map(|name| find(name)).collect::<Result<_>>()?,
            vectors,
        })
    }

    /// The schema of the columns in the file.
    fn schema(&self) -> Vec<ColumnSchema> {
        let schema = |column: &Attribute| ColumnSchema {
            name: column.name.clone(),
            column_type: column.stored.column_type,
        };
        self.columns.iter().map(schema).collect()
    }

    /// Writes the file; returns the number of its rows.
    fn write_to(&self, sink: &mut dyn Sink) -> Result<u64> {
        let index = self.named.index();
        let snapshot = Snapshot::new(index, &self.column)?;
        let table = self.named.table();
        // SAFETY: the table stays open during this call.
        let _rights = unsafe { OwnersRights::take(table) };
        // SAFETY: both stay open during this call.
        let mut rows = unsafe { VisibleRows::new(table, index)? };
        let growing = snapshot.shards.last().map_or(0, |shard| shard.file.index().len());
        if let ([segment], 0, true) = (&snapshot.segments[..], growing, self.vectors)
            && segment.deleted.count == 0
            && self.transfer(segment, &mut rows, sink)?
        {
            return Ok(segment.entry.rows);
        }
        self.build(&snapshot, &mut rows, sink)
    }

    /// Writes the segment's graph over the rows of the table, if the statement sees all of them.
    fn transfer(
        &self,
        segment: &OpenSegment,
        rows: &mut VisibleRows,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let file = segment.shard.file.index();
        let mut transfer = Transfer::new(file, self.key_type, self.schema())?;
        transfer.replace_vectors(Box::new(spill(self.named.index())?))?;
        let mut row = Row::new(&self.column);
        for place in file.rows() {
            pgrx::check_for_interrupts!();
            if !rows.find(tid_at(&segment.shard, place)?) || !row.read(self, rows)? {
                return Ok(false);
            }
            let values: Vec<ValueRef<'_>> = row.values.iter().map(Value::as_ref).collect();
            let pushed = transfer.push(row.key.as_ref(), Some(&row.vector), &values);
            pushed.map_err(|error| self.failed(error))?;
        }
        let written = transfer.write_to(&mut InterruptibleSink(sink));
        written.map_err(|error| self.failed(error))?;
        Ok(true)
    }

    /// Builds a file of the rows that the statement sees.
    fn build(
        &self,
        snapshot: &Snapshot,
        rows: &mut VisibleRows,
        sink: &mut dyn Sink,
    ) -> Result<u64> {
        let index = self.named.index();
        let mut places = Vec::new();
        for (number, shard) in snapshot.shards.iter().enumerate() {
            let live = shard.file.index().rows().filter(|row| !snapshot.is_deleted(number, *row));
            for place in live {
                places.push(tid_at(shard, place)?);
            }
        }
        // In the order of the table.
        places.sort_unstable();
        places.dedup();
        let mut options = self.column.build_options(index, places.len() as u64);
        (options.key_type, options.columns) = (self.key_type, self.schema());
        options.codes = (!self.vectors).then_some(Codes::Sq8Only);
        let mut builder = IndexBuilder::new(options)?;
        builder.spill_to(Box::new(spill(index)?));
        let mut row = Row::new(&self.column);
        for place in places {
            pgrx::check_for_interrupts!();
            if !rows.find(place) || !row.read(self, rows)? {
                continue;
            }
            let room = builder.make_room(Some(&mut progress_callback(index, false)));
            room.map_err(|error| self.failed(error))?;
            let values: Vec<ValueRef<'_>> = row.values.iter().map(Value::as_ref).collect();
            let pushed = builder.push(Some(row.key.as_ref()), &row.vector, &values);
            pushed.map_err(|error| self.failed(error))?;
        }
        if builder.rows() <= FLAT_ROWS {
            builder.set_structures(None, None)?;
        }
        let written = builder.write_to(sink, Some(&mut progress_callback(index, false)));
        written.map_err(|error| self.failed(error))?;
        Ok(builder.rows())
    }

    fn failed(&self, error: Error) -> Failure {
        let ErrorKind::DuplicateKey { key } = error.kind() else { return error.into() };
        let message = format!("column \"{}\" is {key} in several rows", self.key.name);
        Failure::new(Code::ERRCODE_UNIQUE_VIOLATION, message)
            .hint("Choose another key, such as the table's primary key.")
    }
}

/// A row as the file stores it.
struct Row {
    key: Key,
    vector: Vec<f32>,
    values: Vec<Value>,
}

impl Row {
    fn new(column: &Column) -> Self {
        Self { key: Key::Int64(0), vector: vec![0.0; column.dimensions], values: Vec::new() }
    }

    /// Reads the row that was found last; false if the index leaves out its vector.
    fn read(&mut self, export: &Export<'_>, rows: &mut VisibleRows) -> Result<bool> {
        let Some(keys) = rows.indexed(&export.column, &mut self.vector)? else { return Ok(false) };
        drop(keys);
        let Some(key) = export.key.key(rows)? else {
            let message =
                format!("column \"{}\" is null in a row, and a key cannot be", export.key.name);
            return Err(Failure::new(Code::ERRCODE_NOT_NULL_VIOLATION, message)
                .hint("Choose another key, such as the table's primary key."));
        };
        self.key = key;
        self.values.clear();
        for column in &export.columns {
            let value = column.value(rows);
            self.values.push(value.map_err(|failure| failure.of_value(&column.name, &self.key))?);
        }
        Ok(true)
    }
}
