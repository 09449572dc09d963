//! The meaning of Postgres's operators for an index.

use crate::sql::encoding;
use crate::sql::value::literal;
use hither_core::{Comparison, Value};
use pgrx::is_a;
use pgrx::pg_sys::{self, NodeTag, Oid};

/// The comparison that a btree operator on a column of this type does.
pub fn comparison_of(operator: Oid, type_oid: Oid) -> Option<Comparison> {
    // SAFETY: look-ups in the catalogs.
    unsafe {
        let flags = pg_sys::TYPECACHE_BTREE_OPFAMILY as i32;
        // varchar has no operators of its own: it is compared as text.
        let type_oid = if type_oid == pg_sys::VARCHAROID { pg_sys::TEXTOID } else { type_oid };
        let family = (*pg_sys::lookup_type_cache(type_oid, flags)).btree_opf;
        Some(match pg_sys::get_op_opfamily_strategy(operator, family) {
            1 => Comparison::Lt,
            2 => Comparison::Le,
            3 => Comparison::Eq,
            4 => Comparison::Ge,
            5 => Comparison::Gt,
            _ => {
                let negator = pg_sys::get_negator(operator);
                if pg_sys::get_op_opfamily_strategy(negator, family) != 3 {
                    return None;
                }
                Comparison::Ne
            }
        })
    }
}

/// Checks that the index compares text as this collation does. The index compares bytes: equality is the
/// same under deterministic collations, order only under C.
pub fn check_collation(collation: Oid, equality: bool) -> Result<(), &'static str> {
    const POSIX: u32 = 951;
    if collation != pg_sys::InvalidOid && !encoding::compares_alike() {
        return Err("the encoding of the database does not compare text as UTF-8 does");
    }
    if collation == pg_sys::InvalidOid
        || [pg_sys::C_COLLATION_OID, Oid::from(POSIX)].contains(&collation)
    {
        return Ok(());
    }
    if !equality {
        return Err("text is ordered by another collation than C");
    }
    // SAFETY: a look-up in the catalogs.
    if unsafe { pg_sys::get_collation_isdeterministic(collation) } {
        Ok(())
    } else {
        Err("the collation is not deterministic")
    }
}

/// The prefix that `LIKE 'prefix%'` or `^@ 'prefix'` asks for.
///
/// # Safety
/// `other` is a valid expression.
pub unsafe fn prefix_of(operator: Oid, other: *mut pg_sys::Expr) -> Option<String> {
    const LIKE: u32 = 1209;
    const STARTS_WITH: u32 = 3877;
    // SAFETY: the caller's promise; a Const of type text holds one.
    unsafe {
        if !is_a(other.cast(), NodeTag::T_Const) {
            return None;
        }
        let constant = other.cast::<pg_sys::Const>();
        let Some(Value::Text(text)) =
            literal((*constant).constvalue, (*constant).constisnull, (*constant).consttype)
        else {
            return None;
        };
        match operator.to_u32() {
            STARTS_WITH => Some(text),
            LIKE => text
                .strip_suffix('%')
                .filter(|prefix| !prefix.contains(['%', '_', '\\']))
                .map(Into::into),
            _ => None,
        }
    }
}

/// The name of an operator, for users.
pub fn operator_name(operator: Oid) -> String {
    // SAFETY: get_opname returns a palloc'ed string or null.
    unsafe {
        let name = pg_sys::get_opname(operator);
        if name.is_null() { "?".into() } else { encoding::name(name) }
    }
}
