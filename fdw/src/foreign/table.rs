//! A foreign table: its files, and which part of them each of its columns shows.

use crate::foreign::files::{Contents, FileInfo, Files};
use crate::search::ranges::{Columns, RangeFiles};
use crate::sql::encoding;
use crate::sql::failure::{Failure, Result};
use crate::sql::options::{self, find, nearest};
use crate::sql::settings::{self, Effort};
use crate::sql::value::{datum, key_datum, types_of, types_of_key};
use crate::sql::vector::{self, VectorType, vector_type};
use hither_core::{ColumnType, ErrorKind, IndexOptions, Metric, RowId};
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgRelation, PgSqlErrorCode as Code};

/// Names that make a column the key without an option.
const KEY_NAMES: [&str; 2] = ["key", "id"];

/// The part of the files that a column of the table shows.
#[derive(Clone, Debug)]
pub enum Source {
    Key,
    Vector(VectorType),
    /// An attribute column: its number in each of the shards.
    Column {
        name: String,
        column_type: ColumnType,
        numbers: Vec<usize>,
    },
}

/// A column of the table.
#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: String,
    pub source: Source,
    pub type_oid: pg_sys::Oid,
    pub typmod: i32,
}

/// An open foreign table.
pub struct Table {
    pub contents: Contents,
    /// By attribute number less one; `None` for dropped columns.
    pub attributes: Vec<Option<Attribute>>,
    pub effort: Effort,
}

impl Table {
    /// Opens the files of a table and checks its columns against each of them. Remote files are requested
    /// with the keys of `user`, or of the current user if that is invalid.
    pub fn open(relation: pg_sys::Oid, user: pg_sys::Oid) -> Result<Self> {
        let files = Files::new(relation, user)?;
        let contents = files.open()?;
        let model = settings::model(files.levels());
        for file in contents.files() {
            check_alike(file, contents.file(0), model.as_deref())?;
        }
        let attributes = attributes(relation, &contents)?;
        Ok(Self { contents, attributes, effort: Effort::new(files.levels()) })
    }

    /// The build options of the files, which are alike.
    pub fn options(&self) -> &IndexOptions {
        self.contents.file(0).options
    }

    /// The number of rows in all files.
    pub fn rows(&self) -> u64 {
        self.contents.files().map(|file| file.rows).sum()
    }

    /// The column with this attribute number.
    pub fn attribute(&self, number: i32) -> Option<&Attribute> {
        self.attributes.get(usize::try_from(number - 1).ok()?)?.as_ref()
    }

