//! The plan's data for the scan: `fdw_private`, made of nodes that can be copied and cached.

use crate::sql::encoding;
use crate::sql::failure::{Failure, Result};
use hither_core::Metric;
use pgrx::pg_sys;
use pgrx::{PgList, PgSqlErrorCode as Code};
use std::ptr::null_mut;

/// The node that makeInteger returns.
#[cfg(not(feature = "pg14"))]
pub use pg_sys::Integer;
/// The node that makeInteger returns.
#[cfg(feature = "pg14")]
pub use pg_sys::Value as Integer;

/// Whether a search must be exact, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactReason {
    No,
    NoLimit,
    Grouped,
    Ties,
    OtherMetric,
    Radius,
    ManyRows,
}

impl ExactReason {
    const ALL: [Self; 7] = [
        Self::No,
        Self::NoLimit,
        Self::Grouped,
        Self::Ties,
        Self::OtherMetric,
        Self::Radius,
        Self::ManyRows,
    ];

    /// The reason, for users.
    pub fn reason(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::NoLimit => "there is no LIMIT",
            Self::Grouped => "the rows are grouped or joined by distance",
            Self::Ties => "all rows at one distance are wanted",
            Self::OtherMetric => "the index is ordered by another distance",
            Self::Radius => "all rows within the radius are wanted",
            Self::ManyRows => "the LIMIT is a large part of the rows",
        }
    }
}

/// The plan's data for the scan. Its expressions are in `fdw_exprs`, in this order: the distance if there
/// is a metric, the vector and the bound of the radius, LIMIT, OFFSET, conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanData {
    /// The table, because a plan for a count has no relation.
    pub relation: pg_sys::Oid,
    /// The metric of the distances; `None` for a scan without distances.
    pub metric: Option<Metric>,
    /// Whether there is a radius, beyond which rows are not wanted.
    pub radius: bool,
    /// The number of wanted rows; 0 if it is unknown.
    pub limit: i32,
    /// Whether LIMIT and OFFSET are expressions of the plan.
    pub limits: [bool; 2],
    pub exact: ExactReason,
    /// Whether more rows are likely to be asked for, because some do not pass.
    pub open: bool,
    /// Whether the scan returns only the number of rows.
    pub count: bool,
}

/// The value of an Integer node.
///
/// # Safety
/// `node` was made by makeInteger.
pub unsafe fn integer(node: *mut Integer) -> i32 {
    // SAFETY: the caller's promise. In PostgreSQL 14 Integer is a Value.
    unsafe {
        #[cfg(feature = "pg14")]
        return (*node).val.ival;
        #[cfg(not(feature = "pg14"))]
        (*node).ival
    }
}

/// The text of a String node.
unsafe fn string(node: *mut pg_sys::Node) -> String {
    // SAFETY: a node that makeString returned. In PostgreSQL 14 String is a Value.
    unsafe {
        #[cfg(feature = "pg14")]
        let text = (*node.cast::<pg_sys::Value>()).val.str_;
        #[cfg(not(feature = "pg14"))]
        let text = (*node.cast::<pg_sys::String>()).sval;
        encoding::name(text)
    }
}

/// A list of Integer nodes.
unsafe fn integers(numbers: impl Iterator<Item = i32>) -> *mut pg_sys::List {
    let mut list = PgList::<Integer>::new();
    // SAFETY: a node constructor in the planner's memory context.
    numbers.for_each(|number| list.push(unsafe { pg_sys::makeInteger(number) }.cast()));
    list.into_pg()
}

impl PlanData {
    /// A list of three lists: numbers, wanted attribute numbers, reasons.
    ///
    /// # Safety
    /// Called by the planner; `wanted` is a set as pull_varattnos returns it.
    pub unsafe fn encode(
        self,
        wanted: *mut pg_sys::Bitmapset,
        reasons: &[String],
    ) -> *mut pg_sys::List {
        // SAFETY: node constructors in the planner's memory context.
        unsafe {
            let numbers = integers(
                [
                    self.relation.to_u32() as i32,
                    self.metric.map_or(-1, |metric| metric as i32),
                    self.radius.into(),
                    self.limit,
                    self.limits[0].into(),
                    self.limits[1].into(),
                    self.exact as i32,
                    self.open.into(),
                    self.count.into(),
                ]
                .into_iter(),
            );
            let mut member = -1;
            let attributes = integers(std::iter::from_fn(|| {
                member = pg_sys::bms_next_member(wanted, member);
                (member >= 0).then_some(member + pg_sys::FirstLowInvalidHeapAttributeNumber)
            }));
            let mut texts = PgList::<pg_sys::Node>::new();
            for reason in reasons {
                let text = encoding::c_string(reason);
                texts.push(pg_sys::makeString(pg_sys::pstrdup(text.as_ptr())).cast());
            }
            let mut all = PgList::<pg_sys::List>::new();
            [numbers, attributes, texts.into_pg()].into_iter().for_each(|list| all.push(list));
            all.into_pg()
        }
    }

    /// What [`encode`](Self::encode) wrote: numbers, attribute numbers, reasons.
    ///
    /// # Safety
    /// `list` is the `fdw_private` of a plan of ours.
    pub unsafe fn decode(list: *mut pg_sys::List) -> Result<(Self, Vec<i32>, Vec<String>)> {
        // SAFETY: the caller's promise.
        unsafe {
            let all = PgList::<pg_sys::List>::from_pg(list);
            let part = |at| all.get_ptr(at).unwrap_or(null_mut());
            let numbers_of = |at| {
                let list = PgList::<Integer>::from_pg(part(at));
                list.iter_ptr().map(|node| integer(node)).collect::<Vec<i32>>()
            };
            let numbers = numbers_of(0);
            let [relation, metric, radius, limit, by_limit, by_offset, exact, open, count] =
                numbers[..]
            else {
                let message = "the plan is none of this version of hither";
                return Err(Failure::new(Code::ERRCODE_INTERNAL_ERROR, message));
            };
            let texts = PgList::<pg_sys::Node>::from_pg(part(2));
            let exact = ExactReason::ALL.into_iter().find(|known| *known as i32 == exact);
            let private = Self {
                relation: pg_sys::Oid::from(relation as u32),
                metric: u8::try_from(metric).ok().and_then(|number| Metric::try_from(number).ok()),
                radius: radius == 1,
                limit,
                limits: [by_limit == 1, by_offset == 1],
                exact: exact.unwrap_or(ExactReason::NoLimit),
                open: open == 1,
                count: count == 1,
            };
            let reasons = texts.iter_ptr().map(|node| string(node)).collect();
            Ok((private, numbers_of(1), reasons))
        }
    }
}
