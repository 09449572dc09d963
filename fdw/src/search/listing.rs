//! The files that a path stands for: the file itself, a folder's `*.hither`, or the matches of a glob.
//!
//! Each entry of a folder checks for interrupts. `**` descends into folders but never through symbolic
//! links, which may form cycles; a link that a pattern names is followed, as everywhere.

use crate::sql::failure::Result;
use glob::Pattern;
use hither_remote::location::is_glob;
use hither_remote::{Error, ErrorKind};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A component of a glob.
enum Part {
    /// A name, or the root.
    Name(PathBuf),
    Pattern(Pattern),
    /// `**`: any number of folders.
    Folders,
}

/// The files, sorted by name.
pub fn list_files(path: &Path) -> Result<Vec<PathBuf>> {
    let pattern = if path.is_dir() { path.join("*.hither") } else { path.into() };
    // A folder's own name may look like a glob.
    let glob = pattern.strip_prefix(path).map_or(pattern.as_path(), |end| match end {
        end if end.as_os_str().is_empty() => &pattern,
        end => end,
    });
    if !is_glob(glob) {
        return Ok(vec![pattern]);
    }
    let base = if path.is_dir() { path.to_owned() } else { PathBuf::new() };
    let parts = glob.components().map(|part| self::part(part, path)).collect::<Result<Vec<_>>>()?;
    let mut found = Vec::new();
    walk(base, &parts, &mut found);
    // Else they come by name and once.
    if parts.iter().any(|part| matches!(part, Part::Folders)) {
        found.sort_unstable();
        found.dedup();
    }
    if found.is_empty() { Err(Error::nothing_at(pattern.display()).into()) } else { Ok(found) }
}

fn part(part: Component<'_>, path: &Path) -> Result<Part> {
    let Component::Normal(name) = part else { return Ok(Part::Name(part.as_os_str().into())) };
    if name == "**" {
        return Ok(Part::Folders);
    }
    if !is_glob(name) {
        return Ok(Part::Name(name.into()));
    }
    let pattern = Pattern::new(&name.to_string_lossy()).map_err(|error| {
        Error::new(ErrorKind::Location, format!("location \"{}\": {error}", path.display()))
    })?;
    Ok(Part::Pattern(pattern))
}

/// Adds the files below a folder that match the rest of a glob.
fn walk(folder: PathBuf, parts: &[Part], found: &mut Vec<PathBuf>) {
    let Some((first, rest)) = parts.split_first() else {
        if folder.is_file() {
            found.push(folder);
        }
        return;
    };
    match first {
        Part::Name(name) => walk(folder.join(name), rest, found),
        Part::Pattern(pattern) => each_entry(&folder, |entry| {
            if !pattern.matches(&entry.file_name().to_string_lossy()) {
                return;
            }
            // Most folders say so themselves: nothing is asked of each file.
            if rest.is_empty() && entry.file_type().is_ok_and(|file_type| file_type.is_file()) {
                found.push(entry.path());
            } else {
                walk(entry.path(), rest, found);
            }
        }),
        Part::Folders => {
            each_entry(&folder, |entry| {
                if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
                    walk(entry.path(), parts, found);
                }
            });
            match rest {
                // A trailing `**` matches all entries of these folders.
                [] => each_entry(&folder, |entry| walk(entry.path(), rest, found)),
                _ => walk(folder, rest, found),
            }
        }
    }
}

/// Calls `call` for each entry of a folder, sorted by name; a folder that cannot be listed has none.
fn each_entry(folder: &Path, mut call: impl FnMut(fs::DirEntry)) {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        pgrx::check_for_interrupts!();
        entries.push((entry.file_name(), entry));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (_, entry) in entries {
        pgrx::check_for_interrupts!();
        call(entry);
    }
}
