//! What a plan leaves out or does not tell apart is not seen: `dynamic` blocks, keys of instances,
//! conditions of listener rules.

use serde_json::{Value, json};

use crate::plan::{Checked, Written, check, plan, resources, with};
use crate::{deployer, directory, write};

const GROUP: &str = "aws_lb_target_group.chat";
const SERVICE: &str = "module.service.aws_ecs_service.this";

/// What became of a rule.
fn outcome(checked: &Checked, rule: &str) -> &'static str {
    match () {
        () if checked.rules("findings").contains(&rule) => "violated",
        () if checked.rules("not_seen").contains(&rule) => "not seen",
        () => "holds",
    }
}

#[test]
fn a_dynamic_block_is_not_seen() {
    // Terraform leaves `dynamic` blocks out of the configuration.
    let unknown = with(SERVICE, |one| {
        one.values["load_balancer"] = Value::Null;
        one.unknown["load_balancer"] = json!(true);
        one.expressions["load_balancer"] = Value::Null;
        one.expressions
            .as_object_mut()
            .unwrap()
            .remove("load_balancer");
    });
    let checked = check("dynamic-targets", &unknown, &[]);
    let subjects = checked.document["subjects"].to_string();
    assert!(subjects.contains(SERVICE), "{}", checked.run);
    assert!(subjects.contains(GROUP), "{}", checked.run);

    let known = with(SERVICE, |one| {
        one.expressions
            .as_object_mut()
            .unwrap()
            .remove("load_balancer");
    });
    let checked = check("dynamic-target", &known, &[]);
    let rule = "polling-without-stickiness";
    let subjects = checked.document["subjects"].to_string();
    assert!(subjects.contains(SERVICE), "{}", checked.run);
    assert_eq!(outcome(&checked, rule), "not seen", "{}", checked.run);
}

/// AWS answers `stickiness` where nobody writes it; the files tell whether somebody does.
#[test]
fn a_dynamic_block_is_found_in_the_files() {
    let plan = with(GROUP, |one| {
        one.values["stickiness"] = json!([]);
        one.unknown["stickiness"] = json!(true);
        one.expressions = json!({ "name": {} });
    });
    let folder = directory("terraform-dynamic-file");
    write(&folder.join("plan.json"), &plan.to_string());
    let args = ["check", "--terraform", "plan.json", "--format", "json"];
    let args = [&args[..], &["--server", "socketio-node"]].concat();
    let header = "resource \"aws_lb_target_group\" \"chat\" {\n";
    let found = |block: &str| {
        write(&folder.join("main.tf"), &format!("{header}{block}}}\n"));
        let run = deployer(&folder, &args);
        let document = serde_json::from_str(&run.stdout).expect("a report");
        let checked = Checked { run, document };
        outcome(&checked, "polling-without-stickiness")
    };
    assert_eq!(found("  name = \"chat\"\n"), "violated");
    assert_eq!(found("  # dynamic \"stickiness\" {}\n"), "violated");
    let block = "  dynamic \"stickiness\" {\n    for_each = local.x\n    content {}\n  }\n";
    assert_eq!(found(block), "not seen");
}

/// `x.t["a"]` is one instance, and not all of them.
#[test]
fn a_key_names_one_instance() {
    let references = json!({ "references": [
        "aws_lb_target_group.chat[\"a\"].arn",
        "aws_lb_target_group.chat[\"a\"]",
        "aws_lb_target_group.chat",
    ] });
    let mut plan = plan(&resources());
    let root = &mut plan["planned_values"]["root_module"]["resources"];
    let mut group = root[1].clone();
    group["index"] = json!("a");
    group["address"] = json!("aws_lb_target_group.chat[\"a\"]");
    let mut other = group.clone();
    other["index"] = json!("b");
    other["address"] = json!("aws_lb_target_group.chat[\"b\"]");
    other["values"]["stickiness"][0]["enabled"] = json!(false);
    root[1] = group;
    root.as_array_mut().unwrap().push(other);
    let module = &mut plan["configuration"]["root_module"];
    module["resources"][2]["expressions"]["default_action"][0]["target_group_arn"] =
        references.clone();
    module["module_calls"]["service"]["expressions"]["target_group_arn"] = references;
    let checked = check("keys", &plan, &[]);
    let way = format!("aws_lb.front → {GROUP}[\"a\"] → {SERVICE}");
    assert_eq!(
        checked.document["subjects"],
        json!([way]),
        "{}",
        checked.run
    );
    let rule = "polling-without-stickiness";
    assert_eq!(outcome(&checked, rule), "holds", "{}", checked.run);
}

/// A value that may come from elsewhere too is not the resource that is named beside it.
#[test]
fn a_local_beside_a_resource_is_not_seen() {
    let mut plan = plan(&resources());
    let listener = &mut plan["configuration"]["root_module"]["resources"][2];
    listener["expressions"]["load_balancer_arn"] =
        json!({ "references": ["local.other", "aws_lb.front.arn", "aws_lb.front"] });
    let checked = check("local", &plan, &[]);
    let rule = "idle-timeout-not-above-ping-interval";
    assert!(checked.rules("not_seen").contains(&rule), "{}", checked.run);
}

