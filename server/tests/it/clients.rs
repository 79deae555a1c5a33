//! Every official client, on every transport, gets what is meant for it: in order, once, without
//! delay.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client_matrix::Way;
use crate::harness::{Client, Server, eventually};

#[tokio::test]
async fn every_client_does_the_whole_round() {
    let server = Server::start(&[]).await;
    let ways = Way::all();
    let clients = join_all(ways.iter().map(|way| round(&server, *way))).await;
    for way in &ways {
        let (transport, protocol) = (way.transport(), way.protocol());
        let expected = ways
            .iter()
            .filter(|w| w.transport() == transport && w.protocol() == protocol)
            .count();
        let gauge = format!(
            r#"holdfast_sockets{{transport="{transport}",protocol="{protocol}",namespace="dropcodes"}}"#
        );
        eventually(&gauge, async || {
            (server.metric(&gauge).await == expected as f64).then_some(())
        })
        .await;
    }
    drop(clients);
    assert_all_went_well(&server).await;
}

#[tokio::test]
async fn python_socketio_4_does_the_whole_round() {
    let server = Server::start(&[]).await;
    let clients = join_all(Way::python4().map(|way| round(&server, way))).await;
    drop(clients);
    assert_all_went_well(&server).await;
}

/// Waiting, immediate and scheduled messages; each is acknowledged. Returns the client, still
/// connected.
async fn round(server: &Server, way: Way) -> Client {
    let channel = way.name();
    let (_, key) = server.key(&channel).await;
    let waiting = server
        .publish(
            &channel,
            json!({ "event": "dropcode", "data": { "code": "WAITING" } }),
        )
        .await;
    let mut client = Client::start(server, &way.options(&key));
    client.wait_for("connected").await;
    let got = client.wait_for("message").await;
    assert_eq!(got["event"], "dropcode", "{channel}");
    assert_eq!(got["data"], json!({ "code": "WAITING" }), "{channel}");
    let about = &got["message"];
    for field in ["id", "deliver_at", "expires_at"] {
        assert_eq!(about[field], waiting[field], "{channel}: {field}");
    }
    let expires_in = about["expires_in"].as_u64().unwrap();
    assert!(
        (3_500_000..=3_600_000).contains(&expires_in),
        "{channel}: {expires_in}"
    );

    let mut expected = vec![waiting];
    for body in [
        json!({ "event": "say", "data": ["ünïcode ☃", null, 1.5, { "a": [] }] }),
        json!({ "event": "say", "data": "later", "deliver_in": 200 }),
    ] {
        let published = server.publish(&channel, body.clone()).await;
        let got = client.wait_for("message").await;
        assert_eq!(got["message"]["id"], published["id"], "{channel}");
        assert_eq!(got["data"], body["data"], "{channel}");
        assert_eq!(got["message"]["redelivered"], false, "{channel}");
        expected.push(published);
    }
    for message in expected {
        acknowledged(server, &channel, message["id"].as_str().unwrap()).await;
    }
    client
}

#[tokio::test]
async fn what_waits_arrives_through_the_upgrade() {
    let server = Server::start(&[]).await;
    let backlogs: [(&str, &[usize]); 3] = [
        ("three", &[500; 3]),
        ("six", &[500; 6]),
        ("large", &[3000, 10]),
    ];
    let cases = Way::upgrades()
        .into_iter()
        .flat_map(|way| backlogs.map(|(name, sizes)| (way, name, sizes)));
    join_all(cases.map(async |(way, name, sizes)| {
        let channel = format!("{}-{name}", way.name());
        let (_, key) = server.key(&channel).await;
        let mut expected = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let id = format!("{index}");
            let body = json!({ "event": "e", "data": "x".repeat(*size), "id": id });
            server.publish(&channel, body).await;
            expected.push(id);
        }
        let mut client = Client::start(&server, &way.options(&key));
        let got = in_order(way, client.messages(expected.len()).await);
        assert_eq!(got, expected, "{channel}: once each, in order");
        for id in &expected {
            acknowledged(&server, &channel, id).await;
        }
    }))
    .await;
    // The repair of what an upgrade loses would come after 15 s, and be counted.
    assert_all_went_well(&server).await;
}

#[tokio::test]
async fn a_long_backlog_arrives_whole() {
    let server = Server::start(&[]).await;
    join_all(Way::transports().into_iter().map(async |way| {
        let channel = way.name();
        let (_, key) = server.key(&channel).await;
        // Ids as long as they may be: protocol 4 sends all acknowledgements in one body of
        // MAX_PAYLOAD.
        let ids: Vec<String> = (0..500)
            .map(|n| format!("{n:03}{}", "i".repeat(125)))
            .collect();
        for part in ids.chunks(100) {
            let batch: Vec<Value> = part
                .iter()
                .map(|id| json!({ "channel": channel, "event": "e", "data": {}, "id": id }))
                .collect();
            let path = "/v1/namespaces/dropcodes/batch";
            let (status, answer) = server.call(Method::POST, path, Some(json!(batch))).await;
            assert_eq!(status, 200, "{answer}");
        }
        let mut client = Client::start(&server, &way.options(&key));
        let got = in_order(way, client.messages(ids.len()).await);
        let wrong = got.iter().zip(&ids).find(|(got, id)| got != id);
        assert_eq!(wrong, None, "{channel}: once each, in order");
        acknowledged(&server, &channel, ids.last().unwrap()).await;
    }))
    .await;
    let total = (Way::transports().len() * 500) as f64;
    let acknowledged = r#"holdfast_messages_total{state="acknowledged"}"#;
    assert_eq!(server.metric(acknowledged).await, total);
    assert_all_went_well(&server).await;
}

/// python-socketio calls each handler in a thread of its own, in any order: its ids are sorted,
/// which is the order that they were published in.
fn in_order(way: Way, mut ids: Vec<String>) -> Vec<String> {
    if way.library == "python" {
        ids.sort();
    }
    ids
}

async fn acknowledged(server: &Server, channel: &str, id: &str) {
    server.becomes(channel, id, "acknowledged").await;
}

/// Nothing was shown twice, and nobody was taken for slow or sloppy.
async fn assert_all_went_well(server: &Server) {
    for metric in [
        "redeliveries",
        "slow_readers",
        "stray_acknowledgements",
        "given_up",
    ] {
        let name = format!("holdfast_{metric}_total");
        assert_eq!(server.metric(&name).await, 0.0, "{name}");
    }
}
