//! Where the traffic of a VPC's subnets goes, by their route tables.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::signed::{items, text};

/// Where a subnet's traffic to the internet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nowhere.
    None,
    /// To an internet gateway, for those with a public address.
    Internet,
    /// Through something that needs no public address: a NAT gateway, a transit gateway and so on.
    Through(String),
    /// To parts of the internet or to other networks, through this: what lies there is not known.
    Partly(String),
}

/// What a VPC has that matters to a stack in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    pub(super) by_subnet: BTreeMap<String, Way>,
    pub(super) main: Option<Way>,
}

impl Routes {
    /// The ways of subnets with a table of their own, and of all others.
    #[must_use]
    pub fn new(by_subnet: BTreeMap<String, Way>, main: Option<Way>) -> Self {
        Self { by_subnet, main }
    }

    /// Where the traffic of a subnet goes: by its own table, or the VPC's main one. None where EC2
    /// shows neither, as in a VPC that another account shares.
    #[must_use]
    pub fn of(&self, subnet: &str) -> Option<&Way> {
        self.by_subnet.get(subnet).or(self.main.as_ref())
    }
}

/// The default route.
const ALL: &str = "0.0.0.0/0";
/// Two routes that stand for it.
const HALVES: [&str; 2] = ["0.0.0.0/1", "128.0.0.0/1"];

/// Where a table leads. A route to something that is gone is a black hole.
pub(super) fn way(table: Node<'_, '_>) -> Way {
    let routes = items(table, "routeSet").filter(|route| text(*route, "state") != "blackhole");
    let routes: Vec<_> = routes.filter_map(Route::of).collect();
    let to = |destination: &str| routes.iter().find(|route| route.to == destination);
    match (to(ALL), HALVES.map(to)) {
        (Some(route), _) => route.way(),
        (None, [Some(low), Some(high)]) if low.way() == high.way() => low.way(),
        _ => match routes.first() {
            Some(route) => Way::Partly(route.through.to_owned()),
            None => Way::None,
        },
    }
}

/// A route out of the VPC.
struct Route<'a> {
    to: &'a str,
    through: &'a str,
}

impl<'a> Route<'a> {
    /// None where it stays within the VPC, leads to a gateway endpoint, which S3 and DynamoDB alone
    /// have, or is for IPv6.
    fn of(route: Node<'a, '_>) -> Option<Self> {
        let list = text(route, "destinationPrefixListId");
        let to = match text(route, "destinationCidrBlock") {
            "" => list,
            block => block,
        };
        let mut targets = route.children().filter(|child| {
            child.is_element()
                && !matches!(
                    child.tag_name().name(),
                    "destinationCidrBlock"
                        | "destinationPrefixListId"
                        | "destinationIpv6CidrBlock"
                        | "state"
                        | "origin"
                        | "instanceOwnerId"
                )
        });
        let through = targets.find_map(|target| target.text())?;
        let is_endpoint = !list.is_empty() && through.starts_with("vpce-");
        let leads_out = !to.is_empty() && through != "local" && !is_endpoint;
        leads_out.then_some(Self { to, through })
    }

    fn way(&self) -> Way {
        match self.through.starts_with("igw-") {
            true => Way::Internet,
            false => Way::Through(self.through.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::signed::Xml;
    use super::*;

    fn way_of(routes: &[(&str, &str)]) -> Way {
        let item = |(to, through): &(&str, &str)| {
            let kind = match to.starts_with("pl-") {
                true => "destinationPrefixListId",
                false => "destinationCidrBlock",
            };
            format!(
                "<item><{kind}>{to}</{kind}>{through}<state>active</state><origin>CreateRoute\
                 </origin></item>"
            )
        };
        let local = item(&("10.1.0.0/16", "<gatewayId>local</gatewayId>"));
        let routes: String = routes.iter().map(item).collect();
        let text = format!("<item><routeSet>{local}{routes}</routeSet></item>");
        let text = text.replace("<gone/><state>active", "<state>blackhole");
        way(Xml::parse(&text).expect("it is XML").root_element())
    }

    const NAT: &str = "<natGatewayId>nat-1</natGatewayId>";
    const TRANSIT: &str = "<transitGatewayId>tgw-1</transitGatewayId>";

    #[test]
    fn a_default_route_leads_out_and_so_do_its_halves() {
        let through = |what: &str| Way::Through(what.to_owned());
        assert_eq!(way_of(&[(ALL, NAT)]), through("nat-1"));
        assert_eq!(
            way_of(&[("10.0.0.0/8", TRANSIT), (ALL, NAT)]),
            through("nat-1")
        );
        let internet = "<gatewayId>igw-1</gatewayId>";
        assert_eq!(way_of(&[(ALL, internet)]), Way::Internet);
        let halves = HALVES.map(|half| (half, TRANSIT));
        assert_eq!(way_of(&halves), through("tgw-1"));
        assert_eq!(way_of(&HALVES.map(|half| (half, internet))), Way::Internet);
    }

    #[test]
    fn where_another_route_leads_is_not_known() {
        let partly = |what: &str| Way::Partly(what.to_owned());
        for (to, through, what) in [
            ("10.0.0.0/8", TRANSIT, "tgw-1"),
            ("pl-1", NAT, "nat-1"),
            ("0.0.0.0/1", NAT, "nat-1"),
            (
                "10.2.0.0/16",
                "<vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId>",
                "pcx-1",
            ),
            (
                "10.2.0.0/16",
                "<instanceOwnerId>1</instanceOwnerId>\
                 <networkInterfaceId>eni-1</networkInterfaceId>",
                "eni-1",
            ),
        ] {
            assert_eq!(way_of(&[(to, through)]), partly(what));
        }
        let apart = [(HALVES[0], NAT), (HALVES[1], TRANSIT)];
        assert_eq!(way_of(&apart), partly("nat-1"));
    }

    #[test]
    fn nothing_leads_out_of_a_table_without_such_a_route() {
        assert_eq!(way_of(&[]), Way::None);
        let gone = format!("{NAT}<gone/>");
        assert_eq!(way_of(&[(ALL, &gone)]), Way::None);
        // As a gateway endpoint makes it.
        assert_eq!(
            way_of(&[("pl-1", "<gatewayId>vpce-1</gatewayId>")]),
            Way::None
        );
    }

    #[test]
    fn a_subnet_without_a_table_of_its_own_has_the_main_one() {
        let own = [("subnet-1".to_owned(), Way::Internet)];
        let routes = Routes::new(own.clone().into(), Some(Way::None));
        assert_eq!(routes.of("subnet-1"), Some(&Way::Internet));
        assert_eq!(routes.of("subnet-2"), Some(&Way::None));
        assert_eq!(Routes::new(own.into(), None).of("subnet-2"), None);
    }
}
