//! Ctrl-C: what was begun is taken back before the command ends.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

/// What shells see of a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt is noted for [`interrupted`]; a second one ends the command at once.
pub fn watch() {
    // Where no handler can be set, the system's ends the command, as it would have without us.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            exit(EXIT_CODE.into());
        }
    });
}

/// Whether somebody wants the command to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
