//! The header of an `.npy` file: a Python dictionary with dtype, order and shape.
//!
//! It is parsed by hand: the dictionary has three known keys, and the existing parser for all Python
//! literals brings twenty crates and panics on shapes whose product overflows.

use std::{
    fmt,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use crate::{Error, source::Source};

/// The longest header: NumPy pads headers to 64 bytes, and even a structured dtype with hundreds of fields
/// stays below this.
const LONGEST: usize = 1 << 16;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    /// NumPy's letter: f, i, u, S, U and others.
    pub kind: u8,
    /// The size of an element in bytes.
    pub size: usize,
    /// Whether numbers are stored with their high byte first.
    pub big_endian: bool,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, size, .. } = *self;
        match (kind, size) {
            (b'f', 16) => f.write_str("long doubles (f16)"),
            (b'f', _) => write!(f, "floats of {size} bytes (f{size})"),
            (b'i', _) => write!(f, "integers of {size} bytes (i{size})"),
            (b'u', _) => write!(f, "unsigned integers of {size} bytes (u{size})"),
            (b'b', _) => f.write_str("truth values (bool)"),
            (b'c', _) => write!(f, "complex numbers (c{size})"),
            (b'S', _) => write!(f, "byte strings (S{size})"),
            (b'U', _) => write!(f, "text (U{})", size / 4),
            (b'M' | b'm', _) => f.write_str("dates or durations"),
            _ => write!(f, "elements of dtype {}{size}", char::from(kind)),
        }
    }
}

/// The content of the header.
#[derive(Debug)]
pub struct Header {
    pub dtype: Dtype,
    pub fortran: bool,
    pub shape: Vec<u64>,
    /// The offset of the first element.
    pub data: u64,
}

impl Header {
    /// Opens the file and reads its header; the file is then positioned at the first element.
    pub fn open(source: &mut Source) -> Result<(BufReader<File>, Self), Error> {
        let mut file = BufReader::with_capacity(1 << 17, source.start()?);
        let header = Self::read(&mut file, source.path())?;
        Ok((file, header))
    }

    /// Reads the header of a file that is positioned at its beginning.
    pub fn read(file: &mut impl Read, path: &Path) -> Result<Self, Error> {
        let io = |error| Error::io(path, &error);
        let mut start = Vec::new();
        file.by_ref().take(10).read_to_end(&mut start).map_err(io)?;
        if start.is_empty() {
            return Err(Error::new(path, "the file is empty"));
        }
        if start.len() < 10 || &start[..6] != b"\x93NUMPY" {
            return Err(Error::new(
                path,
                "this is no .npy file (its first bytes are not those of one); write it with numpy.save",
            ));
        }
        let mut length = vec![start[8], start[9]];
        if start[6] > 1 {
            file.by_ref().take(2).read_to_end(&mut length).map_err(io)?;
        }
        let before = 8 + length.len() as u64;
        let length = length.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte));
        if start[6] == 0 || start[6] > 3 || length > LONGEST {
            return Err(Error::new(path, "its header is damaged, or of a later .npy version"));
        }
        let mut text = Vec::new();
        file.by_ref().take(length as u64).read_to_end(&mut text).map_err(io)?;
        if text.len() < length {
            return Err(Error::new(path, "the file ends within its header: it was cut"));
        }
        let mut header = parse(&text).map_err(|reason| Error::new(path, reason))?;
        header.data = before + length as u64;
        Ok(header)
    }

    /// The length of the file in bytes, unless it overflows.
    pub fn length(&self) -> Option<u64> {
        let elements = self
            .shape
            .iter()
            .try_fold(self.dtype.size as u64, |product, &n| product.checked_mul(n));
        elements?.checked_add(self.data)
    }

    /// Checks the file's length against dtype and shape.
    pub fn check_length(&self, path: &Path, file: &BufReader<File>) -> Result<(), Error> {
        let bytes = file.get_ref().metadata().map_err(|error| Error::io(path, &error))?.len();
        let needed = self.length();
        match needed {
            Some(needed) if needed == bytes => Ok(()),
            Some(needed) if needed < bytes => Err(Error::new(
                path,
                format!(
                    "{} bytes follow the array that the header describes, shape {:?}: save one array a file",
                    bytes - needed,
                    self.shape
                ),
            )),
            _ => Err(Error::new(
                path,
                format!(
                    "the file is cut or damaged: its header says shape {:?} of {} bytes each, {} bytes in all, and it has {bytes}",
                    self.shape,
                    self.dtype.size,
                    needed.map_or("more than any file has".into(), |n| n.to_string())
                ),
            )),
        }
    }
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse(text: &[u8]) -> Result<Header, String> {
    let damaged = || String::from("its header is damaged; write the file again with numpy.save");
    let mut text = Text { rest: text };
    let (mut dtype, mut fortran, mut shape) = (None, None, None);
    text.expect(b'{').ok_or_else(damaged)?;
    while text.expect(b'}').is_none() {
        let key = text.string().ok_or_else(damaged)?;
        text.expect(b':').ok_or_else(damaged)?;
        match key {
            b"descr" if text.peek() == Some(b'[') => {
                return Err(
                    "it is a structured array; save the field that holds the vectors alone, array['name']"
                        .into(),
                );
            }
            b"descr" => dtype = Some(parse_dtype(text.string().ok_or_else(damaged)?)?),
            b"fortran_order" => fortran = Some(text.boolean().ok_or_else(damaged)?),
            b"shape" => shape = Some(text.tuple().ok_or_else(damaged)?),
            _ => return Err(damaged()),
        }
        if text.expect(b',').is_none() && text.peek() != Some(b'}') {
            return Err(damaged());
        }
    }
    match (dtype, fortran, shape) {
        (Some(dtype), Some(fortran), Some(shape)) => Ok(Header { dtype, fortran, shape, data: 0 }),
        _ => Err(damaged()),
    }
}

