use std::path::Path;

use hither::{Key, KeyType};

use super::{header::Dtype, keys::Keys, *};
use crate::{
    Input, Options, matrix,
    testing::{damage, drain, message, scratch},
};

/// A file as NumPy writes it.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

fn vectors(path: &Path) -> Result<Vec<Vec<f32>>, Error> {
    Ok(drain(Input::open(path, &Options::default())?)?.into_iter().map(|row| row.vector).collect())
}

#[test]
fn every_dtype_order_and_endianness() {
    let folder = scratch("npy-dtypes");
    let path = folder.join("a.npy");
    let values = [1_i8, -2, 3, 4, 5, -6];
    let expected = vec![vec![1.0, -2.0, 3.0], vec![4.0, 5.0, -6.0]];
    let encode = |kind: &str, value: i8| -> Vec<u8> {
        match kind {
            "f2" => half::f16::from_f32(value.into()).to_le_bytes().into(),
            "f4" => f32::from(value).to_le_bytes().into(),
            "f8" => f64::from(value).to_le_bytes().into(),
            _ => vec![value.cast_unsigned()],
        }
    };
    for kind in ["f2", "f4", "f8", "i1"] {
        for (order, big) in [('<', false), ('>', true)] {
            for fortran in [false, true] {
                let at = if fortran { [0, 3, 1, 4, 2, 5] } else { [0, 1, 2, 3, 4, 5] };
                let mut data = Vec::new();
                for i in at {
                    let mut number = encode(kind, values[i]);
                    if big {
                        number.reverse();
                    }
                    data.extend(number);
                }
                let descr = format!("{order}{kind}");
                std::fs::write(&path, npy(&descr, fortran, "(2, 3)", &data)).unwrap();
                assert_eq!(vectors(&path).unwrap(), expected, "{descr} {fortran}");
            }
        }
    }
    std::fs::write(&path, npy("|u1", false, "(1, 2)", &[0, 255])).unwrap();
    assert_eq!(vectors(&path).unwrap(), [[0.0, 255.0]]);
}

#[test]
fn refusals_say_what_to_do() {
    let folder = scratch("npy-refusals");
    let path = folder.join("a.npy");
    for (bytes, part) in [
        (npy("<f4", false, "(2,)", &[0; 8]), "array[None, :]"),
        (npy("<f4", false, "(1, 1, 2)", &[0; 8]), "3 dimensions [1, 1, 2]"),
        (npy("<f4", false, "()", &[0; 4]), "0 dimensions"),
        (npy("<i8", false, "(1, 1)", &[0; 8]), "astype('float32')"),
        (npy("|O", false, "(1, 1)", &[0; 8]), "Python objects"),
        (npy("<f4", false, "(0, 3)", &[]), "empty: 0 rows"),
        (npy("<f4", false, "(3, 0)", &[]), "of 0 dimensions"),
        (npy("<f4", false, "(2, 2)", &[0; 12]), "cut or damaged"),
        (npy("<f4", false, "(1, 2)", &[0; 12]), "4 bytes follow"),
        (npy("<f4", false, "(4294967296, 4294967296)", &[0; 8]), "more than any file"),
        (Vec::new(), "the file is empty"),
        (b"{\"vector\": [1, 2]}".to_vec(), "no .npy file"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let text = message(vectors(&path));
        assert!(text.contains(part) && text.contains("a.npy"), "{text}");
    }
}

#[test]
fn truncations_and_flips_never_panic() {
    let folder = scratch("npy-damage");
    let bytes = npy("<f4", false, "(2, 3)", &[7; 24]);
    damage(&folder.join("a.npy"), &bytes, |path| vectors(path).map(|rows| rows.len()));
    for path in [folder.join("t.npy")] {
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(vectors(&path).is_err(), "{length}");
        }
    }
}

#[test]
fn integers_of_every_size() {
    for (kind, bytes, expected) in [
        (b'i', &[0xff][..], Some(-1)),
        (b'u', &[0xff], Some(255)),
        (b'i', &[0, 0x80], Some(-32768)),
        (b'u', &[1, 2, 3, 4], Some(0x0403_0201)),
        (b'i', &[0xff; 8], Some(-1)),
        (b'u', &[0xff; 8], None),
    ] {
        let dtype = Dtype { kind, size: bytes.len(), big_endian: false };
        assert_eq!(keys::integer(dtype, bytes), expected);
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        assert_eq!(keys::integer(Dtype { big_endian: true, ..dtype }, &reversed), expected);
    }
}

#[test]
fn keys_are_integers_text_or_uuids() {
    let folder = scratch("npy-keys");
    let path = folder.join("k.npy");
    let read = |bytes: Vec<u8>| -> Result<(KeyType, Vec<Key>), Error> {
        std::fs::write(&path, bytes).unwrap();
        let mut keys = Keys::open(&mut Source::open(&path, None)?, None)?;
        let mut all = Vec::new();
        while let Some(key) = keys.next()? {
            all.push(key);
        }
        Ok((keys.key_type, all))
    };
    let (kind, all) = read(npy("<i2", false, "(2,)", &[5, 0, 0xff, 0xff])).unwrap();
    assert_eq!((kind, all), (KeyType::Int64, vec![Key::Int64(5), Key::Int64(-1)]));
    let (kind, all) = read(npy("|S3", false, "(2, 1)", b"ab\0cde")).unwrap();
    assert_eq!((kind, all), (KeyType::Text, vec![Key::Text("ab".into()), Key::Text("cde".into())]));
    let uuid = "0189d3e4-7c6b-7000-8000-0123456789ab";
    let data: Vec<u8> = uuid.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let (kind, all) = read(npy(">U36", false, "(1,)", &data)).unwrap();
    assert_eq!(kind, KeyType::Uuid);
    assert_eq!(all[0].to_string(), uuid);
    // Integers beyond int64 can be read as text.
    std::fs::write(&path, npy("<u8", false, "(1,)", &[0xff; 8])).unwrap();
    let mut keys =
        Keys::open(&mut Source::open(&path, None).unwrap(), Some(KeyType::Text)).unwrap();
    assert_eq!(keys.key_type, KeyType::Text);
    assert_eq!(keys.next().unwrap(), Some(Key::Text("18446744073709551615".into())));
    for (bytes, part) in [
        (npy("<u8", false, "(1,)", &[0xff; 8]), "row 0 (from 0): the key 18446744073709551615 is"),
        (npy("<u8", false, "(1,)", &[0xff; 8]), "asked for as text"),
        (npy("<f4", false, "(1,)", &[0; 4]), "keys are integers or strings"),
        (npy("<i4", false, "(1, 2)", &[0; 8]), "one a row"),
        (npy("|O", false, "(1,)", &[0; 8]), "astype(str)"),
        (npy("|S0", false, "(100000000000,)", &[]), "keys are integers"),
    ] {
        let text = message(read(bytes));
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn matrices_of_numbers() {
    let folder = scratch("npy-matrix");
    let path = folder.join("t.npy");
    std::fs::write(
        &path,
        npy("<u4", false, "(2, 2)", &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]),
    )
    .unwrap();
    assert_eq!(matrix::read_matrix_i64(&path).unwrap(), (vec![1, 2, 3, 4], 2, 2));
    assert!(message(matrix::read_matrix_f32(&path, None)).contains("u4"));
}
