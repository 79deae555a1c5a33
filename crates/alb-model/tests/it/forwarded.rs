//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>

use alb_model::{Cause, Config, XForwardedFor};

use testkit::backend::{echo, get, raw};
use testkit::balancer::{Stack, config, group};
use tokio::io::AsyncWriteExt;

async fn x_forwarded_for(config: Config, sent: Option<&str>) -> Option<String> {
    let target = echo().await;
    let stack = Stack::start(config, &[target.address]).await;
    let headers: Vec<_> = sent
        .iter()
        .map(|value| ("x-forwarded-for", *value))
        .collect();
    get(stack.address, "/", &headers)
        .await
        .seen()
        .headers
        .get("x-forwarded-for")
        .cloned()
}

/// The page's own table for `append`, the default.
#[tokio::test]
async fn append_adds_the_client_on_the_right() {
    let one = |sent| x_forwarded_for(config(group()), sent);
    assert_eq!(one(None).await.as_deref(), Some("127.0.0.1"));
    assert_eq!(
        one(Some("127.0.0.4")).await.as_deref(),
        Some("127.0.0.4, 127.0.0.1")
    );
    assert_eq!(
        one(Some("127.0.0.4, 127.0.0.8")).await.as_deref(),
        Some("127.0.0.4, 127.0.0.8, 127.0.0.1")
    );
}

/// The page's table for `preserve` and `remove`.
#[tokio::test]
async fn preserve_keeps_and_remove_takes_away() {
    let with = |mode| Config {
        x_forwarded_for: mode,
        xff_client_port: true,
        ..config(group())
    };
    assert_eq!(
        x_forwarded_for(with(XForwardedFor::Preserve), Some("1.2.3.4"))
            .await
            .as_deref(),
        Some("1.2.3.4")
    );
    assert_eq!(
        x_forwarded_for(with(XForwardedFor::Preserve), None).await,
        None
    );
    assert_eq!(
        x_forwarded_for(with(XForwardedFor::Remove), Some("1.2.3.4")).await,
        None
    );
}

/// "When the client port preservation attribute … is enabled":
/// `client-ip-address:client-port-number`.
#[tokio::test]
async fn the_clients_port_can_be_added() {
    let got = x_forwarded_for(
        Config {
            xff_client_port: true,
            ..config(group())
        },
        None,
    )
    .await
    .unwrap();
    let (address, port) = got.rsplit_once(':').unwrap();
    assert_eq!(address, "127.0.0.1");
    assert!(port.parse::<u16>().unwrap() > 0);
}

#[tokio::test]
async fn protocol_port_and_trace_are_added() {
    let target = echo().await;
    let stack = Stack::start(config(group()), &[target.address]).await;
    let seen = get(
        stack.address,
        "/",
        &[
            ("x-forwarded-proto", "https"),
            ("host", "drops.example.com"),
        ],
    )
    .await
    .seen();
    assert_eq!(seen.headers["x-forwarded-proto"], "http");
    assert_eq!(
        seen.headers["x-forwarded-port"],
        stack.address.port().to_string()
    );
    assert_eq!(seen.headers["host"], "drops.example.com");
    assert!(
        seen.headers["x-amzn-trace-id"].starts_with("Root=1-"),
        "{seen:?}"
    );
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>
#[tokio::test]
async fn a_trace_of_the_clients_is_kept() {
    let target = echo().await;
    let stack = Stack::start(config(group()), &[target.address]).await;
    let sent = "Self=1-1-1;Root=1-67891233-abcdef012345678912345678;CalledFrom=app";
    let got = get(stack.address, "/", &[("x-amzn-trace-id", sent)])
        .await
        .seen()
        .headers["x-amzn-trace-id"]
        .clone();
    assert!(got.starts_with("Self=1-"), "{got}");
    assert!(
        got.ends_with(";Root=1-67891233-abcdef012345678912345678;CalledFrom=app"),
        "{got}"
    );
    assert!(!got.contains("Self=1-1-1"), "{got}");
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-400-issues>
#[tokio::test]
async fn request_heads_over_the_limits_are_400() {
    let target = echo().await;
    let mut stack = Stack::start(config(group()), &[target.address]).await;
    let k = |n: usize| "x".repeat(n * 1024);
    assert_eq!(get(stack.address, "/", &[("a", &k(15))]).await.status, 200);
    assert_eq!(
        get(stack.address, &format!("/{}", k(15)), &[]).await.status,
        200
    );
    let fifteen = k(15);
    let many: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| (*name, &*fifteen))
        .collect();
    for reply in [
        get(stack.address, "/", &[("a", &k(16))]).await,
        get(stack.address, &format!("/{}", k(16)), &[]).await,
        get(stack.address, "/", &many).await,
    ] {
        assert_eq!((reply.status, reply.header("server")), (400, "awselb/2.0"));
        assert_eq!(stack.failure().await, (400, Cause::RequestHeaderTooLarge));
    }
}

/// …#http-502-issues: "The target response header exceeded 32 K for the entire response header."
#[tokio::test]
async fn a_response_head_over_32_k_is_502() {
    let target = raw(|mut tcp, head| async move {
        let size = if head.contains("/large") { 33 } else { 30 } * 1024;
        let large = "x".repeat(size);
        let _ = tcp
            .write_all(
                format!(
                    "HTTP/1.1 200 OK\r\na: {large}\r\nConnection: close\r\nContent-Length: \
                         0\r\n\r\n"
                )
                .as_bytes(),
            )
            .await;
    })
    .await;
    let mut stack = Stack::start(config(group()), &[target]).await;
    assert_eq!(get(stack.address, "/", &[]).await.status, 200);
    assert_eq!(get(stack.address, "/large", &[]).await.status, 502);
    assert_eq!(stack.failure().await, (502, Cause::ResponseHeaderTooLarge));
}

/// …#http-463-issues: "too many IP addresses. The upper limit for IP addresses is 30."
#[tokio::test]
async fn more_than_30_forwarded_addresses_are_463() {
    let target = echo().await;
    let mut stack = Stack::start(config(group()), &[target.address]).await;
    let addresses = |n: usize| vec!["192.0.2.1"; n].join(", ");
    assert_eq!(
        get(stack.address, "/", &[("x-forwarded-for", &addresses(30))])
            .await
            .status,
        200
    );
    assert_eq!(
        get(stack.address, "/", &[("x-forwarded-for", &addresses(31))])
            .await
            .status,
        463
    );
    assert_eq!(stack.failure().await, (463, Cause::TooManyAddresses));
}

/// `routing.http.drop_invalid_header_fields.enabled`
#[tokio::test]
async fn invalid_header_names_can_be_dropped() {
    let target = echo().await;
    for drop in [false, true] {
        let config = Config {
            drop_invalid_header_fields: drop,
            ..config(group())
        };
        let stack = Stack::start(config, &[target.address]).await;
        let seen = get(
            stack.address,
            "/",
            &[("under_score", "1"), ("dash-ed", "1")],
        )
        .await
        .seen();
        assert_eq!(seen.headers.contains_key("under_score"), !drop);
        assert!(seen.headers.contains_key("dash-ed"));
    }
}
