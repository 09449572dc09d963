//! What the cache keeps, for whom, and for how long.

use crate::server::{Server, whole};
use crate::{ROOM, cache, file, objects};
use hither_remote::{Access, Cache, CacheOptions, Error, ErrorKind, Object, note_use};
use std::fs;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

#[test]
fn the_cache_has_a_limit_and_what_was_not_used_longest_goes() {
    let folder = TempDir::new().unwrap();
    let server = Server::always(whole("200 OK", &[], file()));
    let size = file().len() as u64;
    let bring = |name: &str, size: u64, share: Option<u64>| {
        let objects = objects(&Access::default(), &server.url(name)).unwrap();
        let options = CacheOptions {
            folder: folder.path().join("cache"),
            size,
            share,
            trusted_since: SystemTime::now(),
        };
        let held = Cache::open(options).unwrap().bring(&objects, &mut || false)?;
        Ok::<_, Error>(held[0].path.clone())
    };
    let error = bring("/large", size - 1, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    let error = bring("/large", ROOM, Some(size - 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Share(size - 1), "{error}");
    let a = bring("/a", 2 * size, None).unwrap();
    let b = bring("/b", 2 * size, None).unwrap();
    note_use(&a);
    let c = bring("/c", 2 * size, None).unwrap();
    assert_eq!([a.exists(), b.exists(), c.exists()], [true, false, true]);

    // What is held goes for nobody.
    let all = ["/a", "/b", "/c"].map(|name| server.url(name));
    let all: Vec<Object> =
        all.iter().flat_map(|url| objects(&Access::default(), url).unwrap()).collect();
    let cache = cache(folder.path(), 2 * size, SystemTime::UNIX_EPOCH);
    let held = cache.bring(&[all[0].clone(), all[2].clone()], &mut || false).unwrap();
    let error = bring("/b", 2 * size, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    drop(held);
    bring("/b", 2 * size, None).unwrap();
}

#[test]
fn who_wants_the_same_file_at_once_shares_one_download() {
    let folder = TempDir::new().unwrap();
    let server = Server::new(|_, _| {
        thread::sleep(Duration::from_millis(100));
        Some(whole("200 OK", &[], file()))
    });
    let broken = Server::new(|_, _| {
        thread::sleep(Duration::from_millis(100));
        Some(whole("403 Forbidden", &[], b""))
    });
    let trusted_since = SystemTime::now() - Duration::from_secs(1);
    let begin = Arc::new(Barrier::new(8));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (folder, begin, right) = (folder.path(), Arc::clone(&begin), thread % 2 == 0);
            let url = if right { server.url("/f.hither") } else { broken.url("/f.hither") };
            scope.spawn(move || {
                let objects = objects(&Access::default(), &url).unwrap();
                let cache = cache(folder, ROOM, trusted_since);
                begin.wait();
                let brought = cache.bring(&objects, &mut || false);
                assert_eq!(brought.is_ok(), right, "{brought:?}");
            });
        }
    });
    // Who waited for an error has it, too, and asks nobody.
    assert_eq!((server.asked().len(), broken.asked().len()), (1, 1));
}

#[test]
fn a_wait_ends_when_told_and_leaves_no_lock() {
    let folder = TempDir::new().unwrap();
    let server = Server::new(|_, number| (number > 1).then(|| whole("200 OK", &[], file())));
    let objects = objects(&Access::default(), &server.url("/f.hither")).unwrap();
    let cache = cache(folder.path(), ROOM, SystemTime::now());
    let mut looks = 0;
    let mut interrupt = || {
        looks += 1;
        looks > 3
    };
    let error = cache.bring(&objects, &mut interrupt).unwrap_err();
    assert_eq!((error.kind(), looks), (ErrorKind::Interrupted, 4));
    cache.bring(&objects, &mut || false).unwrap();
}

#[test]
fn a_file_of_this_machine_is_copied_and_another_version_is_another_object() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f.hither");
    fs::write(&path, file()).unwrap();
    let cache = cache(folder.path(), ROOM, SystemTime::UNIX_EPOCH);
    let [one, two] = ["1", "2"].map(|version| Object::local(&path, version).unwrap());
    assert_ne!(one.id(), two.id());
    let held = cache.bring(std::slice::from_ref(&one), &mut || false).unwrap();
    assert_eq!(fs::read(&held[0].path).unwrap(), file());
    // It is not asked for again.
    fs::write(&path, b"changed in place").unwrap();
    cache.bring(&[one], &mut || false).unwrap();
    let error = cache.bring(&[two], &mut || false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAnIndex, "{error}");
}
