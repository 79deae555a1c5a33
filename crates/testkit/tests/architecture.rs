//! The house: which crate may depend on which, which of them are pure, and that no files import
//! each other in a circle.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates from the lowest floor up: one may depend on those of lower floors only.
const FLOORS: [&[&str]; 6] = [
    &["timeouts", "cloudformation"],
    &["aws-model", "alb-model", "socketio-client"],
    &["server", "deployer"],
    &["testkit"],
    &["soak"],
    &["xtask"],
];
/// Crates without input and output, clocks and environment.
const PURE: [&str; 3] = ["timeouts", "cloudformation", "aws-model"];
/// What a pure crate does not name.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "tokio",
    "aws_sdk",
    "println!",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The workspace's crates by name.
fn crates() -> BTreeMap<String, PathBuf> {
    let root = workspace();
    let libraries = std::fs::read_dir(root.join("crates")).unwrap();
    let libraries = libraries.map(|entry| entry.unwrap().path());
    libraries
        .chain([root.join("server"), root.join("deployer")])
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect()
}

/// The lines of a manifest's table.
fn table<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let heading = format!("[{name}]");
    manifest
        .lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

#[test]
fn a_crate_depends_on_lower_floors_only() {
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    for (name, path) in crates() {
        let own = floor(&name).unwrap_or_else(|| panic!("{name} has no floor"));
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap();
        for line in table(&manifest, "dependencies").filter(|line| line.contains("path = ")) {
            let other = line.split([' ', '=', '.']).next().unwrap();
            let lower = floor(other).is_some_and(|other| other < own);
            assert!(lower, "{name} depends on {other}, which is not below it");
        }
    }
}

#[test]
fn the_aws_sdk_is_the_deployers_alone() {
    for (name, path) in crates() {
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap();
        let names_it = manifest.lines().any(|line| line.starts_with("aws-"));
        assert!(!names_it || name == "deployer", "{name} names the AWS SDK");
    }
}

#[test]
fn pure_crates_do_no_input_or_output() {
    for (name, path) in crates() {
        if !PURE.contains(&name.as_str()) {
            continue;
        }
        for (file, text) in sources(&path.join("src")) {
            for word in IMPURE {
                let found = text.lines().find(|line| line.contains(word));
                assert_eq!(found, None, "{name}: {} names {word}", file.display());
            }
        }
    }
}

/// The files below a folder with their code: comments and unit tests left out.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let all = files(folder);
    let tests: Vec<PathBuf> = all
        .iter()
        .flat_map(|(path, text)| {
            let named = text.split("#[cfg(test)]\nmod ").skip(1);
            let named = named.filter_map(|rest| rest.lines().next()?.strip_suffix(';'));
            let folder = match path.file_stem().unwrap().to_str().unwrap() {
                "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
                _ => path.with_extension(""),
            };
            named.map(move |name| folder.join(name)).collect::<Vec<_>>()
        })
        .collect();
    let is_test = |path: &Path| {
        tests
            .iter()
            .any(|test| path.starts_with(test) || path == test.with_extension("rs"))
    };
    let code = |text: &str| {
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    all.into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (path, code(&text)))
        .collect()
}

/// The files below a folder with their text.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The path of a module: `src/a/b.rs` and `src/a/b/mod.rs` are `[a, b]`.
fn module(source: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source).unwrap().with_extension("");
    let mut parts: Vec<String> = relative
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if matches!(parts.last().unwrap().as_str(), "mod" | "lib" | "main") {
        parts.pop();
    }
    parts
}

/// The modules that a file names by `crate::…` and `super::…`.
fn named(own: &[String], code: &str, modules: &BTreeSet<Vec<String>>) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (prefix, start) in [("crate::", 0), ("super::", own.len().saturating_sub(1))] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            let mut path = own[..start].to_vec();
            // `super::super::…` is written nowhere; each list of imports is one level deep.
            let list = rest
                .strip_prefix('{')
                .and_then(|rest| rest.split('}').next());
            for item in list
                .unwrap_or(rest)
                .split(if list.is_some() { ',' } else { '\0' })
            {
                let depth = path.len();
                for step in item.trim().split("::") {
                    let name: String = step
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    path.push(name);
                    if !modules.contains(&path) {
                        path.pop();
                        break;
                    }
                }
                found.insert(path.clone());
                path.truncate(depth);
            }
        }
    }
    // A module and its own children are one thing.
    found.retain(|other| !other.starts_with(own) && !own.starts_with(other));
    found
}

/// A circle in a graph, if there is one.
fn circle(graph: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut way = Vec::new();
        if let Some(found) = walk(graph, start, &mut way, &mut done) {
            return Some(found);
        }
    }
    None
}

fn walk(
    graph: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    node: &Vec<String>,
    way: &mut Vec<Vec<String>>,
    done: &mut BTreeSet<Vec<String>>,
) -> Option<Vec<String>> {
    if let Some(begin) = way.iter().position(|other| other == node) {
        let names = way[begin..].iter().map(|module| module.join("::"));
        return Some(names.collect());
    }
    if !done.insert(node.clone()) {
        return None;
    }
    way.push(node.clone());
    for next in graph.get(node).into_iter().flatten() {
        if let Some(found) = walk(graph, next, way, done) {
            return Some(found);
        }
    }
    way.pop();
    None
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for (name, path) in crates() {
        let source = path.join("src");
        let files: BTreeMap<Vec<String>, String> = sources(&source)
            .into_iter()
            .map(|(file, code)| (module(&source, &file), code))
            .collect();
        let modules: BTreeSet<_> = files.keys().cloned().collect();
        let imports: BTreeMap<_, _> = files
            .iter()
            .map(|(own, code)| (own.clone(), named(own, code, &modules)))
            .collect();
        assert_eq!(circle(&imports), None, "{name}: a circle of files");
        // Of the server, files only: its settings hold the types of those that are set.
        if name == "server" {
            continue;
        }
        // And of whole modules: what a child of one imports, its module does.
        let mut whole: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for (own, others) in &imports {
            let top = |module: &[String]| module.iter().take(1).cloned().collect::<Vec<_>>();
            let entry = whole.entry(top(own)).or_default();
            entry.extend(others.iter().map(|other| top(other)));
            entry.remove(&top(own));
        }
        assert_eq!(circle(&whole), None, "{name}: a circle of modules");
    }
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let graph = BTreeMap::from([
        (module("a"), BTreeSet::from([module("b")])),
        (module("b"), BTreeSet::from([module("c")])),
        (module("c"), BTreeSet::from([module("a")])),
    ]);
    assert_eq!(
        circle(&graph),
        Some(vec!["a".into(), "b".into(), "c".into()])
    );
    let modules = BTreeSet::from([module("a"), module("b"), module("c")]);
    let code = "use crate::b::X;\nuse crate::{c, d};\nfn f() { super::b::y(); my_crate::c::z(); }";
    assert_eq!(
        named(&module("a"), code, &modules),
        BTreeSet::from([module("b"), module("c"), vec![]])
            .into_iter()
            .filter(|module| !module.is_empty())
            .collect()
    );
}
