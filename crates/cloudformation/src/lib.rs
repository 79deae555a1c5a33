#![doc = include_str!("../README.md")]

pub mod diagnostic;
pub mod node;
pub mod place;
pub mod template;
