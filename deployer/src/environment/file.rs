//! Finds, reads and merges environment files.

use std::path::{Path, PathBuf};

use super::field::FromNode;
use super::section::Environment;
use crate::source_file::read_node;
use cloudformation::diagnostic::{Mistake, Mistakes, nearest};
use cloudformation::node::{Entry, Kind, Node, Syntax, Value, read};

/// The defaults that every environment may extend; a `defaults.yaml` beside the environment file
/// counts first.
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
        None if names.is_empty() && is_path => mistake.help("`deployer init` writes one"),
        None if names.is_empty() => mistake.help(format!("`deployer init {name}` writes one")),
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

/// Reads an environment file and what it extends. `change` may set values before they are looked
/// at, `--image` for instance.
///
/// # Errors
/// Every mistake in it: unknown keys, wrong types, values out of range, each with its line.
pub fn load(path: &Path, change: impl FnOnce(&mut Node)) -> Result<Environment, Mistakes> {
    let mut node = extended(path, read_node(path, Syntax::Plain)?, &mut Vec::new())?;
    change(&mut node);
    typed(&node)
}

/// Reads the text of an environment file that is to be written at `path`.
///
/// # Errors
/// Every mistake in it.
pub fn parse(path: &Path, text: &str) -> Result<Environment, Mistakes> {
    let node = read(&path.display().to_string(), text, Syntax::Plain)?;
    typed(&extended(path, node, &mut Vec::new())?)
}

fn typed(node: &Node) -> Result<Environment, Mistakes> {
    let mut mistakes = Mistakes::default();
    let environment = Environment::from_node(node, &mut mistakes);
    if let Some(environment) = &environment {
        environment.check(&mut mistakes);
    }
    // Without an environment there is a mistake, so that the `Option` is never empty where all is
    // well.
    mistakes.or(environment)?.ok_or_else(Mistakes::default)
}

/// A file with what it extends beneath it.
fn extended(path: &Path, mut node: Node, above: &mut Vec<PathBuf>) -> Result<Node, Mistakes> {
    if is_null(&node) {
        node.value = Value::Map(cloudformation::node::Map::new());
    }
    let Value::Map(map) = &mut node.value else {
        return Ok(node);
    };
    let Some(extends) = map.shift_remove("extends") else {
        return Ok(node);
    };
    let place = extends.node.place().unwrap_or(&extends.key).clone();
    let Some(name) = extends.node.as_text().filter(|name| !name.is_empty()) else {
        let message = "`extends` takes the name of another environment file";
        return Err(Mistake::at(&place, message).into());
    };
    above.push(path.to_path_buf());
    let file = if has_yaml_extension(Path::new(name)) {
        name.to_owned()
    } else {
        format!("{name}.yaml")
    };
    let below = path.with_file_name(&file);
    if above.contains(&below) {
        return Err(Mistake::at(&place, format!("`{name}` extends this file itself")).into());
    }
    let below_node = match below.is_file() {
        true => read_node(&below, Syntax::Plain)?,
        false if file == "defaults.yaml" => {
            read("defaults.yaml (built in)", DEFAULTS, Syntax::Plain)?
        }
        false => {
            return Err(Mistake::at(&place, format!("there is no {}", below.display())).into());
        }
    };
    let mut base = extended(&below, below_node, above)?;
    merge(&mut base, node);
    Ok(base)
}

fn is_null(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.kind == Kind::Null)
}

/// Lays one file over another: mappings are merged, everything else is replaced.
fn merge(base: &mut Node, over: Node) {
    // A section whose settings are all behind a `#` says nothing; a setting without a value takes
    // back what is below.
    if is_null(&over) && base.as_map().is_some() {
        return;
    }
    match (&mut base.value, over.value) {
        (Value::Map(base_map), Value::Map(over_map)) => {
            // The section is spoken of where the more telling file has it.
            base.origin = over.origin;
            for (key, entry) in over_map {
                match base_map.get_mut(&key) {
                    // `store: { url: … }` over `store: { file: … }` is another store, not a mixture
                    // of both.
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
