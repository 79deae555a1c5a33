//! A target group: who is registered, and who gets the next request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::config::{Algorithm, Group};
use super::event::Health;
use super::target::{Target, lock};

/// Registrations are told apart for the life of the process, so that a cookie never names another
/// balancer's target.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A target as the owner of the balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStatus {
    /// Target group.
    pub group: String,
    /// The target.
    pub address: SocketAddr,
    /// Its health.
    pub health: Health,
    /// Requests and WebSockets under way.
    pub outstanding: usize,
}

pub(crate) struct TargetGroup {
    pub(crate) config: Group,
    targets: Mutex<Vec<Arc<Target>>>,
    turn: AtomicUsize,
}

impl TargetGroup {
    pub(crate) fn new(config: Group) -> Self {
        Self {
            config,
            targets: Mutex::new(Vec::new()),
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) fn register(&self, address: SocketAddr) -> Arc<Target> {
        let target = Target::new(NEXT_ID.fetch_add(1, Ordering::Relaxed), address);
        lock(&self.targets).push(target.clone());
        target
    }

    /// The registered target of that address, now draining.
    pub(crate) fn deregister(&self, address: SocketAddr) -> Option<Arc<Target>> {
        let targets = lock(&self.targets);
        let target = targets
            .iter()
            .find(|t| t.address == address && t.health() != Health::Draining)?;
        target.drain();
        Some(target.clone())
    }

    pub(crate) fn forget(&self, target: &Target) {
        lock(&self.targets).retain(|t| t.id != target.id);
    }

    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        let targets = lock(&self.targets);
        let status = |target: &Arc<Target>| TargetStatus {
            group: self.config.name.clone(),
            address: target.address,
            health: target.health(),
            outstanding: target.outstanding(),
        };
        targets.iter().map(status).collect()
    }

    /// The target that a cookie names, while it may get requests; else the algorithm's choice.
    pub(crate) fn choose(&self, sticky: Option<u64>) -> Option<Arc<Target>> {
        let eligible = self.eligible();
        if let Some(target) = eligible.iter().find(|target| Some(target.id) == sticky) {
            return Some(target.clone());
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match self.config.algorithm {
            Algorithm::RoundRobin => eligible.get(turn % eligible.len().max(1)).cloned(),
            // Ties go round, or an idle group would send everything to its first target.
            Algorithm::LeastOutstandingRequests => {
                let n = eligible.len().max(1);
                let rotated = eligible.iter().cycle().skip(turn % n).take(eligible.len());
                rotated.min_by_key(|target| target.outstanding()).cloned()
            }
        }
    }

    /// The healthy targets; the unhealthy ones too when fewer are healthy than the group's minimum
    /// (fail-open). Targets that have not passed their first health check get nothing either way.
    fn eligible(&self) -> Vec<Arc<Target>> {
        let registered: Vec<_> = lock(&self.targets)
            .iter()
            .filter(|target| target.health() != Health::Draining)
            .cloned()
            .collect();
        let of = |wanted: &[Health]| -> Vec<Arc<Target>> {
            registered
                .iter()
                .filter(|target| wanted.contains(&target.health()))
                .cloned()
                .collect()
        };
        let healthy = of(&[Health::Healthy]);
        let minimum = self.config.minimum_healthy;
        let share = minimum
            .percentage
            .map_or(0, |percent| (registered.len() * percent).div_ceil(100));
        if healthy.len() >= minimum.count.max(share) {
            return healthy;
        }
        of(&[Health::Healthy, Health::Unhealthy])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(healths: &[Health]) -> TargetGroup {
        let group = TargetGroup::new(Group::new("g"));
        for (n, health) in healths.iter().enumerate() {
            let target = group.register(SocketAddr::from((
                [127, 0, 0, 1],
                1 + u16::try_from(n).unwrap(),
            )));
            target.set_health(*health, || {});
        }
        group
    }

    fn ports(group: &TargetGroup, n: usize) -> Vec<u16> {
        (0..n)
            .map(|_| group.choose(None).map_or(0, |target| target.address.port()))
            .collect()
    }

    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    #[test]
    fn round_robin_goes_through_the_healthy_targets_in_turn() {
        let group = group(&[
            Health::Healthy,
            Health::Unhealthy,
            Health::Healthy,
            Health::Initial,
        ]);
        assert_eq!(ports(&group, 4), [1, 3, 1, 3]);
    }

    #[test]
    fn least_outstanding_requests_prefers_the_idlest_target() {
        let mut group = group(&[Health::Healthy, Health::Healthy]);
        group.config.algorithm = Algorithm::LeastOutstandingRequests;
        let busy = group.choose(None).unwrap();
        let _under_way = busy.enter();
        assert!((0..4).all(|_| group.choose(None).unwrap().id != busy.id));
    }

    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    #[test]
    fn all_unhealthy_fails_open() {
        assert_eq!(
            ports(&group(&[Health::Unhealthy, Health::Unhealthy]), 2),
            [1, 2]
        );
    }

    #[test]
    fn targets_before_their_first_health_check_get_nothing() {
        assert_eq!(ports(&group(&[Health::Initial, Health::Initial]), 1), [0]);
    }

    #[test]
    fn a_share_of_healthy_targets_can_be_required() {
        let mut group = group(&[Health::Healthy, Health::Unhealthy, Health::Unhealthy]);
        group.config.minimum_healthy.percentage = Some(50);
        assert_eq!(ports(&group, 3), [1, 2, 3]);
    }
}
