//! JSON Lines: one object per line. The file is read twice, first for the columns and their types.

use std::collections::HashMap;

use hither::{ColumnSchema, ColumnType, Key, KeyType, Value};

use crate::{
    Diagnostic, Error, Row, Setting,
    columns::key_type,
    infer::{Evidence, is_rounded, key_from_text, rounds, value_from_text},
    roles::Roles,
    source::Source,
    table::{Rows, Table},
    vector::{self, Lists, shorten},
};

mod objects;
pub mod write;

use objects::{Fields, Objects, has_half, text};

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    source.spool()?;
    let survey = Survey::of(source)?;
    let path = source.path().to_owned();
    let refuse = |reason: Diagnostic| Error::new(&path, reason);
    let vector = match roles.vectors {
        false => None,
        true => {
            let seen = |at: usize| &survey.columns[at];
            // Lists as text are only considered if there are no other lists.
            let no_lists = !survey
                .columns
                .iter()
                .any(|column| column.lists.are_all(survey.rows) && !column.texts);
            let chosen = roles.choose_vector(
                &survey.names,
                |at| seen(at).lists.count > 0,
                |at| seen(at).lists.are_all(survey.rows) && (!seen(at).texts || no_lists),
            );
            Some(chosen.map_err(refuse)?)
        }
    };
    let mut notes = Vec::new();
    let key = survey.key(roles, vector, &mut notes).map_err(refuse)?;
    let mut columns = Vec::new();
    let mut targets = HashMap::new();
    for (at, (name, seen)) in survey.names.iter().zip(&survey.columns).enumerate() {
        let target = if Some(at) == vector {
            Target::Vector
        } else if let Some((_, key_type)) = key.filter(|&(key, _)| key == at) {
            Target::Key(key_type)
        } else {
            let column_type = match roles.type_of(name) {
                Some(wanted) => wanted,
                None => {
                    let inferred = seen.evidence.column_type(ColumnType::Json);
                    seen.evidence.check_digits(name, inferred).map_err(refuse)?;
                    inferred
                }
            };
            columns.push(ColumnSchema { name: name.clone(), column_type });
            let at = columns.len() - 1;
            Target::Column { at, column_type, may_round: roles.may_round(name) }
        };
        targets.insert(name.clone(), target);
    }
    let halves: u64 = survey.columns.iter().map(|seen| seen.halves).sum();
    if halves > 0 {
        let note = format!(
            "{halves} text(s) hold half of a surrogate pair, which is no character and becomes U+FFFD"
        );
        notes.push(note.into());
    }
    let name = |at: usize| survey.names[at].clone();
    let dimensions = vector.map_or(0, |at| survey.columns[at].lists.dimensions);
    Ok(Table {
        rows: Box::new(Reader {
            lines: Objects::open(source)?,
            targets,
            columns: columns.len(),
            dimensions,
            vector: vector.map(name),
            key: key.filter(|&(_, own)| own != KeyType::Uuid).map(|(at, _)| name(at)),
            rounded: 0,
        }),
        count: Some(survey.rows),
        dimensions,
        columns,
        vector_column: vector.map(name),
        key: key.map(|(at, key_type)| (name(at), key_type)),
        notes,
    })
}

/// The result of the first pass.
#[derive(Default)]
struct Survey {
    rows: u64,
    names: Vec<String>,
    columns: Vec<ColumnSurvey>,
}

/// What the first pass found in a column.
#[derive(Default)]
struct ColumnSurvey {
    evidence: Evidence,
    /// The values that were lists of numbers, and whether some of these were text.
    lists: Lists,
    texts: bool,
    /// The number of texts that contain half of a surrogate pair.
    halves: u64,
}

impl Survey {
    fn of(source: &mut Source) -> Result<Self, Error> {
        let mut lines = Objects::open(source)?;
        let mut survey = Self::default();
        let mut numbers_of: HashMap<String, usize> = HashMap::new();
        while let Some(fields) = lines.next()? {
            survey.rows += 1;
            for (name, raw) in &fields.0 {
                let at = match numbers_of.get(name.as_ref()) {
                    Some(&at) => at,
                    None => {
                        let at = survey.names.len();
                        numbers_of.insert(name.to_string(), at);
                        survey.names.push(name.to_string());
                        survey.columns.push(ColumnSurvey::default());
                        at
                    }
                };
                survey.columns[at].note(raw.get());
            }
        }
        if survey.rows == 0 {
            return Err(Error::new(source.path(), "the file is empty"));
        }
        Ok(survey)
    }

