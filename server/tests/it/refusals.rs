//! Who may not come in, and how each client is told: 401 before a session exists, then
//! `connect_error`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client_matrix::Way;
use crate::harness::{BACKEND_KEY, Client, Options, Server, eventually};
use crate::raw::{self, Polling, WebSocket};

/// Longer than any client here waits before it tries again.
const LONG_ENOUGH: Duration = Duration::from_millis(1500);

/// A key that was never issued.
const WRONG: &str = "hfk_01ARZ3NDEKTSV4RRFFQ69G5FAV_bm90LWEta2V5LW9mLXRoaXMtc2VydmVyLWF0LWFsbA";

/// Keys that open nothing: never issued, malformed, revoked, expired.
async fn bad_keys(server: &Server) -> Vec<String> {
    let (id, revoked) = server.key("c").await;
    server.revoke(&id).await;
    let (_, expired) = server.expiring_key("c", Duration::from_millis(300)).await;
    eventually("the key expires", async || {
        let answer = raw::handshake(server, 4, "polling", Some(&expired))
            .send()
            .await;
        (answer.unwrap().status() == 401).then_some(())
    })
    .await;
    vec![WRONG.into(), "x".into(), revoked, expired]
}

#[tokio::test]
async fn definite_refusals_are_connect_errors_with_a_code() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let donations = json!({ "channel": "c", "namespaces": ["donations"] });
    let (_, other) = server.call(Method::POST, "/v1/keys", Some(donations)).await;
    let good = Options::new(&key);
    let without = |options: Options| Options {
        auth: None,
        ..options
    };
    let mut cases = vec![
        (good.clone().namespace("/nowhere"), "invalid_namespace"),
        (without(good.clone()), "missing_key"),
        (Options::new(other["key"].as_str().unwrap()), "forbidden"),
    ];
    for bad in bad_keys(&server).await {
        let both = Options {
            header: Some(key.clone()),
            ..Options::new(&bad)
        };
        cases.push((Options::new(&bad), "invalid_key"));
        // Where both are given, auth counts.
        cases.push((both, "invalid_key"));
    }
    let libraries = ["v4", "v3", "python"];
    join_all(
        cases
            .iter()
            .enumerate()
            .map(async |(index, (options, code))| {
                let options = options.clone().library(libraries[index % 3]);
                let transports: &[_] = if index % 2 == 0 {
                    &["websocket"]
                } else {
                    &["polling"]
                };
                let mut client = Client::start(&server, &options.clone().transports(transports));
                let error = client.wait_for("connect_error").await;
                assert_eq!(error["data"]["code"], *code, "{options:?}: {error}");
                assert!(!error["message"].as_str().unwrap().is_empty());
            }),
    )
    .await;
    for (code, count) in [
        ("invalid_namespace", 1.0),
        ("missing_key", 1.0),
        ("forbidden", 1.0),
    ] {
        let metric = format!(r#"holdfast_refusals_total{{reason="{code}"}}"#);
        assert_eq!(server.metric(&metric).await, count, "{code}");
    }
}

#[tokio::test]
async fn protocol_4_is_told_in_words() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let good = Options::new(&key).library("v2").by_header();
    let query = format!("/dropcodes?key={key}");
    for (namespace, transport) in [
        ("/nowhere", "websocket"),
        ("/nowhere", "polling"),
        (query.as_str(), "websocket"),
    ] {
        let options = good.clone().namespace(namespace).transports(&[transport]);
        let mut client = Client::start(&server, &options);
        let error = client.wait_for("connect_error").await;
        assert_eq!(error["message"], "Invalid namespace", "{namespace}");
    }
    assert_no_secret_in_log(&server, &[&key]);
}

