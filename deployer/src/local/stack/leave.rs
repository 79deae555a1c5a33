//! How a node leaves: deregistered, its connections cut at the end of the delay, SIGTERM, and
//! SIGKILL at the stop timeout.

use std::time::Duration;

use tokio::time::sleep;

use super::node::Stage;
use super::{Happened, Node, Notice, Stack};
use crate::local::control::Order;
use crate::local::process::Signal;

impl Stack {
    /// Deregisters a node, which also learns from its task metadata that it is to stop; the rest
    /// follows by itself.
    pub(super) async fn leave(&mut self, at: usize) {
        let how = self.rolling.as_ref().map(|rolling| &rolling.how);
        let order = how.map_or(Order::default(), |how| how.order);
        let delay = how.and_then(|how| how.delay);
        let delay = delay.unwrap_or_else(|| self.delay());
        let group = &self.setup.task.group;
        let node = &mut self.nodes[at];
        node.stage = Stage::Leaving(order);
        let name = node.name().to_owned();
        self.metadata.stop(&name);
        let cut = self.balancer.deregister_within(group, node.address, delay);
        match cut {
            Ok(cut) => {
                let told = name.clone();
                self.later(async move {
                    // ECS waits out the delay although the balancer is done with a quiet target
                    // before: until then "the status of the target is displayed as draining".
                    // <https://docs.aws.amazon.com/
                    // elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay>
                    let (cut, ()) = tokio::join!(cut, sleep(delay));
                    Happened::Delayed(told, cut)
                });
                self.tell(Notice::Leaving { name, order, delay }).await;
                if order == Order::SigtermFirst {
                    self.terminate(at).await;
                }
            }
            // It was never registered.
            Err(_) => self.terminate(at).await,
        }
    }

    /// The deregistration delay of the service's target group.
    fn delay(&self) -> Duration {
        let groups = &self.setup.balancer.groups;
        let group = groups
            .iter()
            .find(|group| group.name == self.setup.task.group);
        group.map_or(Duration::ZERO, |group| group.deregistration_delay)
    }

    /// The deregistration delay of a node has passed.
    pub(super) async fn delayed(&mut self, name: &str, cut: usize) {
        let Some(at) = self.place(name) else { return };
        let name = name.to_owned();
        self.tell(Notice::Delayed { name, cut }).await;
        if self.nodes[at].stage == Stage::Leaving(Order::CutFirst) {
            self.terminate(at).await;
        }
    }

    async fn terminate(&mut self, at: usize) {
        let name = self.nodes[at].name().to_owned();
        let within = self.setup.task.stop_timeout;
        self.nodes[at].process.signal(Signal::TERM);
        let overdue = name.clone();
        self.later(async move {
            sleep(within).await;
            Happened::Overdue(overdue)
        });
        self.tell(Notice::Terminated { name, within }).await;
    }

    /// The stop timeout of a node has passed.
    pub(super) async fn overdue(&mut self, name: &str) {
        let Some(at) = self.place(name) else { return };
        self.nodes[at].process.signal(Signal::KILL);
        self.tell(Notice::Killed(name.to_owned())).await;
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name() == name)
    }

    /// Stops: no new requests, SIGTERM to every node, and SIGKILL to those that are not gone after
    /// the stop timeout or when `hurry` ends. Returns when no node is left.
    pub async fn stop(mut self, hurry: impl Future<Output = ()>) {
        let group = &self.setup.task.group;
        for node in &self.nodes {
            self.metadata.stop(node.name());
            if let Ok(done) = self.balancer.deregister(group, node.address) {
                drop(done);
            }
            node.process.signal(Signal::TERM);
        }
        let gone = all_gone(&self.nodes);
        tokio::select! {
            () = gone => return,
            () = sleep(self.setup.task.stop_timeout) => {}
            () = hurry => {}
        }
        let late = |node: &&Node| node.process.life.exit().is_none();
        let late: Vec<_> = self.nodes.iter().filter(late).collect();
        let names: Vec<_> = late.iter().map(|node| node.name().to_owned()).collect();
        for node in late {
            node.process.signal(Signal::KILL);
        }
        for name in names {
            self.tell(Notice::Killed(name)).await;
        }
        all_gone(&self.nodes).await;
    }
}

async fn all_gone(nodes: &[Node]) {
    futures_util::future::join_all(nodes.iter().map(|node| node.process.life.exited())).await;
}
