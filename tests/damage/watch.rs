//! Names the case when one panics, and ends the process when one never ends.

use std::process::abort;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// A case takes microseconds: after this many seconds it hangs.
const SECONDS: u64 = 60;

struct Slot {
    what: String,
    case: AtomicU64,
}

static SLOTS: Mutex<Vec<Arc<Slot>>> = Mutex::new(Vec::new());

/// The watch over one run of cases.
pub struct Watch(Arc<Slot>);

impl Watch {
    /// Begins to watch. `what` says how to reproduce a case by its number.
    pub fn new(what: String) -> Self {
        static WATCHDOG: Once = Once::new();
        WATCHDOG.call_once(|| {
            thread::spawn(watch);
        });
        let slot = Arc::new(Slot { what, case: AtomicU64::new(0) });
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&slot));
        Self(slot)
    }

    /// Begins the next case.
    pub fn case(&self, number: u64) {
        self.0.case.store(number, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}, case {}", self.0.what, self.0.case.load(Ordering::Relaxed));
        }
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| !Arc::ptr_eq(slot, &self.0));
    }
}

fn watch() {
    let mut seen: Vec<(Arc<Slot>, u64, u64)> = Vec::new();
    loop {
        thread::sleep(Duration::from_secs(1));
        let slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = std::mem::take(&mut seen);
        for slot in slots {
            let case = slot.case.load(Ordering::Relaxed);
            let before = last.iter().find(|(other, ..)| Arc::ptr_eq(other, &slot));
            let seconds = before.filter(|before| before.1 == case).map_or(0, |before| before.2 + 1);
            if seconds >= SECONDS {
                eprintln!("{}, case {case}: no end after {SECONDS} s", slot.what);
                abort();
            }
            seen.push((slot, case, seconds));
        }
    }
}
