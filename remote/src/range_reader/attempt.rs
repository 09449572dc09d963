//! Asking for one part, again where a server stumbles, and believing one version alone.

use crate::cause::{answered, cause, wrong};
use crate::error::{Error, ErrorKind, Result};
use crate::network::{Piece, READ_TIMEOUT, Wrong};
use crate::note::Note;
use crate::object::Object;
use object_store::{GetRange, ObjectMeta};
use ring::rand::{SecureRandom, SystemRandom};
use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long servers are waited for, and how often they are asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeOptions {
    /// How long a server may take to answer, and to send the next bytes: 30 seconds.
    pub timeout: Duration,
    /// How often a part is asked for again where the server stumbles or the connection is cut: 3 times.
    pub retries: u32,
    /// How long is waited before the first of these: 100 ms, twice as long before each further one.
    pub pause: Duration,
    /// How long after the first time a part is still asked for again: 10 seconds. A server that wants to be asked
    /// later than that is not.
    pub no_longer: Duration,
    /// Whether pauses are longer by up to a half, so that many who were cut at once do not ask again at once.
    pub jitter: bool,
    /// Most bytes of a file that is taken whole, of a server that sends no parts: 16 MB.
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

/// What was asked for and came, since a reader was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, those that were repeated too.
    pub requests: u64,
    /// Bytes of files that came.
    pub bytes: u64,
}

/// What came.
pub enum Came {
    Part { meta: ObjectMeta, bytes: Vec<u8> },
    Whole(Vec<u8>),
}

/// Asks by some options.
pub struct Attempts<'r> {
    pub options: &'r RangeOptions,
    pub traffic: &'r Cell<Traffic>,
}

/// What failed, and when to try again: never, later, or as the server says.
struct Failed {
    error: Error,
    again: Again,
}

enum Again {
    Never,
    Later,
    After(Duration),
}

impl Attempts<'_> {
    /// A part of an object, of this version where one is known.
    pub async fn get(
        &self,
        object: &Object,
        version: Option<&Note>,
        range: Range<u64>,
    ) -> Result<Came> {
        let (begun, mut pause) = (Instant::now(), self.options.pause);
        for retry in 0.. {
            let Failed { error, again } = match self.once(object, version, range.clone()).await {
                Ok(came) => return Ok(came),
                Err(failed) => failed,
            };
            let wait = match again {
                Again::Never => return Err(error),
                Again::Later => self.jittered(pause),
                // Sooner is what it asks not to be asked.
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
    ) -> core::result::Result<Came, Failed> {
        // Who knows a version has parts of it, to which the whole of another is no answer.
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
        let failed = |error, again| Err(Failed { error, again });
        match got {
            Ok((meta, _)) if version.is_some_and(|version| !version.is_of(&meta)) => {
                failed(Error::replaced(object.url()), Again::Never)
            }
            Ok((meta, bytes)) => {
                self.count(0, bytes.len());
                Ok(Came::Part { meta, bytes: bytes.into() })
            }
            Err(error) => {
                if let Some(bytes) = piece.take_whole() {
                    self.count(0, bytes.len());
                    return Ok(Came::Whole(bytes));
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
            // Without chance it is not longer.
            let _ = SystemRandom::new().fill(&mut byte);
        }
        pause + pause * u32::from(byte[0]) / 512
    }
}

/// What an error says of the version that is wanted.
fn meaning(object: &Object, version: Option<&Note>, error: &object_store::Error) -> Error {
    let Some(version) = version else { return cause(object.url(), error) };
    match (error, wrong(error)) {
        (object_store::Error::Precondition { .. }, _) => Error::replaced(object.url()),
        (_, Some(Wrong::Beyond(Some(length)))) if *length != version.length => {
            Error::replaced(object.url())
        }
        (object_store::Error::NotModified { .. }, _) => object.unasked(),
        _ => cause(object.url(), error),
    }
}

/// Whether another attempt may go better.
fn again(error: &object_store::Error) -> Again {
    match wrong(error) {
        Some(Wrong::Busy { after: Some(after), .. }) => Again::After(*after),
        Some(Wrong::Busy { .. } | Wrong::Short { .. } | Wrong::Stalled(_)) => Again::Later,
        Some(_) => Again::Never,
        None if answered(error) => Again::Never,
        None => match cause("", error).kind() {
            ErrorKind::Cut | ErrorKind::Unreachable => Again::Later,
            _ => Again::Never,
        },
    }
}
