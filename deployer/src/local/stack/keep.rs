//! A running stack: its nodes are started, watched and replaced, as ECS does it, and stopped.

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use tokio::time::sleep;

use super::error::Error;
use super::launch::{ended, free_address, listening};
use super::{Node, Notice, Stack};
use crate::balancer::{Event, Health};
use crate::local::process::{Process, Spec};

enum Happened {
    Event(Event),
    Ended(usize),
}

impl Stack {
    /// Starts one more node and registers it once it listens: ECS registers a task when it runs.
    pub(super) async fn add_node(&mut self) -> Result<(), Error> {
        self.started += 1;
        let name = format!("node-{}", self.started);
        let failed = |source| Error::Start {
            name: name.clone(),
            source,
        };
        let address = free_address().map_err(failed)?;
        let mut environment = self.shape.task.environment.clone();
        let local = [
            ("BIND", address.to_string()),
            ("ADMIN_BIND", "127.0.0.1:0".to_owned()),
            ("NODE_ID", name.clone()),
            ("STORE", self.store.clone()),
            ("S2S_KEYS", self.backend_key.clone()),
        ];
        environment.extend(local.map(|(name, value)| (name.to_owned(), value)));
        let program = self.options.server.clone();
        let spec = Spec {
            name: name.clone(),
            program,
            arguments: vec![],
            environment,
        };
        let process =
            Process::start(&self.options.leash, &spec, self.lines.clone()).map_err(failed)?;
        listening(&process, address).await?;
        self.tell(Notice::Started {
            name,
            address,
            pid: process.pid,
        })
        .await;
        self.balancer.register(&self.shape.task.group, address)?;
        self.nodes.push(Node { process, address });
        Ok(())
    }

    /// Waits until every node is healthy.
    pub(super) async fn all_healthy(&mut self) -> Result<(), Error> {
        loop {
            let healthy = |node: &Node| {
                let targets = self.balancer.targets();
                targets.iter().any(|target| {
                    target.address == node.address && target.health == Health::Healthy
                })
            };
            if self.nodes.iter().all(healthy) {
                return Ok(());
            }
            match self.next().await {
                Happened::Event(event) => {
                    let unhealthy = self.unhealthy(&event);
                    self.tell_event(event).await;
                    if let Some(error) = unhealthy {
                        return Err(error);
                    }
                }
                Happened::Ended(at) => return Err(ended(&self.nodes[at].process)),
            }
        }
    }

    fn unhealthy(&self, event: &Event) -> Option<Error> {
        let Event::Health {
            health: Health::Unhealthy,
            target,
            reason,
            ..
        } = event
        else {
            return None;
        };
        let node = self.nodes.iter().find(|node| node.address == *target)?;
        let (name, said) = (node.process.name.clone(), node.process.last_lines());
        Some(Error::Unhealthy {
            name,
            reason: reason.clone(),
            said,
        })
    }

    /// Keeps the stack as it should be: a node that ends is replaced, as ECS does it.
    ///
    /// # Errors
    /// When a replacement does not come up: it would go on like this.
    pub async fn keep(&mut self) -> Error {
        loop {
            match self.next().await {
                Happened::Event(event) => self.tell_event(event).await,
                Happened::Ended(at) => {
                    let node = self.nodes.remove(at);
                    let (name, status) = (node.process.name.clone(), node.process.exited().await);
                    self.tell(Notice::Ended { name, status }).await;
                    if let Ok(done) = self
                        .balancer
                        .deregister(&self.shape.task.group, node.address)
                    {
                        drop(done);
                    }
                    let replaced = async {
                        self.add_node().await?;
                        self.all_healthy().await
                    };
                    if let Err(error) = replaced.await {
                        return error;
                    }
                }
            }
        }
    }

    /// The next event of the balancer's, or the first node that has ended.
    async fn next(&mut self) -> Happened {
        // Without nodes there is nothing to wait for but events.
        let ends: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.process.exited().boxed())
            .collect();
        let ended = async {
            if ends.is_empty() {
                std::future::pending().await
            } else {
                select_all(ends).await.1
            }
        };
        tokio::select! {
            Some(event) = self.events.recv() => Happened::Event(event),
            at = ended => Happened::Ended(at),
        }
    }

    async fn tell_event(&self, event: Event) {
        let target = match &event {
            Event::Health { target, .. } | Event::Cut { target, .. } => Some(*target),
            Event::Failed { target, .. } => *target,
        };
        let node = self.nodes.iter().find(|node| Some(node.address) == target);
        let name = node.map(|node| node.process.name.clone());
        self.tell(Notice::Balancer(event, name)).await;
    }

    async fn tell(&self, notice: Notice) {
        // Whoever does not want to know has dropped the receiver.
        let _ = self.notices.send(notice).await;
    }

    /// Stops: no new requests, SIGTERM to every node, and SIGKILL to those that are not gone after the stop timeout
    /// or when `hurry` ends. Returns when no process is left.
    pub async fn stop(self, hurry: impl Future<Output = ()>) {
        for node in &self.nodes {
            if let Ok(done) = self
                .balancer
                .deregister(&self.shape.task.group, node.address)
            {
                drop(done);
            }
            node.process.terminate();
        }
        let gone = join_all(self.nodes.iter().map(|node| node.process.exited()));
        tokio::pin!(gone);
        tokio::select! {
            _ = &mut gone => return,
            () = sleep(self.shape.task.stop_timeout) => {}
            () = hurry => {}
        }
        for node in self
            .nodes
            .iter()
            .filter(|node| node.process.exit().is_none())
        {
            node.process.kill();
            self.tell(Notice::Killed(node.process.name.clone())).await;
        }
        gone.await;
    }
}
