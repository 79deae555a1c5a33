//! Signed tokens in the place of stored keys, made by another library than the server's.

mod renewal;
mod signer;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::Own;
use crate::harness::{Client, Options, Server, eventually};
use crate::redis::Redis;
use signer::{Signer, claims};

/// For as long as a test runs.
const LONG: f64 = 600.0;

async fn server(signer: &mut Signer) -> Server {
    let set = signer.set(&["ours"]).await;
    Server::start(&[("PLUGIN_TOKEN_KEYS", &set)]).await
}

/// What a handshake with a token is answered.
async fn answered(server: &Server, token: &str) -> u16 {
    let address = server.address;
    let url = format!("http://{address}/websockets/?EIO=4&transport=polling");
    let request = reqwest::Client::new()
        .get(&url)
        .header("authorization", format!("ApiKey {token}"));
    request.send().await.unwrap().status().as_u16()
}

/// Waits until a server refuses a token, or takes it.
async fn becomes(server: &Server, token: &str, status: u16) {
    let what = format!("the token is answered with {status}");
    eventually(&what, async || {
        (answered(server, token).await == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_of_each_algorithm_opens_its_channel() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    for algorithm in ["EdDSA", "ES256", "HS256"] {
        let claims = claims(&format!("plugin-{algorithm}"), algorithm, LONG);
        let token = signer.sign("ours", algorithm, claims).await;
        let by_auth = Options::new(&token);
        let first = server
            .publish(algorithm, json!({ "event": "e", "data": 1, "id": "first" }))
            .await;
        let mut client = Client::start(&server, &by_auth);
        client.wait_for("connected").await;
        assert_eq!(client.messages(1).await, [first["id"].as_str().unwrap()]);
        server.becomes(algorithm, "first", "acknowledged").await;
        client.tell(json!({ "do": "disconnect" })).await;
        // The id is what acknowledges: it gets nothing twice, by whichever token and client.
        let old_client = Options::new(&token).library("v2").by_header();
        let mut again = Client::start(&server, &old_client);
        again.wait_for("connected").await;
        server
            .publish(
                algorithm,
                json!({ "event": "e", "data": 2, "id": "second" }),
            )
            .await;
        assert_eq!(again.messages(1).await, ["second"]);
        server.becomes(algorithm, "second", "acknowledged").await;
        let message = server.message(algorithm, "second").await;
        assert_eq!(message["keys"]["acknowledged"], 1, "{message}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_right_opens_nothing_and_says_why() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let good = claims("p", "c", LONG);
    let mut other_namespace = good.clone();
    other_namespace["namespaces"] = json!(["donations"]);
    let mut no_channel = good.clone();
    no_channel["channel"] = Value::Null;
    let public = json!({ "alg": "none" });
    for (token, code, said) in [
        (
            signer.sign("theirs", "EdDSA", good.clone()).await,
            "invalid_key",
            "not signed",
        ),
        (
            signer.sign_as("ours", public, good.clone()).await,
            "invalid_key",
            "not signed",
        ),
        (
            signer.sign("ours", "ES256", claims("p", "c", -1.0)).await,
            "invalid_key",
            "has expired",
        ),
        (
            signer.sign("ours", "ES256", claims("p", "c", 3e6)).await,
            "invalid_key",
            "30 days",
        ),
        (
            signer.sign("ours", "HS256", no_channel).await,
            "invalid_key",
            "lacks a claim",
        ),
        (
            signer.sign("ours", "EdDSA", other_namespace).await,
            "forbidden",
            "does not open",
        ),
    ] {
        let mut client = Client::start(&server, &Options::new(&token));
        let refused = client.wait_for("connect_error").await;
        assert_eq!(refused["data"]["code"], code, "{refused}");
        assert!(
            refused["message"].as_str().unwrap().contains(said),
            "{refused}"
        );
        if code == "invalid_key" {
            becomes(&server, &token, 401).await;
        }
    }
    // Without a key set, a token is a key that nobody knows.
    let server = Server::start(&[]).await;
    let token = signer.sign("ours", "EdDSA", good).await;
    let mut client = Client::start(&server, &Options::new(&token));
    client.wait_for("connect_error").await;
}

#[tokio::test]
async fn a_token_that_was_seen_opens_while_the_primary_that_may_bar_it_is_dead() {
    let mut own = Own::start(false).await;
    let mut signer = Signer::start();
    let set = signer.set(&["ours"]).await;
    let (url, keys) = (own.cluster.url(), ("PLUGIN_TOKEN_KEYS", &*set));
    let server = Server::start(&[("STORE", &url), keys]).await;
    let mut tokens = Vec::new();
    for n in 0..24 {
        let claims = claims(&format!("p{n}"), "c", LONG);
        tokens.push(signer.sign("ours", "HS256", claims).await);
    }
    let (seen, unseen) = tokens.split_at(12);
    for token in seen {
        becomes(&server, token, 200).await;
    }
    server.revoke("p0").await;
    becomes(&server, &seen[0], 401).await;
    own.cluster.servers[0].kill().await.unwrap();
    eventually("the death is noticed", async || {
        let (_, health) = server.call(Method::GET, "/healthcheck", None).await;
        (health["status"] == "degraded").then_some(())
    })
    .await;
    let mut put_off = 0;
    for token in unseen {
        let status = answered(&server, token).await;
        assert!(matches!(status, 200 | 503), "{status}");
        put_off += usize::from(status == 503);
    }
    assert!((1..12).contains(&put_off), "{put_off}");
    becomes(&server, &seen[0], 401).await;
    for token in &seen[1..] {
        assert_eq!(answered(&server, token).await, 200);
    }
    // What others answer meanwhile is no return of the store.
    let log = server.log();
    let says = |text: &str| {
        let said = log.iter().filter_map(|line| line["message"].as_str());
        said.filter(|message| message.starts_with(text)).count()
    };
    assert_eq!(
        (says("the store is away"), says("the store is back")),
        (1, 0)
    );
}

#[tokio::test]
async fn a_token_may_be_for_one_socket() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let mut one = claims("p", "c", LONG);
    one["max_sockets"] = json!(1);
    let token = signer.sign("ours", "EdDSA", one).await;
    let mut first = Client::start(&server, &Options::new(&token));
    first.wait_for("connected").await;
    let mut second = Client::start(&server, &Options::new(&token));
    eventually("the second is refused", async || {
        let metric = r#"holdfast_refusals_total{reason="key_sockets"}"#;
        (server.metric(metric).await >= 1.0).then_some(())
    })
    .await;
    first.tell(json!({ "do": "disconnect" })).await;
    second.wait_for("connected").await;
}

#[tokio::test]
async fn a_revoked_id_is_sent_away_and_stays_out_on_every_node() {
    let mut signer = Signer::start();
    let set = signer.set(&["ours"]).await;
    let redis = Redis::start().await;
    let store = redis.url();
    let settings = [("PLUGIN_TOKEN_KEYS", &*set), ("STORE", &*store)];
    let (here, there) = (
        Server::start(&settings).await,
        Server::start(&settings).await,
    );
    let token = signer.sign("ours", "EdDSA", claims("bad", "c", LONG)).await;
    let good = signer
        .sign("ours", "EdDSA", claims("good", "c", LONG))
        .await;
    let mut stays = Client::start(&there, &Options::new(&good));
    stays.wait_for("connected").await;
    let mut goes = Client::start(&there, &Options::new(&token));
    goes.wait_for("connected").await;
    here.revoke("bad").await;
    let gone = goes.wait_for("disconnected").await;
    assert_eq!(gone["reason"], "io server disconnect");
    let later = signer.sign("ours", "ES256", claims("bad", "c", LONG)).await;
    for token in [&token, &later] {
        becomes(&here, token, 401).await;
        let mut refused = Client::start(&there, &Options::new(token));
        let refused = refused.wait_for("connect_error").await;
        assert_eq!(refused["data"]["code"], "invalid_key");
    }
    there
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    assert_eq!(stays.messages(1).await, ["m"]);
    // It is no key: it is neither shown nor listed, and may be revoked again.
    let list = here.call(Method::GET, "/v1/keys", None).await.1;
    assert_eq!(list["items"], json!([]));
    assert_eq!(here.call(Method::GET, "/v1/keys/bad", None).await.0, 404);
    here.revoke("bad").await;
}

#[tokio::test]
async fn who_may_not_use_every_namespace_bars_no_id() {
    let mut signer = Signer::start();
    let set = signer.set(&["ours"]).await;
    let (all, some) = ("a".repeat(32), "s".repeat(32));
    let keys = format!("{all}\n{some} namespaces=dropcodes");
    let settings = [("PLUGIN_TOKEN_KEYS", &*set), ("S2S_KEYS", &*keys)];
    let server = Server::start(&settings).await;
    for (key, status) in [(&some, 404), (&all, 204)] {
        let answer = reqwest::Client::new()
            .delete(format!("http://{}/v1/keys/p", server.address))
            .header("authorization", format!("ApiKey {key}"))
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), status);
    }
    // Not even by a stored key of its own with the same id.
    let id = "01K0ZQ4M9V3D5T7W8X2Y6B1C4A";
    let token = signer.sign("ours", "EdDSA", claims(id, "c", LONG)).await;
    let call = async |method, path: &str, body: Option<Value>| {
        let url = format!("http://{}{path}", server.address);
        let request = reqwest::Client::new().request(method, url);
        let request = request.header("authorization", format!("ApiKey {some}"));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap().status()
    };
    let body = json!({ "id": id, "channel": "c", "namespaces": ["dropcodes"] });
    assert_eq!(call(Method::POST, "/v1/keys", Some(body)).await, 201);
    let path = format!("/v1/keys/{id}");
    assert_eq!(call(Method::DELETE, &path, None).await, 204);
    becomes(&server, &token, 200).await;
}

#[tokio::test]
async fn a_channel_may_have_tokens_that_no_list_knows() {
    let mut signer = Signer::start();
    let server = server(&mut signer).await;
    let told = server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    assert_eq!(told["notice"], Value::Null, "{told}");
    let message = server.message("c", "m").await;
    assert_eq!(message["why"]["code"], "not_connected", "{message}");
    let token = signer.sign("ours", "EdDSA", claims("p", "c", LONG)).await;
    let mut client = Client::start(&server, &Options::new(&token));
    assert_eq!(client.messages(1).await, ["m"]);
}
