//! Renders, checks and deploys a Socket.IO service on AWS, and runs the same stack on this machine.
//!
//! Data flows one way: an environment file gives parameters, a template with parameters gives a
//! [`cloudformation::template::Rendered`], and everything else reads that alone.

#[cfg(feature = "aws")]
pub mod aws;
pub mod colour;
#[cfg(feature = "aws")]
pub mod deploy;
pub mod environment;
pub mod local;
pub mod logs;
pub mod previous;
pub mod probe;
pub mod reading;
#[cfg(feature = "aws")]
pub mod removal;
pub mod render;
pub mod report;
pub mod source_file;
#[cfg(feature = "aws")]
pub mod status;
