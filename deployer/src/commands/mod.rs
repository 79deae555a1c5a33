//! One file a verb; each is a thin wrapper over the library.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod environment;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod leash;
pub(crate) mod listen;
pub(crate) mod local;
pub(crate) mod probe;
pub(crate) mod render;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod signal;
pub(crate) mod up;
