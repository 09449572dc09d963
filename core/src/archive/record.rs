//! How the manifest's records lie in it: as rkyv 0.8 lays them out, which wrote the first files.
//! Little-endian, aligned and in the order of their fields as C has it. What has no fixed size,
//! lists and texts of more than 8 bytes, lies before the record that points to it, by an offset of
//! 32 bits from where the pointer lies. The outermost record comes last.
//!
//! rkyv itself reads records in place, which a manifest never needs. The tests compare with it.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::slice::Iter;

/// A value that takes `SIZE` bytes at a multiple of `ALIGN`.
pub(crate) trait Record: Sized {
    const SIZE: usize;
    const ALIGN: usize;

    /// Writes what the value points to, and notes where each lies.
    fn write_targets(&self, _out: &mut Vec<u8>, _targets: &mut Vec<usize>) {}

    /// Writes the value; its pointers take the next of `targets`.
    fn write(&self, out: &mut Vec<u8>, targets: &mut Iter<'_, usize>);

    /// Reads a value; where none was written so, any, and the reader is no longer sound.
    fn read(reader: &mut Reader<'_>) -> Self;
}

/// The bytes of a record and of all that it points to.
pub(crate) fn to_bytes(record: &impl Record) -> Vec<u8> {
    let mut out = Vec::new();
    write_all(core::slice::from_ref(record), &mut out);
    out
}

/// The record that lies at the end of these bytes.
pub(crate) fn from_bytes<T: Record>(bytes: &[u8]) -> Option<T> {
    let at = bytes.len().checked_sub(T::SIZE)?;
    let mut reader = Reader { bytes, at, left: bytes.len(), sound: true };
    let record = T::read(&mut reader);
    reader.sound.then_some(record)
}

/// Writes what the records point to, then the records, and gives where these lie.
fn write_all<T: Record>(records: &[T], out: &mut Vec<u8>) -> usize {
    let mut targets = Vec::new();
    for record in records {
        record.write_targets(out, &mut targets);
    }
    align(out, T::ALIGN);
    let place = out.len();
    let mut targets = targets.iter();
    for record in records {
        record.write(out, &mut targets);
    }
    place
}

/// Appends zeros up to a multiple of `alignment`.
pub(crate) fn align(out: &mut Vec<u8>, alignment: usize) {
    out.resize(out.len().next_multiple_of(alignment), 0);
}

/// Writes from here to where the next target lies. The caller of [`to_bytes`] refuses bytes that
/// are too many for it.
fn write_offset(from: usize, out: &mut Vec<u8>, targets: &mut Iter<'_, usize>) {
    let to = targets.next().copied().unwrap_or(from);
    out.extend_from_slice(&(to.wrapping_sub(from) as u32).to_le_bytes());
}

/// Reads records, of which no two share bytes: what points into the same again and again would
/// otherwise make a list as long as a damaged file liked.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many bytes may be read in all.
    left: usize,
    /// Whether all was as it is written. A check at the end instead of one for every field took
    /// half of the code.
    sound: bool,
}

impl<'a> Reader<'a> {
    pub fn align(&mut self, alignment: usize) {
        self.at = self.at.next_multiple_of(alignment);
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let bytes = self.bytes.get(self.at..).and_then(|bytes| bytes.get(..count));
        let Some(bytes) = bytes.filter(|_| count <= self.left) else {
            self.sound = false;
            return &[];
        };
        self.left -= count;
        self.at += count;
        bytes
    }

    /// A number of `size` bytes. Out of line, as it is read in many places.
    #[inline(never)]
    fn number(&mut self, size: usize) -> u64 {
        let bytes = self.take(size).iter().rev();
        bytes.fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    fn word(&mut self) -> u32 {
        self.number(4) as u32
    }

    /// Goes to where an offset that is read here leads from `from`, and gives where it was read.
    fn follow(&mut self, from: usize) -> usize {
        let place = from.checked_add_signed(self.word() as i32 as isize);
        let place = place.filter(|&at| at <= self.bytes.len());
        self.sound &= place.is_some();
        core::mem::replace(&mut self.at, place.unwrap_or(0))
    }
}

macro_rules! number {
    ($($type:ty: $from_bits:expr),*) => {$(
        impl Record for $type {
            const SIZE: usize = size_of::<Self>();
            const ALIGN: usize = size_of::<Self>();

            fn write(&self, out: &mut Vec<u8>, _targets: &mut Iter<'_, usize>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(reader: &mut Reader<'_>) -> Self {
                $from_bits(reader.number(Self::SIZE))
            }
        }
    )*};
}

number!(u8: |n| n as u8, u32: |n| n as u32, u64: |n| n, f32: |n| f32::from_bits(n as u32));

impl Record for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;

