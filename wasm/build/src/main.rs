//! `hither-wasm-build MODULE OUT`: the glue between JavaScript and the module that rustc made, and
//! the module for it.

mod panics;

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = &arguments[..] else {
        eprintln!("usage: hither-wasm-build MODULE OUT");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("hither").typescript(false).omit_default_module_path(true);
    bindgen.reset_state_function(true);
    let made = bindgen.web(true).and_then(|bindgen| {
        let mut output = bindgen.generate_output()?;
        panics::end_at_once(output.wasm_mut());
        panics::forget_places(output.wasm_mut());
        output.emit(out)
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
