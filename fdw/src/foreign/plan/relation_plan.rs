//! What planning a scan found out, as the planner keeps it.

use super::cost::Costs;
use super::distance::{Order, Radius};
use crate::foreign::table::Table;
use pgrx::pg_sys;

/// What planning one scan found out; lives in the planner's memory.
pub struct RelationPlan {
    pub relation: pg_sys::Oid,
    pub table: Table,
    /// Conditions that the index decides.
    pub pushed: Vec<*mut pg_sys::RestrictInfo>,
    /// Whether one of them is about the key.
    pub by_key: bool,
    pub order: Option<Order>,
    pub radius: Option<Radius>,
    pub costs: Costs,
    /// Why other conditions, or the order, were not pushed.
    pub reasons: Vec<String>,
}
