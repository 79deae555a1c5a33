//! One stack among several.

use std::path::PathBuf;

use cloudformation::template::Template;

/// One stack of a system.
pub(super) struct Stack {
    /// Its name among the others; empty for the only one.
    pub(super) name: String,
    pub(super) template: Template,
    pub(super) path: PathBuf,
    pub(super) region: Option<String>,
}
