//! Random damage: extreme bytes and words, moved ranges, cuts.

use super::format::{Layout, set_length};
use super::random::Random;
use hither::raw::AlignedBytes;

/// Numbers at which arithmetic breaks.
const EXTREMES: [u64; 16] = [
    0,
    1,
    2,
    7,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffc0,
    u64::MAX,
];

/// Damages `bytes` one to four times, and repairs the checksums if `repaired`. Seldom cuts them; returns how
/// many bytes are left.
pub fn damage(
    bytes: &mut AlignedBytes,
    layout: &Layout,
    random: &mut Random,
    repaired: bool,
) -> usize {
    for _ in 0..=random.below(4) {
        edit(bytes.as_mut_slice(), layout, random);
    }
    let mut length = bytes.len();
    if random.below(16) == 0 {
        length = random.below(length);
        if repaired {
            set_length(bytes.as_mut_slice(), length as u64);
        }
    }
    if repaired {
        layout.repair(&mut bytes.as_mut_slice()[..length]);
    }
    length
}

/// One change. Every region is equally likely: the small ones have the most effect.
fn edit(bytes: &mut [u8], layout: &Layout, random: &mut Random) {
    let region = match random.below(3) {
        0 => layout.manifest.clone(),
        _ => layout.regions[random.below(layout.regions.len())].clone(),
    };
    let at = region.start + random.below(region.len());
    match random.below(8) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 | 3 => overwrite(bytes, at & !3, 4, random),
        4 => overwrite(bytes, at & !7, 8, random),
        5 => {
            let length = random.below(64.min(region.end - at)) + 1;
            let value = if random.below(2) == 0 { 0 } else { 0xff };
            bytes[at..at + length].fill(value);
        }
        6 => {
            let other = region.start + random.below(region.len());
            let length = random.below(32.min(region.end - at.max(other))) + 1;
            for n in 0..length {
                bytes.swap(at + n, other + n);
            }
        }
        _ => {
            // From any region: bytes of one section where those of another belong.
            let length = random.below(64.min(region.end - at)) + 1;
            let from = random.below(bytes.len() - length);
            bytes.copy_within(from..from + length, at);
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, size: usize, random: &mut Random) {
    let end = bytes.len().min(at + size);
    let old = u64::from(bytes[at]);
    let value = match random.below(4) {
        0 => random.next(),
        1 => old.wrapping_add(1).wrapping_sub(random.next() & 2),
        _ => EXTREMES[random.below(EXTREMES.len())],
    };
    bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
}