#[tokio::test]
async fn a_bad_header_is_401_before_a_session_exists() {
    let origin = "https://plugins.example";
    let server = Server::start(&[("CORS_ORIGINS", origin), ("NODE_ID", "node-7")]).await;
    let mut headers: Vec<String> = bad_keys(&server)
        .await
        .iter()
        .map(|key| format!("ApiKey {key}"))
        .collect();
    headers.extend(["", "ApiKey", "Bearer x", BACKEND_KEY].map(str::to_owned));
    headers.push(format!("ApiKey {BACKEND_KEY}"));
    let before = server.metric("holdfast_sessions").await;
    for engine in [4, 3] {
        for header in headers
            .iter()
            .map(Some)
            .chain((engine == 3).then_some(None))
        {
            for transport in ["polling", "websocket"] {
                let mut request =
                    raw::handshake(&server, engine, transport, None).header("origin", origin);
                if let Some(header) = header {
                    request = request.header("authorization", header);
                }
                if transport == "websocket" {
                    request = request
                        .header("connection", "upgrade")
                        .header("upgrade", "websocket")
                        .header("sec-websocket-version", "13")
                        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
                }
                let answer = request.send().await.unwrap();
                let case = format!("{engine} {header:?} {transport}");
                assert_eq!(answer.status(), 401, "{case}");
                let value = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
                assert_eq!(value("content-type"), "application/problem+json", "{case}");
                assert_eq!(value("x-node-id"), "node-7", "{case}");
                assert_eq!(value("access-control-allow-origin"), origin, "{case}");
                assert_eq!(value("access-control-allow-credentials"), "true", "{case}");
                let problem: Value = answer.json().await.unwrap();
                assert!(!problem["detail"].as_str().unwrap().is_empty(), "{case}");
            }
        }
    }
    assert_eq!(server.metric("holdfast_sessions").await, before);
}

#[tokio::test]
async fn clients_see_the_401() {
    let server = Server::start(&[]).await;
    join_all(
        Way::all()
            .into_iter()
            .filter(|way| way.by_header)
            .map(async |way| {
                let mut client = Client::start(&server, &way.options(WRONG));
                let error = client.wait_for("connect_error").await;
                assert_eq!(error["data"]["code"], Value::Null, "{error}");
                // python-socketio does not tell the status of a WebSocket's refusal.
                if way.library != "python" {
                    assert!(error.to_string().contains("401"), "{}: {error}", way.name());
                }
            }),
    )
    .await;
    assert_eq!(server.metric("holdfast_sessions").await, 0.0);
    assert_no_secret_in_log(&server, &[WRONG]);
}

#[tokio::test]
async fn auth_counts_where_a_header_is_given_too() {
    let server = Server::start(&[]).await;
    let ((_, by_header), (_, by_auth)) = (server.key("header").await, server.key("auth").await);
    let options = Options {
        header: Some(by_header.clone()),
        ..Options::new(&by_auth)
    };
    let message = json!({ "event": "e", "data": null });
    let expected = server.publish("auth", message.clone()).await;
    server.publish("header", message).await;
    let mut client = Client::start(&server, &options);
    assert_eq!(client.messages(1).await, [expected["id"].as_str().unwrap()]);
    assert_no_secret_in_log(&server, &[&by_header, &by_auth]);
}

#[tokio::test]
async fn a_revoked_key_ends_its_sockets_for_good() {
    let server = Server::start(&[]).await;
    let (id, key) = server.key("c").await;
    let mut clients = connected(&server, &key).await;
    let revoked = now();
    server.revoke(&id).await;
    gone_for_good(&mut clients, revoked).await;
}

/// In the upgrade the packet that says so may be lost; seldom, so there are many.
#[tokio::test]
async fn a_key_revoked_during_the_upgrade_leaves_no_client_in_the_dark() {
    let server = Server::start(&[]).await;
    join_all((0..24).map(async |_| {
        let (id, key) = server.key("c").await;
        let mut client = Client::start(&server, &Options::new(&key));
        client.wait_for("connected").await;
        server.revoke(&id).await;
        client.wait_for("disconnected").await;
    }))
    .await;
}

/// On a slow network an upgrade takes seconds. Whoever is sent away in the middle of one is told at
/// its end.
#[tokio::test]
async fn a_key_revoked_in_the_middle_of_a_slow_upgrade_is_told_at_its_end() {
    const ROUND_TRIP: Duration = Duration::from_secs(2);
    let server = Server::start(&[]).await;
    let (id, key) = server.key("c").await;
    let session = Polling::join(&server, &key).await;
    let mut upgraded = WebSocket::upgrade(&server, &session).await;
    server.revoke(&id).await;
    eventually("the socket is dismissed", async || {
        let left = r#"holdfast_disconnects_total{reason="key_ended"}"#;
        (server.metric(left).await == 1.0).then_some(())
    })
    .await;
    tokio::time::sleep(ROUND_TRIP).await;
    upgraded.send("5").await;
    assert_eq!(upgraded.next().await.as_deref(), Some("41/dropcodes,"));
    upgraded.ended().await;
}