/// The listener's default answers 404, and a rule has this condition.
fn routed(test: &str, conditions: &Value) -> &'static str {
    let mut all = resources();
    all[2].values["default_action"] = json!([{ "type": "fixed-response" }]);
    all[2].unknown = json!({ "load_balancer_arn": true });
    all[2].expressions["default_action"] = json!([{}]);
    let group =
        json!({ "references": ["aws_lb_target_group.chat.arn", "aws_lb_target_group.chat"] });
    all.push(Written {
        address: "aws_lb_listener_rule.chat",
        values: json!({ "priority": 1, "condition": conditions,
            "action": [{ "type": "forward" }] }),
        unknown: json!({ "listener_arn": true, "action": [{ "target_group_arn": true }] }),
        expressions: json!({
            "listener_arn": { "references": ["aws_lb_listener.https.arn", "aws_lb_listener.https"] },
            "action": [{ "type": {}, "target_group_arn": group }],
            "condition": [{}],
        }),
    });
    let checked = check(&format!("routed-{test}"), &plan(&all), &[]);
    outcome(&checked, "socket-path-unrouted")
}

#[test]
fn each_condition_of_a_rule_is_read() {
    let path = json!({ "path_pattern": [{ "values": ["/socket.io/*"] }] });
    let and = |more: Value| json!([path, more]);
    let methods = |names: &[&str]| and(json!({ "http_request_method": [{ "values": names }] }));
    let cases = [
        ("path", json!([path]), "holds"),
        (
            "other",
            json!([{ "path_pattern": [{ "values": ["/api/*"] }] }]),
            "violated",
        ),
        (
            "regex",
            json!([{ "path_pattern": [{ "values": [], "regex_values": ["^/api/"] }] }]),
            "not seen",
        ),
        (
            "regex-null",
            json!([{ "path_pattern": [{ "values": null, "regex_values": ["^/api/"] }] }]),
            "not seen",
        ),
        (
            "regex-alone",
            json!([{ "path_pattern": [{ "regex_values": ["^/api/"] }] }]),
            "not seen",
        ),
        (
            "host",
            and(json!({ "host_header": [{ "values": ["a.example"] }] })),
            "holds",
        ),
        (
            "host-regex",
            and(json!({ "host_header": [{ "values": [], "regex_values": ["a"] }] })),
            "not seen",
        ),
        (
            "header",
            and(json!({ "http_header": [{ "http_header_name": "X-A", "values": ["1"] }] })),
            "not seen",
        ),
        (
            "query",
            and(json!({ "query_string": [{ "key": "a", "value": "1" }] })),
            "not seen",
        ),
        (
            "address",
            and(json!({ "source_ip": [{ "values": ["10.0.0.0/8"] }] })),
            "not seen",
        ),
        ("get", methods(&["GET"]), "violated"),
        ("post", methods(&["POST"]), "violated"),
        ("both", methods(&["GET", "POST"]), "holds"),
        (
            "one-block",
            json!([{ "path_pattern": [{ "values": ["/socket.io/*"] }],
            "http_request_method": [{ "values": ["POST"] }] }]),
            "violated",
        ),
        (
            "new",
            and(json!({ "moon_phase": [{ "values": ["full"] }] })),
            "not seen",
        ),
    ];
    for (name, conditions, expected) in cases {
        assert_eq!(routed(name, &conditions), expected, "{name}");
    }
}

/// The header of a block in a comment is not the block.
#[test]
fn a_comment_is_no_block() {
    let plan = with("aws_lb.front", |one| one.values["idle_timeout"] = json!(20));
    let folder = directory("terraform-comment");
    write(&folder.join("plan.json"), &plan.to_string());
    let text = "# once: resource \"aws_lb\" \"front\" {}\n\n  resource \"aws_lb\" \"front\" {\n}\n";
    write(&folder.join("main.tf"), text);
    let args = [
        "check",
        "--terraform",
        "plan.json",
        "--server",
        "socketio-node",
    ];
    let run = deployer(&folder, &args);
    assert!(run.stdout.contains("main.tf:3:3"), "{run}");
}

#[test]
fn containers_that_are_not_json_are_named() {
    let task = "module.service.aws_ecs_task_definition.this";
    let plan = with(task, |one| {
        one.values["container_definitions"] = json!("hello");
    });
    let checked = check("containers", &plan, &[]);
    let rule = "container-port-mismatch";
    assert_eq!(outcome(&checked, rule), "not seen", "{}", checked.run);
    let whys = checked.document["not_seen"].to_string();
    assert!(
        whys.contains("a string where containers was expected"),
        "{whys}"
    );
}

/// A Network Load Balancer in front is found by what is registered in its group.
#[test]
fn an_attachment_joins_a_network_load_balancer() {
    let mut all = resources();
    let refers = |to: &str| json!({ "references": [format!("{to}.arn"), to] });
    all.extend([
        Written {
            address: "aws_lb_target_group.outer",
            values: json!({ "port": 443, "protocol": "TCP", "target_type": "alb" }),
            unknown: json!({ "arn": true }),
            expressions: json!({ "port": {} }),
        },
        Written {
            address: "aws_lb_target_group_attachment.outer",
            values: json!({}),
            unknown: json!({ "target_group_arn": true, "target_id": true }),
            expressions: json!({ "target_group_arn": refers("aws_lb_target_group.outer"),
                "target_id": refers("aws_lb.front") }),
        },
        Written {
            address: "aws_lb_listener.outer",
            values: json!({ "port": 443, "protocol": "TCP", "tcp_idle_timeout_seconds": 60,
                "default_action": [{ "type": "forward" }] }),
            unknown: json!({ "load_balancer_arn": true,
                "default_action": [{ "target_group_arn": true }] }),
            expressions: json!({ "default_action": [{ "type": {},
                "target_group_arn": refers("aws_lb_target_group.outer") }] }),
        },
    ]);
    let checked = check("nlb", &plan(&all), &["--ping-interval", "70s"]);
    let rule = "proxy-in-front-shorter-than-ping";
    assert_eq!(outcome(&checked, rule), "violated", "{}", checked.run);
}
