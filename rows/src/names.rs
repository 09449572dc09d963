//! The names of columns: names that say what a column is, and names of columns in an answer, which has
//! fields of its own.

use hither::ColumnSchema;

/// Names of vector columns that need not be given, the first that is there.
pub const VECTOR_NAMES: [&str; 3] = ["vector", "embedding", "embeddings"];

/// Names of key columns that need not be given.
pub const KEY_NAMES: [&str; 2] = ["key", "id"];

/// Names under which columns appear where some are taken: their own, with underscores appended to
/// one that is taken until it is free. The same rule holds in JavaScript and in Postgres.
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
