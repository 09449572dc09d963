//! Filters in JSON, in MongoDB's form.

use super::parse::Json;
use super::{Comparison, Filter, MAX_DEPTH};
use crate::column::Value;
use crate::error::{ErrorKind, Result, try_collect};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};
use serde::de::{Deserialize, Deserializer, Error as _};

const OPERATORS: &str = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $prefix, $not within a column, and \
     $and, $or, $not around columns";

#[cfg(feature = "json")]
impl Filter {
    /// Reads a filter from JSON.
    ///
    /// ```
    /// # use hither::Filter;
    /// let filter = Filter::from_json(
    ///     r#"{"year": {"$gte": 2020, "$lt": 2030}, "lang": {"$in": ["en", "fr"]}, "note": null}"#,
    /// )?;
    /// # Ok::<(), hither::Error>(())
    /// ```
    ///
    /// An object's entries must all be true; `{}` matches every row. An entry is a column with a
    /// value that it equals, or with an object of operators that must all be true:
    ///
    /// - `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte` compare;
    /// - `$in` and `$nin` take an array of values;
    /// - `$prefix` takes the text that a text begins with;
    /// - `$exists` takes `true` for rows that are not null, `false` for those that are;
    /// - `$not` takes a value or an object of operators.
    ///
    /// Or it is `$and` or `$or` with an array of filters, or `$not` with a filter.
    ///
    /// `null` is a value that null rows equal. As in MongoDB, `$ne`, `$nin` and `$not` match whatever their
    /// opposite does not, null rows included. Values go with columns as [`Filter`] says; timestamps, UUIDs and
    /// bytes are written as text, and `"NaN"`, `"Infinity"` and `"-Infinity"` stand for the doubles that JSON
    /// lacks. Integers beyond signed 64 bits are read as doubles.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidFilter`] if the text is not JSON, or not such a filter.
    pub fn from_json(json: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(json).map_err(|error| ErrorKind::InvalidFilter {
            reason: format!("it is no JSON: {error}"),
        })?;
        read(&json)
    }
}

/// Reads the form of [`from_json`](Self::from_json) from any deserializer.
///
/// ```
/// use hither::Filter;
///
/// let parsed: serde_json::Value = serde_json::from_str(r#"{"year": {"$gte": 2020}}"#).unwrap();
/// let filter: Filter = serde_json::from_value(parsed).unwrap();
/// assert_eq!(filter, Filter::from_json(r#"{"year": {"$gte": 2020}}"#)?);
/// # Ok::<(), hither::Error>(())
/// ```
impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        read(&json).map_err(D::Error::custom)
    }
}

fn read(json: &Json) -> Result<Filter> {
    let filter = filter(json, MAX_DEPTH)?;
    filter.check_depth(MAX_DEPTH)?;
    Ok(filter)
}

fn invalid<T>(reason: String) -> Result<T> {
    Err(ErrorKind::InvalidFilter { reason }.into())
}

/// The levels that remain within a level, of the `left` that are allowed.
fn descend(left: usize) -> Result<usize> {
    match left.checked_sub(1) {
        Some(left) => Ok(left),
        None => invalid(format!("it is nested more than {MAX_DEPTH} deep")),
    }
}

fn filter(json: &Json, left: usize) -> Result<Filter> {
    let left = descend(left)?;
    let Json::Object(entries) = json else {
        return invalid(format!(
            "a filter is an object such as {{\"year\": {{\"$gte\": 2020}}}}, not {}",
            kind(json)
        ));
    };
    check_names(entries)?;
    let filters = entries.iter().map(|(name, json)| match name.as_str() {
        "$and" => Ok(Filter::And(filters(name, json, left)?)),
        "$or" => Ok(Filter::Or(filters(name, json, left)?)),
        "$not" => Ok(Filter::NotTrue(Box::new(filter(json, left)?))),
        _ if name.starts_with('$') => {
            invalid(format!("\"{name}\" is no operator around columns; there are: {OPERATORS}"))
        }
        _ => column_filter(name, json, left),
    });
    Ok(all(try_collect(filters)?))
}

/// Refuses a name that comes twice: JSON would keep the last entry and drop the other condition.
fn check_names(entries: &[(String, Json)]) -> Result<()> {
    for (at, (name, _)) in entries.iter().enumerate() {
        if entries[..at].iter().any(|before| before.0 == *name) {
            return invalid(format!("\"{name}\" is there twice; join the two with \"$and\""));
        }
    }
    Ok(())
}

