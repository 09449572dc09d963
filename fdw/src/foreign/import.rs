//! IMPORT FOREIGN SCHEMA: creates a table for each file, with columns from the file.

use crate::foreign::files::{FileInfo, Files};
use crate::sql::encoding::name as text;
use crate::sql::failure::{Failure, Result};
use crate::sql::options::{self, Options, find, nearest};
use crate::sql::rights::{self, Needs};
use hither_core::{ColumnType, Element, IndexOptions, KeyType};
use hither_remote::location::{self, Location};
use pgrx::{PgList, PgSqlErrorCode as Code, Spi, pg_sys};
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// The longest name in Postgres, in bytes.
const LONGEST_NAME: usize = pg_sys::NAMEDATALEN as usize - 1;
/// The greatest number of dimensions of pgvector's types.
const MOST_DIMENSIONS: usize = 16_000;

/// The options of the statement.
struct ImportOptions {
    server: String,
    /// The type of vector columns; by default it follows from the file's element type.
    vector: Option<String>,
    /// Whether all files become one table.
    one: bool,
    limit_to: Option<Vec<String>>,
    except: Vec<String>,
}

/// The commands that create the tables.
///
/// # Safety
/// Called by Postgres with an IMPORT FOREIGN SCHEMA statement for a server of ours.
pub unsafe fn commands(
    statement: *mut pg_sys::ImportForeignSchemaStmt,
    server: pg_sys::Oid,
) -> Result<Vec<String>> {
    // SAFETY: the caller's promise.
    let (schema, wanted, server_options) = unsafe {
        let names: Vec<String> = PgList::<pg_sys::RangeVar>::from_pg((*statement).table_list)
            .iter_ptr()
            .map(|table| text((*table).relname))
            .collect();
        let given = options::read((*statement).options);
        check(&given)?;
        use pg_sys::ImportForeignSchemaType::*;
        let kind = (*statement).list_type;
        let wanted = ImportOptions {
            server: text((*statement).server_name),
            vector: find(&given, "vector").map(Into::into),
            one: find(&given, "shards") == Some("one"),
            limit_to: (kind == FDW_IMPORT_SCHEMA_LIMIT_TO).then(|| names.clone()),
            except: if kind == FDW_IMPORT_SCHEMA_EXCEPT { names } else { Vec::new() },
        };
        let server = options::read((*pg_sys::GetForeignServer(server)).options);
        (text((*statement).remote_schema), wanted, server)
    };
    match rights::needs(&schema) {
        Needs::ServerFiles => rights::check_may_read()?,
        Needs::Network => rights::check_may_connect()?,
        Needs::Nothing => {}
    }
    let base = find(&server_options, "location");
    let location = match location::parse(&schema, base)? {
        // A location that is not a file is a folder.
        Location::S3 { bucket, key }
            if !key.is_empty()
                && !location::is_glob(&key)
                && !key.ends_with(".hither")
                && !key.ends_with('/') =>
        {
            Location::S3 { bucket, key: format!("{key}/") }
        }
        location => location,
    };
    let files = |location| {
        Files::at(
            vec![location],
            Options::new(),
            server_options.clone(),
            server,
            pg_sys::InvalidOid,
        )
    };
    if wanted.one {
        let name = schema_name(&schema, base);
        if !wanted.wants(&name) {
            return Ok(Vec::new());
        }
        let contents = files(location.clone())?.open()?;
        let text = location.to_string();
        return Ok(vec![wanted.table(&name, relative(&text, base), contents.file(0))?]);
    }
    // Files of tables that are not wanted are not fetched.
    let listed = files(location)?.file_set().locations()?;
    let mut made: HashMap<String, String> = HashMap::new();
    let mut commands = Vec::new();
    for text in listed {
        let name = table_name(&text);
        if !wanted.wants(&name) {
            continue;
        }
        if let Some(other) = made.insert(name.clone(), text.clone()) {
            let message = format!("\"{other}\" and \"{text}\" would both be the table \"{name}\"");
            return Err(Failure::new(Code::ERRCODE_DUPLICATE_TABLE, message).hint(
                "Import one with LIMIT TO from a folder of its own, or make the tables by hand.",
            ));
        }
        let contents = files(location::parse(&text, None)?)?.open()?;
        commands.push(wanted.table(&name, relative(&text, base), contents.file(0))?);
    }
    Ok(commands)
}

