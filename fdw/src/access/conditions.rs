//! Translates the scan keys that the planner made of conditions into a filter within the search.

use crate::access::keys::{self, KeyKind};
use crate::access::radius::is_radius;
use crate::sql::failure::{Failure, Result};
use hither_core::{Comparison, Filter, Value};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::{self, ScanKeyData};

/// The comparisons of the operator classes' strategies, numbered from 1: those of a B-tree.
const STRATEGIES: [Comparison; 5] =
    [Comparison::Lt, Comparison::Le, Comparison::Eq, Comparison::Ge, Comparison::Gt];

/// The conjunction of all conditions; `None` if there are none.
///
/// # Safety
/// The keys belong to a scan of an index whose key columns have these types.
pub unsafe fn filter(scan_keys: &[ScanKeyData], kinds: &[KeyKind]) -> Result<Option<Filter>> {
    let conditions = scan_keys.iter().filter(|key| !is_of_vector(key) && !is_radius(key));
    // SAFETY: the caller's promise.
    let conditions = conditions.map(|key| unsafe { condition(key, kinds) });
    let conditions = conditions.collect::<Result<Vec<_>>>()?;
    Ok(Some(conditions).filter(|all| !all.is_empty()).map(Filter::And))
}

/// Whether a condition is `IS NOT NULL` on the vector, which is true of every row of the index.
fn is_of_vector(key: &ScanKeyData) -> bool {
    key.sk_attno == 1 && key.sk_flags & pg_sys::SK_SEARCHNOTNULL as i32 != 0
}

/// # Safety
/// As for [`filter`].
unsafe fn condition(key: &ScanKeyData, kinds: &[KeyKind]) -> Result<Filter> {
    let flag = |flag: u32| key.sk_flags & flag as i32 != 0;
    let number = key.sk_attno as usize;
    let unknown = || {
        let message = "a condition on a column of an index of hither that it does not know";
        Failure::new(Code::ERRCODE_INTERNAL_ERROR, message)
    };
    let kind = number.checked_sub(2).and_then(|key| kinds.get(key)).ok_or_else(unknown)?;
    let column = keys::name(number);
    if flag(pg_sys::SK_SEARCHNULL) {
        return Ok(Filter::IsNull(column));
    }
    if flag(pg_sys::SK_SEARCHNOTNULL) {
        return Ok(Filter::IsNotNull(column));
    }
    if flag(pg_sys::SK_ISNULL) {
        // No operator is true of null.
        return Ok(Filter::In { column, values: Vec::new() });
    }
    let op = usize::from(key.sk_strategy).checked_sub(1);
    let op = *op.and_then(|op| STRATEGIES.get(op)).ok_or_else(unknown)?;
    // The right operand may have another type of the same operator family.
    let right = match key.sk_subtype {
        pg_sys::InvalidOid => *kind,
        subtype => KeyKind::of(subtype).ok_or_else(unknown)?,
    };
    if !flag(pg_sys::SK_SEARCHARRAY) {
        // SAFETY: not null, and of the operator's type.
        let value = Value::Int64(unsafe { right.encode(key.sk_argument) });
        return Ok(Filter::Compare { column, op, value });
    }
    // SAFETY: an array of values of the operator's type.
    let values = unsafe { elements(key.sk_argument, right) };
    if op == Comparison::Eq {
        return Ok(Filter::In { column, values });
    }
    let compare = |value| Filter::Compare { column: column.clone(), op, value };
    Ok(Filter::Or(values.into_iter().map(compare).collect()))
}

/// The elements of an array that are not null: `= ANY` is true of no other.
///
/// # Safety
/// An array of values of this type.
unsafe fn elements(array: pg_sys::Datum, kind: KeyKind) -> Vec<Value> {
    // SAFETY: the caller's promise; Postgres allocates both lists.
    unsafe {
        let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let (mut length, mut by_value, mut align) = (0, false, 0);
        let element = (*array).elemtype;
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            element,
            length.into(),
            by_value,
            align,
            &mut values,
            &mut nulls,
            &mut count,
        );
        let numbers = (0..count as usize).filter(|at| !*nulls.add(*at));
        numbers.map(|at| Value::Int64(kind.encode(*values.add(at)))).collect()
    }
}
