//! Postgres: streams the rows of a query with COPY in its binary format.

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use futures_util::StreamExt;
use hither::{ColumnSchema, ColumnType, Key, KeyType, Value};
use tokio::time::timeout;
use tokio_postgres::{
    binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream},
    types::{FromSql, Type},
};

use crate::{
    Diagnostic, Error, Row, Setting,
    roles::{Roles, list},
    source::Interrupted,
    table::{self, Rows, Table},
};

mod connection;
pub mod index;
pub mod migration;
mod tls;
mod value;

use connection::{Connection, Target, failed};
use value::{Kind, SPARSE};

/// How often a wait for the server checks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs a query and reads its columns and its first row.
pub fn open(
    url: &str,
    query: &str,
    roles: &Roles,
    interrupted: Option<Interrupted>,
) -> Result<Table, Error> {
    let target = Target::parse(url).map_err(|reason| {
        Error::new(Path::new("the server"), Diagnostic::with(reason, Setting::Server))
    })?;
    let name = PathBuf::from(target.name());
    let refuse = |reason: String| Error::new(&name, reason);
    let connection = target.connect(interrupted).map_err(refuse)?;

    let query = query.trim().trim_end_matches([';', ' ', '\n', '\t', '\r']);
    // Preparing the query first reports errors with their position in the query, which COPY would shift.
    // The transaction is read-only. Synchronised scans are off, because they may start in the middle of the
    // table, and the order of rows would then vary.
    let begin = "BEGIN READ ONLY; SET LOCAL synchronize_seqscans = off";
    connection.wait(connection.client.batch_execute(begin), None).map_err(refuse)?;
    let statement =
        connection.wait(connection.client.prepare(query), Some(query)).map_err(refuse)?;
    if !statement.params().is_empty() {
        return Err(refuse(
            "the query has parameters ($1), and there are no values for them".into(),
        ));
    }
    let names: Vec<String> =
        statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let types: Vec<Type> =
        statement.columns().iter().map(|column| column.type_().clone()).collect();
    let kinds: Vec<Result<Kind, String>> = types.iter().map(Kind::of).collect();

    let vector = choose_vector(roles, &names, &kinds).map_err(refuse)?;
    let mut notes = Vec::new();
    let key = choose_key(roles, &names, &kinds, &mut notes).map_err(refuse)?;
    let mut columns = Vec::new();
    for (at, kind) in kinds.iter().enumerate().filter(|(at, _)| *at != vector) {
        let told = |reason: &dyn std::fmt::Display| {
            refuse(format!("the column \"{}\" {reason}", names[at]))
        };
        let kind = kind.as_ref().map_err(|reason| told(reason))?;
        let rounded = matches!(kind, Kind::Numeric);
        let wanted = roles.type_of(&names[at]).filter(|wanted| *wanted != ColumnType::Float64);
        if let (true, Some(wanted)) = (rounded, wanted) {
            let wanted = wanted.name();
            return Err(told(&format!("is numeric; cast it in the query for {wanted}, ::text")));
        }
        if rounded && !roles.may_round(&names[at]) {
            let note = "is numeric and becomes float64; ::text in the query keeps its digits";
            notes.push(format!("\"{}\" {note}", names[at]).into());
        }
        let Some(column_type) = kind.column_type() else {
            return Err(told(&"is a vector too, and an index has one; leave it out of the query"));
        };
        if key.is_none_or(|(key, _)| key != at) {
            columns.push(ColumnSchema { name: names[at].clone(), column_type });
        }
    }

    let copy = format!("COPY ({query}\n) TO STDOUT (FORMAT binary)");
    let stream = connection.wait(connection.client.copy_out(&copy), None).map_err(refuse)?;
    let mut reader = Reader {
        name: name.clone(),
        stream: Box::pin(BinaryCopyOutStream::new(stream, &types)),
        kinds: kinds.into_iter().collect::<Result<_, _>>().map_err(refuse)?,
        names,
        vector,
        key,
        dimensions: 0,
        first: Vec::new(),
        row: 0,
        connection,
    };
    // Reads the rows up to the first one that has a vector, which determines the dimensions.
    let declared = statement.columns()[vector].type_modifier();
    reader.dimensions = usize::try_from(declared).unwrap_or(0);
    let (vector_column, key) = (
        reader.names[vector].clone(),
        key.map(|(at, key_type)| (reader.names[at].clone(), key_type)),
    );
    loop {
        let mut row = Row::default();
        if !reader.read(&mut row)? {
            return Err(match reader.first.is_empty() {
                true => refuse("the query gives no rows".into()),
                false => refuse(format!("every \"{vector_column}\" is null")),
            });
        }
        let found = row.vector.len();
        reader.first.push(row);
        if found > 0 {
            reader.dimensions = found;
            break;
        }
    }
    reader.first.reverse();
    Ok(Table {
        dimensions: reader.dimensions,
        rows: Box::new(reader),
        count: None,
        columns,
        vector_column: Some(vector_column),
        key,
        notes,
    })
}

