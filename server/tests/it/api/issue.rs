//! Keys that are issued again, found again, limited, and gone when they end.

use serde_json::{Value, json};

use super::*;
use crate::harness::{Client, Options, eventually};

const KEYS: &str = "/v1/keys";
const ID: &str = "01K0ZQ4M9V3D5T7W8X2Y6B1C4E";

#[tokio::test]
async fn who_has_lost_the_answer_gets_the_same_key_again() {
    let server = Server::start(&[]).await;
    let body = json!({ "id": ID, "channel": "c", "namespaces": ["dropcodes"], "ttl": 600_000 });
    let first = post(&server, KEYS, &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.json()["id"], ID);
    let again = post(&server, KEYS, &body).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json()["key"], first.json()["key"]);
    assert_eq!(again.json()["created_at"], first.json()["created_at"]);
    for (field, value) in [
        ("channel", json!("other")),
        ("namespaces", json!(["dropcodes", "donations"])),
    ] {
        let mut other = body.clone();
        other[field] = value;
        assert_eq!(post(&server, KEYS, &other).await.status, 409, "{field}");
    }
    let mut fewer = body.clone();
    fewer["max_sockets"] = json!(5);
    let fewer = post(&server, KEYS, &fewer).await.json();
    assert_eq!(fewer["key"], first.json()["key"]);
    assert_eq!(fewer["max_sockets"], 5);
    let key = first.json()["key"].as_str().unwrap().to_owned();
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    assert_eq!(
        get(&server, KEYS).await["items"].as_array().unwrap().len(),
        1
    );
    // Another id, another secret.
    let mut other = body.clone();
    other["id"] = json!("01K0ZQ4M9V3D5T7W8X2Y6B1C4F");
    let other = post(&server, KEYS, &other).await.json();
    assert_ne!(other["key"].as_str().unwrap()[31..], key[31..]);
}

#[tokio::test]
async fn a_key_is_shown_with_its_use() {
    let server = Server::start(&[]).await;
    let (id, key) = server.key("c").await;
    let path = format!("{KEYS}/{id}");
    let before = get(&server, &path).await;
    assert_eq!(before["channel"], "c");
    assert!(before["key"].is_null(), "{before}");
    let unused = json!({ "sockets": 0, "nodes": [], "first_used_at": null, "last_used_at": null });
    assert_eq!(before["usage"], unused);
    assert_eq!(before["here"]["networks"], json!([]));
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    let used = eventually("the store knows of the socket", async || {
        let used = get(&server, &path).await;
        (used["usage"]["sockets"] == 1).then_some(used)
    });
    let used = used.await;
    let network = json!([{ "network": "127.0.0.0/24", "sockets": 1 }]);
    assert_eq!(used["here"]["networks"], network);
    let usage = &used["usage"];
    assert_eq!(
        usage["nodes"],
        json!([{ "node": used["here"]["node"], "sockets": 1 }])
    );
    assert_eq!(usage["first_used_at"], usage["last_used_at"]);
    let last = &usage["last"];
    assert_eq!(last["network"], "127.0.0.0/24", "{used}");
    assert_eq!(
        (&last["protocol"], &last["left_at"]),
        (&json!("5"), &Value::Null),
        "{used}"
    );
    let listed = get(&server, &format!("{KEYS}?channel=c")).await;
    assert_eq!(&listed["items"][0]["usage"], usage);
    client.tell(json!({ "do": "disconnect" })).await;
    eventually("the socket has left", async || {
        let usage = get(&server, &path).await["usage"].clone();
        (usage["sockets"] == 0 && usage["last"]["left_at"].is_string()).then_some(())
    })
    .await;
    let unknown = server
        .call(Method::GET, &format!("{KEYS}/{ID}"), None)
        .await;
    assert_eq!(unknown.0, 404);
}

#[tokio::test]
async fn keys_are_found_by_channel() {
    let server = Server::start(&[]).await;
    let mut wanted = Vec::new();
    for n in 0..9 {
        let channel = if n % 3 == 0 { "a:b" } else { "other" };
        let (id, _) = server.key(channel).await;
        if channel == "a:b" {
            wanted.push(id);
        }
    }
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        let id = |key: &Value| key["id"].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    };
    let all = get(&server, &format!("{KEYS}?channel=a%3Ab")).await;
    assert_eq!(ids(&all), wanted);
    assert!(all["next"].is_null());
    let first = get(&server, &format!("{KEYS}?channel=a:b&limit=2")).await;
    assert_eq!(ids(&first), wanted[..2]);
    let cursor = first["next"].as_str().unwrap();
    let rest = get(
        &server,
        &format!("{KEYS}?limit=2&cursor={cursor}&channel=a:b"),
    )
    .await;
    assert_eq!(ids(&rest), wanted[2..]);
    let none = get(&server, &format!("{KEYS}?channel=nobody")).await;
    assert_eq!(none["items"], json!([]));
    let key = format!("ApiKey {BACKEND_KEY}");
    let headers = [("authorization", &*key)];
    let wrong = send(&server, "GET", "/v1/keys?channel=a%20b", &headers, "").await;
    assert_eq!(fields(&wrong), ["channel"]);
}

#[tokio::test]
async fn keys_that_have_ended_are_gone() {
    let server = Server::start(&[]).await;
    let body = json!({ "id": ID, "channel": "c", "namespaces": ["dropcodes"], "ttl": 300 });
    assert_eq!(post(&server, KEYS, &body).await.status, 201);
    eventually("it has ended", async || {
        let list = get(&server, KEYS).await;
        (list["items"] == json!([])).then_some(())
    })
    .await;
    let path = format!("{KEYS}/{ID}");
    assert_eq!(server.call(Method::GET, &path, None).await.0, 404);
    assert_eq!(post(&server, KEYS, &body).await.status, 409);
}

#[tokio::test]
async fn a_key_may_be_for_one_socket() {
    let server = Server::start(&[]).await;
    let body = json!({ "channel": "c", "namespaces": ["dropcodes"], "max_sockets": 1 });
    let issued = post(&server, KEYS, body).await.json();
    assert_eq!(issued["max_sockets"], 1);
    let key = issued["key"].as_str().unwrap();
    let mut first = Client::start(&server, &Options::new(key));
    first.wait_for("connected").await;
    let mut second = Client::start(&server, &Options::new(key));
    eventually("the second is refused", async || {
        let metric = r#"holdfast_refusals_total{reason="key_sockets"}"#;
        (server.metric(metric).await >= 1.0).then_some(())
    })
    .await;
    first.tell(json!({ "do": "disconnect" })).await;
    second.wait_for("connected").await;
}
