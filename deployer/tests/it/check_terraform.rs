//! Plans and states of Terraform, in the shape that `show -json` writes.

use serde_json::{Value, json};

use crate::{Run, directory, write};

const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:111111111111";

/// A resource of a module, with what is not known of it and how it is written.
struct Written {
    address: &'static str,
    values: Value,
    unknown: Value,
    expressions: Value,
}

fn parts(address: &str) -> (&str, &str) {
    let mut ends = address.rsplit('.');
    let name = ends.next().expect("a name");
    (ends.next().expect("a type"), name)
}

/// The balancer, its listener and group in the root module; the service in a module that is given
/// the group.
fn resources() -> Vec<Written> {
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
fn plan(resources: &[Written]) -> Value {
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

struct Checked {
    run: Run,
    document: Value,
}

impl Checked {
    fn rules(&self, key: &str) -> Vec<&str> {
        let items = self.document[key].as_array().map(Vec::as_slice);
        let items = items.unwrap_or_default().iter();
        items.filter_map(|item| item["rule"].as_str()).collect()
    }
}

fn check(test: &str, plan: &Value, more: &[&str]) -> Checked {
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
fn with(address: &str, change: impl FnOnce(&mut Written)) -> Value {
    let mut resources = resources();
    let resource = resources.iter_mut().find(|one| one.address == address);
    change(resource.expect("the plan has it"));
    plan(&resources)
}

#[test]
fn a_sound_plan_has_no_finding() {
    let checked = check("sound", &plan(&resources()), &[]);
    assert_eq!(checked.run.code, 0, "{}", checked.run);
    assert_eq!(checked.rules("findings"), [""; 0], "{}", checked.run);
    let way = "aws_lb.front → aws_lb_target_group.chat → module.service.aws_ecs_service.this";
    assert_eq!(checked.document["subjects"], json!([way]));
}

#[test]
fn what_a_plan_has_wrong_is_found() {
    type Change = fn(&mut Written);
    let cases: [(&str, &str, Change); 6] = [
        (
            "idle-timeout-not-above-ping-interval",
            "aws_lb.front",
            |one| {
                one.values["idle_timeout"] = json!(26);
            },
        ),
        ("keep-alive-not-above-idle-timeout", "aws_lb.front", |one| {
            one.values["idle_timeout"] = json!(120);
        }),
        (
            "polling-without-stickiness",
            "aws_lb_target_group.chat",
            |one| {
                one.values["stickiness"][0]["enabled"] = json!(false);
            },
        ),
        // What nobody wrote is at AWS's default, which is off.
        (
            "polling-without-stickiness",
            "aws_lb_target_group.chat",
            |one| {
                one.values["stickiness"] = json!([]);
                one.unknown["stickiness"] = json!(true);
                one.expressions = json!({ "name": {} });
            },
        ),
        (
            "container-port-mismatch",
            "module.service.aws_ecs_task_definition.this",
            |one| {
                one.values["container_definitions"] = json!("[{\"name\":\"web\"}]");
            },
        ),
        (
            "deployment-cannot-progress",
            "module.service.aws_ecs_service.this",
            |one| {
                one.values["deployment_maximum_percent"] = json!(100);
            },
        ),
    ];
    for (number, (rule, address, change)) in cases.into_iter().enumerate() {
        let checked = check(&format!("wrong-{number}"), &with(address, change), &[]);
        assert!(
            checked.rules("findings").contains(&rule),
            "{rule}: {}",
            checked.run
        );
        assert!(
            checked.run.stdout.contains(address),
            "the place is the address"
        );
    }
}

#[test]
fn what_a_plan_does_not_know_is_not_seen() {
    type Change = fn(&mut Written);
    let cases: [(&str, &str, Change); 4] = [
        (
            "idle-timeout-not-above-ping-interval",
            "aws_lb.front",
            |one| {
                one.unknown["idle_timeout"] = json!(true);
                one.expressions["idle_timeout"] = json!({ "references": ["local.idle"] });
            },
        ),
        (
            "polling-without-stickiness",
            "aws_lb_target_group.chat",
            |one| {
                one.unknown["stickiness"] = json!([{ "enabled": true }]);
                one.expressions["stickiness"] =
                    json!([{ "enabled": { "references": ["local.on"] } }]);
            },
        ),
        (
            "container-port-mismatch",
            "module.service.aws_ecs_task_definition.this",
            |one| {
                one.unknown["container_definitions"] = json!(true);
                one.expressions["container_definitions"] = json!({ "references": ["aws_db.x"] });
            },
        ),
        (
            "deployment-cannot-progress",
            "module.service.aws_ecs_service.this",
            |one| {
                one.unknown["deployment_maximum_percent"] = json!(true);
                one.expressions["deployment_maximum_percent"] = json!({ "references": ["var.x"] });
            },
        ),
    ];
    for (number, (rule, address, change)) in cases.into_iter().enumerate() {
        let checked = check(&format!("unknown-{number}"), &with(address, change), &[]);
        assert_eq!(checked.run.code, 0, "{rule}: {}", checked.run);
        assert!(
            checked.rules("not_seen").contains(&rule),
            "{rule}: {}",
            checked.run
        );
    }
}

/// In a state everything is known, and ARNs are the edges.
#[test]
fn a_state_is_read() {
    let group = format!("{ARN}:targetgroup/chat/1");
    let mut all = resources();
    for one in &mut all {
        one.values["arn"] = json!(format!("{ARN}:{}", one.address));
    }
    all[1].values["arn"] = json!(group);
    all[2].values["load_balancer_arn"] = json!(format!("{ARN}:aws_lb.front"));
    all[2].values["default_action"][0]["target_group_arn"] = json!(group);
    all[3].values["load_balancer"][0]["target_group_arn"] = json!(group);
    all[3].values["task_definition"] =
        json!(format!("{ARN}:module.service.aws_ecs_task_definition.this"));
    all[0].values["idle_timeout"] = json!(20);
    let plan = plan(&all);
    let state = json!({ "format_version": "1.0", "values": plan["planned_values"] });
    let checked = check("state", &state, &[]);
    assert!(
        checked
            .rules("findings")
            .contains(&"idle-timeout-not-above-ping-interval"),
        "{}",
        checked.run
    );
    assert_eq!(
        checked.document["subjects"].as_array().map(Vec::len),
        Some(1)
    );
}

/// Where the folder is at hand, a finding shows the resource's line.
#[test]
fn a_finding_points_at_the_block() {
    let plan = with("aws_lb.front", |one| one.values["idle_timeout"] = json!(20));
    let directory = directory("terraform-places");
    write(&directory.join("plan.json"), &plan.to_string());
    write(
        &directory.join("main.tf"),
        "\nresource \"aws_lb\" \"front\" {\n  idle_timeout = 20\n}\n",
    );
    let args = [
        "check",
        "--terraform",
        "plan.json",
        "--server",
        "socketio-node",
    ];
    let run = crate::deployer(&directory, &args);
    assert!(run.stdout.contains("main.tf:2:1"), "{run}");
}

/// What scales the service is tied to it by reference, and `ignore_changes` is not in a plan.
#[test]
fn scaling_is_read() {
    let mut all = resources();
    all.push(Written {
        address: "module.service.aws_appautoscaling_target.this",
        values: json!({ "service_namespace": "ecs", "min_capacity": 1, "max_capacity": 4 }),
        unknown: json!({ "resource_id": true }),
        expressions: json!({ "resource_id": { "references": [
            "aws_ecs_cluster.this.name", "aws_ecs_service.this.name", "aws_ecs_service.this"] } }),
    });
    all[1].values["stickiness"][0]["enabled"] = json!(false);
    all[3].values["desired_count"] = json!(1);
    all[3].values["deployment_maximum_percent"] = json!(100);
    all[3].values["deployment_minimum_healthy_percent"] = json!(0);
    let checked = check("scaling", &plan(&all), &[]);
    assert!(
        checked
            .rules("findings")
            .contains(&"polling-without-stickiness"),
        "{}",
        checked.run
    );
    assert!(
        checked
            .rules("not_seen")
            .contains(&"desired-count-with-autoscaling")
    );
}

#[test]
fn what_is_no_plan_is_refused() {
    for (name, text) in [("words", "hello"), ("other", "{}"), ("list", "[1]")] {
        let directory = directory(&format!("terraform-no-{name}"));
        write(&directory.join("plan.json"), text);
        let run = crate::deployer(&directory, &["check", "--terraform", "plan.json"]);
        assert_eq!(run.code, 2, "{run}");
        assert!(run.stderr.contains("terraform show -json"), "{run}");
    }
}
