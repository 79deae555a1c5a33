//! Networks of EC2: subnets, their routes, and the endpoints of AWS's services within them.

use super::routes::{Routes, way};
use super::signed::{EC2, Xml, items, text, unreadable};
use super::{Clients, Error};

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
        let filter = filter("subnet-id", ids);
        let filter: Vec<_> = filter.iter().map(borrowed).collect();
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
                    routes.main = Some(way.clone());
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

/// A filter of EC2's: a name, and the values of which one must be there.
pub(super) fn filter(name: &str, values: &[String]) -> Vec<(String, String)> {
    let name = ("Filter.1.Name".to_owned(), name.to_owned());
    let values = values.iter().zip(1..);
    let values = values.map(|(value, n)| (format!("Filter.1.Value.{n}"), value.clone()));
    std::iter::once(name).chain(values).collect()
}

/// A parameter as it is sent.
pub(super) fn borrowed((name, value): &(String, String)) -> (&str, &str) {
    (name, value)
}

/// Reads each item of a list of EC2's.
pub(super) fn list<T>(
    answer: &str,
    name: &str,
    read: impl Fn(roxmltree::Node<'_, '_>) -> T,
) -> Result<Vec<T>, Error> {
    let document = Xml::parse(answer).map_err(|error| unreadable("read EC2's answer", &error))?;
    Ok(items(document.root_element(), name).map(read).collect())
}
