//! The order that Postgres gives float8.

use std::cmp::Ordering;

/// A float8 as Postgres compares it: NaN comes last, zeros are equal.
#[derive(Clone, Copy, Debug)]
pub struct Float8(pub f64);

impl Ord for Float8 {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0, other.0);
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
}

impl PartialOrd for Float8 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float8 {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float8 {}
