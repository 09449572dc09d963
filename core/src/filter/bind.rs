//! A filter prepared for the columns of one segment.

use super::literal::{coerce, compare_numbers};
use super::tally::Tally;
use super::{Comparison, Filter, MAX_DEPTH, Truth, check_prefix, find_column};
use crate::column::{
    Cells, ColumnSchema, ColumnView, Layout, Value, Zone, bytes_key, float_key, int_key,
};
use crate::error::Result;
use crate::sort::sort_by;
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::cmp::Ordering;

/// A filter bound to the columns of a segment: names are resolved and literals have the types of the columns.
/// Evaluating it allocates nothing, and any number of threads may share it.
#[derive(Clone, Debug)]
pub(crate) struct BoundFilter<'a> {
    pub(super) root: Node<'a>,
    pub(super) rows: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Constant(Truth),
    IsNull(Cells<'a>),
    Leaf(Leaf<'a>),
    And(Vec<Node<'a>>),
    Or(Vec<Node<'a>>),
    Not(Box<Node<'a>>),
    NotTrue(Box<Node<'a>>),
}

/// A test of one column; unknown where it is null.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    pub cells: Cells<'a>,
    pub test: Test,
    /// Keys outside this inclusive range certainly fail.
    maybe: (u64, u64),
    /// Keys within this inclusive range certainly pass; it is empty if the first is greater.
    surely: (u64, u64),
    /// The tally of the whole segment, where a dictionary gives it.
    pub total: Option<Tally>,
}

/// The condition for a value to pass. Keys are those of `column::zones`.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// A key in this inclusive range.
    Range(u64, u64),
    /// One of these keys, ascending.
    Keys(Vec<u64>),
    /// Bytes that compare with these bytes as the operator says.
    Compare(Comparison, Vec<u8>),
    /// One of these, ascending.
    Blobs(Vec<Vec<u8>>),
    /// Bytes that begin with these.
    Prefix(Vec<u8>),
}

const NONE: (u64, u64) = (1, 0);
const ALL: (u64, u64) = (0, u64::MAX);

impl Test {
    pub fn passes(&self, cells: &Cells<'_>, row: u32) -> Result<bool> {
        Ok(match self {
            Self::Range(first, last) => (*first..=*last).contains(&cells.key(row)?),
            Self::Keys(keys) => keys.binary_search(&cells.key(row)?).is_ok(),
            Self::Compare(op, literal) => op.accepts(cells.blob(row)?.cmp(literal)),
            Self::Blobs(blobs) => {
                let blob = cells.blob(row)?;
                blobs.binary_search_by(|literal| literal.as_slice().cmp(blob)).is_ok()
            }
            Self::Prefix(prefix) => cells.blob(row)?.starts_with(prefix),
        })
    }

    /// The ranges of keys that may pass, and that pass for certain.
    fn key_ranges(&self) -> [(u64, u64); 2] {
        match self {
            Self::Range(first, last) => [(*first, *last); 2],
            Self::Keys(keys) => match keys.as_slice() {
                [] => [NONE; 2],
                [first, .., last] => [(*first, *last), NONE],
                [only] => [(*only, *only); 2],
            },
            // Keys of bytes are only prefixes: equal keys decide nothing.
            Self::Compare(op, literal) => {
                let key = bytes_key(literal);
                let below = key.checked_sub(1).map_or(NONE, |below| (0, below));
                let above = key.checked_add(1).map_or(NONE, |above| (above, u64::MAX));
                match op {
                    Comparison::Eq => [(key, key), NONE],
                    Comparison::Ne => [ALL, NONE],
                    Comparison::Lt | Comparison::Le => [(0, key), below],
                    Comparison::Gt | Comparison::Ge => [(key, u64::MAX), above],
                }
            }
            Self::Blobs(blobs) => match blobs.as_slice() {
                [] => [NONE; 2],
                [first, .., last] => [(bytes_key(first), bytes_key(last)), NONE],
                [only] => [(bytes_key(only), bytes_key(only)), NONE],
            },
            Self::Prefix(prefix) => {
                let rest = u64::MAX.checked_shr(8 * prefix.len() as u32).unwrap_or(0);
                [(bytes_key(prefix), bytes_key(prefix) | rest), NONE]
            }
        }
    }
}

impl<'a> Leaf<'a> {
    fn new(cells: Cells<'a>, test: Test) -> Self {
        let [maybe, surely] = test.key_ranges();
        let total = dictionary_tally(&cells, &test);
        Self { cells, test, maybe, surely, total }
    }

    /// What a zone says about its `rows` rows.
    pub fn tally(&self, zone: Zone, rows: u32) -> Tally {
        let values = rows.saturating_sub(zone.nulls);
        if zone.max < self.maybe.0 || zone.min > self.maybe.1 {
            Tally::new(rows, 0, values)
        } else if zone.min >= self.surely.0 && zone.max <= self.surely.1 {
            Tally::new(rows, values, values)
        } else {
            Tally::undecided(rows, values)
        }
    }
}

/// The rows of the whole column for which a test of codes is true.
fn dictionary_tally(cells: &Cells<'_>, test: &Test) -> Option<Tally> {
    let Layout::Codes(entries) = cells.layout else { return None };
    let values = cells.rows_below(entries)?;
    let count = |first: u64, last: u64| {
        let below = |code: u64| cells.rows_below(code.min(entries.into()) as u32);
        below(last.checked_add(1)?)?.checked_sub(below(first)?)
    };
    let passing = match test {
        Test::Range(first, last) => count(*first, *last)?,
        Test::Keys(keys) => {
            keys.iter().try_fold(0_u32, |sum, key| sum.checked_add(count(*key, *key)?))?
        }
        _ => return None,
    };
    (passing <= values && values <= cells.rows).then(|| Tally::new(cells.rows, passing, values))
}

impl Filter {
    /// Prepares the filter for the columns of a segment of `rows` rows.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and [`ErrorKind::Corrupt`] for a damaged dictionary.
    pub(crate) fn bind<'a>(
        &self,
        columns: &[ColumnView<'a>],
        rows: u32,
    ) -> Result<BoundFilter<'a>> {
        self.check_depth(MAX_DEPTH)?;
        Ok(BoundFilter { root: self.bind_node(columns)?, rows })
    }

    fn bind_node<'a>(&self, columns: &[ColumnView<'a>]) -> Result<Node<'a>> {
        let find = |name: &String| {
            let number = find_column(columns.iter().map(|column| &column.schema), name)?;
            Ok::<_, crate::Error>((&columns[number].schema, columns[number].cells))
        };
        let bind_all = |inner: &[Self]| {
            let (mut cheap, mut costly) = (Vec::new(), Vec::new());
            // Tests that compare bytes run last, only on rows that cheaper tests leave open.
            for inner in inner {
                let node = inner.bind_node(columns)?;
                if node.is_costly() { &mut costly } else { &mut cheap }.push(node);
            }
            cheap.append(&mut costly);
            Ok::<_, crate::Error>(cheap)
        };
        Ok(match self {
            Self::Compare { column, op, value } => {
                let (schema, cells) = find(column)?;
                let value = coerce(schema, value)?;
                match (op, value.as_ref()) {
                    (_, Value::Null) => Node::Constant(None),
                    (Comparison::Ne, value) => not(compare(cells, Comparison::Eq, value)?),
                    (op, value) => compare(cells, *op, value)?,
                }
            }
            Self::In { column, values } => {
                let (schema, cells) = find(column)?;
                bind_in(schema, cells, values)?
            }
            Self::NotIn { column, values } => {
                let (schema, cells) = find(column)?;
                not(bind_in(schema, cells, values)?)
            }
            Self::IsNull(column) => Node::IsNull(find(column)?.1),
            Self::IsNotNull(column) => not(Node::IsNull(find(column)?.1)),
            Self::Prefix { column, prefix } => {
                let (schema, cells) = find(column)?;
                check_prefix(schema)?;
                let prefix = prefix.as_bytes();
                let test = match cells.layout {
                    Layout::Codes(_) => {
                        let first = partition(&cells, |text| text < prefix)?;
                        let end =
                            partition(&cells, |text| text < prefix || text.starts_with(prefix))?;
                        range(first.into(), end.into())
                    }
                    _ => Test::Prefix(prefix.into()),
                };
                Node::Leaf(Leaf::new(cells, test))
            }
            Self::And(inner) => Node::And(bind_all(inner)?),
            Self::Or(inner) => Node::Or(bind_all(inner)?),
            Self::Not(inner) => not(inner.bind_node(columns)?),
            Self::NotTrue(inner) => Node::NotTrue(Box::new(inner.bind_node(columns)?)),
        })
    }
}

