//! Asks each node the same, through the load balancer, which alone knows them. Without a cookie each
//! call goes to any node; `x-node-id` says which one answered.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Method;
use futures_util::future::join_all;

use crate::local::api::Api;

/// How long a node may take. One that is stopped takes for ever.
const WITHIN: Duration = Duration::from_secs(2);
/// Batches of calls in a round: a balancer that draws lots leaves some nodes out of the first.
const BATCHES: usize = 3;
/// Calls of a batch at most, and one more.
const BATCH: usize = 100;

/// What a node answered.
pub(super) struct Answered {
    pub(super) node: String,
    pub(super) at: Instant,
    pub(super) text: String,
}

/// Asks until each of `wanted` has answered, and nobody who is not `known` did. The answers, and
/// what went wrong, if anything.
pub(super) async fn each(
    api: &Api,
    path: &str,
    mut wanted: BTreeSet<String>,
    mut known: BTreeSet<String>,
) -> (Vec<Answered>, Option<String>) {
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        // At once: a node that is stopped must not keep the others waiting.
        let calls = (0..=wanted.len().clamp(1, BATCH)).map(|_| call(api, path));
        let mut is_new = false;
        for answer in join_all(calls).await {
            match answer {
                Ok(answer) => {
                    wanted.remove(&answer.node);
                    is_new |= known.insert(answer.node.clone());
                    answers.push(answer);
                }
                Err(error) => failures.push(error),
            }
        }
        if !failures.is_empty() || (wanted.is_empty() && !is_new) {
            break;
        }
    }
    (answers, failures.pop())
}

async fn call(api: &Api, path: &str) -> Result<Answered, String> {
    let reply = api.send((Method::GET, path), Bytes::new(), WITHIN).await;
    let reply = reply.map_err(|error| error.to_string())?;
    let answered = |node: &str| Answered {
        node: node.to_owned(),
        at: Instant::now(),
        text: reply.text(),
    };
    match (reply.status, reply.header("x-node-id")) {
        (200, "") => Ok(answered("a node without a name")),
        (200, node) => Ok(answered(node)),
        (401 | 403, _) => Err(
            "this backend key may not read metrics: it needs the scope `read`, for \
                               every namespace"
                .to_owned(),
        ),
        (404, _) => Err(format!(
            "these nodes have no {path}: they are of an older release"
        )),
        (status, _) => Err(format!("the load balancer or a node answered {status}")),
    }
}
