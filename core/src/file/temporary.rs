//! Temporary files in the folder of the files that they become: names, modes, and the removal of stale ones.

use std::format;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The most symbolic links that are followed, as in Linux.
const LINKS: usize = 40;

/// Resolves the symbolic links of a path. The target need not exist.
pub fn follow(path: &Path) -> PathBuf {
    let mut path = PathBuf::from(path);
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder(&path).join(target);
    }
    path
}

/// The folder that a path is in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The temporary path of `path` for this process.
pub fn path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Creates a temporary file, locked while it is open, with the owner and mode of the file that it replaces.
pub fn create(temporary: &Path, replaced: Option<&Metadata>) -> io::Result<File> {
    // Before it is locked, another process may remove the file as stale.
    loop {
        match fs::remove_file(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Until the mode is copied, only the owner may read the file.
        #[cfg(unix)]
        if replaced.is_some() {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(temporary)?;
        if file.lock().is_ok() && !temporary.exists() {
            continue;
        }
        if let Some(replaced) = replaced {
            keep_mode(&file, replaced)?;
        }
        return Ok(file);
    }
}

/// Copies the owner, where that is allowed, and the mode of another file.
#[cfg(unix)]
fn keep_mode(file: &File, replaced: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let mut mode = replaced.mode() & 0o777;
    let _ = fchown(file, Some(replaced.uid()), None);
    if fchown(file, None, Some(replaced.gid())).is_err() {
        // A different group gets the rights of others.
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// On other systems the rights of a file come from its folder.
#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Removes stale files in the folder of `path`: temporary files for that name, and for any index file, that no
/// process has locked.
pub fn remove_stale(path: &Path) {
    let Ok(entries) = fs::read_dir(folder(path)) else { return };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for entry in entries.flatten() {
        let entry_name = entry.file_name();
        let written = entry_name.to_str().and_then(written);
        if !written.is_some_and(|written| written == name || written.ends_with(".hither")) {
            continue;
        }
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // Where files cannot be locked, they are kept.
        let Ok(file) = OpenOptions::new().write(true).open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The name that a temporary file would have got.
fn written(temporary: &str) -> Option<&str> {
    let (written, process) = temporary.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    process.parse::<u32>().is_ok().then_some(written)
}
