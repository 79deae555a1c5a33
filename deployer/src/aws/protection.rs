//! The protection of load balancers against deletion.

use aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute;

use super::{Clients, Error, failed};

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
        let answer = answer.map_err(failed("read the load balancer's protection"))?;
        let mut attributes = answer.attributes().iter();
        Ok(attributes.any(|attribute| {
            attribute.key() == Some(PROTECTION) && attribute.value() == Some("true")
        }))
    }

    /// Lets a load balancer be deleted.
    ///
    /// # Errors
    /// There is no such load balancer, or AWS refuses the call.
    pub async fn unprotect_balancer(&self, arn: &str) -> Result<(), Error> {
        let off = LoadBalancerAttribute::builder()
            .key(PROTECTION)
            .value("false");
        let request = self
            .balancers
            .modify_load_balancer_attributes()
            .load_balancer_arn(arn)
            .attributes(off.build());
        let answer = request.send().await;
        answer
            .map_err(failed("switch the load balancer's protection off"))
            .map(|_| ())
    }
}
