//! Handles Ctrl-C and other signals: the command cleans up before it ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};

/// The exit code by which shells recognise a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static WATCHED: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on a first signal sets [`interrupted`]; a second one ends the command at once.
pub fn watch() {
    WATCHED.store(true, Ordering::Relaxed);
    handle_signals();
}

/// Whether the command should stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From now on, if a signal ends the command, the incomplete file for `path` is removed.
pub fn remove_unfinished(path: &Path) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        *unfinished = Some(hither::raw::AtomicFile::temporary_path(path));
    }
    handle_signals();
}

#[cfg(unix)]
fn handle_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    static HANDLED: Once = Once::new();
    HANDLED.call_once(|| {
        // Signals that the parent ignores stay ignored: with nohup, or in a script's background job.
        let signals = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
        // Without a handler, a signal still ends the command, and the next program that writes the file
        // removes what was left.
        let Ok(mut signals) = Signals::new(signals) else { return };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if WATCHED.load(Ordering::Relaxed) && !INTERRUPTED.swap(true, Ordering::Relaxed) {
                    continue;
                }
                if let Ok(Some(unfinished)) = UNFINISHED.lock().as_deref() {
                    let _ = std::fs::remove_file(unfinished);
                }
                let _ = emulate_default_handler(signal);
            }
        });
    });
}

/// On other systems a signal just ends the command, and the next program that writes the file removes what
/// was left.
#[cfg(not(unix))]
fn handle_signals() {}

/// Whether the program was started with this signal ignored, if the system reports that.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
