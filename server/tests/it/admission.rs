//! Who is let in: limits by address and key, as clients meet them behind a proxy and without one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client as Http, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{BACKEND_KEY, Client, Options, PATIENCE, Server, eventually, signal};
use crate::raw::{Polling, WebSocket};

/// A server behind one proxy, whose word on addresses counts.
async fn behind_a_proxy(settings: &[(&str, &str)]) -> Server {
    let mut all = vec![("TRUSTED_PROXIES", "1")];
    all.extend(settings);
    Server::start(&all).await
}

/// A handshake from an address that the proxy has seen.
async fn handshake(server: &Server, http: &Http, from: &str, key: Option<&str>) -> Response {
    let url = format!(
        "http://{}/websockets/?EIO=4&transport=polling",
        server.address
    );
    let mut request = http.get(url).header("x-forwarded-for", from);
    if let Some(key) = key {
        request = request.header("authorization", format!("ApiKey {key}"));
    }
    request.send().await.unwrap()
}

fn retry_after(response: &Response) -> u64 {
    let header = &response.headers()["retry-after"];
    header.to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn one_address_has_its_sessions_and_others_have_theirs() {
    let server = behind_a_proxy(&[("CONNECTIONS_PER_ADDRESS", "3")]).await;
    let http = Http::new();
    for _ in 0..3 {
        // What the client itself claims stands further left and does not count.
        let answer = handshake(&server, &http, "6.6.6.6, 203.0.113.1", None).await;
        assert_eq!(answer.status(), 200);
    }
    let refused = handshake(&server, &http, "7.7.7.7, 203.0.113.1", None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(retry_after(&refused), 10);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("CONNECTIONS_PER_ADDRESS"),
        "{problem}"
    );
    let other = handshake(&server, &http, "203.0.113.2", None).await;
    assert_eq!(other.status(), 200);
    let metric = r#"holdfast_refusals_total{reason="address_sessions"}"#;
    assert_eq!(server.metric(metric).await, 1.0);
    assert!(server.metric("holdfast_addresses").await >= 2.0);
}

#[tokio::test]
async fn sessions_that_end_make_room_for_the_next() {
    let settings = [("CONNECTIONS_PER_ADDRESS", "1"), ("JOIN_TIMEOUT", "300ms")];
    let server = behind_a_proxy(&settings).await;
    let http = Http::new();
    let first = handshake(&server, &http, "203.0.113.1", None).await;
    assert_eq!(first.status(), 200);
    eventually("the first session has ended", async || {
        let answer = handshake(&server, &http, "203.0.113.1", None).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn wrong_keys_are_a_ban_for_who_shows_none_that_is_right() {
    let server = behind_a_proxy(&[("FAILED_KEYS_PER_ADDRESS", "3")]).await;
    let http = Http::new();
    let (_, key) = server.key("c").await;
    let guesser = "2001:db8::bad";
    let wrong = format!("hfk_01M83BH0X0DNE489VFYW38GKHD_{}", "x".repeat(43));
    for _ in 0..4 {
        let answer = handshake(&server, &http, guesser, Some(&wrong)).await;
        assert_eq!(answer.status(), 401);
    }
    // Its whole /64 is banned.
    let banned = handshake(&server, &http, "2001:db8::1:2:3:4", None).await;
    assert_eq!(banned.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=10).contains(&retry_after(&banned)));
    let right = handshake(&server, &http, guesser, Some(&key)).await;
    assert_eq!(right.status(), 200);
    let other = handshake(&server, &http, "2001:db8:1::1", None).await;
    assert_eq!(other.status(), 200);
    // A backend at the address is not locked out, who guesses backend keys is.
    let backend = |key: String| {
        let url = format!("http://{}/v1/keys", server.address);
        let request = http.get(url).header("x-forwarded-for", guesser);
        request
            .header("authorization", format!("ApiKey {key}"))
            .send()
    };
    let answer = backend(BACKEND_KEY.to_owned()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = backend("w".repeat(40)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.metric("holdfast_bans_total").await, 1.0);
    assert_eq!(server.metric("holdfast_banned_addresses").await, 1.0);
    let line = eventually("the ban is told", async || {
        let mut log = server.log().into_iter();
        log.find(|line| line["message"].to_string().starts_with("\"banned"))
    })
    .await;
    assert_eq!(line["client"], guesser);
}

#[tokio::test]
async fn a_key_has_so_many_sockets_and_the_next_come_in_when_some_leave() {
    let server = Server::start(&[("SOCKETS_PER_KEY", "2")]).await;
    let (_, key) = server.key("c").await;
    let mut first = WebSocket::join(&server, &key).await;
    let _second = WebSocket::join(&server, &key).await;
    // It is no definite refusal: the connection ends, and a client comes back by itself.
    let mut third = WebSocket::open(&server, 4, None).await;
    third
        .send(&format!(r#"40/dropcodes,{{"key":"{key}"}}"#))
        .await;
    third.ended().await;
    let metric = r#"holdfast_refusals_total{reason="key_sockets"}"#;
    assert_eq!(server.metric(metric).await, 1.0);
    let mut client = Client::start(&server, &Options::new(&key));
    eventually("the client was refused", async || {
        (server.metric(metric).await >= 2.0).then_some(())
    })
    .await;
    first.send("1").await;
    client.wait_for("connected").await;
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    assert_eq!(client.messages(1).await, ["m"]);
}

#[tokio::test]
async fn five_hundred_plugins_behind_one_address_come_in_with_the_defaults() {
    let server = behind_a_proxy(&[]).await;
    let http = &Http::new();
    let server = &server;
    let plugins = join_all((0..500).map(async |number| {
        let (_, key) = server.key(&format!("c{number}")).await;
        // A machine that is busy with other things may ask them to come again, as any node may.
        let answer = eventually("the node keeps up", async || {
            let answer = handshake(server, http, "198.51.100.7", None).await;
            (answer.status() != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status(), 200, "{number}");
        let open = answer.text().await.unwrap();
        let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
        let url = format!(
            "http://{}/websockets/?EIO=4&transport=polling&sid={}",
            server.address,
            open["sid"].as_str().unwrap()
        );
        let ask = |request: reqwest::RequestBuilder| {
            request.header("x-forwarded-for", "198.51.100.7").send()
        };
        let connect = format!(r#"40/dropcodes,{{"key":"{key}"}}"#);
        let sent = ask(http.post(&url).body(connect)).await.unwrap();
        assert_eq!(sent.status(), 200, "{number}");
        // On a slow machine the heartbeat comes first.
        loop {
            let polled = ask(http.get(&url)).await.unwrap().text().await.unwrap();
            if polled.contains("40/dropcodes,") {
                break;
            }
            assert_eq!(polled, "2", "{number}");
            assert_eq!(ask(http.post(&url).body("3")).await.unwrap().status(), 200);
        }
    }))
    .await;
    assert_eq!(plugins.len(), 500);
}

#[tokio::test]
async fn who_takes_every_connection_leaves_room_for_health_checks_and_backends() {
    let server = Server::start(&[("MAX_CONNECTIONS", "100")]).await;
    let mut held = Vec::new();
    for number in 0..100u8 {
        // A hundred addresses, one connection each; silent.
        let socket = TcpSocket::new_v4().unwrap();
        let from = format!("127.0.1.{}:0", number + 1);
        socket.bind(from.parse().unwrap()).unwrap();
        let Ok(mut stream) = socket.connect(server.address).await else {
            break;
        };
        if number < 98 {
            stream.write_all(b"GET /").await.unwrap();
            held.push(stream);
        }
    }
    eventually("the common places are taken", async || {
        (server.metric("holdfast_connections").await == 98.0).then_some(())
    })
    .await;
    let (status, health) = one_request(&server, "GET /healthcheck HTTP/1.1\r\n").await;
    assert_eq!(status, 200, "{health}");
    let authorization = format!("authorization: ApiKey {BACKEND_KEY}\r\n");
    let keys = format!("GET /v1/keys HTTP/1.1\r\n{authorization}");
    assert_eq!(one_request(&server, &keys).await.0, 200);
    let socket = "GET /websockets/?EIO=4&transport=polling HTTP/1.1\r\n";
    let (status, answer) = one_request(&server, socket).await;
    assert_eq!(status, 503, "{answer}");
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    held.clear();
    eventually("a client gets in again", async || {
        (one_request(&server, socket).await.0 == 200).then_some(())
    })
    .await;
}

/// A request on a connection of its own; the connection ends with the answer.
async fn one_request(server: &Server, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("{head}host: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), answer)
}

#[tokio::test]
async fn a_body_is_read_before_it_is_refused() {
    let server = Server::start(&[]).await;
    let polling = Polling::open(&server, 4, None).await;
    let session = format!("/websockets/?EIO=4&transport=polling&sid={}", polling.sid);
    for (path, status) in [
        ("/v1/keys", 401),
        ("/v1/namespaces/dropcodes/batch", 401),
        ("/healthcheck", 405),
        ("/nowhere", 404),
        (session.as_str(), 413),
        ("/websockets/?EIO=4&transport=polling&sid=none", 400),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // 40 KB in chunks that come one after the other: a server that answers early and closes
        // breaks this.
        let mut answer = [0; 12];
        for _ in 0..40 {
            let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
            stream.write_all(chunk.as_bytes()).await.unwrap();
            let early = timeout(Duration::from_millis(2), stream.read(&mut answer)).await;
            assert!(early.is_err(), "{path}: answered before the end: {early:?}");
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        let expected = format!("HTTP/1.1 {status}");
        assert_eq!(String::from_utf8_lossy(&answer), expected, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let server = Server::start(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nsome";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("it is answered in time").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_stop_the_server() {
    let port = crate::harness::free_port();
    let address = format!("127.0.0.1:{port}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
        .env_clear()
        .envs([
            ("BIND", address.as_str()),
            ("ADMIN_BIND", "127.0.0.1:0"),
            ("S2S_KEYS", BACKEND_KEY),
            ("LOG_LEVEL", "trace"),
            ("LOG_LINES_PER_SECOND", "none"),
            ("DRAIN", "5s"),
        ])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The other end of the pipe is open and never read: 64 KiB fit.
    let _unread = child.stderr.take().unwrap();
    let http = Http::builder().timeout(PATIENCE).build().unwrap();
    let health = format!("http://{address}/healthcheck");
    eventually("the server is up", async || {
        http.get(&health).send().await.ok().map(|_| ())
    })
    .await;
    let handshake = format!("http://{address}/websockets/?EIO=4&transport=polling");
    for _ in 0..800 {
        let answer = http.get(&handshake).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let start = Instant::now();
    assert_eq!(http.get(&health).send().await.unwrap().status(), 200);
    assert!(start.elapsed() < PATIENCE);
    signal(child.id().unwrap(), "TERM");
    let ended = timeout(PATIENCE * 2, child.wait()).await;
    assert!(ended.expect("it obeys SIGTERM").unwrap().success());
}

#[tokio::test]
async fn refusals_are_summed_up_in_the_log() {
    let server = behind_a_proxy(&[("HANDSHAKES_PER_ADDRESS", "1"), ("LOG_LEVEL", "info")]).await;
    let http = Http::new();
    for number in 0..60u8 {
        let from = format!("203.0.113.{}", number % 2);
        handshake(&server, &http, &from, None).await;
    }
    let line = eventually("the summary is written", async || {
        let log = server.log();
        log.into_iter()
            .find(|line| line["reason"] == "address_handshakes")
    })
    .await;
    assert_eq!(line["message"], "refused");
    assert_eq!(line["network"], "203.0.113.0/24");
    assert!(line["count"].as_u64().unwrap() >= 30, "{line}");
    let lines = server.log().len();
    assert!(lines < 20, "{lines} lines for sixty requests");
}