fn choose_vector(
    roles: &Roles,
    names: &[String],
    kinds: &[Result<Kind, String>],
) -> Result<usize, String> {
    let is_vector = |at: usize| kinds[at].as_ref().is_ok_and(|kind| kind.is_vector());
    let vectors: Vec<usize> = (0..names.len()).filter(|&at| is_vector(at)).collect();
    let all = || list(names.iter().map(String::as_str));
    match (roles.vector_column, &vectors[..]) {
        (Some(wanted), _) => match names.iter().position(|name| name == wanted) {
            Some(at) if is_vector(at) => Ok(at),
            Some(_) => {
                Err(format!("the column \"{wanted}\" is no vector or halfvec; cast it, ::vector"))
            }
            None => Err(format!("the query has no column \"{wanted}\"; {}", all())),
        },
        (None, &[only]) => Ok(only),
        (None, []) => match kinds.iter().position(|kind| *kind == Err(SPARSE.into())) {
            Some(at) => Err(format!("the column \"{}\" {SPARSE}", names[at])),
            None => Err(format!(
                "no column of the query is a vector or halfvec of pgvector; cast the one that is meant, ::vector; {}",
                all()
            )),
        },
        (None, several) => Err(format!(
            "several columns are vectors: {}; leave all but one out of the query",
            several.iter().map(|&at| names[at].as_str()).collect::<Vec<_>>().join(", ")
        )),
    }
}

fn choose_key(
    roles: &Roles,
    names: &[String],
    kinds: &[Result<Kind, String>],
    notes: &mut Vec<Diagnostic>,
) -> Result<Option<(usize, KeyType)>, String> {
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    let usable = |at: usize| Some((at, kinds[at].as_ref().ok()?.key_type()?));
    let Some(wanted) = roles.key_column else {
        for at in roles.key_names().filter_map(find) {
            if let Some(key) = usable(at) {
                return Ok(Some(key));
            }
            let name = &names[at];
            notes.push(
                format!("\"{name}\" is not the key: keys are integers, text or UUIDs").into(),
            );
        }
        return Ok(None);
    };
    let Some(at) = find(wanted) else {
        let all = list(names.iter().map(String::as_str));
        return Err(format!("the query has no column \"{wanted}\"; {all}"));
    };
    usable(at).map(Some).ok_or_else(|| {
        format!("the column \"{wanted}\" cannot be the key: keys are integers, text or UUIDs")
    })
}

impl Connection {
    /// Waits for the server. An interrupt cancels the running statement.
    fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
        query: Option<&str>,
    ) -> Result<T, String> {
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match timeout(PATIENCE, work.as_mut()).await {
                    Ok(result) => return result.map_err(|error| failed(&error, query)),
                    Err(_) if self.interrupted.is_some_and(|asked| asked()) => {
                        // If this fails, the server will notice that the connection is closed.
                        let _ = self.client.cancel_token().cancel_query(self.tls.clone()).await;
                        return Err("interrupted".into());
                    }
                    Err(_) => {}
                }
            }
        })
    }
}

/// The bytes of a value.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        _: &Type,
        bytes: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

struct Reader {
    /// The name of the server, for messages.
    name: PathBuf,
    stream: Pin<Box<BinaryCopyOutStream>>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    vector: usize,
    key: Option<(usize, KeyType)>,
    /// 0 until the first vector is read.
    dimensions: usize,
    /// The rows that were read when opening, in reverse order.
    first: Vec<Row>,
    row: u64,
    /// Dropped last.
    connection: Connection,
}

impl Reader {
    /// Reads a row from the server; false at the end.
    fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        let (connection, stream) = (&self.connection, &mut self.stream);
        let next = connection.wait(async { stream.next().await.transpose() }, None);
        let Some(found) = next.map_err(|reason| Error::new(&self.name, reason))? else {
            return Ok(false);
        };
        let decoded = self.decode(&found, row);
        decoded.map_err(|(at, reason)| self.at(&row.key, at, reason))?;
        self.row += 1;
        Ok(true)
    }

    /// The error for a value in the current row.
    fn at(&self, key: &Option<Key>, column: usize, reason: Diagnostic) -> Error {
        let key = match (key, self.key) {
            (Some(key), Some((column, _))) => format!("{} {key}: ", self.names[column]),
            _ => String::new(),
        };
        let reason = reason.behind(&format!("{key}\"{}\"", self.names[column]));
        Error::at_row(&self.name, self.row, reason)
    }

    /// Decodes a row. An error has the number of a column and what is wrong with its value.
    fn decode(&self, found: &BinaryCopyOutRow, row: &mut Row) -> Result<(), (usize, Diagnostic)> {
        let bytes = |at: usize| {
            let raw = found.try_get::<Option<Raw<'_>>>(at);
            Ok(raw.map_err(|error| (at, failed(&error, None).into()))?.map(|raw| raw.0))
        };
        if let Some((at, key_type)) = self.key {
            let value = match bytes(at)? {
                Some(bytes) => self.kinds[at].value(bytes).map_err(|reason| (at, reason.into()))?,
                None => Value::Null,
            };
            row.key = table::key(value, Some(key_type)).map_err(|reason| (at, reason))?;
        }
        row.vector.clear();
        let invalid = match bytes(self.vector)? {
            None => Some("is null".to_owned()),
            Some(bytes) => {
                let read = self.kinds[self.vector].vector(bytes, &mut row.vector);
                read.map_err(|reason| (self.vector, reason.into()))?;
                let (expected, got) = (self.dimensions, row.vector.len());
                (expected != 0 && got != expected).then(|| {
                    format!(
                        "has {got} dimensions where the first has {expected}; all must have the same number"
                    )
                })
            }
        };
        row.invalid = invalid.map(|reason| self.at(&row.key, self.vector, reason.into()));
        for (at, kind) in self.kinds.iter().enumerate() {
            if at == self.vector || self.key.is_some_and(|(key, _)| key == at) {
                continue;
            }
            row.attributes.push(match bytes(at)? {
                Some(bytes) => kind.value(bytes).map_err(|reason| (at, reason.into()))?,
                None => Value::Null,
            });
        }
        Ok(())
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if let Some(first) = self.first.pop() {
            *row = first;
            return Ok(true);
        }
        self.read(row)
    }
}
