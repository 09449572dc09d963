//! Removes the messages of panics from a module whose panic handler only traps.

use std::ops::Range;
use walrus::ir::{Instr, Value};
use walrus::{ConstExpr, DataKind, FunctionBuilder, FunctionKind, Module};

/// Whether a function of Rust's libraries panics, judged by its path.
fn is_panic(path: &str) -> bool {
    let path = path.split('<').next().unwrap_or_default();
    let path = path.rsplit_once("::h").map_or(path, |(path, _)| path);
    let name = path.rsplit("::").next().unwrap_or_default();
    (path.starts_with("core") || path.starts_with("alloc"))
        && (path.contains("::panicking::")
            || name.starts_with("panic")
            || ["_fail", "_failed", "_overflow", "_error"].iter().any(|end| name.ends_with(end)))
}

/// The module's panic handler says nothing and traps. This makes the functions of Rust's libraries that end in
/// it trap themselves, so that an optimiser drops the arguments of their callers: a text, numbers and a place
/// in the source.
pub fn end_at_once(module: &mut Module) {
    let panics: Vec<_> = module
        .funcs
        .iter_local()
        .filter(|(id, function)| {
            // A function that returns would not end like this, whatever its name.
            let end = function.block(function.entry_block()).instrs.last();
            matches!(end, Some((Instr::Unreachable(_), _)))
                && module.funcs.get(*id).name.as_deref().is_some_and(is_panic)
        })
        .map(|(id, function)| (id, function.ty()))
        .collect();
    for (id, signature) in panics {
        let signature = module.types.get(signature);
        let (parameters, results) = (signature.params().to_vec(), signature.results().to_vec());
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
        builder.func_body().unreachable();
        let arguments = parameters.iter().map(|kind| module.locals.add(*kind)).collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
    }
}

/// The size of a place in the source, a `core::panic::Location`: the address and length of the file's name, the
/// line and the column, 32 bits each.
const PLACE: usize = 16;

/// Overwrites the places in the source that only panics name with zeros, which compress to nothing.
pub fn forget_places(module: &mut Module) {
    let all: Vec<_> = module.data.iter().map(|data| data.id()).collect();
    for id in all {
        let data = module.data.get_mut(id);
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } = data.kind else {
            continue;
        };
        let start = start as u32 as usize;
        let bytes = &mut data.value;
        let mut names = Vec::new();
        for at in (start.next_multiple_of(4) - start..bytes.len().saturating_sub(PLACE)).step_by(4)
        {
            if let Some(name) = source_file(bytes, at, start) {
                bytes[at..at + PLACE].fill(0);
                names.push(name);
            }
        }
        // Only now, because many places share a name.
        names.into_iter().for_each(|name| bytes[name].fill(0));
    }
}

/// The range of the file's name, if a place in the source begins at `at`.
fn source_file(bytes: &[u8], at: usize, start: usize) -> Option<Range<usize>> {
    let place = bytes.get(at..at + PLACE)?.as_chunks().0;
    let number = |which: usize| u32::from_le_bytes(place[which]) as usize;
    let first = number(0).checked_sub(start)?;
    let name = first..first + number(1);
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let text = bytes.get(name.clone())?;
    let is_place =
        text.ends_with(b".rs") && text.iter().all(is_path) && number(2) > 0 && number(3) > 0;
    is_place.then_some(name)
}
