//! `hither-wasm-order MODULE OUT`: names the functions of a module by an order in which it
//! compresses well: a number before each name, for an optimiser that sorts them by name.
//!
//! gzip looks back 32 KiB. Of the functions that are left, the next is the one of which the largest
//! share repeats what those within reach hold.

use std::collections::{HashMap, VecDeque};
use std::process::ExitCode;
use wasm_encoder::{CustomSection, Module, NameMap, NameSection, RawSection};
use wasmparser::{BinaryReaderError, KnownCustom, Name, Parser, Payload};

/// Bytes of a function that are compared at a time. Of 4 to 8, 6 gave the smallest module.
const LENGTH: usize = 6;

/// Bytes that gzip looks back.
const WINDOW: usize = 32 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = &arguments[..] else {
        eprintln!("usage: hither-wasm-order MODULE OUT");
        return ExitCode::FAILURE;
    };
    let named = std::fs::read(module).map_err(|error| error.to_string()).and_then(|bytes| {
        let named = with_numbers(&bytes).map_err(|error| error.to_string())?;
        std::fs::write(out, named).map_err(|error| error.to_string())
    });
    match named {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {module}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The module with a number before the name of each function.
fn with_numbers(bytes: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = Module::new();
    let mut bodies = Vec::new();
    let mut imported = 0;
    let mut names = HashMap::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section()
            && !matches!(payload, Payload::CustomSection(_))
        {
            module.section(&RawSection { id, data: &bytes[range] });
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(&bytes[body.range()]),
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(section) => {
                    for part in section {
                        let Name::Function(functions) = part? else { continue };
                        for name in functions {
                            let name = name?;
                            names.insert(name.index, name.name);
                        }
                    }
                }
                _ => {
                    let (name, data) = (section.name().into(), section.data().into());
                    module.section(&CustomSection { name, data });
                }
            },
            _ => {}
        }
    }
    let mut numbers = vec![0; bodies.len()];
    for (number, function) in order(&bodies).into_iter().enumerate() {
        numbers[function] = number;
    }
    let mut functions = NameMap::new();
    for index in 0..imported {
        functions.append(index, names.get(&index).copied().unwrap_or_default());
    }
    for (index, number) in (imported..).zip(numbers) {
        let name = names.get(&index).copied().unwrap_or_default();
        functions.append(index, &format!("{number:05} {name}"));
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    module.section(&section);
    Ok(module.finish())
}

/// The functions, by number, in their new order.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    // What a function holds that another holds too.
    let mut holders: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (function, body) in bodies.iter().enumerate() {
        for part in body.windows(LENGTH) {
            let holders = holders.entry(part).or_default();
            if holders.last() != Some(&function) {
                holders.push(function);
            }
        }
    }
    holders.retain(|_, functions| functions.len() > 1);
    let holders: Vec<Vec<usize>> = holders.into_values().collect();
    let mut parts = vec![Vec::new(); bodies.len()];
    for (part, functions) in holders.iter().enumerate() {
        functions.iter().for_each(|&function| parts[function].push(part));
    }

    // How many functions within reach hold a part, and how many parts of each that is left are held.
    let mut reached = vec![0; holders.len()];
    let mut held = vec![0_usize; bodies.len()];
    let mut window = VecDeque::new();
    let mut size = 0;
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut order = Vec::new();
    // The largest comes first; a share of few parts means little.
    let mut next = left.iter().copied().max_by_key(|&function| bodies[function].len());
    while let Some(function) = next {
        left.retain(|&other| other != function);
        order.push(function);
        window.push_back(function);
        size += bodies[function].len();
        for &part in &parts[function] {
            reached[part] += 1;
            if reached[part] == 1 {
                holders[part].iter().for_each(|&other| held[other] += 1);
            }
        }
        while size > WINDOW
            && let Some(passed) = window.pop_front()
        {
            size -= bodies[passed].len();
            for &part in &parts[passed] {
                reached[part] -= 1;
                if reached[part] == 0 {
                    holders[part].iter().for_each(|&other| held[other] -= 1);
                }
            }
        }
        let share = |&function: &usize| held[function] as f64 / (parts[function].len() + 8) as f64;
        // Of equals the first, whatever order a map gives.
        next = left.iter().copied().max_by(|a, b| share(a).total_cmp(&share(b)).then(b.cmp(a)));
    }
    order
}
