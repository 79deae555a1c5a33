//! Networks of EC2: subnets, their routes, and the endpoints of AWS's services within them.

use std::collections::BTreeMap;

use super::signed::{EC2, Xml, items, text};
use super::{Clients, Error, Kind};

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its availability zone.
    pub zone: String,
    /// Addresses that nobody has.
    pub free: u64,
}

/// Where a subnet's traffic to the internet goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nowhere.
    #[default]
    None,
    /// To an internet gateway, for those with a public address.
    Internet,
    /// Through something that needs no public address: a NAT gateway, a transit gateway and so on.
    Through(String),
}

/// What a VPC has that matters to a stack in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    by_subnet: BTreeMap<String, Way>,
    main: Way,
}

impl Routes {
    /// The ways of subnets with a table of their own, and of all others.
    #[must_use]
    pub fn new(by_subnet: BTreeMap<String, Way>, main: Way) -> Self {
        Self { by_subnet, main }
    }

    /// Where the traffic of a subnet goes: by its own table, or the VPC's main one.
    #[must_use]
    pub fn of(&self, subnet: &str) -> &Way {
        self.by_subnet.get(subnet).unwrap_or(&self.main)
    }
}

/// An endpoint of one of AWS's services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its VPC.
    pub vpc: String,
    /// The service without the part that all have: `ecr.api`, `s3`.
    pub service: String,
}

impl Clients {
    /// Whether there is such a VPC.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn has_vpc(&self, id: &str) -> Result<bool, Error> {
        let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", id)];
        let answer = self
            .signed
            .query(&EC2, "DescribeVpcs", "read the VPC", &filter)
            .await?;
        let found = list(&answer, "vpcSet", |item| text(item, "vpcId").to_owned())?;
        Ok(found.iter().any(|found| found == id))
    }

    /// Those of these subnets that there are.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn subnets(&self, ids: &[String]) -> Result<Vec<Subnet>, Error> {
        let names: Vec<_> = (1..=ids.len())
            .map(|n| format!("Filter.1.Value.{n}"))
            .collect();
        let values = names.iter().map(String::as_str);
        let values = values.zip(ids.iter().map(String::as_str));
        let filter: Vec<_> = [("Filter.1.Name", "subnet-id")]
            .into_iter()
            .chain(values)
            .collect();
        let answer = self
            .signed
            .query(&EC2, "DescribeSubnets", "read the subnets", &filter)
            .await?;
        list(&answer, "subnetSet", |item| Subnet {
            id: text(item, "subnetId").to_owned(),
            vpc: text(item, "vpcId").to_owned(),
            zone: text(item, "availabilityZone").to_owned(),
            free: text(item, "availableIpAddressCount").parse().unwrap_or(0),
        })
    }

    /// The routes of a VPC.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn routes(&self, vpc: &str) -> Result<Routes, Error> {
        let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
        let what = "read the route tables";
        let answer = self
            .signed
            .query(&EC2, "DescribeRouteTables", what, &filter)
            .await?;
        let mut routes = Routes::default();
        let tables = list(&answer, "routeTableSet", |table| {
            let subnets: Vec<_> = items(table, "associationSet")
                .map(|one| {
                    (
                        text(one, "subnetId").to_owned(),
                        text(one, "main") == "true",
                    )
                })
                .collect();
            (way(table), subnets)
        })?;
        for (way, subnets) in tables {
            for (subnet, is_main) in subnets {
                if is_main {
                    routes.main = way.clone();
                }
                if !subnet.is_empty() {
                    routes.by_subnet.insert(subnet, way.clone());
                }
            }
        }
        Ok(routes)
    }

    /// The endpoints of AWS's services in a VPC.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn endpoints(&self, vpc: &str) -> Result<Vec<Endpoint>, Error> {
        let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
        let what = "read the VPC's endpoints";
        let answer = self
            .signed
            .query(&EC2, "DescribeVpcEndpoints", what, &filter)
            .await?;
        let region = self.signed.region();
        let mut found = list(&answer, "vpcEndpointSet", |item| Endpoint {
            vpc: text(item, "vpcId").to_owned(),
            service: text(item, "serviceName")
                .rsplit_once(&format!(".{region}."))
                .map_or_else(String::new, |(_, service)| service.to_owned()),
        })?;
        found.retain(|endpoint| endpoint.vpc == vpc);
        Ok(found)
    }
}

/// Where a table's default route leads. A route to something that is gone is a black hole.
fn way(table: roxmltree::Node<'_, '_>) -> Way {
    let mut routes = items(table, "routeSet").filter(|route| {
        text(*route, "destinationCidrBlock") == "0.0.0.0/0" && text(*route, "state") != "blackhole"
    });
    let Some(route) = routes.next() else {
        return Way::None;
    };
    let targets = route.children().filter(|child| {
        child.is_element()
            && !matches!(
                child.tag_name().name(),
                "destinationCidrBlock" | "state" | "origin" | "instanceOwnerId"
            )
    });
    let mut targets = targets.filter_map(|target| target.text());
    match targets.next() {
        Some(target) if target.starts_with("igw-") => Way::Internet,
        Some(target) => Way::Through(target.to_owned()),
        None => Way::None,
    }
}

/// Reads each item of a list of EC2's.
fn list<T>(
    answer: &str,
    name: &str,
    read: impl Fn(roxmltree::Node<'_, '_>) -> T,
) -> Result<Vec<T>, Error> {
    let document = Xml::parse(answer).map_err(|error| Error::Call {
        what: "read EC2's answer",
        reason: error.to_string(),
        code: None,
        kind: Kind::Unreachable,
    })?;
    Ok(items(document.root_element(), name).map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way_of(route: &str) -> Way {
        let text = format!("<item><routeSet>{route}</routeSet></item>");
        way(Xml::parse(&text).expect("it is XML").root_element())
    }

    #[test]
    fn a_default_route_leads_out_and_no_other_does() {
        let to = |target: &str| {
            format!(
                "<item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock>{target}\
                 <state>active</state><origin>CreateRoute</origin></item>"
            )
        };
        let nat = "<natGatewayId>nat-1</natGatewayId>";
        assert_eq!(way_of(&to(nat)), Way::Through("nat-1".to_owned()));
        assert_eq!(way_of(&to("<gatewayId>igw-1</gatewayId>")), Way::Internet);
        assert_eq!(way_of(&to(nat).replace("active", "blackhole")), Way::None);
        assert_eq!(
            way_of(&to(nat).replace("0.0.0.0/0", "10.0.0.0/8")),
            Way::None
        );
        assert_eq!(way_of(""), Way::None);
    }
}
