//! The contract of a store: what every implementation must do. Each test runs on each
//! implementation.

/// Runs a test on the store in memory, on the one in a directory, on the one in Redis and on the one
/// in a cluster.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $name() {
                super::$name(std::sync::Arc::new(server::store::Embedded::in_memory().unwrap())).await;
            })*
        }
        mod redis {
            $(#[tokio::test] async fn $name() {
                let redis = crate::redis::Redis::start().await;
                super::$name(std::sync::Arc::new(redis.connect().await)).await;
            })*
        }
        mod cluster {
            $(#[tokio::test] async fn $name() {
                let cluster = crate::cluster::shared().await;
                super::$name(std::sync::Arc::new(cluster.connect().await)).await;
            })*
        }
        mod file {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                super::$name(std::sync::Arc::new(server::store::Embedded::open(directory.path(), &server::tasks::Tasks::new()).unwrap())).await;
            })*
        }
    };
}

mod keys;
mod publishing;
mod reading;
mod receipts;

use std::sync::Arc;

use serde_json::value::to_raw_value;
use server::clock::Millis;
use server::message::{Mailbox, Message};
use server::receipts::{KeyReceipt, Outcome};
use server::store::{Draft, Embedded, Published, Receipt, Store, Swept};

use crate::harness::eventually;

async fn now(store: &dyn Store) -> Millis {
    Millis(store.now().await.unwrap() / 1000)
}

/// A draft for channel `n/c`, due in `due` ms and of use for `ttl` ms from then.
async fn draft(store: &dyn Store, id: &str, due: i64, ttl: i64) -> Draft {
    let now = now(store).await;
    Draft {
        mailbox: Mailbox::channel("n", "c"),
        id: id.into(),
        event: "e".into(),
        data: to_raw_value(id).unwrap(),
        created_at: now,
        deliver_at: Millis(now.0 + due),
        expires_at: Millis(now.0 + due + ttl),
        digest: [7; 32],
    }
}

async fn publish(store: &dyn Store, id: &str, due: i64, ttl: i64) -> Arc<Message> {
    let draft = draft(store, id, due, ttl).await;
    match store.publish(vec![draft]).await.unwrap().remove(0) {
        Published::Stored(status) => status.message,
        other => panic!("{other:?}"),
    }
}

fn mailbox() -> Mailbox {
    Mailbox::channel("n", "c")
}

fn receipt(message: &Arc<Message>, key: &str, acknowledged: bool) -> Receipt {
    Receipt {
        message: message.clone(),
        of_key: KeyReceipt {
            key: key.into(),
            node: "node".into(),
            emitted_at: Some(message.deliver_at),
            acknowledged: acknowledged.then_some((message.deliver_at, Outcome::Shown)),
        },
    }
}

async fn sweep(store: &dyn Store, seq: Option<u64>, after: Millis, until: Millis) -> Swept {
    store.sweep(&mailbox(), seq, after, until).await.unwrap()
}

async fn backlog(store: &dyn Store, key: &str) -> Vec<(String, bool)> {
    let until = now(store).await;
    let found = store
        .backlog(&mailbox(), key, None, until, 100)
        .await
        .unwrap();
    found
        .into_iter()
        .map(|w| (w.message.id.clone(), w.redelivered))
        .collect()
}

#[tokio::test]
async fn a_directory_keeps_everything_and_belongs_to_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path(), &server::tasks::Tasks::new()).unwrap();
    let at = publish(&store, "a", 0, 60_000).await;
    store.record(vec![receipt(&at, "k", true)]).await.unwrap();
    assert!(
        Embedded::open(directory.path(), &server::tasks::Tasks::new()).is_err(),
        "it is open already"
    );
    drop(store);
    let store = eventually("the file is closed", async || {
        Embedded::open(directory.path(), &server::tasks::Tasks::new()).ok()
    })
    .await;
    assert_eq!(backlog(&store, "l").await, [("a".to_owned(), false)]);
    assert!(backlog(&store, "k").await.is_empty());
    assert!(publish(&store, "b", 0, 60_000).await.seq > at.seq);
}
