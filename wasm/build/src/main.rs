//! `hither-wasm-build MODULE FOLDER` makes, from the module that rustc made, the module of the package, one
//! that only searches, and the JavaScript that calls both. `hither-wasm-build MODULE FOLDER lazy` makes, from
//! the module that searches files on their server, that module of the package and the JavaScript that calls it.

mod panics;

use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

/// The prefixes of exports that change or build an index.
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
    let made = match &arguments[..] {
        [module, folder] => make(module, Path::new(folder)),
        [module, folder, name] if name == "lazy" => make_lazy(module, Path::new(folder)),
        _ => {
            eprintln!("usage: hither-wasm-build MODULE FOLDER [lazy]");
            return ExitCode::FAILURE;
        }
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error:#}", arguments[0]);
            ExitCode::FAILURE
        }
    }
}

fn make(module: &str, folder: &Path) -> Result<()> {
    let bytes = bound(module, &folder.join("bindings.js"))?;
    std::fs::write(folder.join("hither_bg.wasm"), &bytes)?;
    std::fs::write(folder.join("hither_search.wasm"), without_building(&bytes)?)?;
    Ok(())
}

fn make_lazy(module: &str, folder: &Path) -> Result<()> {
    let bytes = bound(module, &folder.join("bindings-lazy.js"))?;
    Ok(std::fs::write(folder.join("hither_lazy.wasm"), bytes)?)
}

/// The module with the exports that JavaScript calls; writes the script that calls them.
fn bound(module: &str, script: &Path) -> Result<Vec<u8>> {
    let mut made = Bindgen::new().input_path(module).no_modules(true)?.generate_output()?;
    // wasm-bindgen keeps one instance for each script; a function makes one for each call.
    let text = format!(
        "export function bindings(FinalizationRegistry) {{\n{}\nreturn wasm_bindgen;\n}}\n",
        made.js()
    );
    std::fs::write(script, text)?;
    let whole = made.wasm_mut();
    panics::end_at_once(whole);
    panics::forget_places(whole);
    Ok(whole.emit_wasm())
}

/// The module without the functions by which JavaScript changes or builds an index. An optimiser then leaves
/// out what only they reach.
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