/// Between two polls nothing reaches a client: the next one tells it.
#[tokio::test]
async fn a_key_revoked_between_two_polls_is_told_by_the_next() {
    let server = Server::start(&[]).await;
    let (id, key) = server.key("c").await;
    let session = Polling::join(&server, &key).await;
    // The engine's first ping comes at once; without it, the poll below finds the farewell or waits
    // for it.
    server.revoke(&id).await;
    assert_eq!(session.poll().await, "41/dropcodes,");
    eventually("the session is closed", async || {
        (server.metric("holdfast_sessions").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_expiring_key_ends_its_sockets_at_its_time() {
    let server = Server::start(&[]).await;
    // Every client library has to be connected by then, on a busy machine too.
    let left = Duration::from_secs(40);
    let end = now() + left.as_millis() as u64;
    let (_, key) = server.expiring_key("c", left).await;
    let mut clients = connected(&server, &key).await;
    assert!(now() < end, "the machine is too slow for this test");
    gone_for_good(&mut clients, end).await;
}

/// A client of each kind that is connected with `key`.
async fn connected(server: &Server, key: &str) -> Vec<Client> {
    let ways = Way::transports();
    join_all(ways.iter().map(async |way| {
        let mut client = Client::start(server, &way.options(key));
        client.wait_for("connected").await;
        client
    }))
    .await
}

/// Each client is disconnected soon after `since`, and does not come back.
async fn gone_for_good(clients: &mut [Client], since: u64) {
    join_all(clients.iter_mut().map(async |client| {
        let event = client.wait_for("disconnected").await;
        let at = event["at"].as_u64().unwrap();
        assert!(
            (since..since + 10_000).contains(&at),
            "{event} since {since}"
        );
        client.stays_without("connected", LONG_ENOUGH).await;
    }))
    .await;
}

fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    elapsed.as_millis() as u64
}

#[tokio::test]
async fn who_joins_nothing_is_closed() {
    let server = Server::start(&[("JOIN_TIMEOUT", "300ms")]).await;
    let (_, key) = server.key("c").await;
    for (engine, key) in [(4, None), (4, Some(&*key)), (3, Some(&*key))] {
        let mut socket = WebSocket::open(&server, engine, key).await;
        socket.ended().await;
        let polling = Polling::open(&server, engine, key).await;
        let mut said = String::new();
        // Protocol 4 is told of its root namespace first; the close packet is 1.
        while !(said.ends_with('1') || said.contains("Session ID unknown")) {
            said = polling.poll().await;
        }
    }
    // One that never asks for anything.
    let silent = Polling::open(&server, 4, None).await;
    eventually("every session is closed", async || {
        (server.metric("holdfast_sessions").await == 0.0).then_some(())
    })
    .await;
    let metric = r#"holdfast_refusals_total{reason="join_timeout"}"#;
    assert_eq!(server.metric(metric).await, 7.0);
    assert_eq!(silent.post("40/dropcodes,").await.status(), 400);
}

#[tokio::test]
async fn every_answer_names_the_node_and_allows_the_origin() {
    let origin = "https://plugins.example";
    let server = Server::start(&[("CORS_ORIGINS", origin), ("NODE_ID", "node-7")]).await;
    let http = reqwest::Client::new();
    for (method, path, status) in [
        (Method::GET, "/healthcheck", 200),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/healthcheck", 405),
        (Method::GET, "/v1/keys", 401),
        (Method::GET, "/websockets/?EIO=4&transport=polling", 200),
        (Method::GET, "/websockets/?EIO=9&transport=polling", 400),
        (
            Method::GET,
            "/websockets/?EIO=4&transport=polling&sid=nope",
            400,
        ),
        (Method::GET, "/websockets/", 400),
    ] {
        let url = format!("http://{}{path}", server.address);
        let request = http.request(method, url).header("origin", origin);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["x-node-id"], "node-7", "{path}");
        assert_eq!(
            answer.headers()["access-control-allow-origin"],
            origin,
            "{path}"
        );
    }
    let url = format!("http://{}/healthcheck", server.address);
    let other = http.get(url).header("origin", "https://else.example");
    let answer = other.send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

/// The part of a key after its id is the secret.
fn assert_no_secret_in_log(server: &Server, keys: &[&str]) {
    let log = Value::from(server.log()).to_string();
    for key in keys {
        let secret = key.splitn(3, '_').last().unwrap();
        assert!(secret.len() > 20 && !log.contains(secret), "{log}");
    }
    assert!(!log.contains(BACKEND_KEY));
}
