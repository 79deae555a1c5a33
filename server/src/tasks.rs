//! Background tasks under supervision: the process cannot do its work without any of them, so the
//! end of one is the end of the process.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

/// Why a node cannot go on: one of its tasks has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task `{task}` has ended: {reason}")]
pub struct Ended {
    /// The task's name.
    pub task: &'static str,
    /// What it panicked with, or that it returned or was aborted.
    pub reason: String,
}

/// Spawns tasks that must not end, and tells of the first that does.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

struct Shared {
    ended: watch::Sender<Option<Ended>>,
    running: Mutex<Vec<(&'static str, AbortHandle)>>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                ended: watch::Sender::new(None),
                running: Mutex::default(),
            }),
        }
    }

    /// Runs a task that is to live as long as the process.
    pub fn spawn(&self, task: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(task, CancellationToken::new(), work);
    }

    /// Runs a task that is to live until `stop`. The handle tells when it has ended, in whatever
    /// way.
    pub fn spawn_until(
        &self,
        task: &'static str,
        stop: CancellationToken,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let work = tokio::spawn(work);
        self.running().push((task, work.abort_handle()));
        let tasks = self.clone();
        tokio::spawn(async move {
            match work.await {
                Ok(()) if stop.is_cancelled() => {}
                Ok(()) => tasks.tell(task, "it returned".to_owned()),
                Err(error) if error.is_panic() => tasks.tell(task, panic_text(&error.into_panic())),
                Err(_) => tasks.tell(task, "it was aborted".to_owned()),
            }
        })
    }

    /// Runs work that blocks, on a thread of its own. It may return, once its owner has gone; it
    /// must not panic.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn spawn_thread(
        &self,
        task: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let tasks = self.clone();
        let work = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                tasks.tell(task, panic_text(&panic));
            }
        };
        thread::Builder::new().name(task.into()).spawn(work)?;
        Ok(())
    }

    /// The names of the tasks that were spawned, without those on threads.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.running().iter().map(|(name, _)| *name).collect()
    }

    /// Aborts all tasks of this name, as their own failure would. Tests see by that what becomes
    /// of the process.
    pub fn abort(&self, task: &str) {
        let running = self.running();
        let named = running.iter().filter(|(name, _)| *name == task);
        named.for_each(|(_, running)| running.abort());
    }

    fn tell(&self, task: &'static str, reason: String) {
        self.shared.ended.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(Ended { task, reason });
            is_first
        });
    }

    fn running(&self) -> MutexGuard<'_, Vec<(&'static str, AbortHandle)>> {
        let running = self.shared.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a task has ended.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.shared.ended.subscribe();
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

fn panic_text(panic: &Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("no text"))
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

    #[tokio::test]
    async fn what_is_asked_to_stop_may_return_and_nothing_else_may() {
        let (tasks, stop) = (Tasks::new(), CancellationToken::new());
        let waits = stop.clone().cancelled_owned();
        let asked = tasks.spawn_until("asked", stop.clone(), waits);
        stop.cancel();
        asked.await.unwrap();
        tasks.spawn("aborted", std::future::pending());
        assert_eq!(tasks.names(), ["asked", "aborted"]);
        tasks.abort("aborted");
        let told = tasks.ended().await;
        assert_eq!((told.task, &*told.reason), ("aborted", "it was aborted"));
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_told() {
        let tasks = Tasks::new();
        tasks.spawn_thread("done", || {}).unwrap();
        tasks.spawn_thread("broken", || panic!("no luck")).unwrap();
        let told = tasks.ended().await.to_string();
        assert_eq!(told, "the task `broken` has ended: it panicked: no luck");
    }
}
