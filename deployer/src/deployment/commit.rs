//! Which commit a deployment comes from.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use cloudformation::node::Place;

use crate::loaded_environment::Loaded;

/// The commit that is checked out here, with `-dirty` where files differ from it, or where a file
/// that the deployment is made of is not in it; none outside of a repository.
#[must_use]
pub fn commit(loaded: &Loaded) -> Option<String> {
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let is_whole = files(loaded)
        .into_iter()
        .all(|file| git(&["ls-files", "--error-unmatch", "--", file]).is_some());
    let clean = changed.is_empty() && is_whole;
    let dirty = if clean { "" } else { "-dirty" };
    Some(format!("{commit}{dirty}"))
}

/// The files from which a deployment's template and parameters are made.
fn files(loaded: &Loaded) -> BTreeSet<&str> {
    let parameters = loaded.rendered.parameters.values();
    let places = parameters.flat_map(|value| value.origin.places());
    let named = places.map(Place::file);
    let own = loaded.path.iter().filter_map(|path| path.to_str());
    let all = named.chain(own).chain([loaded.template.name()]);
    // A flag of the command line has a name too, and a template may be built in.
    all.filter(|name| Path::new(name).is_file()).collect()
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
