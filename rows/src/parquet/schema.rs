//! Maps columns of Parquet and Arrow files to columns of an index.

use ::parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    file::metadata::ParquetMetaData,
    schema::types::{SchemaDescriptor, Type},
};
use hither::{ColumnType, KeyType};

use crate::diagnostic::{Diagnostic, Setting};

/// How a field is converted to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The value as returned by the record reader, of this type.
    Plain(ColumnType),
    /// Integers that count time since 1970, in this many units per second.
    Moment(i64),
    /// Days since 1970.
    Date,
    /// A time of day, counted in this many units per second, as text.
    Time(i64),
    /// A decimal number as a double, which can be compared and sorted, unlike text.
    Decimal,
    /// A decimal number or an integer as text, with all digits.
    Digits,
    /// A decimal number without a fraction, as int64.
    Whole,
    /// A list, a map or a group, as JSON.
    Nested,
}

impl Kind {
    /// The type of the column.
    pub fn column_type(self) -> ColumnType {
        match self {
            Self::Plain(column_type) => column_type,
            Self::Moment(_) | Self::Date => ColumnType::Timestamp,
            Self::Time(_) | Self::Digits => ColumnType::Text,
            Self::Decimal => ColumnType::Float64,
            Self::Whole => ColumnType::Int64,
            Self::Nested => ColumnType::Json,
        }
    }

    /// The kind to use if the options ask for this type.
    pub fn asked_for(self, wanted: Option<ColumnType>) -> Self {
        match (self, wanted) {
            (Self::Decimal | Self::Plain(ColumnType::Int64), Some(ColumnType::Text)) => {
                Self::Digits
            }
            // By way of digits, because int64 cannot represent all unsigned integers.
            (Self::Plain(ColumnType::Int64), Some(ColumnType::Float64)) => Self::Digits,
            (Self::Decimal, Some(ColumnType::Int64)) => Self::Whole,
            (kind, _) => kind,
        }
    }

    /// What is not preserved exactly of the column `name`.
    pub fn note(self, name: &str) -> Option<Diagnostic> {
        (self == Self::Decimal).then(|| {
            let text = format!(
                "\"{name}\" is decimal and becomes float64; asked for as text it keeps its digits"
            );
            Diagnostic::with(text, Setting::Type(name.into(), ColumnType::Text))
        })
    }

    /// The type of the keys if the column is the key; `None` if it cannot be.
    pub fn key_type(self) -> Option<KeyType> {
        match self {
            Self::Plain(ColumnType::Int64) | Self::Whole => Some(KeyType::Int64),
            Self::Plain(ColumnType::Text) | Self::Digits => Some(KeyType::Text),
            Self::Plain(ColumnType::Uuid) => Some(KeyType::Uuid),
            _ => None,
        }
    }
}

/// The kind of a top-level column, if the options ask for this type.
pub fn kind_as(field: &Type, wanted: Option<ColumnType>) -> Result<Kind, String> {
    Ok(kind(field)?.asked_for(wanted))
}

/// Whether a top-level column is text.
pub fn is_text(field: &Type) -> bool {
    matches!(kind(field), Ok(Kind::Plain(ColumnType::Text | ColumnType::Json)))
}

/// What is not preserved exactly of a top-level column.
pub fn note(field: &Type, kind: Kind) -> Option<Diagnostic> {
    let name = field.name();
    match kind {
        Kind::Moment(_) if field.get_physical_type() == Physical::INT96 => Some(
            format!("\"{name}\" holds timestamps of 96 bits, which are read to the millisecond")
                .into(),
        ),
        kind => kind.note(name),
    }
}

