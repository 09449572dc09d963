//! Filters from JavaScript.

use crate::failure::{Failure, Outcome};
use hither::Filter;
use wasm_bindgen::JsValue;

/// Makes a filter of an object of conditions, which `js/filter.js` has made.
pub(crate) fn to_filter(conditions: JsValue) -> Outcome<Filter> {
    serde_wasm_bindgen::from_value(conditions).map_err(|error| {
        // The text of a JavaScript Error begins so.
        let message = error.to_string();
        let message = message.strip_prefix("Error: ").unwrap_or(&message);
        Failure::new("invalid_filter", message.into())
    })
}
