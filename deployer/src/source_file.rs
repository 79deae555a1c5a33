//! Environment files and templates as they are read from disk.

use std::path::Path;

use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::{Node, Syntax, read};
use cloudformation::template::Template;

use crate::foreign::recognise;

/// Reads the file at `path`; messages call it by the path as given.
///
/// # Errors
/// The file cannot be opened, or everything that is wrong with its form.
pub fn read_node(path: &Path, syntax: Syntax) -> Result<Node, Mistakes> {
    read(&path.display().to_string(), text(path)?, syntax)
}

/// Reads the template at `path`.
///
/// # Errors
/// The file cannot be opened, or everything that is wrong with its form.
pub fn read_template(path: &Path) -> Result<Template, Mistakes> {
    let (name, text) = (path.display().to_string(), text(path)?);
    match recognise(&name, &text) {
        Some(mistake) => Err(mistake.into()),
        None => Template::parse(&name, text),
    }
}

fn text(path: &Path) -> Result<String, Mistake> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Mistake::nowhere(format!("cannot read {name}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Mistake::nowhere(format!("{name} is not UTF-8: byte {valid} is not"))
    })
}
