//! Where the bytes of an input come from: a file, or a stream (standard input, a pipe) that can be
//! read once. What a format must read twice, or out of order, is copied to a temporary file first.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::Error;

/// Asked again and again while much is read: whether somebody wants it to end.
pub type Interrupted = fn() -> bool;

/// The ending of a file's name.
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
        // Of standard input something may have been read already.
        let stream =
            !metadata.is_file() || (standard && !file.stream_position().is_ok_and(|at| at == 0));
        Ok(Self { path: path.to_owned(), file, stream, interrupted })
    }

    /// A file that is open, by the name that messages call it.
    pub fn of_file(path: PathBuf, file: File) -> Self {
        Self { path, file, stream: false, interrupted: None }
    }

    /// Its name, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be read once only.
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The bytes from the beginning. What was given before must not be read any more.
    pub fn start(&mut self) -> Result<File, Error> {
        let file = self.file.try_clone().and_then(|mut file| {
            if !self.stream {
                file.seek(SeekFrom::Start(0))?;
            }
            Ok(file)
        });
        file.map_err(|error| Error::io(&self.path, &error))
    }

    /// From now on it can be read again and in any order.
    pub fn spool(&mut self) -> Result<(), Error> {
        if self.stream {
            self.file = self.copied(&mut &self.file)?;
            self.stream = false;
        }
        Ok(())
    }

    /// What is left of a stream of this source, as a file.
    pub fn copied(&self, stream: &mut impl Read) -> Result<File, Error> {
        copy(stream, self.interrupted).map_err(|error| Error::io(&self.path, &error))
    }
}

/// Copies what is left of a stream to a file that has no name, so that nothing can stay behind.
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
