//! The vector column: lists of numbers, read one batch of rows at a time.

use ::parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::ParquetError,
    file::reader::RowGroupReader,
};

use super::schema::VectorLeaf;
use crate::element::{exact, rounded};

/// Rows read at once.
const BATCH: usize = 256;

/// Reads lists that all have the same length.
pub struct VectorColumn {
    name: String,
    leaf: VectorLeaf,
    dimensions: usize,
    reader: Option<ColumnReader>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<f32>,
    /// The integers that float32 rounded, and their positions among the values.
    rounded: Vec<(usize, i128)>,
    /// The position of the next row in the levels and the values.
    level: usize,
    value: usize,
}

/// A row's list: its numbers of levels and values, and why it is not a vector.
struct List {
    levels: usize,
    values: usize,
    invalid: Option<String>,
}

impl VectorColumn {
    pub fn new(name: &str, leaf: VectorLeaf) -> Self {
        Self {
            name: name.to_owned(),
            leaf,
            dimensions: 0,
            reader: None,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values: Vec::new(),
            rounded: Vec::new(),
            level: 0,
            value: 0,
        }
    }

    /// Starts reading a row group.
    pub fn start(&mut self, group: &dyn RowGroupReader) -> Result<(), ParquetError> {
        self.reader = Some(group.get_column_reader(self.leaf.leaf)?);
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        self.rounded.clear();
        (self.level, self.value) = (0, 0);
        Ok(())
    }

    /// The length of the first list in this row group that can be a vector, which all others must have,
    /// too; if there is none, the reason for the first list.
    pub fn find_length(&mut self, rows: i64) -> Result<Result<usize, String>, String> {
        let mut first = None;
        for row in 0..rows {
            if self.level == self.definitions.len() {
                self.fill(rows - row)?;
            }
            let list = self.list()?;
            match list.invalid {
                None => {
                    self.dimensions = list.values;
                    return Ok(Ok(list.values));
                }
                reason => first = first.or(reason),
            }
            self.level += list.levels;
            self.value += list.values;
        }
        Ok(Err(first.unwrap_or_default()))
    }

    /// Reads the next row of the row group, which has `left` rows left, or says why it has no vector.
    pub fn next(&mut self, left: i64, out: &mut Vec<f32>) -> Result<Option<String>, String> {
        if self.level == self.definitions.len() {
            self.fill(left)?;
        }
        let mut list = self.list()?;
        out.clear();
        let places = self.value..self.value + list.values;
        let values = self.values.get(places.clone());
        out.extend_from_slice(values.ok_or("the file is damaged: values are missing")?);
        if let Some(&(at, number)) = self.rounded.iter().find(|(at, _)| places.contains(at)) {
            let name = &self.name;
            list.invalid.get_or_insert(format!("\"{name}\" {}", rounded(number, at - self.value)));
        }
        self.level += list.levels;
        self.value += list.values;
        if list.invalid.is_none() && list.values != self.dimensions {
            list.invalid = Some(format!(
                "the vector has {} values where the first has {}; all must have the same number",
                list.values, self.dimensions
            ));
        }
        Ok(list.invalid)
    }

    /// Measures the next row's list.
    fn list(&self) -> Result<List, String> {
        let VectorLeaf { element, full, empty, .. } = self.leaf;
        let repetitions = self.repetitions.get(self.level + 1..).unwrap_or_default();
        let levels = 1 + repetitions.iter().take_while(|&&level| level > 0).count();
        let definitions = self.definitions.get(self.level..self.level + levels);
        let definitions = definitions.ok_or("the file is damaged: the vector is missing")?;
        let values = definitions.iter().filter(|&&level| level == full).count();
        let invalid = match definitions[0] {
            _ if values == levels => None,
            level if level < empty => Some("the vector is null, and every row needs one".into()),
            level if level < element => Some("the vector is empty".into()),
            _ => {
                let at = definitions.iter().position(|&level| level != full).unwrap_or(0);
                Some(format!("value {at} of the vector is null, and vectors are numbers only"))
            }
        };
        Ok(List { levels, values, invalid })
    }

    fn fill(&mut self, left: i64) -> Result<(), String> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        self.rounded.clear();
        (self.level, self.value) = (0, 0);
        let count = BATCH.min(usize::try_from(left).unwrap_or(BATCH));
        let reader = self.reader.as_mut().ok_or("the file is damaged: a row group is missing")?;
        let levels = (&mut self.definitions, &mut self.repetitions);
        let values = &mut self.values;
        match reader {
            ColumnReader::FloatColumnReader(reader) => read(reader, count, levels, values, |&x| x),
            ColumnReader::DoubleColumnReader(reader) => {
                read(reader, count, levels, values, |&x| x as f32)
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let unsigned = self.leaf.unsigned;
                let whole = |&x: &i32| if unsigned { x.cast_unsigned().into() } else { x.into() };
                read_integers(reader, count, levels, (values, &mut self.rounded), whole)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let unsigned = self.leaf.unsigned;
                let whole = |&x: &i64| if unsigned { x.cast_unsigned().into() } else { x.into() };
                read_integers(reader, count, levels, (values, &mut self.rounded), whole)
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                read(reader, count, levels, values, |x| match x.data() {
                    &[low, high] => half::f16::from_le_bytes([low, high]).to_f32(),
                    _ => f32::NAN,
                })
            }
            _ => return Err("the vectors are no numbers".into()),
        }
        .map_err(|error| format!("the vectors cannot be read, the file is damaged: {error}"))
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    (definitions, repetitions): (&mut Vec<i16>, &mut Vec<i16>),
    out: &mut Vec<f32>,
    convert: impl Fn(&T::T) -> f32,
) -> Result<(), ParquetError> {
    let mut values = Vec::new();
    reader.read_records(count, Some(definitions), Some(repetitions), &mut values)?;
    out.extend(values.iter().map(convert));
    Ok(())
}

/// Reads integers, and records those that float32 rounds.
fn read_integers<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    levels: (&mut Vec<i16>, &mut Vec<i16>),
    (out, rounded): (&mut Vec<f32>, &mut Vec<(usize, i128)>),
    whole: impl Fn(&T::T) -> i128,
) -> Result<(), ParquetError> {
    let mut numbers = Vec::new();
    reader.read_records(count, Some(levels.0), Some(levels.1), &mut numbers)?;
    for number in numbers.iter().map(whole) {
        if exact(number).is_none() {
            rounded.push((out.len(), number));
        }
        out.push(number as f32);
    }
    Ok(())
}
