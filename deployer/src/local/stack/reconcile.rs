//! Keeping a stack as it should be, as the ECS service scheduler does: what is missing is started,
//! what is outdated or unhealthy is replaced. Everything that happens comes in here, one thing
//! after the other.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::Error;
use super::launch::ended;
use super::node::Stage;
use super::schedule::{Task, plan};
use super::watcher::Goal;
use super::{Happened, Node, Notice, Stack};
use crate::local::process::Signal;
use alb_model::{Event, Health};

/// Starts in a row that may fail before the stack is given up.
const FAILURES: u32 = 10;
/// The wait after the first of them, which doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Stack {
    /// Keeps the stack as it should be, and does what is asked of it.
    ///
    /// # Errors
    /// When one node after the other does not come up: it would go on like this.
    pub async fn keep(&mut self) -> Error {
        loop {
            if let Err(error) = self.step().await {
                return error;
            }
        }
    }

    /// Does what is to be done now, and waits for the next thing that happens.
    pub(super) async fn step(&mut self) -> Result<(), Error> {
        self.schedule().await?;
        let happened = tokio::select! {
            Some(event) = self.events.recv() => Happened::Event(event),
            Some(happened) = self.inbox.recv() => happened,
            // What can be asked for is there once the stack is.
            Some(request) = self.requests.recv(), if !self.strict => Happened::Asked(request),
        };
        match happened {
            Happened::Event(event) => self.event(event).await,
            Happened::Listens(name, listens) => self.listens(&name, listens).await,
            Happened::Ended(name) => self.ended(&name).await?,
            Happened::Delayed(name, cut) => self.delayed(&name, cut).await,
            Happened::Overdue(name) => self.overdue(&name).await,
            Happened::RedisListens(name, listens) => self.redis_listens(&name, listens).await,
            Happened::RedisEnded(name) => self.redis_ended(&name).await,
            Happened::Asked(request) => self.take(request).await,
            Happened::Again => {}
        }
        self.look().await;
        self.conclude().await;
        if self.is_calm() {
            let text = self.table();
            self.finish(&Goal::Steady, &Ok(text));
        }
        Ok(())
    }

    /// Reads what the balancer thinks of the nodes, until there is nothing left to tell: it sends
    /// each change before that can be read, so what is done about one comes after it in what is
    /// told.
    async fn look(&mut self) {
        loop {
            let targets = self.balancer.targets();
            for node in &mut self.nodes {
                let found = targets.iter().find(|target| target.address == node.address);
                node.health = found.map(|target| target.health);
            }
            let Ok(event) = self.events.try_recv() else {
                return;
            };
            self.event(event).await;
        }
    }

    /// Starts and stops nodes.
    async fn schedule(&mut self) -> Result<(), Error> {
        self.judge().await;
        let task = |node: &Node| Task {
            outdated: node.outdated,
            healthy: node.health == Some(Health::Healthy),
            leaving: node.is_leaving(),
        };
        let tasks: Vec<_> = self.nodes.iter().map(task).collect();
        let plan = plan(self.limits, &tasks);
        for at in plan.leave {
            self.leave(at).await;
        }
        if self.not_before.is_some_and(|time| time > Instant::now()) {
            return Ok(());
        }
        for _ in 0..plan.start {
            let (server, of_rollout) = self.next_server();
            self.start_node(server, of_rollout)?;
        }
        Ok(())
    }

    /// Finds the nodes whose health checks fail, once their grace period has passed.
    async fn judge(&mut self) {
        let grace = if self.strict {
            Duration::ZERO
        } else {
            self.setup.task.grace_period
        };
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            if node.stage != Stage::Running
                || node.outdated
                || node.since.elapsed() < grace
                || node.health != Some(Health::Unhealthy)
            {
                continue;
            }
            let name = node.name().to_owned();
            if node.excused {
                self.nodes[at].outdated = true;
                self.tell(Notice::Unfit(name)).await;
            } else if node.failure.is_none() {
                let (reason, said) = (node.reason.clone(), node.process.life.last_lines());
                self.nodes[at].failure = Some(Error::Unhealthy { name, reason, said });
                self.nodes[at].process.signal(Signal::KILL);
            }
        }
    }

    async fn event(&mut self, event: Event) {
        let target = match &event {
            Event::Health { target, .. } | Event::Cut { target, .. } => Some(*target),
            Event::Failed { target, .. } => *target,
        };
        let grace = self.setup.task.grace_period;
        let at = self
            .nodes
            .iter()
            .position(|node| Some(node.address) == target);
        if let (Event::Health { health, reason, .. }, Some(at)) = (&event, at) {
            let node = &mut self.nodes[at];
            if *health == Health::Healthy {
                node.excused = true;
                (self.failures, self.not_before) = (0, None);
            } else {
                node.reason.clone_from(reason);
                let wait = grace.saturating_sub(node.since.elapsed());
                self.again_in(wait);
            }
        }
        if at.is_none() && matches!(event, Event::Health { .. }) {
            // The end of this node has been told.
            return;
        }
        let name = at.map(|at| self.nodes[at].name().to_owned());
        self.tell(Notice::Balancer(event, name)).await;
    }

    fn again_in(&self, wait: Duration) {
        self.later(async move {
            sleep(wait).await;
            Happened::Again
        });
    }

    async fn listens(&mut self, name: &str, listens: Result<(), Error>) {
        let Some(at) = self.place(name) else { return };
        let node = &mut self.nodes[at];
        match listens {
            // Its end is told apart.
            Err(Error::Ended { .. }) => {}
            Err(error) => {
                node.failure = Some(error);
                node.process.signal(Signal::KILL);
            }
            Ok(()) if node.is_leaving() => {}
            Ok(()) => {
                node.stage = Stage::Running;
                let (name, address, pid) = (name.to_owned(), node.address, node.process.pid);
                // The group is one of the balancer's: it was built from the same template.
                let _ = self.balancer.register(&self.setup.task.group, address);
                self.tell(Notice::Started { name, address, pid }).await;
            }
        }
    }

    /// A node has ended: by itself, by somebody's hand, or because it was told to.
    async fn ended(&mut self, name: &str) -> Result<(), Error> {
        let Some(at) = self.place(name) else {
            return Ok(());
        };
        let node = self.nodes.remove(at);
        let (told, status) = (
            node.is_leaving(),
            node.process.life.exit().unwrap_or_default(),
        );
        let group = &self.setup.task.group;
        if let Ok(done) = self.balancer.deregister(group, node.address) {
            drop(done);
        }
        self.metadata.forget(name);
        let text = if told {
            format!("{name} ended with {status}")
        } else {
            format!("{name} ended with {status}; a replacement starts")
        };
        let name = name.to_owned();
        self.tell(Notice::Ended {
            name: name.clone(),
            status,
            told,
        })
        .await;
        self.finish(&Goal::Gone(name), &Ok(text));
        if told || node.excused {
            return Ok(());
        }
        let error = node.failure.unwrap_or_else(|| ended(&node.process.life));
        self.failed(error, node.of_rollout).await
    }

    /// A node was of no use from the start.
    async fn failed(&mut self, error: Error, of_rollout: bool) -> Result<(), Error> {
        if of_rollout && self.is_rolling() {
            self.take_back(error.to_string());
            return Ok(());
        }
        self.failures += 1;
        if self.strict || self.failures == FAILURES {
            return Err(error);
        }
        let wait = FIRST_WAIT * 2_u32.pow(self.failures - 1);
        let wait = wait.min(LONGEST_WAIT);
        self.not_before = Some(Instant::now() + wait);
        self.again_in(wait);
        let reason = error.to_string();
        self.tell(Notice::Retried { reason, wait }).await;
        Ok(())
    }

    /// Whether every node is there and healthy, and none has to go.
    pub(super) fn is_steady(&self) -> bool {
        let steady = |node: &Node| {
            node.stage == Stage::Running && !node.outdated && node.health == Some(Health::Healthy)
        };
        self.nodes.len() == self.limits.desired && self.nodes.iter().all(steady)
    }

    /// Whether moreover nothing is being done, and nothing is stopped or away.
    pub(super) fn is_calm(&self) -> bool {
        let stopped = self.nodes.iter().any(|node| node.stopped);
        self.is_steady() && self.rolling.is_none() && !stopped && self.redis_runs()
    }
}
