//! Where a file is, for what shows findings beside the lines of a repository: relative to its root.

use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path of a URI may hold as it is (RFC 3986: unreserved characters and the slash).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The file relative to the root of its repository; absolute where it is in none.
pub(super) fn in_repository(file: &str) -> String {
    let Ok(path) = std::fs::canonicalize(file) else {
        return file.to_owned();
    };
    let repository = path.ancestors().skip(1).find(|up| up.join(".git").exists());
    match repository.and_then(|root| path.strip_prefix(root).ok()) {
        Some(inside) => slashes(inside),
        None if inside_here(file) => file.to_owned(),
        None => slashes(&path),
    }
}

/// The same as a URI reference.
pub(super) fn uri(file: &str) -> String {
    let path = in_repository(file);
    let encoded = utf8_percent_encode(&path, PATH).to_string();
    match path.starts_with('/') {
        true => format!("file://{encoded}"),
        false => encoded,
    }
}

/// Whether a path as given leads below the current directory.
fn inside_here(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    parts.all(|part| matches!(part, Component::Normal(_)))
}

fn slashes(path: &Path) -> String {
    let path: PathBuf = path.components().collect();
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_encoded_and_relative_to_the_repository() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(uri(manifest), "deployer/Cargo.toml");
        assert_eq!(
            uri("no such file/ü?#%.yaml"),
            "no%20such%20file/%C3%BC%3F%23%25.yaml"
        );
    }
}
