//! Notices as objects for programs. Their names and fields are an interface: new ones may come, the
//! old ones stay.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Notice, health_word};
use alb_model::Event;

impl Notice {
    /// As an object with a `type`; none for what processes write.
    #[must_use]
    pub fn document(&self) -> Option<Value> {
        Some(match self {
            Self::Line(_) => return None,
            Self::Balancer(event, node) => event_document(event, node.as_deref()),
            Self::Started { name, address, pid } => {
                json!({ "type": "node_started", "node": name, "address": address.to_string(), "pid": pid })
            }
            Self::Ended { name, status, told } => {
                json!({ "type": "node_ended", "node": name, "status": status, "told": told })
            }
            Self::Retried { reason, wait } => {
                json!({ "type": "node_failed", "reason": reason, "retry_in_ms": millis(*wait) })
            }
            Self::Unfit(name) => json!({ "type": "node_unfit", "node": name }),
            Self::Leaving { name, order, delay } => {
                json!({ "type": "node_leaving", "node": name, "order": order, "delay_ms": millis(*delay) })
            }
            Self::Delayed { name, cut } => {
                json!({ "type": "node_cut", "node": name, "connections": cut })
            }
            Self::Terminated { name, within } => {
                json!({ "type": "node_terminated", "node": name, "stop_timeout_ms": millis(*within) })
            }
            Self::Killed(name) => json!({ "type": "node_killed", "node": name }),
            Self::Signalled { name, signal } => {
                json!({ "type": "signalled", "node": name, "signal": signal })
            }
            Self::Deploying { nodes, order } => {
                json!({ "type": "deployment_started", "nodes": nodes, "order": order })
            }
            Self::Deployed { nodes } => {
                json!({ "type": "deployment_ended", "result": "deployed", "nodes": nodes })
            }
            Self::RolledBack { reason } => {
                json!({ "type": "deployment_ended", "result": "rolled_back", "reason": reason })
            }
            Self::RedisStarted { name, address, pid } => {
                json!({ "type": "redis_started", "redis": name, "address": address.to_string(), "pid": pid })
            }
            Self::RedisEnded { name, status, .. } => {
                json!({ "type": "redis_ended", "redis": name, "status": status })
            }
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn event_document(event: &Event, node: Option<&str>) -> Value {
    match event {
        Event::Health {
            health,
            reason,
            target,
            ..
        } => json!({
            "type": "health", "node": node, "address": target.to_string(), "health": health_word(*health),
            "reason": reason,
        }),
        Event::Failed {
            status,
            cause,
            path,
            ..
        } => json!({
            "type": "error_response", "node": node, "status": status, "path": path, "cause": cause.to_string(),
        }),
        Event::Cut { cause, .. } => {
            json!({ "type": "connection_cut", "node": node, "cause": cause.to_string() })
        }
    }
}
