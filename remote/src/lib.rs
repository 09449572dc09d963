//! Remote index files of [`hither`]: on HTTP servers and in S3.
//!
//! A [`Location`] is what users write; [`Access`] has the credentials, and finds the [`Object`]s at a
//! location; a [`Cache`] downloads these to this machine, where they are opened like any file.
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
//!     trusted_since: SystemTime::now() - Duration::from_secs(60),
//! })?;
//! for held in cache.bring(&objects, &mut interrupt)? {
//!     let file = hither::IndexFile::open(&held.path)?;
//!     println!("{} rows", file.index().len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Servers are not trusted: no more is read than was requested, every checksum is verified before a file
//! gets its name, and the number of requests is bounded. Redirections are followed to host names only,
//! never to addresses, to another port of the same host, or from https to http. Locations contain no
//! secrets, and errors show none.
//!
//! A [`RangeReader`] reads ranges of a file, where these suffice; a [`LazyFile`] searches an index file that way;
//! [`Object::pull`] downloads a file to a given place.
//!
//! Nothing outlives a call except files, and the connections of a [`RangeReader`]: a call drives a runtime
//! on its own thread, and its [`Interrupt`] can end it. File locks and links are those of Unix.

mod access;
mod cache;
mod cause;
mod error;
mod lazy_file;
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
pub use lazy_file::{LazyFile, LazyTraffic};
pub use location::Location;
pub use object::Object;
pub use range_reader::{Opened, RangeOptions, RangeReader, RemoteFile, Traffic};
pub use secret::{Secret, is_endpoint, is_header, is_query, masked};
pub use wait::Interrupt;
