//! Directories of random keys, sound and damaged.

use super::*;
use crate::random::Random;
use alloc::format;
use alloc::vec;

/// Random short texts, so that many are beginnings of others, in the order of nothing.
fn keys(random: &mut Random) -> Vec<Key> {
    let mut texts: Vec<String> = (0..3_000)
        .map(|number| {
            let mut text = String::new();
            for _ in 0..random.next() % 9 {
                text.push(['a', 'b', '\u{e9}', '\u{10ffff}'][random.next() as usize % 4]);
            }
            if number % 1_000 == 0 { text.repeat(900) } else { text }
        })
        .collect();
    texts.sort();
    texts.dedup();
    texts.reverse();
    texts.into_iter().map(Key::Text).collect()
}

/// The row with this key, as a reader of ranges finds it; the hash of a leaf is not looked at.
fn find(sections: &DirectorySections<Vec<u8>>, rows: u32, key: KeyRef<'_>) -> Result<Option<u32>> {
    let directory = Directory::read(&sections.directory, rows, sections.leaves.len() as u64)?;
    let key = sortable(key);
    let entry = directory.entry(directory.leaf_of(&key)?)?;
    let range = entry.offset as usize..(entry.offset + entry.length) as usize;
    Leaf::new(entry, &sections.leaves[range]).find(&key)
}

#[test]
fn every_key_is_in_its_leaf() {
    let mut random = Random::new(5);
    let text = keys(&mut random);
    let numbers: Vec<Key> =
        [i64::MIN, -1, 0, 1, 255, 256, i64::MAX].into_iter().map(Key::Int64).collect();
    let uuids = (0..2_000_u128).map(|n| Key::Uuid(n.wrapping_mul(1 << 99 | 77).to_be_bytes()));
    for keys in [text, numbers, uuids.collect()] {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        random.shuffle(&mut order);
        let sections = encode_directory(&keys, &order);
        let rows = order.len() as u32;
        for (row, &at) in order.iter().enumerate() {
            let key = keys[at as usize].as_ref();
            assert_eq!(find(&sections, rows, key).unwrap(), Some(row as u32));
        }
    }
    assert!(encode_directory(&[], &[]).directory.is_empty());
}

#[test]
fn keys_that_are_not_there_are_not_found() {
    let mut random = Random::new(6);
    let mut keys = keys(&mut random);
    let left_out: Vec<Key> = keys.iter().step_by(3).cloned().collect();
    keys.retain(|key| !left_out.contains(key));
    let order: Vec<u32> = (0..keys.len() as u32).collect();
    let sections = encode_directory(&keys, &order);
    for key in &left_out {
        assert_eq!(find(&sections, order.len() as u32, key.as_ref()).unwrap(), None);
    }
}

#[test]
fn damage_is_an_error_or_harmless_and_never_a_panic() {
    let mut random = Random::new(7);
    let keys = keys(&mut random);
    let order: Vec<u32> = (0..keys.len() as u32).collect();
    let (sound, rows) = (encode_directory(&keys, &order), order.len() as u32);
    for round in 0..4_000 {
        let mut damaged =
            DirectorySections { directory: sound.directory.clone(), leaves: sound.leaves.clone() };
        let bytes = if round % 2 == 0 { &mut damaged.directory } else { &mut damaged.leaves };
        let at = random.next() as usize % bytes.len();
        match random.next() % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at] = 0xFF,
            2 => bytes.insert(at, 0x80),
            _ => bytes[at] ^= 1 << (random.next() % 8),
        }
        for _ in 0..3 {
            let key = &keys[random.next() as usize % keys.len()];
            let found = find(&damaged, rows, key.as_ref());
            assert!(found.is_err() || found.is_ok_and(|row| row.is_none_or(|row| row < rows)));
        }
    }
    // Numbers that contradict the segment.
    let leaves = sound.leaves.len() as u64;
    for (bytes, rows, leaves) in [
        (&sound.directory[..], rows + 1, leaves),
        (&sound.directory[..], rows, leaves - 1),
        (&sound.directory[..3], rows, leaves),
        (&[0, 0, 0, 0][..], 0, 0),
        (&vec![0xFF; 400][..], rows, leaves),
    ] {
        assert!(Directory::read(bytes, rows, leaves).is_err(), "{}", format!("{rows} {leaves}"));
    }
}
