//! A thread that has a file of a server open, and answers one question after another: what is kept of the file, and
//! its connections, stay on one thread. Python's threads wait for answers without the interpreter's lock.

use crate::failure::{Failure, Outcome};
use crate::watch::Watch;
use hither::IndexOptions;
use hither::fetch::LazySearcher;
use hither_remote::{Error, ErrorKind, LazyFile, RangeOptions};
use pyo3::Python;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often Python is asked whether to go on waiting.
const SLICE: Duration = Duration::from_millis(20);

/// Whether nobody waits for the answer any more.
pub type Stop = Arc<AtomicBool>;

type Job = Box<dyn FnOnce(&mut Remote) + Send>;

/// What the thread has open.
pub struct Remote {
    pub file: LazyFile,
    pub searcher: LazySearcher,
}

/// What is known of a file that is open.
#[derive(Clone)]
pub struct Facts {
    pub options: IndexOptions,
    pub rows: u64,
    pub bytes: u64,
    content: u128,
}

/// A file of a server, and who has it open.
pub struct Worker {
    url: String,
    cache_bytes: u64,
    pub facts: Facts,
    /// None once it is closed.
    thread: Mutex<Option<Running>>,
}

/// A thread of this process, or of one that this was forked from.
struct Running {
    process: u32,
    jobs: Sender<Job>,
}

impl Worker {
    /// Opens the file, of which up to so many bytes are kept.
    ///
    /// # Errors
    /// Those of [`LazyFile::open`].
    pub fn open(py: Python<'_>, url: &str, cache_bytes: u64) -> Outcome<Self> {
        let (running, facts) = start(py, url, cache_bytes)?;
        let (url, thread) = (url.into(), Mutex::new(Some(running)));
        Ok(Self { url, cache_bytes, facts, thread })
    }

    /// Where the file is, as it was asked for.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives connections and memory back, once what is asked is answered.
    pub fn close(&self) {
        if let Ok(mut thread) = self.thread.lock() {
            *thread = None;
        }
    }

    /// What a question gives.
    ///
    /// # Errors
    /// `freed` if the file is closed; what Python raises meanwhile; those of `work`.
    pub fn ask<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Remote, &Stop) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let jobs = self.jobs(py)?;
        let (stop, (answer, answers)) = (Stop::default(), mpsc::channel());
        let stopped = stop.clone();
        let job: Job = Box::new(move |remote| {
            // What a question missed that was given up is nobody's any more.
            remote.file.index().settle();
            if !stopped.load(Ordering::Relaxed) {
                // Whoever asked may have left.
                let _ = answer.send(work(remote, &stopped));
            }
        });
        jobs.send(job).map_err(|_| crashed())?;
        wait(py, answers, &stop)
    }

    /// To whom questions go. Threads are not forked: a child opens the file anew.
    fn jobs(&self, py: Python<'_>) -> Outcome<Sender<Job>> {
        let freed = || Failure::new("freed", "the index is closed; open it again");
        {
            let thread = self.thread.lock().map_err(|_| crashed())?;
            let running = thread.as_ref().ok_or_else(freed)?;
            if running.process == process::id() {
                return Ok(running.jobs.clone());
            }
        }
        let (running, facts) = start(py, &self.url, self.cache_bytes)?;
        if facts.content != self.facts.content {
            let message = format!("{}: it was replaced by another file; open it again", self.url);
            return Err(Failure::new("replaced", message));
        }
        let jobs = running.jobs.clone();
        *self.thread.lock().map_err(|_| crashed())? = Some(running);
        Ok(jobs)
    }
}

fn start(py: Python<'_>, url: &str, cache_bytes: u64) -> Outcome<(Running, Facts)> {
    let (access, location) =
        hither_cli::location(url).map_err(|failure| Failure::parameter(failure.message()))?;
    let (stop, (opened, opening)) = (Stop::default(), mpsc::channel());
    let (jobs, asked) = mpsc::channel::<Job>();
    let stopped = stop.clone();
    let run = move || {
        // What sends files whole is no help here.
        let ranges = RangeOptions { most_whole: 0, ..RangeOptions::default() };
        let mut interrupt = || stopped.load(Ordering::Relaxed);
        let file = LazyFile::open(ranges, &access, &location, cache_bytes, &mut interrupt);
        let facts = file.map_err(Failure::from).and_then(|file| Ok((facts(&file)?, file)));
        let mut remote = match facts {
            Ok((facts, file)) => {
                let _ = opened.send(Ok(facts));
                Remote { file, searcher: LazySearcher::new() }
            }
            Err(failure) => {
                let _ = opened.send(Err(failure));
                return;
            }
        };
        for job in asked {
            job(&mut remote);
        }
    };
    let thread = thread::Builder::new().name("hither".into()).spawn(run);
    thread.map_err(|error| Failure::new("io", format!("a thread for {url}: {error}")))?;
    let facts = wait(py, opening, &stop)?;
    Ok((Running { process: process::id(), jobs }, facts))
}

fn facts(file: &LazyFile) -> Outcome<Facts> {
    let index = file.index();
    let (content, bytes) = index.content()?;
    Ok(Facts { options: index.options()?.clone(), rows: index.len()?, bytes, content })
}

/// Waits for an answer, unless Python wants to go on.
fn wait<T: Send>(py: Python<'_>, answers: Receiver<Outcome<T>>, stop: &Stop) -> Outcome<T> {
    let watch = Watch::new(None);
    let answer = py.detach(|| {
        let answers = answers;
        loop {
            match answers.recv_timeout(SLICE) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => return Err(crashed()),
                Err(RecvTimeoutError::Timeout) if watch.stopped() => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(Failure::new("aborted", "interrupted"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    });
    watch.outcome(answer)
}

fn crashed() -> Failure {
    Failure::new("crashed", "who has this index open ended by a bug of ours; open it again")
}

/// With the codes of JavaScript.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ErrorKind as E;
        let code = match error.kind() {
            E::Interrupted => "aborted",
            E::Missing | E::Refused | E::RefusedByS3 | E::NotGiven | E::Elsewhere => "http",
            E::Replaced => "replaced",
            E::Damaged => "corrupt",
            E::NotAnIndex => "not_an_index",
            E::Unsupported | E::NoRanges => "unsupported",
            E::Location
            | E::Secret
            | E::NotAbsolute
            | E::Bucket
            | E::Scheme
            | E::NotOneFile
            | E::Nothing
            | E::NotEncrypted => "invalid_parameter",
            _ => "network",
        };
        let option = if error.kind() == E::NoRanges { " (lazy=False)" } else { "" };
        Self::new(code, format!("{}{option}", hither_cli::Failure::from(error).message()))
    }
}
