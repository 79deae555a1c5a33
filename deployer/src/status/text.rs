//! A stack's status for people: one screen.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::facts::{alarms_text, connections_text, operations_text};
use super::paint::Paint;
use super::{Node, Service, Status};
use crate::aws::Deployment;
use crate::stack_operation::Cause;
use crate::stack_operation::moment;

impl Status {
    /// The status as text; `now` is what ages are counted from.
    #[must_use]
    pub fn text(&self, now: SystemTime, colour: bool) -> String {
        let paint = Paint::new(colour);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} is {}",
            self.stack.name,
            paint.stack_status(&self.stack.status)
        );
        self.about(&mut text, now);
        for service in &self.services {
            service.text(&mut text, now, paint);
        }
        text.push_str(&connections_text(self.connections.as_ref()));
        if !self.operations.is_empty() {
            text.push_str("\nlast deployments\n");
            text.push_str(&operations_text(&self.operations));
        }
        if !self.alarms.is_empty() {
            text.push_str("\nalarms\n");
            text.push_str(&alarms_text(&self.alarms, "  "));
        }
        let whole = self.unseen.is_empty() && !self.stack.is_busy();
        if self.services.is_empty() && self.gone.is_empty() && whole {
            let _ = writeln!(text, "\nthe stack has no service");
        }
        if let Some(Cause {
            logical_id,
            kind,
            status,
            reason,
        }) = &self.cause
        {
            let _ = writeln!(
                text,
                "\nthe last update failed: {logical_id} ({kind}) {status}\n  {reason}"
            );
        }
        if !self.unseen.is_empty() {
            let _ = writeln!(text, "\nnot seen:");
            for what in &self.unseen {
                let _ = writeln!(text, "  {what}");
            }
        }
        let troubles = self.troubles();
        if !troubles.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bad("what is wrong:"));
            for trouble in troubles {
                let _ = writeln!(text, "  {trouble}");
            }
        }
        text
    }

    fn about(&self, text: &mut String, now: SystemTime) {
        let stack = &self.stack;
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<12}{value}");
        };
        let since = stack.updated.or(stack.created);
        if let Some(since) = since {
            row("updated", format!("{}, {}", moment(since), ago(since, now)));
        }
        if !stack.reason.is_empty() && stack.status.contains("FAILED") {
            row("reason", stack.reason.clone());
        }
        if let Some(origin) = &self.origin {
            row("by", origin.by.clone());
            row("at", origin.at.clone());
        }
        if let Some(image) = stack.parameters.get("Image") {
            row("image", image.clone());
        }
        let origin = self.origin.as_ref();
        if let Some(commit) = origin.and_then(|origin| origin.commit.as_ref()) {
            row("commit", commit.clone());
        }
        if let Some(before) = &self.previous {
            let summary = before.summary();
            let (label, way) = if origin.is_some_and(|origin| origin.rolls_back) {
                ("undone", "`deployer rollback --redo` brings it back")
            } else {
                ("before it", "`deployer rollback` goes back to it")
            };
            row(label, format!("{summary} ({way})"));
        }
        if let Some(url) = stack.outputs.get("Url") {
            row("url", url.clone());
        }
        let protected = if stack.protected {
            "against deletion"
        } else {
            "no"
        };
        row("protected", protected.to_owned());
    }
}

impl Service {
    fn text(&self, text: &mut String, now: SystemTime, paint: Paint) {
        let state = &self.state;
        let _ = writeln!(
            text,
            "\nservice {}: {} of {} tasks run, {} start",
            state.name, state.running, state.desired, state.pending
        );
        for deployment in &state.deployments {
            let _ = writeln!(text, "  {}", deployment_text(deployment, now, paint));
        }
        let _ = writeln!(text, "\nnodes");
        for node in &self.nodes {
            let _ = writeln!(text, "  {}", node.text(now, paint));
        }
        if self.nodes.is_empty() {
            let _ = writeln!(text, "  none");
        }
        for target in &self.targets {
            let reason = if target.reason.is_empty() {
                String::new()
            } else {
                format!(" ({})", target.reason)
            };
            let _ = writeln!(
                text,
                "  {:<14}{:<15} {}{reason}, of none of these tasks",
                "", target.address, target.state
            );
        }
    }
}

