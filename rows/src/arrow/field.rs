//! Converts Arrow's values to fields of Parquet records, so that both formats have the same meaning.

use arrow_array::{Array, ArrayRef, cast::AsArray, types::*};
use arrow_schema::{DataType, Field as Schema, TimeUnit};
use hither::{ColumnType, Value};
use parquet::{
    data_type::{ByteArray, Decimal},
    record::Field,
};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use crate::{
    Diagnostic,
    parquet::{
        schema::Kind,
        value::{Document, integer},
    },
};

/// The kind of a column.
pub fn kind(field: &Schema) -> Result<Kind, String> {
    let extension = field.metadata().get("ARROW:extension:name").map(String::as_str);
    Ok(match (field.data_type(), extension) {
        (DataType::FixedSizeBinary(16), Some("arrow.uuid")) => Kind::Plain(ColumnType::Uuid),
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Some("arrow.json")) => {
            Kind::Plain(ColumnType::Json)
        }
        (data_type, _) => kind_of(data_type)?,
    })
}

fn kind_of(data_type: &DataType) -> Result<Kind, String> {
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    Ok(match data_type {
        DataType::Boolean => Kind::Plain(ColumnType::Bool),
        integer if integer.is_integer() => Kind::Plain(ColumnType::Int64),
        float if float.is_floating() => Kind::Plain(ColumnType::Float64),
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Kind::Plain(ColumnType::Text)
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Kind::Plain(ColumnType::Bytes),
        DataType::Timestamp(unit, _) => Kind::Moment(per_second(unit)),
        DataType::Date32 => Kind::Date,
        DataType::Date64 => Kind::Moment(1_000),
        DataType::Time32(unit) | DataType::Time64(unit) => Kind::Time(per_second(unit)),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Kind::Decimal,
        DataType::Dictionary(_, values) => kind_of(values)?,
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => Kind::Nested,
        other => {
            return Err(format!(
                "is {other}, which no column type holds; leave it out of the file"
            ));
        }
    })
}

/// The value of a row, converted to a column of this kind, and whether it was rounded.
pub fn value(
    kind: Kind,
    name: &str,
    column: &dyn Array,
    row: usize,
) -> Result<(Value, bool), Diagnostic> {
    if kind == Kind::Nested && !column.is_null(row) {
        let json = serde_json::to_string(&Nested(column, row));
        return Ok((Value::Json(json.map_err(|error| error.to_string())?), false));
    }
    let field = field(column, row)?;
    let rounded = kind.rounds(&field);
    Ok((kind.value(name, field)?, rounded))
}

