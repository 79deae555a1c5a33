//! How many tasks ECS would start and stop next: the arithmetic of a rolling deployment, and
//! nothing that runs.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>. It
//! does not say whether a task that is being stopped counts towards `maximumPercent`; here it does,
//! as long as its process is there.

/// What a service allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Tasks that there should be.
    pub(super) desired: usize,
    /// Tasks that there may be at once: `maximumPercent` of the desired ones, rounded down.
    pub(super) most: usize,
    /// Healthy tasks that must remain: `minimumHealthyPercent` of the desired ones, rounded up.
    pub(super) least: usize,
}

impl Limits {
    pub(super) fn new(desired: usize, maximum: usize, minimum_healthy: usize) -> Self {
        Self {
            desired,
            most: desired * maximum / 100,
            least: (desired * minimum_healthy).div_ceil(100),
        }
    }

    /// Whether a deployment could do anything at all.
    pub(super) fn can_progress(self) -> bool {
        self.most > self.desired || self.least < self.desired
    }
}

/// A task as the scheduler sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Task {
    /// Another is to take its place.
    pub(super) outdated: bool,
    /// The load balancer sends it requests.
    pub(super) healthy: bool,
    /// It has been told to stop.
    pub(super) leaving: bool,
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Tasks to start.
    pub(super) start: usize,
    /// Tasks to stop, by their place in what was given.
    pub(super) leave: Vec<usize>,
}

/// The next step from `tasks` towards as many current tasks as are desired.
///
/// An outdated task leaves when enough healthy ones remain, the unhealthy ones first: they cost
/// nothing. Where there is room for its replacement, an unhealthy task stays until that is healthy,
/// as ECS does it.
pub(super) fn plan(limits: Limits, tasks: &[Task]) -> Plan {
    let staying = || tasks.iter().filter(|task| !task.leaving);
    let current = staying().filter(|task| !task.outdated).count();
    let current_healthy = staying()
        .filter(|task| !task.outdated && task.healthy)
        .count();
    let missing = limits.desired.saturating_sub(current);
    let room = limits.most.saturating_sub(tasks.len());
    let start = missing.min(room);
    let outdated = |healthy: bool| {
        let tasks = tasks.iter().enumerate();
        tasks.filter(move |(_, task)| task.outdated && !task.leaving && task.healthy == healthy)
    };
    let replaced = current_healthy >= limits.desired;
    let unhealthy = outdated(false).filter(|_| replaced || start == 0 && room == 0);
    let healthy = staying().filter(|task| task.healthy).count();
    let spare = healthy.saturating_sub(limits.least);
    let leave = unhealthy.chain(outdated(true).take(spare));
    Plan {
        start,
        leave: leave.map(|(at, _)| at).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Task = Task {
        outdated: false,
        healthy: true,
        leaving: false,
    };
    const OLD: Task = Task {
        outdated: true,
        ..HEALTHY
    };
    const NEW: Task = Task {
        healthy: false,
        ..HEALTHY
    };
    const SICK: Task = Task {
        outdated: true,
        ..NEW
    };
    const GOING: Task = Task {
        leaving: true,
        ..OLD
    };

    #[test]
    fn a_task_that_is_missing_is_started_and_nothing_else_happens() {
        let three = Limits::new(3, 200, 100);
        for (tasks, start, leave) in [
            (&[][..], 3, vec![]),
            (&[HEALTHY, HEALTHY], 1, vec![]),
            (&[HEALTHY, HEALTHY, NEW], 0, vec![]),
            (&[HEALTHY, HEALTHY, HEALTHY], 0, vec![]),
            // What leaves is no task any more, but takes its room until it has gone.
            (&[HEALTHY, HEALTHY, GOING], 1, vec![]),
            (&[HEALTHY, NEW, GOING, GOING, GOING, GOING], 0, vec![]),
        ] {
            assert_eq!(plan(three, tasks), Plan { start, leave }, "{tasks:?}");
        }
    }

    #[test]
    fn with_room_the_new_come_first_and_without_it_the_old_go_first() {
        let (roomy, alone) = (Limits::new(3, 200, 100), Limits::new(1, 100, 0));
        let step = |limits, tasks: &[Task]| {
            let plan = plan(limits, tasks);
            (plan.start, plan.leave)
        };
        assert_eq!(step(roomy, &[OLD, OLD, OLD]), (3, vec![]));
        assert_eq!(step(roomy, &[OLD, OLD, OLD, NEW, NEW, NEW]), (0, vec![]));
        assert_eq!(
            step(roomy, &[OLD, OLD, OLD, HEALTHY, NEW, NEW]),
            (0, vec![0])
        );
        assert_eq!(step(alone, &[OLD]), (0, vec![0]));
        assert_eq!(step(alone, &[GOING]), (0, vec![]));
        assert_eq!(step(alone, &[]), (1, vec![]));
    }

    #[test]
    fn an_unhealthy_task_waits_for_its_replacement_where_there_is_room_for_one() {
        let three = Limits::new(3, 200, 100);
        let before = plan(three, &[HEALTHY, SICK, HEALTHY]);
        assert_eq!((before.start, before.leave), (1, vec![]));
        assert_eq!(plan(three, &[HEALTHY, SICK, HEALTHY, NEW]), Plan::default());
        let after = plan(three, &[HEALTHY, SICK, HEALTHY, HEALTHY]);
        assert_eq!((after.start, after.leave), (0, vec![1]));
        // Nowhere to put one: it goes first.
        assert_eq!(plan(Limits::new(1, 100, 0), &[SICK]).leave, [0]);
    }

    /// Whatever the percentages: a deployment that can progress ends, within its limits all the
    /// way.
    #[test]
    fn every_deployment_ends_within_its_limits() {
        for desired in 1..=7 {
            for (maximum, minimum) in [(200, 100), (150, 50), (100, 0), (100, 66), (134, 100)] {
                let limits = Limits::new(desired, maximum, minimum);
                if limits.can_progress() {
                    deploy(limits);
                }
            }
        }
    }

    /// Goes on by one event at a time: what leaves has gone, or what is new has become healthy.
    fn deploy(limits: Limits) {
        let mut tasks = vec![OLD; limits.desired];
        for _ in 0..20 * limits.desired {
            let next = plan(limits, &tasks);
            for at in next.leave {
                tasks[at].leaving = true;
            }
            tasks.extend(std::iter::repeat_n(NEW, next.start));
            assert!(tasks.len() <= limits.most.max(limits.desired), "{limits:?}");
            let serving = tasks.iter().filter(|task| task.healthy && !task.leaving);
            assert!(serving.count() >= limits.least, "{limits:?}");
            if let Some(new) = tasks.iter_mut().find(|task| !task.healthy) {
                new.healthy = true;
            } else if let Some(going) = tasks.iter().position(|task| task.leaving) {
                tasks.remove(going);
            } else {
                break;
            }
        }
        assert_eq!(tasks, vec![HEALTHY; limits.desired], "{limits:?}");
    }

    #[test]
    fn limits_that_allow_no_step_are_known() {
        assert!(!Limits::new(1, 150, 100).can_progress());
        assert!(!Limits::new(3, 100, 70).can_progress());
        assert!(Limits::new(3, 100, 66).can_progress());
    }
}
