//! Running the command in a folder of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A new empty folder for one test.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// Runs the command with a file's bytes coming through a pipe.
pub fn piped(folder: &Path, input: &str, arguments: &[&str]) -> Output {
    let mut cat = Command::new("cat");
    let mut cat = cat.current_dir(folder).arg(input).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hither"));
    command.current_dir(folder).args(arguments).stdin(cat.stdout.take().unwrap());
    let output = command.output().unwrap();
    cat.wait().unwrap();
    output
}

/// Standard output of a run that must succeed.
pub fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of a run that must fail.
pub fn error(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    let line = errors.lines().last().unwrap_or_default();
    assert!(line.starts_with("error: "), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    line.to_string()
}

pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// JSON Lines of points on a line: key, vector and two attributes.
pub fn write_points(path: &Path, numbers: std::ops::Range<i64>) {
    let line = |n: i64| {
        let parity = if n % 2 == 0 { "\"even\"" } else { "null" };
        format!(
            "{{\"id\":{n},\"vector\":[{n},{}],\"parity\":{parity},\"square\":{}}}\n",
            2 * n,
            n * n
        )
    };
    fs::write(path, numbers.map(line).collect::<String>()).unwrap();
}
