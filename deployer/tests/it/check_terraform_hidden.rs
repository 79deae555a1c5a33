//! What a plan does not know never makes a rule hold that did not hold before: each value of some
//! plans is hidden, one at a time, as a plan hides it.

use std::collections::BTreeSet;
use std::path::Path;

use deployer::reading::read_terraform;
use deployer::terraform::parse;
use serde_json::{Value, json};

use crate::check_corpus::node;
use crate::plan::{Written, plan, resources};

/// The rules that hold in every way that a plan shows.
fn held(resources: &[Written]) -> BTreeSet<&'static str> {
    let text = plan(resources).to_string();
    let rendered = parse("plan.json", &text, Path::new("/nowhere")).expect("a plan");
    let Ok(readings) = read_terraform(&rendered, &node()) else {
        return BTreeSet::new();
    };
    let held = readings.readings.iter().map(|reading| {
        let report = timeouts::check(reading);
        let held = report.held.iter().map(|rule| rule.name);
        held.collect::<BTreeSet<_>>()
    });
    held.reduce(|all, some| &all & &some).unwrap_or_default()
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// The ways to all values below one.
fn paths(value: &Value, path: &[Step], all: &mut Vec<Vec<Step>>) {
    let mut below = |step: Step, value: &Value| {
        let path = [path, &[step]].concat();
        all.push(path.clone());
        paths(value, &path, all);
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                below(Step::Key(key.clone()), value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                below(Step::Index(index), item);
            }
        }
        _ => {}
    }
}

/// Sets what is at a path, making what is missing on the way.
fn set(at: &mut Value, path: &[Step], value: Value) {
    let Some((step, rest)) = path.split_first() else {
        *at = value;
        return;
    };
    match step {
        Step::Key(key) => {
            if !at.is_object() {
                *at = json!({});
            }
            set(&mut at[key], rest, value);
        }
        Step::Index(index) => {
            if !at.is_array() {
                *at = json!([]);
            }
            let items = at.as_array_mut().expect("an array");
            while items.len() <= *index {
                items.push(json!({}));
            }
            set(&mut items[*index], rest, value);
        }
    }
}

/// How what is not known is written.
#[derive(Clone, Copy, Debug)]
enum Hidden {
    /// As an expression of something that the plan does not show.
    Local,
    /// As a `dynamic` block, of which the configuration says nothing.
    Dynamic,
}

/// A resource of which the value at a path is not known.
fn hide(one: &Written, path: &[Step], how: Hidden) -> Option<Written> {
    let mut less = one.clone();
    let is_block = matches!(path, [Step::Key(_)])
        && one
            .values
            .pointer(&pointer(path))?
            .as_array()?
            .first()?
            .is_object();
    match how {
        Hidden::Dynamic if !is_block => return None,
        Hidden::Dynamic => {
            let [Step::Key(name)] = path else { return None };
            less.expressions.as_object_mut()?.remove(name);
        }
        Hidden::Local => {
            // An item has no expression of its own.
            let written = path.iter().rposition(|step| matches!(step, Step::Key(_)))?;
            let local = json!({ "references": ["local.hidden"] });
            set(&mut less.expressions, &path[..=written], local);
        }
    }
    set(&mut less.values, path, Value::Null);
    set(&mut less.unknown, path, json!(true));
    Some(less)
}

fn pointer(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => format!("/{key}"),
        Step::Index(index) => format!("/{index}"),
    };
    path.iter().map(step).collect()
}

/// AWS answers these where nobody writes them, so that a plan tells no `dynamic` one.
const COMPUTED: [&str; 3] = ["stickiness", "health_check", "deployment_configuration"];

fn dishonest(name: &str, all: &[Written]) -> Vec<String> {
    let before = held(all);
    let mut found = Vec::new();
    for (number, one) in all.iter().enumerate() {
        let mut ways = Vec::new();
        paths(&one.values, &[], &mut ways);
        for path in ways {
            let computed =
                matches!(&path[..], [Step::Key(key)] if COMPUTED.contains(&key.as_str()));
            for how in [Hidden::Local, Hidden::Dynamic] {
                let less = hide(one, &path, how).filter(|_| !computed);
                let Some(less) = less else { continue };
                let mut changed = all.to_vec();
                changed[number] = less;
                let after = held(&changed);
                let new: Vec<_> = after.difference(&before).collect();
                if !new.is_empty() {
                    let at = format!("{}{}", one.address, pointer(&path));
                    found.push(format!("{name}, {at} {how:?}: {new:?} hold"));
                }
            }
        }
    }
    found
}

