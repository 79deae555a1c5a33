//! Polls that wait, on the wire: their connections wait without a request, and nobody can tell.

use std::io::ErrorKind;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{PATIENCE, Server, eventually};
use crate::raw::Polling;

/// One HTTP connection, by hand.
struct Connection {
    stream: TcpStream,
    /// What was read and belongs to the next answer.
    rest: String,
}

impl Connection {
    async fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let rest = String::new();
        Self { stream, rest }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer: its head in lower case, and its body.
    async fn answer(&mut self) -> (String, String) {
        timeout(PATIENCE, self.read_answer()).await.unwrap()
    }

    async fn read_answer(&mut self) -> (String, String) {
        loop {
            if let Some((head, rest)) = self.rest.split_once("\r\n\r\n") {
                let head = head.to_lowercase();
                let length = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "));
                let length: usize = length.unwrap().parse().unwrap();
                if let Some((body, rest)) = rest.split_at_checked(length) {
                    let answer = (head, body.to_owned());
                    self.rest = rest.to_owned();
                    return answer;
                }
            }
            let mut some = [0; 4096];
            let read = self.stream.read(&mut some).await.unwrap();
            assert!(read > 0, "it ends within an answer: {:?}", self.rest);
            self.rest += std::str::from_utf8(&some[..read]).unwrap();
        }
    }

    /// Whether the server has ended the connection.
    async fn is_over(&mut self) {
        let read = timeout(PATIENCE, self.stream.read(&mut [0; 64]))
            .await
            .unwrap();
        let is_over = match &read {
            Ok(read) => *read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        assert!(is_over, "{read:?}");
    }
}

fn poll(session: &Polling, version: &str, headers: &str) -> String {
    let sid = &session.sid;
    format!(
        "GET /websockets/?EIO=4&transport=polling&sid={sid} {version}\r\nhost: x\r\n{headers}\r\n"
    )
}

/// A session that has joined, a connection whose poll waits, and how it was asked.
async fn waiting(server: &Server, version: &str, headers: &str) -> (Polling, Connection) {
    let (_, key) = server.key("c").await;
    let session = Polling::join(server, &key).await;
    let mut connection = Connection::open(server).await;
    connection.send(&poll(&session, version, headers)).await;
    polls_wait(server, 1.0).await;
    (session, connection)
}

async fn polls_wait(server: &Server, number: f64) {
    eventually("so many polls wait", async || {
        let waiting = server.metric("holdfast_polls_waiting").await;
        (waiting == number).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_late_looks_like_any_other() {
    let origin = [("CORS_ORIGINS", "https://plugins.example")];
    let server = Server::start(&origin).await;
    let headers = "origin: https://plugins.example\r\n";
    let (session, mut connection) = waiting(&server, "HTTP/1.1", headers).await;
    server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let (late, body) = connection.answer().await;
    assert!(body.starts_with("42/dropcodes,"), "{body}");
    // One that finds its packet there: what differs is the length and the time.
    let second = json!({ "id": "second", "event": "e", "data": 2 });
    server.publish("c", second).await;
    server.becomes("c", "second", "delivered").await;
    connection.send(&poll(&session, "HTTP/1.1", headers)).await;
    let (at_once, _) = connection.answer().await;
    let names = |head: &str| {
        let mut lines: Vec<_> = head
            .lines()
            .filter(|l| !l.starts_with("date: ") && !l.starts_with("content-length: "))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(names(&late), names(&at_once));
    assert!(
        late.contains("access-control-allow-origin: https://plugins.example"),
        "{late}"
    );
    assert!(late.contains("date: "), "{late}");
}

#[tokio::test]
async fn a_request_that_was_sent_ahead_is_answered_next() {
    let server = Server::start(&[]).await;
    let (_, mut connection) = waiting(&server, "HTTP/1.1", "").await;
    // In two parts, so that the connection reads while it waits, and a header is half there.
    connection.send("GET /healthcheck HTTP/1.1\r\nho").await;
    server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let (_, body) = connection.answer().await;
    assert!(body.starts_with("42/dropcodes,"), "{body}");
    connection
        .send("st: x\r\n\r\nGET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let (health, _) = connection.answer().await;
    assert!(health.starts_with("http/1.1 200"), "{health}");
    let (nothing, _) = connection.answer().await;
    assert!(nothing.starts_with("http/1.1 404"), "{nothing}");
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_order_though_the_last_waits() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let session = Polling::join(&server, &key).await;
    let mut connection = Connection::open(&server).await;
    let health = "GET /healthcheck HTTP/1.1\r\nhost: x\r\n\r\n";
    let both = format!("{health}{}", poll(&session, "HTTP/1.1", ""));
    connection.send(&both).await;
    let (first, _) = connection.answer().await;
    assert!(first.starts_with("http/1.1 200"), "{first}");
    server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let (_, body) = connection.answer().await;
    assert!(body.starts_with("42/dropcodes,"), "{body}");
}

#[tokio::test]
async fn a_connection_that_is_to_close_closes_after_a_late_answer() {
    for (version, headers) in [
        ("HTTP/1.1", "connection: close\r\n"),
        ("HTTP/1.1", "connection: TE, Close\r\n"),
        ("HTTP/1.0", ""),
    ] {
        let server = Server::start(&[]).await;
        let (_session, mut connection) = waiting(&server, version, headers).await;
        server
            .publish("c", json!({ "event": "e", "data": 1 }))
            .await;
        let (_, body) = connection.answer().await;
        assert!(body.starts_with("42/dropcodes,"), "{version}: {body}");
        connection.is_over().await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_its_packets_to_its_next_poll() {
    let server = Server::start(&[]).await;
    let (session, connection) = waiting(&server, "HTTP/1.1", "").await;
    drop(connection);
    polls_wait(&server, 0.0).await;
    server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let packets = timeout(PATIENCE, session.poll()).await.unwrap();
    assert!(packets.starts_with("42/dropcodes,"), "{packets}");
}

#[tokio::test]
async fn a_node_that_leaves_answers_what_waits_and_ends_its_connection() {
    let mut server = Server::start(&[("DRAIN", "1s")]).await;
    let (_session, mut connection) = waiting(&server, "HTTP/1.1", "").await;
    server.signal("TERM");
    let (head, _) = connection.answer().await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    connection.is_over().await;
    assert!(timeout(PATIENCE, server.ended()).await.unwrap().success());
}
