//! Background tasks under supervision: the process cannot do its work without any of them, so the
//! end of one is the end of the process.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinError;

/// Why a node cannot go on: one of its tasks has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task `{task}` has ended: {reason}")]
pub struct Ended {
    /// The task's name.
    pub task: &'static str,
    /// What it panicked with, or that it returned.
    pub reason: String,
}

/// Spawns tasks that must not end, and tells of the first that does.
#[derive(Clone)]
pub struct Tasks {
    ended: Arc<watch::Sender<Option<Ended>>>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ended: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Runs a task that is to live as long as the process.
    pub fn spawn(&self, task: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone();
        let work = tokio::spawn(work);
        tokio::spawn(async move {
            let reason = match work.await {
                Ok(()) => "it returned".to_owned(),
                Err(error) if error.is_panic() => panic_text(error),
                // The runtime is shutting down.
                Err(_) => return,
            };
            ended.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(Ended { task, reason });
                is_first
            });
        });
    }

    /// Waits until a task has ended.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(ended) = ended.borrow_and_update().clone() {
                return ended;
            }
            if ended.changed().await.is_err() {
                // The sender lives in `self`.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

fn panic_text(error: JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.as_deref().unwrap_or("no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_task_that_ends_is_told_with_its_reason() {
        let tasks = Tasks::new();
        tasks.spawn("idle", std::future::pending());
        tasks.spawn("broken", async { panic!("no {}", "luck") });
        let told = tasks.ended().await;
        let expected = "the task `broken` has ended: it panicked: no luck";
        assert_eq!(told.to_string(), expected);
        tasks.spawn("late", async {});
        assert_eq!(tasks.ended().await, told, "the first stays");
    }

    #[tokio::test]
    async fn a_task_that_returns_has_ended_too() {
        let tasks = Tasks::new();
        tasks.spawn("short", async {});
        assert_eq!(tasks.ended().await.reason, "it returned");
    }
}
