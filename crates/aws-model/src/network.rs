//! Security groups and what they let through.

use cloudformation::node::{self, Node};
use cloudformation::template::{Rendered, Resource};

use crate::field::{Field, only_aws_knows};
use crate::properties::{Id, Properties, written};

/// A range of ports, both ends included.
pub type PortRange = (u16, u16);

const GROUP: &str = "AWS::EC2::SecurityGroup";

/// Why security groups are not seen that another stack has.
pub const GROUPS_ELSEWHERE: &str = "security groups that are not in this template";

/// Every address of IPv4, by which load balancers reach targets.
const ALL_ADDRESSES: &str = "0.0.0.0/0";

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
    /// Every address.
    Anybody,
    /// An address range, a prefix list or a group that only AWS knows: it may hold the other side.
    Unclear,
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
                .map(|rule| read_rule(rule, peer, properties.rendered))
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

/// The only network of a template. Load balancer, tasks and store are in it.
fn the_vpc(rendered: &Rendered) -> Option<&Resource> {
    let mut all = rendered.of_type("AWS::EC2::VPC");
    all.next().filter(|_| all.next().is_none())
}

/// Whether a range is the whole of a network, by reference or as it is written there.
fn is_of_the_vpc(block: &Node, vpc: Option<&Resource>) -> bool {
    let Some(vpc) = vpc.filter(|vpc| !vpc.may_not_exist()) else {
        return false;
    };
    let written = |node: &Node| node::json(node).to_string();
    let block = written(block);
    let own = vpc.properties.get("CidrBlock").map(written);
    block == format!(r#"{{"Fn::GetAtt":["{}","CidrBlock"]}}"#, vpc.logical_id) || own == Some(block)
}

/// A rule; none for a function in the place of a whole rule.
fn read_rule(rule: &Node, peer: &str, rendered: &Rendered) -> Option<GroupRule> {
    let map = rule.as_map()?;
    let address = rule.get("CidrIp");
    let anybody = |block: &Node| {
        block.as_text() == Some(ALL_ADDRESSES) || is_of_the_vpc(block, the_vpc(rendered))
    };
    let group = map.get(peer).map(|entry| &entry.node);
    Some(GroupRule {
        peer: match group {
            Some(group) => the_group(group, rendered),
            None if address.is_some_and(anybody) => Peer::Anybody,
            None => Peer::Unclear,
        },
        ports: ports(rule).unwrap_or(Ports::Unknown),
    })
}

/// A group that a rule names. One by its id on AWS is none of the template's.
fn the_group(group: &Node, rendered: &Rendered) -> Peer {
    let named = rendered.referred(group);
    match named {
        Some(named) => Peer::Group(Some(named.logical_id.clone())),
        None if group.as_text().is_some() => Peer::Group(None),
        None => Peer::Unclear,
    }
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
