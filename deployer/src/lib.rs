//! Renders, checks and deploys a Socket.IO service on AWS, and runs the same stack on this machine.
//!
//! Data flows one way: an environment file gives parameters, a template with parameters gives a
//! [`cloudformation::template::Rendered`], and everything else reads that alone.

#[cfg(feature = "aws")]
pub mod aws;
pub mod backend_keys;
#[cfg(feature = "aws")]
pub mod connections;
#[cfg(feature = "aws")]
pub mod console;
#[cfg(feature = "aws")]
pub mod deployment;
pub mod environment;
pub mod foreign;
pub mod history;
pub mod lateness;
pub mod linked_stacks;
pub mod loaded_environment;
pub mod local;
pub mod log_line;
pub mod logs;
pub mod named_stack;
#[cfg(feature = "aws")]
pub mod preflight;
pub mod probe;
pub mod reading;
#[cfg(feature = "aws")]
pub mod redeploy;
pub mod render;
pub mod report;
#[cfg(feature = "aws")]
pub mod rotation;
pub mod server_target;
pub mod source_file;
#[cfg(feature = "aws")]
pub mod stack_operation;
#[cfg(feature = "aws")]
pub mod status;
#[cfg(feature = "aws")]
pub mod teardown;
pub mod terminal;
pub mod terraform;
pub mod why;
