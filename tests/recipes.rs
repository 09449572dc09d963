//! Checks ARCHITECTURE.md's recipes for changes: the files that they name exist, and for a new metric the
//! compiler reports every place that the recipe names.

use hither_tests::repository;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The recipes, each with its first words and the files that it names.
fn recipes() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(repository("ARCHITECTURE.md")).unwrap();
    let (_, recipes) = text.split_once("\n## To add …").expect("a section of recipes");
    let files = |recipe: &str| {
        let quoted = recipe.split('`').skip(1).step_by(2);
        quoted.filter(|word| word.contains('/')).map(String::from).collect()
    };
    let name = |recipe: &str| recipe.split("**").next().unwrap().to_string();
    recipes.split("\n- **").skip(1).map(|recipe| (name(recipe), files(recipe))).collect()
}

#[test]
fn what_recipes_name_exists() {
    let recipes = recipes();
    assert!(recipes.len() >= 5, "{recipes:?}");
    for (name, files) in recipes {
        assert!(!files.is_empty(), "{name} names no file");
        for file in files {
            assert!(repository(&file).exists(), "{name}: there is no {file}");
        }
    }
}

/// Adds a metric to a copy of core. The compiler must refuse each file of core that the recipe names, and no
/// other.
#[test]
fn a_new_metric_does_not_compile_until_all_places_know_it() {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &to);
            } else {
                fs::copy(&path, &to).unwrap();
            }
        }
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("metric");
    drop(fs::remove_dir_all(&place));
    copy(&repository("core"), &place.join("core"));
    // A workspace of core alone, with the same table of dependencies.
    let workspace = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let members = workspace.lines().find(|line| line.starts_with("members = ")).unwrap();
    let workspace = workspace.replace(members, "members = [\"core\"]");
    let others = ["hither-rows = ", "exclude = "];
    let lines =
        workspace.lines().filter(|line| !others.iter().any(|other| line.starts_with(other)));
    fs::write(place.join("Cargo.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    fs::copy(repository("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    let metric = place.join("core/src/metric.rs");
    let code = fs::read_to_string(&metric).unwrap();
    let last = "    L1 = 3,\n";
    assert!(code.contains(last), "the last metric is not where it was");
    let more = format!("{last}    /// One more.\n    Chebyshev = 4,\n");
    fs::write(&metric, code.replacen(last, &more, 1)).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--package", "hither", "--message-format", "short"])
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env_remove("RUSTFLAGS")
        .current_dir(&place)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let mut refused: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("error[E0004]"))
        .map(|line| line.split(':').next().unwrap())
        // The list that its macro takes is in metric.rs.
        .filter(|file| *file != "core/src/names.rs")
        .collect();
    refused.sort_unstable();
    refused.dedup();
    let (_, files) = recipes().into_iter().find(|(name, _)| name == "a metric").unwrap();
    let mut named: Vec<&str> = files.iter().map(String::as_str).collect();
    named.retain(|file| file.starts_with("core/"));
    named.sort_unstable();
    assert_eq!(refused, named, "{told}");
}