    fn write(&self, out: &mut Vec<u8>, _targets: &mut Iter<'_, usize>) {
        out.push(u8::from(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let byte = u8::read(reader);
        reader.sound &= byte <= 1;
        byte == 1
    }
}

/// A tag, and the value where it would lie behind it.
impl<T: Record> Record for Option<T> {
    const SIZE: usize = T::ALIGN + T::SIZE;
    const ALIGN: usize = T::ALIGN;

    fn write_targets(&self, out: &mut Vec<u8>, targets: &mut Vec<usize>) {
        if let Some(value) = self {
            value.write_targets(out, targets);
        }
    }

    fn write(&self, out: &mut Vec<u8>, targets: &mut Iter<'_, usize>) {
        let end = out.len() + Self::SIZE;
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            align(out, T::ALIGN);
            value.write(out, targets);
        }
        out.resize(end, 0);
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let some = bool::read(reader);
        reader.align(T::ALIGN);
        if some {
            return Some(T::read(reader));
        }
        reader.take(T::SIZE);
        None
    }
}

/// An offset and a length.
impl<T: Record> Record for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;

    fn write_targets(&self, out: &mut Vec<u8>, targets: &mut Vec<usize>) {
        targets.push(write_all(self, out));
    }

    fn write(&self, out: &mut Vec<u8>, targets: &mut Iter<'_, usize>) {
        write_offset(out.len(), out, targets);
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let next = reader.follow(reader.at);
        let place = core::mem::replace(&mut reader.at, next);
        let count = reader.word();
        let next = core::mem::replace(&mut reader.at, place);
        let mut list = Self::new();
        while list.len() < count as usize && reader.sound {
            list.push(T::read(reader));
        }
        reader.at = next;
        list
    }
}

/// Up to 8 bytes of UTF-8, filled up with 0xFF; or the length, in whose lowest byte the two highest
/// bits are set to 10 and what was there is moved up, and an offset.
const INLINE: usize = 8;

impl Record for String {
    const SIZE: usize = INLINE;
    const ALIGN: usize = 4;

    fn write_targets(&self, out: &mut Vec<u8>, targets: &mut Vec<usize>) {
        if self.len() > INLINE {
            targets.push(out.len());
            out.extend_from_slice(self.as_bytes());
        }
    }

    fn write(&self, out: &mut Vec<u8>, targets: &mut Iter<'_, usize>) {
        let from = out.len();
        if self.len() > INLINE {
            let length = self.len() as u32;
            let length = length & 0x3F | 0x80 | (length & !0x3F) << 2;
            out.extend_from_slice(&length.to_le_bytes());
            write_offset(from, out, targets);
        } else {
            out.extend_from_slice(self.as_bytes());
            out.resize(from + INLINE, 0xFF);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let from = reader.at;
        let is_inline = reader.bytes.get(from).is_some_and(|byte| byte & 0xC0 != 0x80);
        let text = if is_inline {
            reader.take(INLINE).split(|&byte| byte == 0xFF).next().unwrap_or(&[])
        } else {
            let length = reader.word();
            let next = reader.follow(from);
            let text = reader.take((length & 0x3F | (length & !0xFF) >> 2) as usize);
            reader.at = next;
            text
        };
        let text = core::str::from_utf8(text);
        reader.sound &= text.is_ok();
        text.unwrap_or_default().into()
    }
}

/// Defines records: structs whose fields lie one after another.
macro_rules! records {
    ($(
        $(#[$attribute:meta])*
        struct $name:ident {
            $($(#[$field_attribute:meta])* $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(test, derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize))]
        pub(crate) struct $name {
            $($(#[$field_attribute])* pub $field: $type,)*
        }

        impl $crate::archive::record::Record for $name {
            const SIZE: usize = {
                let mut size = 0_usize;
                $(size = size.next_multiple_of(<$type>::ALIGN) + <$type>::SIZE;)*
                size.next_multiple_of(Self::ALIGN)
            };
            const ALIGN: usize = {
                let mut most = 1;
                $(if <$type>::ALIGN > most { most = <$type>::ALIGN; })*
                most
            };

            fn write_targets(&self, out: &mut Vec<u8>, targets: &mut Vec<usize>) {
                $(self.$field.write_targets(out, targets);)*
            }

            fn write(&self, out: &mut Vec<u8>, targets: &mut core::slice::Iter<'_, usize>) {
                $(
                    $crate::archive::record::align(out, <$type>::ALIGN);
                    self.$field.write(out, targets);
                )*
                $crate::archive::record::align(out, Self::ALIGN);
            }

            fn read(reader: &mut $crate::archive::record::Reader<'_>) -> Self {
                $(
                    reader.align(<$type>::ALIGN);
                    let $field = <$type>::read(reader);
                )*
                reader.align(Self::ALIGN);
                Self { $($field),* }
            }
        }
    )*};
}

pub(crate) use records;
