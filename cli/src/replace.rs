//! Which files an output may replace: never an input, and without `--force` only an index file by another.

use crate::failure::Failure;
#[cfg(unix)]
use crate::{interrupt::interrupted, progress::Bar};
use clap::Args;
use hither::ErrorKind;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;
#[cfg(unix)]
use std::time::Duration;

/// The option of all commands that write a file.
#[derive(Args)]
pub struct Force {
    /// Replace a file that is there already. An index file is replaced by a new one without it, and
    /// what is read is not replaced with it.
    #[arg(long)]
    force: bool,
}

/// Waits a moment for another command that holds the lock of a file, and says so once.
#[cfg(unix)]
pub fn wait_for_lock(bar: &Bar, told: &mut bool, what: &str, path: &Path) -> Result<(), Failure> {
    if !*told {
        bar.say(&format!("waiting for another command that {what} {}", path.display()));
        *told = true;
    }
    if interrupted() {
        return Err(Failure::Interrupted);
    }
    std::thread::sleep(Duration::from_millis(20));
    Ok(())
}

/// The kind of a command's output.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Index,
    Other,
}

impl Force {
    /// Rejects an output that is one of the inputs, under whatever name, or that would overwrite another
    /// file.
    pub fn check<'p>(
        &self,
        output: &Path,
        kind: Kind,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> Result<(), Failure> {
        let Ok(there) = fs::metadata(output) else { return Ok(()) };
        for input in inputs {
            if metadata(input).is_some_and(|input| is_same(&there, &input)) {
                let reason = match input == Path::new("-") {
                    true => "this is what standard input reads; write to another file".into(),
                    false => format!(
                        "this is the input {} itself; write to another file",
                        input.display()
                    ),
                };
                return Err(Failure::at(output, reason));
            }
        }
        // Files that are not regular are rejected when they are opened, even with --force.
        if self.force || !there.is_file() || (kind == Kind::Index && is_index(output)) {
            return Ok(());
        }
        let what = if is_index(output) { "an index file" } else { "no index file" };
        let reason = format!("there is a file of this name, {what}; --force replaces it");
        Err(Failure::at(output, reason))
    }
}

/// The metadata of an input, which may be standard input.
fn metadata(input: &Path) -> Option<Metadata> {
    if input != Path::new("-") {
        return fs::metadata(input).ok();
    }
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let input = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        File::from(input).metadata().ok()
    }
    #[cfg(not(unix))]
    None
}

/// Whether two paths lead to the same file, by symbolic or hard links or relative paths.
#[cfg(unix)]
pub fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// On other systems the standard library cannot identify files; times and lengths nearly suffice.
#[cfg(not(unix))]
pub fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.len(), a.modified().ok(), a.created().ok()) == (b.len(), b.modified().ok(), b.created().ok())
}

/// Whether the first bytes are those of an index file, whether whole or damaged.
pub fn is_index(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
    let not_one = |error: hither::Error| *error.kind() == ErrorKind::NotAnIndex;
    read.is_ok() && !hither::raw::file_length(&start).is_err_and(not_one)
}
