//! Whether clients come in and tasks get out: the routes of the subnets, and the endpoints of AWS's
//! services for tasks without a way to the internet.

use super::{Clients, Endpoint, Finding, Looked, Routes, Unseen, Wanted, unseen};
use crate::aws::Way;
use crate::preflight::image;

const SUBJECT: &str = "ways out of the network";
/// The services that a task needs before the server runs: image, log and secrets ("Amazon ECR
/// interface VPC endpoints"; the image's layers lie in S3).
const SERVICES: [&str; 5] = ["ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager"];

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>, vpc: &str) -> Looked {
    let (routes, endpoints) = tokio::join!(clients.routes(vpc), clients.endpoints(vpc));
    let routes = routes.map_err(unseen(SUBJECT, "ec2:DescribeRouteTables"))?;
    let endpoints = endpoints.map_err(unseen(SUBJECT, "ec2:DescribeVpcEndpoints"))?;
    let is_internal = wanted.text("Scheme") == Some("internal");
    let mut findings = Vec::new();
    if !is_internal {
        let found = ways_in(&ways(&routes, wanted.list("Subnets"))?);
        findings.extend(found.into_iter().map(|one| one.at(wanted.place("Subnets"))));
    }
    let is_public = wanted.text("PublicTasks") == Some("true");
    let found = ways_out(
        &ways(&routes, wanted.list("TaskSubnets"))?,
        &endpoints,
        is_public,
        has_image_of_region(wanted),
    );
    let place = wanted.place("TaskSubnets");
    findings.extend(found.into_iter().map(|one| one.at(place)));
    Ok(findings)
}

/// Where each of these subnets leads.
fn ways(routes: &Routes, subnets: Vec<String>) -> Result<Vec<(String, &Way)>, Unseen> {
    let way = |subnet: String| match routes.of(&subnet) {
        Some(way) => Ok((subnet, way)),
        None => {
            let reason = format!("EC2 shows this account no route table of {subnet}");
            Err(Unseen::new(SUBJECT, reason))
        }
    };
    subnets.into_iter().map(way).collect()
}

/// What is known of a subnet's way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Open,
    Closed,
    /// Only whoever knows what lies at the route's end can say.
    Unclear,
}

/// The subnets of which this is known.
fn which(ways: &[(String, &Way)], is: Known, of: impl Fn(&Way) -> Known) -> Vec<String> {
    let found = ways.iter().filter(|(_, way)| of(way) == is);
    found.map(|(id, _)| id.clone()).collect()
}

/// The load balancer's subnets that no client on the internet reaches.
fn ways_in(ways: &[(String, &Way)]) -> Vec<Finding> {
    let way_in = |way: &Way| match way {
        Way::Internet => Known::Open,
        Way::Partly(_) => Known::Unclear,
        // A firewall, which passes it on to an internet gateway.
        Way::Through(what)
            if !["nat-", "tgw-", "pcx-"]
                .iter()
                .any(|one| what.starts_with(one)) =>
        {
            Known::Unclear
        }
        Way::Through(_) | Way::None => Known::Closed,
    };
    let cure = "name public subnets in `network.subnets`";
    let mut findings = Vec::new();
    let closed = which(ways, Known::Closed, way_in);
    if !closed.is_empty() {
        let message = format!(
            "there is no route to an internet gateway from {}: clients do not reach the load \
             balancer there",
            closed.join(", ")
        );
        findings.push(Finding::error(SUBJECT, message, cure));
    }
    let unclear = which(ways, Known::Unclear, way_in);
    if !unclear.is_empty() {
        let message = format!(
            "there is no default route to an internet gateway from {}: clients reach the load \
             balancer there only if its other routes lead to them",
            unclear.join(", ")
        );
        findings.push(Finding::warning(SUBJECT, message, cure));
    }
    findings
}

/// The tasks' subnets from which no task gets at its image.
fn ways_out(
    ways: &[(String, &Way)],
    endpoints: &[Endpoint],
    is_public: bool,
    has_image_of_region: bool,
) -> Vec<Finding> {
    let has = |service: &&&str| {
        let mut known = endpoints.iter();
        known.any(|endpoint| endpoint.service == **service)
    };
    let missing: Vec<_> = SERVICES.iter().filter(|one| !has(one)).copied().collect();
    if missing.is_empty() && has_image_of_region {
        return Vec::new();
    }
    let way_out = |way: &Way| match way {
        Way::Through(_) => Known::Open,
        Way::Internet if is_public => Known::Open,
        Way::Internet | Way::None => Known::Closed,
        Way::Partly(_) => Known::Unclear,
    };
    let why = match is_public {
        true => "route to an internet gateway or a NAT gateway",
        false => "route to a NAT gateway",
    };
    if missing.is_empty() {
        return elsewhere(&which(ways, Known::Closed, way_out));
    }
    let missing = missing.join(", ");
    let cure = "add a NAT gateway or those endpoints, or set `network.public_tasks: true` with \
                public subnets";
    let mut findings = Vec::new();
    let closed = which(ways, Known::Closed, way_out);
    if !closed.is_empty() {
        let message = format!(
            "there is no {why} from {}, and the VPC has no endpoints for {missing}: a task could \
             not get its image, its log or its secrets",
            closed.join(", "),
        );
        findings.push(Finding::error(SUBJECT, message, cure));
    }
    let unclear = which(ways, Known::Unclear, way_out);
    if !unclear.is_empty() {
        let message = format!(
            "there is no default route from {}, and the VPC has no endpoints for {missing}: a task \
             gets its image, its log and its secrets only if its other routes lead to them",
            unclear.join(", "),
        );
        findings.push(Finding::warning(SUBJECT, message, cure));
    }
    findings
}

