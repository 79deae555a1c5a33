//! Where each resource of a stack stands, put together from events.

use std::time::{Duration, SystemTime};

use indexmap::IndexMap;

use crate::aws::Event;

/// The resources of which something was heard, in the order in which it was.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Each by its logical id; the stack itself is not among them.
    pub items: IndexMap<String, Item>,
    /// The stack's own.
    pub stack: Item,
}

/// Where a resource stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its type.
    pub kind: String,
    /// What AWS calls it; empty before it exists.
    pub physical_id: String,
    /// `CREATE_IN_PROGRESS`, `UPDATE_COMPLETE`, `DELETE_FAILED`.
    pub status: String,
    /// Why, where AWS says so.
    pub reason: String,
    /// Since when it is worked on.
    pub since: Option<SystemTime>,
    /// How long it was worked on, once it is done.
    pub took: Option<Duration>,
}

impl Item {
    /// Whether it is being worked on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS")
    }

    /// Whether its last step failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    fn take(&mut self, event: &Event) {
        let was_busy_with = verb(&self.status).to_owned();
        let goes_on = self.is_busy() && was_busy_with == verb(&event.status);
        if event.status.ends_with("_IN_PROGRESS") {
            if !goes_on {
                self.since = Some(event.at);
            }
            self.took = None;
        } else {
            self.took = self
                .since
                .and_then(|since| event.at.duration_since(since).ok());
        }
        self.kind.clone_from(&event.kind);
        if !event.physical_id.is_empty() {
            self.physical_id.clone_from(&event.physical_id);
        }
        self.status.clone_from(&event.status);
        self.reason.clone_from(&event.reason);
    }
}

/// What is being done: `CREATE`, `UPDATE`, `DELETE`, `UPDATE_ROLLBACK`.
fn verb(status: &str) -> &str {
    ["_IN_PROGRESS", "_COMPLETE", "_FAILED"]
        .iter()
        .find_map(|end| status.strip_suffix(end))
        .unwrap_or(status)
}

impl Progress {
    /// Takes an event in, and says where its resource stands now.
    pub fn take(&mut self, event: &Event) -> &Item {
        let item = if event.of_stack {
            &mut self.stack
        } else {
            self.items.entry(event.logical_id.clone()).or_default()
        };
        item.take(event);
        item
    }

    /// The names of the resources that are being worked on.
    pub fn busy(&self) -> impl Iterator<Item = &str> {
        self.items
            .iter()
            .filter(|(_, item)| item.is_busy())
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, at: u64) -> Event {
        Event {
            id: String::new(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(at),
            logical_id: "Service".to_owned(),
            physical_id: String::new(),
            kind: "AWS::ECS::Service".to_owned(),
            status: status.to_owned(),
            reason: String::new(),
            of_stack: false,
            refused: false,
            token: String::new(),
        }
    }

    #[test]
    fn each_step_has_its_own_time() {
        let mut progress = Progress::default();
        let mut took = |status, at| {
            let item = progress.take(&event(status, at));
            (
                item.since.map(|since| {
                    since
                        .duration_since(SystemTime::UNIX_EPOCH)
                        .expect("later")
                        .as_secs()
                }),
                item.took.map(|took| took.as_secs()),
            )
        };
        assert_eq!(took("CREATE_IN_PROGRESS", 10), (Some(10), None));
        // CloudFormation says it twice: that it begins, and that the resource has begun to exist.
        assert_eq!(took("CREATE_IN_PROGRESS", 15), (Some(10), None));
        assert_eq!(took("CREATE_FAILED", 40), (Some(10), Some(30)));
        assert_eq!(took("DELETE_IN_PROGRESS", 50), (Some(50), None));
        assert_eq!(took("DELETE_COMPLETE", 55), (Some(50), Some(5)));
    }
}