fn deployment_text(deployment: &Deployment, now: SystemTime, paint: Paint) -> String {
    let Deployment {
        status,
        task_definition,
        desired,
        running,
        pending,
        failed,
        rollout,
        ..
    } = deployment;
    let definition = task_definition.rsplit('/').next().unwrap_or_default();
    let since = deployment
        .created
        .map_or_else(String::new, |since| format!(", {}", ago(since, now)));
    let reason = if deployment.reason.is_empty() || rollout == "COMPLETED" {
        String::new()
    } else {
        format!("\n    {}", deployment.reason)
    };
    // Early in the line: at its end a narrow terminal would cut it off.
    let padding = " ".repeat("IN_PROGRESS".len().saturating_sub(rollout.len()));
    let rollout = paint.state(rollout, "COMPLETED", "FAILED");
    format!(
        "{status:<8}{rollout}{padding}  {definition}  {running} of {desired} running, {pending} \
         pending, {failed} failed{since}{reason}"
    )
}

impl Node {
    fn text(&self, now: SystemTime, paint: Paint) -> String {
        let task = &self.task;
        let name = self.name.as_deref().unwrap_or("(no name yet)");
        let address = if task.address.is_empty() {
            "(no address)"
        } else {
            &task.address
        };
        let health = self
            .target
            .as_ref()
            .map_or("not a target", |target| target.state.as_str());
        let why = self
            .target
            .as_ref()
            .filter(|target| target.state != "healthy" && !target.reason.is_empty())
            .map_or_else(String::new, |target| format!("\n    {}", target.reason));
        let since = task
            .started
            .map_or_else(String::new, |since| format!(", {}", ago(since, now)));
        let definition = task.task_definition.rsplit('/').next().unwrap_or_default();
        let health = paint.state(health, "healthy", "unhealthy");
        format!(
            "{name:<14}{:<15} {health}, {} in {}{since}  {definition}  task {}{why}",
            address, task.status, task.zone, task.id
        )
    }
}