    fn key(
        &self,
        roles: &Roles,
        vector: Option<usize>,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<Option<(usize, KeyType)>, Diagnostic> {
        let find = |wanted: &str| self.names.iter().position(|name| name == wanted);
        let usable = |at: usize| {
            let evidence = &self.columns[at].evidence;
            let key_type = match roles.type_of(&self.names[at]) {
                Some(wanted) => key_type(wanted),
                None => evidence.key_type(),
            };
            // A row without a UUID gets a random one, if the key column was named.
            let may_lack = |key_type| key_type == KeyType::Uuid && roles.key_column.is_some();
            key_type
                .filter(|&own| evidence.values() == self.rows || may_lack(own))
                .filter(|_| Some(at) != vector)
        };
        if let Some(wanted) = roles.key_column {
            let at = find(wanted).ok_or_else(|| {
                let all = crate::roles::list(self.names.iter().map(String::as_str));
                format!("there is no column \"{wanted}\"; {all}")
            })?;
            let key_type = usable(at).ok_or_else(|| {
                let reason = format!(
                    "the column \"{wanted}\" cannot be the key: {}; every row needs one, and all must be integers within int64, or all text, or all UUIDs; asked for as text, they are text",
                    self.columns[at].evidence.no_key(self.rows)
                );
                Diagnostic::with(reason, Setting::Type(wanted.into(), ColumnType::Text))
            })?;
            return Ok(Some((at, key_type)));
        }
        for at in roles.key_names().filter_map(find) {
            match usable(at) {
                Some(key_type) => return Ok(Some((at, key_type))),
                None if Some(at) == vector => {}
                None => {
                    let why = self.columns[at].evidence.no_key(self.rows);
                    notes.push(format!("\"{}\" is not the key: {why}", self.names[at]).into());
                }
            }
        }
        Ok(None)
    }
}

impl ColumnSurvey {
    fn note(&mut self, raw: &str) {
        match raw.as_bytes()[0] {
            b'n' => {}
            b't' | b'f' => self.evidence.bool(),
            b'"' => {
                self.halves += u64::from(has_half(raw));
                let text = text(raw);
                self.evidence.text(&text);
                let before = self.lists.count;
                self.lists.note(&text);
                self.texts |= self.lists.count > before;
            }
            b'{' => self.evidence.nested(),
            b'[' => {
                self.evidence.nested();
                self.lists.note(raw);
            }
            _ => self.evidence.number(raw),
        }
    }
}

/// What a field's value is used for.
enum Target {
    Vector,
    Key(KeyType),
    Column { at: usize, column_type: ColumnType, may_round: bool },
}

struct Reader {
    lines: Objects,
    targets: HashMap<String, Target>,
    columns: usize,
    dimensions: usize,
    vector: Option<String>,
    /// The name of the key column, if every row must have a key.
    key: Option<String>,
    rounded: u64,
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        let before = row.attributes.len();
        let path = self.lines.path().to_owned();
        let Some(fields) = self.lines.next()? else { return Ok(false) };
        let (line, name) = (fields.1, self.vector.as_deref());
        row.attributes.resize(before + self.columns, Value::Null);
        let (mut has_vector, mut has_key, mut rounded) = (false, false, 0);
        fill(&fields, &self.targets, |target, raw| {
            match *target {
                Target::Vector => {
                    has_vector = true;
                    let read = vector::parse(&plain(raw), self.dimensions, &mut row.vector);
                    if let Err(reason) = read {
                        let reason = format!("\"{}\" {reason}", name.unwrap_or_default());
                        row.invalid = Some(Error::at_line(&path, line, reason));
                    }
                }
                Target::Key(KeyType::Uuid) if raw == "null" => {}
                Target::Key(key_type) => {
                    row.key = Some(read_key(raw, key_type)?);
                    has_key = true;
                }
                Target::Column { at, column_type, may_round } => {
                    if !may_round && rounds(raw, column_type) {
                        return Err(format!("is {raw}, which float64 would round"));
                    }
                    row.attributes[before + at] = read_value(raw, column_type)?;
                    rounded += u64::from(column_type == ColumnType::Timestamp && is_rounded(raw));
                }
            }
            Ok(())
        })
        .map_err(|reason| Error::at_line(&path, line, reason))?;
        self.rounded += rounded;
        let missing = |name: &str| Error::at_line(&path, line, format!("there is no \"{name}\""));
        match (&self.vector, &self.key) {
            (_, Some(name)) if !has_key => return Err(missing(name)),
            (Some(name), _) if !has_vector => row.invalid = Some(missing(name)),
            _ => {}
        }
        Ok(true)
    }

    fn rounded(&self) -> u64 {
        self.rounded
    }
}

fn fill(
    fields: &Fields,
    targets: &HashMap<String, Target>,
    mut set: impl FnMut(&Target, &str) -> Result<(), String>,
) -> Result<(), Diagnostic> {
    for (name, raw) in &fields.0 {
        let target = targets
            .get(name.as_ref())
            .ok_or("the file was changed while it was read: a column is new")?;
        set(target, raw.get())
            .map_err(|reason| Diagnostic::from(reason).behind(&format!("\"{name}\"")))?;
    }
    Ok(())
}

fn read_key(raw: &str, key_type: KeyType) -> Result<Key, String> {
    key_from_text(&plain(raw), key_type)
        .ok_or_else(|| format!("is {}, and the keys are {}", shorten(raw), key_type.name()))
}

fn read_value(raw: &str, column_type: ColumnType) -> Result<Value, String> {
    match column_type {
        _ if raw == "null" => Ok(Value::Null),
        ColumnType::Json => Ok(Value::Json(raw.to_owned())),
        _ => value_from_text(&plain(raw), column_type).ok_or_else(|| {
            format!("is {}, and the column is {}", shorten(raw), column_type.name())
        }),
    }
}

/// A string without its quotes; anything else unchanged.
fn plain(raw: &str) -> std::borrow::Cow<'_, str> {
    if raw.starts_with('"') { text(raw) } else { raw.into() }
}

#[cfg(test)]
mod tests;
