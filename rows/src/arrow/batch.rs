//! Rows as Arrow's record batches: the key, the attributes with their types, and the vector as a fixed-size list.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int64Array, LargeBinaryArray, LargeStringArray, RecordBatch, RecordBatchOptions,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use hither::{ColumnType, KeyRef, KeyType, Value};

use crate::layout::{KEY, Layout, VECTOR, attribute_names, key_column_type, key_value};

/// A batch ends at this many numbers of its vectors, or this many rows.
const BATCH_NUMBERS: usize = 1 << 23;
const BATCH_ROWS: usize = 1 << 16;

/// Collects rows, and gives them a batch at a time. The key comes first, if it is written; the vector last.
pub struct BatchBuilder {
    schema: Arc<Schema>,
    /// None where vectors are left out.
    dimensions: Option<usize>,
    has_key: bool,
    types: Vec<ColumnType>,
    /// The values of each column of the schema except the vector.
    values: Vec<Vec<Value>>,
    vectors: Vec<f32>,
    rows: usize,
}

impl BatchBuilder {
    /// A builder of rows of this layout, with their vectors or without.
    pub fn new(layout: &Layout, vectors: bool) -> Self {
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
        if vectors {
            let list = DataType::FixedSizeList(element(), layout.dimensions as i32);
            fields.push(Field::new(VECTOR, list, false));
        }
        Self {
            schema: Arc::new(Schema::new(fields)),
            dimensions: vectors.then_some(layout.dimensions),
            has_key,
            values: vec![Vec::new(); types.len()],
            types,
            vectors: Vec::new(),
            rows: 0,
        }
    }

    /// What each batch has.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Appends a row: its key, its vector, and a value for each attribute.
    pub fn push(&mut self, key: Option<KeyRef<'_>>, vector: &[f32], values: &[Value]) {
        let key = key.filter(|_| self.has_key).map(|key| key_value(key.to_owned()));
        let row = key.into_iter().chain(values.iter().cloned());
        self.values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        if self.dimensions.is_some() {
            self.vectors.extend_from_slice(vector);
        }
        self.rows += 1;
    }

    /// Whether so many rows are here that a batch should be taken.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.vectors.len() >= BATCH_NUMBERS
    }

    /// Whether no row is here.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Gives the rows that are here, which may be none, and forgets them.
    ///
    /// # Errors
    /// Arrow's.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns = Vec::with_capacity(self.types.len() + 1);
        for (column_type, values) in self.types.iter().zip(&mut self.values) {
            columns.push(array(*column_type, values)?);
            values.clear();
        }
        if let Some(dimensions) = self.dimensions {
            let numbers = Arc::new(Float32Array::from(std::mem::take(&mut self.vectors)));
            let lists = FixedSizeListArray::try_new(element(), dimensions as i32, numbers, None)?;
            columns.push(Arc::new(lists));
        }
        let count = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &count)
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
