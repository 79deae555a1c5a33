//! A channel at a glance: who is connected, what waits.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::App;
use super::input::{self, Parts};
use crate::problem::Problem;
use crate::store::{Store, Tally};

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
    let sockets = app.context.store.presence(&mailbox).await?;
    let messages = app.context.store.tally(&mailbox).await?;
    Ok(Json(ChannelView {
        namespace,
        channel,
        sockets,
        messages,
    }))
}
