//! The store away, slow or deaf; two nodes on one store.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use server::delivery::Tuning;
use server::node::Node;

use crate::faulty_store::{Faulty, call, node, url};
use crate::harness::{Client, Options, eventually};

const MESSAGES: &str = "/v1/namespaces/dropcodes/channels/c/messages";

async fn key(node: &Node) -> String {
    let body = json!({ "channel": "c", "namespaces": ["dropcodes"] });
    let (status, _, key) = call(node, Method::POST, "/v1/keys", Some(body)).await;
    assert_eq!(status, 201, "{key}");
    key["key"].as_str().unwrap().to_owned()
}

async fn publish(node: &Node, id: &str, deliver_in: u64) {
    let body = json!({ "event": "e", "data": id, "id": id, "deliver_in": deliver_in });
    let (status, _, message) = call(node, Method::POST, MESSAGES, Some(body)).await;
    assert_eq!(status, 202, "{message}");
}

async fn acknowledged(node: &Node, id: &str) {
    eventually(&format!("{id} is acknowledged"), async || {
        let (_, _, message) = call(node, Method::GET, &format!("{MESSAGES}/{id}"), None).await;
        (message["state"] == "acknowledged").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_outage_closes_nothing_and_loses_nothing() {
    let store = Faulty::new();
    let node = node("a", store.clone(), Tuning::default()).await;
    let key = key(&node).await;
    let mut client = Client::connect(&url(&node), &Options::new(&key));
    client.wait_for("connected").await;
    publish(&node, "in-the-timer", 700).await;
    // The mailbox was read once: what follows is in this node's timers.
    acknowledged_after_reading(&node, &mut client).await;

    store.go_away();
    let body = json!({ "event": "e", "data": 1, "id": "refused" });
    let (status, retry, problem) = call(&node, Method::POST, MESSAGES, Some(body)).await;
    assert_eq!(
        (status, retry.as_deref(), &problem["id"]),
        (503, Some("2"), &json!("refused"))
    );
    let (status, _, health) = call(&node, Method::GET, "/healthcheck", None).await;
    assert_eq!((status, &health["status"]), (200, &json!("degraded")));
    assert_eq!(client.messages(1).await, ["in-the-timer"], "timers go on");

    // A client that comes during the outage is put off, not refused for good.
    let mut late = Client::connect(&url(&node), &Options::new(&key));
    let mut by_header = Client::connect(&url(&node), &Options::new(&key).by_header());
    assert_eq!(
        late.next().await["data"],
        json!(null),
        "no refusal of ours, which would be final"
    );
    let error = by_header.wait_for("connect_error").await;
    assert!(error["description"] == 503, "{error}");

    store.come_back();
    late.wait_for("connected").await;
    by_header.wait_for("connected").await;
    acknowledged(&node, "in-the-timer").await;
    publish(&node, "after", 0).await;
    assert_eq!(
        client.messages(1).await,
        ["after"],
        "the first client was connected all along"
    );
}

/// Waits until the client has shown that it is served.
async fn acknowledged_after_reading(node: &Node, client: &mut Client) {
    publish(node, "first", 0).await;
    assert_eq!(client.messages(1).await, ["first"]);
    acknowledged(node, "first").await;
}

#[tokio::test]
async fn a_slow_store_is_told_within_two_seconds() {
    let store = Faulty::new();
    let node = node("a", store.clone(), Tuning::default()).await;
    store.slow_down(Duration::from_secs(30));
    let start = Instant::now();
    let body = json!({ "event": "e", "data": 1 });
    let (status, retry, problem) = call(&node, Method::POST, MESSAGES, Some(body)).await;
    assert_eq!((status, retry.is_some()), (503, true));
    assert!(
        problem["id"].is_string(),
        "the id that makes a retry safe: {problem}"
    );
    assert!(
        start.elapsed() < Duration::from_millis(2500),
        "{:?}",
        start.elapsed()
    );
}

/// Long before the sweep, and nothing that was acknowledged.
#[tokio::test]
async fn a_node_that_lost_announcements_reads_everything_at_once() {
    let store = Faulty::deaf();
    let node = node("a", store.clone(), Tuning::default()).await;
    let key = key(&node).await;
    publish(&node, "before", 0).await;
    let mut client = Client::connect(&url(&node), &Options::new(&key).transports(&["websocket"]));
    assert_eq!(client.messages(1).await, ["before"]);
    acknowledged(&node, "before").await;
    publish(&node, "lost", 0).await;
    store.overwhelm();
    assert_eq!(client.messages(1).await, ["lost"]);
    client
        .stays_without("message", Duration::from_millis(300))
        .await;
}

#[tokio::test]
async fn the_sweep_repairs_what_no_announcement_told() {
    let sweep = Duration::from_millis(100);
    let node = node(
        "a",
        Faulty::deaf(),
        Tuning {
            sweep,
            horizon: 3 * sweep,
            ..Tuning::default()
        },
    )
    .await;
    let key = key(&node).await;
    let mut client = Client::connect(&url(&node), &Options::new(&key));
    client.wait_for("connected").await;
    for (id, deliver_in) in [("now", 0), ("soon", 200), ("beyond-the-horizon", 900)] {
        publish(&node, id, deliver_in).await;
    }
    assert_eq!(
        client.messages(3).await,
        ["now", "soon", "beyond-the-horizon"]
    );
    acknowledged(&node, "beyond-the-horizon").await;
}

#[tokio::test]
async fn a_message_reaches_its_plugin_whatever_node_it_came_in_on() {
    let store = Faulty::new();
    let (a, b) = (
        node("a", store.clone(), Tuning::default()).await,
        node("b", store, Tuning::default()).await,
    );
    let key = key(&a).await;
    let mut on_b = Client::connect(&url(&b), &Options::new(&key));
    on_b.wait_for("connected").await;
    publish(&a, "one", 0).await;
    assert_eq!(on_b.messages(1).await, ["one"]);
    acknowledged(&a, "one").await;

    // The same plugin on the other node: nothing that it has acknowledged comes again.
    let mut on_a = Client::connect(&url(&a), &Options::new(&key));
    on_a.wait_for("connected").await;
    eventually("both nodes have told who is there", async || {
        let (_, _, channel) =
            call(&b, Method::GET, "/v1/namespaces/dropcodes/channels/c", None).await;
        (channel["sockets"] == 2).then_some(())
    })
    .await;
    publish(&b, "two", 0).await;
    assert_eq!(on_a.messages(1).await, ["two"]);
    assert_eq!(on_b.messages(1).await, ["two"]);
}

#[tokio::test]
async fn one_socket_of_a_key_settles_for_the_others() {
    let node = node(
        "a",
        Faulty::new(),
        Tuning {
            retry_after: Duration::from_millis(300),
            ..Tuning::default()
        },
    )
    .await;
    let key = key(&node).await;
    let silent = Options {
        acknowledge: false,
        ..Options::new(&key)
    };
    let mut silent = Client::connect(&url(&node), &silent);
    silent.wait_for("connected").await;
    publish(&node, "one", 0).await;
    assert_eq!(
        silent.messages(2).await,
        ["one", "one"],
        "unacknowledged, it is repeated"
    );
    let mut other = Client::connect(&url(&node), &Options::new(&key));
    assert_eq!(
        other.wait_for("message").await["message"]["redelivered"],
        true
    );
    acknowledged(&node, "one").await;
    let repeats = node.handler().context.metrics.redeliveries.get();
    publish(&node, "two", 0).await;
    // Repeats from before the acknowledgement may still be on their way.
    while silent.messages(1).await != ["two"] {}
    tokio::time::timeout(Duration::from_secs(1), silent.wait_for("message"))
        .await
        .unwrap_err();
    assert_eq!(node.handler().context.metrics.redeliveries.get(), repeats);
}

#[tokio::test]
async fn a_backlog_is_shown_once() {
    let node = node("a", Faulty::new(), Tuning::default()).await;
    for transport in ["polling", "websocket"] {
        let body = json!({ "channel": transport, "namespaces": ["dropcodes"] });
        let (_, _, key) = call(&node, Method::POST, "/v1/keys", Some(body)).await;
        let batch: Vec<_> = (0..100)
            .map(|n| json!({ "channel": transport, "event": "e", "data": n, "id": format!("m{n:02}") }))
            .collect();
        for hundred in 0..5 {
            let batch: Vec<_> = batch
                .iter()
                .map(|message| {
                    let id = format!("{hundred}{}", message["id"].as_str().unwrap());
                    json!({ "channel": transport, "event": "e", "data": 0, "id": id })
                })
                .collect();
            call(
                &node,
                Method::POST,
                "/v1/namespaces/dropcodes/batch",
                Some(json!(batch)),
            )
            .await;
        }
        let options = Options::new(key["key"].as_str().unwrap()).transports(&[transport]);
        let mut client = Client::connect(&url(&node), &options);
        let mut shown = client.messages(500).await;
        assert!(shown.is_sorted(), "{transport}: in order");
        shown.dedup();
        assert_eq!(shown.len(), 500, "{transport}: each once");
    }
    assert_eq!(node.handler().context.metrics.redeliveries.get(), 0);
}

#[tokio::test]
async fn sockets_of_one_key_may_all_acknowledge() {
    let node = node("a", Faulty::new(), Tuning::default()).await;
    let key = key(&node).await;
    let mut clients: Vec<_> = (0..3)
        .map(|_| Client::connect(&url(&node), &Options::new(&key)))
        .collect();
    for client in &mut clients {
        client.wait_for("connected").await;
    }
    // More than a client may send beside acknowledgements; few enough at once for every window.
    for group in 0..12 {
        for n in 0..5 {
            publish(&node, &format!("{group}-{n}"), 0).await;
        }
        for client in &mut clients {
            while client.messages(1).await != [format!("{group}-4")] {}
        }
    }
    let metrics = &node.handler().context.metrics;
    assert_eq!(
        (
            metrics.stray_acknowledgements.get(),
            metrics.redeliveries.get()
        ),
        (0, 0)
    );
    let noisy = server::metrics::Reason {
        reason: "noisy_client",
    };
    assert_eq!(metrics.refusals.get_or_create(&noisy).get(), 0);
}
