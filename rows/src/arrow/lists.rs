//! Vectors in Arrow: lists of numbers, of fixed or variable length, and text with such lists.

use arrow_array::{
    Array, ArrowPrimitiveType,
    cast::AsArray,
    types::{
        Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::DataType;

use crate::{
    element::{exact, rounded},
    vector,
};

/// Whether a column holds lists of numbers.
pub fn holds_numbers(column: &DataType) -> bool {
    match column {
        DataType::List(element) | DataType::LargeList(element) => {
            element.data_type().is_integer() || element.data_type().is_floating()
        }
        DataType::FixedSizeList(element, _) => {
            element.data_type().is_integer() || element.data_type().is_floating()
        }
        _ => false,
    }
}

/// Whether a column holds text.
pub fn is_text(column: &DataType) -> bool {
    matches!(column, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Reads the vector of a row, with this number of dimensions if it is known, or says why there is none.
pub fn read(
    column: &dyn Array,
    row: usize,
    dimensions: Option<usize>,
    out: &mut Vec<f32>,
) -> Result<(), String> {
    out.clear();
    if column.is_null(row) {
        return Err("is null, and every row needs a vector".into());
    }
    let list = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().value(row),
        DataType::LargeList(_) => column.as_list::<i64>().value(row),
        DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
        DataType::Utf8 => return text(column.as_string::<i32>().value(row), dimensions, out),
        DataType::LargeUtf8 => return text(column.as_string::<i64>().value(row), dimensions, out),
        DataType::Utf8View => return text(column.as_string_view().value(row), dimensions, out),
        other => return Err(format!("is {other}, no list of numbers")),
    };
    if let Some(at) = (0..list.len()).find(|&at| list.is_null(at)) {
        return Err(format!("is null at {at}, and vectors are numbers only"));
    }
    match list.data_type() {
        DataType::Float16 => copy::<Float16Type>(&list, out, |x| x.to_f32()),
        DataType::Float32 => copy::<Float32Type>(&list, out, |x| x),
        DataType::Float64 => copy::<Float64Type>(&list, out, |x| x as f32),
        DataType::Int8 => copy::<Int8Type>(&list, out, f32::from),
        DataType::Int16 => copy::<Int16Type>(&list, out, f32::from),
        DataType::Int32 => copy_exact::<Int32Type>(&list, out)?,
        DataType::Int64 => copy_exact::<Int64Type>(&list, out)?,
        DataType::UInt8 => copy::<UInt8Type>(&list, out, f32::from),
        DataType::UInt16 => copy::<UInt16Type>(&list, out, f32::from),
        DataType::UInt32 => copy_exact::<UInt32Type>(&list, out)?,
        DataType::UInt64 => copy_exact::<UInt64Type>(&list, out)?,
        other => return Err(format!("is a list of {other}, no numbers")),
    }
    match dimensions {
        _ if out.is_empty() => Err("is empty".into()),
        Some(dimensions) if out.len() != dimensions => Err(format!(
            "has {} values where the first has {dimensions}; all must have the same number",
            out.len()
        )),
        _ => Ok(()),
    }
}

fn copy<T: ArrowPrimitiveType>(
    list: &dyn Array,
    out: &mut Vec<f32>,
    convert: impl Fn(T::Native) -> f32,
) {
    out.extend(list.as_primitive::<T>().values().iter().map(|&number| convert(number)));
}

/// Copies integers; it is an error if float32 would round one.
fn copy_exact<T: ArrowPrimitiveType>(list: &dyn Array, out: &mut Vec<f32>) -> Result<(), String>
where
    T::Native: Into<i128>,
{
    for (at, &number) in list.as_primitive::<T>().values().iter().enumerate() {
        let number = number.into();
        let value = exact(number);
        out.push(value.ok_or_else(|| rounded(number, at))?);
    }
    Ok(())
}

fn text(text: &str, dimensions: Option<usize>, out: &mut Vec<f32>) -> Result<(), String> {
    let dimensions = dimensions.or_else(|| vector::length(text)).unwrap_or(0);
    vector::parse(text, dimensions, out)
}
