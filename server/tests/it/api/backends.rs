//! Backend keys: what each may do, and how they are replaced while the server runs.

use std::io::Write as _;

use serde_json::json;

use super::*;
use crate::harness::eventually;

/// The status of a call with this backend key.
async fn status(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> u16 {
    let value = format!("ApiKey {key}");
    let headers = [
        ("authorization", &*value),
        ("content-type", "application/json"),
    ];
    let body = match method {
        "POST" => body.to_string(),
        _ => String::new(),
    };
    send(server, method, path, &headers, body).await.status
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{text}").unwrap();
    file
}

#[tokio::test]
async fn a_backend_key_does_what_it_is_for() {
    let (publisher, reader, issuer) = ("p".repeat(32), "r".repeat(32), "i".repeat(32));
    let sees_one = "s".repeat(32);
    let keys = file(&format!(
        "# each service has its own\n\
         {publisher} name=shop scopes=publish namespaces=dropcodes\n\
         {reader} name=support scopes=read\n\
         {issuer} name=accounts scopes=keys namespaces=dropcodes\n\
         {sees_one} name=shop-support scopes=read namespaces=dropcodes\n"
    ));
    let server = Server::start(&[
        ("S2S_KEYS", ""),
        ("S2S_KEYS_FILE", keys.path().to_str().unwrap()),
    ])
    .await;
    let message = json!({ "event": "e", "data": 1, "id": "m" });
    let key = json!({ "channel": "c", "namespaces": ["dropcodes"] });
    let both = json!({ "channel": "c", "namespaces": ["dropcodes", "donations"] });
    let others = "/v1/namespaces/donations/channels/c/messages";
    for (who, method, path, body, expected) in [
        (&publisher, "POST", MESSAGES, &message, 202),
        (&publisher, "POST", others, &message, 403),
        (&publisher, "GET", MESSAGES, &message, 403),
        (&publisher, "POST", "/v1/keys", &key, 403),
        (&reader, "GET", MESSAGES, &message, 200),
        (&reader, "GET", CHANNEL, &message, 200),
        (&reader, "POST", MESSAGES, &message, 403),
        (
            &reader,
            "DELETE",
            "/v1/namespaces/dropcodes/channels/c/messages/m",
            &message,
            403,
        ),
        (&reader, "GET", "/v1/keys", &key, 403),
        (&reader, "GET", "/v1/metrics", &key, 200),
        (&reader, "GET", "/v1/refusals", &key, 200),
        (&publisher, "GET", "/v1/metrics", &key, 403),
        (&publisher, "GET", "/v1/refusals", &key, 403),
        (&sees_one, "GET", "/v1/metrics", &key, 403),
        (&sees_one, "GET", "/v1/refusals", &key, 403),
        (&issuer, "POST", "/v1/keys", &key, 201),
        (&issuer, "POST", "/v1/keys", &both, 422),
        (&issuer, "GET", "/v1/keys", &key, 200),
        (&issuer, "POST", MESSAGES, &message, 403),
    ] {
        let status = status(&server, who, method, path, body).await;
        assert_eq!(status, expected, "{} {method} {path}", &who[..1]);
    }
    let issued = eventually("the key is told", async || {
        let mut log = server.log().into_iter();
        log.find(|line| line["message"] == "key issued")
    })
    .await;
    assert_eq!(issued["backend"], "accounts");
    let log = Value::from(server.log()).to_string();
    assert!(!log.contains(&publisher) && !log.contains(&issuer));
}

#[tokio::test]
async fn backend_keys_are_replaced_without_a_restart() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let keys = file(&old);
    let path = keys.path().to_owned();
    let server =
        Server::start(&[("S2S_KEYS", ""), ("S2S_KEYS_FILE", path.to_str().unwrap())]).await;
    let works = async |key: &str| status(&server, key, "GET", "/v1/keys", &json!({})).await == 200;
    assert!(works(&old).await && !works(&new).await);
    // By itself, within some seconds.
    std::fs::write(&path, format!("{old}\n{new}\n")).unwrap();
    eventually("the new key works", async || {
        works(&new).await.then_some(())
    })
    .await;
    assert!(works(&old).await);
    // Asked to, at once. What cannot be used changes nothing.
    std::fs::write(&path, "short").unwrap();
    server.signal("HUP");
    eventually("the mistake is told", async || {
        let log = server.log();
        let told = |line: &Value| {
            line["mistake"]
                .as_str()?
                .starts_with("key 1 has 5")
                .then_some(())
        };
        log.iter().find_map(told)
    })
    .await;
    assert!(works(&old).await && works(&new).await);
    std::fs::write(&path, &new).unwrap();
    server.signal("HUP");
    eventually("the old key is gone", async || {
        (!works(&old).await).then_some(())
    })
    .await;
    assert!(works(&new).await);
}

#[tokio::test]
async fn sighup_ends_no_server() {
    let server = Server::start(&[]).await;
    server.signal("HUP");
    eventually("it is noted", async || {
        let log = server.log();
        let noted = log.iter().any(|line| line.to_string().contains("SIGHUP"));
        noted.then_some(())
    })
    .await;
    assert_eq!(get(&server, "/v1/keys").await["items"], json!([]));
}