    /// Reads the wanted columns of a row, into the current memory context; the others are null. `vector` is
    /// scratch, one value per dimension.
    pub fn read(
        &self,
        shard: usize,
        row: RowId,
        wanted: &[usize],
        vector: &mut [f32],
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<()> {
        let shards = match &self.contents {
            Contents::Whole(shards) => shards,
            Contents::Ranges(files) => {
                return self.read_ranges(files, shard, row, wanted, values, nulls);
            }
        };
        let open = &shards[shard];
        let index = open.file.index();
        let about = |error| Failure::from(error).about(&open.path);
        nulls.fill(true);
        for &at in wanted {
            let Some(attribute) = &self.attributes[at] else { continue };
            let (oid, typmod) = (attribute.type_oid, attribute.typmod);
            let value = match &attribute.source {
                Source::Key => {
                    let key = index.key(row).map_err(about)?;
                    Some(
                        key_datum(key, oid, typmod)
                            .map_err(|f| f.of_value(&attribute.name, key))?,
                    )
                }
                Source::Vector(vector_type) => {
                    let place = vector::allocate(index.dimensions(), *vector_type);
                    // SAFETY: a vector with this number of values and of this type.
                    unsafe { self.read_vector(shard, row, *vector_type, vector, place)? };
                    Some(Datum::from(place))
                }
                Source::Column { numbers, .. } => {
                    let value = index.value(row, numbers[shard]).map_err(about)?;
                    datum(value, oid, typmod).map_err(|failure| match index.key(row) {
                        Ok(key) => failure.of_value(&attribute.name, key),
                        Err(error) => about(error),
                    })?
                }
            };
            if let (Some(value), Some(place)) = (value, values.get_mut(at)) {
                (*place, nulls[at]) = (value, false);
            }
        }
        Ok(())
    }

    /// Like [`read`](Self::read), for files that are read by ranges.
    fn read_ranges(
        &self,
        files: &RangeFiles,
        shard: usize,
        row: RowId,
        wanted: &[usize],
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<()> {
        nulls.fill(true);
        for &at in wanted {
            let Some(attribute) = &self.attributes[at] else { continue };
            let (oid, typmod) = (attribute.type_oid, attribute.typmod);
            let value = match &attribute.source {
                Source::Key => {
                    let key = files.key(shard, row)?;
                    let value = key_datum(key.as_ref(), oid, typmod);
                    Some(value.map_err(|failure| failure.of_value(&attribute.name, &key))?)
                }
                Source::Vector(vector_type) => {
                    let stored = files.vector(shard, row)?;
                    let place = vector::allocate(stored.len(), *vector_type);
                    // SAFETY: a vector with this number of values and of this type.
                    unsafe { vector::write(&stored, *vector_type, place) };
                    Some(Datum::from(place))
                }
                Source::Column { numbers, .. } => {
                    let value = files.value(shard, row, numbers[shard])?;
                    match datum(value.as_ref(), oid, typmod) {
                        Ok(value) => value,
                        Err(failure) => {
                            let key = files.key(shard, row)?;
                            return Err(failure.of_value(&attribute.name, key));
                        }
                    }
                }
            };
            if let (Some(value), Some(place)) = (value, values.get_mut(at)) {
                (*place, nulls[at]) = (value, false);
            }
        }
        Ok(())
    }

    /// What must be read of a row for these columns, from files that are read by ranges.
    pub fn range_columns(&self, wanted: &[usize]) -> Columns {
        let mut columns = Columns::default();
        for attribute in wanted.iter().filter_map(|at| self.attributes[*at].as_ref()) {
            match &attribute.source {
                Source::Key => columns.key = true,
                Source::Vector(_) => columns.vector = true,
                Source::Column { numbers, .. } => columns.numbers.push(numbers.clone()),
            }
        }
        columns
    }

    /// Reads the vector of a row into `place`. `values` is scratch, one value per dimension.
    ///
    /// # Safety
    /// `place` is a vector of this type with the table's dimensions, as returned by [`vector::allocate`].
    pub unsafe fn read_vector(
        &self,
        shard: usize,
        row: RowId,
        vector_type: VectorType,
        values: &mut [f32],
        place: *mut u8,
    ) -> Result<()> {
        let shards = match &self.contents {
            Contents::Whole(shards) => shards,
            Contents::Ranges(files) => {
                let stored = files.vector(shard, row)?;
                // SAFETY: the caller's promise.
                unsafe { vector::write(&stored, vector_type, place) };
                return Ok(());
            }
        };
        let open = &shards[shard];
        let index = open.file.index();
        let about = |error| Failure::from(error).about(&open.path);
        match index.vector_bytes(row).map_err(about)? {
            Some(stored) if vector_type.stores(index.options().element) => {
                // SAFETY: the caller's promise.
                unsafe { vector::copy(stored, place) };
            }
            _ => {
                index.vector(row, values).map_err(about)?;
                // SAFETY: the caller's promise.
                unsafe { vector::write(values, vector_type, place) };
            }
        }
        Ok(())
    }

    /// Whether the files order their rows by this metric.
    pub fn orders_by(&self, metric: Metric) -> bool {
        self.contents.orders_by(metric)
    }
}

fn check_alike(file: FileInfo<'_>, first: FileInfo<'_>, model: Option<&str>) -> Result<()> {
    let (own, others) = (file.options, first.options);
    let differs = if own.dimensions != others.dimensions {
        Some("number of dimensions")
    } else if own.key_type != others.key_type {
        Some("type of keys")
    } else {
        None
    };
    if let Some(what) = differs {
        let message = format!("its {what} is not that of \"{}\"", first.path.display());
        return Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
            .about(file.path)
            .hint("The files of one table must be alike."));
    }
    let properties = file.options.properties.iter();
    let made_with =
        properties.filter(|(name, _)| name == "model").map(|(_, value)| &**value).next();
    if let Some(model) = model.filter(|model| Some(*model) != made_with) {
        let made_with =
            made_with.map_or("no named model".into(), |name| format!("model \"{name}\""));
        let message = format!("it was made with {made_with}, and the table wants \"{model}\"");
        return Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
            .about(file.path)
            .hint("Vectors of different models cannot be compared: query with the model of the file, or change the option model."));
    }
    Ok(())
}

