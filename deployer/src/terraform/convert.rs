//! Resources of Terraform as the CloudFormation resources that do the same.

use cloudformation::node::{Map, Node};
use cloudformation::template::Resource;
use indexmap::IndexMap;
use serde_json::Value;

use super::block::Block;
use super::document::{Document, list, steps};
use super::edges;
use super::places::Places;
use super::service::{scaling, service, task};

const ELB: &str = "AWS::ElasticLoadBalancingV2";

/// Every resource that a rule looks at, by its address.
pub(super) fn all(document: &Document<'_>, places: &Places) -> IndexMap<String, Resource> {
    let mut resources = IndexMap::new();
    for found in &document.found {
        let place = places.of(found);
        let block = Block::of(document, found, &place);
        let Some((kind, properties)) = convert(found.kind, block) else {
            continue;
        };
        let resource = Resource {
            logical_id: found.address.to_owned(),
            kind,
            properties,
            depends_on: depends_on(document, block),
            condition: None,
            attributes: Map::new(),
            place: place.clone(),
        };
        resources.insert(found.address.to_owned(), resource);
    }
    resources
}

fn convert(kind: &str, block: Block<'_>) -> Option<(String, Node)> {
    let elb = |name: &str| format!("{ELB}::{name}");
    let kind = kind.replace("aws_alb", "aws_lb");
    Some(match kind.as_str() {
        "aws_lb" => (elb("LoadBalancer"), balancer(block)),
        "aws_lb_target_group" => (elb("TargetGroup"), target_group(block)),
        "aws_lb_listener" => (elb("Listener"), listener(block)),
        "aws_lb_listener_rule" => (elb("ListenerRule"), rule(block)),
        "aws_ecs_service" => ("AWS::ECS::Service".to_owned(), service(block)),
        "aws_ecs_task_definition" => ("AWS::ECS::TaskDefinition".to_owned(), task(block)),
        "aws_appautoscaling_target" => {
            let kind = "AWS::ApplicationAutoScaling::ScalableTarget";
            (kind.to_owned(), scaling(block))
        }
        "aws_subnet" => {
            let zone = block.map([("AvailabilityZone", block.get("availability_zone"))]);
            ("AWS::EC2::Subnet".to_owned(), zone)
        }
        "aws_elasticache_replication_group" => (
            "AWS::ElastiCache::ReplicationGroup".to_owned(),
            store(block),
        ),
        "aws_cloudfront_distribution" => (
            "AWS::CloudFront::Distribution".to_owned(),
            distribution(block),
        ),
        "aws_wafv2_web_acl_association" => {
            let properties = block.map([
                ("ResourceArn", block.get("resource_arn")),
                ("WebACLArn", block.get("web_acl_arn")),
            ]);
            ("AWS::WAFv2::WebACLAssociation".to_owned(), properties)
        }
        // What is registered in a target group makes it more than a placeholder.
        "aws_lb_target_group_attachment" | "aws_autoscaling_attachment" => {
            let group = block
                .get("target_group_arn")
                .or(block.get("lb_target_group_arn"));
            (
                "Terraform::Attachment".to_owned(),
                block.map([("Group", group)]),
            )
        }
        _ => return None,
    })
}

/// Attributes as pairs of key and value.
fn attributes(block: Block<'_>, pairs: &[(&str, Option<Node>)]) -> Option<Node> {
    let pair = |(key, value): &(&str, Option<Node>)| {
        let value = value.clone()?;
        Some(block.map([("Key", Some(block.text(*key))), ("Value", Some(value))]))
    };
    Some(block.list(pairs.iter().filter_map(pair).collect()))
}

fn balancer(lb: Block<'_>) -> Node {
    let own = attributes(
        lb,
        &[
            ("idle_timeout.timeout_seconds", lb.get("idle_timeout")),
            ("client_keep_alive.seconds", lb.get("client_keep_alive")),
            (
                "routing.http.xff_header_processing.mode",
                lb.get("xff_header_processing_mode"),
            ),
            (
                "routing.http.xff_client_port.enabled",
                lb.get("enable_xff_client_port"),
            ),
        ],
    );
    let subnets = lb.get("subnets").or_else(|| {
        lb.each("subnet_mapping", |mapping| {
            mapping.get("subnet_id").unwrap_or_else(|| mapping.text(""))
        })
    });
    lb.map([
        ("Type", lb.get("load_balancer_type")),
        ("Name", lb.get("name")),
        ("Subnets", subnets),
        ("LoadBalancerAttributes", own),
    ])
}

