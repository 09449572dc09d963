//! Text as JSON.

use std::io::{Result, Write};

use serde_json::{Value as Json, value::RawValue};

/// A document as one line, otherwise as written: only whitespace between its parts can contain line ends,
/// strings cannot. Text that is not JSON becomes a JSON string.
pub fn json_line(text: &str) -> String {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => text.replace(['\n', '\r'], " "),
        Err(_) => quoted(text),
    }
}

/// Text as a JSON string.
pub fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// A vector as a list, with the fewest digits that read back as the same f32.
pub fn write_list(vector: &[f32], out: &mut Vec<u8>) -> Result<()> {
    for (at, value) in vector.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        write!(out, "{value}")?;
    }
    out.push(b']');
    Ok(())
}
