#![doc = include_str!("../README.md")]

mod action;
mod attributes;
mod balancer;
mod deployment;
mod edge;
mod field;
mod listener;
mod model;
mod network;
mod pattern;
mod properties;
mod scaling;
mod service;
mod store;
mod task;
mod unread;

pub use action::{Action, Does, FixedResponse, Forward, Redirect, WeightedGroup};
pub use attributes::Attributes;
pub use balancer::{HealthCheck, LoadBalancer, Stickiness, TargetGroup};
pub use deployment::{Deployment, minutes};
pub use edge::{Alias, Challenges, Distribution, Origin, WebAcl, WebRule};
pub use field::{Field, FromText, NOT_IN_ANSWER, NotSeen, live_place};
pub use listener::{Condition, Listener, ListenerRule, Matches};
pub use model::{Model, Part, Source};
pub use network::{ALL_PORTS, GROUPS_ELSEWHERE, GroupRule, Peer, PortRange, Ports, SecurityGroup};
pub use pattern::{Pattern, Same};
pub use properties::Id;
pub use scaling::{ScalableTarget, Scaling};
pub use service::{Service, Target};
pub use store::ReplicationGroup;
pub use task::{Container, TaskDefinition, Variable, size};
pub use unread::Unread;
