//! How ECS deploys a service.

use std::time::Duration;

use crate::field::Field;
use crate::properties::Properties;

/// How a service is deployed.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Who deploys: `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: Field<String>,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: Field<String>,
    /// How long old and new tasks run side by side once all traffic has shifted.
    pub bake: Field<Duration>,
    /// How long the first part of a canary deployment's traffic is watched.
    pub canary_bake: Field<Duration>,
    /// How long each step of a linear deployment is watched.
    pub step_bake: Field<Duration>,
    /// The share of the traffic that each step shifts, in percent, rounded down.
    pub step_percent: Field<u64>,
    /// The fewest healthy tasks, in percent.
    pub minimum_healthy_percent: Field<u64>,
    /// The most tasks, in percent.
    pub maximum_percent: Field<u64>,
    /// Whether the circuit breaker stops a failing deployment.
    pub breaker_enabled: Field<bool>,
    /// Whether the circuit breaker rolls it back.
    pub breaker_rolls_back: Field<bool>,
    /// How many failing tasks trip it: a number, or a percentage of the desired tasks.
    pub breaker_threshold: Field<u64>,
    /// What that is: `COUNT`, `BOUNDED_PERCENT` or `UNBOUNDED_PERCENT`.
    pub breaker_threshold_type: Field<String>,
    /// Whether a deployment may succeed before it is done.
    pub early_success: Field<bool>,
    /// When the old tasks leave: `BLOCKING` or `DEFERRED`, before or after the success.
    pub cleanup: Field<String>,
    /// Alarms that roll it back; not stated where they are off.
    pub alarms: Field<Vec<String>>,
}

impl Deployment {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let part = |name: &str| format!("DeploymentConfiguration.{name}");
        let minutes = |name: &str| properties.field::<u64>(&part(name)).map(minutes);
        let breaker = |name: &str| part(&format!("DeploymentCircuitBreaker.{name}"));
        let on = properties.field::<bool>(&part("Alarms.Enable"));
        let percent = properties.field::<String>(&part("LinearConfiguration.StepPercent"));
        Self {
            controller: properties.field("DeploymentController.Type"),
            strategy: properties.field(&part("Strategy")),
            bake: minutes("BakeTimeInMinutes"),
            canary_bake: minutes("CanaryConfiguration.CanaryBakeTimeInMinutes"),
            step_bake: minutes("LinearConfiguration.StepBakeTimeInMinutes"),
            step_percent: percent.map(whole).parse(),
            minimum_healthy_percent: properties.field(&part("MinimumHealthyPercent")),
            maximum_percent: properties.field(&part("MaximumPercent")),
            breaker_enabled: properties.field(&breaker("Enable")),
            breaker_rolls_back: properties.field(&breaker("Rollback")),
            breaker_threshold: properties.field(&breaker("ThresholdConfiguration.Value")),
            breaker_threshold_type: properties.field(&breaker("ThresholdConfiguration.Type")),
            early_success: properties.field(&part("EarlySuccessCriteria.Enable")),
            cleanup: properties.field(&part("EarlySuccessCriteria.SourceServiceRevisionCleanup")),
            alarms: match on {
                Field::Stated(false, _) => Field::NotStated(properties.place()),
                Field::NotSeen(why) => Field::NotSeen(why),
                _ => properties.list(&part("Alarms.AlarmNames")),
            },
        }
    }
}

/// Minutes as a length of time.
#[must_use]
pub fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

/// The whole part of a percentage, which may be a multiple of 0.1.
fn whole(percent: String) -> String {
    match percent.split_once('.') {
        Some((whole, _)) => whole.to_owned(),
        None => percent,
    }
}
