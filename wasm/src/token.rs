//! Values as bytes, to and from JavaScript: `js/token.js` writes and reads the same. A tag, then what
//! it stands for, little-endian; behind the length of a list come its items, behind that of an
//! object a name and a value for each.
//!
//! As values of JavaScript each would be a call, and a place in a table to be given back.

use crate::failure::Outcome;
use alloc::vec::Vec;
use hither::ErrorKind;

/// Integers up to here are exact as JavaScript's numbers.
pub(crate) const SAFE: u64 = (1 << 53) - 1;

/// A value of JavaScript.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// Null or undefined.
    None,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A bigint of 64 bits.
    Integer(i64),
    /// A string.
    Text(&'a str),
    /// A `Uint8Array`.
    Bytes(&'a [u8]),
    /// The value that the row has already.
    Kept,
    /// So many values come next.
    List(usize),
    /// So many names come next, each with its value.
    Object(usize),
    /// Something else, as messages call it.
    Other(&'a str),
}

/// Values that are left to read.
#[derive(Clone, Copy)]
pub struct Tokens<'a>(pub &'a [u8]);

impl<'a> Tokens<'a> {
    /// The next value; none behind the last.
    pub fn read(&mut self) -> Token<'a> {
        let [tag] = self.array();
        match tag {
            1 | 2 => Token::Bool(tag == 2),
            3 => Token::Number(f64::from_le_bytes(self.array())),
            4 => Token::Integer(i64::from_le_bytes(self.array())),
            5 => Token::Text(self.text()),
            6 => Token::Bytes(self.bytes()),
            7 => Token::List(self.count()),
            8 => Token::Object(self.count()),
            9 => Token::Other(self.text()),
            10 => Token::Kept,
            _ => Token::None,
        }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at_checked(count).unwrap_or_default();
        self.0 = rest;
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).first_chunk().copied().unwrap_or([0; N])
    }

    fn count(&mut self) -> usize {
        u32::from_le_bytes(self.array()) as usize
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.count();
        self.take(count)
    }

    fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// Values on their way to JavaScript: how many, then the values.
#[derive(Default)]
pub(crate) struct Writer {
    written: Vec<u8>,
    count: u32,
}

impl Writer {
    /// Begins anew, without what large values took.
    pub fn clear(&mut self) {
        const KEPT: usize = 1 << 20;
        self.written.clear();
        self.written.shrink_to(KEPT);
        self.count = 0;
        self.written.extend_from_slice(&self.count.to_le_bytes());
    }

    /// All of it.
    pub fn as_bytes(&mut self) -> &[u8] {
        if let Some(count) = self.written.first_chunk_mut() {
            *count = self.count.to_le_bytes();
        }
        &self.written
    }

    /// Makes room for a value of so many bytes.
    pub fn reserve(&mut self, bytes: usize) -> Outcome<()> {
        let reserved = self.written.try_reserve(bytes.saturating_add(16));
        reserved.map_err(|_| ErrorKind::OutOfMemory { bytes: bytes as u64 }.into())
    }

    fn tag(&mut self, tag: u8) {
        self.count += 1;
        self.written.push(tag);
    }

    /// Null.
    pub fn none(&mut self) {
        self.tag(0);
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.tag(1 + u8::from(value));
    }

    /// A number.
    pub fn number(&mut self, number: f64) {
        self.tag(3);
        self.written.extend_from_slice(&number.to_le_bytes());
    }

    /// A bigint.
    fn bigint(&mut self, number: i64) {
        self.tag(4);
        self.written.extend_from_slice(&number.to_le_bytes());
    }

    /// A number where that is exact, else a bigint.
    pub fn integer(&mut self, number: i64) {
        if number.unsigned_abs() <= SAFE { self.number(number as f64) } else { self.bigint(number) }
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        self.sized(5, text.as_bytes());
    }

    /// A `Uint8Array`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.sized(6, bytes);
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.tag(tag);
        self.written.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.written.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut written = Writer::default();
        written.clear();
        written.none();
        written.bool(true);
        written.number(-0.5);
        written.integer(SAFE as i64);
        written.integer(-(SAFE as i64) - 1);
        written.text("日本");
        written.bytes(&[0, 255]);
        let (count, bytes) = written.as_bytes().split_first_chunk().unwrap();
        assert_eq!(u32::from_le_bytes(*count), 7);
        let mut tokens = Tokens(bytes);
        for expected in [
            Token::None,
            Token::Bool(true),
            Token::Number(-0.5),
            Token::Number(SAFE as f64),
            Token::Integer(-(SAFE as i64) - 1),
            Token::Text("日本"),
            Token::Bytes(&[0, 255]),
            Token::None,
        ] {
            assert_eq!(tokens.read(), expected);
        }
    }

    #[test]
    fn bytes_that_end_early_are_nothing() {
        for bytes in [&[3, 1][..], &[5, 9, 0, 0, 0, b'a'], &[7], &[77]] {
            let mut tokens = Tokens(bytes);
            for _ in 0..9 {
                assert!(!matches!(tokens.read(), Token::Text("a") | Token::List(1..)));
            }
        }
    }
}