fn filters(name: &str, json: &Json, left: usize) -> Result<Vec<Filter>> {
    match json {
        Json::Array(filters) => try_collect(filters.iter().map(|json| filter(json, left))),
        _ => invalid(format!("\"{name}\" takes an array of filters, not {}", kind(json))),
    }
}

/// The condition on a column: a value or an object of operators.
fn column_filter(column: &str, json: &Json, left: usize) -> Result<Filter> {
    let left = descend(left)?;
    let Json::Object(operators) = json else { return equal(column, "a column", json) };
    if operators.is_empty() {
        return invalid(format!("column \"{column}\" has no operator; there are: {OPERATORS}"));
    }
    check_names(operators)?;
    let filters = operators.iter().map(|(name, json)| operator(column, name, json, left));
    Ok(all(try_collect(filters)?))
}

fn operator(column: &str, name: &str, json: &Json, left: usize) -> Result<Filter> {
    let compare = |op| match value(name, json)? {
        Value::Null => invalid(format!("\"{name}\" does not go with null; use \"$exists\"")),
        value => Ok(Filter::Compare { column: column.to_owned(), op, value }),
    };
    match name {
        "$eq" => equal(column, name, json),
        "$ne" => Ok(not_true(equal(column, name, json)?)),
        "$gt" => compare(Comparison::Gt),
        "$gte" => compare(Comparison::Ge),
        "$lt" => compare(Comparison::Lt),
        "$lte" => compare(Comparison::Le),
        "$in" => is_in(column, name, json),
        "$nin" => Ok(not_true(is_in(column, name, json)?)),
        "$not" => Ok(not_true(column_filter(column, json, left)?)),
        "$exists" => match json {
            Json::Bool(true) => Ok(Filter::IsNotNull(column.to_owned())),
            Json::Bool(false) => Ok(Filter::IsNull(column.to_owned())),
            _ => invalid(format!("\"$exists\" takes true or false, not {}", kind(json))),
        },
        "$prefix" => match json {
            Json::Text(prefix) => {
                Ok(Filter::Prefix { column: column.to_owned(), prefix: prefix.clone() })
            }
            _ => invalid(format!("\"$prefix\" takes a text, not {}", kind(json))),
        },
        _ => invalid(format!(
            "\"{name}\" of column \"{column}\" is no operator; there are: {OPERATORS}"
        )),
    }
}

fn equal(column: &str, name: &str, json: &Json) -> Result<Filter> {
    let column = column.to_owned();
    Ok(match value(name, json)? {
        Value::Null => Filter::IsNull(column),
        value => Filter::Compare { column, op: Comparison::Eq, value },
    })
}

fn is_in(column: &str, name: &str, json: &Json) -> Result<Filter> {
    let Json::Array(values) = json else {
        return invalid(format!("\"{name}\" takes an array of values, not {}", kind(json)));
    };
    let mut values = try_collect(values.iter().map(|json| value(name, json)))?;
    let all = values.len();
    values.retain(|value| *value != Value::Null);
    let has_null = values.len() < all;
    let is_in = Filter::In { column: column.to_owned(), values };
    let is_null = || Filter::IsNull(column.to_owned());
    Ok(if has_null { Filter::Or(vec![is_in, is_null()]) } else { is_in })
}

fn not_true(filter: Filter) -> Filter {
    Filter::NotTrue(Box::new(filter))
}

/// The conjunction of filters; a single one needs no list.
fn all(mut filters: Vec<Filter>) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        last => {
            filters.extend(last);
            Filter::And(filters)
        }
    }
}

fn value(name: &str, json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Int64(value) => Value::Int64(*value),
        Json::Float64(value) => Value::Float64(*value),
        Json::Text(value) => Value::Text(value.clone()),
        Json::Array(_) => {
            return invalid(format!(
                "{name} takes one value, not an array; for several use \"$in\""
            ));
        }
        Json::Object(_) => return invalid(format!("{name} takes a value, not an object")),
    })
}

/// The type of a JSON value, for messages.
fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Int64(_) | Json::Float64(_) => "a number",
        Json::Text(_) => "a text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
