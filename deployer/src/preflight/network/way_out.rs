//! Whether clients come in and tasks get out: the routes of the subnets, and the endpoints of AWS's
//! services for tasks without a way to the internet.

use super::{Clients, Endpoint, Finding, Looked, Routes, Wanted, unseen};
use crate::aws::Way;

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
        let closed = ways_in(&routes, &wanted.list("Subnets"));
        findings.extend(closed.map(|one| one.at(wanted.place("Subnets"))));
    }
    let is_public = wanted.text("PublicTasks") == Some("true");
    let closed = ways_out(&routes, &endpoints, &wanted.list("TaskSubnets"), is_public);
    findings.extend(closed.map(|one| one.at(wanted.place("TaskSubnets"))));
    Ok(findings)
}

/// The load balancer's subnets that no client on the internet reaches.
fn ways_in(routes: &Routes, subnets: &[String]) -> Option<Finding> {
    let closed = subnets.iter().filter(|id| *routes.of(id) != Way::Internet);
    let closed: Vec<_> = closed.map(String::as_str).collect();
    if closed.is_empty() {
        return None;
    }
    Some(Finding::error(
        SUBJECT,
        format!(
            "there is no route to an internet gateway from {}: clients do not reach the load \
             balancer there",
            closed.join(", ")
        ),
        "name public subnets in `network.subnets`",
    ))
}

/// The tasks' subnets from which no task gets at its image.
fn ways_out(
    routes: &Routes,
    endpoints: &[Endpoint],
    subnets: &[String],
    is_public: bool,
) -> Option<Finding> {
    let gets_out = |id: &String| match routes.of(id) {
        Way::Through(_) => true,
        Way::Internet => is_public,
        Way::None => false,
    };
    let closed: Vec<_> = subnets.iter().filter(|id| !gets_out(id)).cloned().collect();
    let has = |service: &&&str| {
        endpoints
            .iter()
            .any(|endpoint| endpoint.service == **service)
    };
    let missing: Vec<_> = SERVICES.iter().filter(|one| !has(one)).copied().collect();
    if closed.is_empty() || missing.is_empty() {
        return None;
    }
    let why = match is_public {
        true => "route to an internet gateway or a NAT gateway",
        false => "route to a NAT gateway",
    };
    Some(Finding::error(
        SUBJECT,
        format!(
            "there is no {why} from {}, and the VPC has no endpoints for {}: a task could not get \
             its image, its log or its secrets",
            closed.join(", "),
            missing.join(", ")
        ),
        "add a NAT gateway or those endpoints, or set `network.public_tasks: true` with public \
         subnets",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn routes() -> Routes {
        let nat = Way::Through("nat-1".to_owned());
        let own = [("public", Way::Internet), ("private", nat)];
        let own = own.into_iter().map(|(id, way)| (id.to_owned(), way));
        Routes::new(own.collect(), Way::None)
    }

    #[test]
    fn clients_come_in_through_public_subnets() {
        assert_eq!(ways_in(&routes(), &ids(&["public"])), None);
        let found = ways_in(&routes(), &ids(&["public", "private", "alone"]));
        let message = found.expect("a finding").message;
        assert!(
            message.contains("from private, alone: clients"),
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
            ways_out(&routes(), endpoints, &ids(&[subnet]), is_public)
        };
        assert_eq!(out("private", &[], false), None);
        assert_eq!(out("public", &[], true), None);
        assert_eq!(out("alone", &all, false), None);
        let found = out("alone", &all[..3], false).expect("a finding").message;
        assert!(
            found.contains("no endpoints for logs, secretsmanager"),
            "{found}"
        );
        let found = out("public", &[], false).expect("a finding").message;
        assert!(
            found.contains("no route to a NAT gateway from public, and"),
            "{found}"
        );
        assert!(out("alone", &[], true).is_some());
    }
}
