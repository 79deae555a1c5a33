//! The stack behind the nodes: its timeouts and rules, from the environment's file as it is now, and
//! how it stands on AWS, with the credentials of whoever runs the console.

use std::time::{Duration, Instant};

use aws_model::Model;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use super::picture::describe;
use super::security::refuse;
use super::{App, Load};
use crate::aws::{Clients, read_stack};
use crate::loaded_environment::Loaded;
use crate::named_stack::Named;
use crate::reading::{Flags, read, read_live};
use crate::report::Report;
use crate::status::{self, Names};

/// How long what AWS said is told again: each look is about ten calls.
const FRESH: Duration = Duration::from_secs(5);
/// How long what differs from the template is told again: settings change seldom.
const COMPARED: Duration = Duration::from_secs(30);

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

/// `GET /api/drift`: where what is live differs from the template, and the rules that it violates,
/// as `check --live` finds them.
pub(super) async fn drift(State(app): State<App>) -> Response {
    let (Some(live), Some(load)) = (&app.live, &app.console.environment) else {
        return refuse(StatusCode::NOT_FOUND, "this console shows no stack on AWS");
    };
    match live.compare(load).await {
        Ok(document) => Json(document).into_response(),
        Err(text) => refuse(StatusCode::BAD_GATEWAY, &text),
    }
}

/// What `check --live` finds.
fn compared(loaded: &Loaded, live: &Model) -> anyhow::Result<Value> {
    let flags = Flags::default();
    let mut readings = read(&loaded.rendered, &flags)?;
    let drifts = readings.add_live(read_live(live, &flags)?);
    let report = Report::new(readings, &loaded.ignores).with_drifts(drifts);
    let drifts = report.drifts.iter().map(|drift| {
        json!({
            "message": drift.message(),
            "template": drift.template.place.to_string(),
            "live": drift.live.place.to_string(),
        })
    });
    let found = report.findings.iter().map(|finding| {
        json!({
            "rule": finding.rule.name,
            "level": finding.violation.level.to_string(),
            "message": finding.violation.message,
        })
    });
    Ok(json!({ "drifts": drifts.collect::<Vec<_>>(), "findings": found.collect::<Vec<_>>() }))
}

/// A stack on AWS.
pub(super) struct Live {
    named: Named,
    clients: OnceCell<Clients>,
    known: Mutex<Known>,
    compared: Mutex<Option<(Instant, Value)>>,
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
            compared: Mutex::default(),
        }
    }

    /// The stack's name.
    pub(super) fn name(&self) -> &str {
        &self.named.name
    }

    async fn clients(&self) -> &Clients {
        let region = self.named.region.clone();
        self.clients.get_or_init(|| Clients::new(region)).await
    }

    /// Where it differs from the environment, and the rules that it violates.
    async fn compare(&self, load: &Load) -> Result<Value, String> {
        let mut last = self.compared.lock().await;
        if let Some((at, document)) = &*last
            && at.elapsed() < COMPARED
        {
            return Ok(document.clone());
        }
        let live = read_stack(self.clients().await, &self.named.name).await;
        let live = live.map_err(|error| error.to_string())?;
        let document = load().and_then(|loaded| compared(&loaded, &live));
        let document = document.map_err(|error| format!("{error:#}"))?;
        *last = Some((Instant::now(), document.clone()));
        Ok(document)
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
        let clients = self.clients().await;
        let status = status::read(clients, &self.named.name, &mut known.names).await;
        let status = status.map_err(|error| error.to_string())?;
        let status = status.ok_or_else(|| self.named.absent())?;
        let document = status.json();
        known.last = Some((Instant::now(), document.clone()));
        Ok(document)
    }
}
