//! How a backend waits for the network: it has only one thread, and its own handling of signals.

use hither_core::raw::Sink;
use hither_remote::Interrupt;

/// Waiting in this backend. A cancellation, a timeout or the termination of the backend raises an error:
/// the stack unwinds, which drops everything that the wait holds.
pub struct Backend;

impl Interrupt for Backend {
    fn stop(&mut self) -> bool {
        pgrx::check_for_interrupts!();
        false
    }

    fn step<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let _masked = SignalMask::new();
        part()
    }
}

/// A sink that fails when the statement is cancelled, times out, or the backend is terminated.
pub struct InterruptibleSink<'s>(pub &'s mut dyn Sink);

impl Sink for InterruptibleSink<'_> {
    fn begin(&mut self, length: u64) -> hither_core::Result<()> {
        self.0.begin(length)
    }

    fn write(&mut self, bytes: &[u8]) -> hither_core::Result<()> {
        pgrx::check_for_interrupts!();
        self.0.write(bytes)
    }
}

/// Blocks signals as long as it lives, so that threads started meanwhile never receive them: only the
/// backend's own thread may run Postgres's handlers.
pub struct SignalMask(libc::sigset_t);

impl SignalMask {
    pub fn new() -> Self {
        // SAFETY: signal sets are plain data that these calls initialise.
        unsafe {
            let mut all = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGQUIT] {
                libc::sigdelset(&raw mut all, fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
            Self(before)
        }
    }

    /// Delivers the signals that came meanwhile, and lets Postgres act on them.
    pub fn check_for_interrupts(&self) {
        let held = Self(self.0);
        drop(held);
        pgrx::check_for_interrupts!();
        std::mem::forget(Self::new());
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was initialised by `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}

/// Unblocks signals in a new background worker. Its termination then takes effect only where it is safe: as
/// in any backend, at the next check for interrupts.
///
/// # Safety
/// Called first in the main function of a background worker.
pub unsafe fn unblock_signals() {
    type Handler = unsafe extern "C" fn(libc::c_int);
    unsafe extern "C" {
        fn die(signal: libc::c_int);
        #[cfg_attr(feature = "pg18", link_name = "pqsignal_be")]
        fn pqsignal(signal: libc::c_int, handler: Handler);
    }
    // SAFETY: the caller's promise; Postgres's own handler, installed as Postgres does.
    unsafe {
        pqsignal(libc::SIGTERM, die);
        pgrx::pg_sys::BackgroundWorkerUnblockSignals();
    }
}
