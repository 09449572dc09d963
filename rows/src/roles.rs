//! Which column of a file is the vector, which the key, and which types the options ask for.

use hither::ColumnType;

use crate::{
    Layout, Options,
    diagnostic::{Diagnostic, Setting},
    layout::key_column_type,
    names::{KEY_NAMES, VECTOR_NAMES},
};

/// What a reader of columns looks for in its file.
pub struct Roles<'a> {
    /// Whether the file holds the vectors.
    pub vectors: bool,
    /// The name of the vectors' column, if it was given.
    pub vector_column: Option<&'a str>,
    /// The name of the keys' column, if it was given.
    pub key_column: Option<&'a str>,
    /// Whether a column with a default name of keys is the key.
    pub key_by_name: bool,
    /// Column names for a text table without a header line.
    pub column_names: Option<&'a [String]>,
    /// Types that the options ask for.
    pub column_types: &'a [(String, ColumnType)],
    /// The layout of the index that the rows go to, if any.
    pub layout: Option<&'a Layout>,
}

impl<'a> Roles<'a> {
    /// The roles in the file of the vectors.
    pub fn of_vectors(options: &'a Options, keys: bool) -> Self {
        Self { vectors: true, key_by_name: keys, ..Self::of_attributes(options, keys) }
    }

    /// The roles in a separate file of attributes.
    pub fn of_attributes(options: &'a Options, keys: bool) -> Self {
        Self {
            vectors: false,
            vector_column: options.vector_column.as_deref(),
            key_column: options.key_column.as_deref().filter(|_| keys),
            key_by_name: false,
            column_names: options.column_names.as_deref(),
            column_types: &options.column_types,
            layout: options.layout.as_ref(),
        }
    }

    /// The type that the options ask for, or that the column of this name has in the index.
    pub fn type_of(&self, name: &str) -> Option<ColumnType> {
        let asked = self.column_types.iter().find(|(column, _)| column == name);
        asked.map(|(_, wanted)| *wanted).or_else(|| self.type_in_layout(name))
    }

    /// Whether values of a column may be rounded to its type: only if the options ask for that type.
    pub fn may_round(&self, name: &str) -> bool {
        self.column_types.iter().any(|(column, _)| column == name)
    }

    /// The default names of key columns that apply here: none that is a column of the index.
    pub fn key_names(&self) -> impl Iterator<Item = &'static str> {
        KEY_NAMES.into_iter().filter(|name| self.key_by_name && self.column(name).is_none())
    }

    fn column(&self, name: &str) -> Option<ColumnType> {
        let column = self.layout?.columns.iter().find(|column| column.name == name)?;
        Some(column.column_type)
    }

    fn type_in_layout(&self, name: &str) -> Option<ColumnType> {
        let is_key = self.key_column == Some(name)
            || (self.key_column.is_none() && self.key_names().any(|key| key == name));
        match is_key {
            true => Some(key_column_type(self.layout?.key_type)),
            false => self.column(name),
        }
    }

    /// Chooses the vector among columns: by name, else the only one for which `all_vectors` holds.
    /// `is_list` says whether a column can be chosen at all.
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

/// Lists the columns, for messages.
pub fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "there are no columns".into(),
        1..=20 => format!("there are: {}", names.join(", ")),
        more => format!("there are {more}: {}, …", names[..20].join(", ")),
    }
}
