//! Who gets anything out of a console: the page that it has served, on this machine, with its token.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Page;
use crate::running::{Up, command, directory};

const CALLS: [(Method, &str); 10] = [
    (Method::GET, "/api/about"),
    (Method::GET, "/api/feed"),
    (Method::GET, "/api/rules"),
    (Method::GET, "/api/live"),
    (Method::GET, "/api/drift"),
    (Method::GET, "/api/watch?namespace=dropcodes&channel=demo"),
    (Method::POST, "/api/local"),
    (Method::GET, "/api/v1/channels"),
    (Method::DELETE, "/api/v1/keys/x"),
    (Method::GET, "/api/none"),
];

/// A console of a local stack; the directory and the stack with it.
async fn console() -> (tempfile::TempDir, Up, serde_json::Value, Page) {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    let mut command = command(directory.path());
    command.args(["console", "--no-open", "--env", "local"]);
    let page = Page::start(command).await;
    (directory, up, ready, page)
}

#[tokio::test]
async fn nothing_is_answered_without_the_token_and_nothing_has_a_secret() {
    let (_directory, _up, ready, page) = console().await;
    assert!(page.token.len() >= 64, "256 bits in hexadecimal");
    let cookie = format!("x-console-token={0}; token={0}", page.token);
    let bearer = format!("Bearer {}", page.token);
    let (other, longer) = ("0".repeat(page.token.len()), format!("{}0", page.token));
    let name = deployer::console::TOKEN_HEADER;
    for headers in [
        vec![],
        vec![("cookie", &*cookie)],
        vec![("authorization", &*bearer)],
        vec![(name, "")],
        vec![(name, &*other)],
        vec![(name, &*longer)],
        vec![(name, &page.token[1..])],
    ] {
        for (method, path) in CALLS {
            let reply = page.send((method.clone(), path), &headers, "{}").await;
            assert_eq!(reply.status, 401, "{method} {path} {headers:?}");
        }
    }
    let query = format!("/api/about?token={}", page.token);
    assert_eq!(page.send((Method::GET, &query), &[], "").await.status, 401);

    let secret = ready["backend_key"].as_str().unwrap();
    for path in [
        "/api/about",
        "/api/rules",
        "/api/v1/keys",
        "/api/v1/channels",
        "/api/v1/metrics",
        "/api/v1/refusals",
    ] {
        let reply = page.call(Method::GET, path, "").await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(!reply.text().contains(secret), "{path}");
        assert!(!reply.text().contains(&page.token), "{path}");
    }
    for path in ["/", "/console.js", "/console.css", "/icon.svg"] {
        let reply = page.send((Method::GET, path), &[], "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text().contains(&page.token) && !reply.text().contains(secret));
    }
    page.hears("the first round", |round| {
        assert!(!round.to_string().contains(secret));
        Some(())
    })
    .await;
}

#[tokio::test]
async fn other_hosts_and_other_origins_are_refused() {
    let (_directory, _up, _ready, page) = console().await;
    let port = page.address.port;
    let own = format!("127.0.0.1:{port}");
    let local = format!("localhost:{port}");
    let token = (deployer::console::TOKEN_HEADER, &*page.token);
    // A name of somebody else's that leads to 127.0.0.1 is in the header as it was typed.
    for (host, status) in [
        (own.clone(), 200),
        (local.clone(), 200),
        (format!("evil.example:{port}"), 421),
        ("evil.example".to_owned(), 421),
        ("127.0.0.1".to_owned(), 421),
        ("127.0.0.1:1".to_owned(), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        (format!("[::1]:{port}"), 421),
        (format!("0.0.0.0:{port}"), 421),
    ] {
        for path in ["/api/about", "/"] {
            let reply = page
                .send((Method::GET, path), &[token, ("host", &*host)], "")
                .await;
            assert_eq!(reply.status, status, "{host} {path}");
        }
    }
    for (host, origin, status) in [
        (&own, format!("http://{own}"), 200),
        (&local, format!("http://{local}"), 200),
        (&own, format!("http://{local}"), 403),
        (&own, format!("https://{own}"), 403),
        (&own, "null".to_owned(), 403),
        (&own, "http://evil.example".to_owned(), 403),
        (&own, "http://127.0.0.1".to_owned(), 403),
    ] {
        let headers = [token, ("host", &**host), ("origin", &*origin)];
        let reply = page.send((Method::GET, "/api/about"), &headers, "").await;
        assert_eq!(reply.status, status, "{host} {origin}");
        // A preflight is answered with no leave, whoever asks.
        let preflight = page
            .send((Method::OPTIONS, "/api/about"), &headers[1..], "")
            .await;
        for reply in [&reply, &preflight] {
            let cors = reply
                .headers
                .keys()
                .find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(cors, None);
        }
        assert_ne!(preflight.status, 200);
    }
    for request in [
        format!(
            "GET /api/about HTTP/1.0\r\n{}: {}\r\n\r\n",
            token.0, token.1
        ),
        format!(
            "GET /api/about HTTP/1.1\r\nhost: {own}\r\nhost: evil\r\n{}: {}\r\n\r\n",
            token.0, token.1
        ),
        format!("GET http://evil:{port}/ HTTP/1.1\r\nhost: {own}\r\n\r\n"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&own).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head);
        assert!(["421", "400"].contains(&&head[9..]), "{head} for {request}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_keep_others_out() {
    let (_directory, _up, _ready, page) = console().await;
    for path in ["/", "/console.js", "/api/about", "/none"] {
        for headers in [&[][..], &[("host", "evil.example")]] {
            let reply = page.send((Method::GET, path), headers, "").await;
            let policy = reply.header("content-security-policy");
            assert!(policy.starts_with("default-src 'self';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
            assert_eq!(reply.header("set-cookie"), "");
        }
    }
    // The policy forbids what is in no file of its own.
    let html = page.send((Method::GET, "/"), &[], "").await.text();
    assert!(!html.contains("<script>") && !html.contains("<style") && !html.contains("style="));
}

#[tokio::test]
async fn it_listens_on_loopback_alone() {
    let (_directory, _up, _ready, page) = console().await;
    let port = format!(":{:04X}", page.address.port);
    let listening = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines
            .filter(|words| words.get(3) == Some(&"0A") && words[1].ends_with(&port))
            .map(|words| words[1].to_owned())
            .collect()
    };
    assert_eq!(listening("/proc/net/tcp"), [format!("0100007F{port}")]);
    assert_eq!(listening("/proc/net/tcp6"), Vec::<String>::new());
}

#[tokio::test]
async fn the_page_reaches_the_interface_and_nothing_else() {
    let (_directory, _up, _ready, page) = console().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/../healthcheck", 404),
        (Method::GET, "/api/v1/%2e%2e/healthcheck", 404),
        (Method::GET, "/api/v1//healthcheck", 404),
        (Method::GET, "/api/overlay/", 404),
        (Method::PUT, "/api/v1/keys", 405),
        (Method::GET, "/api/v1/namespaces/none/channels/c", 404),
        (Method::GET, "/api/live", 404),
    ] {
        assert_eq!(page.call(method, path, "").await.status, status, "{path}");
    }
    // The control socket takes programs to run. The page may name none.
    for body in [
        r#"{"do":"replace","node":"node-1","rollout":{"server":"/bin/false"},"server":"/bin/false"}"#,
        r#"{"do":"deploy"}"#,
        r#"{"command":"kill","node":"node-1"}"#,
        "[]",
    ] {
        let reply = page.call(Method::POST, "/api/local", body).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text());
    }
    let reply = page
        .call(
            Method::POST,
            "/api/local",
            r#"{"do":"kill","node":"node-9"}"#,
        )
        .await;
    assert_eq!(reply.status, 409, "{}", reply.text());
    assert!(
        reply.text().contains("there is no node"),
        "{}",
        reply.text()
    );
}
