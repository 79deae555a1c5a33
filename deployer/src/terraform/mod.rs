//! Plans and states of Terraform and OpenTofu, as `show -json` writes them.
//!
//! Each resource that a rule looks at becomes the CloudFormation resource that does the same, so
//! that there is one interpretation of both. A value that the plan does not know is one that only
//! AWS knows; a reference is an edge to the other resource. What the plan does not hold at all
//! (`ignore_changes`, locals, data of other states) stays not seen.

mod block;
mod containers;
mod convert;
mod document;
mod edges;
mod listener;
mod places;
mod service;
mod written;

use std::path::Path;

use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::template::Rendered;
use serde_json::Value;

use document::Document;

/// A plan is rarely above some megabytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Reads what `terraform show -json` or `tofu show -json` wrote.
///
/// # Errors
/// The file cannot be read, or is no plan and no state.
pub fn read(path: &Path) -> Result<Rendered, Mistakes> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Mistake::nowhere(format!("cannot read {name}: {error}")))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    parse(&name.to_string(), &text, folder)
}

/// Reads the text of a plan or a state; `folder` is where its `.tf` files may be.
///
/// # Errors
/// It is no plan and no state.
pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Rendered, Mistakes> {
    const HELP: &str = "write one with `terraform plan -out plan.bin` and `terraform show -json \
                        plan.bin > plan.json`";
    let refuse = |what: String| Mistakes::from(Mistake::nowhere(what).help(HELP));
    if text.len() > MAX_BYTES {
        return Err(refuse(format!("{name} has {} bytes", text.len())));
    }
    let json: Value = serde_json::from_str(text)
        .map_err(|error| refuse(format!("{name} is not JSON: {error}")))?;
    let document = Document::of(&json)
        .ok_or_else(|| refuse(format!("{name} is no plan or state of Terraform")))?;
    let places = places::Places::new(folder, &document);
    Ok(Rendered::of(convert::all(&document, &places)))
}
