//! Keys from an `.npy` file of integers or strings, one per row.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

use hither::{ColumnType, Key, KeyType};

use super::{
    each,
    header::{Dtype, Header},
};
use crate::{
    Diagnostic, Error, Setting,
    infer::canonical_uuid,
    source::{Source, extension},
};

/// A file of keys.
pub struct Keys {
    path: PathBuf,
    file: BufReader<File>,
    dtype: Dtype,
    bytes: Vec<u8>,
    row: u64,
    /// The number of keys.
    pub count: u64,
    /// The type of the keys: uuid if all strings are UUIDs in lower case with hyphens.
    pub key_type: KeyType,
}

impl Keys {
    /// Opens keys: shape `[rows]` or `[rows, 1]`, integers of any size, `S` or `U` strings. The type is
    /// inferred unless one is `wanted`.
    pub fn open(source: &mut Source, wanted: Option<KeyType>) -> Result<Self, Error> {
        if !matches!(extension(source.path()).as_str(), "npy" | "") {
            return Err(Error::new(
                source.path(),
                "keys are read from an .npy file of integers or strings, one a row",
            ));
        }
        source.spool()?;
        let (file, header) = Header::open(source)?;
        let path = source.path();
        let count = match header.shape[..] {
            [count] | [count, 1] => count,
            _ => {
                return Err(Error::new(
                    path,
                    format!("it has shape {:?}, and keys are a list, one a row", header.shape),
                ));
            }
        };
        let dtype = header.dtype;
        let key_type = match (dtype.kind, dtype.size) {
            (b'i' | b'u', 1 | 2 | 4 | 8) if wanted == Some(KeyType::Text) => KeyType::Text,
            (b'i' | b'u', 1 | 2 | 4 | 8) => KeyType::Int64,
            (b'S' | b'U', 1..) => KeyType::Text,
            _ => {
                return Err(Error::new(
                    path,
                    format!("it holds {dtype}, and keys are integers or strings"),
                ));
            }
        };
        header.check_length(path, &file)?;
        let mut keys = Self {
            path: path.to_owned(),
            file,
            dtype,
            bytes: vec![0; dtype.size],
            row: 0,
            count,
            key_type,
        };
        // Fields that are longer than a UUID may contain UUIDs, too: only the strings themselves tell.
        if key_type == KeyType::Text && wanted.is_none() && keys.all_uuids()? {
            keys.key_type = KeyType::Uuid;
        }
        let (file, _) = Header::open(source)?;
        Ok(Self { file, row: 0, ..keys })
    }

    fn all_uuids(&mut self) -> Result<bool, Error> {
        while let Some(key) = self.next()? {
            if !matches!(&key, Key::Text(text) if canonical_uuid(text).is_some()) {
                return Ok(false);
            }
        }
        Ok(self.count > 0)
    }

    /// The next key; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Key>, Error> {
        if self.row == self.count {
            return Ok(None);
        }
        self.file.read_exact(&mut self.bytes).map_err(|error| Error::io(&self.path, &error))?;
        let key = match self.dtype.kind {
            b'i' | b'u' if self.key_type == KeyType::Text => {
                Ok(Key::Text(whole(self.dtype, &self.bytes).to_string()))
            }
            b'i' | b'u' => integer(self.dtype, &self.bytes).map(Key::Int64).ok_or_else(|| {
                let number = whole(self.dtype, &self.bytes);
                let reason = format!(
                    "the key {number} is beyond int64; asked for as text it keeps its digits"
                );
                Diagnostic::with(reason, Setting::Type("key".into(), ColumnType::Text))
            }),
            _ => text(self.dtype, &self.bytes)
                .map(|text| match canonical_uuid(&text) {
                    Some(uuid) if self.key_type == KeyType::Uuid => Key::Uuid(uuid),
                    _ => Key::Text(text),
                })
                .ok_or_else(|| "the key is no valid Unicode text".into()),
        };
        self.row += 1;
        key.map(Some).map_err(|reason| Error::at_row(&self.path, self.row - 1, reason))
    }
}

/// An integer of any size and signedness; `None` if it does not fit.
pub fn integer(dtype: Dtype, bytes: &[u8]) -> Option<i64> {
    i64::try_from(whole(dtype, bytes)).ok()
}

/// An integer of any size and signedness.
pub fn whole(dtype: Dtype, bytes: &[u8]) -> i128 {
    let mut little = [0; 8];
    for (to, from) in little.iter_mut().zip(bytes) {
        *to = *from;
    }
    if dtype.big_endian {
        little[..bytes.len()].reverse();
    }
    let unused = 64 - 8 * bytes.len() as u32;
    let number = u64::from_le_bytes(little);
    match dtype.kind {
        b'u' => number.into(),
        _ => ((number << unused).cast_signed() >> unused).into(),
    }
}

/// A string without the zeros that pad its field.
pub fn text(dtype: Dtype, bytes: &[u8]) -> Option<String> {
    if dtype.kind == b'S' {
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        return String::from_utf8(bytes[..length].to_vec()).ok();
    }
    let text: Option<String> =
        each(bytes, dtype).map(|c| char::from_u32(u32::from_le_bytes(c))).collect();
    text.map(|text| text.trim_end_matches('\0').to_owned())
}
