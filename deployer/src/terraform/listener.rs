//! Listeners, their rules and actions.

use cloudformation::node::Node;

use super::block::Block;

pub(super) fn listener(listener: Block<'_>) -> Node {
    const ALLOW_ORIGIN: &str = "routing_http_response_access_control_allow_origin_header_value";
    let own = [
        (
            "tcp.idle_timeout.seconds",
            listener.get("tcp_idle_timeout_seconds"),
        ),
        (
            "routing.http.response.access_control_allow_origin.header_value",
            listener.get(ALLOW_ORIGIN),
        ),
    ];
    listener.map([
        ("LoadBalancerArn", listener.get("load_balancer_arn")),
        ("Port", listener.get("port")),
        ("Protocol", listener.get("protocol")),
        ("Certificates", certificate(listener)),
        ("DefaultActions", listener.each("default_action", action)),
        ("ListenerAttributes", listener.attributes(&own)),
    ])
}

/// The one certificate that the provider lets a listener have.
fn certificate(listener: Block<'_>) -> Option<Node> {
    let arn = listener.get("certificate_arn")?;
    Some(listener.list(vec![listener.map([("CertificateArn", Some(arn))])]))
}

pub(super) fn more_certificates(more: Block<'_>) -> Node {
    more.map([
        ("ListenerArn", more.get("listener_arn")),
        ("Certificates", certificate(more)),
    ])
}

pub(super) fn rule(rule: Block<'_>) -> Node {
    rule.map([
        ("ListenerArn", rule.get("listener_arn")),
        ("Priority", rule.get("priority")),
        ("Conditions", conditions(rule)),
        ("Actions", rule.each("action", action)),
        (
            "Transforms",
            rule.each("transform", |transform| transform.map([])),
        ),
    ])
}

/// The name of a condition's block, its field and the property that has its values.
const CONDITIONS: [(&str, &str, &str); 6] = [
    ("path_pattern", "path-pattern", "PathPatternConfig"),
    ("host_header", "host-header", "HostHeaderConfig"),
    ("http_header", "http-header", "HttpHeaderConfig"),
    (
        "http_request_method",
        "http-request-method",
        "HttpRequestMethodConfig",
    ),
    ("query_string", "query-string", "QueryStringConfig"),
    ("source_ip", "source-ip", "SourceIpConfig"),
];

/// The conditions of a rule. One block may hold several of them.
fn conditions(rule: Block<'_>) -> Option<Node> {
    let blocks = match rule.blocks("condition") {
        Ok(blocks) if blocks.is_empty() => return None,
        Ok(blocks) => blocks,
        Err(hidden) => return Some(hidden),
    };
    let mut items = Vec::new();
    for block in blocks {
        let before = items.len();
        for (name, field, property) in CONDITIONS {
            let config = match block.blocks(name) {
                Ok(inner) if inner.is_empty() => continue,
                Ok(inner) => condition(block, name, &inner),
                Err(hidden) => hidden,
            };
            let field = Some(block.text(field));
            items.push(block.map([("Field", field), (property, Some(config))]));
        }
        if items.len() == before {
            // One of a kind that is not known here.
            items.push(block.map([("Field", Some(block.hidden("condition")))]));
        }
    }
    Some(rule.list(items))
}

fn condition(block: Block<'_>, name: &str, inner: &[Block<'_>]) -> Node {
    if name == "query_string" {
        let pair =
            |one: &Block<'_>| one.map([("Key", one.get("key")), ("Value", one.get("value"))]);
        let pairs = inner.iter().map(pair).collect();
        return block.map([("Values", Some(block.list(pairs)))]);
    }
    let first = |name: &str| inner.first().and_then(|one| one.get(name));
    block.map([
        ("HttpHeaderName", first("http_header_name")),
        ("Values", first("values")),
        ("RegexValues", first("regex_values")),
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
