//! The layout of an index's rows, for reading rows that go to it and for writing its own.

use hither::{Element, Index};
use hither_rows::{Layout, Precision};

/// The layout of an index's rows.
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
