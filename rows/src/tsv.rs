//! Tab-separated text, as registered with IANA: a header line, no quotes, no escapes.
//!
//! A quote is a character like any other, because definitions and titles may begin with quotes, and a
//! reader that interprets them joins lines or drops characters.

use crate::{
    Diagnostic, Error,
    cells::{self, Cells},
    lines::Lines,
    roles::Roles,
    source::Source,
    table::Table,
};

/// Opens a file of vectors, or of attributes alone.
pub fn open(source: &mut Source, roles: &Roles) -> Result<Table, Error> {
    cells::open(source, roles, |source| Ok(Box::new(Tabs(Lines::open(source)?))))
}

/// Blank lines are not skipped: they are rows of one empty field, so that rows keep their positions.
struct Tabs(Lines);

impl Cells for Tabs {
    fn next(&mut self) -> Result<bool, Error> {
        Ok(self.0.next()? && self.0.text().map(|_| true)?)
    }

    fn count(&self) -> usize {
        self.0.text().map_or(0, |text| 1 + text.bytes().filter(|&c| c == b'\t').count())
    }

    fn each(
        &self,
        take: &mut dyn FnMut(usize, &str) -> Result<(), Diagnostic>,
    ) -> Result<(), Error> {
        let mut cells = self.0.text()?.split('\t').enumerate();
        cells.try_for_each(|(at, cell)| take(at, cell)).map_err(|reason| self.refuse(reason))
    }

    fn refuse(&self, reason: Diagnostic) -> Error {
        self.0.refuse(reason)
    }

    fn rule(&self) -> &'static str {
        "fields are separated by tabs, and hold neither tabs nor line ends"
    }
}

#[cfg(test)]
mod tests;
