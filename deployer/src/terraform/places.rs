//! Where a resource is written: its block in a `.tf` file where the folder is at hand, else its
//! address.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cloudformation::node::{Place, Source};
use serde_json::Value;

use super::document::{Document, Found};

/// The files of each module that is below the folder of the plan.
pub(super) struct Places(BTreeMap<String, Vec<Arc<Source>>>);

impl Places {
    pub(super) fn new(folder: &Path, document: &Document<'_>) -> Self {
        let mut files = BTreeMap::new();
        for found in &document.found {
            if !files.contains_key(&found.module) {
                let folder = module_folder(folder, document, &found.module);
                let sources = folder.map_or_else(Vec::new, |folder| sources(&folder));
                files.insert(found.module.clone(), sources);
            }
        }
        Self(files)
    }

    pub(super) fn of(&self, found: &Found<'_>) -> Place {
        let header = format!("resource \"{}\" \"{}\"", found.kind, found.name);
        let files = self.0.get(&found.module).into_iter().flatten();
        let mut blocks = files.filter_map(|file| {
            let start = block_at(&file.text, &header)?;
            Some(Place::within(file, start..start + header.len()))
        });
        blocks.next().unwrap_or_else(|| {
            let source = Source {
                name: found.address.to_owned(),
                text: String::new(),
            };
            Place::start_of(&Arc::new(source))
        })
    }
}

/// Where a block begins: at the start of a line, or what looks like it is in a comment or a text.
fn block_at(text: &str, header: &str) -> Option<usize> {
    let mut found = text.match_indices(header).map(|(at, _)| at);
    found.find(|at| {
        let before = text.get(..*at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.trim().is_empty()
    })
}

/// Whether a resource's block, where its file is at hand, has a `dynamic` block of a name.
pub(super) fn is_dynamic(resource: &Place, name: &str) -> bool {
    let text = &resource.source().text;
    let text = text.get(resource.range().start..).unwrap_or_default();
    let own = text.split_once("\n}").map_or(text, |(own, _)| own);
    block_at(own, &format!("dynamic \"{name}\"")).is_some()
}

/// The folder of a module: that of the plan, or one that a local `source` leads to.
fn module_folder(folder: &Path, document: &Document<'_>, module: &str) -> Option<PathBuf> {
    if module.is_empty() {
        return Some(folder.to_owned());
    }
    let (call, parent) = document.call(module)?;
    let source = call.get("source").and_then(Value::as_str)?;
    let is_local = source.starts_with("./") || source.starts_with("../");
    let above = module_folder(folder, document, &parent)?;
    is_local.then(|| above.join(source))
}

fn sources(folder: &Path) -> Vec<Arc<Source>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tf"));
    paths.sort();
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).ok()?;
        let name = path
            .strip_prefix(".")
            .unwrap_or(&path)
            .display()
            .to_string();
        Some(Arc::new(Source { name, text }))
    };
    paths.into_iter().filter_map(source).collect()
}
