//! Actions of listeners and rules.

use std::collections::HashMap;
use std::time::Duration;

use super::{list, mistake, text};
use alb_model::{Action, Config, Fixed, Forward, Listener, Redirect, Weighted};
use cloudformation::diagnostic::Mistake;
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

/// The action of a listener or rule: the last one in order, which decides.
pub(super) fn read(
    rendered: &Rendered,
    resource: &Resource,
    property: &str,
) -> Result<Action, Mistake> {
    let actions = list(&resource.properties, property);
    let order = |node: &&Node| node.get("Order").and_then(Node::as_u64).unwrap_or(0);
    let Some(action) = actions.iter().max_by_key(order) else {
        let message = format!("`{property}` has no action that is known before deploying");
        return Err(mistake(
            resource,
            resource.properties.get(property),
            message,
        ));
    };
    if let Some(other) = actions
        .iter()
        .find(|node| text(node, "Type").is_some_and(|t| t.starts_with("authenticate")))
    {
        return Err(mistake(
            resource,
            Some(other),
            "authentication actions are not part of the load balancer model",
        ));
    }
    match text(action, "Type").unwrap_or_default() {
        "forward" => forward(rendered, resource, action).map(Action::Forward),
        "redirect" => Ok(Action::Redirect(redirect(action))),
        "fixed-response" => Ok(Action::Fixed(fixed(action))),
        other => Err(mistake(
            resource,
            Some(action),
            format!("the action type {other:?} is not one of AWS's"),
        )),
    }
}

fn forward(rendered: &Rendered, resource: &Resource, action: &Node) -> Result<Forward, Mistake> {
    let group = |arn: Option<&Node>| {
        let found = arn
            .and_then(|arn| rendered.referred(arn))
            .map(|group| group.logical_id.clone());
        found.ok_or_else(|| {
            mistake(
                resource,
                arn,
                "the action's target group is not part of this template",
            )
        })
    };
    let weighted = list(action, "ForwardConfig.TargetGroups");
    if weighted.is_empty() {
        return Ok(Forward::to(&group(action.get("TargetGroupArn"))?));
    }
    let weight = |node: &Node| {
        node.get("Weight")
            .and_then(Node::as_u64)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(1)
    };
    let groups = weighted
        .iter()
        .map(|node| {
            Ok(Weighted {
                group: group(node.get("TargetGroupArn"))?,
                weight: weight(node),
            })
        })
        .collect::<Result<_, Mistake>>()?;
    let stickiness = action.at("ForwardConfig.TargetGroupStickinessConfig");
    let enabled = stickiness.and_then(|node| node.get("Enabled")?.as_bool()) == Some(true);
    let duration = stickiness
        .and_then(|node| node.get("DurationSeconds")?.as_u64())
        .map(Duration::from_secs);
    Ok(Forward {
        groups,
        stickiness: duration.filter(|_| enabled),
    })
}

fn redirect(action: &Node) -> Redirect {
    let defaults = Redirect::default();
    let part = |name: &str, default: String| {
        text(action, &format!("RedirectConfig.{name}")).map_or(default, str::to_owned)
    };
    Redirect {
        permanent: text(action, "RedirectConfig.StatusCode") == Some("HTTP_301"),
        protocol: part("Protocol", defaults.protocol),
        host: part("Host", defaults.host),
        port: part("Port", defaults.port),
        path: part("Path", defaults.path),
        query: part("Query", defaults.query),
    }
}

fn fixed(action: &Node) -> Fixed {
    let part = |name: &str| text(action, &format!("FixedResponseConfig.{name}"));
    Fixed {
        status: part("StatusCode")
            .and_then(|code| code.parse().ok())
            .unwrap_or(200),
        content_type: part("ContentType").unwrap_or("text/plain").to_owned(),
        body: part("MessageBody").unwrap_or_default().to_owned(),
    }
}

/// Whether the listener sends anything to the group.
pub(super) fn leads_to(listener: &Listener, group: &str) -> bool {
    let actions = listener
        .rules
        .iter()
        .map(|rule| &rule.action)
        .chain([&listener.default]);
    actions.into_iter().any(|action| match action {
        Action::Forward(forward) => forward
            .groups
            .iter()
            .any(|weighted| weighted.group == group),
        Action::Redirect(_) | Action::Fixed(_) => false,
    })
}

/// Points redirects to a declared port at the port that its listener has here.
pub(super) fn relocate(config: &mut Config, moved: &HashMap<String, u16>) {
    for listener in &mut config.listeners {
        let actions = listener
            .rules
            .iter_mut()
            .map(|rule| &mut rule.action)
            .chain([&mut listener.default]);
        for action in actions {
            if let Action::Redirect(redirect) = action
                && let Some(port) = moved.get(&redirect.port)
            {
                redirect.port = port.to_string();
                redirect.protocol = "HTTP".to_owned();
            }
        }
    }
}
