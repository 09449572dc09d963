//! Column names: default names of vectors and keys, and names that are unique beside an answer's own
//! fields.

use hither::ColumnSchema;

/// Default names of vector columns, in order of preference.
pub const VECTOR_NAMES: [&str; 3] = ["vector", "embedding", "embeddings"];

/// Default names of key columns.
pub const KEY_NAMES: [&str; 2] = ["key", "id"];

/// Names of columns beside names that are already taken: their own, with underscores appended until they
/// are unique. The same rule applies in JavaScript and in Postgres.
pub fn beside(columns: &[ColumnSchema], taken: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    for at in 0..names.len() {
        let mut name = names[at].clone();
        while taken.contains(&name.as_str()) || (name != columns[at].name && names.contains(&name))
        {
            name.push('_');
        }
        names[at] = name;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::beside;
    use hither::{ColumnSchema, ColumnType};

    #[test]
    fn underscores_are_appended_until_a_name_is_free() {
        for (names, expected) in [
            (&["a", "b"][..], &["a", "b"][..]),
            (&["key", "distance"], &["key_", "distance_"]),
            (&["key", "key_", "key__"], &["key___", "key_", "key__"]),
            (&["key_", "key"], &["key_", "key__"]),
            (&["Key"], &["Key"]),
        ] {
            let column =
                |name: &&str| ColumnSchema { name: (*name).into(), column_type: ColumnType::Text };
            let columns: Vec<ColumnSchema> = names.iter().map(column).collect();
            assert_eq!(beside(&columns, &["key", "distance"]), expected);
        }
    }
}
