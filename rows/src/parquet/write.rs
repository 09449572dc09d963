//! Parquet: the key, the attributes with their types, and the vector as a `LIST` of floats, one row group
//! at a time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ::parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{ColumnPath, Type, TypePtr},
};
use hither::raw::AtomicFile;
use hither::{ColumnType, Key, KeyRef, KeyType, Value};

use crate::Error;
use crate::layout::{KEY, Layout, VECTOR, attribute_names, key_column_type, key_value};
use crate::sink::{Sink, create, failed, refused};

/// A row group ends at this many numbers of its vectors, or this many rows.
const GROUP_NUMBERS: usize = 1 << 23;
const GROUP_ROWS: usize = 1 << 17;

/// Collects a row group and writes it.
pub struct Writer {
    path: PathBuf,
    file: SerializedFileWriter<AtomicFile>,
    key_type: KeyType,
    dimensions: usize,
    types: Vec<ColumnType>,
    keys: Vec<Key>,
    values: Vec<Vec<Value>>,
    vectors: Vec<f32>,
    rows: usize,
}

impl Writer {
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let fail = |error: ParquetError| refused(path, error);
        let schema = schema(layout).map_err(fail)?;
        let level = ZstdLevel::try_new(3).map_err(fail)?;
        let numbers = ColumnPath::from(vec![VECTOR.into(), "list".into(), "element".into()]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(format!("hither {}", env!("CARGO_PKG_VERSION")))
            // The numbers of vectors do not repeat, so a dictionary and statistics would only cost time.
            .set_column_dictionary_enabled(numbers.clone(), false)
            .set_column_statistics_enabled(
                numbers,
                ::parquet::file::properties::EnabledStatistics::None,
            )
            .build();
        let file = SerializedFileWriter::new(create(path)?, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(fail)?,
            key_type: layout.key_type,
            dimensions: layout.dimensions,
            types: layout.columns.iter().map(|column| column.column_type).collect(),
            keys: Vec::new(),
            values: vec![Vec::new(); layout.columns.len()],
            vectors: Vec::new(),
            rows: 0,
        })
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        if self.key_type != KeyType::RowNumber {
            let values: Vec<Value> = self.keys.drain(..).map(key_value).collect();
            let column_type = key_column_type(self.key_type);
            if let Some(mut column) = group.next_column()? {
                write_values(&mut column, column_type, &values, None)?;
                column.close()?;
            }
        }
        for (column_type, values) in self.types.iter().zip(&mut self.values) {
            let levels: Vec<i16> = values.iter().map(|v| i16::from(*v != Value::Null)).collect();
            if let Some(mut column) = group.next_column()? {
                write_values(&mut column, *column_type, values, Some(&levels))?;
                column.close()?;
            }
            values.clear();
        }
        if let Some(mut column) = group.next_column()? {
            let definitions = vec![1; self.vectors.len()];
            let repetitions: Vec<i16> =
                (0..self.vectors.len()).map(|at| i16::from(at % self.dimensions != 0)).collect();
            if let ColumnWriter::FloatColumnWriter(writer) = column.untyped() {
                writer.write_batch(&self.vectors, Some(&definitions), Some(&repetitions))?;
            }
            column.close()?;
        }
        self.vectors.clear();
        self.rows = 0;
        group.close()?;
        Ok(())
    }
}

impl Sink for Writer {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error> {
        self.keys.extend(key.map(KeyRef::to_owned));
        for (column, value) in self.values.iter_mut().zip(values) {
            column.push(value.clone());
        }
        self.vectors.extend_from_slice(vector);
        self.rows += 1;
        if self.rows < GROUP_ROWS && self.vectors.len() < GROUP_NUMBERS {
            return Ok(());
        }
        self.flush().map_err(|error| refused(&self.path, error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let path = self.path.clone();
        let fail = |error: ParquetError| refused(&path, error);
        self.flush().map_err(fail)?;
        let file = self.file.into_inner().map_err(fail)?;
        file.finish().map_err(|error| failed(&self.path, error))
    }
}

fn schema(layout: &Layout) -> Result<Type, ParquetError> {
    let mut fields = Vec::new();
    if layout.key_type != KeyType::RowNumber {
        fields.push(field(KEY, key_column_type(layout.key_type), Repetition::REQUIRED)?);
    }
    for (name, column) in attribute_names(layout).iter().zip(&layout.columns) {
        fields.push(field(name, column.column_type, Repetition::OPTIONAL)?);
    }
    let element = Type::primitive_type_builder("element", Physical::FLOAT)
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let vectors = Type::group_type_builder(VECTOR)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)])
        .build()?;
    fields.push(Arc::new(vectors));
    Type::group_type_builder("hither").with_fields(fields).build()
}

fn field(
    name: &str,
    column_type: ColumnType,
    repetition: Repetition,
) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column_type {
        ColumnType::Bool => (Physical::BOOLEAN, None),
        ColumnType::Int64 => (Physical::INT64, None),
        ColumnType::Float64 => (Physical::DOUBLE, None),
        ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Timestamp => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        ColumnType::Uuid => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)),
        ColumnType::Bytes => (Physical::BYTE_ARRAY, None),
        ColumnType::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    let length = if physical == Physical::FIXED_LEN_BYTE_ARRAY { 16 } else { -1 };
    let field = Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_length(length)
        .build()?;
    Ok(Arc::new(field))
}

/// Writes values that are all of one type, or null.
fn write_values(
    column: &mut SerializedColumnWriter<'_>,
    column_type: ColumnType,
    values: &[Value],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    macro_rules! write {
        ($writer:ident, $($pattern:pat => $value:expr),+) => {{
            let numbers: Vec<_> = values
                .iter()
                .filter_map(|value| match value {
                    $($pattern => Some($value),)+
                    _ => None,
                })
                .collect();
            $writer.write_batch(&numbers, levels, None)?;
        }};
    }
    match column.untyped() {
        ColumnWriter::BoolColumnWriter(writer) => write!(writer, Value::Bool(v) => *v),
        ColumnWriter::Int64ColumnWriter(writer) => {
            write!(writer, Value::Int64(v) | Value::Timestamp(v) => *v);
        }
        ColumnWriter::DoubleColumnWriter(writer) => write!(writer, Value::Float64(v) => *v),
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            write!(writer, Value::Uuid(v) => ByteArray::from(v.to_vec()).into());
        }
        ColumnWriter::ByteArrayColumnWriter(writer) => write!(
            writer,
            Value::Text(v) | Value::Json(v) => ByteArray::from(v.as_str()),
            Value::Bytes(v) => ByteArray::from(v.clone())
        ),
        _ => {
            return Err(ParquetError::General(format!("no column for {}", column_type.name())));
        }
    }
    Ok(())
}
