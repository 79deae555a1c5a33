//! A channel at a glance: who is connected, what waits; and which channels there are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, RawQuery, State};
use serde::Serialize;

use super::App;
use super::input::{self, Page, Parts, encode_cursor};
use super::keys::is_of;
use super::messages::List;
use crate::backends::Backend;
use crate::problem::Problem;
use crate::store::{Store, Tally, presence};

#[derive(Serialize)]
pub(super) struct ChannelView {
    namespace: String,
    channel: String,
    /// Sockets connected, on all nodes.
    sockets: u64,
    /// Live messages by state.
    messages: Tally,
}

/// `GET /v1/namespaces/{namespace}/channels/{channel}`
pub(super) async fn show(
    State(app): State<App>,
    Parts((namespace, channel)): Parts<(String, String)>,
) -> Result<Json<ChannelView>, Problem> {
    let mailbox = input::mailbox(&app, &namespace, Some(&channel))?;
    let sockets = presence(&*app.context.store, &mailbox).await?;
    let messages = app.context.store.tally(&mailbox).await?;
    Ok(Json(ChannelView {
        namespace,
        channel,
        sockets,
        messages,
    }))
}

/// A channel that has keys.
#[derive(Serialize)]
pub(super) struct ChannelEntry {
    channel: String,
    keys: u64,
}

/// Keys of a channel that are looked at for whether a backend may see it.
const KEYS: usize = 100;

/// `GET /v1/channels`: those that have keys, by name; with `prefix`, those that begin with it.
pub(super) async fn list(
    State(app): State<App>,
    Extension(backend): Extension<Arc<Backend>>,
    RawQuery(query): RawQuery,
) -> Result<Json<List<ChannelEntry>>, Problem> {
    let (prefix, rest) = input::take(query.as_deref().unwrap_or_default(), "prefix")?;
    let page = Page::of(Some(&rest))?;
    let (store, prefix) = (&app.context.store, prefix.unwrap_or_default());
    let after = page.cursor.as_deref();
    let found = store.channels(&prefix, after, page.limit).await?;
    let last = found.last().filter(|_| found.len() == page.limit);
    let next = last.map(|(channel, _)| encode_cursor(channel));
    let mut items = Vec::new();
    for (channel, keys) in found {
        if backend.is_limited() {
            let own = store.keys_of(&channel, None, KEYS).await?;
            if !own.iter().any(|key| is_of(&backend, key)) {
                continue;
            }
        }
        items.push(ChannelEntry { channel, keys });
    }
    Ok(Json(List { items, next }))
}
