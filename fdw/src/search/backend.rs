//! How a backend waits for the network: it has one thread, and its own ideas of signals.

use hither_core::raw::Sink;
use hither_remote::Interrupt;

/// A wait of this backend. A cancel, a timeout or the end of the backend raises its error: the stack
/// unwinds, and with it goes all that the wait holds.
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

/// A sink that a cancel, a timeout or the end of the backend ends, by an error.
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

/// Signals held back while it lives, so that threads begun meanwhile never receive them: only the
/// backend's own thread may run Postgres's handlers.
pub struct SignalMask(libc::sigset_t);

impl SignalMask {
    pub fn new() -> Self {
        // SAFETY: sets of signals are plain data that these calls fill in.
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

    /// Lets signals through that came meanwhile, and Postgres do what they ask for.
    pub fn check_for_interrupts(&self) {
        let held = Self(self.0);
        drop(held);
        pgrx::check_for_interrupts!();
        std::mem::forget(Self::new());
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}

/// Lets signals through in a new background worker, whose end then comes where it can be borne: as in any
/// backend, at the next check for interrupts.
///
/// # Safety
/// Called by the main function of a background worker, before it does anything else.
pub unsafe fn unblock_signals() {
    type Handler = unsafe extern "C" fn(libc::c_int);
    unsafe extern "C" {
        fn die(signal: libc::c_int);
        #[cfg_attr(feature = "pg18", link_name = "pqsignal_be")]
        fn pqsignal(signal: libc::c_int, handler: Handler);
    }
    // SAFETY: the caller's promise; Postgres's own handler, set as Postgres sets it.
    unsafe {
        pqsignal(libc::SIGTERM, die);
        pgrx::pg_sys::BackgroundWorkerUnblockSignals();
    }
}
