//! Every client library of the server's own tests, on each transport, through the balancer to the
//! real server: a message on time, acknowledged.

use std::time::Duration;

use deployer::environment::{find, load};
use deployer::local::api::Api;
use deployer::local::setup::Setup;
use deployer::local::stack::{Options, Stack};
use deployer::render::{render, service_template};
use serde_json::{Value, json};
use std::path::Path;
use tokio::sync::mpsc;

use super::balancers::{BalancerSettings, Front};
use super::participants::{BACKEND_KEY, Client, PATIENCE, Server, server_binary};
use crate::project;

/// The project's own local environment, running.
async fn local() -> (Stack, Api) {
    let template = service_template().unwrap();
    let path = find("local", &project().join("environments")).unwrap();
    let environment = load(&path, |_| {}).unwrap();
    let setup = Setup::read(&render(&template, "local", &environment).unwrap()).unwrap();
    let supervisor = Path::new(env!("CARGO_BIN_EXE_deployer")).to_owned();
    let options = Options {
        server: server_binary(),
        supervisor,
        port: 0,
        api_port: 0,
        redis: None,
        directory: deployer::local::state::directory(),
        kept: None,
    };
    let (notices, mut received) = mpsc::channel(64);
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let stack = Stack::start(setup, options, notices).await.unwrap();
    let api = Api {
        address: stack.url.parse().unwrap(),
        backend_key: stack.backend_key.clone(),
    };
    (stack, api)
}

#[tokio::test]
async fn every_client_library_gets_its_message_through_the_balancer() {
    let (stack, api) = local().await;
    for library in ["v4", "v3", "v2", "python"] {
        for transports in [&["polling", "websocket"][..], &["websocket"], &["polling"]] {
            let channel = format!("{library}-{}", transports.join("-"));
            let key = api.create_key(&channel, &stack.namespaces()).await.unwrap();
            // Client v2 has no `auth`: its key is a header.
            let by = if library == "v2" { "header" } else { "auth" };
            let mut config = json!({ "path": "/websockets", "namespace": "/dropcodes", "transports": transports, "acknowledge": true });
            config[by] = json!(key);
            let mut client = Client::start(library, &stack.url, config);
            client.wait_for("connected").await;
            let message = json!({ "event": "code", "data": { "code": channel }, "deliver_in": 50 });
            let sent = api.publish("dropcodes", &channel, &message).await.unwrap();
            let arrived = client.wait_for("message").await;
            assert_eq!(arrived["data"], json!({ "code": channel }), "{channel}");
            assert_eq!(arrived["message"]["id"], sent["id"], "{channel}");
            acknowledged(&api, &channel, &sent).await;
        }
    }
    stack.stop(std::future::pending()).await;
}

/// The real server's heartbeat, twice as fast as the idle timeout's clock: a quiet plugin stays for
/// ten idle timeouts on either transport, and still gets its message.
#[tokio::test]
async fn a_quiet_plugin_stays_and_gets_its_message() {
    let idle = Duration::from_millis(1500);
    let server = Server::start(&[("PING_INTERVAL", "1s"), ("PING_TIMEOUT", "2s")]).await;
    let front = Front::model(&BalancerSettings { idle, sticky: true }, &[server.address]).await;
    let api = Api {
        address: front.url().parse().unwrap(),
        backend_key: BACKEND_KEY.to_owned(),
    };
    let stays = async |transport: &str| {
        let key = api
            .create_key(transport, &["dropcodes".to_owned()])
            .await
            .unwrap();
        let config = json!({ "path": "/websockets", "namespace": "/dropcodes", "transports": [transport], "acknowledge": true, "auth": key, "cookies": true });
        let mut client = Client::start("v4", &front.url(), config);
        client.wait_for("connected").await;
        client.quiet_until(idle * 11, &["transport"]).await;
        let message = json!({ "event": "code", "data": 1 });
        let sent = api.publish("dropcodes", transport, &message).await.unwrap();
        assert_eq!(
            client.wait_for("message").await["message"]["id"],
            sent["id"]
        );
    };
    tokio::join!(stays("websocket"), stays("polling"));
}

/// A heartbeat slower than the idle timeout: the plugin is cut, comes back and still gets what was
/// sent meanwhile.
#[tokio::test]
async fn a_plugin_that_is_cut_comes_back_for_its_message() {
    let idle = Duration::from_millis(1200);
    let server = Server::start(&[("PING_INTERVAL", "10s")]).await;
    let front = Front::model(&BalancerSettings { idle, sticky: true }, &[server.address]).await;
    let api = Api {
        address: front.url().parse().unwrap(),
        backend_key: BACKEND_KEY.to_owned(),
    };
    let key = api
        .create_key("c", &["dropcodes".to_owned()])
        .await
        .unwrap();
    let config = json!({ "path": "/websockets", "namespace": "/dropcodes", "transports": ["websocket"], "acknowledge": true, "auth": key });
    let mut client = Client::start("v4", &front.url(), config);
    client.wait_for("connected").await;
    client.wait_for("disconnected").await;
    let message = json!({ "event": "code", "data": 1 });
    let sent = api.publish("dropcodes", "c", &message).await.unwrap();
    client.wait_for("connected").await;
    assert_eq!(
        client.wait_for("message").await["message"]["id"],
        sent["id"]
    );
}

/// Publishing the same id again tells its state, without a second delivery.
async fn acknowledged(api: &Api, channel: &str, sent: &Value) {
    let again =
        json!({ "id": sent["id"], "event": "code", "data": { "code": channel }, "deliver_in": 50 });
    let settled = async {
        loop {
            let state = api.publish("dropcodes", channel, &again).await.unwrap();
            if state["state"] == "acknowledged" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled)
        .await
        .expect("not acknowledged in time");
}
