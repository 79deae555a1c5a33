//! Tasks that did not live: why ECS stopped them, how their containers ended, and what they said
//! last.

use std::time::SystemTime;

use aws_sdk_ecs::types::{DesiredStatus, LogDriver, Task};

use super::{Clients, Error, Kind, failed, time};

/// The lines of a container's log that are worth showing.
const LAST_LINES: i32 = 10;

/// A task that stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoppedTask {
    /// Its ARN.
    pub arn: String,
    /// The task definition's ARN.
    pub task_definition: String,
    /// Who started it: the id of a service's deployment, `ecs-svc/…`.
    pub started_by: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `ServiceSchedulerInitiated`, …
    pub code: String,
    /// Why, in ECS's words.
    pub reason: String,
    /// When.
    pub stopped: Option<SystemTime>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a task that stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The exit code; none where it never ran.
    pub exit: Option<i32>,
    /// Why, in ECS's words: `OutOfMemoryError: …`, `CannotPullContainerError: …`.
    pub reason: String,
    /// What it logged last, where its log can be read.
    pub said: Vec<String>,
}

impl StoppedTask {
    /// The part of the ARN that tells it from others.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// Whether it stopped because it was no longer needed.
    #[must_use]
    pub fn was_retired(&self) -> bool {
        self.reason.starts_with("Scaling activity initiated")
    }
}

impl Clients {
    /// The tasks of a service that ECS still remembers as stopped: an hour at least, a hundred at
    /// most.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn stopped_tasks(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<Vec<StoppedTask>, Error> {
        let list = self
            .services
            .list_tasks()
            .cluster(cluster)
            .service_name(service)
            .desired_status(DesiredStatus::Stopped);
        let listed = list
            .send()
            .await
            .map_err(failed("list the stopped tasks"))?;
        let arns = listed.task_arns.unwrap_or_default();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let describe = self
            .services
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(arns));
        let found = describe
            .send()
            .await
            .map_err(failed("describe the stopped tasks"))?;
        let mut tasks: Vec<_> = found
            .tasks()
            .iter()
            .filter(|task| task.last_status() == Some("STOPPED"))
            .map(stopped)
            .collect();
        tasks.sort_by_key(|task| task.stopped);
        Ok(tasks)
    }

    /// Adds to a stopped task what its containers logged last. Whoever asks wants to know why a
    /// deployment failed: a log that cannot be read must not hide the rest.
    pub async fn add_last_words(&self, task: &mut StoppedTask) {
        let id = task.id().to_owned();
        let describe = self
            .services
            .describe_task_definition()
            .task_definition(&task.task_definition);
        let Ok(answer) = describe.send().await else {
            return;
        };
        let definition = answer.task_definition();
        for container in &mut task.containers {
            let log = definition
                .into_iter()
                .flat_map(|definition| definition.container_definitions())
                .find(|defined| defined.name() == Some(&container.name))
                .and_then(|defined| defined.log_configuration())
                .filter(|log| *log.log_driver() == LogDriver::Awslogs);
            let option = |name: &str| log?.options()?.get(name);
            if let (Some(group), Some(prefix)) =
                (option("awslogs-group"), option("awslogs-stream-prefix"))
            {
                let stream = format!("{prefix}/{}/{id}", container.name);
                container.said = self.last_lines(group, &stream).await.unwrap_or_default();
            }
        }
    }

    async fn last_lines(&self, group: &str, stream: &str) -> Result<Vec<String>, Error> {
        let request = self
            .logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .limit(LAST_LINES)
            .start_from_head(false);
        let answer = request.send().await;
        match answer.map_err(failed("read the container's log")) {
            Ok(answer) => Ok(answer
                .events()
                .iter()
                .filter_map(|event| event.message())
                .map(str::to_owned)
                .collect()),
            // It never came so far as to log.
            Err(error) if error.kind() == Kind::Missing => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn stopped(task: &Task) -> StoppedTask {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let containers = task.containers().iter();
    StoppedTask {
        arn: text(task.task_arn()),
        task_definition: text(task.task_definition_arn()),
        started_by: text(task.started_by()),
        code: text(task.stop_code().map(|code| code.as_str())),
        reason: text(task.stopped_reason()),
        stopped: time(task.stopped_at()),
        containers: containers
            .map(|container| Container {
                name: text(container.name()),
                exit: container.exit_code(),
                reason: text(container.reason()),
                said: Vec::new(),
            })
            .collect(),
    }
}
