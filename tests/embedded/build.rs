//! Passes the linker its scripts, and the program the path of the index that it includes.

use std::env::var;

fn main() {
    let manifest = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={manifest}");
    println!("cargo::rustc-link-arg=-Tlink.x");
    // Sections start at a page of 64 KiB by default; flash has none.
    println!("cargo::rustc-link-arg=--nmagic");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-env-changed=HITHER_INDEX");
    match var("HITHER_INDEX") {
        Ok(index) => {
            println!("cargo::rustc-env=HITHER_INDEX={index}");
            println!("cargo::rerun-if-changed={index}");
        }
        Err(_) => println!("cargo::error=HITHER_INDEX is not set; scripts/embedded.sh sets it"),
    }
}
