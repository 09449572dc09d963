//! Finds which source file of a crate imports which, by reading the code like the compiler: from the root of
//! the crate along `mod`, without code that is compiled for tests only.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For every file, the files that it imports and the names that it imports from each. Files are named by their
/// path within the crate's `src`.
pub type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What the files of a crate import from each other; `root` is its `lib.rs` or `main.rs`.
pub fn imports(root: &Path) -> Imports {
    let mut modules = Modules { folder: root.parent().unwrap().to_path_buf(), all: Vec::new() };
    modules.read_file(root, root.parent().unwrap(), 0);
    let mut imports = Imports::new();
    for (number, module) in modules.all.iter().enumerate() {
        let imported = imports.entry(module.file.clone()).or_default();
        for path in &module.paths {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            for (file, name) in modules.resolve(number, &path, true) {
                if file != module.file {
                    imported.entry(file).or_default().insert(name);
                }
            }
        }
    }
    imports
}

/// The groups of files that import each other, directly or through others.
pub fn circles(imports: &Imports) -> Vec<Vec<&str>> {
    fn reach<'i>(from: &str, imports: &'i Imports, found: &mut BTreeSet<&'i str>) {
        for next in imports[from].keys() {
            if found.insert(next) {
                reach(next, imports, found);
            }
        }
    }
    let mut reached = BTreeMap::new();
    for file in imports.keys() {
        let mut found = BTreeSet::new();
        reach(file, imports, &mut found);
        reached.insert(file.as_str(), found);
    }
    let mut circles = BTreeSet::new();
    for (file, found) in &reached {
        let circle = found.iter().filter(|other| reached[**other].contains(file));
        circles.insert(circle.copied().collect::<Vec<_>>());
    }
    circles.into_iter().filter(|circle| !circle.is_empty()).collect()
}

/// A module: a file, or `mod name { … }` within one.
struct Module {
    file: String,
    parent: usize,
    /// Several children may have the same name, each for another platform.
    children: Vec<(String, usize)>,
    /// The names that `use` brings into scope, and what they stand for.
    scope: Vec<(String, Vec<String>)>,
    /// The paths that the code names, except imports that are only passed on.
    paths: Vec<Vec<String>>,
}

struct Modules {
    folder: PathBuf,
    all: Vec<Module>,
}

impl Modules {
    /// Reads a file as a module; the files of its own modules are in `folder`.
    fn read_file(&mut self, file: &Path, folder: &Path, parent: usize) -> usize {
        let code = fs::read_to_string(file).unwrap();
        let tokens: TokenStream =
            code.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.strip_prefix(&self.folder).unwrap().to_string_lossy().replace('\\', "/");
        self.read_module(name, folder, parent, tokens)
    }

    fn read_module(
        &mut self,
        file: String,
        folder: &Path,
        parent: usize,
        tokens: TokenStream,
    ) -> usize {
        let (children, scope, paths) = (Vec::new(), Vec::new(), Vec::new());
        self.all.push(Module { file, parent, children, scope, paths });
        let number = self.all.len() - 1;
        self.read_tokens(number, folder, tokens);
        number
    }

