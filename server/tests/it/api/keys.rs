//! Keys of plugins, and what backends authenticate with.

use std::io::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::harness::{Client, Options};

const KEYS: &str = "/v1/keys";

#[tokio::test]
async fn keys_are_issued_once_listed_and_revoked() {
    let server = Server::start(&[]).await;
    let body = json!({ "channel": "c", "namespaces": ["dropcodes"], "expires_at": "2100-01-01T01:00:00+01:00" });
    let issued = post(&server, KEYS, body).await;
    assert_eq!(issued.status, 201);
    let issued = issued.json();
    let (id, key) = (
        issued["id"].as_str().unwrap(),
        issued["key"].as_str().unwrap(),
    );
    assert!(
        key.starts_with(&format!("hfk_{id}_")) && key.len() == 74,
        "{key}"
    );
    assert_eq!(issued["expires_at"], "2100-01-01T00:00:00.000Z");
    let (status, list) = server.call(Method::GET, KEYS, None).await;
    assert_eq!(status, 200);
    let mut shown = issued.clone();
    shown.as_object_mut().unwrap().remove("key");
    shown["usage"] =
        json!({ "sockets": 0, "nodes": [], "first_used_at": null, "last_used_at": null });
    assert_eq!(
        list,
        json!({ "items": [shown], "next": null }),
        "the key itself is not shown again"
    );

    let mut client = Client::start(&server, &Options::new(key));
    client.wait_for("connected").await;
    let path = format!("{KEYS}/{id}");
    assert_eq!(delete(&server, &path).await, 204);
    client.wait_for("disconnected").await;
    assert_eq!(delete(&server, &path).await, 404);
    assert_eq!(delete(&server, "/v1/keys/nothing").await, 404);
    assert_eq!(get(&server, KEYS).await["items"], json!([]));
    let mut refused = Client::start(&server, &Options::new(key));
    refused.wait_for("connect_error").await;
    let logged = server
        .log()
        .iter()
        .any(|line| line.to_string().contains(&key[31..]));
    assert!(!logged, "the log holds no secret");
}

#[tokio::test]
async fn lists_of_keys_are_paged() {
    let server = Server::start(&[]).await;
    let mut issued = Vec::new();
    for n in 0..7 {
        issued.push(server.key(&format!("c{n}")).await.0);
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    while !query.is_empty() {
        let page = get(&server, &format!("{KEYS}{query}")).await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["id"].as_str().unwrap().to_owned()),
        );
        query = page["next"]
            .as_str()
            .map_or(String::new(), |next| format!("?limit=2&cursor={next}"));
    }
    issued.sort();
    assert_eq!(seen, issued);
}