fn target_group(group: Block<'_>) -> Node {
    let sticky = |name: &str| group.one("stickiness", |sticky| sticky.get(name));
    let kind = sticky("type");
    let by_app = kind.as_ref().and_then(Node::as_text) == Some("app_cookie");
    let duration = match by_app {
        true => "stickiness.app_cookie.duration_seconds",
        false => "stickiness.lb_cookie.duration_seconds",
    };
    let own = attributes(
        group,
        &[
            ("stickiness.enabled", sticky("enabled")),
            ("stickiness.type", kind),
            (duration, sticky("cookie_duration")),
            (
                "deregistration_delay.timeout_seconds",
                group.get("deregistration_delay"),
            ),
            (
                "load_balancing.cross_zone.enabled",
                group.get("load_balancing_cross_zone_enabled"),
            ),
        ],
    );
    let check = |name: &str| group.one("health_check", |check| check.get(name));
    let matcher = check("matcher").map(|codes| group.map([("HttpCode", Some(codes))]));
    group.map([
        ("Name", group.get("name")),
        ("Port", group.get("port")),
        ("Protocol", group.get("protocol")),
        ("ProtocolVersion", group.get("protocol_version")),
        ("TargetType", group.get("target_type")),
        ("TargetControlPort", group.get("target_control_port")),
        ("HealthCheckPath", check("path")),
        ("HealthCheckPort", check("port")),
        ("HealthCheckIntervalSeconds", check("interval")),
        ("HealthCheckTimeoutSeconds", check("timeout")),
        ("HealthyThresholdCount", check("healthy_threshold")),
        ("UnhealthyThresholdCount", check("unhealthy_threshold")),
        ("Matcher", matcher),
        ("TargetGroupAttributes", own),
    ])
}

fn listener(listener: Block<'_>) -> Node {
    let idle = [(
        "tcp.idle_timeout.seconds",
        listener.get("tcp_idle_timeout_seconds"),
    )];
    listener.map([
        ("LoadBalancerArn", listener.get("load_balancer_arn")),
        ("Port", listener.get("port")),
        ("Protocol", listener.get("protocol")),
        ("DefaultActions", listener.each("default_action", action)),
        ("ListenerAttributes", attributes(listener, &idle)),
    ])
}

fn rule(rule: Block<'_>) -> Node {
    let condition = |condition: Block<'_>| {
        let values = |name: &str| condition.one(name, |pattern| pattern.get("values"));
        let field = match values("path_pattern").is_some() {
            true => "path-pattern",
            false => "host-header",
        };
        let config = values("path_pattern").map(|values| condition.map([("Values", Some(values))]));
        condition.map([
            ("Field", Some(condition.text(field))),
            ("PathPatternConfig", config),
        ])
    };
    rule.map([
        ("ListenerArn", rule.get("listener_arn")),
        ("Priority", rule.get("priority")),
        ("Conditions", rule.each("condition", condition)),
        ("Actions", rule.each("action", action)),
        (
            "Transforms",
            rule.each("transform", |transform| transform.map([])),
        ),
    ])
}

fn action(action: Block<'_>) -> Node {
    let group = |group: Block<'_>| {
        group.map([
            ("TargetGroupArn", group.get("arn")),
            ("Weight", group.get("weight")),
        ])
    };
    let sticky = |sticky: Block<'_>| {
        Some(sticky.map([
            ("Enabled", sticky.get("enabled")),
            ("DurationSeconds", sticky.get("duration")),
        ]))
    };
    let forward = |forward: Block<'_>| {
        Some(forward.map([
            ("TargetGroups", forward.each("target_group", group)),
            (
                "TargetGroupStickinessConfig",
                forward.one("stickiness", sticky),
            ),
        ]))
    };
    action.map([
        ("Type", action.get("type")),
        ("Order", action.get("order")),
        ("TargetGroupArn", action.get("target_group_arn")),
        ("ForwardConfig", action.one("forward", forward)),
    ])
}

fn store(group: Block<'_>) -> Node {
    group.map([
        ("ReplicationGroupId", group.get("replication_group_id")),
        ("Engine", group.get("engine")),
        ("EngineVersion", group.get("engine_version")),
        ("Port", group.get("port")),
        (
            "AutomaticFailoverEnabled",
            group.get("automatic_failover_enabled"),
        ),
        ("MultiAZEnabled", group.get("multi_az_enabled")),
        ("CacheParameterGroupName", group.get("parameter_group_name")),
        ("SecurityGroupIds", group.get("security_group_ids")),
    ])
}

fn distribution(front: Block<'_>) -> Node {
    let origin = |origin: Block<'_>| {
        let custom = origin.one("custom_origin_config", |custom| {
            let timeout = custom.get("origin_read_timeout");
            Some(custom.map([("OriginReadTimeout", timeout)]))
        });
        origin.map([
            ("DomainName", origin.get("domain_name")),
            ("CustomOriginConfig", custom),
        ])
    };
    let config = front.map([("Origins", front.each("origin", origin))]);
    front.map([("DistributionConfig", Some(config))])
}

/// What `depends_on` names: resources, and all of a module.
fn depends_on(document: &Document<'_>, block: Block<'_>) -> Vec<String> {
    let Some(written) = block.resource.written else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for name in list(written, "depends_on").filter_map(Value::as_str) {
        if let ["module", module, ..] = steps(name).as_slice() {
            let inner = match block.resource.module.as_str() {
                "" => format!("module.{module}"),
                own => format!("{own}.module.{module}"),
            };
            let inside = document
                .found
                .iter()
                .filter(|one| one.module.starts_with(&inner));
            names.extend(inside.map(|one| one.address.to_owned()));
            continue;
        }
        let reference = serde_json::json!({ "references": [name] });
        let to = edges::of(document, block.resource, &reference);
        names.extend(to.into_iter().map(str::to_owned));
    }
    names
}
