//! The bodies of answers: parts of a file, read at the client's pace.

use futures_util::stream::{self, StreamExt};
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Frame};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Bytes that are read at once.
const PIECE: u64 = 128 << 10;

/// A part of a body.
pub enum Part {
    Text(Bytes),
    OfFile(Range<u64>),
}

impl Part {
    pub fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::OfFile(range) => range.end - range.start,
        }
    }
}

/// Counts the bytes that were sent, and reports them when dropped.
pub struct Tally<F: FnMut(u64)> {
    taken: u64,
    tell: F,
}

impl<F: FnMut(u64)> Tally<F> {
    /// A tally that starts at zero.
    pub fn new(tell: F) -> Self {
        Self { taken: 0, tell }
    }

    fn count(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }
}

impl<F: FnMut(u64)> Drop for Tally<F> {
    fn drop(&mut self) {
        (self.tell)(self.taken);
    }
}

/// A body of these parts. If the file is cut short meanwhile, the body ends with an error and the
/// connection is closed.
pub fn of_parts(
    file: Option<File>,
    parts: impl IntoIterator<Item = Part>,
    mut tally: Tally<impl FnMut(u64) + Send + 'static>,
) -> Body {
    let parts: VecDeque<Part> = parts.into_iter().collect();
    let pieces = stream::try_unfold((file, parts), next);
    let counted = pieces.map(move |piece| {
        let bytes: Bytes = piece?;
        tally.count(bytes.len());
        Ok(Frame::data(bytes))
    });
    StreamBody::new(counted).boxed_unsync()
}

type State = (Option<File>, VecDeque<Part>);

async fn next((file, mut parts): State) -> io::Result<Option<(Bytes, State)>> {
    loop {
        let range = match parts.pop_front() {
            None => return Ok(None),
            Some(Part::Text(text)) => return Ok(Some((text, (file, parts)))),
            Some(Part::OfFile(range)) if range.is_empty() => continue,
            Some(Part::OfFile(range)) => range,
        };
        let Some(file) = file else { return Err(io::ErrorKind::NotFound.into()) };
        let end = range.end.min(range.start + PIECE);
        let read = tokio::task::spawn_blocking(move || read(file, range.start..end));
        let (file, bytes) = read.await.map_err(io::Error::other)??;
        parts.push_front(Part::OfFile(end..range.end));
        return Ok(Some((bytes.into(), (Some(file), parts))));
    }
}

fn read(mut file: File, range: Range<u64>) -> io::Result<(File, Vec<u8>)> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.seek(SeekFrom::Start(range.start))?;
    file.read_exact(&mut bytes)?;
    Ok((file, bytes))
}
