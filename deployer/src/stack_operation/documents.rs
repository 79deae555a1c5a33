//! Parts that several JSON documents share.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::aws::{Deployment, Target};

/// A service's deployment, in every document that tells of one.
pub(crate) fn deployment(deployment: &Deployment) -> Value {
    json!({
        "id": deployment.id,
        "status": deployment.status,
        "task_definition": deployment.task_definition,
        "desired": deployment.desired,
        "running": deployment.running,
        "pending": deployment.pending,
        "failed": deployment.failed,
        "rollout_state": deployment.rollout,
        "reason": deployment.reason,
        "created": deployment.created.map(moment),
    })
}

/// A target, in every document that tells of one.
pub(crate) fn target(target: &Target) -> Value {
    json!({ "address": target.address, "state": target.state, "reason": target.reason })
}

pub(crate) fn moment(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
