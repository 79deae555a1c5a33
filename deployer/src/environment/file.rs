//! Finds, reads and merges environment files.

use std::path::{Path, PathBuf};

use super::field::FromNode;
use super::section::Environment;
use crate::diagnostic::{Mistake, Mistakes, nearest};
use crate::node::{Entry, Kind, Node, Syntax, Value, read, read_file};

/// The defaults that every environment may extend; a `defaults.yaml` beside the environment file counts first.
pub const DEFAULTS: &str = include_str!("../../../environments/defaults.yaml");

/// The file that `--env` names: a path, or the name of a file in `directory`.
///
/// # Errors
/// There is no such file; the mistake names the nearest one.
pub fn find(name: &str, directory: &Path) -> Result<PathBuf, Mistakes> {
    let is_path = name.contains(['/', '\\']) || has_yaml_extension(Path::new(name));
    let path = if is_path {
        PathBuf::from(name)
    } else {
        directory.join(format!("{name}.yaml"))
    };
    if path.is_file() {
        return Ok(path);
    }
    let mistake = Mistake::nowhere(format!("there is no {}", path.display()));
    let names = names_in(directory);
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => mistake.help("`deployer init` writes one"),
        None => mistake.help(format!(
            "the environments in {} are {}",
            directory.display(),
            names.join(", ")
        )),
    }
    .into())
}

fn has_yaml_extension(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The environments in a directory, without the defaults that they extend.
fn names_in(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let mut names: Vec<_> = files
        .filter(|path| has_yaml_extension(path))
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .filter(|name| name != "defaults")
        .collect();
    names.sort();
    names
}

/// Reads an environment file and what it extends. `change` may set values before they are looked at, `--image` for
/// instance.
///
/// # Errors
/// Every mistake in it: unknown keys, wrong types, values out of range, each with its line.
pub fn load(path: &Path, change: impl FnOnce(&mut Node)) -> Result<Environment, Mistakes> {
    let mut node = extended(path, &mut Vec::new())?;
    change(&mut node);
    let mut mistakes = Mistakes::default();
    let environment = Environment::from_node(&node, &mut mistakes);
    if let Some(environment) = &environment {
        environment.check(&mut mistakes);
    }
    match environment {
        Some(environment) => mistakes.or(environment),
        None => Err(mistakes),
    }
}

/// The file with what it extends beneath it.
fn extended(path: &Path, below: &mut Vec<PathBuf>) -> Result<Node, Mistakes> {
    let is_defaults = path.file_name().is_some_and(|name| name == "defaults.yaml");
    let mut node = match path.is_file() {
        false if is_defaults => read("defaults.yaml (built in)", DEFAULTS, Syntax::Plain)?,
        _ => read_file(path, Syntax::Plain)?,
    };
    if matches!(&node.value, Value::Scalar(scalar) if scalar.kind == Kind::Null) {
        node.value = Value::Map(crate::node::Map::new());
    }
    let Value::Map(map) = &mut node.value else {
        return Ok(node);
    };
    let Some(extends) = map.shift_remove("extends") else {
        return Ok(node);
    };
    let place = extends.node.place().unwrap_or(&extends.key).clone();
    let Some(name) = extends.node.as_text().filter(|name| !name.is_empty()) else {
        return Err(
            Mistake::at(&place, "`extends` is the name of another environment file").into(),
        );
    };
    below.push(path.to_path_buf());
    let base = path.with_file_name(if has_yaml_extension(Path::new(name)) {
        name.to_owned()
    } else {
        format!("{name}.yaml")
    });
    if below.contains(&base) {
        return Err(Mistake::at(&place, format!("`{name}` extends this file itself")).into());
    }
    if !base.is_file() && base.file_name().is_none_or(|file| file != "defaults.yaml") {
        return Err(Mistake::at(&place, format!("there is no {}", base.display())).into());
    }
    let mut base = extended(&base, below)?;
    merge(&mut base, node);
    Ok(base)
}

/// Lays one file over another: mappings are merged, everything else is replaced.
fn merge(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Map(base_map), Value::Map(over_map)) => {
            // The section is spoken of where the more telling file has it.
            base.origin = over.origin;
            for (key, entry) in over_map {
                match base_map.get_mut(&key) {
                    // `store: { url: … }` over `store: { file: … }` is another store, not a mixture of both.
                    Some(below) if key != "store" => {
                        let Entry { key, node } = entry;
                        below.key = key;
                        merge(&mut below.node, node);
                    }
                    _ => _ = base_map.insert(key, entry),
                }
            }
        }
        (_, value) => {
            *base = Node {
                value,
                origin: over.origin,
            }
        }
    }
}
