//! Maps Postgres types to types of an index, and decodes values from COPY's binary format.

use half::f16;
use hither::{ColumnType, KeyType, Value};
use tokio_postgres::types::{Kind as TypeKind, Type};

/// Microseconds from 1970, our epoch, to 2000, Postgres's epoch.
const EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;

/// The error for a sparse vector.
pub const SPARSE: &str = "is a sparsevec, which no index holds; cast it, ::vector";

/// How the bytes of a value are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    /// An integer of 2, 4 or 8 bytes.
    Integer,
    /// A float of 4 or 8 bytes.
    Float,
    /// A numeric as a double, which can be compared and sorted, unlike text.
    Numeric,
    Text,
    /// A timestamp with a time zone, or without one, then taken as UTC.
    Timestamp,
    Date,
    Uuid,
    Bytes,
    Json,
    Jsonb,
    Vector,
    Halfvec,
}

impl Kind {
    /// The kind of a type, or what to do about an unsupported one.
    pub fn of(column_type: &Type) -> Result<Self, String> {
        Ok(match *column_type {
            Type::BOOL => Self::Bool,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Integer,
            Type::FLOAT4 | Type::FLOAT8 => Self::Float,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::CHAR | Type::NAME => Self::Text,
            Type::TIMESTAMPTZ | Type::TIMESTAMP => Self::Timestamp,
            Type::DATE => Self::Date,
            Type::UUID => Self::Uuid,
            Type::BYTEA => Self::Bytes,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            _ => match (column_type.kind(), column_type.name()) {
                (TypeKind::Domain(base), _) => return Self::of(base),
                (TypeKind::Enum(_), _) | (_, "citext") => Self::Text,
                (_, "vector") => Self::Vector,
                (_, "halfvec") => Self::Halfvec,
                (_, "sparsevec") => return Err(SPARSE.into()),
                (TypeKind::Array(_) | TypeKind::Composite(_), name) => {
                    let name = name.trim_start_matches('_');
                    return Err(format!(
                        "is a list or a row of {name}, which no column type holds; cast it in the query, with to_json(…) or ::text"
                    ));
                }
                (_, name) => {
                    return Err(format!(
                        "is {name}, which no column type holds; cast it in the query, ::text"
                    ));
                }
            },
        })
    }

    /// Whether it is a vector.
    pub fn is_vector(self) -> bool {
        matches!(self, Self::Vector | Self::Halfvec)
    }

    /// The type of an attribute column; none for vectors.
    pub fn column_type(self) -> Option<ColumnType> {
        Some(match self {
            Self::Bool => ColumnType::Bool,
            Self::Integer => ColumnType::Int64,
            Self::Float | Self::Numeric => ColumnType::Float64,
            Self::Text => ColumnType::Text,
            Self::Timestamp | Self::Date => ColumnType::Timestamp,
            Self::Uuid => ColumnType::Uuid,
            Self::Bytes => ColumnType::Bytes,
            Self::Json | Self::Jsonb => ColumnType::Json,
            Self::Vector | Self::Halfvec => return None,
        })
    }

    /// The type of the keys if the column is the key; `None` if it cannot be.
    pub fn key_type(self) -> Option<KeyType> {
        match self {
            Self::Integer => Some(KeyType::Int64),
            Self::Text => Some(KeyType::Text),
            Self::Uuid => Some(KeyType::Uuid),
            _ => None,
        }
    }

    /// Decodes a value of the type that [`column_type`](Self::column_type) returns.
    pub fn value(self, bytes: &[u8]) -> Result<Value, String> {
        let moment = |time: i64| match time {
            i64::MIN | i64::MAX => Ok(Value::Timestamp(time)),
            _ => match time.checked_add(EPOCH) {
                Some(time) => Ok(Value::Timestamp(time)),
                None => {
                    Err("is a moment beyond the years that a timestamp holds, -290308 to 294247")
                }
            },
        };
        Ok(match self {
            Self::Bool => Value::Bool(array(bytes)? != [0]),
            Self::Integer => Value::Int64(match bytes.len() {
                2 => i16::from_be_bytes(array(bytes)?).into(),
                4 => i32::from_be_bytes(array(bytes)?).into(),
                _ => i64::from_be_bytes(array(bytes)?),
            }),
            Self::Float => Value::Float64(match bytes.len() {
                4 => f32::from_be_bytes(array(bytes)?).into(),
                _ => f64::from_be_bytes(array(bytes)?),
            }),
            Self::Numeric => Value::Float64(numeric(bytes)?),
            Self::Text => Value::Text(text(bytes)?),
            Self::Timestamp => moment(i64::from_be_bytes(array(bytes)?))?,
            Self::Date => match i32::from_be_bytes(array(bytes)?) {
                i32::MIN => Value::Timestamp(i64::MIN),
                i32::MAX => Value::Timestamp(i64::MAX),
                days => moment(i64::from(days).checked_mul(DAY).unwrap_or(i64::MAX - 1))?,
            },
            Self::Uuid => Value::Uuid(array(bytes)?),
            Self::Bytes => Value::Bytes(bytes.to_vec()),
            Self::Json => Value::Json(text(bytes)?),
            Self::Jsonb => match bytes {
                [1, json @ ..] => Value::Json(text(json)?),
                _ => return Err("is jsonb of a version that this hither does not read".into()),
            },
            Self::Vector | Self::Halfvec => return Err("is a vector, no attribute".into()),
        })
    }

