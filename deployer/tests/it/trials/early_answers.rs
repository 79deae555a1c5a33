//! Requests that a server refuses by their head alone: the balancer is still sending the body then,
//! and must not answer 502 in the server's name. Nor may they look like a broken release: an alarm
//! that rolls deployments back counts errors in the log and targets that are unhealthy.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::participants::PATIENCE;
use crate::running::{Up, directory};

/// Requests of each kind.
const ROUNDS: usize = 20;
/// Bytes of a body, in chunks of one kilobyte.
const KILOBYTES: usize = 40;

#[tokio::test]
async fn bodies_that_nobody_wants_make_no_502() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.wait_for("ready").await;
    let url = ready["url"].as_str().unwrap();
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    for (head, expected) in [
        ("POST /v1/keys", 401),
        ("POST /v1/namespaces/dropcodes/batch", 401),
        ("POST /healthcheck", 405),
        ("PUT /openapi.json", 405),
        ("POST /nowhere", 404),
        ("POST /websockets/?EIO=4&transport=polling&sid=unknown", 400),
        ("POST /websockets/?EIO=4&transport=polling", 400),
    ] {
        for round in 0..ROUNDS {
            let status = post(address, head, round % 2 == 0).await;
            assert_eq!(status, expected, "{head}, request {round}");
        }
    }
    up.signal("INT");
    let (_, said) = up.ended().await;
    assert!(said.contains("is healthy"), "the log is looked at: {said}");
    assert!(
        !said.contains("ERROR") && !said.contains("unhealthy"),
        "{said}"
    );
}

/// Sends a body that nobody has asked for, chunked or with its length, and returns the answer's
/// status.
async fn post(address: SocketAddr, head: &str, chunked: bool) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let framing = match chunked {
        true => "transfer-encoding: chunked".to_owned(),
        false => format!("content-length: {}", KILOBYTES * 1024),
    };
    let head = format!("{head} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let kilobyte = "x".repeat(1024);
    for _ in 0..KILOBYTES {
        let part = match chunked {
            true => format!("400\r\n{kilobyte}\r\n"),
            false => kilobyte.clone(),
        };
        // A balancer that has answered already may have closed: its answer counts.
        if stream.write_all(part.as_bytes()).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    if chunked {
        let _ = stream.write_all(b"0\r\n\r\n").await;
    }
    let mut answer = [0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("it is answered in time").unwrap();
    let status = std::str::from_utf8(&answer[9..]).unwrap();
    status.parse().unwrap()
}
