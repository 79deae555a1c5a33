//! A plan of Terraform to change one thing in: a balancer, its listener and group, and a service in
//! a module that is given the group.

use serde_json::{Value, json};

use crate::{Run, directory, write};

pub(crate) const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:111111111111";

/// A resource of a module, with what is not known of it and how it is written.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) address: &'static str,
    pub(crate) values: Value,
    pub(crate) unknown: Value,
    pub(crate) expressions: Value,
}

fn parts(address: &str) -> (&str, &str) {
    let mut ends = address.rsplit('.');
    let name = ends.next().expect("a name");
    (ends.next().expect("a type"), name)
}

/// The balancer, its listener and group in the root module; the service in a module that is given
/// the group.
pub(crate) fn resources() -> Vec<Written> {
    let known = |attribute: &str| json!({ "constant_value": attribute });
    let refers = |to: &str| {
        let resource = to.rsplit_once('.').map_or(to, |(resource, _)| resource);
        json!({ "references": [to, resource] })
    };
    vec![
        Written {
            address: "aws_lb.front",
            values: json!({
                "name": "front", "load_balancer_type": "application", "idle_timeout": 60,
                "client_keep_alive": 3600, "xff_header_processing_mode": "append",
                "enable_xff_client_port": false, "subnets": ["subnet-a", "subnet-b"],
            }),
            unknown: json!({ "arn": true, "dns_name": true, "subnets": [false, false] }),
            expressions: json!({ "name": known("front"), "subnets": known("…") }),
        },
        Written {
            address: "aws_lb_target_group.chat",
            values: json!({
                "name": "chat", "port": 3000, "protocol": "HTTP", "target_type": "ip",
                "deregistration_delay": "30",
                "stickiness": [{ "enabled": true, "type": "lb_cookie", "cookie_duration": 3600 }],
                "health_check": [{ "path": "/up", "port": "traffic-port", "interval": 10,
                    "timeout": 5, "healthy_threshold": 2, "unhealthy_threshold": 3, "matcher": "200" }],
            }),
            unknown: json!({ "arn": true, "protocol_version": true }),
            expressions: json!({ "name": known("chat"), "stickiness": [{}], "health_check": [{}] }),
        },
        Written {
            address: "aws_lb_listener.https",
            values: json!({
                "port": 443, "protocol": "HTTPS",
                "default_action": [{ "type": "forward", "forward": [] }],
            }),
            unknown: json!({
                "load_balancer_arn": true, "default_action": [{ "target_group_arn": true }],
            }),
            expressions: json!({
                "load_balancer_arn": refers("aws_lb.front.arn"),
                "default_action": [{ "target_group_arn": refers("aws_lb_target_group.chat.arn") }],
            }),
        },
        Written {
            address: "module.service.aws_ecs_service.this",
            values: json!({
                "name": "chat", "launch_type": "FARGATE", "desired_count": 2,
                "availability_zone_rebalancing": "DISABLED", "scheduling_strategy": "REPLICA",
                "deployment_maximum_percent": 200, "deployment_minimum_healthy_percent": 100,
                "deployment_circuit_breaker": [{ "enable": true, "rollback": true }],
                "alarms": [{ "enable": true, "rollback": true, "alarm_names": ["a"] }],
                "load_balancer": [{ "container_name": "app", "container_port": 3000,
                    "advanced_configuration": [] }],
                "network_configuration": [{ "subnets": ["subnet-a"], "security_groups": [] }],
            }),
            unknown: json!({
                "task_definition": true, "load_balancer": [{ "target_group_arn": true }],
            }),
            expressions: json!({
                "task_definition": refers("aws_ecs_task_definition.this.arn"),
                "load_balancer": [{ "target_group_arn": { "references": ["var.target_group_arn"] } }],
            }),
        },
        Written {
            address: "module.service.aws_ecs_task_definition.this",
            values: json!({
                "network_mode": "awsvpc", "cpu": "256", "memory": "512",
                "container_definitions": "[{\"name\":\"app\",\"image\":\"app:1\",\"stopTimeout\":30,\
                    \"portMappings\":[{\"containerPort\":3000}]}]",
            }),
            unknown: json!({ "arn": true }),
            expressions: json!({}),
        },
    ]
}

/// A plan of these resources, or the state that it leads to.
pub(crate) fn plan(resources: &[Written]) -> Value {
    let resource = |one: &Written| {
        let (kind, name) = parts(one.address);
        json!({ "address": one.address, "mode": "managed", "type": kind, "name": name,
            "values": one.values })
    };
    let is_inner = |one: &&Written| one.address.starts_with("module.");
    let written = |one: &Written| {
        let (kind, name) = parts(one.address);
        let depends_on = match kind {
            "aws_ecs_service" => json!(["var.listener"]),
            _ => json!([]),
        };
        json!({ "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "expressions": one.expressions, "depends_on": depends_on })
    };
    let inner = || resources.iter().filter(is_inner);
    let root = || resources.iter().filter(|one| !is_inner(one));
    let change = |one: &Written| {
        json!({ "address": one.address, "change": { "actions": ["create"], "after": one.values,
            "after_unknown": one.unknown } })
    };
    json!({
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": { "root_module": {
            "resources": root().map(resource).collect::<Vec<_>>(),
            "child_modules": [{ "address": "module.service",
                "resources": inner().map(resource).collect::<Vec<_>>() }],
        } },
        "resource_changes": resources.iter().map(change).collect::<Vec<_>>(),
        "configuration": { "root_module": {
            "resources": root().map(written).collect::<Vec<_>>(),
            "module_calls": { "service": {
                "source": "./service",
                "expressions": {
                    "target_group_arn": { "references": ["aws_lb_target_group.chat.arn",
                        "aws_lb_target_group.chat"] },
                    "listener": { "references": ["aws_lb_listener.https.arn",
                        "aws_lb_listener.https"] },
                },
                "module": { "resources": inner().map(written).collect::<Vec<_>>() },
            } },
        } },
    })
}

pub(crate) struct Checked {
    pub(crate) run: Run,
    pub(crate) document: Value,
}

impl Checked {
    pub(crate) fn rules(&self, key: &str) -> Vec<&str> {
        let items = self.document[key].as_array().map(Vec::as_slice);
        let items = items.unwrap_or_default().iter();
        items.filter_map(|item| item["rule"].as_str()).collect()
    }
}

pub(crate) fn check(test: &str, plan: &Value, more: &[&str]) -> Checked {
    let directory = directory(&format!("terraform-{test}"));
    write(&directory.join("plan.json"), &plan.to_string());
    let base = [
        "check",
        "--terraform",
        "plan.json",
        "--server",
        "socketio-node",
        "--keep-alive",
        "65s",
        "--headers-timeout",
        "66s",
        "--format",
        "json",
    ];
    let run = crate::deployer(&directory, &[&base, more].concat());
    let document = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    Checked { run, document }
}

/// The plan with one resource changed.
pub(crate) fn with(address: &str, change: impl FnOnce(&mut Written)) -> Value {
    let mut resources = resources();
    let resource = resources.iter_mut().find(|one| one.address == address);
    change(resource.expect("the plan has it"));
    plan(&resources)
}
