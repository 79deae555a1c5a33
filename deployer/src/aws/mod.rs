//! What is live on AWS. The only module that speaks to it.

pub mod actions;
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path to each method would outgrow the call"
)]
mod balancer;
mod live;
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path to each method would outgrow the call"
)]
mod service;
mod stack;

use aws_config::{BehaviorVersion, Region};

pub use live::read_stack;

/// A call to AWS that failed, or a stack that is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS, or the way to it, refused.
    #[error("cannot {what}: {reason}")]
    Call {
        /// What was tried, as a person would say it.
        what: &'static str,
        /// AWS's own words, and what lies behind them.
        reason: String,
    },
    /// There is no such stack.
    #[error("there is no stack `{0}`")]
    NoStack(String),
}

/// Names what was tried when a call fails, with every reason behind the failure.
fn failed<E: std::error::Error>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |error| {
        let mut reasons = vec![error.to_string()];
        let mut source = error.source();
        while let Some(reason) = source {
            let text = reason.to_string();
            if reasons.iter().all(|known| !known.contains(&text)) {
                reasons.push(text);
            }
            source = reason.source();
        }
        Error::Call {
            what,
            reason: reasons.join(": "),
        }
    }
}

/// The services that are asked.
struct Clients {
    stacks: aws_sdk_cloudformation::Client,
    balancers: aws_sdk_elasticloadbalancingv2::Client,
    services: aws_sdk_ecs::Client,
}

impl Clients {
    /// Credentials and endpoint come from where the AWS command line has them too.
    async fn new(region: Option<String>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let config = loader.load().await;
        Self {
            stacks: aws_sdk_cloudformation::Client::new(&config),
            balancers: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            services: aws_sdk_ecs::Client::new(&config),
        }
    }
}
