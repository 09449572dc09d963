//! The rules of the architecture: which module may import which, that no files import each other in a circle,
//! and which modules may name which crate.

mod imports;

use hither_tests::repository;
use imports::{Imports, circles, imports};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each module of core may import beside `error`, `limits` and `names`. Arrows run one way: no
/// module may be reached from itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("aligned", &[]),
    ("archive", &["aligned", "sort"]),
    (
        "builder",
        &[
            "aligned", "archive", "column", "element", "growing", "hnsw", "ivf", "key", "metric",
            "parallel", "quantize", "ranges", "segment", "sort", "vectors",
        ],
    ),
    ("calibration", &["archive", "metric"]),
    ("column", &["sort"]),
    ("distance", &["element"]),
    ("element", &[]),
    ("error", &[]),
    (
        "fetch",
        &[
            "aligned",
            "archive",
            "builder",
            "calibration",
            "column",
            "filter",
            "hnsw",
            "index",
            "key",
            "metric",
            "neighbor",
            "packed",
            "ranges",
            "rows",
            "segment",
            "sort",
            "vectors",
        ],
    ),
    ("file", &["archive", "aligned", "builder", "index", "key"]),
    ("filter", &["column", "distance", "key", "rows", "sort"]),
    ("growing", &["column", "key", "quantize", "vectors"]),
    (
        "hnsw",
        &[
            "distance", "metric", "neighbor", "packed", "parallel", "quantize", "random", "rows",
            "sort", "vectors",
        ],
    ),
    (
        "index",
        &[
            "archive",
            "builder",
            "calibration",
            "column",
            "element",
            "filter",
            "growing",
            "hnsw",
            "ivf",
            "key",
            "metric",
            "neighbor",
            "parallel",
            "segment",
            "sort",
            "vectors",
        ],
    ),
    ("ivf", &["element", "magnitude", "metric", "parallel", "random", "vectors"]),
    ("key", &["packed", "random", "sort"]),
    ("limits", &[]),
    ("magnitude", &["distance"]),
    ("metric", &["distance"]),
    ("names", &[]),
    ("neighbor", &["sort"]),
    ("packed", &[]),
    ("parallel", &[]),
    ("quantize", &["distance", "magnitude", "metric", "vectors"]),
    ("random", &[]),
    (
        "ranges",
        &[
            "calibration",
            "distance",
            "element",
            "ivf",
            "key",
            "magnitude",
            "metric",
            "neighbor",
            "packed",
            "parallel",
            "quantize",
            "random",
            "rows",
            "sort",
            "vectors",
        ],
    ),
    ("rows", &[]),
    ("sort", &[]),
    (
        "segment",
        &[
            "aligned",
            "archive",
            "calibration",
            "column",
            "filter",
            "hnsw",
            "ivf",
            "key",
            "metric",
            "neighbor",
            "parallel",
            "quantize",
            "random",
            "ranges",
            "rows",
            "sort",
            "vectors",
        ],
    ),
    ("vectors", &["aligned", "distance", "element", "magnitude", "metric"]),
];

/// Modules that any other may import.
const EVERYWHERE: &[&str] = &["error", "limits", "names"];

/// Crates that only these modules may name.
const CRATES: &[(&str, &[&str])] = &[
    ("pulp", &["distance"]),
    ("getrandom", &["key"]),
    ("half", &["element"]),
    ("hashbrown", &["growing"]),
    ("rayon", &["parallel"]),
    ("memmap2", &["file"]),
    ("rkyv", &["archive"]),
    ("serde", &["filter", "names"]),
    ("serde_json", &["filter"]),
];

/// Files that may contain `unsafe`.
const UNSAFE: &[&str] = &[
    "distance/x86.rs",
    "distance/x86/vnni.rs",
    "distance/aarch64.rs",
    "distance/prefetch.rs",
    "file/map.rs",
];

/// Every source file of core.
fn sources() -> Vec<(String, String, String)> {
    sources_of("core/src")
}

/// Every source file in a folder: its path within the folder, its module, and its code without tests.
fn sources_of(folder: &str) -> Vec<(String, String, String)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
                continue;
            }
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            if relative == "lib.rs"
                || relative.ends_with("tests.rs")
                || relative.contains("/tests/")
            {
                continue;
            }
            let module = relative.split('/').next().unwrap().trim_end_matches(".rs").to_string();
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap().to_string();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push((relative, module, lines.collect::<Vec<_>>().join("\n")));
        }
    }
    let root = repository(folder);
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found
}

/// The words behind every `path` in `code`: `crate::NAME` gives NAME.
fn named<'c>(code: &'c str, path: &str) -> Vec<&'c str> {
    code.split(path)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .filter(|name| name.starts_with(|c: char| c.is_lowercase()))
        .collect()
}

#[test]
fn modules_import_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (file, module, code) in sources() {
        let Some(may) = allowed.get(module.as_str()) else { panic!("{file}: no arrows for it") };
        for name in named(&code, "crate::") {
            let fine = name == module || EVERYWHERE.contains(&name) || may.contains(&name);
            assert!(fine, "{file} imports {name}, which {module} may not");
        }
    }
}

#[test]
fn arrows_run_one_way() {
    fn reaches(from: &str, to: &str, allowed: &BTreeMap<&str, &[&str]>) -> bool {
        allowed[from].iter().any(|next| *next == to || reaches(next, to, allowed))
    }
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (module, _) in ARROWS {
        assert!(!reaches(module, module, &allowed), "{module} reaches itself");
    }
}

