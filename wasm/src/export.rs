//! What JavaScript calls: functions of plain numbers, which `js/handle.js` calls by their names.
//!
//! What lives on between calls has a number. Bytes that a call takes are written before it to where
//! [`input`] says; what a call gives in bytes lies where its answer says, until the next call. An
//! answer that is not a number stands for an error, which [`failure`] tells.
#![allow(unsafe_code, reason = "names that JavaScript knows; there is one function of each")]

#[cfg(feature = "build")]
mod build;
mod held;

use crate::options::METRICS;
use alloc::boxed::Box;
use held::{Held, answer, bytes, exchange, hold, opened, other, place, state, with_input};
use hither::{AlignedBytes, ErrorKind, SearchParams, Structure};

/// Where so many bytes are to be written that the next call takes.
#[unsafe(no_mangle)]
extern "C" fn input(length: f64) -> f64 {
    // More than there are places is as many as there are.
    held::input(length as usize)
}

/// Where the code and the message of the last error are written.
#[unsafe(no_mangle)]
extern "C" fn failure() -> f64 {
    held::failure()
}

/// Frees what a number stands for.
#[unsafe(no_mangle)]
extern "C" fn release(id: usize) {
    exchange(id, Held::Nothing);
}

/// The length of the index file that begins with the input.
#[unsafe(no_mangle)]
extern "C" fn file_length() -> f64 {
    answer(with_input(false, |start| Ok(hither::file_length(start)? as f64)))
}

/// One allocation for a file of so many bytes, none of which is there yet.
#[unsafe(no_mangle)]
extern "C" fn bytes_new(length: f64) -> f64 {
    let asked = length as u64;
    let made = usize::try_from(asked).map_err(|_| ErrorKind::OutOfMemory { bytes: asked }.into());
    hold(made.and_then(|length| Ok(Held::Bytes(AlignedBytes::try_with_capacity(length)?))))
}

/// Appends the input. Zeros for JavaScript to write over would be a pass over the whole before the
/// first piece comes.
#[unsafe(no_mangle)]
extern "C" fn bytes_append(id: usize) -> f64 {
    bytes(id, &mut |bytes, piece| {
        bytes.extend_from_slice(piece);
        Ok(0.0)
    })
}

/// No file yet.
#[unsafe(no_mangle)]
extern "C" fn opened_new() -> f64 {
    hold(Ok(Held::Opened(Box::default())))
}

/// Opens a file of such bytes, which are used up. The input has the model that it must be of, or none.
#[unsafe(no_mangle)]
extern "C" fn opened_push(id: usize, file: usize, whole: bool) -> f64 {
    let mut file = Some(exchange(file, Held::Nothing));
    opened(id, &mut |opened, model| match file.take() {
        Some(Held::Bytes(bytes)) => opened.push(bytes, whole, model).map(|()| 0.0),
        _ => other(),
    })
}

/// Where the vector of so many numbers lies that a call takes.
#[unsafe(no_mangle)]
extern "C" fn opened_vector(id: usize, length: usize) -> f64 {
    opened(id, &mut |opened, _| Ok(place(opened.vector(length)?)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_info(id: usize) -> f64 {
    opened(id, &mut |opened, _| Ok(place(opened.info()?)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_rows(id: usize) -> f64 {
    opened(id, &mut |opened, _| Ok(opened.rows()? as f64))
}

/// Searches for the rows nearest to the vector, and gives where six f64 lie: how many were found,
/// where their distances and where their keys lie (as 64-bit integers, only where keys are such), the
/// ranks computed, the stored vectors measured, and the recall that the calibration reached where that
/// is less than `recall`, else NaN. 0 stands for a `k`, `ef_search` or `probes` that was
/// not given, NaN for a `recall` or `radius`, a number beyond the last for a `metric`.
#[unsafe(no_mangle)]
extern "C" fn opened_search(
    id: usize,
    like: bool,
    k: usize,
    ef_search: usize,
    probes: usize,
    recall: f32,
    exact: bool,
    metric: usize,
    filtered: bool,
    radius: f32,
) -> f64 {
    let params = SearchParams {
        ef_search: (ef_search > 0).then_some(ef_search),
        probes: (probes > 0).then_some(probes),
        recall: (!recall.is_nan()).then_some(recall),
        structure: exact.then_some(Structure::Flat),
        metric: METRICS.get(metric).copied(),
        radius: (!radius.is_nan()).then_some(radius),
        ..SearchParams::new(k)
    };
    opened(id, &mut |opened, _| {
        let (stats, reached) = opened.search(like, params, filtered)?;
        let (distances, numbers) = opened.answer();
        let told = &mut state().told;
        *told = [
            distances.len() as f64,
            place(distances),
            place(numbers),
            stats.visited as f64,
            stats.compared as f64,
            reached.map_or(f64::NAN, f64::from),
        ];
        Ok(place(told))
    })
}

/// Binds the filter that the input has as tokens of JSON.
#[unsafe(no_mangle)]
extern "C" fn opened_filter(id: usize) -> f64 {
    opened(id, &mut |opened, tokens| opened.filter(tokens).map(|()| 0.0))
}

/// Finds the row whose key the input has, and gives where its vector lies; 0 if there is none.
#[unsafe(no_mangle)]
extern "C" fn opened_get(id: usize) -> f64 {
    opened(id, &mut |opened, key| Ok(opened.get(key)?.map_or(0.0, place)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_has(id: usize) -> f64 {
    opened(id, &mut |opened, key| Ok(f64::from(opened.has(key)?)))
}

#[unsafe(no_mangle)]
extern "C" fn opened_keys(id: usize) -> f64 {
    opened(id, &mut |opened, _| Ok(place(opened.keys())))
}

#[unsafe(no_mangle)]
extern "C" fn opened_column(id: usize, number: usize) -> f64 {
    opened(id, &mut |opened, _| Ok(place(opened.column(number)?)))
}
