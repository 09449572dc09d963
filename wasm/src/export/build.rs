//! What changes an index or builds one. A module that only searches does without: everything that is
//! reached from here alone is left out of it.

mod host;

use super::held::{Held, hold, opened, other, place, with, with_input};
use crate::{Building, Outcome};
use alloc::boxed::Box;
use host::{Taker, tell};

/// Inserts the row that the input and the vector have, and gives where its key is written.
#[unsafe(no_mangle)]
extern "C" fn opened_insert(id: usize) -> f64 {
    opened(id, &mut |opened, row| Ok(place(opened.insert(row)?)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_update(id: usize) -> f64 {
    opened(id, &mut |opened, row| opened.update(row).map(|()| 0.0))
}

#[unsafe(no_mangle)]
extern "C" fn opened_remove(id: usize) -> f64 {
    opened(id, &mut |opened, key| Ok(f64::from(opened.remove(key)?)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_save(id: usize, delta: bool) -> f64 {
    opened(id, &mut |opened, _| opened.save(delta, &mut Taker, &mut tell).map(|()| 0.0))
}

/// A builder of the options that the input has.
#[unsafe(no_mangle)]
extern "C" fn building_new() -> f64 {
    hold(with_input(false, |options| Ok(Held::Building(Box::new(Building::new(options)?)))))
}

#[unsafe(no_mangle)]
extern "C" fn building_rows(id: usize) -> f64 {
    building(id, &mut |building, _| Ok(building.rows().into()))
}

#[unsafe(no_mangle)]
extern "C" fn building_reserve(id: usize, rows: usize) -> f64 {
    building(id, &mut |building, _| building.reserve(rows).map(|()| 0.0))
}

/// Where so many numbers are to be written, for `building_push`.
#[unsafe(no_mangle)]
extern "C" fn building_stage(id: usize, length: usize) -> f64 {
    building(id, &mut |building, _| Ok(place(building.stage(length)?)))
}

/// Appends the staged rows; the input has their keys and values.
#[unsafe(no_mangle)]
extern "C" fn building_push(id: usize) -> f64 {
    building(id, &mut |building, values| building.push(values).map(|()| 0.0))
}

#[unsafe(no_mangle)]
extern "C" fn building_finish(id: usize) -> f64 {
    building(id, &mut |building, _| building.finish(&mut Taker, &mut tell).map(|()| 0.0))
}

fn building(id: usize, call: &mut dyn FnMut(&mut Building, &[u8]) -> Outcome<f64>) -> f64 {
    with(id, &mut |held, input| match held {
        Held::Building(building) => call(building, input),
        _ => other(),
    })
}