/// The Postgres extension is a workspace of its own. Its arrows are not listed, but must not form a circle.
#[test]
fn arrows_run_one_way_in_the_extension() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, module, code) in sources_of("fdw/src") {
        let imported = named(&code, "crate::").into_iter().filter(|name| **name != module);
        arrows.entry(module.clone()).or_default().extend(imported.map(String::from));
    }
    // Modules that import none of those left are removed, until none is left.
    while !arrows.is_empty() {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        arrows.retain(|_, imported| !imported.is_disjoint(&left));
        assert!(arrows.len() < left.len(), "these import each other in a circle: {left:?}");
    }
}

/// Arrows between files, in every crate. An arrow leads from a file to the file that defines what it names, by
/// `use` or in place. A file that only passes a name on (`pub use`) does not count: so a parent may pass on
/// what its child defines, and the child may name what the parent defines, as long as the parent's own code
/// names nothing of the child. Methods make no arrows: the methods of a type may be in several files.
#[test]
fn no_files_import_each_other_in_a_circle() {
    for root in [
        "core/src/lib.rs",
        "rows/src/lib.rs",
        "remote/src/lib.rs",
        "cli/src/lib.rs",
        "python/src/lib.rs",
        "wasm/src/lib.rs",
        "fdw/src/lib.rs",
    ] {
        let imports = imports(&repository(root));
        assert!(imports.len() > 10, "{root}: so few files were found: {:?}", imports.keys());
        let circles: Vec<String> =
            circles(&imports).iter().map(|circle| describe(circle, &imports)).collect();
        assert!(circles.is_empty(), "{root}: files import each other:{}", circles.concat());
    }
}

/// The rule above on a small crate: which file names what, through which other file, and what does not count.
#[test]
fn a_circle_of_files_is_found() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("circle");
    for (file, code) in [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests; pub use a::Own;"),
        ("a.rs", "mod inner; pub(crate) use inner::Thing as Renamed; pub struct Own;"),
        (
            "a/inner.rs",
            "use super::super::b::{self, deep::{Deeper}}; use std::fmt;
             pub struct Thing(super::Own, crate::Own, Deeper, fmt::Error);
             fn f() -> b::B { b::make() } // crate::not::here",
        ),
        ("b.rs", "pub mod deep; pub struct B; pub fn make() -> B { B }"),
        ("b/deep.rs", "pub struct Deeper(Vec<crate::a::Renamed>);"),
    ] {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), code).unwrap();
    }
    let imports = imports(&root.join("lib.rs"));
    let told: Vec<String> = imports
        .iter()
        .flat_map(|(file, of)| {
            of.iter().map(move |(other, what)| format!("{file} {other} {what:?}"))
        })
        .collect();
    let wanted = [
        r#"a/inner.rs a.rs {"Own"}"#,
        r#"a/inner.rs b.rs {"B", "make"}"#,
        r#"a/inner.rs b/deep.rs {"Deeper"}"#,
        r#"b/deep.rs a/inner.rs {"Thing"}"#,
    ];
    assert_eq!(told, wanted);
    assert_eq!(circles(&imports), [["a/inner.rs", "b/deep.rs"]]);
}

/// The arrows of a circle, one on each line.
fn describe(circle: &[&str], imports: &Imports) -> String {
    let mut text = String::new();
    for file in circle {
        for (other, names) in &imports[*file] {
            if circle.contains(&other.as_str()) {
                text += &format!("\n  {file} names {names:?} of {other}");
            }
        }
    }
    text + "\n"
}

#[test]
fn crates_are_named_in_one_place() {
    for (file, module, code) in sources() {
        for (name, modules) in CRATES {
            let names =
                code.contains(&format!("use {name}::")) || code.contains(&format!(" {name}::"));
            assert!(!names || modules.contains(&module.as_str()), "{file} names {name}");
        }
        let has =
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl");
        assert!(!has || UNSAFE.contains(&file.as_str()), "{file} holds unsafe code");
    }
}

#[test]
fn files_are_short_and_well_named() {
    for folder in [
        "core/src",
        "rows/src",
        "remote/src",
        "remote/tests",
        "cli/src",
        "python/src",
        "wasm/src",
        "fdw/src",
        "tests",
    ] {
        fn walk(folder: &Path) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let lines = fs::read_to_string(&path).unwrap().lines().count();
                    assert!(lines <= 500, "{}: {lines} lines", path.display());
                    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                    let vague = ["mod", "utils", "common", "helpers", "types", "misc"];
                    assert!(!vague.contains(&stem.as_str()), "{}", path.display());
                }
            }
        }
        walk(&repository(folder));
    }
}

/// The root of the documentation must be easy to survey: fewer than 50 names, and what few need in `raw`.
#[test]
fn the_root_of_core_has_fewer_than_50_names() {
    let code = fs::read_to_string(repository("core/src/lib.rs")).unwrap();
    let (root, _) = code.split_once("pub mod raw {").expect("a module for what few need");
    let uses = root.split("\npub use ").skip(1).map(|rest| rest.split_once(';').unwrap().0);
    let names = uses.flat_map(|path| {
        let names = path.rsplit("::").next().unwrap().trim_matches(['{', '}', '\n']);
        names.split(',').map(str::trim).filter(|name| !name.is_empty())
    });
    let mut names: Vec<&str> = names.collect();
    names.extend(["raw", "limits"]);
    assert!(names.contains(&"Index") && names.contains(&"merge_into"), "{names:?}");
    assert!(names.len() < 50, "{}: {names:?}", names.len());
}
