//! Bounds of size and number, and what lies on each side of them.

use crate::harness::eventually;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn sizes_are_bounded() {
    let server = Server::start(&[("MAX_MESSAGE", "1000")]).await;
    let body = |bytes: usize| json!({ "event": "drop", "data": "x".repeat(bytes - 2) });
    assert_eq!(post(&server, MESSAGES, body(1000)).await.status, 202);
    let large = post(&server, MESSAGES, body(1001)).await;
    assert_eq!(large.status, 413);
    assert!(
        large.text.contains("1001 bytes; 1000 at most"),
        "{}",
        large.text
    );
    let answers = post(
        &server,
        BATCH,
        json!([{ "channel": "c", "event": "drop", "data": "x".repeat(999) }]),
    )
    .await;
    assert_eq!(
        (answers.status, &answers.json()[0]["status"]),
        (200, &json!(413))
    );
    // The client finds an answer, though it sends far more than is read.
    for path in [MESSAGES, EVERYONE, BATCH, "/v1/keys"] {
        assert_eq!(
            post(&server, path, body(10 << 20)).await.status,
            413,
            "{path}"
        );
    }
    // One that asks first is told before it has sent anything.
    let mut asks = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let head = format!(
        "POST {MESSAGES} HTTP/1.1\r\nhost: h\r\nauthorization: ApiKey {BACKEND_KEY}\r\ncontent-type: application/json\r\n\
        content-length: 10485760\r\nexpect: 100-continue\r\n\r\n"
    );
    asks.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    asks.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn data_comes_back_byte_for_byte() {
    let server = Server::start(&[]).await;
    let data = r#"{"z":1.10,"a":12345678901234567890123,"e":1E+2,"u":"\u00e9é\ud83d\ude00😀\/", "b" : [ ] ,"z":null}"#;
    let body = format!(r#"{{"id":"m","event":"drop","data":{data}}}"#);
    let accepted = post(&server, MESSAGES, body).await;
    assert_eq!(accepted.status, 202);
    let key = format!("ApiKey {BACKEND_KEY}");
    for path in [MESSAGES.to_owned(), format!("{MESSAGES}/m")] {
        let answer = send(&server, "GET", &path, &[("authorization", &key)], "").await;
        assert!(
            answer.text.contains(&format!(r#""data":{data},"#)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn everyone_has_room_for_a_hundred() {
    let server = Server::start(&[]).await;
    for n in 0..100 {
        let body =
            json!({ "id": format!("m{n}"), "event": "drop", "data": n, "deliver_in": 60000 });
        assert_eq!(post(&server, EVERYONE, body).await.status, 202);
    }
    let body = json!({ "id": "one-more", "event": "drop", "data": 1 });
    let full = post(&server, EVERYONE, &body).await;
    assert_eq!((full.status, &full.json()["id"]), (429, &json!("one-more")));
    let seconds: u32 = full.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds >= 1);
    // Others are not concerned, and a cancelled one makes room.
    assert_eq!(post(&server, MESSAGES, &body).await.status, 202);
    assert_eq!(
        post(&server, &EVERYONE.replace("dropcodes", "donations"), &body)
            .await
            .status,
        202
    );
    assert_eq!(delete(&server, &format!("{EVERYONE}/m0")).await, 204);
    assert_eq!(post(&server, EVERYONE, &body).await.status, 202);
}

#[tokio::test]
async fn a_channel_holds_so_many_bytes() {
    let server = Server::start(&[("MAX_MESSAGE", "1048576")]).await;
    let body = |bytes: usize| json!({ "event": "drop", "data": "x".repeat(bytes - 2) });
    for n in 0..16 {
        let bytes = if n < 15 { 1 << 20 } else { (1 << 20) - 10 };
        let mut message = body(bytes);
        message["id"] = json!(n.to_string());
        // A busy machine may take longer than a publisher is kept waiting: the same request again
        // is safe.
        let status = eventually("it is stored", async || {
            let status = post(&server, MESSAGES, &message).await.status;
            (status != 503).then_some(status)
        })
        .await;
        assert!([200, 202].contains(&status), "{status}");
    }
    let full = post(&server, MESSAGES, body(11)).await;
    assert_eq!(full.status, 429);
    assert!(full.headers.contains_key("retry-after"));
    assert!(full.text.contains("size"), "{}", full.text);
    assert_eq!(post(&server, MESSAGES, body(10)).await.status, 202);
    assert_eq!(
        post(&server, &MESSAGES.replace("/c/", "/d/"), body(11))
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn a_channel_holds_so_many_messages() {
    let server = Server::start(&[]).await;
    let items: Vec<_> = (0..100)
        .map(|n| json!({ "channel": "c", "event": "drop", "data": n, "deliver_in": 60000 }))
        .collect();
    for _ in 0..100 {
        let answers = post(&server, BATCH, Value::from(items.clone()))
            .await
            .json();
        assert!(
            answers
                .as_array()
                .unwrap()
                .iter()
                .all(|answer| answer["status"] == 202)
        );
    }
    assert_eq!(get(&server, CHANNEL).await["messages"]["scheduled"], 10_000);
    let full = post(&server, MESSAGES, json!({ "event": "drop", "data": 1 })).await;
    assert_eq!(full.status, 429);
    assert!(full.text.contains("number"), "{}", full.text);
    let answers = post(
        &server,
        BATCH,
        json!([items[0], { "channel": "d", "event": "drop", "data": 1 }]),
    )
    .await
    .json();
    assert_eq!(
        (&answers[0]["status"], &answers[1]["status"]),
        (&json!(429), &json!(202))
    );
    assert!(answers[0]["error"]["id"].is_string());
}
