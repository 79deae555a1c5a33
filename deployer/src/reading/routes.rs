//! Which listeners and rules send requests to a target group, and of which load balancer they are.

use timeouts::Setting::{ForwardGroups, GroupStickiness, ListenerProtocols, RoutedPaths};

use super::view::View;
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

const LISTENER: &str = "AWS::ElasticLoadBalancingV2::Listener";
const LISTENER_RULE: &str = "AWS::ElasticLoadBalancingV2::ListenerRule";

/// How requests reach a target group.
pub(super) struct Route<'a> {
    /// The load balancer, where it is in the template.
    pub(super) balancer: Option<&'a Resource>,
    /// The listeners and listener rules that forward to the group.
    pub(super) forwards: Vec<Forward<'a>>,
}

/// A listener or a listener rule with its action that forwards.
pub(super) struct Forward<'a> {
    pub(super) resource: &'a Resource,
    action: &'a Node,
    listener: Option<&'a Resource>,
}

impl<'a> Route<'a> {
    pub(super) fn to(rendered: &'a Rendered, group: &Resource) -> Self {
        let forwards: Vec<_> = rendered
            .resources
            .values()
            .filter_map(|resource| {
                let (actions, listener) = match resource.kind.as_str() {
                    LISTENER => ("DefaultActions", Some(resource)),
                    LISTENER_RULE => (
                        "Actions",
                        resource
                            .properties
                            .get("ListenerArn")
                            .and_then(|arn| rendered.referred(arn)),
                    ),
                    _ => return None,
                };
                let actions = resource.properties.get(actions)?.as_list()?;
                let action = actions
                    .iter()
                    .find(|action| groups(action).any(|to| is(to.1, group)))?;
                Some(Forward {
                    resource,
                    action,
                    listener,
                })
            })
            .collect();
        let arns = forwards
            .iter()
            .filter_map(|forward| forward.listener?.properties.get("LoadBalancerArn"));
        let balancer = arns
            .filter_map(|arn| rendered.referred(arn))
            .find(|resource| resource.kind == super::BALANCER);
        Self { balancer, forwards }
    }
}

fn is(arn: &Node, group: &Resource) -> bool {
    arn.refers_to() == Some(group.logical_id.as_str())
}

/// The target groups of a forward action that get traffic, each with its entry and ARN.
fn groups(action: &Node) -> impl Iterator<Item = (&Node, &Node)> {
    let listed = action
        .at("ForwardConfig.TargetGroups")
        .and_then(Node::as_list)
        .unwrap_or_default();
    let alone = listed
        .is_empty()
        .then(|| action.get("TargetGroupArn"))
        .flatten();
    let weighted = listed
        .iter()
        .filter(|group| group.get("Weight").and_then(Node::as_u64) != Some(0));
    alone
        .map(|arn| (arn, arn))
        .into_iter()
        .chain(weighted.filter_map(|group| Some((group, group.get("TargetGroupArn")?))))
}

pub(super) fn read(view: &mut View<'_, '_>, route: &Route<'_>) {
    let Some(first) = route.forwards.first() else {
        return;
    };
    let protocols: Vec<_> = route
        .forwards
        .iter()
        .filter_map(|forward| forward.listener?.properties.get("Protocol"))
        .collect();
    if let Some(node) = protocols
        .iter()
        .find(|node| node.as_text() == Some("HTTP"))
        .or(protocols.first())
    {
        let mut names: Vec<String> = protocols
            .iter()
            .filter_map(|node| node.as_text())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        view.see(ListenerProtocols, names, node);
    }
    match route.forwards.iter().map(paths).collect::<Option<Vec<_>>>() {
        Some(paths) => view.see_of(RoutedPaths, paths.concat(), first.resource),
        None => {
            _ = view
                .reading
                .hide(RoutedPaths, "a path pattern that only AWS knows");
        }
    }

    let widest = route
        .forwards
        .iter()
        .max_by_key(|forward| groups(forward.action).count());
    let Some(Forward {
        action, resource, ..
    }) = widest
    else {
        return;
    };
    let count = groups(action).count();
    view.see(
        ForwardGroups,
        u64::try_from(count).unwrap_or(u64::MAX),
        action,
    );
    match action.at("ForwardConfig.TargetGroupStickinessConfig.Enabled") {
        Some(enabled) => view.node(GroupStickiness, Some(enabled), resource),
        None => view.see(GroupStickiness, false, action),
    }
}

/// The path patterns of a forward; `*` for a listener's default, and for a rule that looks at other things. None where
/// one is not known.
fn paths(forward: &Forward<'_>) -> Option<Vec<String>> {
    let conditions = forward
        .resource
        .properties
        .get("Conditions")
        .and_then(Node::as_list)
        .unwrap_or_default();
    let of_paths =
        |condition: &&Node| condition.get("Field").and_then(Node::as_text) == Some("path-pattern");
    let Some(condition) = conditions.iter().find(of_paths) else {
        return Some(vec!["*".to_owned()]);
    };
    let values = condition
        .at("PathPatternConfig.Values")
        .or_else(|| condition.get("Values"))?
        .as_list()?;
    values
        .iter()
        .map(|value| value.as_text().map(str::to_owned))
        .collect()
}
