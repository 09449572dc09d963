//! Prints answers, as JSON and as tables.

use crate::failure::Failure;
use crate::recall;
use crate::show;
use hither::{IndexOptions, Key, Value};
use hither_rows::beside;

/// A row of an answer.
pub struct Row {
    /// The number of its file.
    pub file: usize,
    /// Its key in the union of all files.
    pub key: Key,
    pub distance: f32,
    /// The values of the printed columns.
    pub values: Vec<Value>,
}

/// The columns of a file to print.
pub struct Columns {
    pub numbers: Vec<usize>,
    /// The names of all columns in an answer, beside the key and the distance.
    names: Vec<String>,
}

impl Columns {
    /// The wanted columns of a file with these options; all if none are named.
    pub fn new(wanted: Option<&[String]>, options: &IndexOptions) -> Result<Self, Failure> {
        let schema = &options.columns[..];
        let names = beside(schema, &["key", "distance"]);
        let numbers = match wanted {
            None => (0..schema.len()).collect(),
            // `--columns ''` is parsed as one empty name.
            Some(wanted) if wanted.iter().all(String::is_empty) => Vec::new(),
            Some(wanted) => {
                // In JSON, a duplicate would be a second member with the same name.
                let mut numbered = wanted.iter().enumerate();
                if let Some((_, name)) = numbered.find(|(at, name)| wanted[..*at].contains(name)) {
                    return Err(format!("--columns names \"{name}\" twice; leave one out").into());
                }
                wanted.iter().map(|name| options.column(name)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { numbers, names })
    }
}

/// Appends a line of JSON.
pub fn json(
    text: &mut String,
    number: usize,
    found: &[Row],
    columns: &[Columns],
    reached: Option<f32>,
) {
    let rows: Vec<String> = found
        .iter()
        .map(|row| {
            let Columns { numbers, names } = &columns[row.file];
            let names = numbers.iter().map(|&column| names[column].as_str());
            let values = row.values.iter().map(Value::as_ref);
            show::row_json(row.key.as_ref(), row.distance, names.zip(values))
        })
        .collect();
    let reached = reached.map_or(String::new(), |recall| {
        format!(",\"reached_recall\":{}", recall::rounded_down(recall))
    });
    let answer = format!("{{\"query\":{number},\"results\":[{}]{reached}}}", rows.join(","));
    text.push_str(&show::printable_json(&answer));
    text.push('\n');
}

/// Appends a table.
pub fn table(text: &mut String, found: &[Row]) {
    if found.is_empty() {
        text.push_str("no rows\n");
    }
    for (place, Row { key, distance, values, .. }) in found.iter().enumerate() {
        let key = key.as_ref().to_string();
        let key = show::printable(&key);
        text.push_str(&format!("{:>3}  {distance:<10.6} {key}", place + 1));
        for value in values {
            let value = show::value_text(value.as_ref());
            text.push_str("  ");
            text.push_str(&show::printable(&value.replace(['\n', '\r', '\t'], " ")));
        }
        text.push('\n');
    }
}
