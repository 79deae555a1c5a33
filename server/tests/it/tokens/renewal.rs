//! What changes while clients stay: the end of a token, of a stored key, and the key set.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::signer::{Signer, claims};
use super::{LONG, becomes, server};
use crate::harness::{Client, Options, Server, eventually, free_port};
use crate::raw::WebSocket;

/// Long enough for clients to connect and to ask on a machine that is busy.
const SHORT: f64 = 8.0;

async fn refresh(client: &mut Client, token: &str) -> String {
    client
        .tell(json!({ "do": "ask", "arguments": ["refresh", token] }))
        .await;
    let answer = client.wait_for("answer").await;
    answer["answer"].as_str().unwrap().to_owned()
}

/// Waits for a message; panics if the client had to connect again.
async fn gets_without_reconnect(client: &mut Client, id: &str) {
    loop {
        let event = client.next().await;
        match event["type"].as_str() {
            Some("message") => return assert_eq!(event["message"]["id"], id),
            Some("disconnected" | "connected") => panic!("{event}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_token_ends_its_socket_unless_a_newer_one_comes_on_it() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let short = signer
        .sign("ours", "EdDSA", claims("stays", "c", SHORT))
        .await;
    let mut stays = Client::start(&server, &Options::new(&short));
    stays.wait_for("connected").await;
    let newer = signer
        .sign("ours", "ES256", claims("stays", "c", LONG))
        .await;
    assert_eq!(refresh(&mut stays, &newer).await, "refreshed");
    // It connects later, and is to go later.
    let short = signer
        .sign("ours", "EdDSA", claims("goes", "c", SHORT))
        .await;
    let mut goes = Client::start(&server, &Options::new(&short));
    goes.wait_for("connected").await;
    let gone = goes.wait_for("disconnected").await;
    assert_eq!(gone["reason"], "io server disconnect");
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    gets_without_reconnect(&mut stays, "m").await;
}

/// The answer to the first may come when the second has joined.
#[tokio::test]
async fn what_refreshes_one_socket_does_not_prolong_the_next() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let long = signer.sign("ours", "EdDSA", claims("p", "c", LONG)).await;
    let short = signer.sign("ours", "EdDSA", claims("q", "c", 4.0)).await;
    let mut sockets = Vec::new();
    for _ in 0..30 {
        let mut socket = WebSocket::join(&server, &long).await;
        let refresh = format!(r#"42/dropcodes,["refresh","{long}"]"#);
        let join = format!(r#"40/dropcodes,{{"key":"{short}"}}"#);
        socket
            .send_at_once(&[&refresh, "41/dropcodes,", &join])
            .await;
        sockets.push(socket);
    }
    for mut socket in sockets {
        while socket
            .next()
            .await
            .is_some_and(|said| said != "41/dropcodes,")
        {}
    }
}

#[tokio::test]
async fn only_the_same_key_refreshes_a_socket() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let token = signer.sign("ours", "EdDSA", claims("p", "c", LONG)).await;
    let mut client = Client::start(&server, &Options::new(&token));
    client.wait_for("connected").await;
    let mut closed = claims("p", "c", LONG);
    closed["namespaces"] = json!(["donations"]);
    for (other, outcome) in [
        (
            signer.sign("ours", "EdDSA", claims("q", "c", LONG)).await,
            "forbidden",
        ),
        (
            signer.sign("ours", "EdDSA", claims("p", "d", LONG)).await,
            "forbidden",
        ),
        (signer.sign("ours", "EdDSA", closed).await, "forbidden"),
        (
            signer.sign("theirs", "EdDSA", claims("p", "c", LONG)).await,
            "invalid_key",
        ),
        ("nothing".to_owned(), "invalid_key"),
    ] {
        assert_eq!(refresh(&mut client, &other).await, outcome);
    }
    assert_eq!(refresh(&mut client, &token).await, "refreshed");
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    assert_eq!(client.messages(1).await, ["m"]);
}

#[tokio::test]
async fn a_backend_prolongs_a_key_whose_sockets_stay() {
    let server = Server::start(&[]).await;
    let id = |last: char| format!("01K0ZQ4M9V3D5T7W8X2Y6B1C4{last}");
    let issue = async |id: &str, ttl: f64, status: u16| {
        let body = json!({ "id": id, "channel": "c", "namespaces": ["dropcodes"],
            "ttl": (ttl * 1000.0) as u64 });
        let (got, key) = server
            .call(reqwest::Method::POST, "/v1/keys", Some(body))
            .await;
        assert_eq!(got, status, "{key}");
        key
    };
    let text = |key: &Value| key["key"].as_str().unwrap().to_owned();
    let short = issue(&id('A'), SHORT, 201).await;
    let mut stays = Client::start(&server, &Options::new(&text(&short)));
    stays.wait_for("connected").await;
    let longer = issue(&id('A'), LONG, 200).await;
    assert_eq!(longer["key"], short["key"]);
    assert_eq!(longer["created_at"], short["created_at"]);
    assert!(longer["expires_at"].as_str() > short["expires_at"].as_str());
    // An older request that comes late does not end it.
    let late = issue(&id('A'), SHORT, 200).await;
    assert_eq!(late["expires_at"], longer["expires_at"]);
    let other = issue(&id('B'), SHORT, 201).await;
    let mut goes = Client::start(&server, &Options::new(&text(&other)));
    goes.wait_for("connected").await;
    goes.wait_for("disconnected").await;
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    gets_without_reconnect(&mut stays, "m").await;
}

#[tokio::test]
async fn the_file_of_the_key_set_is_read_again() {
    let mut signer = Signer::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, signer.set(&["old"]).await).unwrap();
    let server = Server::start(&[("PLUGIN_TOKEN_KEYS_FILE", path)]).await;
    let old = signer.sign("old", "EdDSA", claims("p", "c", LONG)).await;
    let new = signer.sign("new", "EdDSA", claims("p", "c", LONG)).await;
    becomes(&server, &old, 200).await;
    becomes(&server, &new, 401).await;
    std::fs::write(path, signer.set(&["old", "new"]).await).unwrap();
    server.signal("HUP");
    becomes(&server, &new, 200).await;
    becomes(&server, &old, 200).await;
    // By itself, within some seconds. What is wrong changes nothing.
    std::fs::write(path, "nothing").unwrap();
    eventually("the mistake is told", async || {
        let log = server.log();
        let told = |line: &Value| {
            line["mistake"]
                .as_str()?
                .starts_with("is no key set")
                .then_some(())
        };
        log.iter().find_map(told)
    })
    .await;
    becomes(&server, &old, 200).await;
    std::fs::write(path, signer.set(&["new"]).await).unwrap();
    server.signal("HUP");
    becomes(&server, &old, 401).await;
    becomes(&server, &new, 200).await;
}

#[tokio::test]
async fn a_key_set_behind_a_url_may_come_later_than_the_server() {
    let mut signer = Signer::start();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/jwks.json");
    let server = Server::start(&[("PLUGIN_TOKEN_KEYS_URL", &url)]).await;
    let token = signer.sign("one", "EdDSA", claims("p", "c", LONG)).await;
    // Nothing is known of it yet: a plugin comes back.
    becomes(&server, &token, 503).await;
    let set = Arc::new(Mutex::new(signer.set(&["one"]).await));
    let (shown, asked) = (set.clone(), Arc::new(AtomicUsize::new(0)));
    // At first who has it answers with a page: that is asked for again soon.
    let answer = move || {
        let set = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => "<h1>starting</h1>".to_owned(),
            _ => shown.lock().unwrap().clone(),
        };
        async move { (StatusCode::OK, set) }
    };
    let router = Router::new().route("/jwks.json", get(answer));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    becomes(&server, &token, 200).await;
    let other = signer.sign("two", "EdDSA", claims("p", "c", LONG)).await;
    becomes(&server, &other, 401).await;
    *set.lock().unwrap() = signer.set(&["two"]).await;
    server.signal("HUP");
    becomes(&server, &other, 200).await;
    becomes(&server, &token, 401).await;
}
