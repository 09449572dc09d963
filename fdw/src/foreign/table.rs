//! A foreign table: its files, and what each of its columns is in them.

use crate::foreign::access::access;
use crate::search::shards::{FileSet, Shard};
use crate::sql::encoding;
use crate::sql::failure::{Failure, Result};
use crate::sql::options::{self, Options, find, nearest};
use crate::sql::settings::{self, Caching, Effort};
use crate::sql::value::{datum, key_datum, types_of, types_of_key};
use crate::sql::vector::{self, VectorType, vector_type};
use hither_core::{ColumnType, Difference, Index, Metric, RowId};
use hither_remote::{Access, Location};
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgRelation, PgSqlErrorCode as Code};

/// Names of key columns that need no option.
const KEY_NAMES: [&str; 2] = ["key", "id"];

/// What a column of the table is in the files.
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

/// A foreign table, open.
pub struct Table {
    pub shards: Vec<Shard>,
    /// By attribute number less one; none for dropped columns.
    pub attributes: Vec<Option<Attribute>>,
    pub effort: Effort,
}

impl Table {
    /// Opens the files of a table and checks its columns against each of them. Remote files are
    /// asked for with the keys of `user`, or of the current one if that is invalid.
    pub fn open(relation: pg_sys::Oid, user: pg_sys::Oid) -> Result<Self> {
        let files = Files::new(relation, user)?;
        let shards = files.file_set().open()?;
        let model = settings::model(files.levels());
        for shard in &shards {
            check_alike(shard, &shards[0], model.as_deref())?;
        }
        let attributes = attributes(relation, &shards)?;
        Ok(Self { shards, attributes, effort: Effort::new(files.levels()) })
    }

    /// Any of the indexes; they are alike.
    pub fn index(&self) -> &Index<'_> {
        self.shards[0].file.index()
    }

    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|shard| shard.file.index().len()).sum()
    }

    /// The column that has this attribute number.
    pub fn attribute(&self, number: i32) -> Option<&Attribute> {
        self.attributes.get(usize::try_from(number - 1).ok()?)?.as_ref()
    }

    /// Reads the wanted columns of a row, in the current memory context; the others are null.
    /// `vector` is scratch, a value a dimension.
    pub fn read(
        &self,
        shard: usize,
        row: RowId,
        wanted: &[usize],
        vector: &mut [f32],
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<()> {
        let open = &self.shards[shard];
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
                    // SAFETY: a vector of as many values and this type.
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

    /// Reads the vector of a row into `place`. `values` is scratch, a value a dimension.
    ///
    /// # Safety
    /// `place` is a vector of this type and of the table's dimensions, as [`vector::allocate`] gives it.
    pub unsafe fn read_vector(
        &self,
        shard: usize,
        row: RowId,
        vector_type: VectorType,
        values: &mut [f32],
        place: *mut u8,
    ) -> Result<()> {
        let open = &self.shards[shard];
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
        self.shards.iter().all(|shard| shard.file.index().orders_by(metric))
    }
}

/// What the options of a table and its server say of its files.
pub struct Files {
    table: Options,
    server: Options,
    locations: Vec<Location>,
    access: Access,
    caching: Caching,
}

impl Files {
    /// # Errors
    /// Options that cannot be understood.
    pub fn new(relation: pg_sys::Oid, user: pg_sys::Oid) -> Result<Self> {
        // SAFETY: the relation is a foreign table that the caller's statement has locked; option
        // lists are lists of DefElem.
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

    /// Files of a server that no table names yet.
    pub fn at(
        locations: Vec<Location>,
        table: Options,
        server: Options,
        server_oid: pg_sys::Oid,
        user: pg_sys::Oid,
    ) -> Result<Self> {
        // SAFETY: the current user of this backend.
        let current = unsafe { pg_sys::GetUserId() };
        let user = if user == pg_sys::InvalidOid { current } else { user };
        // Files of this machine are asked of nobody: no need to look for keys.
        let is_local = |location: &Location| matches!(location, Location::Path(_));
        let asker = (!locations.iter().all(is_local)).then_some((server_oid, user));
        let access = access(&server, asker)?;
        let caching = Caching::new([&table, &server]);
        Ok(Self { table, server, locations, access, caching })
    }

    fn levels(&self) -> [&Options; 2] {
        [&self.table, &self.server]
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

fn check_alike(shard: &Shard, first: &Shard, model: Option<&str>) -> Result<()> {
    let differs = match first.file.index().difference(shard.file.index()) {
        Some(Difference::Dimensions) => Some("number of dimensions"),
        Some(Difference::KeyType) => Some("type of keys"),
        _ => None,
    };
    if let Some(what) = differs {
        let message = format!("its {what} is not that of \"{}\"", first.path.display());
        return Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
            .about(&shard.path)
            .hint("The files of one table must be alike."));
    }
    let made_with = shard.file.index().property("model");
    if let Some(model) = model.filter(|model| Some(*model) != made_with) {
        let made_with =
            made_with.map_or("no named model".into(), |name| format!("model \"{name}\""));
        let message = format!("it was made with {made_with}, and the table wants \"{model}\"");
        return Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
            .about(&shard.path)
            .hint("Vectors of different models cannot be compared: query with the model of the file, or change the option model."));
    }
    Ok(())
}

fn attributes(relation: pg_sys::Oid, shards: &[Shard]) -> Result<Vec<Option<Attribute>>> {
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
            // No column of a file is a vector, whatever its name.
            Source::Vector(vector_type)
        } else {
            source(name, type_oid, shards)?
        };
        check_type(&own_name, &source, type_oid, typmod, &shards[0])?;
        attributes.push(Some(Attribute { name: own_name, source, type_oid, typmod }));
    }
    Ok(attributes)
}

