//! `hither-wasm-build MODULE FOLDER`: of the module that rustc made the one that the package has, one
//! that only searches, and the JavaScript that calls both.

mod panics;

use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

/// What exports begin with that change an index or build one.
const BUILDING: [&str; 6] = [
    "filebuilder_",
    "__wbg_filebuilder_",
    "openindex_insert",
    "openindex_update",
    "openindex_remove",
    "openindex_save",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = &arguments[..] else {
        eprintln!("usage: hither-wasm-build MODULE FOLDER");
        return ExitCode::FAILURE;
    };
    match make(module, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn make(module: &str, folder: &Path) -> Result<()> {
    let mut made = Bindgen::new().input_path(module).no_modules(true)?.generate_output()?;
    // wasm-bindgen keeps one instance a script; a function makes one each time.
    let script = format!(
        "export function bindings(FinalizationRegistry) {{\n{}\nreturn wasm_bindgen;\n}}\n",
        made.js()
    );
    std::fs::write(folder.join("bindings.js"), script)?;
    let whole = made.wasm_mut();
    panics::end_at_once(whole);
    panics::forget_places(whole);
    let bytes = whole.emit_wasm();
    std::fs::write(folder.join("hither_bg.wasm"), &bytes)?;
    std::fs::write(folder.join("hither_search.wasm"), without_building(&bytes)?)?;
    Ok(())
}

/// The module without the functions by which JavaScript changes an index or builds one. What is reached from
/// them alone an optimiser leaves out.
fn without_building(module: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(module)?;
    let exports = module.exports.iter();
    let builds = exports.filter(|export| BUILDING.iter().any(|name| export.name.starts_with(name)));
    for export in builds.map(|export| export.id()).collect::<Vec<_>>() {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}