fn attributes(relation: pg_sys::Oid, contents: &Contents) -> Result<Vec<Option<Attribute>>> {
    // SAFETY: the statement holds a lock on the relation.
    let relation_guard = unsafe { PgRelation::open(relation) };
    let descriptor = relation_guard.tuple_desc();
    let mut attributes = Vec::with_capacity(descriptor.len());
    for (at, attribute) in descriptor.iter().enumerate() {
        if attribute.attisdropped {
            attributes.push(None);
            continue;
        }
        // SAFETY: the column exists; its options are a list of DefElem.
        let options =
            unsafe { options::read(pg_sys::GetForeignColumnOptions(relation, at as i16 + 1)) };
        // SAFETY: a name ends with NUL.
        let own_name = unsafe { encoding::name(attribute.attname.data.as_ptr()) };
        let named = find(&options, "column");
        let name = named.unwrap_or(&own_name);
        let (type_oid, typmod) = (attribute.atttypid, attribute.atttypmod);
        let source = if options::is_on(&options, "key", false) {
            Source::Key
        } else if let (None, Some(vector_type)) = (named, vector_type(type_oid)) {
            // An attribute column of a file is never a vector, whatever its name.
            Source::Vector(vector_type)
        } else {
            source(name, type_oid, contents)?
        };
        check_type(&own_name, &source, type_oid, typmod, contents.file(0))?;
        attributes.push(Some(Attribute { name: own_name, source, type_oid, typmod }));
    }
    Ok(attributes)
}

/// The source for a column name: the attribute column of that name, else the vector for a column of a
/// vector type, else the key.
fn source(name: &str, type_oid: pg_sys::Oid, contents: &Contents) -> Result<Source> {
    let first = contents.file(0);
    if let Some(number) = column(first, name) {
        let column_type = first.options.columns[number].column_type;
        let numbers = contents.files().map(|file| {
            let number = column(file, name).ok_or_else(|| {
                let known = names(file).join(", ");
                let error =
                    hither_core::Error::from(ErrorKind::UnknownColumn { name: name.into(), known });
                Failure::from(error).about(file.path)
            })?;
            if file.options.columns[number].column_type == column_type {
                return Ok(number);
            }
            let message = format!("its column \"{name}\" is not {}", column_type.name());
            Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
                .about(file.path))
        });
        let numbers = numbers.collect::<Result<_>>()?;
        return Ok(Source::Column { name: name.into(), column_type, numbers });
    }
    if let Some(vector_type) = vector_type(type_oid) {
        return Ok(Source::Vector(vector_type));
    }
    // SAFETY: a catalog look-up; a type that is no domain is its own base type.
    let base = unsafe { pg_sys::getBaseType(type_oid) };
    if base != type_oid && vector_type(base).is_some() {
        let message =
            format!("column \"{name}\" is of the domain {} over a vector", type_name(type_oid));
        return Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message).hint(format!(
            "Declare it as {}({}): what a domain checks is not checked of files.",
            type_name(base),
            first.options.dimensions
        )));
    }
    if KEY_NAMES.contains(&name) {
        return Ok(Source::Key);
    }
    let columns = names(first);
    let known = columns.iter().copied().chain(KEY_NAMES);
    let hint = match nearest(name, known) {
        Some(near) => format!(
            "Perhaps it is \"{near}\": name the column so, or give it OPTIONS (column '{near}')."
        ),
        None => format!(
            "The file has the key (called key or id), the vector, and the columns: {}.",
            columns.join(", ")
        ),
    };
    let message = format!("there is no column \"{name}\"");
    Err(Failure::new(Code::ERRCODE_FDW_COLUMN_NAME_NOT_FOUND, message).about(first.path).hint(hint))
}

/// The number of a file's attribute column with this name.
fn column(file: FileInfo<'_>, name: &str) -> Option<usize> {
    file.options.columns.iter().position(|column| column.name == name)
}

/// The names of a file's attribute columns.
fn names(file: FileInfo<'_>) -> Vec<&str> {
    file.options.columns.iter().map(|column| column.name.as_str()).collect()
}

fn check_type(
    name: &str,
    source: &Source,
    type_oid: pg_sys::Oid,
    typmod: i32,
    file: FileInfo<'_>,
) -> Result<()> {
    let options = file.options;
    let (what, allowed) = match source {
        Source::Vector(_) if typmod == -1 || typmod as usize == options.dimensions => return Ok(()),
        Source::Vector(_) => {
            let message = format!(
                "column \"{name}\" has {typmod} dimensions, and the vectors of the file {}",
                options.dimensions
            );
            return Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message)
                .about(file.path)
                .hint(format!("Declare it as vector({0}) or halfvec({0}).", options.dimensions)));
        }
        Source::Key => (options.key_type.name(), types_of_key(options.key_type)),
        Source::Column { column_type, .. } => (column_type.name(), types_of(*column_type)),
    };
    if allowed.contains(&type_oid) {
        return Ok(());
    }
    let names: Vec<String> = allowed.iter().map(|oid| type_name(*oid)).collect();
    let message =
        format!("column \"{name}\" is {} here and {what} in the file", type_name(type_oid));
    Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message)
        .about(file.path)
        .hint(format!("Declare it as {}.", names.join(" or "))))
}

fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: format_type_be returns a palloc'ed string for any OID.
    unsafe { encoding::name(pg_sys::format_type_be(oid)) }
}
