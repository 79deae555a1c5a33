//! The worst that can happen to a process, and to what it had promised: `kill -9` under load.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{BACKEND_KEY, Client, Options, Server};

/// How often the server is killed.
const KILLS: u32 = 50;

/// Publishes until the server dies; returns the ids that it answered with 202.
async fn publish_until_dead(url: String, prefix: String) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut accepted = Vec::new();
    for n in 0.. {
        let id = format!("{prefix}-{n}");
        // Some fall due while the server is dead, some after its return.
        let body =
            json!({ "event": "e", "data": "x".repeat(200), "id": id, "deliver_in": (n % 4) * 50 });
        let answer = http
            .post(format!("{url}/v1/namespaces/dropcodes/channels/c/messages"))
            .header("authorization", format!("ApiKey {BACKEND_KEY}"))
            .json(&body)
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status() == 202 => accepted.push(id),
            Ok(answer) => panic!("{}", answer.text().await.unwrap()),
            Err(_) => break,
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_that_was_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("file:{}", directory.path().display());
    let settings = [("STORE", store.as_str()), ("LOG_LEVEL", "server=info")];
    let mut accepted = Vec::new();
    let mut key = None;
    let mut received = HashSet::new();
    for kill in 0..KILLS {
        let mut server = Server::start(&settings).await;
        if key.is_none() {
            key = Some(server.key("c").await.1);
        }
        // In every fifth life a plugin is there, and takes some of it along.
        let mut client = (kill % 5 == 4).then(|| {
            let options = Options::new(key.as_deref().unwrap()).transports(&["websocket"]);
            Client::start(&server, &options)
        });
        if let Some(client) = &mut client {
            client.wait_for("connected").await;
        }
        let url = format!("http://{}", server.address);
        let publishers: Vec<_> = (0..3)
            .map(|p| tokio::spawn(publish_until_dead(url.clone(), format!("k{kill}p{p}"))))
            .collect();
        // Not the same moment each time, and none that a generator could not repeat.
        tokio::time::sleep(Duration::from_millis(20 + u64::from(kill * 37 % 97))).await;
        server.signal("KILL");
        server.ended().await;
        for publisher in publishers {
            accepted.extend(publisher.await.unwrap());
        }
        if let Some(mut client) = client {
            client.signal("TERM");
            received.extend(client.rest_of_messages().await);
        }
    }

    let server = Server::start(&settings).await;
    let mut lost = Vec::new();
    for id in &accepted {
        let path = format!("/v1/namespaces/dropcodes/channels/c/messages/{id}");
        if server.call(Method::GET, &path, None).await.0 != 200 {
            lost.push(id.clone());
        }
    }
    assert!(
        lost.is_empty(),
        "{} of {} accepted messages were lost: {lost:?}",
        lost.len(),
        accepted.len()
    );

    let mut client = Client::start(
        &server,
        &Options::new(key.as_deref().unwrap()).transports(&["websocket"]),
    );
    let wanted: HashSet<String> = accepted.into_iter().collect();
    while !wanted.is_subset(&received) {
        received.extend(client.messages(1).await);
    }
    assert!(
        wanted.len() > KILLS as usize,
        "there was load: {} messages",
        wanted.len()
    );
    println!("killed {KILLS} times: {} accepted, 0 lost", wanted.len());
}
