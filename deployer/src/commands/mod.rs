//! One file a verb; each is a thin wrapper over the library.

pub(crate) mod aloud;
mod ask;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod deploy_apply;
pub(crate) mod deploy_change;
pub(crate) mod deploy_origin;
pub(crate) mod deploy_verify;
pub(crate) mod down;
pub(crate) mod environment;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod leash;
pub(crate) mod listen;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod render;
pub(crate) mod rollback;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod signal;
mod stack;
pub(crate) mod status;
pub(crate) mod up;
