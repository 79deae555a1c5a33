//! A node cannot do its work without any of its tasks: the end of one ends the process, which says
//! why.

use std::sync::Arc;
use std::time::Duration;

use server::delivery::Tuning;
use server::node::Node;
use server::tasks::Tasks;
use tokio::time::timeout;

use crate::faulty_store::node_with;
use crate::harness::PATIENCE;
use crate::redis::Redis;

/// A node with the store in Redis.
async fn start(redis: &Redis) -> (Node, Tasks) {
    let tasks = Tasks::new();
    let store = crate::redis::open(&redis.settings(), &tasks).await;
    let store = Arc::new(store.unwrap());
    let node = node_with("n", store, &tasks, Tuning::default()).await;
    (node, tasks)
}

#[tokio::test]
async fn each_task_is_missed_when_it_ends() {
    let redis = Redis::start().await;
    let (_node, tasks) = start(&redis).await;
    let mut names = tasks.names();
    names.sort_unstable();
    names.dedup();
    let of_store = ["beat", "hear", "keep_connected", "write"];
    let of_listeners = ["forget_clients", "serve", "serve_admin"];
    for expected in of_store.iter().chain(&of_listeners) {
        assert!(names.contains(expected), "{expected} is not watched");
    }
    for name in names {
        let (node, tasks) = start(&redis).await;
        tasks.abort(name);
        let ended = timeout(PATIENCE, node.ended()).await.unwrap();
        assert_eq!((ended.task, &*ended.reason), (name, "it was aborted"));
    }
}

#[tokio::test]
async fn a_drain_ends_no_task_before_its_time() {
    let redis = Redis::start().await;
    let (node, _tasks) = start(&redis).await;
    let ended = node.ended();
    node.drain().await.unwrap();
    assert!(timeout(Duration::from_millis(1), ended).await.is_err());
}
