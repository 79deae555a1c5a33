//! The protection of load balancers against deletion.

use aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute;

use super::{Clients, Error, Kind, failed};

const PROTECTION: &str = "deletion_protection.enabled";

impl Clients {
    /// Whether AWS refuses to delete a load balancer.
    ///
    /// # Errors
    /// There is no such load balancer, or AWS refuses the call.
    pub async fn balancer_is_protected(&self, arn: &str) -> Result<bool, Error> {
        let request = self
            .balancers
            .describe_load_balancer_attributes()
            .load_balancer_arn(arn);
        let answer = request.send().await;
        let answer = match answer.map_err(failed("read the load balancer's protection")) {
            // Somebody has deleted it: nothing is left to protect.
            Err(error) if error.kind() == Kind::Missing => return Ok(false),
            answer => answer?,
        };
        let mut attributes = answer.attributes().iter();
        Ok(attributes.any(|attribute| {
            attribute.key() == Some(PROTECTION) && attribute.value() == Some("true")
        }))
    }

    /// Lets a load balancer be deleted, or keeps it from that.
    ///
    /// # Errors
    /// There is no such load balancer, or AWS refuses the call.
    pub async fn protect_balancer(&self, arn: &str, on: bool) -> Result<(), Error> {
        let protection = LoadBalancerAttribute::builder()
            .key(PROTECTION)
            .value(on.to_string());
        let request = self
            .balancers
            .modify_load_balancer_attributes()
            .load_balancer_arn(arn)
            .attributes(protection.build());
        let answer = request.send().await;
        answer
            .map_err(failed("switch the load balancer's protection"))
            .map(|_| ())
    }
}
