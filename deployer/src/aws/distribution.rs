//! The CloudFront distributions whose origin a live load balancer may be. A role that may not ask
//! leaves them unknown.

use aws_model::{Distribution, Field, Id, NotSeen, Origin, Part, live_place};
use roxmltree::Node;

use super::live::Live;
use super::signed::{CLOUDFRONT, Xml, items, text, unreadable};
use super::{Clients, Error};

const ACTION: &str = "cloudfront:ListDistributions";
const WHAT: &str = "list the distributions";
/// What the names of AWS's own servers end with: a load balancer has no other of these.
const OF_AWS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws"];

/// A load balancer and its name in DNS.
pub(super) struct Balancer {
    pub(super) id: Id,
    pub(super) dns_name: String,
}

/// Reads the distributions that are or may be in front of these load balancers.
pub(super) async fn read(clients: &Clients, balancers: &[Balancer], live: &mut Live) {
    if balancers.is_empty() {
        return;
    }
    match all(clients, balancers).await {
        Ok(found) => live.model.distributions = found,
        Err(error) => live.not_read(Part::Distributions, ACTION, &error),
    }
}

async fn all(clients: &Clients, balancers: &[Balancer]) -> Result<Vec<Distribution>, Error> {
    let mut found = Vec::new();
    let mut path = "/2020-05-31/distribution".to_owned();
    loop {
        let answer = clients
            .signed
            .get(&CLOUDFRONT, "ListDistributions", WHAT, path);
        let answer = answer.await?;
        let document = Xml::parse(&answer).map_err(|error| unreadable(WHAT, &error))?;
        let list = document.root_element();
        found.extend(items(list, "Items").filter_map(|one| distribution(one, balancers)));
        let next = text(list, "NextMarker");
        if text(list, "IsTruncated") != "true" || next.is_empty() {
            return Ok(found);
        }
        path = format!("/2020-05-31/distribution?Marker={next}");
    }
}

/// A distribution that is or may be in front of one of them; one that is switched off is not.
fn distribution(item: Node<'_, '_>, balancers: &[Balancer]) -> Option<Distribution> {
    let place = live_place(text(item, "ARN"));
    let origin = |origin: Node<'_, '_>| {
        let name = text(origin, "DomainName").to_lowercase();
        let leads_to = |balancer: &&Balancer| {
            let own = balancer.dns_name.to_lowercase();
            name.strip_prefix("dualstack.").unwrap_or(&name) == own
        };
        let refers_to: Vec<_> = balancers
            .iter()
            .filter(leads_to)
            .map(|balancer| balancer.id.clone())
            .collect();
        let elsewhere = refers_to.is_empty() && OF_AWS.iter().any(|end| name.ends_with(end));
        let read_timeout = origin
            .descendants()
            .find(|node| node.tag_name().name() == "OriginReadTimeout");
        let read_timeout = read_timeout.and_then(|node| node.text());
        (!elsewhere).then(|| Origin {
            refers_to,
            read_timeout: Field::live(read_timeout.map(str::to_owned), &place).parse(),
        })
    };
    let origins = item
        .descendants()
        .filter(|node| node.tag_name().name() == "Origin");
    let origins: Vec<_> = origins.filter_map(origin).collect();
    let on = text(item, "Enabled") != "false" && !origins.is_empty();
    on.then(|| Distribution {
        id: text(item, "Id").to_owned(),
        origins,
        rules: match text(item, "WebACLId") {
            "" => Field::NotStated(place.clone()),
            _ => Field::NotSeen(NotSeen::Because("the web ACL of a distribution in front")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0"?>
        <DistributionList xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
          <IsTruncated>false</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary>
            <Id>E1</Id><ARN>arn:aws:cloudfront::1:distribution/E1</ARN>
            <Origins><Quantity>2</Quantity><Items>
              <Origin><Id>pages</Id><DomainName>pages.s3.eu-west-1.amazonaws.com</DomainName>
                <S3OriginConfig/></Origin>
              <Origin><Id>chat</Id><DomainName>NAME</DomainName>
                <CustomOriginConfig><OriginReadTimeout>45</OriginReadTimeout>
                </CustomOriginConfig></Origin>
            </Items></Origins>
            <Enabled>ENABLED</Enabled><WebACLId>ACL</WebACLId>
          </DistributionSummary></Items></DistributionList>"#;

    fn read(name: &str, enabled: &str, acl: &str) -> Option<Distribution> {
        let answer = ANSWER.replace("NAME", name).replace("ENABLED", enabled);
        let answer = answer.replace("ACL</", &format!("{acl}</"));
        let document = Xml::parse(&answer).expect("it is XML");
        let balancer = Balancer {
            id: "Lb".to_owned(),
            dns_name: "Lb-1.eu-west-1.elb.amazonaws.com".to_owned(),
        };
        let item = items(document.root_element(), "Items").next();
        distribution(item.expect("one"), &[balancer])
    }

    #[test]
    fn an_origin_is_the_load_balancer_by_its_name() {
        for name in [
            "lb-1.eu-west-1.elb.amazonaws.com",
            "dualstack.Lb-1.eu-west-1.elb.amazonaws.com",
        ] {
            let found = read(name, "true", "").expect("it is in front");
            let [origin] = found.origins.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(origin.refers_to, ["Lb"]);
            let timeout = origin
                .read_timeout
                .value()
                .map(std::time::Duration::as_secs);
            assert_eq!(timeout, Some(45));
            assert!(found.rules.is_not_stated(), "it has no web ACL");
        }
        let protected = read(
            "lb-1.eu-west-1.elb.amazonaws.com",
            "true",
            "arn:aws:wafv2:x",
        );
        let rules = protected.expect("it is in front").rules;
        assert!(matches!(rules, Field::NotSeen(_)));
    }

    #[test]
    fn a_name_of_its_own_may_be_the_load_balancers() {
        let found = read("origin.example.com", "true", "").expect("it may be in front");
        assert!(
            found
                .origins
                .iter()
                .all(|origin| origin.refers_to.is_empty())
        );
        let other = read("lb-2.eu-west-1.elb.amazonaws.com", "true", "");
        assert!(other.is_none(), "another load balancer's");
        let off = read("lb-1.eu-west-1.elb.amazonaws.com", "false", "");
        assert!(off.is_none(), "it is switched off");
    }
}
