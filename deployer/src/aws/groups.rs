//! The security groups of what is live. A role that may not ask leaves them unknown.

use aws_model::{ALL_PORTS, Field, GroupRule, Model, Part, Peer, Ports, SecurityGroup};
use roxmltree::Node;

use super::live::Live;
use super::signed::{EC2, items, text};
use super::{Clients, Error, network};

const ACTION: &str = "ec2:DescribeSecurityGroups";

/// Reads the groups of the load balancers and services that were found.
pub(super) async fn read(clients: &Clients, live: &mut Live) {
    let wanted = named(&live.model);
    if wanted.is_empty() {
        return;
    }
    match described(clients, &wanted).await {
        Ok(found) => live.model.security_groups = found,
        Err(error) => live.not_read(Part::SecurityGroups, ACTION, &error),
    }
}

/// The groups that load balancers and services name, each once.
fn named(model: &Model) -> Vec<String> {
    let of_balancers = model.load_balancers.iter().map(|one| &one.security_groups);
    let of_services = model.services.iter().map(|one| &one.security_groups);
    let fields = of_balancers.chain(of_services);
    let mut names: Vec<_> = fields.flat_map(Field::items).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

async fn described(clients: &Clients, ids: &[String]) -> Result<Vec<SecurityGroup>, Error> {
    let filter = network::filter("group-id", ids);
    let filter: Vec<_> = filter.iter().map(network::borrowed).collect();
    let what = "read the security groups";
    let answer = clients
        .signed
        .query(&EC2, "DescribeSecurityGroups", what, &filter)
        .await?;
    network::list(&answer, "securityGroupInfo", group)
}

fn group(item: Node<'_, '_>) -> SecurityGroup {
    SecurityGroup {
        id: text(item, "groupId").to_owned(),
        ingress: Some(items(item, "ipPermissions").flat_map(rules).collect()),
        egress: Some(explicit(
            items(item, "ipPermissionsEgress").flat_map(rules).collect(),
        )),
    }
}

/// A live group without a rule lets nothing out; a template's lets everything out.
fn explicit(rules: Vec<GroupRule>) -> Vec<GroupRule> {
    let nothing = GroupRule {
        peer: Peer::Group(None),
        ports: Ports::NotTcp,
    };
    match rules.is_empty() {
        true => vec![nothing],
        false => rules,
    }
}

/// The rules of a permission, one for each other side.
fn rules<'a>(permission: Node<'a, '_>) -> Vec<GroupRule> {
    let ports = match text(permission, "ipProtocol") {
        "-1" => Ports::Range(ALL_PORTS),
        "tcp" | "6" => range(permission).unwrap_or(Ports::Unknown),
        _ => Ports::NotTcp,
    };
    let rule = |peer| GroupRule { peer, ports };
    let groups = items(permission, "groups")
        .map(|pair| rule(Peer::Group(Some(text(pair, "groupId").to_owned()))));
    let addresses = items(permission, "ipRanges").map(|range: Node<'a, '_>| {
        rule(match text(range, "cidrIp") {
            "0.0.0.0/0" => Peer::Anybody,
            _ => Peer::Unclear,
        })
    });
    let lists = items(permission, "prefixListIds").map(|_| rule(Peer::Unclear));
    let addresses_of_ipv6 = items(permission, "ipv6Ranges").map(|_| rule(Peer::Unclear));
    let all = groups.chain(addresses).chain(lists);
    all.chain(addresses_of_ipv6).collect()
}

fn range(permission: Node<'_, '_>) -> Option<Ports> {
    let low = text(permission, "fromPort").parse().ok()?;
    Some(Ports::Range((
        low,
        text(permission, "toPort").parse().ok()?,
    )))
}

#[cfg(test)]
mod tests {
    use super::super::signed::Xml;
    use super::*;

    #[test]
    fn each_permission_is_a_rule_for_each_other_side() {
        let answer = r"<r><securityGroupInfo><item><groupId>sg-1</groupId>
            <ipPermissions>
              <item><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>90</toPort>
                <groups><item><groupId>sg-2</groupId></item></groups>
                <ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges></item>
              <item><ipProtocol>-1</ipProtocol><groups/>
                <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>
              <item><ipProtocol>udp</ipProtocol><fromPort>53</fromPort><toPort>53</toPort>
                <prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds>
              </item>
            </ipPermissions><ipPermissionsEgress/></item></securityGroupInfo></r>";
        let rule = |peer, ports| GroupRule { peer, ports };
        let document = Xml::parse(answer).expect("it is XML");
        let item = items(document.root_element(), "securityGroupInfo").next();
        let found = group(item.expect("one"));
        assert_eq!(found.id, "sg-1");
        assert_eq!(
            found.ingress,
            Some(vec![
                rule(Peer::Group(Some("sg-2".to_owned())), Ports::Range((80, 90))),
                rule(Peer::Unclear, Ports::Range((80, 90))),
                rule(Peer::Anybody, Ports::Range(ALL_PORTS)),
                rule(Peer::Unclear, Ports::NotTcp),
            ])
        );
        assert_eq!(
            found.egress,
            Some(vec![rule(Peer::Group(None), Ports::NotTcp)])
        );
    }
}
