//! Waiting for the network on one thread, for callers that handle signals themselves.
//!
//! A runtime on this thread drives what is waited for. It lives as long as the wait, so that afterwards no
//! connection, timer or thread is left, or as long as its owner keeps it for several waits.

use crate::error::{Error, ErrorKind, Result};
use std::pin::pin;
use std::time::Duration;

/// How often a wait checks whether to stop.
const SLICE: Duration = Duration::from_millis(20);

/// The waiting program: when to stop waiting, and what to set up while waiting.
///
/// A closure that returns whether to stop is one.
pub trait Interrupt {
    /// Whether to stop waiting; called every 20 ms. The cache keeps what has arrived. This may unwind
    /// instead, because the stack owns everything that the wait holds.
    fn stop(&mut self) -> bool;

    /// Runs a part of the wait. Threads that resolve names and verify files are started within it: a
    /// program that wants to block signals in them does so here.
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
/// [`ErrorKind::Interrupted`], or [`ErrorKind::System`] if no runtime can be created.
pub fn wait<F: Future>(future: F, interrupt: &mut impl Interrupt) -> Result<F::Output> {
    Runtime::new()?.wait(future, interrupt)
}

/// Drives waits. Nothing runs between them, so connections stay open from one to the next, but idle.
/// Dropping it does not wait for threads that resolve names or verify a file.
#[derive(Debug)]
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// # Errors
    /// [`ErrorKind::System`] if no runtime can be created.
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
