//! What the rows of an index have, for reading rows that go to it and for writing its own.

use hither::{Element, Index};
use hither_rows::{Layout, Precision};

/// What rows of an index have.
pub fn layout(index: &Index<'_>) -> Layout {
    let options = index.options();
    Layout {
        dimensions: index.dimensions(),
        precision: match options.element {
            Element::F16 => Precision::F16,
            _ => Precision::F32,
        },
        key_type: options.key_type,
        columns: index.columns().to_vec(),
    }
}
