//! Paths and methods that are none, and what needs no key.

use serde_json::json;

use super::*;
use crate::harness::eventually;

#[tokio::test]
async fn paths_and_methods_that_are_none_say_so() {
    let server = Server::start(&[]).await;
    let key = format!("ApiKey {BACKEND_KEY}");
    let auth = [("authorization", key.as_str())];
    for path in [
        "/",
        "/v2/keys",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/keys/",
        "/v1/namespaces/dropcodes",
        "/healthcheck/",
        "/metrics",
    ] {
        assert_eq!(
            send(&server, "GET", path, &auth, "").await.status,
            404,
            "{path}"
        );
    }
    for (method, path, allowed) in [
        ("PUT", MESSAGES, "GET,HEAD,POST"),
        ("PATCH", "/v1/keys", "GET,HEAD,POST"),
        ("GET", BATCH, "POST"),
        ("PUT", "/v1/keys/x", "DELETE,GET,HEAD"),
        ("OPTIONS", CHANNEL, "GET,HEAD"),
        ("POST", "/healthcheck", "GET,HEAD"),
        ("BREW", "/openapi.json", "GET,HEAD"),
    ] {
        let answer = send(&server, method, path, &auth, "").await;
        let mut allow: Vec<_> = answer.headers["allow"]
            .to_str()
            .unwrap()
            .split(',')
            .collect();
        allow.sort_unstable();
        assert_eq!(
            (answer.status, allow.join(",").as_str()),
            (405, allowed),
            "{method} {path}"
        );
    }
    let head = send(&server, "HEAD", MESSAGES, &auth, "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(
        send(
            &server,
            "HEAD",
            &MESSAGES.replace("dropcodes", "x"),
            &auth,
            ""
        )
        .await
        .status,
        404
    );
}

#[tokio::test]
async fn health_and_description_need_no_key() {
    let server = Server::start(&[("NODE_ID", "node-7")]).await;
    let health = send(&server, "GET", "/healthcheck", &[], "").await;
    assert_eq!(
        (health.status, &health.headers["x-node-id"]),
        (200, &"node-7".parse().unwrap())
    );
    assert_eq!(
        health.json(),
        json!({ "status": "ok", "node": "node-7", "version": env!("CARGO_PKG_VERSION") })
    );
    assert_eq!(
        send(&server, "HEAD", "/healthcheck", &[], "").await.status,
        200
    );
}

#[tokio::test]
async fn a_backend_reads_the_metrics_of_the_node_that_answers() {
    let server = Server::start(&[("NODE_ID", "node-7")]).await;
    let key = format!("ApiKey {BACKEND_KEY}");
    let answer = send(
        &server,
        "GET",
        "/v1/metrics",
        &[("authorization", &key)],
        "",
    )
    .await;
    assert_eq!(
        (answer.status, &answer.headers["x-node-id"]),
        (200, &"node-7".parse().unwrap())
    );
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines.map(str::to_owned).collect()
    };
    let admin = reqwest::get(format!("http://{}/metrics", server.admin))
        .await
        .unwrap();
    let admin = admin.text().await.unwrap();
    // Later: a metric with labels is shown from its first value on.
    let (here, there) = (names(&answer.text), names(&admin));
    assert!(
        here.iter().all(|name| there.contains(name)),
        "{here:?} {there:?}"
    );
    assert!(here.contains(&"holdfast_lateness_seconds histogram".to_owned()));
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    // A page is told again for half a second, and no longer.
    let refused = async || {
        let answer = send(
            &server,
            "GET",
            "/v1/metrics",
            &[("authorization", &key)],
            "",
        )
        .await;
        answer.text.contains(r#"reason="invalid_backend_key"} 1"#)
    };
    assert_eq!(
        send(
            &server,
            "GET",
            "/v1/keys",
            &[("authorization", "ApiKey x")],
            ""
        )
        .await
        .status,
        401
    );
    eventually("a new page is made", async || refused().await.then_some(())).await;
    assert_eq!(
        send(&server, "GET", "/v1/metrics", &[], "").await.status,
        401
    );
}

#[tokio::test]
async fn browsers_of_listed_origins_may_read_answers() {
    let server =
        Server::start(&[("CORS_ORIGINS", "https://a.example, http://localhost:3000")]).await;
    for (origin, allowed) in [
        ("https://a.example", true),
        ("http://localhost:3000", true),
        ("https://b.example", false),
    ] {
        let answer = send(&server, "GET", "/v1/keys", &[("origin", origin)], "").await;
        assert_eq!(answer.status, 401);
        let allow = answer
            .headers
            .get("access-control-allow-origin")
            .map(|value| value.to_str().unwrap());
        assert_eq!(allow, allowed.then_some(origin));
    }
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_is_in_the_log_with_the_setting() {
    let server = Server::start(&[("CORS_ORIGINS", "https://a.example")]).await;
    let own = format!("http://{}", server.address);
    let handshake = "/websockets/?EIO=4&transport=polling";
    for origin in ["https://a.example", &own, "https://b.example"] {
        send(&server, "GET", handshake, &[("origin", origin)], "").await;
    }
    // Many more, of which a few are told.
    for n in 0..50 {
        let origin = format!("https://{n}.example");
        send(&server, "GET", "/healthcheck", &[("origin", &origin)], "").await;
    }
    let log = server.log();
    let told = log.iter().filter(|line| line["setting"] == "CORS_ORIGINS");
    let told: Vec<_> = told.map(|line| line["origin"].as_str().unwrap()).collect();
    assert_eq!(told[0], "https://b.example", "{told:?}");
    assert!(told.len() < 50, "{told:?}");
    assert!(!told.contains(&own.as_str()), "{told:?}");
}