/// The plan with all that is read: a rule, what scales the service, a firewall, CloudFront, a store.
fn whole() -> Vec<Written> {
    let mut all = resources();
    let refers = |to: &str| json!({ "references": [format!("{to}.arn"), to] });
    let group = || refers("aws_lb_target_group.chat");
    all[2].values["default_action"] = json!([{ "type": "fixed-response" }]);
    all[2].unknown = json!({ "load_balancer_arn": true });
    all[2].expressions["default_action"] = json!([{}]);
    all.extend([
        Written {
            address: "aws_lb_listener_rule.chat",
            values: json!({ "priority": 1,
                "condition": [{ "path_pattern": [{ "values": ["/socket.io/*"] }] },
                    { "http_request_method": [{ "values": ["GET"] }] }],
                "action": [{ "type": "forward" }] }),
            unknown: json!({ "listener_arn": true, "action": [{ "target_group_arn": true }] }),
            expressions: json!({ "listener_arn": refers("aws_lb_listener.https"),
                "action": [{ "type": {}, "target_group_arn": group() }],
                "condition": [{ "path_pattern": [{}] }, { "http_request_method": [{}] }] }),
        },
        Written {
            address: "module.service.aws_appautoscaling_target.this",
            values: json!({ "service_namespace": "ecs", "min_capacity": 1, "max_capacity": 4 }),
            unknown: json!({ "resource_id": true }),
            expressions: json!({ "resource_id": { "references": [
                "aws_ecs_service.this.name", "aws_ecs_service.this"] } }),
        },
        Written {
            address: "aws_wafv2_web_acl_association.front",
            values: json!({}),
            unknown: json!({ "resource_arn": true, "web_acl_arn": true }),
            expressions: json!({ "resource_arn": refers("aws_lb.front"),
                "web_acl_arn": refers("aws_wafv2_web_acl.front") }),
        },
        Written {
            address: "aws_cloudfront_distribution.edge",
            values: json!({ "origin": [{ "origin_id": "alb",
                "custom_origin_config": [{ "origin_read_timeout": 20 }] }] }),
            unknown: json!({ "origin": [{ "domain_name": true }] }),
            expressions: json!({ "origin": [{ "origin_id": { "constant_value": "alb" },
                "domain_name": { "references": ["aws_lb.front.dns_name", "aws_lb.front"] },
                "custom_origin_config": [{}] }] }),
        },
        Written {
            address: "aws_elasticache_replication_group.store",
            values: json!({ "replication_group_id": "a--b", "engine": "redis",
                "engine_version": "6.2", "port": 6379, "automatic_failover_enabled": false,
                "multi_az_enabled": false, "parameter_group_name": "default.redis6.x" }),
            unknown: json!({}),
            expressions: json!({}),
        },
    ]);
    all
}

/// A plan in which much is wrong.
fn broken() -> Vec<Written> {
    let mut all = whole();
    all[0].values["idle_timeout"] = json!(20);
    all[0].values["xff_header_processing_mode"] = json!("preserve");
    all[0].values["name"] = json!("-front-");
    all[1].values["target_type"] = json!("instance");
    all[1].values["protocol_version"] = json!("GRPC");
    all[1].values["deregistration_delay"] = json!("5");
    all[1].values["load_balancing_cross_zone_enabled"] = json!("false");
    all[1].values["stickiness"][0] =
        json!({ "enabled": true, "type": "app_cookie", "cookie_duration": 20 });
    all[1].values["health_check"][0]["timeout"] = json!(10);
    all[1].values["health_check"][0]["path"] = json!("/socket.io/");
    all[2].values["protocol"] = json!("HTTP");
    all[3].values["deployment_maximum_percent"] = json!(100);
    all[3].values["availability_zone_rebalancing"] = json!("ENABLED");
    all[3].values["deployment_circuit_breaker"][0]["rollback"] = json!(false);
    all[3].values["alarms"][0]["enable"] = json!(false);
    all[3].values["load_balancer"][0]["container_port"] = json!(80);
    all[4].values["memory"] = json!("4096");
    all[4].values["container_definitions"] =
        json!("[{\"name\":\"app\",\"image\":\"app:1\",\"stopTimeout\":200}]");
    all
}

/// A plan whose deployments shift the traffic.
fn canary() -> Vec<Written> {
    let mut all = resources();
    all[3].values["deployment_configuration"] = json!([{ "strategy": "CANARY",
        "bake_time_in_minutes": 1, "canary_configuration": [{ "canary_bake_time_in_minutes": 1 }] }]);
    all[3].expressions["deployment_configuration"] = json!([{ "canary_configuration": [{}] }]);
    all[1].values["stickiness"][0]["enabled"] = json!(false);
    all
}

#[test]
fn nothing_holds_because_a_plan_hides_it() {
    let plans = [
        ("sound", resources()),
        ("whole", whole()),
        ("broken", broken()),
        ("canary", canary()),
    ];
    let found = plans.iter().flat_map(|(name, all)| dishonest(name, all));
    assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
}
