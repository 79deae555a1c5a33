//! Resources of Terraform as the CloudFormation resources that do the same.

use cloudformation::node::{Map, Node};
use cloudformation::template::Resource;
use indexmap::IndexMap;
use serde_json::Value;

use super::block::Block;
use super::document::{Document, Found, list, steps};
use super::edges;
use super::listener::{listener, more_certificates, rule};
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
        "aws_lb_listener_certificate" => (elb("ListenerCertificate"), more_certificates(block)),
        "aws_ecs_express_gateway_service" => {
            ("AWS::ECS::ExpressGatewayService".to_owned(), block.map([]))
        }
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

fn balancer(lb: Block<'_>) -> Node {
    let own = lb.attributes(&[
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
    ]);
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
    let own = group.attributes(&[
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
    ]);
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
        ("Targets", targets(group)),
    ])
}

/// What is registered in a target group by resources of their own.
fn targets(group: Block<'_>) -> Option<Node> {
    let document = group.document;
    let attachments = document.found.iter().filter_map(|found| {
        let attachment = Block::of(document, found, group.place);
        let to = (found.kind.ends_with("target_group_attachment"))
            .then(|| attachment.get("target_group_arn"))??;
        let is_this = to.refers_to() == Some(group.resource.address);
        is_this.then(|| attachment.map([("Id", attachment.get("target_id"))]))
    });
    let attachments: Vec<_> = attachments.collect();
    (!attachments.is_empty()).then(|| group.list(attachments))
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
        ("NumNodeGroups", group.get("num_node_groups")),
        ("ClusterMode", group.get("cluster_mode")),
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
        let within_vpc = origin.one("vpc_origin_config", |own| {
            let timeout = own.get("origin_read_timeout");
            Some(own.map([("OriginReadTimeout", timeout)]))
        });
        origin.map([
            ("DomainName", origin.get("domain_name")),
            ("CustomOriginConfig", custom),
            ("VpcOriginConfig", within_vpc),
        ])
    };
    let config = front.map([
        ("Origins", front.each("origin", origin)),
        ("WebACLId", front.get("web_acl_id")),
    ]);
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
            let is_inside = |one: &&Found<'_>| {
                let rest = one.module.strip_prefix(&inner);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let inside = document.found.iter().filter(is_inside);
            names.extend(inside.map(|one| one.address.to_owned()));
            continue;
        }
        let to = edges::named(document, block.resource, name);
        names.extend(to.into_iter().map(str::to_owned));
    }
    names
}
