//! Runs long work without the interpreter's lock: Python can interrupt it, and is told its progress.

use crate::failure::{Failure, Outcome};
use hither::{ErrorKind, Progress};
use pyo3::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How often Python is called; each call takes the interpreter's lock.
const OFTEN: Duration = Duration::from_millis(30);

/// Checks for interrupts and reports progress. Threads may share it; only the thread that created it calls
/// Python.
pub struct Watch {
    caller: ThreadId,
    progress: Option<Py<PyAny>>,
    stopped: AtomicBool,
    state: Mutex<State>,
}

struct State {
    asked: Instant,
    stage: &'static str,
    raised: Option<PyErr>,
}

impl Watch {
    /// `progress` is called with stage, done and total.
    pub fn new(progress: Option<Py<PyAny>>) -> Self {
        let state = State { asked: Instant::now(), stage: "", raised: None };
        let (stopped, state) = (AtomicBool::new(false), Mutex::new(state));
        Self { caller: thread::current().id(), progress, stopped, state }
    }

    /// Whether the work should stop. Any thread may call this.
    pub fn stopped(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return true;
        }
        if thread::current().id() == self.caller {
            self.ask(None);
        }
        self.stopped.load(Ordering::Relaxed)
    }

    /// Reports the progress of a build.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if it should stop.
    pub fn tell(&self, progress: Progress) -> hither::Result<()> {
        self.ask(Some(progress));
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(ErrorKind::Cancelled.into()),
            false => Ok(()),
        }
    }

    fn ask(&self, progress: Option<Progress>) {
        let Ok(mut state) = self.state.lock() else { return };
        let news = progress.is_some_and(|now| now.stage != state.stage || now.done == now.total);
        if state.asked.elapsed() < OFTEN && !(news && self.progress.is_some()) {
            return;
        }
        if let Some(progress) = progress {
            state.stage = progress.stage;
        }
        let heard = Python::attach(|py| {
            py.check_signals()?;
            if let (Some(call), Some(Progress { stage, done, total })) = (&self.progress, progress)
            {
                call.call1(py, (stage, done, total))?;
            }
            Ok(())
        });
        if let Err(raised) = heard {
            state.raised = Some(raised);
            self.stopped.store(true, Ordering::Relaxed);
        }
        state.asked = Instant::now();
    }

    /// The result of the work, or the exception by which Python ended it.
    ///
    /// # Errors
    /// That exception, or the work's own error.
    pub fn outcome<T>(self, done: Outcome<T>) -> Outcome<T> {
        let raised = self.state.into_inner().ok().and_then(|state| state.raised);
        match raised {
            Some(raised) => Err(Failure::Raised(raised)),
            None => done,
        }
    }
}
