//! What becomes of the messages that were seen: one look at the channel's list a second, while any
//! of them may still change.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::local::api::Api;

/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// Messages that are followed; the latest of the list are no more.
const MOST: usize = 100;
/// How long a message is followed after it came: the timeline of the message has the rest.
const FOR: Duration = Duration::from_secs(300);

/// A message that is followed.
#[derive(Debug)]
struct Followed {
    since: Instant,
    /// What was told of it last.
    told: Value,
}

/// Follows messages of one channel.
#[derive(Debug)]
pub(super) struct Receipts {
    api: Api,
    path: String,
    followed: BTreeMap<String, Followed>,
    next: Instant,
}

impl Receipts {
    /// For a channel, whose name the server has taken.
    pub(super) fn new(api: Api, namespace: &str, channel: &str) -> Self {
        Self {
            api,
            path: format!("/v1/namespaces/{namespace}/channels/{channel}/messages?limit={MOST}"),
            followed: BTreeMap::new(),
            next: Instant::now(),
        }
    }

    /// Follows a message from now on.
    pub(super) fn follow(&mut self, id: &str) {
        let since = Instant::now();
        let followed = Followed {
            since,
            told: Value::Null,
        };
        self.followed.insert(id.to_owned(), followed);
        if self.followed.len() > MOST {
            let oldest = self.followed.iter().min_by_key(|(_, one)| one.since);
            let oldest = oldest.map(|(id, _)| id.clone());
            self.followed.retain(|id, _| Some(id) != oldest.as_ref());
        }
    }

    /// Waits for the next look, and gives what has changed. Cancelled, it looks again later.
    pub(super) async fn news(&mut self) -> Vec<Value> {
        if self.followed.is_empty() {
            return std::future::pending().await;
        }
        sleep_until(self.next).await;
        self.next = Instant::now() + PERIOD;
        // What cannot be read now is read the next time.
        let Ok(page) = self.api.get(&self.path).await else {
            return Vec::new();
        };
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        let news = items.iter().filter_map(|item| self.changed(item)).collect();
        self.followed.retain(|_, one| one.since.elapsed() < FOR);
        news
    }

    /// What to tell of a message, where it is followed and has changed.
    fn changed(&mut self, item: &Value) -> Option<Value> {
        let id = item["id"].as_str()?;
        let followed = self.followed.get_mut(id)?;
        let news = json!({
            "type": "receipt", "id": id, "state": item["state"], "keys": item["keys"],
        });
        if followed.told == news {
            return None;
        }
        followed.told = news.clone();
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_is_told_once() {
        let api = Api {
            address: "http://127.0.0.1:9".parse().unwrap(),
            backend_key: String::new(),
        };
        let mut receipts = Receipts::new(api, "dropcodes", "c");
        receipts.follow("a");
        let item = |id: &str, state: &str| json!({ "id": id, "state": state, "keys": {} });
        assert_eq!(receipts.changed(&item("b", "delivered")), None);
        let told = receipts.changed(&item("a", "delivered")).unwrap();
        assert_eq!(
            (&told["type"], &told["state"]),
            (&"receipt".into(), &"delivered".into())
        );
        assert_eq!(receipts.changed(&item("a", "delivered")), None);
        assert!(receipts.changed(&item("a", "acknowledged")).is_some());
        for number in 0..2 * MOST {
            receipts.follow(&number.to_string());
        }
        assert_eq!(receipts.followed.len(), MOST);
        assert_eq!(
            receipts.changed(&item("a", "expired")),
            None,
            "the oldest goes"
        );
    }
}
