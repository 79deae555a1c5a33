//! What the protocols ask of any server: <https://socket.io/docs/v4/engine-io-protocol/> and
//! <https://socket.io/docs/v4/socket-io-protocol/>.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Server, eventually};
use crate::raw::{self, Polling, WebSocket};

#[tokio::test]
async fn every_handshake_announces_what_holds() {
    let settings = [
        ("MAX_PAYLOAD", "2048"),
        ("PING_INTERVAL", "7s"),
        ("PING_TIMEOUT", "9s"),
    ];
    let server = Server::start(&settings).await;
    let (_, key) = server.key("c").await;
    for engine in [4, 3] {
        let polling = Polling::open(&server, engine, Some(&key)).await.handshake;
        let websocket = WebSocket::open(&server, engine, Some(&key)).await.handshake;
        for (open, upgrades) in [(polling, json!(["websocket"])), (websocket, json!([]))] {
            assert_eq!(open["maxPayload"], 2048, "{engine}: {open}");
            assert_eq!(open["pingInterval"], 7000, "{engine}: {open}");
            assert_eq!(open["pingTimeout"], 9000, "{engine}: {open}");
            assert_eq!(open["upgrades"], upgrades, "{engine}: {open}");
        }
    }
}

#[tokio::test]
async fn errors_carry_a_number_as_their_code() {
    let server = Server::start(&[]).await;
    let only_websocket = Server::start(&[("TRANSPORTS", "websocket")]).await;
    let http = reqwest::Client::new();
    let unknown = "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA";
    for (server, method, query, code) in [
        (&server, Method::GET, "EIO=4&transport=pigeon", 0),
        (&server, Method::GET, unknown, 1),
        (&server, Method::POST, unknown, 1),
        (&server, Method::GET, "EIO=4&transport=polling&sid=x", 1),
        (&server, Method::POST, "EIO=4&transport=polling", 2),
        (&only_websocket, Method::GET, "EIO=4&transport=polling", 0),
        (&server, Method::GET, "EIO=4&transport=websocket", 3),
        (&server, Method::GET, "EIO=9&transport=polling", 5),
    ] {
        let url = format!("http://{}/websockets/?{query}", server.address);
        let answer = http.request(method, url).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["code"], code, "{query}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
    }
}

#[tokio::test]
async fn a_polling_client_may_close_its_session() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    for waits in [false, true] {
        let session = Polling::join(&server, &key).await;
        let closes = async {
            let answer = session.post("1").await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.text().await.unwrap(), "ok");
        };
        if waits {
            let poll = async { session.get().await.text().await.unwrap() };
            let (last, ()) = tokio::join!(poll, closes);
            // The engine's first ping, if it is still there; the poll may also come too late.
            let ends = ["6", "2", "2\x1e6", ""].contains(&&*last);
            assert!(ends || last.contains("Session ID unknown"), "{last}");
        } else {
            closes.await;
        }
        eventually("the session has ended", async || {
            (server.metric("holdfast_sessions").await == 0.0).then_some(())
        })
        .await;
        let after = session.get().await;
        assert_eq!(after.status(), 400);
        assert_eq!(after.json::<Value>().await.unwrap()["code"], 1);
    }
    let left = r#"holdfast_disconnects_total{reason="client_left"}"#;
    assert_eq!(server.metric(left).await, 2.0);
}

#[tokio::test]
async fn a_session_whose_client_is_silent_is_unknown_afterwards() {
    let settings = [
        ("PING_INTERVAL", "300ms"),
        ("PING_TIMEOUT", "200ms"),
        ("JOIN_TIMEOUT", "10m"),
    ];
    let server = Server::start(&settings).await;
    let (_, key) = server.key("c").await;
    let joined = Polling::join(&server, &key).await;
    let unjoined = Polling::open(&server, 4, None).await;
    let _websocket = WebSocket::open(&server, 4, None).await;
    eventually("every session has ended", async || {
        (server.metric("holdfast_sessions").await == 0.0).then_some(())
    })
    .await;
    for session in [joined, unjoined] {
        for answer in [session.get().await, session.post("3").await] {
            assert_eq!(answer.status(), 400);
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], 1);
        }
    }
    let reason = r#"holdfast_disconnects_total{reason="heartbeat_timeout"}"#;
    assert_eq!(server.metric(reason).await, 1.0);
}

#[tokio::test]
async fn the_root_namespace_is_open_and_empty() {
    let server = Server::start(&[("JOIN_TIMEOUT", "2s")]).await;
    let (_, key) = server.key("c").await;
    let mut socket = WebSocket::open(&server, 4, None).await;
    socket.send("40").await;
    let joined = socket.next().await.unwrap();
    let reply: Value = serde_json::from_str(joined.strip_prefix("40").unwrap()).unwrap();
    assert!(
        reply["sid"].as_str().is_some_and(|sid| !sid.is_empty()),
        "{joined}"
    );
    // It is no socket, and the time for joining goes on.
    assert_eq!(server.metric("holdfast_connects_total").await, 0.0);
    socket.ended().await;
    let refused = r#"holdfast_refusals_total{reason="join_timeout"}"#;
    assert_eq!(server.metric(refused).await, 1.0);

    // Another namespace may be joined beside it; only that one has messages.
    let mut socket = WebSocket::open(&server, 4, None).await;
    socket.send("40").await;
    assert!(socket.next().await.unwrap().starts_with("40{"));
    socket
        .send(&format!(r#"40/dropcodes,{{"key":"{key}"}}"#))
        .await;
    assert!(socket.next().await.unwrap().starts_with("40/dropcodes,"));
    let message = json!({ "event": "e", "data": 1 });
    server.publish("c", message).await;
    let event = socket.next().await.unwrap();
    assert!(event.starts_with("42/dropcodes,1["), "{event}");
    let session = raw::handshake(&server, 4, "polling", None).send().await;
    assert_eq!(session.unwrap().status(), 200);
}
