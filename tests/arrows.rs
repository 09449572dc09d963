//! The house's rules: which module may import which, and which crate is named where.

use hither_tests::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each module of core may import beside `error`. Arrows run one way: no module may be
/// reached from itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("aligned", &[]),
    ("archive", &["aligned", "sort"]),
    (
        "builder",
        &[
            "aligned", "archive", "column", "element", "growing", "hnsw", "ivf", "key", "metric",
            "parallel", "quantize", "segment", "sort", "vectors",
        ],
    ),
    ("calibration", &["archive", "metric"]),
    ("column", &["sort"]),
    ("distance", &["element"]),
    ("element", &[]),
    ("error", &[]),
    ("file", &["archive", "aligned", "index"]),
    ("filter", &["column", "key", "rows", "sort"]),
    ("growing", &["column", "filter", "key", "metric", "neighbor", "sort", "vectors"]),
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
    ("key", &["packed", "sort"]),
    ("magnitude", &["distance"]),
    ("metric", &["distance"]),
    ("neighbor", &["sort"]),
    ("packed", &[]),
    ("parallel", &[]),
    ("quantize", &["distance", "magnitude", "metric", "vectors"]),
    ("random", &[]),
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
            "rows",
            "sort",
            "vectors",
        ],
    ),
    ("vectors", &["aligned", "distance", "element", "magnitude", "metric"]),
];

/// Crates that only these modules may name.
const CRATES: &[(&str, &[&str])] = &[
    ("pulp", &["distance"]),
    ("half", &["element"]),
    ("hashbrown", &["growing"]),
    ("rayon", &["parallel"]),
    ("memmap2", &["file"]),
    ("serde", &["filter"]),
    ("serde_json", &["filter"]),
];

/// Files that may hold `unsafe`.
const UNSAFE: &[&str] =
    &["distance/x86.rs", "distance/aarch64.rs", "distance/prefetch.rs", "file.rs"];

/// Every source file of core.
fn sources() -> Vec<(String, String, String)> {
    sources_of("core/src")
}

/// Every source file in a folder: its path within, its module, its code without tests.
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
            let fine = name == module || name == "error" || may.contains(&name);
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

/// The Postgres extension is a workspace of its own, and its arrows are what its files say.
#[test]
fn arrows_run_one_way_in_the_extension() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, module, code) in sources_of("fdw/src") {
        let imported = named(&code, "crate::").into_iter().filter(|name| **name != module);
        arrows.entry(module.clone()).or_default().extend(imported.map(String::from));
    }
    // What imports nothing that is left is taken away, until nothing is left.
    while !arrows.is_empty() {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        arrows.retain(|_, imported| !imported.is_disjoint(&left));
        assert!(arrows.len() < left.len(), "these import each other in a circle: {left:?}");
    }
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
    for folder in ["core/src", "cli/src", "wasm/src", "fdw/src", "tests"] {
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
