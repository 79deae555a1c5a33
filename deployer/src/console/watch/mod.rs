//! A channel watched live, as server-sent events: messages as they are delivered, and what becomes
//! of them. The page gets no key: the console makes one that only watches, joins with it as a plugin
//! does, and revokes it when the page leaves.

mod receipts;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Value, json};
use socketio_client::{Address, Error, Session, Settings};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::receipts::Receipts;
use super::App;
use super::security::refuse;
use crate::lateness::late;
use crate::local::api::{self, Api};
use crate::server_target::with_slash;

/// Channels that are watched at a time: each is a key and a connection.
const MOST: usize = 20;
/// Events that wait for a page. One that does not read them is left.
const QUEUE: usize = 256;
/// The first wait before connecting again; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the end of the console waits for keys to be revoked.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Where plugins connect.
#[derive(Clone, Debug)]
pub struct Door {
    /// The server or its load balancer.
    pub address: Address,
    /// The Socket.IO path.
    pub path: String,
}

/// Those that watch now.
#[derive(Debug, Default)]
pub(super) struct Watches {
    running: TaskTracker,
    ended: CancellationToken,
}

impl Watches {
    /// Ends all of them, and waits until their keys are revoked. A key that is not ends by itself
    /// within a day.
    pub(super) async fn end(&self) {
        self.ended.cancel();
        self.running.close();
        let _ = timeout(AT_THE_END, self.running.wait()).await;
    }
}

/// What is watched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    namespace: String,
    channel: String,
}

/// `GET /api/watch`
pub(super) async fn watch(State(app): State<App>, Query(of): Query<Of>) -> Response {
    if app.watches.running.len() >= MOST {
        let text = format!("{MOST} channels are watched already");
        return refuse(StatusCode::TOO_MANY_REQUESTS, &text);
    }
    let api = app.console.api.clone();
    let (sender, receiver) = mpsc::channel(QUEUE);
    // The key is made by the task that revokes it: whoever leaves meanwhile leaves none behind.
    let (opened, open) = tokio::sync::oneshot::channel();
    let (door, ended) = (app.console.door.clone(), app.watches.ended.clone());
    app.watches.running.spawn(async move {
        let key = api.create_listener_key(&of.channel, &of.namespace, true);
        let (id, key) = match key.await {
            Ok(created) => created,
            Err(error) => return drop(opened.send(Err(error))),
        };
        if opened.send(Ok(())).is_ok() {
            let settings = settings(door, &of, key);
            tokio::select! {
                () = sender.closed() => {}
                () = ended.cancelled() => {}
                () = attend(&settings, &api, &of, &sender) => {}
            }
        }
        // It ends by itself within a day.
        let _ = api.revoke_key(&id).await;
    });
    match open.await {
        Ok(Ok(())) => events(receiver),
        Ok(Err(api::Error::Refused { status, detail })) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            refuse(status, &detail)
        }
        Ok(Err(error)) => refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the watch did not begin"),
    }
}

fn settings(door: Door, of: &Of, key: String) -> Settings {
    Settings {
        address: door.address,
        path: door.path,
        namespace: with_slash(&of.namespace),
        key: Some(key),
    }
}

fn events(receiver: Receiver<Value>) -> Response {
    let events = unfold(receiver, |mut receiver| async move {
        let document = receiver.recv().await?;
        // JSON has no line breaks of its own, which would end an event.
        let event = Event::default().data(document.to_string());
        Some((Ok::<_, Infallible>(event), receiver))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// Watches for as long as the page listens, over sessions that end.
async fn attend(settings: &Settings, api: &Api, of: &Of, page: &Sender<Value>) {
    let mut receipts = Receipts::new(api.clone(), &of.namespace, &of.channel);
    let mut wait = FIRST_WAIT;
    loop {
        let error = match Session::connect(settings).await {
            Ok(session) => {
                wait = FIRST_WAIT;
                match sit(session, settings, &mut receipts, page).await {
                    Some(error) => error,
                    None => return,
                }
            }
            Err(error) => error,
        };
        let text = format!("disconnected: {error}; connecting again");
        let last = matches!(error, Error::ConnectError(_));
        let told = page.try_send(json!({ "type": "trouble", "text": text }));
        if told.is_err() || last {
            return;
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// One session: why it ended; none where the page reads no more.
async fn sit(
    mut session: Session,
    settings: &Settings,
    receipts: &mut Receipts,
    page: &Sender<Value>,
) -> Option<Error> {
    let watching = json!({ "type": "watching", "node": session.node });
    page.try_send(watching).ok()?;
    loop {
        let told = tokio::select! {
            incoming = session.event() => {
                let incoming = match incoming {
                    Ok(incoming) => incoming,
                    Err(error) => return Some(error),
                };
                let message = incoming.arguments.get(1).cloned().unwrap_or(Value::Null);
                if let Some(id) = message["id"].as_str() {
                    receipts.follow(id);
                    // Else it would come again, and again.
                    if let Some(number) = incoming.ack
                        && let Err(error) = session.acknowledge(number, vec![id.into()]).await
                    {
                        return Some(error);
                    }
                }
                vec![json!({
                    "type": "message",
                    "event": incoming.event,
                    "data": incoming.arguments.first(),
                    "message": message,
                    "late_ms": late(&message, &settings.address),
                })]
            }
            news = receipts.news() => news,
        };
        for document in told {
            page.try_send(document).ok()?;
        }
    }
}
