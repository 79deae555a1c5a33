//! Who deploys.

use super::{Clients, Error, failed};

impl Clients {
    /// The ARN of whoever the credentials belong to; the cheapest proof that they are good.
    ///
    /// # Errors
    /// There are no credentials, or AWS does not take them.
    pub async fn caller(&self) -> Result<String, Error> {
        let answer = self.callers.get_caller_identity().send().await;
        let answer = answer.map_err(failed("find out who you are on AWS"))?;
        Ok(answer.arn.unwrap_or_default())
    }
}
