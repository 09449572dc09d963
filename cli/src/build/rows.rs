//! Passes rows from the input to the builder, without those that cannot be searched.

use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::progress::Bar;
use crate::settings::described;
use hither::{IndexBuilder, KeyRef, KeyType, Progress, ValueRef};
use hither_rows::{Input, Row};
use std::path::Path;

/// Makes room for the next row, if memory is limited.
pub type MakeRoom<'a> = &'a mut dyn FnMut(&mut IndexBuilder, &mut Bar) -> Result<(), Failure>;

/// Adds every row. With `skip`, rows whose vectors are invalid are left out, and their number is returned.
/// Without it the first of these is an error.
pub fn push_all(
    input: &mut Input,
    builder: &mut IndexBuilder,
    name: &Path,
    skip: bool,
    bar: &mut Bar,
    make_room: MakeRoom<'_>,
) -> Result<u64, Failure> {
    let mut row = Row::default();
    let (mut number, mut skipped) = (0, 0);
    while input.next(&mut row)? {
        make_room(builder, bar)?;
        let pushed = match row.invalid.take() {
            Some(reason) => Err((Failure::from(reason).message(), true)),
            None => push(input.key_type, builder, &row, number)
                .map_err(|(reason, invalid)| (format!("{}: {reason}", name.display()), invalid)),
        };
        match pushed {
            Ok(()) => {}
            Err((_, true)) if skip => skipped += 1,
            Err((reason, true)) => {
                let skip = "leave such rows out with --on-invalid skip";
                return Err(format!("{reason} ({skip})").into());
            }
            Err((reason, false)) => return Err(reason.into()),
        }
        number += 1;
        if number % 4096 == 0 {
            let total = input.rows.unwrap_or_default();
            bar.show(Progress { stage: "reading", done: number as u64, total });
        }
        if interrupted() {
            return Err(Failure::Interrupted);
        }
    }
    let rounded = input.rounded();
    if rounded > 0 {
        bar.say(&format!(
            "note: {rounded} timestamp(s) had more digits than microseconds and were rounded"
        ));
    }
    Ok(skipped)
}

/// Adds a row. An error says why that failed, and whether the vector is at fault.
fn push(
    key_type: KeyType,
    builder: &mut IndexBuilder,
    row: &Row,
    number: i64,
) -> Result<(), (String, bool)> {
    let values: Vec<ValueRef<'_>> = row.attributes.iter().map(|value| value.as_ref()).collect();
    // A row's number counts the skipped rows before it.
    let key = match &row.key {
        None if key_type == KeyType::RowNumber => Some(KeyRef::Int64(number)),
        key => key.as_ref().map(|key| key.as_ref()),
    };
    builder.push(key, &row.vector, &values).map_err(|error| {
        let invalid = error.kind().is_of_vector();
        let key = row.key.as_ref().map_or(String::new(), |key| format!(" (key {key})"));
        (format!("row {number}{key}: {}", described(&error)), invalid)
    })
}