impl Node<'_> {
    fn is_costly(&self) -> bool {
        match self {
            Self::Constant(_) | Self::IsNull(_) => false,
            Self::Leaf(leaf) => matches!(leaf.cells.layout, Layout::Blobs | Layout::Uuids),
            Self::And(inner) | Self::Or(inner) => inner.iter().any(Self::is_costly),
            Self::Not(inner) | Self::NotTrue(inner) => inner.is_costly(),
        }
    }
}

fn not(node: Node<'_>) -> Node<'_> {
    Node::Not(Box::new(node))
}

/// Keys `first..end`.
fn range(first: u128, end: u128) -> Test {
    match end.checked_sub(1) {
        Some(last) if first <= last => Test::Range(first as u64, last as u64),
        _ => Test::Keys(Vec::new()),
    }
}

fn compare<'a>(cells: Cells<'a>, op: Comparison, literal: &Value) -> Result<Node<'a>> {
    let test = match key_cut(&cells, literal)? {
        None => Test::Compare(op, blob(literal)),
        Some((below, through)) => {
            // Codes end with the dictionary: a damaged code beyond it passes no test.
            let end = match cells.layout {
                Layout::Codes(entries) => entries.into(),
                _ => 1 << 64,
            };
            match op {
                Comparison::Eq | Comparison::Ne => range(below, through),
                Comparison::Lt => range(0, below),
                Comparison::Le => range(0, through),
                Comparison::Gt => range(through, end),
                Comparison::Ge => range(below, end),
            }
        }
    };
    Ok(Node::Leaf(Leaf::new(cells, test)))
}