/// How long ago, in the two largest units.
fn ago(at: SystemTime, now: SystemTime) -> String {
    let age = now.duration_since(at).unwrap_or_default();
    let text = humantime::format_duration(Duration::from_secs(age.as_secs())).to_string();
    let units: Vec<_> = text.split(' ').take(2).collect();
    format!("{} ago", units.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    use crate::aws::{Alarm, Operation, RunningTask, ServiceState, StackState, Target};
    use crate::connections::{Connections, Load};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn map(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn deployment(status: &str, revision: u32, running: i32, rollout: &str) -> Deployment {
        Deployment {
            status: status.to_owned(),
            task_definition: format!(
                "arn:aws:ecs:eu-west-1:1:task-definition/acme-drops-prod:{revision}"
            ),
            desired: 2,
            running,
            rollout: rollout.to_owned(),
            created: Some(at(3_000)),
            ..Deployment::default()
        }
    }

    fn node(name: Option<&str>, address: &str, target: Option<(&str, &str)>) -> Node {
        Node {
            name: name.map(str::to_owned),
            task: RunningTask {
                id: format!("task{}", address.len()),
                task_definition: "arn:aws:ecs:eu-west-1:1:task-definition/acme-drops-prod:7"
                    .to_owned(),
                status: "RUNNING".to_owned(),
                address: address.to_owned(),
                zone: "eu-west-1a".to_owned(),
                started: Some(at(3_100)),
            },
            target: target.map(|(state, reason)| Target {
                address: format!("{address}:8080"),
                state: state.to_owned(),
                reason: reason.to_owned(),
            }),
        }
    }

    fn status() -> Status {
        let service = Service {
            state: ServiceState {
                name: "acme-drops-prod-Service".to_owned(),
                desired: 2,
                running: 2,
                deployments: vec![deployment("PRIMARY", 7, 2, "COMPLETED")],
                target_groups: vec!["group".to_owned()],
                ..ServiceState::default()
            },
            nodes: vec![
                node(Some("node-1a2b3c4d"), "10.0.1.5", Some(("healthy", ""))),
                node(None, "10.0.2.77", Some(("healthy", ""))),
            ],
            ..Service::default()
        };
        Status {
            stack: StackState {
                name: "acme-drops-prod".to_owned(),
                status: "UPDATE_COMPLETE".to_owned(),
                parameters: map(&[("Image", "drops:1.4.2")]),
                outputs: map(&[("Url", "https://drops.example.com")]),
                protected: true,
                updated: Some(at(3_000)),
                ..StackState::default()
            },
            origin: Some(crate::history::Origin {
                by: "arn:aws:iam::1:user/ada".to_owned(),
                at: "2026-01-02T03:04:05Z".to_owned(),
                ..crate::history::Origin::default()
            }),
            previous: Some(crate::history::PreviousDeployment::new(
                "",
                map(&[("Image", "drops:1.4.1")]),
            )),
            cause: None,
            services: vec![service],
            gone: Vec::new(),
            operations: vec![Operation {
                began: at(3_000),
                ended: Some(at(3_185)),
                status: "UPDATE_COMPLETE".to_owned(),
            }],
            alarms: Vec::new(),
            connections: Some(Connections {
                nodes: [(
                    "node-1a2b3c4d".to_owned(),
                    Load {
                        open: 12,
                        limit: 10_000,
                    },
                )]
                .into(),
                unseen: None,
            }),
            unseen: Vec::new(),
        }
    }

    #[test]
    fn all_is_well() {
        insta::assert_snapshot!(status().text(at(10_000), false));
        assert!(status().troubles().is_empty());
    }

    #[test]
    fn what_is_wrong_stands_at_the_end() {
        let mut status = status();
        status.stack.status = "UPDATE_ROLLBACK_FAILED".to_owned();
        status.cause = Some(Cause {
            logical_id: "Service".to_owned(),
            kind: "AWS::ECS::Service".to_owned(),
            status: "UPDATE_FAILED".to_owned(),
            reason: "circuit breaker".to_owned(),
        });
        let service = &mut status.services[0];
        service.state.running = 1;
        service.state.deployments = vec![deployment("PRIMARY", 7, 1, "COMPLETED")];
        service.nodes = vec![node(
            Some("node-1a2b3c4d"),
            "10.0.1.5",
            Some(("unhealthy", "Target.Timeout")),
        )];
        service.stopped = vec!["server: exit code 137".to_owned()];
        status.alarms = vec![Alarm {
            name: "acme-drops-prod-store-away".to_owned(),
            reason: "Threshold Crossed: 1 > 0".to_owned(),
            since: "2026-01-02T03:04:05.678Z".to_owned(),
            service: None,
        }];
        status.connections = Some(Connections::unseen("the role may not read it".to_owned()));
        insta::assert_snapshot!(status.text(at(10_000), false));
        // On the way, missing tasks are no trouble yet.
        status.alarms.clear();
        let service = &mut status.services[0];
        service
            .state
            .deployments
            .push(deployment("ACTIVE", 6, 1, "IN_PROGRESS"));
        service.nodes[0].target = None;
        status.stack.status = "UPDATE_IN_PROGRESS".to_owned();
        assert_eq!(status.troubles(), Vec::<String>::new());
        status.gone = vec!["Service".to_owned()];
        assert_eq!(
            status.troubles()[0],
            "the service Service is gone: something else has deleted it"
        );
    }

    #[test]
    fn colours_are_only_where_asked_for() {
        assert!(!status().text(at(10_000), false).contains('\u{1b}'));
        assert!(
            status()
                .text(at(10_000), true)
                .contains("\u{1b}[32mhealthy\u{1b}[0m")
        );
    }
}
