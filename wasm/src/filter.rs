//! Filters from JavaScript.

use crate::failure::{Failure, Outcome};
use hither::Filter;
use wasm_bindgen::JsValue;

/// A filter of an object of conditions as `js/filter.js` makes it.
pub(crate) fn to_filter(conditions: JsValue) -> Outcome<Filter> {
    serde_wasm_bindgen::from_value(conditions).map_err(|error| {
        // As JavaScript's Error it says so before its message.
        let message = error.to_string();
        let message = message.strip_prefix("Error: ").unwrap_or(&message);
        Failure::new("invalid_filter", message.into())
    })
}
