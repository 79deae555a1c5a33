//! `deployer local` as its user meets it: from another terminal, on a running stack of real
//! servers.

mod beside;
mod keeping;
mod keys;
mod nodes;
mod redis;
mod rollout;
pub(crate) mod stack;
mod telemetry;
mod why;
