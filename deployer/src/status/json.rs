//! A stack's status for programs.

use serde_json::{Value, json};

use super::facts::{alarms_json, operations_json};
use super::{Node, Service, Status};
use crate::connections::Connections;
use crate::stack_operation::{deployment, moment, target};

impl Status {
    /// The status as an object, without `schema` and `type`.
    #[must_use]
    pub fn json(&self) -> Value {
        let stack = &self.stack;
        let cause = self.cause.as_ref().map(|cause| {
            json!({ "logical_id": cause.logical_id, "resource_type": cause.kind, "status": cause.status, "reason": cause.reason })
        });
        let previous = self.previous.as_ref().map(
            |previous| json!({ "parameters": previous.parameters, "origin": previous.origin }),
        );
        let troubles = self.troubles();
        json!({
            "ok": troubles.is_empty(),
            "troubles": troubles,
            "stack": {
                "id": stack.id,
                "name": stack.name,
                "status": stack.status,
                "reason": stack.reason,
                "created": stack.created.map(moment),
                "updated": stack.updated.map(moment),
                "protected": stack.protected,
                "tags": stack.tags,
                "parameters": stack.parameters,
                "outputs": stack.outputs,
            },
            "origin": self.origin,
            "cause": cause,
            "previous": previous,
            "gone": self.gone,
            "deployments": operations_json(&self.operations),
            "alarms": alarms_json(&self.alarms),
            "connections": self.connections.as_ref().map(Connections::json),
            "unseen": self.unseen,
            "services": self.services.iter().map(Service::json).collect::<Vec<_>>(),
        })
    }
}

impl Service {
    fn json(&self) -> Value {
        let state = &self.state;
        json!({
            "name": state.name,
            "arn": state.arn,
            "desired": state.desired,
            "running": state.running,
            "pending": state.pending,
            "deployments": state.deployments.iter().map(deployment).collect::<Vec<_>>(),
            "nodes": self.nodes.iter().map(Node::json).collect::<Vec<_>>(),
            "other_targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "stopped": self.stopped,
        })
    }
}

impl Node {
    fn json(&self) -> Value {
        let task = &self.task;
        json!({
            "node": self.name,
            "task": task.id,
            "task_definition": task.task_definition,
            "status": task.status,
            "address": task.address,
            "zone": task.zone,
            "started": task.started.map(moment),
            "target": self.target.as_ref().map(target),
        })
    }
}
