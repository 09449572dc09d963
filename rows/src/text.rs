//! Writes text, compressed with gzip or zstd if the file's name says so.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use hither::raw::AtomicFile;

use crate::{
    Error,
    packed::Packing,
    sink::{create, failed},
};

/// The default level of zstd.
#[cfg(feature = "parquet")]
const ZSTD_LEVEL: i32 = 3;

/// A text file that only appears when it is complete, compressed as its name says.
pub struct TextFile {
    path: PathBuf,
    packer: Packer,
}

enum Packer {
    Plain(AtomicFile),
    Gzip(BufWriter<GzEncoder<AtomicFile>>),
    #[cfg(feature = "parquet")]
    Zstd(zstd::stream::write::Encoder<'static, AtomicFile>),
}

impl TextFile {
    /// Creates a file.
    ///
    /// # Errors
    /// As for [`create`], or if this build does not support zstd.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let packer = match Packing::named_by(path) {
            None => Packer::Plain(create(path)?),
            Some(Packing::Gzip) => {
                Packer::Gzip(BufWriter::new(GzEncoder::new(create(path)?, Compression::default())))
            }
            #[cfg(feature = "parquet")]
            Some(Packing::Zstd) => {
                let encoder = zstd::stream::write::Encoder::new(create(path)?, ZSTD_LEVEL);
                Packer::Zstd(encoder.map_err(|error| Error::io(path, &error))?)
            }
            #[cfg(not(feature = "parquet"))]
            Some(Packing::Zstd) => return Err(Error::without_parquet(path)),
        };
        Ok(Self { path: path.to_owned(), packer })
    }

    /// Completes the file and renames it to its name.
    pub fn finish(self) -> Result<(), Error> {
        let io = |error: io::Error| Error::io(&self.path, &error);
        let file = match self.packer {
            Packer::Plain(file) => file,
            Packer::Gzip(packer) => {
                let encoder = packer.into_inner().map_err(|error| io(error.into_error()))?;
                encoder.finish().map_err(io)?
            }
            #[cfg(feature = "parquet")]
            Packer::Zstd(encoder) => encoder.finish().map_err(io)?,
        };
        file.finish().map_err(|error| failed(&self.path, error))
    }
}

impl Write for TextFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.packer {
            Packer::Plain(file) => file.write(bytes),
            Packer::Gzip(packer) => packer.write(bytes),
            #[cfg(feature = "parquet")]
            Packer::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.packer {
            Packer::Plain(file) => file.flush(),
            Packer::Gzip(packer) => packer.flush(),
            #[cfg(feature = "parquet")]
            Packer::Zstd(encoder) => encoder.flush(),
        }
    }
}
