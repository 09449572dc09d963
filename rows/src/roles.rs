//! Which column of a file is the vector, which the key, and which types were asked for.

use hither::ColumnType;

use crate::{
    Options,
    diagnostic::{Diagnostic, Setting},
};

/// Names of vector columns that need not be given, the first that is there.
pub const VECTOR_NAMES: [&str; 3] = ["vector", "embedding", "embeddings"];

/// Names of key columns that need not be given.
pub const KEY_NAMES: [&str; 2] = ["key", "id"];

/// What a reader of columns looks for in its file.
pub struct Roles<'a> {
    /// Whether the file holds the vectors.
    pub vectors: bool,
    /// Their column, if it was named.
    pub vector_column: Option<&'a str>,
    /// The column of keys, if it was named.
    pub key_column: Option<&'a str>,
    /// Whether a column with the name of a key is one.
    pub key_by_name: bool,
    /// Names for a table of text without a header line.
    pub column_names: Option<&'a [String]>,
    /// Types that were asked for.
    pub column_types: &'a [(String, ColumnType)],
}

impl<'a> Roles<'a> {
    /// In the file of the vectors.
    pub fn of_vectors(options: &'a Options, keys: bool) -> Self {
        Self { vectors: true, key_by_name: keys, ..Self::of_attributes(options, keys) }
    }

    /// In a file of attributes beside it.
    pub fn of_attributes(options: &'a Options, keys: bool) -> Self {
        Self {
            vectors: false,
            vector_column: options.vector_column.as_deref(),
            key_column: options.key_column.as_deref().filter(|_| keys),
            key_by_name: false,
            column_names: options.column_names.as_deref(),
            column_types: &options.column_types,
        }
    }

    /// The type that was asked for.
    pub fn type_of(&self, name: &str) -> Option<ColumnType> {
        self.column_types.iter().find(|(column, _)| column == name).map(|(_, wanted)| *wanted)
    }

    /// Chooses the vector among columns: by name, else the only one for which `all_vectors` holds.
    /// `is_list` says whether a column can be meant at all.
    pub fn choose_vector(
        &self,
        names: &[String],
        is_list: impl Fn(usize) -> bool,
        all_vectors: impl Fn(usize) -> bool,
    ) -> Result<usize, Diagnostic> {
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let all = || list(names.iter().map(String::as_str));
        if let Some(wanted) = self.vector_column {
            let at = find(wanted)
                .ok_or_else(|| format!("there is no column \"{wanted}\"; {}", all()))?;
            return match is_list(at) {
                true => Ok(at),
                false => Err(format!(
                    "the column \"{wanted}\" holds no lists of numbers, so it cannot be the vector; {}",
                    all()
                )
                .into()),
            };
        }
        let by_name = VECTOR_NAMES.into_iter().filter_map(find).find(|&at| is_list(at));
        if let Some(at) = by_name {
            return Ok(at);
        }
        let candidates: Vec<usize> = (0..names.len()).filter(|&at| all_vectors(at)).collect();
        match candidates[..] {
            [only] => Ok(only),
            [] => Err(format!(
                "no column holds a list of numbers of the same length in every row, so none can be the vector; {}",
                all()
            )
            .into()),
            _ => {
                let names: Vec<&str> = candidates.iter().map(|&at| names[at].as_str()).collect();
                let names = names.join(", ");
                let reason = format!("several columns could be the vector: {names}; name one");
                Err(Diagnostic::with(reason, Setting::VectorColumn))
            }
        }
    }
}

/// The columns, for messages.
pub fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "there are no columns".into(),
        1..=20 => format!("there are: {}", names.join(", ")),
        more => format!("there are {more}: {}, …", names[..20].join(", ")),
    }
}
