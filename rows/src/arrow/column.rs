//! Columns of Arrow that are in memory: values of attributes, and vectors.

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use hither::{ColumnType, Value};

use super::{field, lists};
use crate::{Diagnostic, parquet::schema::Kind};

/// Values of an attribute, or of keys.
pub struct ArrowColumn<'a> {
    kind: Kind,
    name: &'a str,
}

impl<'a> ArrowColumn<'a> {
    /// What becomes of the column of this field, if this type is asked for.
    ///
    /// # Errors
    /// What it holds goes into no column.
    pub fn new(field: &'a Field, wanted: Option<ColumnType>) -> Result<Self, Diagnostic> {
        let kind = field::kind(field)?.asked_for(wanted);
        Ok(Self { kind, name: field.name() })
    }

    /// The type of the column. It is another than was asked for where Arrow's values do not give that.
    pub fn column_type(&self) -> ColumnType {
        self.kind.column_type()
    }

    /// What is not kept whole of it: digits of decimal numbers.
    pub fn note(&self) -> Option<Diagnostic> {
        self.kind.note(self.name)
    }

    /// The value of a row, and whether it was rounded: to microseconds.
    ///
    /// # Errors
    /// The value is beyond what the type holds.
    pub fn value(&self, array: &dyn Array, row: usize) -> Result<(Value, bool), Diagnostic> {
        field::value(self.kind, self.name, array, row)
    }
}

/// Vectors: lists of numbers, of one length or of any.
#[derive(Clone, Debug)]
pub struct ArrowVectors(ArrayRef);

impl ArrowVectors {
    /// The vectors of an array, if it holds lists of numbers.
    pub fn of(array: ArrayRef) -> Option<Self> {
        Self::are(array.data_type()).then_some(Self(array))
    }

    /// Whether arrays of this type hold lists of numbers.
    pub fn are(data_type: &DataType) -> bool {
        lists::holds_numbers(data_type)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those from a place on, so many. Nothing is copied.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn slice(&self, start: usize, length: usize) -> Self {
        Self(self.0.slice(start, length))
    }

    /// Reads a vector, of so many dimensions if that is known.
    ///
    /// # Errors
    /// It is null, has a null, has another length, or integers that float32 would round.
    pub fn read(
        &self,
        row: usize,
        dimensions: Option<usize>,
        out: &mut Vec<f32>,
    ) -> Result<(), Diagnostic> {
        Ok(lists::read(&self.0, row, dimensions, out)?)
    }
}
