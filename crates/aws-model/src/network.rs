//! Security groups and what they let through.

use cloudformation::node::Node;

use crate::field::Field;
use crate::properties::{Id, Properties};

/// A range of ports, both ends included.
pub type PortRange = (u16, u16);

const GROUP: &str = "AWS::EC2::SecurityGroup";

/// Why security groups are not seen that another stack has, or that were not asked for.
pub const GROUPS_ELSEWHERE: &str = "security groups that are not in this template";

/// All ports.
pub const ALL_PORTS: PortRange = (0, u16::MAX);

/// A security group.
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    /// Its logical id.
    pub id: Id,
    /// What it lets in, in the group itself or in resources of their own; none where one rule is
    /// not known.
    pub ingress: Option<Vec<GroupRule>>,
    /// What it lets out. A group without a rule lets everything out.
    pub egress: Option<Vec<GroupRule>>,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// The other side.
    pub peer: Peer,
    /// The TCP ports.
    pub ports: Ports,
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A security group; none where it is not in the template.
    Group(Option<Id>),
    /// Address ranges or prefix lists.
    Addresses,
}

/// The TCP ports of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// A range.
    Range(PortRange),
    /// Another protocol.
    NotTcp,
    /// Not known.
    Unknown,
}

impl SecurityGroup {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let rules = |direction: &str, peer: &str| {
            let kind = format!("{GROUP}{direction}");
            let apart = properties
                .rendered
                .of_type(&kind)
                .map(|rule| &rule.properties)
                .filter(|rule| {
                    let group = rule.get("GroupId").and_then(Node::refers_to);
                    group == Some(properties.resource.logical_id.as_str())
                });
            let inline = properties.at(&format!("SecurityGroup{direction}"));
            let inline = inline.map_or(Some([].as_slice()), Node::as_list)?;
            inline
                .iter()
                .chain(apart)
                .map(|rule| read_rule(rule, peer))
                .collect()
        };
        Self {
            id: properties.id(),
            ingress: rules("Ingress", "SourceSecurityGroupId"),
            egress: rules("Egress", "DestinationSecurityGroupId"),
        }
    }
}

/// The security groups of a list, if all of them are in the template.
pub(crate) fn groups(properties: Properties<'_>, path: &str) -> Field<Vec<Id>> {
    properties.references(path, GROUP, GROUPS_ELSEWHERE)
}

/// A rule; none for a function in the place of a whole rule.
fn read_rule(rule: &Node, peer: &str) -> Option<GroupRule> {
    let map = rule.as_map()?;
    Some(GroupRule {
        peer: match map.get(peer) {
            Some(group) => Peer::Group(group.node.refers_to().map(str::to_owned)),
            None => Peer::Addresses,
        },
        ports: ports(rule).unwrap_or(Ports::Unknown),
    })
}

fn ports(rule: &Node) -> Option<Ports> {
    let protocol = rule.get("IpProtocol")?.as_text()?;
    if protocol == "-1" {
        return Some(Ports::Range(ALL_PORTS));
    }
    if protocol != "tcp" && protocol != "6" {
        return Some(Ports::NotTcp);
    }
    let port = |name: &str| match rule.get(name) {
        None => Some(None),
        Some(node) => node
            .as_text()?
            .parse::<i32>()
            .ok()
            .map(|port| u16::try_from(port).ok()),
    };
    Some(Ports::Range(match (port("FromPort")?, port("ToPort")?) {
        (Some(low), Some(high)) => (low, high),
        _ => ALL_PORTS,
    }))
}
