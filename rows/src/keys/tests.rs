use hither::KeyType;

use super::*;
use crate::{
    Precision,
    testing::{message, scratch},
    write_npy_i64,
};

fn layout(key_type: KeyType) -> Layout {
    Layout { dimensions: 2, precision: Precision::F32, key_type, columns: Vec::new() }
}

#[test]
fn keys_of_every_kind_of_file() {
    let folder = scratch("keys");
    let numbers = [Key::Int64(-5), Key::Int64(7)];
    let texts = [Key::Text("-5".into()), Key::Text("7".into())];
    let array = folder.join("k.npy");
    write_npy_i64(&array, &[-5, 7], 2, 1).unwrap();
    let mut files = vec![array];
    for (name, text) in [
        ("k.txt", "-5\n7\n"),
        ("k", "-5\r\n7"),
        ("k.csv", "x,id\na,-5\nb,7\n"),
        ("k.jsonl", "{\"vector\": [1, 2], \"id\": -5}\n{\"vector\": [1, 2], \"id\": 7}\n"),
    ] {
        files.push(folder.join(name));
        std::fs::write(files.last().unwrap(), text).unwrap();
    }
    for path in &files {
        let read = |key_type| read_keys(path, &layout(key_type), &Options::default());
        assert_eq!(read(KeyType::Int64).unwrap(), numbers, "{}", path.display());
        assert_eq!(read(KeyType::RowNumber).unwrap(), numbers, "{}", path.display());
        assert_eq!(read(KeyType::Text).unwrap(), texts, "{}", path.display());
        assert!(message(read(KeyType::Uuid)).contains("uuid"), "{}", path.display());
    }
}

#[test]
fn what_is_no_key_is_named_with_its_place() {
    let folder = scratch("keys-refused");
    for (name, text, part) in [
        ("a.txt", "1\n\n2\n", "line 2: \"\" is no key, and keys here are int64"),
        ("b.txt", "1\nx\n", "line 2: \"x\" is no key"),
        ("a.csv", "n\n1\n", "none of its columns is taken as the keys: n; name the one"),
        ("b.csv", "id\n1\nx\n", "line 3"),
        ("c.csv", "id,n\n1,2\n,3\n", "\"id\" is not the key: 1 of 2 rows have none"),
        ("a.fvecs", "", ".fvecs is none of them"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let text = message(read_keys(&path, &layout(KeyType::Int64), &Options::default()));
        assert!(text.contains(part), "{text}");
    }
    let named = Options { key_column: Some("n".into()), ..Options::default() };
    let keys = read_keys(&folder.join("a.csv"), &layout(KeyType::Int64), &named).unwrap();
    assert_eq!(keys, [Key::Int64(1)]);
}
