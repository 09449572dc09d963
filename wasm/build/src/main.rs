//! `hither-wasm-build MODULE OUT`: the glue between JavaScript and the module that rustc made, and
//! the module for it.

use std::process::ExitCode;
use walrus::{FunctionBuilder, FunctionKind, Module};
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
        end_panics_at_once(output.wasm_mut());
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

/// Whether a function of Rust's libraries does nothing but panic, by its path.
fn is_panic(path: &str) -> bool {
    let path = path.split('<').next().unwrap_or_default();
    let path = path.rsplit_once("::h").map_or(path, |(path, _)| path);
    let name = path.rsplit("::").next().unwrap_or_default();
    (path.starts_with("core") || path.starts_with("alloc"))
        && (path.contains("::panicking::")
            || name.starts_with("panic")
            || ["_fail", "_failed", "_overflow", "_error"].iter().any(|end| name.ends_with(end)))
}

/// The module's panic handler says nothing and traps. The functions of Rust's libraries that end
/// in it are made to trap themselves, so that an optimiser drops what their callers would hand
/// them: a text, numbers and a place in the source.
fn end_panics_at_once(module: &mut Module) {
    let panics: Vec<_> = module
        .funcs
        .iter_local()
        .filter(|(id, _)| module.funcs.get(*id).name.as_deref().is_some_and(is_panic))
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
