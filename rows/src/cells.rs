//! Tables of text, in which only the values tell the types. They are read twice, first to infer these.
//!
//! An empty cell is null.

use hither::{ColumnSchema, ColumnType, KeyType, Value};

use crate::{
    Diagnostic, Error, Row, Setting,
    columns::key_type,
    infer::{Evidence, is_rounded, key_from_text, rounds, value_from_text},
    roles::{Roles, list},
    source::Source,
    table::{Rows, Table},
    vector::{self, Lists},
};

/// The rows of a table.
pub trait Cells: Send {
    /// Reads a row; false at the end.
    fn next(&mut self) -> Result<bool, Error>;

    /// The number of cells in the row that was read last.
    fn count(&self) -> usize;

    /// Calls `cell` for each of its cells, with the cell's number from 0.
    fn each(
        &self,
        take: &mut dyn FnMut(usize, &str) -> Result<(), Diagnostic>,
    ) -> Result<(), Error>;

    /// The error for the row that was read last.
    fn refuse(&self, reason: Diagnostic) -> Error;

    /// The format's rule about fields, for the error about a row with too many or too few cells.
    fn rule(&self) -> &'static str;
}

/// Begins to read a table.
pub type Begin = fn(&mut Source) -> Result<Box<dyn Cells>, Error>;

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles, begin: Begin) -> Result<Table, Error> {
    source.spool()?;
    let path = source.path().to_owned();
    let refuse = |reason: Diagnostic| Error::new(&path, reason);
    let mut rows = begin(source)?;
    let names = names(&mut *rows, roles, &refuse)?;
    let survey = Survey::of(&mut *rows, names.len())?;
    if roles.vectors && survey.rows == 0 {
        return Err(refuse("it has no rows".into()));
    }
    let vector = match roles.vectors {
        false => None,
        true => {
            let lists = |at: usize| &survey.columns[at].lists;
            let all = |at: usize| lists(at).are_all(survey.rows);
            Some(roles.choose_vector(&names, |at| lists(at).count > 0, all).map_err(refuse)?)
        }
    };
    let mut notes = Vec::new();
    let key = survey.key(roles, &names, vector, &mut notes).map_err(refuse)?;
    let (mut targets, mut columns) = (Vec::new(), Vec::new());
    for (at, (name, seen)) in names.iter().zip(&survey.columns).enumerate() {
        targets.push(if Some(at) == vector {
            Target::Vector
        } else if let Some((_, key_type)) = key.filter(|&(key, _)| key == at) {
            Target::Key(key_type)
        } else {
            let inferred = seen.evidence.column_type(ColumnType::Text);
            let wanted = roles.type_of(name);
            if wanted.is_none() {
                seen.evidence.check_digits(name, inferred).map_err(refuse)?;
            }
            let column_type = wanted.unwrap_or(inferred);
            columns.push(ColumnSchema { name: name.clone(), column_type });
            Target::Column { column_type, may_round: roles.may_round(name) }
        });
    }
    let dimensions = vector.map_or(0, |at| survey.columns[at].lists.dimensions);
    let mut rows = begin(source)?;
    if roles.column_names.is_none() {
        rows.next()?;
    }
    Ok(Table {
        count: Some(survey.rows),
        dimensions,
        columns,
        vector_column: vector.map(|at| names[at].clone()),
        key: key.map(|(at, key_type)| (names[at].clone(), key_type)),
        notes,
        rows: Box::new(Reader { rows, names, targets, dimensions, rounded: 0 }),
    })
}

/// The names of the columns: those of the options, else those of the first row.
fn names(
    rows: &mut dyn Cells,
    roles: &Roles,
    refuse: &impl Fn(Diagnostic) -> Error,
) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    match roles.column_names {
        Some(given) => names = given.to_vec(),
        None if rows.next()? => rows.each(&mut |_, name| {
            names.push(name.trim().into());
            Ok(())
        })?,
        None => {
            return Err(refuse("the file is empty; its first line names the columns".into()));
        }
    }
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || names[..at].contains(name) {
            let reason = format!(
                "column {} is called \"{name}\", and names must be there and differ; if the first line is a row, name the columns",
                at + 1
            );
            return Err(refuse(Diagnostic::with(reason, Setting::ColumnNames)));
        }
    }
    Ok(names)
}

/// Passes on each cell of the row that was read last, if there are as many as columns.
fn each(
    rows: &dyn Cells,
    columns: usize,
    take: &mut dyn FnMut(usize, &str) -> Result<(), Diagnostic>,
) -> Result<(), Error> {
    let found = rows.count();
    if found != columns {
        let reason =
            format!("it has {found} fields where there are {columns} columns; {}", rows.rule());
        return Err(rows.refuse(reason.into()));
    }
    rows.each(take)
}

