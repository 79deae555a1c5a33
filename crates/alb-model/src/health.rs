//! Health checks: one GET an interval on a connection of its own, and the thresholds that make of
//! it a state.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::config::HealthCheck;
use super::event::{Event, Health};
use super::shared::Shared;
use super::target::Target;

/// Checks a target until it is deregistered or its balancer ends.
pub(super) async fn watch(shared: Weak<Shared>, group: String, target: Arc<Target>) {
    let Some(check) = shared
        .upgrade()
        .and_then(|s| Some(s.group(&group)?.config.health_check.clone()))
    else {
        return;
    };
    let mut tally = Tally::default();
    let mut ticks = interval(check.interval);
    // Each check is independent: a slow answer does not move the next one.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = target.gone.cancelled() => return,
        }
        if target.health() == Health::Draining {
            return;
        }
        let result = probe(&check, target.address).await;
        let reason = result.as_ref().err().cloned().unwrap_or_default();
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Some(health) = tally.count(&check, target.health(), result.is_ok()) {
            target.set_health(health, || {
                shared.events.send(Event::Health {
                    group: group.clone(),
                    target: target.address,
                    health,
                    reason,
                });
            });
        }
    }
}

/// Passes and failures in a row.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// The state that this result leads to, when it changes anything. One pass admits a new target;
    /// the healthy threshold is for those that were unhealthy.
    fn count(&mut self, check: &HealthCheck, now: Health, passed: bool) -> Option<Health> {
        (self.passed, self.failed) = if passed {
            (self.passed + 1, 0)
        } else {
            (0, self.failed + 1)
        };
        match now {
            Health::Initial if passed => Some(Health::Healthy),
            Health::Unhealthy if self.passed >= check.healthy => Some(Health::Healthy),
            Health::Initial | Health::Healthy if self.failed >= check.unhealthy => {
                Some(Health::Unhealthy)
            }
            _ => None,
        }
    }
}

/// One health check; the error is AWS's reason code and what was seen.
async fn probe(check: &HealthCheck, target: SocketAddr) -> Result<(), String> {
    let address = SocketAddr::new(target.ip(), check.port.unwrap_or(target.port()));
    let status = timeout(check.timeout, get(&check.path, address))
        .await
        .map_err(|_| format!("Target.Timeout: no answer within {:?}", check.timeout))?
        .map_err(|error| format!("Target.FailedHealthChecks: {error}"))?;
    if check
        .matcher
        .iter()
        .any(|&(from, to)| (from..=to).contains(&status))
    {
        Ok(())
    } else {
        Err(format!(
            "Target.ResponseCodeMismatch: Health checks failed with these codes: [{status}]"
        ))
    }
}

async fn get(
    path: &str,
    address: SocketAddr,
) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let tcp = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
    let mut answer = pin!(sender.send_request(request));
    // The connection is dropped, and so closed, with this check, whatever the target does.
    let response = tokio::select! {
        response = &mut answer => response?,
        // The answer may have come in with the end of the connection.
        _ = connection => answer.await?,
    };
    Ok(response.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(results: &[bool]) -> Vec<Health> {
        let check = HealthCheck {
            healthy: 3,
            unhealthy: 2,
            ..HealthCheck::default()
        };
        let (mut tally, mut now) = (Tally::default(), Health::Initial);
        let step = |passed: &bool| {
            now = tally.count(&check, now, *passed).unwrap_or(now);
            now
        };
        results.iter().map(step).collect()
    }

    #[test]
    fn one_pass_admits_a_new_target() {
        assert_eq!(states(&[true]), [Health::Healthy]);
    }

    #[test]
    fn failures_in_a_row_eject_and_passes_in_a_row_bring_back() {
        use Health::{Healthy, Unhealthy};
        assert_eq!(
            states(&[
                true, false, true, false, false, true, true, false, true, true, true
            ]),
            [
                Healthy, Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Unhealthy,
                Unhealthy, Unhealthy, Healthy
            ]
        );
    }

    #[test]
    fn a_target_that_never_passes_becomes_unhealthy() {
        assert_eq!(
            states(&[false, false]),
            [Health::Initial, Health::Unhealthy]
        );
    }
}
