//! Prints the lines that `scripts/parity.sh` compares.
//!
//! ```text
//! hither-platform [--simd LEVEL] [--threads N]    the report
//! hither-platform --levels                        the SIMD levels of this processor, widest last
//! hither-platform --device FILE                   writes the device's index, prints its answers
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("hither-platform: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let mut threads = 1;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--levels" => return Ok(hither::raw::simd_levels().join("\n") + "\n"),
            "--device" => return device(&value()?),
            "--threads" => threads = value()?.parse().map_err(|error| format!("{error}"))?,
            "--simd" => {
                let level = value()?;
                if !hither::raw::use_simd_level(&level) {
                    let known = hither::raw::simd_levels().join(", ");
                    return Err(format!("no SIMD level {level} here, only {known}"));
                }
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    hither_platform::report(threads).map_err(|error| error.to_string())
}

fn device(path: &str) -> Result<String, String> {
    let file = hither_platform::device::file().map_err(|error| error.to_string())?;
    std::fs::write(path, &file).map_err(|error| format!("{path}: {error}"))?;
    let mut answers = String::new();
    hither_platform::device::search(&file, &mut answers).map_err(|error| error.to_string())?;
    Ok(answers)
}
