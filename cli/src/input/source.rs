//! Where the bytes of an input come from: a file, or a stream (standard input, a pipe) that can be
//! read once. What a format must read twice, or out of order, is copied to a temporary file first.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::InputError;
use crate::interrupt::interrupted;

/// The formats of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Npy,
    Fvecs,
    Bvecs,
    /// JSON Lines: an object a line.
    #[value(alias = "ndjson")]
    Jsonl,
    #[cfg_attr(not(feature = "parquet"), value(hide = true))]
    Parquet,
    /// Attributes alone: tab-separated text.
    Tsv,
}

impl Format {
    /// What can hold vectors, and what attributes.
    pub const OF_VECTORS: [Self; 5] =
        [Self::Npy, Self::Fvecs, Self::Bvecs, Self::Jsonl, Self::Parquet];
    pub const OF_ATTRIBUTES: [Self; 3] = [Self::Jsonl, Self::Parquet, Self::Tsv];

    /// Whether columns have names in it.
    pub fn has_columns(self) -> bool {
        matches!(self, Self::Jsonl | Self::Parquet)
    }

    /// The format that was named, or that the file's name says, if it is one of those `known`.
    pub fn of(path: &Path, named: Option<Self>, known: &[Self]) -> Result<Self, InputError> {
        let extension = extension(path);
        let by_name = match extension.as_str() {
            "npy" => Some(Self::Npy),
            "fvecs" => Some(Self::Fvecs),
            "bvecs" => Some(Self::Bvecs),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            "tsv" => Some(Self::Tsv),
            _ => None,
        };
        if let Some(format) = named.or(by_name).filter(|format| known.contains(format)) {
            return Ok(format);
        }
        let names = if known.contains(&Self::Tsv) {
            ".jsonl, .ndjson, .parquet and .tsv"
        } else {
            ".npy, .fvecs, .bvecs, .jsonl, .ndjson and .parquet"
        };
        let option = if known.contains(&Self::Tsv) { "--attributes-format" } else { "--format" };
        let what = match extension.as_str() {
            _ if named.is_some() => "this format does not go here".to_owned(),
            "json" => {
                return Err(InputError::new(
                    path,
                    "JSON is read as JSON Lines (.jsonl), one object a line; jq -c '.[]' makes them of a list",
                ));
            }
            "npz" => {
                return Err(InputError::new(
                    path,
                    "an .npz archive holds several arrays; save the vectors alone with numpy.save (.npy)",
                ));
            }
            "" if path == Path::new("-") => {
                format!("standard input has no name that says its format; name it with {option}")
            }
            "" => format!("the name has no extension that says the format; name it with {option}"),
            other => format!("the format .{other} is unknown"),
        };
        Err(InputError::new(path, format!("{what}; there are {names}")))
    }
}

/// The ending of a file's name.
pub fn extension(path: &Path) -> String {
    path.extension().and_then(|text| text.to_str()).unwrap_or("").to_ascii_lowercase()
}

/// An open input.
pub struct Source {
    path: PathBuf,
    file: File,
    stream: bool,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let refuse = |error: io::Error| InputError::io(path, &error);
        let standard = path == Path::new("-");
        let mut file =
            if standard { standard_input() } else { File::open(path) }.map_err(refuse)?;
        let metadata = file.metadata().map_err(refuse)?;
        if metadata.is_dir() {
            return Err(InputError::new(path, "this is a folder, not a file"));
        }
        // Of standard input something may have been read already.
        let stream =
            !metadata.is_file() || (standard && !file.stream_position().is_ok_and(|at| at == 0));
        Ok(Self { path: path.to_owned(), file, stream })
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
    pub fn start(&mut self) -> Result<File, InputError> {
        let file = self.file.try_clone().and_then(|mut file| {
            if !self.stream {
                file.seek(SeekFrom::Start(0))?;
            }
            Ok(file)
        });
        file.map_err(|error| InputError::io(&self.path, &error))
    }

    /// From now on it can be read again and in any order.
    pub fn spool(&mut self) -> Result<(), InputError> {
        if self.stream {
            self.file = spool(&self.path, &mut self.file)?;
            self.stream = false;
        }
        Ok(())
    }
}

/// Copies what is left of a stream to a file that has no name, so that nothing can stay behind.
pub fn spool(path: &Path, stream: &mut impl Read) -> Result<File, InputError> {
    copy(stream).map_err(|error| InputError::io(path, &error))
}

fn copy(stream: &mut impl Read) -> io::Result<File> {
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
        if interrupted() {
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
