//! One file a verb; each is a thin wrapper over the library.

pub(crate) mod completions;
pub(crate) mod environment;
pub(crate) mod render;
