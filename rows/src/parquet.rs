//! Parquet: reads the vector with the column readers, one batch of rows at a time, and keys and attributes
//! with the record reader, which also assembles nested values.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::parquet::{
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    record::reader::{ReaderIter, TreeBuilder},
    schema::types::{SchemaDescPtr, SchemaDescriptor, Type},
};
use hither::{ColumnSchema, ColumnType, KeyType, Value};

use crate::{
    Diagnostic, Error, Row,
    columns::written,
    roles::Roles,
    shield::shield,
    source::Source,
    table::{self, Rows, Table},
    vector,
};

mod list;
pub mod schema;
pub mod value;
pub mod write;

use list::VectorColumn;
use schema::Kind;

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    source.spool()?;
    let file = source.start()?;
    shield(source.path(), || open_file(source.path(), file, roles))
}

fn open_file(path: &Path, file: File, roles: &Roles) -> Result<Table, Error> {
    let refuse = |reason: Diagnostic| Error::new(path, reason);
    let metadata = file.metadata().map_err(|error| Error::io(path, &error))?;
    if metadata.len() == 0 {
        return Err(refuse("the file is empty".into()));
    }
    let file = SerializedFileReader::new(file).map_err(|error| damaged(path, &error))?;
    let count = file.metadata().file_metadata().num_rows();
    let groups = file.metadata().row_groups().iter().map(|group| group.num_rows());
    if count < 0 || groups.fold(0_i64, |sum, n| sum.saturating_add(n.max(0))) != count {
        return Err(refuse("the file is damaged: its row counts contradict each other".into()));
    }
    if count == 0 {
        return Err(refuse("it has no rows".into()));
    }
    let descriptor = file.metadata().file_metadata().schema_descr_ptr();
    let fields = descriptor.root_schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let is_list = |at: usize| schema::vector_leaf(&descriptor, at).is_some();
    let vector = match roles.vectors {
        true => {
            // A text column can only be chosen by name.
            let by_list = roles.choose_vector(&names, is_list, is_list);
            let is_text = |at: usize| schema::is_text(&fields[at]);
            let chosen = by_list.or_else(|reason| {
                roles.choose_vector(&names, is_text, |_| false).map_err(|_| reason)
            });
            Some(chosen.map_err(refuse)?)
        }
        false => None,
    };
    let text = vector.filter(|&at| !is_list(at));
    let mut notes = Vec::new();
    let key = choose_key(&file, roles, &names, vector, &mut notes).map_err(refuse)?;
    let (mut columns, mut targets, mut projected) = (Vec::new(), Vec::new(), Vec::new());
    for (at, field) in fields.iter().enumerate() {
        if Some(at) == text {
            projected.push(field.clone());
            targets.push((Kind::Plain(ColumnType::Text), Target::Vector));
        }
        if Some(at) == vector {
            continue;
        }
        let kind = schema::kind_as(field, roles.type_of(field.name()))
            .map_err(|reason| refuse(format!("the column \"{}\" {reason}", field.name()).into()))?;
        projected.push(field.clone());
        notes.extend(schema::note(field, kind));
        match key {
            Some((key, _)) if key == at => targets.push((kind, Target::Key)),
            _ => {
                columns.push(ColumnSchema {
                    name: names[at].clone(),
                    column_type: kind.column_type(),
                });
                targets.push((kind, Target::Column));
            }
        }
    }
    let projection = Type::group_type_builder(descriptor.root_schema().name())
        .with_fields(projected)
        .build()
        .map_err(|error| damaged(path, &error))?;
    let vectors = vector
        .and_then(|at| Some(VectorColumn::new(&names[at], schema::vector_leaf(&descriptor, at)?)));
    let first = match text {
        Some(at) => Some(text_dimensions(path, &file, &fields[at])?),
        None => None,
    };
    let mut reader = Reader {
        path: path.to_owned(),
        file,
        projection: Arc::new(SchemaDescriptor::new(Arc::new(projection))),
        targets,
        vectors,
        dimensions: first.unwrap_or(0),
        records: None,
        group: 0,
        left: 0,
        row: 0,
        rounded: 0,
    };
    if first.is_none() {
        reader.dimensions = reader.find_dimensions()?;
    }
    let dimensions = reader.dimensions;
    Ok(Table {
        rows: Box::new(reader),
        count: Some(count.cast_unsigned()),
        dimensions,
        columns,
        vector_column: vector.map(|at| names[at].clone()),
        key: key.map(|(at, key_type)| (names[at].clone(), key_type)),
        notes,
    })
}

fn choose_key(
    file: &SerializedFileReader<File>,
    roles: &Roles,
    names: &[String],
    vector: Option<usize>,
    notes: &mut Vec<Diagnostic>,
) -> Result<Option<(usize, KeyType)>, Diagnostic> {
    let fields = file.metadata().file_metadata().schema_descr().root_schema().get_fields();
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    let usable = |at: usize| {
        let wanted = roles.type_of(&names[at]);
        let kind = schema::kind_as(&fields[at], wanted).ok().filter(|_| Some(at) != vector)?;
        Some((at, kind.key_type()?))
    };
    if let Some(wanted) = roles.key_column {
        let at = find(wanted).ok_or_else(|| {
            let all = crate::roles::list(names.iter().map(String::as_str));
            format!("there is no column \"{wanted}\"; {all}")
        })?;
        return usable(at).map(Some).ok_or_else(|| {
            format!("the column \"{wanted}\" cannot be the key: keys are integers, text or UUIDs")
                .into()
        });
    }
    for at in roles.key_names().filter_map(find) {
        let why = match usable(at) {
            Some(_) if schema::has_nulls(file.metadata(), at) => "some rows have none",
            Some(key) => return Ok(Some(key)),
            None if Some(at) == vector => continue,
            None => "keys are integers, text or UUIDs",
        };
        notes.push(format!("\"{}\" is not the key: {why}", names[at]).into());
    }
    Ok(None)
}

