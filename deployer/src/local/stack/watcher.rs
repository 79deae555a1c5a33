//! Whoever asked for something and waits until it is done, and is told meanwhile what happens.

use tokio::sync::mpsc;

use super::Stack;
use super::notice::Notice;
use crate::local::control::Answer;

/// Somebody who waits.
pub(super) struct Watcher {
    pub(super) goal: Goal,
    pub(super) answers: mpsc::Sender<Answer>,
}

/// What for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// Not known yet.
    Unknown,
    /// A node has ended.
    Gone(String),
    /// The rollout has ended.
    Rollout,
    /// Everything runs, is healthy and stays.
    Steady,
    /// The Redis has ended: the shard of this name, or every one.
    RedisGone(Option<String>),
    /// The Redis has been started: the shard of this name, or every one.
    RedisUp(Option<String>),
}

impl Stack {
    /// Tells everybody.
    pub(super) async fn tell(&mut self, notice: Notice) {
        if notice.is_step()
            && let Some(document) = notice.document()
        {
            let text = notice.text();
            // Those who have gone away are forgotten; the slow ones miss a step.
            self.watchers.retain(|watcher| {
                let (text, document) = (text.clone(), document.clone());
                let sent = watcher.answers.try_send(Answer::Step { text, document });
                !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
            });
        }
        // Whoever does not want to know has dropped the receiver.
        let _ = self.notices.send(notice).await;
    }

    /// Tells those who waited for `goal` how it came out.
    pub(super) fn finish(&mut self, goal: &Goal, outcome: &Result<String, String>) {
        let there = |watcher: &mut Watcher| watcher.goal == *goal;
        let done: Vec<_> = self.watchers.extract_if(.., there).collect();
        for watcher in done {
            let answer = match outcome {
                Ok(text) => self.done(text.clone()),
                Err(message) => Answer::Failed {
                    message: message.clone(),
                },
            };
            last(watcher.answers, answer);
        }
    }

    pub(super) fn done(&self, text: String) -> Answer {
        Answer::Done {
            text,
            status: self.status(),
        }
    }
}

/// Sends the last answer, however slowly the ones before it are read.
pub(super) fn last(answers: mpsc::Sender<Answer>, answer: Answer) {
    tokio::spawn(async move {
        let _ = answers.send(answer).await;
    });
}