/// The result of the first pass.
struct Survey {
    rows: u64,
    columns: Vec<ColumnSurvey>,
}

/// What the first pass found in a column.
#[derive(Clone, Default)]
struct ColumnSurvey {
    evidence: Evidence,
    lists: Lists,
}

impl Survey {
    fn of(rows: &mut dyn Cells, columns: usize) -> Result<Self, Error> {
        let mut survey = Self { rows: 0, columns: vec![ColumnSurvey::default(); columns] };
        while rows.next()? {
            survey.rows += 1;
            each(rows, columns, &mut |at, cell| {
                survey.columns[at].evidence.cell(cell);
                survey.columns[at].lists.note(cell);
                Ok(())
            })?;
        }
        Ok(survey)
    }

    fn key(
        &self,
        roles: &Roles,
        names: &[String],
        vector: Option<usize>,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<Option<(usize, KeyType)>, Diagnostic> {
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let Some(wanted) = roles.key_column else {
            for at in roles.key_names().filter_map(find) {
                if Some(at) == vector {
                    continue;
                }
                let evidence = &self.columns[at].evidence;
                let key_type = match roles.type_of(&names[at]) {
                    Some(wanted) => key_type(wanted),
                    None => evidence.key_type(),
                };
                match key_type.filter(|_| evidence.values() == self.rows) {
                    Some(key_type) => return Ok(Some((at, key_type))),
                    None => {
                        let why = evidence.no_key(self.rows);
                        notes.push(format!("\"{}\" is not the key: {why}", names[at]).into());
                    }
                }
            }
            return Ok(None);
        };
        let at = find(wanted).ok_or_else(|| {
            let all = list(names.iter().map(String::as_str));
            format!("there is no column \"{wanted}\"; {all}")
        })?;
        let evidence = &self.columns[at].evidence;
        if Some(at) == vector {
            return Err(format!("\"{wanted}\" is the vector, and cannot be the key too").into());
        }
        let key_type = match roles.type_of(wanted) {
            // Any other cells can be read as text; a type that cannot be a key is rejected where the
            // options' types are applied.
            None => evidence.key_type().unwrap_or(KeyType::Text),
            Some(wanted) => key_type(wanted).unwrap_or(KeyType::Text),
        };
        // A row without a UUID gets a random one.
        if evidence.values() != self.rows && key_type != KeyType::Uuid {
            return Err(format!("the key column \"{wanted}\" is empty in some rows").into());
        }
        Ok(Some((at, key_type)))
    }
}

/// What a cell's value is used for.
enum Target {
    Vector,
    Key(KeyType),
    Column { column_type: ColumnType, may_round: bool },
}

struct Reader {
    rows: Box<dyn Cells>,
    names: Vec<String>,
    targets: Vec<Target>,
    dimensions: usize,
    rounded: u64,
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        if !self.rows.next()? {
            return Ok(false);
        }
        let Self { rows, names, targets, dimensions, rounded } = self;
        each(&**rows, targets.len(), &mut |at, cell| {
            let wrong = |name: &str| {
                let cell = vector::shorten(cell);
                format!("field {} (\"{}\") is \"{cell}\", no {name}", at + 1, names[at])
            };
            match targets[at] {
                Target::Vector => {
                    if let Err(reason) = vector::parse(cell, *dimensions, &mut row.vector) {
                        let reason = format!("\"{}\" {reason}", names[at]);
                        row.invalid = Some(rows.refuse(reason.into()));
                    }
                }
                Target::Key(KeyType::Uuid) if cell.is_empty() => {}
                Target::Key(key_type) => {
                    let key = key_from_text(cell, key_type);
                    row.key = Some(key.ok_or_else(|| wrong(key_type.name()))?);
                }
                Target::Column { .. } if cell.is_empty() => row.attributes.push(Value::Null),
                Target::Column { column_type, may_round } => {
                    if !may_round && rounds(cell, column_type) {
                        let (at, name) = (at + 1, &names[at]);
                        let reason =
                            format!("field {at} (\"{name}\") is {cell}, which float64 would round");
                        return Err(reason.into());
                    }
                    let value = value_from_text(cell, column_type);
                    row.attributes.push(value.ok_or_else(|| wrong(column_type.name()))?);
                    let timestamp = column_type == ColumnType::Timestamp;
                    *rounded += u64::from(timestamp && is_rounded(cell));
                }
            }
            Ok(())
        })?;
        Ok(true)
    }

    fn rounded(&self) -> u64 {
        self.rounded
    }
}
