//! Files of servers of this machine, brought into a cache.

mod answers;
mod asking;
mod faults;
mod keeping;
mod parts;
mod server;

use hither::{IndexBuilder, IndexOptions, Metric};
use hither_remote::{Access, Cache, CacheOptions, CachedFile, Error, Object, location};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;
use tempfile::TempDir;

const DATE: &str = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT";
const ROOM: u64 = 1 << 30;

/// An index file of some rows.
fn file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let mut builder = IndexBuilder::new(IndexOptions::new(8, Metric::L2)).unwrap();
        for row in 0..500 {
            let vector: Vec<f32> = (0..8).map(|at| (row * (at + 1) % 97) as f32).collect();
            builder.push(None, &vector, &[]).unwrap();
        }
        builder.finish().unwrap().to_vec()
    })
}

/// The objects that a location means to `access`.
fn objects(access: &Access, url: &str) -> Result<Vec<Object>, Error> {
    access.objects(&location::parse(url, None)?, &mut || false)
}

fn cache(folder: &Path, size: u64, trusted_since: SystemTime) -> Cache {
    let folder = folder.join("cache");
    Cache::open(CacheOptions { folder, size, share: None, trusted_since }).unwrap()
}

/// Brings what `access` finds at a URL, and believes no earlier answer.
fn bring(access: &Access, folder: &TempDir, url: &str) -> Result<CachedFile, Error> {
    let cache = cache(folder.path(), ROOM, SystemTime::now());
    Ok(cache.bring(&objects(access, url)?, &mut || false)?.remove(0))
}

/// The kinds of files that are left in the cache, without locks.
fn left(folder: &TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path().join("cache")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kinds = names.filter_map(|name| Some(name.split_once('.')?.1.to_owned()));
    let mut kinds: Vec<String> = kinds.filter(|kind| kind != "lock").collect();
    kinds.sort();
    kinds
}
