//! The one export of the WebAssembly module; `run.mjs` calls it.

use alloc::boxed::Box;
use alloc::format;

/// Computes the report and returns its place: the address in the high 32 bits, the length in the low 32. The
/// text stays there for as long as the module lives.
#[allow(unsafe_code, reason = "an export needs its name kept; there is one symbol of that name")]
#[unsafe(no_mangle)]
pub extern "C" fn run() -> u64 {
    let report = crate::report(1).unwrap_or_else(|error| format!("error: {error}\n"));
    let text: &'static str = Box::leak(report.into_boxed_str());
    (text.as_ptr() as u64) << 32 | text.len() as u64
}