fn damaged(path: &Path, error: &ParquetError) -> Error {
    let text = error.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    Error::new(path, format!("it cannot be read as Parquet, or is damaged: {text}"))
}

/// The length of the first text that is a vector; all others must have the same.
fn text_dimensions(
    path: &Path,
    file: &SerializedFileReader<File>,
    field: &Arc<Type>,
) -> Result<usize, Error> {
    let root = file.metadata().file_metadata().schema_descr().root_schema().name();
    let projection = Type::group_type_builder(root).with_fields(vec![field.clone()]).build();
    let rows = projection.and_then(|projection| file.get_row_iter(Some(projection)));
    let kind = Kind::Plain(ColumnType::Text);
    for row in rows.map_err(|error| damaged(path, &error))? {
        let row = row.map_err(|error| damaged(path, &error))?;
        for (name, found) in row.into_columns() {
            if let Ok(Value::Text(text)) = kind.value(&name, found)
                && let Some(length) = vector::length(&text)
            {
                return Ok(length);
            }
        }
    }
    let reason =
        format!("the column \"{}\" holds no list of numbers, such as [0.1, 0.2]", field.name());
    Err(Error::new(path, reason))
}

/// What a column is used for that the record reader reads.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    /// A vector in text form.
    Vector,
    Key,
    Column,
}

struct Reader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    /// Every column except the vector, and what each is used for.
    projection: SchemaDescPtr,
    targets: Vec<(Kind, Target)>,
    vectors: Option<VectorColumn>,
    dimensions: usize,
    records: Option<ReaderIter>,
    /// The next row group, and the number of rows left in the current one.
    group: usize,
    left: i64,
    row: u64,
    rounded: u64,
}

impl Reader {
    /// Opens the next row group that has rows; false at the end.
    fn advance(&mut self) -> Result<bool, Error> {
        let fail = |error: &ParquetError| damaged(&self.path, error);
        while self.left == 0 {
            if self.group == self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.get_row_group(self.group).map_err(|error| fail(&error))?;
            self.group += 1;
            self.left = group.metadata().num_rows();
            if self.left == 0 {
                continue;
            }
            if let Some(vectors) = &mut self.vectors {
                vectors.start(&*group).map_err(|error| fail(&error))?;
            }
            if !self.targets.is_empty() {
                let records = TreeBuilder::new().as_iter(self.projection.clone(), &*group);
                self.records = Some(records.map_err(|error| fail(&error))?);
            }
        }
        Ok(true)
    }

    /// The length of the first vector; afterwards rows are read again from the start.
    fn find_dimensions(&mut self) -> Result<usize, Error> {
        let Some(vectors) = &mut self.vectors else { return Ok(0) };
        let mut first = None;
        for group in 0..self.file.num_row_groups() {
            let fail = |error: &ParquetError| damaged(&self.path, error);
            let group = self.file.get_row_group(group).map_err(|error| fail(&error))?;
            vectors.start(&*group).map_err(|error| fail(&error))?;
            match vectors.find_length(group.metadata().num_rows()) {
                Ok(Ok(length)) => return Ok(length),
                Ok(Err(reason)) => first = first.or(Some(reason)),
                Err(reason) => return Err(Error::new(&self.path, reason)),
            }
        }
        Err(Error::at_row(&self.path, 0, first.unwrap_or_default()))
    }

    fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        if !self.advance()? {
            return Ok(false);
        }
        if let Some(vectors) = &mut self.vectors {
            let refuse = |reason: String| Error::at_row(&self.path, self.row, reason);
            row.invalid = vectors.next(self.left, &mut row.vector).map_err(refuse)?.map(refuse);
        }
        if let Some(records) = &mut self.records {
            let record = match records.next() {
                Some(record) => record.map_err(|error| damaged(&self.path, &error))?,
                None => return Err(Error::at_row(&self.path, self.row, "the row is missing")),
            };
            for ((name, field), (kind, target)) in
                record.into_columns().into_iter().zip(&self.targets)
            {
                let refuse = |reason: Diagnostic| {
                    Error::at_row(&self.path, self.row, reason.behind(&format!("\"{name}\"")))
                };
                self.rounded += u64::from(kind.rounds(&field));
                let value = kind.value(&name, field).map_err(refuse)?;
                if *target == Target::Column {
                    row.attributes.push(value);
                    continue;
                }
                if *target == Target::Vector {
                    let text = written(value.as_ref());
                    let read = vector::parse(&text, self.dimensions, &mut row.vector);
                    row.invalid = read.err().map(|reason| refuse(reason.into()));
                    continue;
                }
                row.key = table::key(value, kind.key_type()).map_err(refuse)?;
            }
        }
        self.left -= 1;
        self.row += 1;
        Ok(true)
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        let path = self.path.clone();
        shield(&path, || self.read(row))
    }

    fn rounded(&self) -> u64 {
        self.rounded
    }
}

#[cfg(test)]
mod tests;
