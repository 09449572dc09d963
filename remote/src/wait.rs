//! Waiting for the network on one thread, for callers who handle signals in their own way.
//!
//! Whatever waits is driven by a runtime on this thread that lives as long as the wait, so that afterwards
//! no connection, timer or thread is left; or as long as who keeps one for several waits.

use crate::error::{Error, ErrorKind, Result};
use std::pin::pin;
use std::time::Duration;

/// How often a wait asks whether to stop.
const SLICE: Duration = Duration::from_millis(20);

/// Who waits: what may end a wait, and what must be so while it lasts.
///
/// A closure that tells whether to stop is one.
pub trait Interrupt {
    /// Whether to stop waiting: asked every 20 ms. What arrived until then is kept in the cache.
    /// May unwind instead, as what a wait holds is dropped with the stack.
    fn stop(&mut self) -> bool;

    /// Runs a part of the wait. Threads that look up names and verify files begin within: who wants
    /// them to have other signals than its own sets those here.
    fn step<T>(&mut self, part: impl FnOnce() -> T) -> T {
        part()
    }
}

impl<F: FnMut() -> bool> Interrupt for F {
    fn stop(&mut self) -> bool {
        self()
    }
}

/// Waits for a future.
///
/// # Errors
/// [`ErrorKind::Interrupted`], or [`ErrorKind::System`] where there is no runtime to be had.
pub fn wait<F: Future>(future: F, interrupt: &mut impl Interrupt) -> Result<F::Output> {
    Runtime::new()?.wait(future, interrupt)
}

/// What drives waits: nothing between them, so that connections last from one to the next and rest meanwhile. It
/// ends without waiting for threads that ask for addresses or verify a file.
#[derive(Debug)]
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// # Errors
    /// [`ErrorKind::System`] where there is none to be had.
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::new(ErrorKind::System, format!("could not wait for the network: {error}"))
        })?;
        Ok(Self(Some(runtime)))
    }

    /// Waits for a future.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`].
    pub fn wait<F: Future>(&self, future: F, interrupt: &mut impl Interrupt) -> Result<F::Output> {
        let Some(runtime) = &self.0 else { unreachable!("a runtime runs until it is dropped") };
        let mut future = pin!(future);
        loop {
            let step = interrupt.step(|| {
                runtime.block_on(async { tokio::time::timeout(SLICE, future.as_mut()).await })
            });
            if let Ok(output) = step {
                return Ok(output);
            }
            if interrupt.stop() {
                let message = "stopped while waiting for the network";
                return Err(Error::new(ErrorKind::Interrupted, message));
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