/// The kind of a top-level column.
fn kind(field: &Type) -> Result<Kind, String> {
    let info = field.get_basic_info();
    if !field.is_primitive() || info.repetition() == Repetition::REPEATED {
        return Ok(Kind::Nested);
    }
    let (physical, converted) = (field.get_physical_type(), info.converted_type());
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    Ok(match (info.logical_type_ref(), converted) {
        (_, ConvertedType::INTERVAL) => {
            return Err(
                "is an interval, which no column type holds; leave it out of the file".into()
            );
        }
        (Some(LogicalType::Timestamp(moment)), _) => Kind::Moment(per_second(&moment.unit)),
        (Some(LogicalType::Time(time)), _) => Kind::Time(per_second(&time.unit)),
        (Some(LogicalType::Uuid), _) => Kind::Plain(ColumnType::Uuid),
        (Some(LogicalType::Json), _) | (_, ConvertedType::JSON) => Kind::Plain(ColumnType::Json),
        (Some(LogicalType::String | LogicalType::Enum), _)
        | (_, ConvertedType::UTF8 | ConvertedType::ENUM) => Kind::Plain(ColumnType::Text),
        (Some(LogicalType::Float16), _) => Kind::Plain(ColumnType::Float64),
        // A column without a type, which has only nulls.
        (Some(LogicalType::Unknown), _) => Kind::Plain(ColumnType::Text),
        (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Kind::Date,
        (_, ConvertedType::TIMESTAMP_MILLIS) => Kind::Moment(1_000),
        (_, ConvertedType::TIMESTAMP_MICROS) => Kind::Moment(1_000_000),
        (_, ConvertedType::TIME_MILLIS) => Kind::Time(1_000),
        (_, ConvertedType::TIME_MICROS) => Kind::Time(1_000_000),
        (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => Kind::Decimal,
        _ => match physical {
            Physical::BOOLEAN => Kind::Plain(ColumnType::Bool),
            Physical::INT32 | Physical::INT64 => Kind::Plain(ColumnType::Int64),
            Physical::INT96 => Kind::Moment(1_000),
            Physical::FLOAT | Physical::DOUBLE => Kind::Plain(ColumnType::Float64),
            Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY => Kind::Plain(ColumnType::Bytes),
        },
    })
}

/// The leaf column with the numbers of a list.
#[derive(Clone, Copy, Debug)]
pub struct VectorLeaf {
    /// Its index among all leaves.
    pub leaf: usize,
    /// The definition levels at which a list has an element, and at which that is not null.
    pub element: i16,
    pub full: i16,
    /// The definition level of an empty list that is not null.
    pub empty: i16,
    /// Whether the numbers are unsigned integers.
    pub unsigned: bool,
}

/// The leaf of a top-level column, if that is a list of numbers: a `LIST` of two or three levels, or a
/// repeated field.
pub fn vector_leaf(descriptor: &SchemaDescriptor, at: usize) -> Option<VectorLeaf> {
    let mut leaves =
        (0..descriptor.num_columns()).filter(|&leaf| descriptor.get_column_root_idx(leaf) == at);
    let (Some(leaf), None) = (leaves.next(), leaves.next()) else { return None };
    let column = descriptor.column(leaf);
    let number = match column.physical_type() {
        Physical::FLOAT | Physical::DOUBLE => true,
        Physical::INT32 | Physical::INT64 => !matches!(
            column.logical_type_ref(),
            Some(
                LogicalType::Date
                    | LogicalType::Time(_)
                    | LogicalType::Timestamp(_)
                    | LogicalType::Decimal(_)
            )
        ),
        Physical::FIXED_LEN_BYTE_ARRAY => {
            column.logical_type_ref() == Some(&LogicalType::Float16) && column.type_length() == 2
        }
        _ => false,
    };
    if !number || column.max_rep_level() != 1 {
        return None;
    }
    let logical = column.logical_type_ref();
    let unsigned = matches!(logical, Some(LogicalType::Integer(it)) if !it.is_signed)
        || matches!(
            column.converted_type(),
            ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        );
    // Descends to the repeated level, to learn what each definition level means.
    let mut field: &Type = &descriptor.root_schema().get_fields()[at];
    let mut element = 0;
    loop {
        match field.get_basic_info().repetition() {
            Repetition::OPTIONAL => element += 1,
            Repetition::REPEATED => {
                element += 1;
                break;
            }
            Repetition::REQUIRED => {}
        }
        field = if field.is_primitive() { return None } else { field.get_fields().first()? };
    }
    let full = column.max_def_level();
    Some(VectorLeaf { leaf, element, full, empty: element - 1, unsigned })
}

/// Whether the statistics say that a top-level column has nulls.
pub fn has_nulls(metadata: &ParquetMetaData, at: usize) -> bool {
    let descriptor = metadata.file_metadata().schema_descr();
    let leaf =
        (0..descriptor.num_columns()).find(|&leaf| descriptor.get_column_root_idx(leaf) == at);
    let Some(leaf) = leaf else { return true };
    let nulls = |statistics: &::parquet::file::statistics::Statistics| statistics.null_count_opt();
    metadata
        .row_groups()
        .iter()
        .any(|group| group.column(leaf).statistics().and_then(nulls).is_some_and(|count| count > 0))
}
