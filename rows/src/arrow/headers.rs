//! Reads only the headers of messages: the number of rows, and whether all lengths are plausible for a file
//! of this size, before anything of that length is allocated.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use arrow_ipc::{Block, MessageHeader, root_as_footer, root_as_message};

use crate::Error;

/// The first bytes of a file, and its last.
pub const MAGIC: &[u8] = b"ARROW1";

/// Compressed buffers that decompress to at most this size are accepted whatever their ratio.
const PLAUSIBLE: u64 = 1 << 31;

/// The greatest compression ratio of larger ones.
const RATIO: u64 = 1000;

/// The messages of a file or a stream.
pub struct Headers<'a> {
    path: &'a Path,
    file: BufReader<File>,
    length: u64,
}

impl<'a> Headers<'a> {
    /// The headers of an open file; messages call it `path`.
    pub fn open(path: &'a Path, file: File) -> Result<Self, Error> {
        let length = file.metadata().map_err(|error| Error::io(path, &error))?.len();
        Ok(Self { path, file: BufReader::new(file), length })
    }

    /// The number of rows in a stream's batches.
    pub fn rows_of_stream(&mut self) -> Result<u64, Error> {
        let (mut rows, mut at) = (0_u64, 0);
        while at < self.length {
            let Some((header, from)) = self.header(at)? else { break };
            let (count, end) = self.message(&header, from)?;
            rows = rows.checked_add(count).ok_or_else(|| self.damaged())?;
            at = end;
        }
        Ok(rows)
    }

    /// The number of rows in the batches that a file's footer lists.
    pub fn rows_of_file(&mut self) -> Result<u64, Error> {
        // The footer is followed by its length and the magic.
        let end = self.length.checked_sub(4 + MAGIC.len() as u64).ok_or_else(|| self.damaged())?;
        let length = i32::from_le_bytes(self.bytes(end, 4)?.try_into().unwrap_or_default());
        let length = u64::try_from(length).ok().filter(|&length| length <= end);
        let length = length.ok_or_else(|| self.damaged())?;
        let bytes = self.bytes(end - length, length)?;
        let footer = root_as_footer(&bytes).map_err(|_| self.damaged())?;
        let mut rows = 0_u64;
        for block in footer.dictionaries().into_iter().flatten() {
            self.block(block)?;
        }
        for block in footer.recordBatches().into_iter().flatten() {
            let count = self.block(block)?;
            rows = rows.checked_add(count).ok_or_else(|| self.damaged())?;
        }
        Ok(rows)
    }

    /// The number of rows in a message that a footer lists.
    fn block(&mut self, block: &Block) -> Result<u64, Error> {
        let parts = [block.offset(), block.metaDataLength().into(), block.bodyLength()];
        let parts = parts.map(|part| u64::try_from(part).ok());
        let [Some(offset), Some(header), Some(body)] = parts else { return Err(self.damaged()) };
        let end = offset.checked_add(header).and_then(|end| end.checked_add(body));
        if end.is_none_or(|end| end > self.length) {
            return Err(self.damaged());
        }
        let (header, from) = self.header(offset)?.ok_or_else(|| self.damaged())?;
        Ok(self.message(&header, from)?.0)
    }

    /// The header of the message at an offset, and the offset of its end; `None` at the end of the stream.
    fn header(&mut self, at: u64) -> Result<Option<(Vec<u8>, u64)>, Error> {
        let word = |bytes: Vec<u8>| i32::from_le_bytes(bytes.try_into().unwrap_or_default());
        let (mut length, mut from) = (word(self.bytes(at, 4)?), at + 4);
        if length == -1 {
            // Since version 0.15 the length is preceded by a word of ones.
            (length, from) = (word(self.bytes(from, 4)?), from + 4);
        }
        if length == 0 {
            return Ok(None);
        }
        let length = u64::try_from(length).map_err(|_| self.damaged())?;
        Ok(Some((self.bytes(from, length)?, from + length)))
    }

    /// The number of rows in a message, and the end of its body, which begins at `from`.
    fn message(&mut self, header: &[u8], from: u64) -> Result<(u64, u64), Error> {
        let message = root_as_message(header).map_err(|_| self.damaged())?;
        let body = u64::try_from(message.bodyLength()).map_err(|_| self.damaged())?;
        if body > self.length.saturating_sub(from) {
            return Err(self.damaged());
        }
        let (batch, rows) = match message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch().ok_or_else(|| self.damaged())?;
                let rows = u64::try_from(batch.length()).map_err(|_| self.damaged())?;
                (Some(batch), rows)
            }
            MessageHeader::DictionaryBatch => {
                (message.header_as_dictionary_batch().and_then(|batch| batch.data()), 0)
            }
            _ => (None, 0),
        };
        let packed = batch.filter(|batch| batch.compression().is_some());
        for buffer in packed.and_then(|batch| batch.buffers()).into_iter().flatten() {
            let parts = [buffer.offset(), buffer.length()].map(|part| u64::try_from(part).ok());
            let [Some(offset), Some(length)] = parts else { return Err(self.damaged()) };
            if offset.checked_add(length).is_none_or(|end| end > body) {
                return Err(self.damaged());
            }
            if length < 8 {
                continue;
            }
            let unpacked = self.bytes(from + offset, 8)?.try_into().unwrap_or_default();
            // Negative if a buffer is not compressed.
            let unpacked = u64::try_from(i64::from_le_bytes(unpacked)).unwrap_or(0);
            if unpacked > PLAUSIBLE && unpacked / RATIO > length {
                return Err(self.damaged());
            }
        }
        Ok((rows, from + body))
    }

    /// Reads `length` bytes at an offset, if the file has them.
    fn bytes(&mut self, at: u64, length: u64) -> Result<Vec<u8>, Error> {
        if length > self.length.saturating_sub(at) {
            return Err(self.damaged());
        }
        let io = |error: io::Error| Error::io(self.path, &error);
        self.file.seek(SeekFrom::Start(at)).map_err(io)?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    fn damaged(&self) -> Error {
        Error::new(self.path, "it cannot be read as Arrow, or is damaged or cut")
    }
}
