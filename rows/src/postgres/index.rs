//! Streams an index in Postgres as an index file.

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use tokio_postgres::{binary_copy::BinaryCopyOutStream, types::Type};

use super::connection::{Target, failed};
use crate::{Diagnostic, Error, Setting, source::Interrupted};

/// An index `USING hither` in Postgres.
///
/// ```no_run
/// use hither_rows::PostgresIndex;
/// use std::io::Write;
///
/// let index = PostgresIndex {
///     url: "postgres://me@localhost/shop",
///     name: "items_embedding_idx",
///     key_column: "id",
///     columns: &["title".into(), "lang".into()],
///     vectors: true,
/// };
/// let mut file = std::fs::File::create("items.hither")?;
/// index.export(None, &mut |piece| Ok::<(), Box<dyn std::error::Error>>(file.write_all(piece)?))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PostgresIndex<'a> {
    /// `postgres://…` or `key=value` pairs; libpq's environment variables set what these leave out.
    pub url: &'a str,
    /// The index, with its schema if that is not in the search path.
    pub name: &'a str,
    /// The column of its table with the keys.
    pub key_column: &'a str,
    /// The table's columns to include in the file.
    pub columns: &'a [String],
    /// Whether the file contains the vectors; otherwise it has only codes.
    pub vectors: bool,
}

impl PostgresIndex<'_> {
    /// Passes the bytes of the index file to `write` in pieces.
    ///
    /// # Errors
    /// Errors of the server, and those of `write`.
    pub fn export<E: From<Error>>(
        &self,
        interrupted: Option<Interrupted>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let target = Target::parse(self.url).map_err(|reason| {
            Error::new(Path::new("the server"), Diagnostic::with(reason, Setting::Server))
        })?;
        let name = PathBuf::from(target.name());
        let refuse = |reason: String| Error::new(&name, reason);
        let connection = target.connect(interrupted).map_err(refuse)?;
        let copy = format!("COPY ({}) TO STDOUT (FORMAT binary)", self.query());
        let stream = connection.wait(connection.client.copy_out(&copy), None).map_err(refuse)?;
        let mut stream = Box::pin(BinaryCopyOutStream::new(stream, &[Type::BYTEA]));
        loop {
            let next = connection.wait(async { stream.next().await.transpose() }, None);
            let Some(row) = next.map_err(refuse)? else { return Ok(()) };
            let piece = row.try_get::<&[u8]>(0);
            write(piece.map_err(|error| refuse(failed(&error, None)))?)?;
        }
    }

    fn query(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| literal(name)).collect();
        format!(
            "SELECT hither.export_bytes({}::regclass, {}, ARRAY[{}]::text[], {})",
            literal(self.name),
            literal(self.key_column),
            columns.join(", "),
            self.vectors
        )
    }
}

/// A string literal of SQL, whatever `standard_conforming_strings` is. COPY takes no parameters.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let index = PostgresIndex {
            url: "",
            name: "\"It's\"",
            key_column: "a\\b",
            columns: &["x".into(), "y".into()],
            vectors: false,
        };
        let query = r#"SELECT hither.export_bytes(E'"It''s"'::regclass, E'a\\b', ARRAY[E'x', E'y']::text[], false)"#;
        assert_eq!(index.query(), query);
    }
}
