//! What an account may have, and what it has.

use serde_json::json;

use super::signed::SERVICEQUOTAS;
use super::{Clients, Error, failed};

/// "Fargate On-Demand vCPU resource count" (Service Quotas).
const FARGATE_CPUS: &str = "L-3032A538";
/// "Nodes per cluster per instance type (Redis cluster mode enabled)" (Service Quotas).
const CLUSTER_NODES: &str = "L-AF354865";

/// A number of things, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many there are.
    pub used: usize,
    /// How many there may be in the region.
    pub most: usize,
}

impl Clients {
    /// The virtual CPUs that an account's tasks may have at once in the region.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn fargate_cpus(&self) -> Result<Option<f64>, Error> {
        self.quota("fargate", FARGATE_CPUS, "read the quota of Fargate")
            .await
    }

    /// The nodes that one cluster of ElastiCache may have in the region.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn cluster_nodes(&self) -> Result<Option<u64>, Error> {
        let what = "read the quota of ElastiCache's nodes";
        let most = self.quota("elasticache", CLUSTER_NODES, what).await?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of a few hundred"
        )]
        Ok(most.map(|most| most as u64))
    }

    async fn quota(
        &self,
        service: &str,
        code: &str,
        what: &'static str,
    ) -> Result<Option<f64>, Error> {
        let body = json!({ "ServiceCode": service, "QuotaCode": code });
        let answer = self
            .signed
            .json(&SERVICEQUOTAS, "GetServiceQuota", what, &body)
            .await?;
        Ok(answer["Quota"]["Value"].as_f64())
    }

    /// The Application Load Balancers of the region, then its target groups, with how many there
    /// may be; none of what AWS does not limit.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn balancer_quotas(&self) -> Result<[Option<Quota>; 2], Error> {
        let answer = self.balancers.describe_account_limits().send().await;
        let answer = answer.map_err(failed("read the quotas of the load balancers"))?;
        let most = |name: &str| -> Option<usize> {
            let mut limits = answer.limits().iter();
            limits
                .find(|limit| limit.name() == Some(name))?
                .max()?
                .parse()
                .ok()
        };
        let pages = self.balancers.describe_load_balancers();
        let found = pages.into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(failed("count the load balancers"))?;
        let kinds = found.iter().filter_map(|one| one.r#type());
        let balancers = kinds.filter(|kind| kind.as_str() == "application").count();
        let pages = self.balancers.describe_target_groups();
        let found = pages.into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let groups = found.map_err(failed("count the target groups"))?.len();
        let quota = |name, used| most(name).map(|most| Quota { used, most });
        Ok([
            quota("application-load-balancers", balancers),
            quota("target-groups", groups),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Signed;
    use super::*;

    #[tokio::test]
    async fn the_quota_of_fargate_is_asked_for_by_its_code() {
        let signed = Signed::answering(|target, body| {
            assert_eq!(target, "ServiceQuotasV20190624.GetServiceQuota");
            assert!(
                body.contains("L-3032A538") && body.contains("fargate"),
                "{body}"
            );
            r#"{"Quota":{"QuotaCode":"L-3032A538","Value":6.0}}"#.to_owned()
        });
        let clients = Clients {
            signed,
            ..Clients::new(Some("eu-west-1".to_owned())).await
        };
        assert_eq!(clients.fargate_cpus().await.expect("an answer"), Some(6.0));
    }

    #[tokio::test]
    async fn the_quota_of_a_clusters_nodes_is_a_number() {
        let signed = Signed::answering(|_, body| {
            assert!(
                body.contains("L-AF354865") && body.contains("elasticache"),
                "{body}"
            );
            r#"{"Quota":{"QuotaCode":"L-AF354865","Value":90.0}}"#.to_owned()
        });
        let clients = Clients {
            signed,
            ..Clients::new(Some("eu-west-1".to_owned())).await
        };
        assert_eq!(clients.cluster_nodes().await.expect("an answer"), Some(90));
    }
}
