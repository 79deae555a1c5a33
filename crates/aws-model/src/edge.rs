//! What stands before a load balancer: CloudFront, and names in Route 53.

use std::time::Duration;

use cloudformation::node::Origin as Place;

use crate::field::Field;
use crate::firewall::{self, WebRule};
use crate::properties::{Id, Properties};

/// A CloudFront distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Its logical id.
    pub id: Id,
    /// Where it gets its answers.
    pub origins: Vec<Origin>,
    /// The rules of its web ACL; not stated where it has none.
    pub rules: Field<Vec<WebRule>>,
}

/// An origin of a distribution.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The resources that it refers to.
    pub refers_to: Vec<Id>,
    /// How long CloudFront waits for an answer.
    pub read_timeout: Field<Duration>,
}

impl Distribution {
    /// Whether one of its origins is this resource.
    #[must_use]
    pub fn leads_to(&self, balancer: &Id) -> bool {
        let mut origins = self.origins.iter();
        origins.any(|origin| origin.refers_to.contains(balancer))
    }

    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let origin = |origin: Properties<'_>| Origin {
            refers_to: crate::properties::mentioned(origin.rendered, origin.node),
            // An origin within a VPC has a mapping of its own.
            read_timeout: origin.field(match origin.at("VpcOriginConfig") {
                Some(_) => "VpcOriginConfig.OriginReadTimeout",
                None => "CustomOriginConfig.OriginReadTimeout",
            }),
        };
        Self {
            id: properties.id(),
            origins: properties
                .items("DistributionConfig.Origins")
                .map(origin)
                .collect(),
            rules: firewall::of_distribution(properties),
        }
    }
}

/// A name in Route 53 that is an alias.
#[derive(Clone, Debug)]
pub struct Alias {
    /// Its place.
    pub place: Place,
    /// The name.
    pub name: Field<String>,
    /// The resources that it is an alias of.
    pub refers_to: Vec<Id>,
}

impl Alias {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            place: properties.place(),
            name: properties.field("Name"),
            refers_to: properties.mentioned("AliasTarget"),
        }
    }
}
