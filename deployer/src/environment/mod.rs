//! Environment files: all that differs between environments, each value with the line that says it.
//!
//! An environment becomes parameters of the template ([`Environment::inputs`]) and nothing else: whoever wants to know
//! what would be deployed reads the [`Rendered`](crate::template::Rendered) template.

mod choice;
mod field;
mod file;
mod parameters;
mod schema;
mod section;
mod store;
mod unit;

pub use choice::{Architecture, LogLevel, Retention, Switch, Target, Transport};
pub use field::Setting;
pub use file::{DEFAULTS, find, load};
pub use schema::schema;
pub use section::{
    Deployment, Environment, HealthCheck, LoadBalancer, Network, Server, Service, Tasks,
};
pub use store::Store;
pub use unit::{
    Bytes, Mebibytes, Millis, NonEmpty, Number, Path, Region, Seconds, Slug, Sticky, Text,
};
