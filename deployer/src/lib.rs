//! Renders, checks and deploys a Socket.IO service on AWS, and runs the same stack on this machine.
//!
//! Data flows one way: an environment file gives parameters, a template with parameters gives a
//! [`template::Rendered`], and everything else reads that alone.

#[cfg(feature = "aws")]
pub mod aws;
pub mod balancer;
#[cfg(feature = "aws")]
pub mod deploy;
pub mod diagnostic;
pub mod environment;
pub mod local;
pub mod node;
pub mod probe;
pub mod reading;
pub mod render;
pub mod report;
pub mod socketio;
pub mod template;
