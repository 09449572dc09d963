//! What lives on between calls: what was opened, what is being built, and bytes on their way.
//!
//! JavaScript may call again while it hears of a build's progress, so nothing stays locked while a
//! call is made: what is at work is taken out, and put back.

use crate::Opened;
use crate::failure::{Failure, Outcome};
use crate::memory::room;
use crate::token::Writer;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::{replace, take};
use hither::AlignedBytes;
use spin::{Mutex, MutexGuard};

/// Bytes of input that are kept for the next call. More would lie between what is opened and built.
const KEPT: usize = 1 << 14;

/// Where something lies. Not as an integer, which JavaScript would take for negative from 2 GiB on.
pub fn place<T>(list: &[T]) -> f64 {
    list.as_ptr() as usize as f64
}

/// What a number of JavaScript's stands for.
pub enum Held {
    /// Nothing: it is free.
    Nothing,
    /// What a call is at work on.
    Busy,
    /// A file on its way.
    Bytes(AlignedBytes),
    Opened(Box<Opened>),
    #[cfg(feature = "build")]
    Building(Box<crate::Building>),
}

pub struct State {
    held: Vec<Held>,
    /// Bytes for the next call, and how many of them it takes: what was longer before stays, for
    /// zeros are written where it grows.
    input: Vec<u8>,
    length: usize,
    /// What went wrong last, and what it is written to.
    failure: Option<Failure>,
    written: Option<Writer>,
    /// What a search tells of its answer.
    pub told: [f64; 6],
}

impl State {
    /// Has so many bytes of input, and says where they lie.
    fn make_room(&mut self, length: usize) -> Outcome<f64> {
        let input = &mut self.input;
        if input.len() > KEPT.max(length) {
            *input = Vec::new();
        }
        if input.len() < length {
            room(input, length)?;
            input.resize(length, 0);
        }
        self.length = length;
        Ok(place(input))
    }
}

static STATE: Mutex<State> = Mutex::new(State {
    held: Vec::new(),
    input: Vec::new(),
    length: 0,
    failure: None,
    written: None,
    told: [0.0; 6],
});

/// There is one thread, so what is locked already stays so: better a trap than to wait for ever.
pub fn state() -> MutexGuard<'static, State> {
    match STATE.try_lock() {
        Some(state) => state,
        None => unreachable!("the state is locked by a caller"),
    }
}

/// Where so many bytes are to be written that the next call takes.
pub fn input(length: usize) -> f64 {
    let place = state().make_room(length);
    answer(place)
}

/// A number for what is made, by which other calls find it.
pub fn hold(made: Outcome<Held>) -> f64 {
    answer(made.map(|made| {
        let held = &mut state().held;
        let free = held.iter().position(|held| matches!(held, Held::Nothing));
        match free {
            Some(at) => held[at] = made,
            None => held.push(made),
        }
        free.unwrap_or(held.len() - 1) as f64
    }))
}

/// Takes what a number stands for, and leaves something else.
pub fn exchange(id: usize, left: Held) -> Held {
    state().held.get_mut(id).map_or(Held::Nothing, |held| replace(held, left))
}

/// The number that stands for an outcome: none for an error, which is kept.
pub fn answer(outcome: Outcome<f64>) -> f64 {
    outcome.unwrap_or_else(|failure| {
        state().failure = Some(failure);
        f64::NAN
    })
}

/// Where the code and the message of the last error are written.
pub fn failure() -> f64 {
    let state = &mut *state();
    let written = state.written.insert(Writer::default());
    written.clear();
    if let Some(failure) = state.failure.take() {
        written.text(failure.code());
        written.text(failure.message());
    }
    place(written.as_bytes())
}

/// Calls `call` with the input. One that is a piece of a file is kept for the next piece.
pub fn with_input<T>(is_piece: bool, call: impl FnOnce(&[u8]) -> T) -> T {
    let (input, length) = {
        let state = &mut *state();
        (take(&mut state.input), take(&mut state.length))
    };
    let given = call(&input[..length]);
    if input.len() <= KEPT || is_piece {
        state().input = input;
    }
    given
}

/// Calls `call` with what a number stands for, and with the input.
pub fn with(id: usize, call: &mut dyn FnMut(&mut Held, &[u8]) -> Outcome<f64>) -> f64 {
    let mut held = exchange(id, Held::Busy);
    let is_piece = matches!(held, Held::Bytes(_));
    let outcome = with_input(is_piece, |input| call(&mut held, input));
    exchange(id, held);
    answer(outcome)
}

pub fn other() -> Outcome<f64> {
    Err(Failure::new("busy", "this is at work, or is something else".into()))
}

pub fn bytes(id: usize, call: &mut dyn FnMut(&mut AlignedBytes, &[u8]) -> Outcome<f64>) -> f64 {
    with(id, &mut |held, input| match held {
        Held::Bytes(bytes) => call(bytes, input),
        _ => other(),
    })
}

pub fn opened(id: usize, call: &mut dyn FnMut(&mut Opened, &[u8]) -> Outcome<f64>) -> f64 {
    with(id, &mut |held, input| match held {
        Held::Opened(opened) => call(opened, input),
        _ => other(),
    })
}
