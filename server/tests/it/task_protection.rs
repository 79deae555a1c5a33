//! A task asks ECS not to be stopped while much is ahead of it, at an agent endpoint that answers
//! as AWS documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::harness::{Client, Options, PATIENCE, Server, eventually};

/// The endpoint of the ECS agent in a task.
struct Agent {
    uri: String,
    asked: Receiver<Value>,
}

struct Serving {
    /// How many requests are refused before one is done.
    refuses: AtomicUsize,
    asked: Sender<Value>,
}

const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task/drops/0123456789abcdef";

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>
async fn update(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    assert_eq!(headers["content-type"], "application/json");
    let enabled = body["ProtectionEnabled"].as_bool().expect("required");
    let minutes = &body["ExpiresInMinutes"];
    assert!(minutes.is_null() || (1..=2880).contains(&minutes.as_u64().unwrap()));
    let less = |left: usize| left.checked_sub(1);
    let order = Ordering::SeqCst;
    let refused = serving.refuses.fetch_update(order, order, less).is_ok();
    let _ = serving.asked.send(body.clone()).await;
    if refused {
        let error = json!({
            "Arn": ARN, "Code": "AccessDeniedException",
            "Message": "User is not authorized to perform: ecs:UpdateTaskProtection",
        });
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
    }
    let mut protection = json!({ "ProtectionEnabled": enabled, "TaskArn": ARN });
    if enabled {
        protection["ExpirationDate"] = json!("2026-11-26T12:00:00Z");
    }
    (StatusCode::OK, Json(json!({ "protection": protection })))
}

impl Agent {
    async fn start(refuses: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/api/0123abcd", listener.local_addr().unwrap());
        let (sender, asked) = channel(64);
        let serving = Arc::new(Serving {
            refuses: refuses.into(),
            asked: sender,
        });
        let router = Router::new()
            .route("/api/0123abcd/task-protection/v1/state", put(update))
            .with_state(serving);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { uri, asked }
    }

    /// What it is asked next.
    async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.asked.recv()).await.unwrap().unwrap()
    }

    async fn server(&self, deliveries: &str) -> Server {
        let settings = [
            ("ECS_AGENT_URI", &*self.uri),
            ("PEAK_DELIVERIES", deliveries),
            ("DRAIN", "4s"),
        ];
        Server::start(&settings).await
    }
}

fn protected() -> Value {
    json!({ "ProtectionEnabled": true, "ExpiresInMinutes": 3 })
}

/// Two sockets of a channel, and messages that will fall due in half a minute.
async fn peak(server: &Server, messages: usize) -> [Client; 2] {
    let (_, key) = server.key("c").await;
    let mut clients = [0, 1].map(|_| Client::start(server, &Options::new(&key)));
    for client in &mut clients {
        client.wait_for("connected").await;
    }
    for number in 0..messages {
        let message =
            json!({ "id": format!("m{number}"), "event": "e", "data": 1, "deliver_in": 30_000 });
        server.publish("c", message).await;
    }
    clients
}

#[tokio::test]
async fn a_peak_protects_the_task_until_it_is_over() {
    let mut agent = Agent::start(0).await;
    let server = agent.server("6").await;
    let clients = peak(&server, 2).await;
    eventually("they are counted", async || {
        (server.metric("holdfast_deliveries_ahead").await == 4.0).then_some(())
    })
    .await;
    assert_eq!(server.metric("holdfast_protected").await, 0.0);
    assert!(agent.asked.try_recv().is_err(), "four are no peak");
    let third = json!({ "id": "last", "event": "e", "data": 1, "deliver_in": 30_000 });
    server.publish("c", third).await;
    assert_eq!(agent.next().await, protected());
    eventually("it is protected", async || {
        (server.metric("holdfast_protected").await == 1.0).then_some(())
    })
    .await;
    let message = "/v1/namespaces/dropcodes/channels/c/messages/last";
    let (status, _) = server.call(reqwest::Method::DELETE, message, None).await;
    assert!((200..300).contains(&status), "{status}");
    assert_eq!(agent.next().await, json!({ "ProtectionEnabled": false }));
    eventually("it is not protected", async || {
        (server.metric("holdfast_protected").await == 0.0).then_some(())
    })
    .await;
    drop(clients);
}

#[tokio::test]
async fn a_refusal_is_told_once_and_asked_again() {
    let mut agent = Agent::start(2).await;
    let server = agent.server("2").await;
    let clients = peak(&server, 1).await;
    for _ in 0..3 {
        assert_eq!(agent.next().await, protected());
    }
    let told = |text: &str| {
        let mut log = server.log();
        log.retain(|line| line["message"] == text);
        log
    };
    let done = eventually("it is told", async || {
        told("ECS does not scale this task in").pop()
    })
    .await;
    assert_eq!(done["ahead"], 2);
    let refused = told("ECS does not protect this task from scaling in");
    assert_eq!(refused.len(), 1);
    let error = refused[0]["error"].as_str().unwrap();
    assert!(error.contains("AccessDeniedException"), "{error}");
    drop(clients);
}

#[tokio::test]
async fn a_drain_protects_the_task_unless_that_is_off() {
    let mut agent = Agent::start(0).await;
    let (mut server, mut other) = (agent.server("1000").await, agent.server("none").await);
    let clients = [peak(&server, 1).await, peak(&other, 1).await];
    other.signal("TERM");
    assert!(other.ended().await.success());
    assert!(agent.asked.try_recv().is_err(), "it is off");
    server.signal("TERM");
    assert_eq!(agent.next().await, protected());
    assert!(server.ended().await.success());
    drop(clients);
}
