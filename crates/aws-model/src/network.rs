//! Security groups and what they let through.

use cloudformation::node::Node;
use cloudformation::template::Resource;

use crate::field::{Field, only_aws_knows};
use crate::properties::{Id, Properties, written};

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
            let own = |rule: &&Resource| {
                let group = rule.properties.get("GroupId").and_then(Node::refers_to);
                group == Some(properties.resource.logical_id.as_str())
            };
            let apart: Vec<_> = properties.rendered.of_type(&kind).filter(own).collect();
            if apart.iter().any(|rule| rule.may_not_exist()) {
                return None;
            }
            let apart = apart.iter().map(|rule| &rule.properties);
            let path = format!("SecurityGroup{direction}");
            let inline = properties.read(&path, |list| match list.as_list() {
                Some(list) => Field::Stated(list, properties.place()),
                None => only_aws_knows(list),
            });
            let inline = match inline {
                Field::Stated(list, _) => list,
                Field::NotStated(_) => &[],
                Field::NotSeen(_) => return None,
            };
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

/// The zones of a list of subnets of the template, where each says its zone; not stated otherwise.
/// Zones that only AWS knows are told apart by how they are written, so they are known where all
/// subnets are in one.
pub(crate) fn zones(properties: Properties<'_>, path: &str) -> Field<Vec<String>> {
    let Field::Stated(subnets, place) =
        properties.references(path, "AWS::EC2::Subnet", GROUPS_ELSEWHERE)
    else {
        return Field::NotStated(properties.place());
    };
    let zone = |id: &Id| {
        let subnet = properties.rendered.resources.get(id)?;
        let zone = subnet.properties.get("AvailabilityZone")?;
        Some((written(zone), zone.as_text().is_some()))
    };
    match subnets.iter().map(zone).collect::<Option<Vec<_>>>() {
        Some(zones) if zones.iter().all(|(_, known)| *known) || all_same(&zones) => {
            Field::Stated(zones.into_iter().map(|(zone, _)| zone).collect(), place)
        }
        _ => Field::NotStated(properties.place()),
    }
}

fn all_same(zones: &[(String, bool)]) -> bool {
    zones.windows(2).all(|two| two.first() == two.last())
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