/// A value that is not nested.
fn field(column: &dyn Array, row: usize) -> Result<Field, String> {
    macro_rules! number {
        ($arrow:ty) => {
            column.as_primitive::<$arrow>().value(row)
        };
    }
    let bytes = |bytes: &[u8]| Field::Bytes(ByteArray::from(bytes.to_vec()));
    let decimal = |bytes: &[u8], precision: u8, scale: i8| {
        let bytes = ByteArray::from(bytes.to_vec());
        Field::Decimal(Decimal::from_bytes(bytes, precision.into(), scale.into()))
    };
    if column.is_null(row) {
        return Ok(Field::Null);
    }
    Ok(match column.data_type() {
        DataType::Null => Field::Null,
        DataType::Boolean => Field::Bool(column.as_boolean().value(row)),
        DataType::Int8 => Field::Byte(number!(Int8Type)),
        DataType::Int16 => Field::Short(number!(Int16Type)),
        DataType::Int32 => Field::Int(number!(Int32Type)),
        DataType::Int64 => Field::Long(number!(Int64Type)),
        DataType::UInt8 => Field::UByte(number!(UInt8Type)),
        DataType::UInt16 => Field::UShort(number!(UInt16Type)),
        DataType::UInt32 => Field::UInt(number!(UInt32Type)),
        DataType::UInt64 => Field::ULong(number!(UInt64Type)),
        DataType::Float16 => Field::Float16(number!(Float16Type)),
        DataType::Float32 => Field::Float(number!(Float32Type)),
        DataType::Float64 => Field::Double(number!(Float64Type)),
        DataType::Utf8 => Field::Str(column.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Field::Str(column.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Field::Str(column.as_string_view().value(row).into()),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => bytes(column.as_fixed_size_binary().value(row)),
        DataType::Date32 => Field::Date(number!(Date32Type)),
        DataType::Date64 => Field::TimestampMillis(number!(Date64Type)),
        DataType::Timestamp(TimeUnit::Second, _) => Field::Long(number!(TimestampSecondType)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Field::TimestampMillis(number!(TimestampMillisecondType))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Field::TimestampMicros(number!(TimestampMicrosecondType))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Field::Long(number!(TimestampNanosecondType))
        }
        DataType::Time32(TimeUnit::Second) => Field::Int(number!(Time32SecondType)),
        DataType::Time32(_) => Field::TimeMillis(number!(Time32MillisecondType)),
        DataType::Time64(TimeUnit::Microsecond) => {
            Field::TimeMicros(number!(Time64MicrosecondType))
        }
        DataType::Time64(_) => Field::Long(number!(Time64NanosecondType)),
        &DataType::Decimal32(precision, scale) => {
            decimal(&number!(Decimal32Type).to_be_bytes(), precision, scale)
        }
        &DataType::Decimal64(precision, scale) => {
            decimal(&number!(Decimal64Type).to_be_bytes(), precision, scale)
        }
        &DataType::Decimal128(precision, scale) => {
            decimal(&number!(Decimal128Type).to_be_bytes(), precision, scale)
        }
        &DataType::Decimal256(precision, scale) => {
            decimal(&number!(Decimal256Type).to_be_bytes(), precision, scale)
        }
        DataType::Dictionary(..) => {
            let (values, place) = entry(column, row)?;
            field(values, place)?
        }
        other => return Err(format!("is {other}, which no column type holds")),
    })
}

/// The values of a dictionary, and the index of a row's value among them.
fn entry(column: &dyn Array, row: usize) -> Result<(&dyn Array, usize), String> {
    let dictionary = column.as_any_dictionary();
    let place = match field(dictionary.keys(), row)? {
        Field::ULong(place) => usize::try_from(place).ok(),
        key => integer(&key).and_then(|place| usize::try_from(place).ok()),
    };
    let values = dictionary.values();
    let place = place.filter(|&place| place < values.len());
    Ok((&**values, place.ok_or("has no value in its dictionary")?))
}

/// A value, serialized as JSON.
struct Nested<'a>(&'a dyn Array, usize);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let &Self(column, row) = self;
        if column.is_null(row) {
            return to.serialize_unit();
        }
        let list = match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().value(row),
            DataType::LargeList(_) => column.as_list::<i64>().value(row),
            DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
            DataType::Struct(fields) => {
                let columns = column.as_struct().columns();
                let values = fields.iter().zip(columns);
                return to.collect_map(values.map(|(field, it)| (field.name(), Nested(it, row))));
            }
            DataType::Map(..) => return map(column.as_map().value(row).columns(), to),
            DataType::Dictionary(..) => {
                let (values, place) = entry(column, row).map_err(S::Error::custom)?;
                return Nested(values, place).serialize(to);
            }
            _ => {
                let field = field(column, row).map_err(S::Error::custom)?;
                return Document(&field).serialize(to);
            }
        };
        to.collect_seq((0..list.len()).map(|at| Nested(&list, at)))
    }
}

/// The entries of a map: its keys and their values.
fn map<S: Serializer>(entries: &[ArrayRef], to: S) -> Result<S::Ok, S::Error> {
    let [keys, values] = entries else { return Err(S::Error::custom("is no map")) };
    let mut map = to.serialize_map(Some(keys.len()))?;
    for at in 0..keys.len() {
        match field(keys, at).map_err(S::Error::custom)? {
            Field::Str(name) => map.serialize_key(&name)?,
            other => map.serialize_key(&Document(&other).json().map_err(S::Error::custom)?)?,
        }
        map.serialize_value(&Nested(values, at))?;
    }
    map.end()
}
