//! What is live on AWS, and every call to it. The only module that speaks to it: plain data comes
//! out, no type of the SDK.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path to each method would outgrow the call"
)]

pub mod actions;
mod alarms;
mod artifacts;
mod balancer;
mod caller;
mod certificate;
mod change_set;
mod distribution;
mod endpoint;
mod error;
mod events;
mod firewall;
mod groups;
mod listener;
mod live;
mod logs;
mod network;
mod node;
mod protection;
mod quota;
mod read_stack;
mod read_way;
mod registry;
mod rollout;
mod routes;
mod scaling;
mod secret;
mod service;
mod signed;
mod stack;
mod stack_state;
mod statement;
mod task;
mod zone;

use std::time::{Duration, SystemTime};

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudformation::primitives::DateTime;

pub use alarms::Alarm;
pub use artifacts::Location;
pub use certificate::Certificate;
pub use change_set::{Body, Change, ChangeSet, Detail, NewChangeSet, Recreation};
use error::failed;
pub use error::{Error, Kind};
pub use events::{Event, Operation};
pub use network::{Endpoint, Subnet};
pub use node::RunningTask;
pub use quota::Quota;
pub use read_stack::read_stack;
pub use read_way::{read_balancer, read_service};
pub use registry::{Image, ImageName};
pub use rollout::{Deployment, ServiceState, Target};
pub use routes::{Routes, Way};
pub(crate) use signed::Signed;
pub use stack::Resource;
pub use stack_state::StackState;
pub use task::{Container, StoppedTask};
pub use zone::Zone;

/// How long one attempt of a call may take: AWS answers in seconds or not at all.
const ATTEMPT: Duration = Duration::from_secs(30);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(120);
/// Attempts of each call where the user asks for no other number (`AWS_MAX_ATTEMPTS`):
/// CloudFormation's limits are low, and an account's deployments share them.
const ATTEMPTS: u32 = 8;

/// The services that are asked.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) stacks: aws_sdk_cloudformation::Client,
    pub(crate) balancers: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) services: aws_sdk_ecs::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) callers: aws_sdk_sts::Client,
    pub(crate) signed: Signed,
    pub(crate) scaling: aws_sdk_applicationautoscaling::Client,
    pub(crate) firewalls: aws_sdk_wafv2::Client,
}

impl Clients {
    /// Credentials and endpoint come from where the AWS command line has them too.
    pub async fn new(region: Option<String>) -> Self {
        let limits = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL);
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).timeout_config(limits.build());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let config = endpoint::without_empty(loader.load().await);
        let default = RetryConfig::standard().max_attempts();
        let config = match config.retry_config() {
            Some(retries) if retries.max_attempts() == default => {
                let retries = retries.clone().with_max_attempts(ATTEMPTS);
                config.into_builder().retry_config(retries).build()
            }
            _ => config,
        };
        Self {
            stacks: aws_sdk_cloudformation::Client::new(&config),
            balancers: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            services: aws_sdk_ecs::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            callers: aws_sdk_sts::Client::new(&config),
            signed: Signed::new(&config),
            scaling: aws_sdk_applicationautoscaling::Client::new(&config),
            firewalls: aws_sdk_wafv2::Client::new(&config),
        }
    }
}

/// The region that the AWS command line would take: AWS_REGION's, the profile's, or that of the
/// machine at AWS which this is; none where nothing names one.
pub async fn default_region() -> Option<String> {
    let region = DefaultRegionChain::builder().build().region().await?;
    Some(region.to_string())
}

/// A time of AWS's; none where it lies outside of what a clock shows.
fn time(time: Option<&DateTime>) -> Option<SystemTime> {
    SystemTime::try_from(*time?).ok()
}
