//! Answers, as programs and people read them.

use crate::failure::Failure;
use crate::recall;
use crate::show;
use hither::{IndexOptions, Key, Value};
use hither_rows::beside;

/// A row of an answer.
pub struct Row {
    /// The number of its file.
    pub file: usize,
    /// Its key among all files.
    pub key: Key,
    pub distance: f32,
    /// Of the columns that are printed.
    pub values: Vec<Value>,
}

/// The columns of a file that are printed.
pub struct Columns {
    pub numbers: Vec<usize>,
    /// What all columns are called beside a key and a distance.
    names: Vec<String>,
}

impl Columns {
    /// Those of a file with these options that are asked for: all, if none are named.
    pub fn new(wanted: Option<&[String]>, options: &IndexOptions) -> Result<Self, Failure> {
        let schema = &options.columns[..];
        let names = beside(schema, &["key", "distance"]);
        let numbers = match wanted {
            None => (0..schema.len()).collect(),
            // What is left of --columns '' is one name without letters.
            Some(wanted) if wanted.iter().all(String::is_empty) => Vec::new(),
            Some(wanted) => {
                // In JSON the second of them would be the value of a name that is there already.
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