/// What a name means: an attribute column of that name, else the vector for a column of a vector
/// type, else the key.
fn source(name: &str, type_oid: pg_sys::Oid, shards: &[Shard]) -> Result<Source> {
    let index = shards[0].file.index();
    if let Ok(number) = index.column(name) {
        let column_type = index.columns()[number].column_type;
        let numbers = shards.iter().map(|shard| {
            let index = shard.file.index();
            let number =
                index.column(name).map_err(|error| Failure::from(error).about(&shard.path))?;
            if index.columns()[number].column_type == column_type {
                return Ok(number);
            }
            let message = format!("its column \"{name}\" is not {}", column_type.name());
            Err(Failure::new(Code::ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION, message)
                .about(&shard.path))
        });
        let numbers = numbers.collect::<Result<_>>()?;
        return Ok(Source::Column { name: name.into(), column_type, numbers });
    }
    if let Some(vector_type) = vector_type(type_oid) {
        return Ok(Source::Vector(vector_type));
    }
    // SAFETY: a look-up in the catalogs; what is no domain is its own base.
    let base = unsafe { pg_sys::getBaseType(type_oid) };
    if base != type_oid && vector_type(base).is_some() {
        let message =
            format!("column \"{name}\" is of the domain {} over a vector", type_name(type_oid));
        return Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message).hint(format!(
            "Declare it as {}({}): what a domain checks is not checked of files.",
            type_name(base),
            index.dimensions()
        )));
    }
    if KEY_NAMES.contains(&name) {
        return Ok(Source::Key);
    }
    let columns: Vec<&str> = index.columns().iter().map(|column| column.name.as_str()).collect();
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
    Err(Failure::new(Code::ERRCODE_FDW_COLUMN_NAME_NOT_FOUND, message)
        .about(&shards[0].path)
        .hint(hint))
}

fn check_type(
    name: &str,
    source: &Source,
    type_oid: pg_sys::Oid,
    typmod: i32,
    shard: &Shard,
) -> Result<()> {
    let options = shard.file.index().options();
    let (what, allowed) = match source {
        Source::Vector(_) if typmod == -1 || typmod as usize == options.dimensions => return Ok(()),
        Source::Vector(_) => {
            let message = format!(
                "column \"{name}\" has {typmod} dimensions, and the vectors of the file {}",
                options.dimensions
            );
            return Err(Failure::new(Code::ERRCODE_DATATYPE_MISMATCH, message)
                .about(&shard.path)
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
        .about(&shard.path)
        .hint(format!("Declare it as {}.", names.join(" or "))))
}

fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: format_type_be gives a palloc'ed string for any OID.
    unsafe { encoding::name(pg_sys::format_type_be(oid)) }
}
