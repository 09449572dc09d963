//! Columns, vectors and rows of Arrow, which cross by its C data interface without a copy: whatever library made
//! them, or takes them.

mod chunks;
pub mod column;
mod import;
pub mod rows;
pub mod vectors;
