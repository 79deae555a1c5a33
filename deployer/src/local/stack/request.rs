//! What somebody in another terminal asks of the stack: refused at once, done at once, or waited
//! for.

use serde_json::{Value, json};

use super::watcher::{Goal, Watcher, last};
use super::{Node, Notice, Stack};
use crate::local::control::{Answer, Command, Request};
use crate::local::process::Signal;

/// What became of a command.
enum Taken {
    Done(String),
    Until(Goal),
}

impl Stack {
    pub(super) async fn take(&mut self, request: Request) {
        let Request { command, answers } = request;
        // Told from the first step on.
        self.watchers.push(Watcher {
            goal: Goal::Unknown,
            answers: answers.clone(),
        });
        let answer = match self.carry_out(command).await {
            Ok(Taken::Until(goal)) => {
                let mut watchers = self.watchers.iter_mut();
                if let Some(watcher) = watchers.find(|w| w.answers.same_channel(&answers)) {
                    watcher.goal = goal;
                }
                return;
            }
            Ok(Taken::Done(text)) => self.done(text),
            Err(message) => Answer::Refused { message },
        };
        self.watchers
            .retain(|watcher| !watcher.answers.same_channel(&answers));
        last(answers, answer);
    }

    async fn carry_out(&mut self, command: Command) -> Result<Taken, String> {
        match command {
            Command::Status { wait: false } => Ok(Taken::Done(self.table())),
            Command::Status { wait: true } => Ok(Taken::Until(Goal::Steady)),
            Command::Kill { node } => {
                self.signal(&node, "SIGKILL", Signal::KILL).await?;
                Ok(Taken::Until(Goal::Gone(node)))
            }
            Command::Stop { node } => {
                self.signal(&node, "SIGSTOP", Signal::STOP).await?;
                Ok(Taken::Done(format!(
                    "{node} is stopped; `deployer local continue {node}` resumes it"
                )))
            }
            Command::Continue { node } => {
                self.signal(&node, "SIGCONT", Signal::CONT).await?;
                Ok(Taken::Done(format!("{node} goes on")))
            }
            Command::Replace { node, rollout } => {
                self.begin(Some(&node), rollout).await?;
                Ok(Taken::Until(Goal::Rollout))
            }
            Command::Deploy { rollout } => {
                self.begin(None, rollout).await?;
                Ok(Taken::Until(Goal::Rollout))
            }
            Command::Redis { action, shard } => match self.treat_redis(action, shard).await? {
                Some(goal) => Ok(Taken::Until(goal)),
                None => Ok(Taken::Done("the signal was sent".to_owned())),
            },
        }
    }

    async fn signal(
        &mut self,
        name: &str,
        word: &'static str,
        signal: Signal,
    ) -> Result<(), String> {
        let node = self.find(name)?;
        match signal {
            Signal::STOP => node.stopped = true,
            Signal::CONT => node.stopped = false,
            _ => node.excused = true,
        }
        node.process.signal(signal);
        let name = name.to_owned();
        self.tell(Notice::Signalled { name, signal: word }).await;
        Ok(())
    }

    /// The node of that name.
    pub(super) fn find(&mut self, name: &str) -> Result<&mut Node, String> {
        let known: Vec<_> = self.nodes.iter().map(Node::name).collect();
        let known = known.join(", ");
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.ok_or_else(|| format!("there is no node {name:?}; there are {known}"))
    }

    /// How the stack stands, for programs.
    pub(super) fn status(&self) -> Value {
        let nodes: Vec<_> = self.nodes.iter().map(|node| self.describe(node)).collect();
        json!({
            "url": self.url, "nodes": nodes, "steady": self.is_calm(), "deployment": self.describe_rollout(),
            "redis": self.describe_redis(),
        })
    }

    /// How the stack stands, for people.
    pub(super) fn table(&self) -> String {
        let mut rows = vec![["NODE", "STATE", "HEALTH", "ADDRESS", "PID"].map(str::to_owned)];
        rows.extend(self.nodes.iter().map(|node| {
            let described = self.describe(node);
            ["id", "state", "health", "address", "pid"].map(|name| match &described[name] {
                Value::Null => "-".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }));
        let mut table = String::new();
        for [name, state, health, address, pid] in rows {
            table += &format!("{name:<9} {state:<9} {health:<9} {address:<21} {pid}\n");
        }
        if let Some(rollout) = self.describe_rollout().as_object() {
            let of: Vec<_> = rollout["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            table += &format!("a deployment is under way; it replaces {}\n", of.join(", "));
        }
        let redis = self.describe_redis();
        if let (Some(url), Some(state)) = (redis["url"].as_str(), redis["state"].as_str()) {
            table += &format!("{:<9} {state:<9} {:<9} {url}\n", "redis", "-");
        }
        for shard in redis["shards"].as_array().into_iter().flatten() {
            let [id, state, address] = ["id", "state", "address"]
                .map(|name| shard[name].as_str().unwrap_or_default().to_owned());
            let pid = shard["pid"]
                .as_u64()
                .map_or("-".to_owned(), |pid| pid.to_string());
            table += &format!("{id:<9} {state:<9} {:<9} {address:<21} {pid}\n", "-");
        }
        table.trim_end().to_owned()
    }
}
