//! The formats of files, and which one a file is in.

use std::{fmt, path::Path, str::FromStr};

use crate::{
    Error,
    diagnostic::{Diagnostic, Setting},
    packed::Packing,
    source::extension,
};

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// NumPy's `.npy`.
    Npy,
    /// NumPy's `.npz`: the vectors, keys and attributes as arrays of one archive.
    Npz,
    /// `.fvecs`: each vector's length, then its values as f32.
    Fvecs,
    /// `.bvecs`: each vector's length, then its values as bytes.
    Bvecs,
    /// `.ivecs`: each vector's length, then its values as i32.
    Ivecs,
    /// `.fbin`: the number of vectors and of dimensions, then the values as f32.
    Fbin,
    /// `.u8bin`: the number of vectors and of dimensions, then the values as unsigned bytes.
    U8bin,
    /// `.i8bin`: the number of vectors and of dimensions, then the values as signed bytes.
    I8bin,
    /// JSON Lines: an object a line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// Arrow's IPC format, as a file (Feather version 2) or a stream.
    Arrow,
    /// Comma-separated text with quotes.
    Csv,
    /// Tab-separated text without quotes.
    Tsv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 13] = [
        Self::Npy,
        Self::Npz,
        Self::Fvecs,
        Self::Bvecs,
        Self::Ivecs,
        Self::Fbin,
        Self::U8bin,
        Self::I8bin,
        Self::Jsonl,
        Self::Csv,
        Self::Tsv,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The name, which is also the file name's ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Fvecs => "fvecs",
            Self::Bvecs => "bvecs",
            Self::Ivecs => "ivecs",
            Self::Fbin => "fbin",
            Self::U8bin => "u8bin",
            Self::I8bin => "i8bin",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
        }
    }

    /// Other names and endings.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Jsonl => &["ndjson"],
            Self::Arrow => &["arrows", "feather", "ipc"],
            _ => &[],
        }
    }

    /// A description, where the name alone says too little.
    pub fn about(self) -> &'static str {
        match self {
            Self::Npz => "Arrays of one archive: the vectors, keys and attributes",
            Self::Jsonl => "JSON Lines: an object a line",
            Self::Arrow => "Arrow's IPC format: Feather version 2, or a stream",
            Self::Csv => {
                "Comma-separated text with quotes; separated by tabs or semicolons where its first line is"
            }
            Self::Tsv => "Tab-separated text without quotes",
            _ => "",
        }
    }

    /// Whether this crate was compiled with support for the format.
    pub fn is_built_in(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow) || cfg!(feature = "parquet")
    }

    /// Whether it is text, which may be compressed with gzip or zstd.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Jsonl | Self::Csv | Self::Tsv)
    }

    /// Whether its parts have names, so that one of them can be the vectors.
    pub fn has_names(self) -> bool {
        self.has_columns() || self == Self::Npz
    }

    /// Whether it is a table, whose columns have names.
    pub fn has_columns(self) -> bool {
        self.is_text() || matches!(self, Self::Parquet | Self::Arrow)
    }

    /// The format of a file of vectors: the given one, else that of the file's name.
    pub(crate) fn of_vectors(path: &Path, named: Option<Self>) -> Result<Self, Error> {
        Self::of(path, named, |_| true, Setting::Format)
    }

    /// The format of a file of attributes, whose parts have names.
    pub(crate) fn of_attributes(path: &Path, named: Option<Self>) -> Result<Self, Error> {
        Self::of(path, named, Self::has_names, Setting::AttributesFormat)
    }

    /// The format that a file's name indicates, compressed or not, if it does.
    pub fn named_by(path: &Path) -> Option<Self> {
        extension(unpacked_name(path).0).parse().ok()
    }

    fn of(
        path: &Path,
        named: Option<Self>,
        fits: fn(Self) -> bool,
        setting: Setting,
    ) -> Result<Self, Error> {
        let (path_unpacked, is_packed) = unpacked_name(path);
        let extension = extension(path_unpacked);
        if let Some(format) = named.or(extension.parse().ok()).filter(|format| fits(*format)) {
            if is_packed && !format.is_text() {
                let reason = format!("only text is read packed, and .{format} is none; unpack it");
                return Err(Error::new(path, reason));
            }
            return Ok(format);
        }
        let names: Vec<String> = Self::ALL
            .into_iter()
            .filter(|format| fits(*format))
            .flat_map(|format| [format.name()].into_iter().chain(format.aliases().iter().copied()))
            .map(|ending| format!(".{ending}"))
            .collect();
        let names = match names.split_last() {
            Some((last, names)) => format!("{} and {last}", names.join(", ")),
            None => String::new(),
        };
        let what = match extension.as_str() {
            _ if named.is_some() => "this format does not go here".to_owned(),
            "json" => {
                return Err(Error::new(
                    path,
                    "JSON is read as JSON Lines (.jsonl), one object a line; jq -c '.[]' makes them of a list",
                ));
            }
            "" if path == Path::new("-") => {
                "standard input has no name that says its format; name it".to_owned()
            }
            "" => "the name has no extension that says the format; name it".to_owned(),
            other => format!("the format .{other} is unknown"),
        };
        let text = format!("{what}; there are {names}");
        Err(Error::new(path, Diagnostic::with(text, setting)))
    }
}

/// A file's name without the ending of a compression, and whether it had one.
fn unpacked_name(path: &Path) -> (&Path, bool) {
    match Packing::named_by(path) {
        Some(_) => (path.file_stem().map_or(path, Path::new), true),
        None => (path, false),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_called = |format: &Self| format.name() == name || format.aliases().contains(&name);
        let found = Self::ALL.into_iter().find(is_called);
        found.ok_or_else(|| {
            format!(
                "there is no format \"{name}\"; there are: {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}