/// Subnets from which endpoints lead to ECR alone, where the image is in another registry. That may
/// be in the network itself, so it is no error.
fn elsewhere(subnets: &[String]) -> Vec<Finding> {
    if subnets.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "there is no NAT gateway for {}, and the image is not in this region's ECR: a task gets it \
         only if the registry is in this network",
        subnets.join(", ")
    );
    let cure = "add a NAT gateway, or copy the image to this region's ECR";
    vec![Finding::warning(SUBJECT, message, cure)]
}

/// Whether ECR's endpoints lead to the image.
fn has_image_of_region(wanted: &Wanted<'_>) -> bool {
    let name = wanted.text("Image").and_then(image::name);
    name.is_some_and(|name| name.region == wanted.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level::{Error, Warning};

    fn routes() -> Routes {
        let through = |what: &str| Way::Through(what.to_owned());
        let own = [
            ("public", Way::Internet),
            ("private", through("nat-1")),
            ("firewall", through("vpce-1")),
            ("office", Way::Partly("tgw-1".to_owned())),
        ];
        let own = own.into_iter().map(|(id, way)| (id.to_owned(), way));
        Routes::new(own.collect(), Some(Way::None))
    }

    fn told(findings: Vec<Finding>) -> Vec<(crate::preflight::Level, String)> {
        let told = findings.into_iter().map(|one| (one.level, one.message));
        told.collect()
    }

    #[test]
    fn clients_come_in_through_public_subnets() {
        let found = |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            told(ways_in(&ways(&routes(), ids).expect("all are known")))
        };
        assert_eq!(found(&["public"]), []);
        let [(Error, message)] = &found(&["public", "private", "alone"])[..] else {
            panic!("it is one error");
        };
        assert!(
            message.contains("from private, alone: clients"),
            "{message}"
        );
        let [(Warning, message)] = &found(&["public", "firewall", "office"])[..] else {
            panic!("it is one warning");
        };
        assert!(
            message.contains("from firewall, office: clients"),
            "{message}"
        );
    }

    #[test]
    fn tasks_get_out_by_nat_by_endpoints_or_by_a_public_address() {
        let endpoint = |service: &&str| Endpoint {
            vpc: "vpc-1".to_owned(),
            service: (*service).to_owned(),
        };
        let all: Vec<_> = SERVICES.iter().map(endpoint).collect();
        let out = |subnet: &str, endpoints: &[Endpoint], is_public| {
            let routes = routes();
            let ways = ways(&routes, vec![subnet.to_owned()]).expect("it is known");
            told(ways_out(&ways, endpoints, is_public, true))
        };
        assert_eq!(out("private", &[], false), []);
        assert_eq!(out("public", &[], true), []);
        assert_eq!(out("alone", &all, false), []);
        let routes = routes();
        for (subnet, warned) in [("alone", true), ("private", false)] {
            let ways = ways(&routes, vec![subnet.to_owned()]).expect("it is known");
            let found = told(ways_out(&ways, &all, false, false));
            assert_eq!(found.len(), usize::from(warned), "{found:?}");
            assert!(
                found.iter().all(|(level, words)| *level == Warning
                    && words.contains("not in this region's ECR"))
            );
        }
        for (subnet, endpoints, is_public, level, words) in [
            (
                "alone",
                &all[..3],
                false,
                Error,
                "no endpoints for logs, secretsmanager",
            ),
            (
                "public",
                &[],
                false,
                Error,
                "no route to a NAT gateway from public, and",
            ),
            ("alone", &[], true, Error, "internet gateway or a NAT"),
            (
                "office",
                &[],
                false,
                Warning,
                "no default route from office, and",
            ),
        ] {
            let found = out(subnet, endpoints, is_public);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, level, "{found:?}");
            assert!(found[0].1.contains(words), "{found:?}");
        }
    }

    #[test]
    fn a_table_that_is_not_shown_is_not_judged() {
        let own = [("public".to_owned(), Way::Internet)];
        let routes = Routes::new(own.into(), None);
        let unseen = ways(&routes, vec!["public".to_owned(), "shared".to_owned()]);
        let reason = unseen.expect_err("it is not known").reason;
        assert!(reason.contains("no route table of shared"), "{reason}");
    }
}
