//! `hither-wasm-build MODULE OUT`: the module that rustc made, without what panics would say.

mod panics;

use std::process::ExitCode;
use walrus::{ExportItem, Module};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = &arguments[..] else {
        eprintln!("usage: hither-wasm-build MODULE OUT");
        return ExitCode::FAILURE;
    };
    let made = Module::from_file(module).and_then(|mut module| {
        for function in module.funcs.iter_mut() {
            let name = function.name.as_deref().unwrap_or_default();
            function.name = Some(rustc_demangle::demangle(name).to_string());
        }
        // Marks of the linker, which nobody reads.
        let marks =
            module.exports.iter().filter(|export| matches!(export.item, ExportItem::Global(_)));
        for mark in marks.map(|export| export.id()).collect::<Vec<_>>() {
            module.exports.delete(mark);
        }
        panics::end_at_once(&mut module);
        panics::forget_places(&mut module);
        module.emit_wasm_file(out)
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
