#![doc = include_str!("../README.md")]

pub mod docs;
pub mod links;
pub mod log_lines;
pub mod markdown;
pub mod runbook;