#[tokio::test]
async fn mistakes_in_keys_are_named() {
    let server = Server::start(&[]).await;
    for (body, wrong) in [
        (json!({}), vec!["channel", "namespaces"]),
        (json!({ "channel": "c" }), vec!["namespaces"]),
        (
            json!({ "channel": "c", "namespaces": [] }),
            vec!["namespaces"],
        ),
        (
            json!({ "channel": "c", "namespaces": "dropcodes" }),
            vec!["namespaces"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes", 5] }),
            vec!["namespaces[1]"],
        ),
        (
            json!({ "channel": "a b", "namespaces": ["dropcodes", "x", "dropcodes"] }),
            vec!["channel", "namespaces[1]", "namespaces[2]"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes"], "expires_at": "2020-01-01T00:00:00Z" }),
            vec!["expires_at"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes"], "expires_at": "soon" }),
            vec!["expires_at"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes"], "ttl": 0 }),
            vec!["ttl"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes"], "ttl": 5, "expires_at": "2100-01-01T00:00:00Z" }),
            vec!["ttl"],
        ),
        (
            json!({ "channel": "c", "namespaces": ["dropcodes"], "max_sockets": 0, "id": "short" }),
            vec!["id", "max_sockets"],
        ),
        (json!(["c", ["dropcodes"], null]), vec![""]),
    ] {
        assert_eq!(fields(&post(&server, KEYS, &body).await), wrong, "{body}");
    }
    assert_eq!(get(&server, KEYS).await["items"], json!([]));
}

#[tokio::test]
async fn only_backend_keys_open_the_interface() {
    let server = Server::start(&[]).await;
    let (_, plugin) = server.key("c").await;
    let plugin = format!("ApiKey {plugin}");
    let (basic, bearer) = (
        format!("Basic {BACKEND_KEY}"),
        format!("Bearer {BACKEND_KEY}"),
    );
    let (wrong, short) = (
        format!("ApiKey {BACKEND_KEY}x"),
        format!("ApiKey {}", &BACKEND_KEY[1..]),
    );
    for value in [
        "",
        "ApiKey",
        "ApiKey ",
        "ApiKeyé",
        BACKEND_KEY,
        &plugin,
        &basic,
        &bearer,
        &wrong,
        &short,
    ] {
        for (method, path) in [
            ("GET", KEYS),
            ("POST", MESSAGES),
            ("DELETE", "/v1/keys/x"),
            ("GET", "/v1/nothing"),
            ("GET", "/v1"),
        ] {
            let answer = send(&server, method, path, &[("authorization", value)], "").await;
            assert_eq!(answer.status, 401, "{value} {method} {path}");
            assert_eq!(answer.headers["www-authenticate"], "ApiKey");
        }
    }
    assert_eq!(send(&server, "GET", KEYS, &[], "").await.status, 401);
    for scheme in ["ApiKey", "apikey", "APIKEY"] {
        let value = format!("{scheme} {BACKEND_KEY}");
        assert_eq!(
            send(&server, "GET", KEYS, &[("authorization", &value)], "")
                .await
                .status,
            200
        );
    }
    assert!(
        server
            .metric("holdfast_refusals_total{reason=\"invalid_backend_key\"}")
            .await
            >= 50.0
    );
}

#[tokio::test]
async fn several_backend_keys_are_valid_at_once() {
    let (one, two) = ("1".repeat(32), "2".repeat(40));
    let works = async |server: &Server, key: &str| {
        let value = format!("ApiKey {key}");
        send(server, "GET", KEYS, &[("authorization", &value)], "")
            .await
            .status
    };
    let server = Server::start(&[("S2S_KEYS", &format!("{one}, {two}"))]).await;
    assert_eq!(
        (
            works(&server, &one).await,
            works(&server, &two).await,
            works(&server, BACKEND_KEY).await
        ),
        (200, 200, 401)
    );

    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{one}\n\n{two}\r\n").unwrap();
    // An empty variable is as good as none.
    let server = Server::start(&[
        ("S2S_KEYS", ""),
        ("S2S_KEYS_FILE", file.path().to_str().unwrap()),
    ])
    .await;
    assert_eq!(
        (
            works(&server, &one).await,
            works(&server, &two).await,
            works(&server, BACKEND_KEY).await
        ),
        (200, 200, 401)
    );
    let log = Value::from(server.log()).to_string();
    assert!(!log.contains(&one) && !log.contains(&two));
}

#[tokio::test]
async fn channels_are_listed_by_name() {
    let server = Server::start(&[]).await;
    for channel in ["b", "a:1", "a:2", "a:1", "a:3"] {
        server.key(channel).await;
    }
    let path = "/v1/channels";
    let first = get(&server, &format!("{path}?prefix=a%3A&limit=2")).await;
    let entry = |channel: &str, keys: u64| json!({ "channel": channel, "keys": keys });
    assert_eq!(first["items"], json!([entry("a:1", 2), entry("a:2", 1)]));
    let cursor = first["next"].as_str().unwrap();
    let rest = get(
        &server,
        &format!("{path}?prefix=a:&limit=2&cursor={cursor}"),
    )
    .await;
    assert_eq!(rest, json!({ "items": [entry("a:3", 1)], "next": null }));
    let all = get(&server, path).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 4, "{all}");
}
