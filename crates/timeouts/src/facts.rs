//! Conditions that several rules ask for.

use crate::Setting::{
    self, CapacityProviders, DeploymentController, DeploymentStrategy, LaunchType, MaximumPercent,
    Store, TasksMax, Transports,
};
use crate::logic::{Fact, all, any, not};
use crate::reading::{NotSeen, Reading};

/// What stands for the region of a certificate that is the load balancer's, whichever it is.
pub const OWN_REGION: &str = "the load balancer's";

/// Clients may use HTTP long polling.
pub(crate) fn polling(r: &Reading) -> Fact {
    Ok(r.list(Transports)?
        .value
        .iter()
        .any(|transport| transport == "polling"))
}

/// Clients may use WebSocket.
pub(crate) fn websocket(r: &Reading) -> Fact {
    Ok(r.list(Transports)?
        .value
        .iter()
        .any(|transport| transport == "websocket"))
}

/// Two tasks run at the same time: always, or while a deployment replaces the only one.
pub(crate) fn tasks_overlap(r: &Reading) -> Fact {
    any([several_tasks(r), overlap_in_deploys(r)])
}

/// The service may have more than one task.
pub(crate) fn several_tasks(r: &Reading) -> Fact {
    Ok(r.count(TasksMax)?.value > 1)
}

/// Only a rolling update can stop the old task first: the others start a second set of tasks.
fn overlap_in_deploys(r: &Reading) -> Fact {
    let tasks = r.count(TasksMax);
    let most = r.count(MaximumPercent);
    let at_once = match (tasks, most) {
        (Ok(tasks), Ok(most)) => Ok(share(tasks.value, most.value) > 1),
        (tasks, most) => Err(tasks.err().or(most.err()).unwrap_or(NotSeen(Vec::new()))),
    };
    any([at_once, not(rolling(r))])
}

/// ECS replaces the tasks a few at a time: the circuit breaker and the percentages are for this.
pub(crate) fn rolling(r: &Reading) -> Fact {
    all([
        text_is(r, DeploymentController, "ECS"),
        text_is(r, DeploymentStrategy, "ROLLING"),
    ])
}

/// ECS shifts the traffic a part at a time, so that both sets of tasks get requests.
pub(crate) fn shifts_in_parts(r: &Reading) -> Fact {
    let in_parts = any([
        text_is(r, DeploymentStrategy, "LINEAR"),
        text_is(r, DeploymentStrategy, "CANARY"),
    ]);
    all([text_is(r, DeploymentController, "ECS"), in_parts])
}

/// A percentage of a number of tasks, rounded down as ECS does for the maximum.
pub(crate) fn share(tasks: u64, percent: u64) -> u64 {
    tasks.saturating_mul(percent) / 100
}

/// A percentage of a number of tasks, rounded up as ECS does for the minimum.
pub(crate) fn share_up(tasks: u64, percent: u64) -> u64 {
    tasks.saturating_mul(percent).div_ceil(100)
}

/// Stickiness is on.
pub(crate) fn sticky(r: &Reading) -> Fact {
    r.is_unset(Setting::Stickiness).map(|unset| !unset)
}

/// Tasks run on Fargate, its Spot capacity included.
pub(crate) fn fargate(r: &Reading) -> Fact {
    let launched = r
        .text(LaunchType)
        .map(|launch| launch.value.eq_ignore_ascii_case("FARGATE"));
    let provided = r.list(CapacityProviders).map(|providers| {
        providers
            .value
            .iter()
            .any(|name| name.starts_with("FARGATE"))
    });
    // A service has a launch type or capacity providers, so providers that are seen settle it.
    if r.list(CapacityProviders)
        .is_ok_and(|list| !list.value.is_empty())
    {
        return provided;
    }
    let provided = provided.or_else(|_| r.settled(CapacityProviders).map(|()| false));
    any([launched, provided])
}

/// The store is Redis.
pub(crate) fn redis(r: &Reading) -> Fact {
    Ok(r.text(Store)?.value.starts_with("redis"))
}

/// The ranges hold this port.
pub(crate) fn open(ranges: &[(u16, u16)], port: u64) -> bool {
    ranges
        .iter()
        .any(|(low, high)| (u64::from(*low)..=u64::from(*high)).contains(&port))
}

/// One setting's fact, for conditions on a seen value.
pub(crate) fn text_is(r: &Reading, setting: Setting, word: &str) -> Result<bool, NotSeen> {
    Ok(r.text(setting)?.value.eq_ignore_ascii_case(word))
}
