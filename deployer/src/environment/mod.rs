//! Environment files: all that differs between environments, each value with the line that says it.
//!
//! An environment becomes parameters of the template ([`Environment::inputs`]) and nothing else:
//! whoever wants to know what would be deployed reads the
//! [`Rendered`](cloudformation::template::Rendered) template.

mod arn;
mod choice;
mod duration;
mod field;
mod file;
mod image;
mod init;
mod metrics;
mod parameters;
mod redis;
mod schema;
mod section;
mod server;
mod size;
mod store;
mod tags;
mod text;
mod unit;

pub use arn::{KeyArn, PolicyArn, RoleArn, SecretArn, TopicArn};
pub use choice::{Api, Architecture, IpAddressType, Retention, Scheme, Switch, Target};
pub use duration::{Seconds, Sticky};
pub use field::Setting;
pub use file::{DEFAULTS, find, load, parse};
pub use image::Image;
pub use init::{Answers, check_answer};
pub use metrics::{Metrics, Peer, WriteUrl};
pub use redis::{NodeType, Redis};
pub use schema::schema;
pub use section::{
    Artifacts, Deployment, Environment, HealthCheck, Ignore, LoadBalancer, Network, Service, Tasks,
};
pub use server::Server;
pub use size::Mebibytes;
pub use store::{Store, StoreUrl};
pub use tags::{Tags, Topics};
pub use text::{Account, Bucket, Path, Region, Slug, Text};
pub use unit::{NonEmpty, Number};
