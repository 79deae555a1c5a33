//! The main job once, in a few lines: publish, connect, receive, acknowledge.

use serde_json::json;

use crate::harness::{Client, Options, Server};

#[tokio::test]
async fn a_message_waits_and_another_comes_on_time() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let waiting = server
        .publish("c", json!({ "event": "dropcode", "data": { "code": "A" } }))
        .await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    let first = client.wait_for("message").await;
    assert_eq!(first["event"], "dropcode");
    assert_eq!(first["data"], json!({ "code": "A" }));
    assert_eq!(first["message"]["id"], waiting["id"]);
    assert_eq!(first["message"]["redelivered"], false);

    let later = json!({ "event": "dropcode", "data": 1, "deliver_in": 300 });
    let scheduled = server.publish("c", later).await;
    assert_eq!(scheduled["state"], "scheduled");
    assert_eq!(
        client.messages(1).await,
        [scheduled["id"].as_str().unwrap()]
    );
    for message in [waiting, scheduled] {
        let id = message["id"].as_str().unwrap();
        server.becomes("c", id, "acknowledged").await;
    }
}
