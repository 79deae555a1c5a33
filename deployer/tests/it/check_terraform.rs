//! Plans and states of Terraform, in the shape that `show -json` writes.

use serde_json::json;

use crate::plan::{ARN, Written, check, plan, resources, with};
use crate::{directory, write};

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
