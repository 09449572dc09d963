//! The vector column: lists of numbers, read a batch of rows at a time.

use ::parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::ParquetError,
    file::reader::RowGroupReader,
};

use super::schema::VectorLeaf;

/// Rows read at once.
const BATCH: usize = 256;

/// Reads lists that all have one length.
pub struct VectorColumn {
    leaf: VectorLeaf,
    dimensions: usize,
    reader: Option<ColumnReader>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<f32>,
    /// Where in levels and values the next row begins.
    level: usize,
    value: usize,
}

impl VectorColumn {
    pub fn new(leaf: VectorLeaf) -> Self {
        Self {
            leaf,
            dimensions: 0,
            reader: None,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values: Vec::new(),
            level: 0,
            value: 0,
        }
    }

    /// Turns to a row group.
    pub fn start(&mut self, group: &dyn RowGroupReader) -> Result<(), ParquetError> {
        self.reader = Some(group.get_column_reader(self.leaf.leaf)?);
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        (self.level, self.value) = (0, 0);
        Ok(())
    }

    /// The length of the first row's list, which all others must have.
    pub fn dimensions(&mut self, left: i64) -> Result<usize, (u64, String)> {
        self.fill(left).map_err(|reason| (0, reason))?;
        let (_, length) = self.row().map_err(|reason| (0, reason))?;
        self.dimensions = length;
        Ok(length)
    }

    /// Reads the next row of the group that has `left` rows left.
    pub fn next(&mut self, left: i64, out: &mut Vec<f32>) -> Result<(), String> {
        if self.level == self.definitions.len() {
            self.fill(left)?;
        }
        let (levels, length) = self.row()?;
        if length != self.dimensions {
            return Err(format!(
                "the vector has {length} values where the first has {}; all must have the same number",
                self.dimensions
            ));
        }
        out.clear();
        let values = self.values.get(self.value..self.value + length);
        out.extend_from_slice(values.ok_or("the file is damaged: values are missing")?);
        self.level += levels;
        self.value += length;
        Ok(())
    }

    /// How many levels and values the next row has.
    fn row(&self) -> Result<(usize, usize), String> {
        let VectorLeaf { element, full, empty, .. } = self.leaf;
        let repetitions = self.repetitions.get(self.level + 1..).unwrap_or_default();
        let levels = 1 + repetitions.iter().take_while(|&&level| level > 0).count();
        let definitions = self.definitions.get(self.level..self.level + levels);
        let definitions = definitions.ok_or("the file is damaged: the vector is missing")?;
        if definitions.iter().all(|&level| level == full) {
            return Ok((levels, levels));
        }
        match definitions[0] {
            level if level < empty => Err("the vector is null, and every row needs one".into()),
            level if level < element => Err("the vector is empty".into()),
            _ => {
                let at = definitions.iter().position(|&level| level != full).unwrap_or(0);
                Err(format!("value {at} of the vector is null, and vectors are numbers only"))
            }
        }
    }

    fn fill(&mut self, left: i64) -> Result<(), String> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
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
                read(reader, count, levels, values, |&x| x as f32)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                read(reader, count, levels, values, |&x| x as f32)
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
