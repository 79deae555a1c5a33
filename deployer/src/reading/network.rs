//! What security groups let through: from the load balancer to the tasks, from the tasks to the store.

use timeouts::Setting::{self, BalancerToTask, TaskToStore};
use timeouts::Value;

use super::store;
use super::view::View;
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

/// A range of ports, both ends included.
pub(super) type PortRange = (u16, u16);

const GROUP: &str = "AWS::EC2::SecurityGroup";
const ALL: PortRange = (0, u16::MAX);

pub(super) fn read<'a>(
    view: &mut View<'a, '_>,
    service: &'a Resource,
    balancer: Option<&'a Resource>,
    store: Option<&Node>,
) {
    let tasks = service
        .properties
        .at("NetworkConfiguration.AwsvpcConfiguration.SecurityGroups");
    let balancers = balancer.and_then(|balancer| balancer.properties.get("SecurityGroups"));
    between(view, BalancerToTask, balancers, tasks);
    let group = store::group(view, store);
    store::read(view, group);
    if let Some(group) = group {
        between(
            view,
            TaskToStore,
            tasks,
            group.properties.get("SecurityGroupIds"),
        );
    }
}

/// Records the ports that one side may reach on the other.
fn between(view: &mut View<'_, '_>, setting: Setting, from: Option<&Node>, to: Option<&Node>) {
    let (Some(sources), Some(targets), Some(place)) =
        (members(view.rendered, from), members(view.rendered, to), to)
    else {
        view.reading
            .hide(setting, "security groups that are not in this template");
        return;
    };
    let allowed = rules(view.rendered, &targets, &sources, &INGRESS);
    let leaving = rules(view.rendered, &sources, &targets, &EGRESS);
    match (allowed, leaving) {
        (Some(allowed), Some(leaving)) => {
            view.see(setting, Value::Ports(both(&allowed, &leaving)), place);
        }
        _ => {
            _ = view
                .reading
                .hide(setting, "a security group rule that only AWS knows");
        }
    }
}

/// The security groups of a list; none where one of them is not in the template.
fn members<'a>(rendered: &'a Rendered, list: Option<&Node>) -> Option<Vec<&'a Resource>> {
    let groups: Option<Vec<_>> = list?
        .as_list()?
        .iter()
        .map(|group| rendered.referred(group))
        .collect();
    groups.filter(|groups| !groups.is_empty() && groups.iter().all(|group| group.kind == GROUP))
}

/// How one direction is written.
struct Direction {
    inline: &'static str,
    resource: &'static str,
    other: &'static str,
    /// What a group without any rule allows.
    unstated: &'static [PortRange],
}

const INGRESS: Direction = Direction {
    inline: "SecurityGroupIngress",
    resource: "AWS::EC2::SecurityGroupIngress",
    other: "SourceSecurityGroupId",
    unstated: &[],
};
const EGRESS: Direction = Direction {
    inline: "SecurityGroupEgress",
    resource: "AWS::EC2::SecurityGroupEgress",
    other: "DestinationSecurityGroupId",
    unstated: &[ALL],
};

/// The ports that the groups allow from or to the others; none where a rule is not known.
fn rules(
    rendered: &Rendered,
    groups: &[&Resource],
    others: &[&Resource],
    direction: &Direction,
) -> Option<Vec<PortRange>> {
    let mut ports = Vec::new();
    for group in groups {
        let inline = group.properties.get(direction.inline).map(Node::as_list);
        let apart = rendered
            .of_type(direction.resource)
            .map(|rule| &rule.properties)
            .filter(|rule| {
                rule.get("GroupId").and_then(Node::refers_to) == Some(group.logical_id.as_str())
            });
        let rules: Vec<&Node> = match inline {
            Some(list) => list?.iter().chain(apart).collect(),
            None => apart.collect(),
        };
        if rules.is_empty() {
            ports.extend(direction.unstated);
        }
        for rule in rules {
            if concerns(rule, others, direction)? {
                ports.extend(range(rule)?);
            }
        }
    }
    Some(ports)
}

/// Whether a rule is about one of the other groups. Address ranges and prefix lists may be, so they count.
fn concerns(rule: &Node, others: &[&Resource], direction: &Direction) -> Option<bool> {
    let Some(other) = rule.get(direction.other) else {
        // A function in the place of a whole rule says nothing.
        return rule.as_map().map(|_| true);
    };
    let named = other.refers_to();
    Some(
        others
            .iter()
            .any(|group| named == Some(group.logical_id.as_str())),
    )
}

/// The TCP ports of a rule; none where they are not known.
fn range(rule: &Node) -> Option<Option<PortRange>> {
    let protocol = rule.get("IpProtocol")?.as_text()?;
    if protocol == "-1" {
        return Some(Some(ALL));
    }
    if protocol != "tcp" && protocol != "6" {
        return Some(None);
    }
    let port = |name: &str| match rule.get(name) {
        None => Some(None),
        Some(node) => node
            .as_text()?
            .parse::<i32>()
            .ok()
            .map(|port| u16::try_from(port).ok()),
    };
    Some(match (port("FromPort")?, port("ToPort")?) {
        (Some(low), Some(high)) => Some((low, high)),
        _ => Some(ALL),
    })
}

/// The ports in both.
fn both(one: &[PortRange], two: &[PortRange]) -> Vec<PortRange> {
    let mut ports: Vec<PortRange> = one
        .iter()
        .flat_map(|a| two.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))))
        .filter(|(low, high)| low <= high)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_must_be_let_out_and_in() {
        assert_eq!(both(&[(80, 90)], &[(85, 100)]), [(85, 90)]);
        assert_eq!(both(&[(80, 80)], &[ALL]), [(80, 80)]);
        assert_eq!(both(&[(80, 80)], &[(443, 443)]), []);
    }
}
