//! The files that this backend keeps open, and the memory limit for their pieces.

use super::file::RangeFile;
use crate::search::recent::RecentValues;
use crate::sql::settings;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::SystemTime;

/// An open file, and when its server was last asked for its version.
struct CacheEntry {
    file: Rc<RangeFile>,
    asked: SystemTime,
}

thread_local! {
    /// Open files by object id.
    static KEPT: RefCell<RecentValues<String, CacheEntry>> = RefCell::default();
}

/// The open file of an object.
pub fn find(id: &str) -> Option<Rc<RangeFile>> {
    find_asked_since(id, SystemTime::UNIX_EPOCH)
}

/// The open file of an object, if its server was asked at `trusted_since` or later.
pub fn find_asked_since(id: &str, trusted_since: SystemTime) -> Option<Rc<RangeFile>> {
    KEPT.with_borrow_mut(|kept| {
        let kept = kept.get(id).filter(|kept| kept.asked >= trusted_since)?;
        Some(Rc::clone(&kept.file))
    })
}

/// Keeps a file for an object whose server was asked at `asked`.
pub fn keep(id: &str, file: Rc<RangeFile>, asked: SystemTime) {
    KEPT.with_borrow_mut(|kept| kept.insert(id.into(), CacheEntry { file, asked }));
}

/// Stops keeping a file.
pub fn discard(file: &RangeFile) {
    let id = file.remote.object().id();
    KEPT.with_borrow_mut(|kept| {
        if kept.get(id).is_some_and(|kept| std::ptr::eq(&*kept.file, file)) {
            kept.remove(id);
        }
    });
}

/// Drops pieces until those of all files together are within the limit: first, all pieces of files that the
/// current statement does not use.
pub fn trim() {
    let limit = settings::fetch_memory();
    let held = |file: &RangeFile| file.index.traffic().1;
    KEPT.with_borrow(|kept| {
        if kept.iter().map(|(kept, _)| held(&kept.file)).sum::<u64>() <= limit {
            return;
        }
        let used = kept.iter().filter(|(_, is_used)| *is_used).count() as u64;
        for (kept, is_used) in kept.iter() {
            kept.file.index.shrink(if is_used { limit / used } else { 0 });
        }
    });
}
