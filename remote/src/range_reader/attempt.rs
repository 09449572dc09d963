//! Requests one range, with retries, and accepts only one version.

use crate::cause::{answered, bad_answer, cause};
use crate::error::{Error, ErrorKind, Result};
use crate::network::{BadAnswer, Piece, READ_TIMEOUT};
use crate::note::Note;
use crate::object::Object;
use object_store::{GetRange, ObjectMeta};
use ring::rand::{SecureRandom, SystemRandom};
use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Timeouts and retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeOptions {
    /// How long a server may take to answer, and between two reads: 30 seconds.
    pub timeout: Duration,
    /// How often a range is requested again after a temporary failure or a cut connection: 3 times.
    pub retries: u32,
    /// The pause before the first retry: 100 ms; it doubles with each further one.
    pub pause: Duration,
    /// How long after the first request retries are made: 10 seconds. If a server asks for a later retry,
    /// there is none.
    pub no_longer: Duration,
    /// Whether pauses are randomly extended by up to a half, so that clients that were cut off together do
    /// not retry together.
    pub jitter: bool,
    /// The largest file in bytes that is accepted whole from a server that sends no ranges: 16 MB.
    pub most_whole: u64,
}

impl Default for RangeOptions {
    fn default() -> Self {
        Self {
            timeout: READ_TIMEOUT,
            retries: 3,
            pause: Duration::from_millis(100),
            no_longer: Duration::from_secs(10),
            jitter: true,
            most_whole: 16_000_000,
        }
    }
}

/// The traffic since a reader was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of requests, including retries.
    pub requests: u64,
    /// The number of bytes received of files.
    pub bytes: u64,
}

/// The result of a request.
pub enum Reply {
    Part { meta: ObjectMeta, bytes: Vec<u8> },
    Whole(Vec<u8>),
}

/// Sends requests with retries.
pub struct Attempts<'r> {
    pub options: &'r RangeOptions,
    pub traffic: &'r Cell<Traffic>,
}

/// A failed request, and when to retry it: never, later, or when the server says.
struct AttemptError {
    error: Error,
    again: Again,
}

enum Again {
    Never,
    Later,
    After(Duration),
}

impl Attempts<'_> {
    /// Requests a range of an object, of this version if one is given.
    pub async fn get(
        &self,
        object: &Object,
        version: Option<&Note>,
        range: Range<u64>,
    ) -> Result<Reply> {
        let (begun, mut pause) = (Instant::now(), self.options.pause);
        for retry in 0.. {
            let AttemptError { error, again } =
                match self.once(object, version, range.clone()).await {
                    Ok(came) => return Ok(came),
                    Err(failed) => failed,
                };
            let wait = match again {
                Again::Never => return Err(error),
                Again::Later => self.jittered(pause),
                // The server asked not to be contacted sooner.
                Again::After(wait) => wait.max(pause),
            };
            if retry >= self.options.retries
                || begun.elapsed().saturating_add(wait) > self.options.no_longer
            {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    async fn once(
        &self,
        object: &Object,
        version: Option<&Note>,
        range: Range<u64>,
    ) -> core::result::Result<Reply, AttemptError> {
        // If the version is known, ranges of it were already read; another version as a whole is of no use.
        let most_whole = if version.is_some() { 0 } else { self.options.most_whole };
        let piece = Piece::new(self.options.timeout, most_whole);
        let mut options = version.map(Note::conditions).unwrap_or_default();
        options.range = Some(GetRange::Bounded(range));
        options.extensions.insert(piece.clone());
        self.count(1, 0);
        let got = object.store.get_opts(&object.path, options).await;
        let got = match got {
            Ok(result) => {
                let meta = result.meta.clone();
                result.bytes().await.map(|bytes| (meta, bytes))
            }
            Err(error) => Err(error),
        };
        let failed = |error, again| Err(AttemptError { error, again });
        match got {
            Ok((meta, _)) if version.is_some_and(|version| !version.is_of(&meta)) => {
                failed(Error::replaced(object.url()), Again::Never)
            }
            Ok((meta, bytes)) => {
                self.count(0, bytes.len());
                Ok(Reply::Part { meta, bytes: bytes.into() })
            }
            Err(error) => {
                if let Some(bytes) = piece.take_whole() {
                    self.count(0, bytes.len());
                    return Ok(Reply::Whole(bytes));
                }
                let again = again(&error);
                failed(meaning(object, version, &error), again)
            }
        }
    }

    fn count(&self, requests: u64, bytes: usize) {
        let Traffic { requests: before, bytes: came } = self.traffic.get();
        let (requests, bytes) = (before + requests, came + bytes as u64);
        self.traffic.set(Traffic { requests, bytes });
    }

    fn jittered(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        if self.options.jitter {
            // Without random bytes the pause is not extended.
            let _ = SystemRandom::new().fill(&mut byte);
        }
        pause + pause * u32::from(byte[0]) / 512
    }
}

/// Translates an error of a request for this version.
fn meaning(object: &Object, version: Option<&Note>, error: &object_store::Error) -> Error {
    let Some(version) = version else { return cause(object.url(), error) };
    match (error, bad_answer(error)) {
        (object_store::Error::Precondition { .. }, _) => Error::replaced(object.url()),
        (_, Some(BadAnswer::Beyond(Some(length)))) if *length != version.length => {
            Error::replaced(object.url())
        }
        (object_store::Error::NotModified { .. }, _) => object.unasked(),
        _ => cause(object.url(), error),
    }
}

/// Whether another attempt may succeed.
fn again(error: &object_store::Error) -> Again {
    match bad_answer(error) {
        Some(BadAnswer::Busy { after: Some(after), .. }) => Again::After(*after),
        Some(BadAnswer::Busy { .. } | BadAnswer::Short { .. } | BadAnswer::Stalled(_)) => {
            Again::Later
        }
        Some(_) => Again::Never,
        None if answered(error) => Again::Never,
        None => match cause("", error).kind() {
            ErrorKind::Cut | ErrorKind::Unreachable => Again::Later,
            _ => Again::Never,
        },
    }
}