fn check(options: &Options) -> Result<()> {
    for (name, value) in options {
        let allowed: &[&str] = match name.as_str() {
            "vector" => &["vector", "halfvec"],
            "shards" => &["each", "one"],
            _ => {
                let message =
                    format!("invalid option \"{name}\" for IMPORT FOREIGN SCHEMA of hither");
                let hint = match nearest(name, ["vector", "shards"].into_iter()) {
                    Some(near) => format!("Perhaps you meant the option \"{near}\"."),
                    None => "Valid options are: vector, shards.".into(),
                };
                return Err(Failure::new(Code::ERRCODE_FDW_INVALID_OPTION_NAME, message).hint(hint));
            }
        };
        if !allowed.contains(&value.as_str()) {
            let message = format!(
                "invalid value \"{value}\" for option \"{name}\": it must be {}",
                allowed.join(" or ")
            );
            return Err(Failure::new(Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, message));
        }
    }
    Ok(())
}

/// The location relative to the server's if it lies beneath that, so that the server's location can change.
fn relative<'l>(location: &'l str, base: Option<&str>) -> &'l str {
    let beneath = base.and_then(|base| location.strip_prefix(base.trim_end_matches('/')));
    let beneath = beneath.and_then(|rest| rest.strip_prefix('/'));
    match beneath {
        Some("" | ".") => ".",
        Some(beneath) => beneath,
        None => location,
    }
}

/// The name of a file's table: the file name without its ending.
fn table_name(location: &str) -> String {
    let name = location.rsplit('/').next().unwrap_or(location);
    let name = name.split(['?', '#']).next().unwrap_or(name);
    clipped(name.strip_suffix(".hither").unwrap_or(name))
}

/// The name of the table of several files: that of their folder.
fn schema_name(schema: &str, base: Option<&str>) -> String {
    let folder = if schema == "." { base.unwrap_or(schema) } else { schema };
    let mut parts = folder.split('/').filter(|part| !part.is_empty() && !location::is_glob(part));
    table_name(parts.next_back().unwrap_or(folder))
}

/// A name truncated to Postgres's limit at a character boundary.
fn clipped(name: &str) -> String {
    clipped_to(name, LONGEST_NAME)
}

