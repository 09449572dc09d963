//! Protects users from panics of the Parquet and Arrow readers, which assert properties that damaged files
//! violate.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::Path,
    sync::Once,
};

use crate::Error;

thread_local! {
    static SHIELDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read`; a panic in it becomes an error and prints nothing.
pub fn shield<T>(path: &Path, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !SHIELDED.get() {
                before(info);
            }
        }));
    });
    SHIELDED.set(true);
    // What `read` worked on is never used again, because every error ends the reading.
    let result = catch_unwind(AssertUnwindSafe(read));
    SHIELDED.set(false);
    result.unwrap_or_else(|_| {
        Err(Error::new(path, "the file is damaged: its parts contradict each other"))
    })
}
