//! Keys without rows, such as those of rows that are to be removed: a column of a table, a NumPy array, or
//! one key per line.

use std::path::Path;

use hither::{ColumnSchema, ColumnType, Key};

use crate::{
    Error, Format, Layout, Options, Row, Setting, diagnostic::Diagnostic, infer::key_from_text,
    input::open_attributes, layout::key_column_type, lines::Lines, npy, roles::Roles,
    source::Source, vector::shorten,
};

/// Reads keys of rows of an index with this layout, `-` from standard input. In a table they are the column
/// that the options name, else "key" or "id"; in `.npy` the elements. A file whose name indicates no format
/// is text with one key per line.
///
/// # Errors
/// If the file's format cannot contain keys, or a value is not a key of this type; the message has its
/// position.
pub fn read_keys(path: &Path, layout: &Layout, options: &Options) -> Result<Vec<Key>, Error> {
    let mut source = Source::open(path, options.interrupted)?;
    source.spool()?;
    match options.format.or_else(|| Format::named_by(path)) {
        None => lines(&mut source, layout),
        Some(Format::Npy) => elements(&mut source, layout),
        Some(format) if format.has_columns() => column(&mut source, format, layout, options),
        Some(format) => {
            let reason = format!(
                "keys are read from a table, such as .jsonl or .csv, from .npy, or from text with a key a line, and .{format} is none of them"
            );
            Err(Error::new(path, Diagnostic::with(reason, Setting::Format)))
        }
    }
}

fn lines(source: &mut Source, layout: &Layout) -> Result<Vec<Key>, Error> {
    let (mut keys, mut lines) = (Vec::new(), Lines::open(source)?);
    while lines.next()? {
        let text = lines.text()?;
        let key = key_from_text(text, layout.key_type)
            .ok_or_else(|| lines.refuse(no_key(text, layout)))?;
        keys.push(key);
    }
    Ok(keys)
}

fn elements(source: &mut Source, layout: &Layout) -> Result<Vec<Key>, Error> {
    let path = source.path().to_owned();
    let (mut keys, mut list) = (Vec::new(), npy::keys::Keys::open(source, Some(layout.key_type))?);
    while let Some(found) = list.next()? {
        keys.push(as_key(&path, keys.len(), &found, layout)?);
    }
    Ok(keys)
}

fn column(
    source: &mut Source,
    format: Format,
    layout: &Layout,
    options: &Options,
) -> Result<Vec<Key>, Error> {
    let path = source.path().to_owned();
    // The other columns may contain anything.
    let anything = |column: &ColumnSchema| ColumnSchema {
        name: column.name.clone(),
        column_type: ColumnType::Text,
    };
    let columns = layout.columns.iter().map(anything).collect();
    let beside = Layout { columns, ..layout.clone() };
    let roles =
        Roles { key_by_name: true, layout: Some(&beside), ..Roles::of_attributes(options, true) };
    let mut table = open_attributes(source, format, &roles)?;
    if table.key.is_none() {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let notes: String = table.notes.iter().map(|note| format!("; {note}")).collect();
        let reason = format!(
            "none of its columns is taken as the keys: {}; name the one{notes}",
            names.join(", ")
        );
        return Err(Error::new(&path, Diagnostic::with(reason, Setting::KeyColumn)));
    }
    let (mut keys, mut row) = (Vec::new(), Row::default());
    while table.rows.next(&mut row)? {
        row.attributes.clear();
        if let Some(found) = row.key.take() {
            keys.push(as_key(&path, keys.len(), &found, layout)?);
        }
    }
    Ok(keys)
}

/// Converts a key from a file to the index's type of keys.
fn as_key(path: &Path, row: usize, found: &Key, layout: &Layout) -> Result<Key, Error> {
    let text = found.to_string();
    key_from_text(&text, layout.key_type)
        .ok_or_else(|| Error::at_row(path, row as u64, no_key(&text, layout)))
}

fn no_key(text: &str, layout: &Layout) -> String {
    let wanted = key_column_type(layout.key_type).name();
    format!("\"{}\" is no key, and keys here are {wanted}", shorten(text))
}

#[cfg(test)]
mod tests;