fn clipped_to(name: &str, longest: usize) -> String {
    let mut end = name.len().min(longest);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

impl ImportOptions {
    fn wants(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|other| other == name);
        self.limit_to.as_deref().is_none_or(named) && !named(&self.except)
    }

    /// The command that creates a table.
    fn table(&self, name: &str, location: &str, file: FileInfo<'_>) -> Result<String> {
        let columns = self.columns(file.options).map_err(|failure| failure.about(file.path))?;
        Ok(format!(
            "CREATE FOREIGN TABLE {} ({}) SERVER {} OPTIONS (location {})",
            identifier(name),
            columns.join(", "),
            identifier(&self.server),
            literal(location)
        ))
    }

    /// The columns of the table: key, vector, and the file's attribute columns.
    fn columns(&self, options: &IndexOptions) -> Result<Vec<String>> {
        let taken = |name: &str| options.columns.iter().any(|column| column.name == name);
        let mut names = SYSTEM_COLUMNS.map(String::from).to_vec();
        let mut columns = Vec::new();
        let key_type = match options.key_type {
            KeyType::RowNumber | KeyType::Int64 => "bigint",
            KeyType::Uuid => "uuid",
            KeyType::Text => "text",
        };
        // A file's attribute column keeps its name; the key takes the other one.
        match ["id", "key"].into_iter().find(|name| !taken(name)) {
            Some(name) => columns.push(format!("{} {key_type}", free(name, &mut names))),
            None => {
                columns.push(format!("{} {key_type} OPTIONS (key 'on')", free("key", &mut names)))
            }
        }
        if options.dimensions > MOST_DIMENSIONS {
            let message = format!(
                "its vectors have {} dimensions, and pgvector's at most {MOST_DIMENSIONS}",
                options.dimensions
            );
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message));
        }
        let vector = self.vector.as_deref().unwrap_or(match options.element {
            Element::F16 => "halfvec",
            _ => "vector",
        });
        let name = if taken("embedding") { "vector" } else { "embedding" };
        let name = free(name, &mut names);
        columns.push(format!("{name} {}({})", vector_type_name(vector), options.dimensions));
        for column in &options.columns {
            if column.name.contains('\0') {
                let message = format!(
                    "the name of its column \"{}\" has a NUL byte, which a name of Postgres cannot have",
                    column.name
                );
                return Err(Failure::new(Code::ERRCODE_UNTRANSLATABLE_CHARACTER, message).hint(
                    "Build the file with another name, or make the table by hand, without the column.",
                ));
            }
            let name = free(&column.name, &mut names);
            let type_name = match column.column_type {
                ColumnType::Bool => "boolean",
                ColumnType::Int64 => "bigint",
                ColumnType::Float64 => "double precision",
                ColumnType::Text => "text",
                ColumnType::Timestamp => "timestamptz",
                ColumnType::Uuid => "uuid",
                ColumnType::Bytes => "bytea",
                ColumnType::Json => "jsonb",
            };
            let option = if name == column.name {
                String::new()
            } else {
                format!(" OPTIONS (column {})", literal(&column.name))
            };
            columns.push(format!("{} {type_name}{option}", identifier(&name)));
        }
        Ok(columns)
    }
}

/// The system columns that every table in Postgres has.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

/// A unique name for a column: its own, with underscores appended if that is taken.
fn free(name: &str, taken: &mut Vec<String>) -> String {
    let mut free = clipped(name);
    let mut underscores = String::new();
    while taken.contains(&free) {
        underscores.push('_');
        free = clipped_to(name, LONGEST_NAME - underscores.len().min(LONGEST_NAME)) + &underscores;
    }
    taken.push(free.clone());
    free
}

/// The name of a type of pgvector, qualified with the schema in which pgvector is installed.
fn vector_type_name(name: &str) -> String {
    let schema = "SELECT extnamespace FROM pg_catalog.pg_extension WHERE extname = 'vector'";
    match Spi::get_one::<pg_sys::Oid>(schema) {
        // SAFETY: a catalog look-up; an extension's schema exists, and its name is palloc'ed.
        Ok(Some(schema)) => unsafe {
            format!("{}.{name}", identifier(&text(pg_sys::get_namespace_name(schema))))
        },
        _ => name.into(),
    }
}

fn identifier(name: &str) -> String {
    quoted(name, |text| {
        // SAFETY: a string that ends with NUL; the result is the same string or a palloc'ed one.
        unsafe { CStr::from_ptr(pg_sys::quote_identifier(text.as_ptr())).to_owned() }
    })
}

fn literal(text: &str) -> String {
    quoted(text, |text| {
        // SAFETY: a string that ends with NUL; the result is palloc'ed.
        unsafe { CStr::from_ptr(pg_sys::quote_literal_cstr(text.as_ptr())).to_owned() }
    })
}

fn quoted(text: &str, quote: impl Fn(&CStr) -> CString) -> String {
    // There are no NUL bytes: column names were checked, and paths cannot contain any.
    let text = CString::new(text).unwrap_or_default();
    quote(&text).to_string_lossy().into_owned()
}
