//! Checks, renders and deploys a Socket.IO service on AWS, and runs the same stack on this machine.

pub mod balancer;
pub mod probe;
pub mod socketio;
