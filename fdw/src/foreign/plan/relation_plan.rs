//! The planner's state for a scan.

use super::cost::Costs;
use super::distance::{Order, Radius};
use crate::foreign::table::Table;
use pgrx::pg_sys;

/// What planning found out about a scan; lives in the planner's memory context.
pub struct RelationPlan {
    pub relation: pg_sys::Oid,
    pub table: Table,
    /// The conditions that the index decides.
    pub pushed: Vec<*mut pg_sys::RestrictInfo>,
    /// Whether one of them is on the key.
    pub by_key: bool,
    pub order: Option<Order>,
    pub radius: Option<Radius>,
    pub costs: Costs,
    /// Why other conditions, or the ordering, were not pushed.
    pub reasons: Vec<String>,
}
