//! The stack behind the nodes: its timeouts and rules, from the environment's file as it is now, and
//! how it stands on AWS, with the credentials of whoever runs the console.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use super::App;
use super::picture::describe;
use super::security::refuse;
use crate::aws::Clients;
use crate::named_stack::Named;
use crate::status::{Names, read};

/// How long what AWS said is told again: each look is about ten calls.
const FRESH: Duration = Duration::from_secs(5);

/// `GET /api/rules`
pub(super) async fn rules(State(app): State<App>) -> Response {
    // Reading files and running rules takes some milliseconds.
    let described = tokio::task::spawn_blocking(move || {
        let load = app.console.environment.as_ref()?;
        Some(load().and_then(|loaded| describe(&loaded)))
    });
    match described.await {
        Ok(Some(Ok(document))) => Json(document).into_response(),
        Ok(Some(Err(error))) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
        Ok(None) => refuse(
            StatusCode::NOT_FOUND,
            "start the console with --env to see its timeouts and rules",
        ),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the rules did not end"),
    }
}

/// `GET /api/live`
pub(super) async fn live(State(app): State<App>) -> Response {
    let Some(live) = &app.live else {
        return refuse(StatusCode::NOT_FOUND, "this console shows no stack on AWS");
    };
    match live.look().await {
        Ok(document) => Json(document).into_response(),
        Err(text) => refuse(StatusCode::BAD_GATEWAY, &text),
    }
}

/// A stack on AWS.
pub(super) struct Live {
    named: Named,
    clients: OnceCell<Clients>,
    known: Mutex<Known>,
}

/// What is known of it from before.
#[derive(Default)]
struct Known {
    names: Names,
    last: Option<(Instant, Value)>,
}

impl Live {
    pub(super) fn new(named: Named) -> Self {
        Self {
            named,
            clients: OnceCell::new(),
            known: Mutex::default(),
        }
    }

    /// The stack's name.
    pub(super) fn name(&self) -> &str {
        &self.named.name
    }

    /// How it stands, as `status --output json` says it.
    async fn look(&self) -> Result<Value, String> {
        // One look at a time, however many pages ask.
        let mut known = self.known.lock().await;
        if let Some((at, document)) = &known.last
            && at.elapsed() < FRESH
        {
            return Ok(document.clone());
        }
        let region = self.named.region.clone();
        let clients = self.clients.get_or_init(|| Clients::new(region)).await;
        let status = read(clients, &self.named.name, &mut known.names).await;
        let status = status.map_err(|error| error.to_string())?;
        let status = status.ok_or_else(|| self.named.absent())?;
        let document = status.json();
        known.last = Some((Instant::now(), document.clone()));
        Ok(document)
    }
}
