//! Notices as lines for people.

use std::time::Duration;

use super::{Notice, health_word};
use crate::local::control::Order;
use crate::local::log::readable;
use crate::local::redis::NAME;
use alb_model::Event;

impl Notice {
    /// As a line, with who speaks in front.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Line(line) => format!("{:<8} | {}", line.process, readable(&line.text)),
            Self::Balancer(event, node) => {
                format!("balancer | {}", event_text(event, node.as_deref()))
            }
            other => format!("stack    | {}", other.stack_text()),
        }
    }

    fn stack_text(&self) -> String {
        match self {
            Self::Line(_) | Self::Balancer(..) => String::new(),
            Self::Started { name, address, pid } => {
                format!("{name} listens on {address}, pid {pid}")
            }
            Self::Ended {
                name,
                status,
                told: true,
            } => format!("{name} ended with {status}"),
            Self::Ended {
                name,
                status,
                told: false,
            } => {
                format!("{name} ended with {status}; a replacement starts")
            }
            Self::Retried { reason, wait } => {
                format!(
                    "{reason}\nstack    | a replacement starts in {}",
                    seconds(*wait)
                )
            }
            Self::Unfit(name) => format!("{name} is unhealthy, a replacement starts"),
            Self::Leaving {
                name,
                order: Order::CutFirst,
                delay,
            } => {
                format!(
                    "{name} is deregistered: open connections have {}, then SIGTERM",
                    seconds(*delay)
                )
            }
            Self::Leaving {
                name,
                order: Order::SigtermFirst,
                delay,
            } => {
                format!(
                    "{name} is deregistered: SIGTERM is sent now; open connections have {}",
                    seconds(*delay)
                )
            }
            Self::Delayed { name, cut } => {
                let were = if *cut == 1 {
                    "connection was"
                } else {
                    "connections were"
                };
                format!("the deregistration delay of {name} has passed: {cut} {were} cut")
            }
            Self::Terminated { name, within } => {
                format!("SIGTERM to {name}, SIGKILL in {}", seconds(*within))
            }
            Self::Killed(name) => format!("{name} did not stop in time and was killed"),
            Self::Signalled { name, signal } => format!("{signal} to {name}"),
            Self::Deploying { nodes, order } => {
                let first = match order {
                    Order::CutFirst => "the balancer cuts before SIGTERM",
                    Order::SigtermFirst => "SIGTERM comes before the balancer cuts",
                };
                format!("replacing {}; {first}", nodes.join(", "))
            }
            Self::Deployed { nodes } => format!("replaced by {}", nodes.join(", ")),
            Self::RolledBack { reason } => format!("rolled back: {reason}"),
            Self::RedisStarted { name, address, pid } => {
                format!("{name} listens on {address}, pid {pid}")
            }
            Self::RedisEnded {
                name,
                status,
                restart: true,
            } => format!("{name} ended with {status}"),
            Self::RedisEnded {
                name,
                status,
                restart: false,
            } => {
                let shard = name.strip_prefix(NAME).filter(|number| !number.is_empty());
                let shard = shard.map_or_else(String::new, |number| format!(" {NAME}{number}"));
                format!(
                    "{name} ended with {status}; `deployer local redis restart{shard}` starts it again"
                )
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn event_text(event: &Event, node: Option<&str>) -> String {
    let node = node.unwrap_or("a node that is gone");
    match event {
        Event::Health { health, reason, .. } => {
            let health = health_word(*health);
            if reason.is_empty() {
                format!("{node} is {health}")
            } else {
                format!("{node} is {health} ({reason})")
            }
        }
        Event::Failed {
            status,
            cause,
            target,
            path,
        } => {
            let at = if target.is_some() {
                format!(" from {node}")
            } else {
                String::new()
            };
            format!("{status} on {path}{at}: {cause}")
        }
        Event::Cut { cause, .. } => format!("cut a WebSocket to {node}: {cause}"),
    }
}