fn bind_in<'a>(schema: &ColumnSchema, cells: Cells<'a>, values: &[Value]) -> Result<Node<'a>> {
    let (mut keys, mut blobs, mut has_null) = (Vec::new(), Vec::new(), false);
    for value in values {
        let value = coerce(schema, value)?;
        if *value == Value::Null {
            has_null = true;
        } else if let Some((below, through)) = key_cut(&cells, &value)? {
            // Otherwise no value of the column can be equal.
            if below < through {
                keys.push(below as u64);
            }
        } else {
            blobs.push(blob(&value));
        }
    }
    sort_by(&mut keys, Ord::cmp);
    keys.dedup();
    sort_by(&mut blobs, Ord::cmp);
    blobs.dedup();
    if values.is_empty() {
        return Ok(Node::Constant(Some(false)));
    }
    let test = match (cells.layout, keys.as_slice()) {
        (Layout::Blobs | Layout::Uuids, _) => Test::Blobs(blobs),
        (_, [first, .., last]) if last - first == keys.len() as u64 - 1 => {
            Test::Range(*first, *last)
        }
        (_, [only]) => Test::Range(*only, *only),
        _ => Test::Keys(keys),
    };
    let leaf = Node::Leaf(Leaf::new(cells, test));
    Ok(if has_null { Node::Or(vec![leaf, Node::Constant(None)]) } else { leaf })
}

/// The position of a literal among a column's keys: the first key whose values are not less, and the first
/// whose values are greater. None if keys do not tell the column's values apart.
fn key_cut(cells: &Cells<'_>, literal: &Value) -> Result<Option<(u128, u128)>> {
    // The key of the value nearest to the literal, and how that value compares with the literal.
    let (key, ordering) = match (cells.layout, literal) {
        (Layout::Codes(_), Value::Text(text)) => {
            let text = text.as_bytes();
            let below = partition(cells, |entry| entry < text)?;
            let through = partition(cells, |entry| entry <= text)?;
            return Ok(Some((below.into(), through.into())));
        }
        (Layout::Bits, Value::Bool(value)) => (u64::from(*value), Ordering::Equal),
        (Layout::Ints, Value::Int64(value) | Value::Timestamp(value)) => {
            (int_key(*value), Ordering::Equal)
        }
        (Layout::Ints, Value::Float64(value)) => {
            let nearest = if value.is_nan() { i64::MAX } else { *value as i64 };
            (int_key(nearest), compare_numbers(nearest, *value))
        }
        (Layout::Floats, Value::Float64(value)) => (float_key(*value), Ordering::Equal),
        (Layout::Floats, Value::Int64(value)) => {
            let nearest = *value as f64;
            (float_key(nearest), compare_numbers(*value, nearest).reverse())
        }
        _ => return Ok(None),
    };
    let key = u128::from(key);
    Ok(Some(match ordering {
        Ordering::Less => (key + 1, key + 1),
        Ordering::Equal => (key, key + 1),
        Ordering::Greater => (key, key),
    }))
}

/// The first code of the dictionary whose text does not satisfy `below`.
fn partition(cells: &Cells<'_>, below: impl Fn(&[u8]) -> bool) -> Result<u32> {
    let Layout::Codes(entries) = cells.layout else { return Ok(0) };
    let (mut first, mut end) = (0, entries);
    while first < end {
        let middle = first + (end - first) / 2;
        if below(cells.entry(middle)?) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(first)
}

/// The bytes of a literal as columns of bytes store it.
fn blob(literal: &Value) -> Vec<u8> {
    match literal {
        Value::Text(text) => text.as_bytes().into(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Uuid(bytes) => bytes.into(),
        _ => Vec::new(),
    }
}
