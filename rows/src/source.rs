//! The source of an input's bytes: a file, or a stream (standard input, a pipe) that can be read only once.
//! If a format must be read twice, or out of order, the stream is first copied to a temporary file.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::Error;

/// Called regularly during long reads: returns whether to stop.
pub type Interrupted = fn() -> bool;

/// The extension of a file's name, in lower case.
pub fn extension(path: &Path) -> String {
    path.extension().and_then(|text| text.to_str()).unwrap_or("").to_ascii_lowercase()
}

/// An open input.
pub struct Source {
    path: PathBuf,
    file: File,
    stream: bool,
    interrupted: Option<Interrupted>,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path, interrupted: Option<Interrupted>) -> Result<Self, Error> {
        let refuse = |error: io::Error| Error::io(path, &error);
        let standard = path == Path::new("-");
        let mut file =
            if standard { standard_input() } else { File::open(path) }.map_err(refuse)?;
        let metadata = file.metadata().map_err(refuse)?;
        if metadata.is_dir() {
            return Err(Error::new(path, "this is a folder, not a file"));
        }
        // Some of standard input may have been read already.
        let stream =
            !metadata.is_file() || (standard && !file.stream_position().is_ok_and(|at| at == 0));
        Ok(Self { path: path.to_owned(), file, stream, interrupted })
    }

    /// An open file; messages call it `path`.
    pub fn of_file(path: PathBuf, file: File) -> Self {
        Self { path, file, stream: false, interrupted: None }
    }

    /// The name, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be read only once.
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The bytes from the beginning. Files that were returned before must no longer be read.
    pub fn start(&mut self) -> Result<File, Error> {
        let file = self.file.try_clone().and_then(|mut file| {
            if !self.stream {
                file.seek(SeekFrom::Start(0))?;
            }
            Ok(file)
        });
        file.map_err(|error| Error::io(&self.path, &error))
    }

    /// Makes it possible to read it again and in any order.
    pub fn spool(&mut self) -> Result<(), Error> {
        if self.stream {
            self.file = self.copied(&mut &self.file)?;
            self.stream = false;
        }
        Ok(())
    }

    /// Copies the rest of a stream of this source to a file.
    pub fn copied(&self, stream: &mut impl Read) -> Result<File, Error> {
        copy(stream, self.interrupted).map_err(|error| Error::io(&self.path, &error))
    }
}

/// Copies the rest of a stream to an unnamed file, so that nothing can be left behind.
fn copy(stream: &mut impl Read, interrupted: Option<Interrupted>) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut bytes = vec![0; 1 << 20];
    loop {
        let read = match stream.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Ok(0) => {
                file.seek(SeekFrom::Start(0))?;
                return Ok(file);
            }
            read => read?,
        };
        if interrupted.is_some_and(|asked| asked()) {
            return Err(io::Error::other("interrupted"));
        }
        file.write_all(&bytes[..read])?;
    }
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().map(File::from)
}