    fn read_tokens(&mut self, module: usize, folder: &Path, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut passed_on = false;
        let mut path = None;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let attribute = text(tokens.get(at)).replace(' ', "");
                    if attribute.starts_with("[cfg(test)") || attribute.starts_with("[cfg(all(test")
                    {
                        at = behind_item(&tokens, at + 1);
                    } else if let Some(given) = attribute.strip_prefix("[path=\"") {
                        path = Some(given.trim_end_matches("\"]").to_string());
                        at += 1;
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                TokenTree::Group(group) => self.read_tokens(module, folder, group.stream()),
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "pub" => {
                        let narrow = matches!(tokens.get(at), Some(TokenTree::Group(_)));
                        passed_on = text(tokens.get(at + usize::from(narrow))) == "use";
                    }
                    "use" => {
                        let mut named = Vec::new();
                        at = read_paths(&tokens, at, &[], &mut named);
                        if text(tokens.get(at)) == "as" {
                            at += 2;
                        }
                        for (name, path) in named {
                            if !passed_on {
                                self.all[module].paths.push(path.clone());
                            }
                            self.all[module].scope.push((name, path));
                        }
                        passed_on = false;
                    }
                    "mod" => {
                        self.read_child(module, folder, &tokens[at..], path.take());
                        at += 2;
                    }
                    _ => {
                        let own = belongs(&tokens, at - 1);
                        let mut named = Vec::new();
                        at = read_paths(&tokens, at - 1, &[], &mut named);
                        if !own {
                            self.all[module].paths.extend(named.into_iter().map(|(_, path)| path));
                        }
                    }
                },
            }
        }
    }

    /// Reads a `mod` declaration: a name, followed by its code or nothing. Without code, reads the file of that
    /// name, or at the given path, which is relative to the folder of the declaring file.
    fn read_child(
        &mut self,
        module: usize,
        folder: &Path,
        declared: &[TokenTree],
        path: Option<String>,
    ) {
        let name = text(declared.first());
        let within = folder.join(&name);
        let file = self.all[module].file.clone();
        let child = match (declared.get(1), path) {
            (Some(TokenTree::Group(code)), _) => {
                self.read_module(file, &within, module, code.stream())
            }
            (_, Some(path)) => {
                let beside = self.folder.join(file);
                self.read_file(&beside.with_file_name(path), &within, module)
            }
            (_, None) => self.read_file(&within.with_extension("rs"), &within, module),
        };
        self.all[module].children.push((name, child));
    }

    /// The files that define what a path means in a module, and its name there. A name that a module only
    /// passes on is looked up where it comes from. `outer` is true while the first name of the path may also be
    /// another crate or a local name, which are not found.
    fn resolve(&self, module: usize, path: &[&str], outer: bool) -> Vec<(String, String)> {
        let Some((&name, rest)) = path.split_first() else { return Vec::new() };
        let here = &self.all[module];
        match name {
            "crate" => return self.resolve(0, rest, false),
            "super" => return self.resolve(here.parent, rest, false),
            "self" => return self.resolve(module, rest, false),
            _ => {}
        }
        let mut found = Vec::new();
        let children: Vec<_> = here.children.iter().filter(|(child, _)| child == name).collect();
        for (_, child) in &children {
            found.extend(self.resolve(*child, rest, false));
        }
        if !children.is_empty() && !rest.is_empty() {
            return found;
        }
        let mut imported = false;
        for (_, path) in here.scope.iter().filter(|(known, _)| known == name) {
            imported = true;
            let own = path[0] == name && !here.children.iter().any(|(child, _)| *child == path[0]);
            if !own {
                let path: Vec<&str> =
                    path.iter().map(String::as_str).chain(rest.iter().copied()).collect();
                found.extend(self.resolve(module, &path, true));
            }
        }
        if children.is_empty() && !imported && !outer {
            found.push((here.file.clone(), name.to_string()));
        }
        found
    }
}

/// The text of a token; empty if there is none.
fn text(token: Option<&TokenTree>) -> String {
    token.map(TokenTree::to_string).unwrap_or_default()
}

/// Whether `::` is at a place.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    text(tokens.get(at)) == ":" && text(tokens.get(at + 1)) == ":"
}

/// Whether the tokens before a name qualify it: by a value (`.name`, but not `..name`), a type or a crate
/// (`>::name`, `::name`).
fn belongs(tokens: &[TokenTree], at: usize) -> bool {
    let before = |places: usize| at.checked_sub(places).map(|at| text(tokens.get(at)));
    match before(1).as_deref() {
        Some(".") => before(2).as_deref() != Some("."),
        Some(":") => before(2).as_deref() == Some(":"),
        _ => false,
    }
}

/// The end of the item that begins at a place, perhaps with more attributes.
fn behind_item(tokens: &[TokenTree], mut at: usize) -> usize {
    let mut import = false;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !import => break,
            TokenTree::Ident(ident) if *ident == "use" => import = true,
            _ => {}
        }
    }
    at
}

/// Reads a path, or a tree of paths in braces, from `at` on: the name that each brings into scope, and the
/// path. Returns the place behind it.
fn read_paths(
    tokens: &[TokenTree],
    mut at: usize,
    before: &[String],
    named: &mut Vec<(String, Vec<String>)>,
) -> usize {
    let mut path = before.to_vec();
    // A path that begins with `::` begins with a crate; nothing here has its empty name.
    if is_path(tokens, at) {
        path.push(String::new());
        at += 2;
    }
    loop {
        match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inner.split(|token| token.to_string() == ",") {
                    if !branch.is_empty() {
                        read_paths(branch, 0, &path, named);
                    }
                }
                return at + 1;
            }
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => path.push("*".to_string()),
            _ => break,
        }
        at += 1;
        if !is_path(tokens, at) {
            break;
        }
        at += 2;
    }
    // `{self}` after a module means the module.
    if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
        path.pop();
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if text(tokens.get(at)) == "as" {
        name = text(tokens.get(at + 1));
    }
    if !path.is_empty() {
        named.push((name, path));
    }
    at
}
