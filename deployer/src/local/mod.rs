//! The rendered template on this machine: server processes behind the load balancer model.
//!
//! It is built from a [`Rendered`](cloudformation::template::Rendered) alone, never from the
//! environment file. Stated substitutions, and no others: HTTPS becomes HTTP, what only AWS can
//! resolve becomes a local value, the image becomes the server binary, and a Redis of AWS's becomes
//! one on this machine.

pub mod api;
pub mod control;
pub mod kept;
pub mod log;
mod metadata;
mod pages;
pub mod process;
mod redis;
mod redis_cluster;
pub mod run;
pub mod setup;
pub mod stack;
pub mod state;