    /// Sets `out` to the values of a vector. Its layout is int16 dimensions, int16 zero, the values.
    pub fn vector(self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), String> {
        let (head, values) = bytes.split_at_checked(4).ok_or("is cut short")?;
        let dimensions = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let width = if self == Self::Halfvec { 2 } else { 4 };
        if values.len() != dimensions * width {
            return Err("is no vector as this hither reads it".into());
        }
        out.clear();
        match self {
            Self::Halfvec => {
                let halves = values.as_chunks().0.iter();
                out.extend(halves.map(|&half| f16::from_be_bytes(half).to_f32()));
            }
            _ => out.extend(values.as_chunks().0.iter().map(|&value| f32::from_be_bytes(value))),
        }
        Ok(())
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("has {} bytes where {N} were expected", bytes.len()))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "is no valid UTF-8 text".into())
}

/// The double closest to a numeric. Its layout is int16 count, weight, sign and scale, then digits of base
/// 10,000.
fn numeric(bytes: &[u8]) -> Result<f64, String> {
    let (words, rest) = bytes.as_chunks::<2>();
    let [_, weight, sign, _, digits @ ..] = words else { return Err("is cut short".into()) };
    if !rest.is_empty() {
        return Err("is cut short".into());
    }
    match u16::from_be_bytes(*sign) {
        0xc000 => return Ok(f64::NAN),
        0xd000 => return Ok(f64::INFINITY),
        0xf000 => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    // By way of text, which rounds only once.
    let mut decimal = String::from(if sign[0] == 0x40 { "-0" } else { "0" });
    digits.iter().for_each(|digit| decimal += &format!("{:04}", u16::from_be_bytes(*digit)));
    let exponent = 4 * (i64::from(i16::from_be_bytes(*weight)) + 1 - digits.len() as i64);
    format!("{decimal}e{exponent}")
        .parse()
        .map_err(|_| format!("is {decimal}e{exponent}, no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics() {
        // Count, weight, sign, scale and digits, as written by numeric_send.
        for (words, expected) in [
            (&[0, 0, 0, 0][..], 0.0),
            (&[1, 0, 0, 0, 42], 42.0),
            (&[2, 1, 0x4000, 0, 12, 3450], -123450.0),
            (&[1, -1, 0, 1, 1000], 0.1),
            (&[2, 0, 0, 2, 1, 1000], 1.1),
            (&[1, 40, 0, 0, 1], 1e160),
            (&[0, 0, -0x3000, 0], f64::INFINITY),
            (&[0, 0, -0x1000, 0], f64::NEG_INFINITY),
        ] {
            let bytes: Vec<u8> = words.iter().flat_map(|word: &i16| word.to_be_bytes()).collect();
            assert_eq!(Kind::Numeric.value(&bytes), Ok(Value::Float64(expected)), "{words:?}");
        }
        assert!(Kind::Numeric.value(&[0; 7]).is_err());
    }

    #[test]
    fn what_is_cut_short() {
        use Kind::*;
        let kinds = [Bool, Integer, Float, Numeric, Timestamp, Date, Uuid, Jsonb];
        assert!(kinds.iter().all(|kind| kind.value(&[]).is_err()));
        for bytes in [&[][..], &[0], &[0, 1, 0, 0], &[0, 1, 0, 0, 1], &[255; 9]] {
            assert!([Vector, Halfvec].iter().all(|kind| kind.vector(bytes, &mut vec![]).is_err()));
        }
    }
}
