//! `cdk.out`: what `cdk synth` writes, its manifest and the stacks that it names.

use std::path::Path;

use cloudformation::diagnostic::{Mistake, Mistakes};
use serde_json::Value;

use super::stack::Stack;
use crate::source_file::read_template;

/// Assemblies within assemblies are CDK's stages; deeper than this is no app.
const DEEPEST: usize = 8;

/// All stacks of an assembly and of those within it.
pub(super) fn stacks(folder: &Path) -> Result<Vec<Stack>, Mistakes> {
    let mut stacks = Vec::new();
    collect(folder, 0, &mut stacks)?;
    if stacks.is_empty() {
        let message = format!("{} names no stack", folder.join("manifest.json").display());
        return Err(Mistake::nowhere(message).into());
    }
    Ok(stacks)
}

fn collect(folder: &Path, depth: usize, stacks: &mut Vec<Stack>) -> Result<(), Mistakes> {
    let path = folder.join("manifest.json");
    let refuse = |what: String| Mistake::nowhere(what).help("write one with `cdk synth`");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| refuse(format!("cannot read {}: {error}", path.display())))?;
    let manifest: Value = serde_json::from_str(&text)
        .map_err(|error| refuse(format!("{} is not JSON: {error}", path.display())))?;
    let artifacts = manifest.get("artifacts").and_then(Value::as_object);
    let artifacts =
        artifacts.ok_or_else(|| refuse(format!("{} is no manifest of CDK", path.display())))?;
    let mut mistakes = Mistakes::default();
    for (name, artifact) in artifacts {
        let text = |pointer: &str| artifact.pointer(pointer).and_then(Value::as_str);
        match text("/type") {
            Some("aws:cloudformation:stack") => {
                let Some(file) = text("/properties/templateFile") else {
                    continue;
                };
                let path = folder.join(file);
                let Some(template) = mistakes.keep(read_template(&path)) else {
                    continue;
                };
                let region = text("/environment").and_then(|place| place.rsplit('/').next());
                stacks.push(Stack {
                    name: text("/properties/stackName").unwrap_or(name).to_owned(),
                    template,
                    path,
                    region: region
                        .filter(|region| !region.starts_with("unknown"))
                        .map(str::to_owned),
                });
            }
            Some("cdk:cloud-assembly") if depth < DEEPEST => {
                if let Some(inner) = text("/properties/directoryName") {
                    mistakes.keep(collect(&folder.join(inner), depth + 1, stacks));
                }
            }
            _ => {}
        }
    }
    mistakes.or(())
}