fn parse_dtype(text: &[u8]) -> Result<Dtype, String> {
    let unknown = || format!("its dtype {:?} is unknown", String::from_utf8_lossy(text));
    let (order, kind, size) = match text {
        [order @ (b'<' | b'>' | b'|' | b'='), kind, size @ ..] => (*order, *kind, size),
        [kind, size @ ..] => (b'|', *kind, size),
        [] => return Err(unknown()),
    };
    if kind == b'O' {
        return Err(
            "it holds Python objects (dtype object), which only Python can read; convert it with array.astype('float32'), or astype(str) for keys"
                .into(),
        );
    }
    // The dtype of a date has its unit after the size, `M8[us]`.
    let digits = size.split(|&c| c == b'[').next().unwrap_or_default();
    let size: usize =
        std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or_else(unknown)?;
    let size = if kind == b'U' { size.checked_mul(4).ok_or_else(unknown)? } else { size };
    Ok(Dtype { kind, size, big_endian: order == b'>' })
}

/// The rest of the header's text.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.rest = &self.rest[1..])
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let quote = self.peek().filter(|c| matches!(c, b'\'' | b'"'))?;
        let end = self.rest[1..].iter().position(|&c| c == quote)?;
        let string = &self.rest[1..1 + end];
        self.rest = &self.rest[end + 2..];
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.peek();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Some(value);
            }
        }
        None
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        self.expect(b'(')?;
        while self.expect(b')').is_none() {
            self.peek()?;
            let digits = self.rest.iter().take_while(|c| c.is_ascii_digit()).count();
            let (number, rest) = self.rest.split_at(digits);
            numbers.push(std::str::from_utf8(number).ok()?.parse().ok()?);
            // Python 2 wrote long integers as `3L`.
            self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
            if self.expect(b',').is_none() && self.peek()? != b')' {
                return None;
            }
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries() {
        let header =
            parse(b"{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4L,), }  \n").unwrap();
        assert_eq!(header.dtype, Dtype { kind: b'f', size: 8, big_endian: true });
        assert!(header.fortran);
        assert_eq!(header.shape, [3, 4]);
        for (text, part) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "Python objects"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", "structured"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False}", "damaged"),
            ("{'descr': '<x', 'fortran_order': False, 'shape': ()}", "unknown"),
            ("{'shape': (((((((", "damaged"),
            ("", "damaged"),
        ] {
            let reason = parse(text.as_bytes()).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
