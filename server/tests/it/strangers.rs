//! Requests that come where they do not belong: to a node without their session, or from pages of
//! other origins.

use reqwest::StatusCode;

use crate::harness::{Server, eventually};
use crate::redis::Redis;

/// How many log lines begin like this.
fn lines(server: &Server, start: &str) -> usize {
    let log = server.log();
    let lines = log.iter().filter_map(|line| line["message"].as_str());
    lines.filter(|line| line.starts_with(start)).count()
}

#[tokio::test]
async fn an_unknown_session_is_told_with_its_likely_cause() {
    let redis = Redis::start().await;
    let server = Server::start(&[("STORE", &redis.url())]).await;
    let http = reqwest::Client::new();
    let url = format!(
        "http://{}/websockets/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
        server.address
    );
    for _ in 0..5 {
        let answer = http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let body = answer.text().await.unwrap();
        assert!(body.contains("Session ID unknown"), "{body}");
    }
    let cause = "unknown session: the request carries no cookie";
    eventually("it is logged", async || {
        (lines(&server, cause) > 0).then_some(())
    })
    .await;
    let counted = "holdfast_polling_without_cookie_total";
    assert_eq!(server.metric(counted).await, 5.0);
    let answer = http
        .get(&url)
        .header("cookie", "AWSALB=x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let gone = "unknown session: it has ended, or its node has gone";
    eventually("it is logged", async || {
        (lines(&server, gone) > 0).then_some(())
    })
    .await;
    assert_eq!(server.metric(counted).await, 5.0, "it carried a cookie");
    assert_eq!(lines(&server, cause), 1, "one line in ten seconds");
}

/// How a WebSocket handshake with this origin is answered.
async fn handshake(server: &Server, origin: Option<&str>) -> StatusCode {
    let url = format!(
        "http://{}/websockets/?EIO=4&transport=websocket",
        server.address
    );
    let mut request = reqwest::Client::new()
        .get(url)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect_by_websocket() {
    let page = "https://overlay.example.com";
    let server = Server::start(&[("CORS_ORIGINS", page)]).await;
    let own = format!("http://{}", server.address);
    for origin in [None, Some(page), Some(&own)] {
        let status = handshake(&server, origin).await;
        assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS, "{origin:?}");
    }
    for origin in ["https://evil.example.com", "null", "file://"] {
        assert_eq!(
            handshake(&server, Some(origin)).await,
            StatusCode::FORBIDDEN,
            "{origin}"
        );
    }
    let told = "a page of this origin may not connect";
    eventually("it is logged", async || {
        (lines(&server, told) == 1).then_some(())
    })
    .await;
    let refused = r#"holdfast_refusals_total{reason="other_origin"}"#;
    assert_eq!(server.metric(refused).await, 3.0);
    // Without the setting nothing is known of pages.
    let open = Server::start(&[]).await;
    let status = handshake(&open, Some("https://anybody.example.com")).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
}
