#![doc = include_str!("../README.md")]

mod accept;
mod activity;
mod balancer;
mod cidr;
mod config;
mod connect;
mod connection;
mod cookie;
mod error;
mod event;
mod forward;
mod group;
mod headers;
mod health;
mod page;
mod redirect;
mod request_body;
mod response_body;
mod rule;
mod shared;
mod stream;
mod target;
mod tunnel;

pub use balancer::Balancer;
pub use cidr::{Cidr, NotACidr};
pub use config::{
    Action, Algorithm, Condition, Config, Fixed, Forward, Group, HealthCheck, Listener,
    MinimumHealthy, QueryPair, Redirect, Rule, Weighted, XForwardedFor,
};
pub use error::Error;
pub use event::{Cause, Event, Health};
pub use group::TargetStatus;
