//! Looking at messages, and cancelling them.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::App;
use super::input::{self, Page, Parts, cursor_mistake, encode_cursor};
use super::timeline;
use super::why::{self, Why};
use crate::clock::Millis;
use crate::message::{Mailbox, Position, State as MessageState, Status};
use crate::metrics;
use crate::names;
use crate::problem::{FieldError, Problem};
use crate::store::{Cancelled, Store};

/// A message as backends see it.
#[derive(Serialize)]
pub(super) struct MessageView {
    id: String,
    namespace: String,
    /// None for a message to everyone.
    channel: Option<String>,
    event: String,
    data: Box<RawValue>,
    created_at: Millis,
    deliver_at: Millis,
    expires_at: Millis,
    state: MessageState,
    keys: KeyCounts,
    /// What its publisher should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notice: Option<Why>,
}

/// A message with all that is known of it.
#[derive(Serialize)]
pub(super) struct MessageDetail {
    #[serde(flatten)]
    message: MessageView,
    why: Why,
    timeline: Vec<timeline::Entry>,
    receipts: Vec<timeline::ReceiptView>,
}

#[derive(Serialize)]
struct KeyCounts {
    delivered: u32,
    acknowledged: u32,
}

impl MessageView {
    pub(super) fn new(status: &Status, now: Millis) -> Self {
        let message = &status.message;
        Self {
            id: message.id.clone(),
            namespace: message.mailbox.namespace().to_owned(),
            channel: message.mailbox.channel_name().map(str::to_owned),
            event: message.event.clone(),
            data: message.data.clone(),
            created_at: message.created_at,
            deliver_at: message.deliver_at,
            expires_at: message.expires_at,
            state: status.state(now),
            keys: KeyCounts {
                delivered: status.delivered_keys,
                acknowledged: status.acknowledged_keys,
            },
            notice: None,
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// The cursor of the next page, if there may be one.
    pub(super) next: Option<String>,
}

/// `namespace`, and `channel` and `id` where the path has them.
type Names = Parts<HashMap<String, String>>;

fn mailbox_of(app: &App, path: &HashMap<String, String>) -> Result<Mailbox, Problem> {
    let namespace = path.get("namespace").map_or("", String::as_str);
    input::mailbox(app, namespace, path.get("channel").map(String::as_str))
}

fn id_of(path: &HashMap<String, String>) -> Result<&str, Problem> {
    let id = path.get("id").filter(|id| names::is_name(id));
    id.map(String::as_str)
        .ok_or_else(|| Problem::invalid(vec![FieldError::new("id", names::EXPECTED)]))
}

fn unknown() -> Problem {
    Problem::not_found("There is no message with this id here, or it ended more than a day ago")
}

/// `GET …/messages/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Parts(path): Names,
) -> Result<Json<MessageDetail>, Problem> {
    let status = app
        .context
        .store
        .status(&mailbox_of(&app, &path)?, id_of(&path)?)
        .await?;
    let status = status.ok_or_else(unknown)?;
    let now = app.context.clock.now();
    Ok(Json(MessageDetail {
        message: MessageView::new(&status, now),
        why: why::of(&app, &status, now).await,
        timeline: timeline::of(&status, now),
        receipts: timeline::receipts(&status, now),
    }))
}

/// `GET …/messages`: the latest first.
pub(super) async fn list(
    State(app): State<App>,
    Parts(path): Names,
    RawQuery(query): RawQuery,
) -> Result<Json<List<MessageView>>, Problem> {
    let mailbox = mailbox_of(&app, &path)?;
    let page = Page::of(query.as_deref())?;
    let before = page.cursor.as_deref().map(position).transpose()?;
    let found = app.context.store.list(&mailbox, before, page.limit).await?;
    let last = found
        .last()
        .map(|status| status.message.position())
        .filter(|_| found.len() == page.limit);
    let next = last.map(|at| encode_cursor(&format!("{}.{}", at.deliver_at.0, at.seq)));
    let now = app.context.clock.now();
    Ok(Json(List {
        items: found
            .iter()
            .map(|status| MessageView::new(status, now))
            .collect(),
        next,
    }))
}

fn position(cursor: &str) -> Result<Position, Problem> {
    let parts = cursor
        .split_once('.')
        .and_then(|(at, seq)| Some((at.parse().ok()?, seq.parse().ok()?)));
    let (at, seq) = parts.ok_or_else(|| Problem::invalid(vec![cursor_mistake()]))?;
    Ok(Position {
        deliver_at: Millis(at),
        seq,
    })
}

/// `DELETE …/messages/{id}`
pub(super) async fn cancel(
    State(app): State<App>,
    Parts(path): Names,
) -> Result<StatusCode, Problem> {
    let (mailbox, id) = (mailbox_of(&app, &path)?, id_of(&path)?);
    match app.context.store.cancel(&mailbox, id).await? {
        Cancelled::Done => {
            app.context
                .metrics
                .count(metrics::MessageState::cancelled, 1);
            tracing::info!(channel = %mailbox, message_id = id, "cancelled");
            Ok(StatusCode::NO_CONTENT)
        }
        Cancelled::TooLate => Err(Problem::conflict(
            "The message was due already; it can no longer be cancelled",
        )),
        Cancelled::Unknown => Err(unknown()),
    }
}
