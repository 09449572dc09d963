//! Index files of [`hither`] that are elsewhere: on HTTP servers and in S3.
//!
//! A [`Location`] is what people write; [`Access`] says who asks, and which [`Object`]s a location
//! means to them; a [`Cache`] brings these to this machine, where they are opened as any file.
//!
//! ```no_run
//! use hither_remote::{Access, Cache, CacheOptions, location};
//! use std::time::{Duration, SystemTime};
//!
//! // Whether to stop waiting.
//! let mut interrupt = || false;
//! let location = location::parse("https://example.org/words.hither", None)?;
//! let objects = Access::default().objects(&location, &mut interrupt)?;
//! let cache = Cache::open(CacheOptions {
//!     folder: "cache".into(),
//!     size: 1 << 30,
//!     share: None,
//!     believed: SystemTime::now() - Duration::from_secs(60),
//! })?;
//! for held in cache.bring(&objects, &mut interrupt)? {
//!     let file = hither::IndexFile::open(&held.path)?;
//!     println!("{} rows", file.index().len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What servers answer is believed in nothing: no more is read than was asked for, every checksum
//! is verified before a file has its name, and how often a server is asked has a bound. Redirections
//! lead to names, never to addresses nor to another port of the same host, and never from https to
//! http. Locations hold no secret, and no error shows one.
//!
//! A [`RangeReader`] brings parts of a file, where that is enough; [`Object::pull`] brings it to a place of its own.
//!
//! Nothing outlives a call but files, and the connections of a [`RangeReader`]: a call drives a runtime on its own thread, and whoever has an
//! [`Interrupt`] can end it. Locks and links of files are those of Unix.

mod access;
mod cache;
mod cause;
mod error;
pub mod location;
mod network;
mod note;
mod object;
mod pull;
mod range_reader;
mod secret;
mod transfer;
mod wait;

pub use access::{Access, Keys};
pub use cache::{Cache, CacheOptions, CachedFile, note_use};
pub use error::{Error, ErrorKind, Result};
pub use location::Location;
pub use object::Object;
pub use range_reader::{Opened, RangeOptions, RangeReader, RemoteFile, Traffic};
pub use secret::{Secret, is_endpoint, is_header, is_query, masked};
pub use wait::Interrupt;
