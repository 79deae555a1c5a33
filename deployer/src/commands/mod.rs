//! One file a verb; each is a thin wrapper over the library.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod down;
pub(crate) mod environment;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod listen;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod redeploy;
pub(crate) mod render;
pub(crate) mod rollback;
pub(crate) mod send;
mod stack;
pub(crate) mod status;
pub(crate) mod supervised;
pub(crate) mod up;
pub(crate) mod why;
