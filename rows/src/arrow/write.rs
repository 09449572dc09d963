//! Arrow's IPC format, as a file or, with the ending `.arrows`, as a stream: the key, the attributes with
//! their types, and the vector as a fixed-size list, one batch of rows at a time.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int64Array, LargeBinaryArray, LargeStringArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use hither::raw::AtomicFile;
use hither::{ColumnType, KeyRef, KeyType, Value};

use crate::{
    Error,
    layout::{KEY, Layout, VECTOR, attribute_names, key_column_type, key_value},
    sink::{Sink, create, failed, refused},
};

/// A batch ends at this many numbers of its vectors, or this many rows.
const BATCH_NUMBERS: usize = 1 << 23;
const BATCH_ROWS: usize = 1 << 16;

/// Writes batches.
enum Batches {
    File(FileWriter<AtomicFile>),
    Stream(StreamWriter<AtomicFile>),
}

impl Batches {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::File(file) => file.write(batch),
            Self::Stream(stream) => stream.write(batch),
        }
    }

    fn finish(self) -> Result<AtomicFile, ArrowError> {
        match self {
            Self::File(mut file) => file.finish().and_then(|()| file.into_inner()),
            Self::Stream(mut stream) => stream.finish().and_then(|()| stream.into_inner()),
        }
    }
}

/// Collects a batch of rows and writes it.
pub struct Writer {
    path: PathBuf,
    batches: Batches,
    schema: Arc<Schema>,
    dimensions: usize,
    has_key: bool,
    types: Vec<ColumnType>,
    /// The values of each column of the schema except the vector.
    values: Vec<Vec<Value>>,
    vectors: Vec<f32>,
    rows: usize,
}

impl Writer {
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let has_key = layout.key_type != KeyType::RowNumber;
        let mut types: Vec<ColumnType> =
            layout.columns.iter().map(|column| column.column_type).collect();
        let names = attribute_names(layout);
        let mut fields: Vec<Field> =
            names.iter().zip(&types).map(|(name, kind)| field(name, *kind, true)).collect();
        if has_key {
            let key_type = key_column_type(layout.key_type);
            types.insert(0, key_type);
            fields.insert(0, field(KEY, key_type, false));
        }
        let list = DataType::FixedSizeList(element(), layout.dimensions as i32);
        fields.push(Field::new(VECTOR, list, false));
        let schema = Arc::new(Schema::new(fields));
        let file = create(path)?;
        let batches = match path.extension() == Some("arrows".as_ref()) {
            true => StreamWriter::try_new(file, &schema).map(Batches::Stream),
            false => FileWriter::try_new(file, &schema).map(Batches::File),
        };
        Ok(Self {
            path: path.to_owned(),
            batches: batches.map_err(|error| refused(path, error))?,
            schema,
            dimensions: layout.dimensions,
            has_key,
            values: vec![Vec::new(); types.len()],
            types,
            vectors: Vec::new(),
            rows: 0,
        })
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut columns = Vec::with_capacity(self.types.len() + 1);
        for (column_type, values) in self.types.iter().zip(&mut self.values) {
            columns.push(array(*column_type, values)?);
            values.clear();
        }
        let numbers = Arc::new(Float32Array::from(std::mem::take(&mut self.vectors)));
        let dimensions = self.dimensions as i32;
        let lists = FixedSizeListArray::try_new(element(), dimensions, numbers, None)?;
        columns.push(Arc::new(lists));
        self.rows = 0;
        self.batches.write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

impl Sink for Writer {
    fn write(
        &mut self,
        key: Option<KeyRef<'_>>,
        vector: &[f32],
        values: &[Value],
    ) -> Result<(), Error> {
        let key = key.filter(|_| self.has_key).map(|key| key_value(key.to_owned()));
        let row = key.into_iter().chain(values.iter().cloned());
        self.values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        self.vectors.extend_from_slice(vector);
        self.rows += 1;
        if self.rows < BATCH_ROWS && self.vectors.len() < BATCH_NUMBERS {
            return Ok(());
        }
        self.flush().map_err(|error| refused(&self.path, error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let path = self.path.clone();
        let fail = |error: ArrowError| refused(&path, error);
        self.flush().map_err(fail)?;
        let file = self.batches.finish().map_err(fail)?;
        file.finish().map_err(|error| failed(&path, error))
    }
}

fn element() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, false))
}

fn field(name: &str, column_type: ColumnType, nullable: bool) -> Field {
    let (data_type, extension) = match column_type {
        ColumnType::Bool => (DataType::Boolean, None),
        ColumnType::Int64 => (DataType::Int64, None),
        ColumnType::Float64 => (DataType::Float64, None),
        // A batch may have more than 2 GiB of text.
        ColumnType::Text => (DataType::LargeUtf8, None),
        ColumnType::Timestamp => {
            (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None)
        }
        ColumnType::Uuid => (DataType::FixedSizeBinary(16), Some("arrow.uuid")),
        ColumnType::Bytes => (DataType::LargeBinary, None),
        ColumnType::Json => (DataType::LargeUtf8, Some("arrow.json")),
    };
    let extension = extension.map(|name| ("ARROW:extension:name".to_owned(), name.to_owned()));
    let metadata: HashMap<String, String> = extension.into_iter().collect();
    Field::new(name, data_type, nullable).with_metadata(metadata)
}

/// An array of values that are all of one type, or null.
fn array(column_type: ColumnType, values: &[Value]) -> Result<ArrayRef, ArrowError> {
    macro_rules! array {
        ($array:ty, $($pattern:pat => $value:expr),+) => {{
            let values = values.iter().map(|value| match value {
                $($pattern => Some($value),)+
                _ => None,
            });
            Arc::new(values.collect::<$array>())
        }};
    }
    Ok(match column_type {
        ColumnType::Bool => array!(BooleanArray, Value::Bool(v) => *v),
        ColumnType::Int64 => array!(Int64Array, Value::Int64(v) => *v),
        ColumnType::Float64 => array!(Float64Array, Value::Float64(v) => *v),
        ColumnType::Text | ColumnType::Json => {
            array!(LargeStringArray, Value::Text(v) | Value::Json(v) => v.as_str())
        }
        ColumnType::Bytes => array!(LargeBinaryArray, Value::Bytes(v) => v.as_slice()),
        ColumnType::Timestamp => {
            let moments = values.iter().map(|value| match value {
                Value::Timestamp(micros) => Some(*micros),
                _ => None,
            });
            let moments: TimestampMicrosecondArray = moments.collect();
            Arc::new(moments.with_timezone("UTC"))
        }
        ColumnType::Uuid => {
            let uuids = values.iter().map(|value| match value {
                Value::Uuid(bytes) => Some(bytes),
                _ => None,
            });
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16)?)
        }
    })
}
