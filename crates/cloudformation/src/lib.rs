//! CloudFormation templates as nodes that know their place, resolved as far as can be known before deploying.
//!
//! [`node`] reads YAML and JSON, [`template`] gives the sections their meaning and resolves them to a
//! [`template::Rendered`], [`diagnostic`] shows what is wrong and where. The crate opens no file and no socket.

pub mod diagnostic;
pub mod node;
pub mod template;
