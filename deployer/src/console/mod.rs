//! The console: a page about the nodes, channels and messages of a server, and about the stack that
//! they run in. It is served on loopback and talks to the server with a backend's key, which never
//! reaches the page.

mod actions;
mod assets;
mod browser;
mod feed;
mod picture;
mod proxy;
mod security;
mod stack;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::loaded_environment::Loaded;
use crate::local::api::Api;
use crate::named_stack::Named;

pub use browser::{Redirect, open};
pub use security::{Guard, TOKEN_HEADER};
pub use watch::Door;

/// Reads an environment anew.
pub type Load = Box<dyn Fn() -> anyhow::Result<Loaded> + Send + Sync>;

/// What a console shows.
pub struct Console {
    /// The server, with a backend's key.
    pub api: Api,
    /// Where plugins connect.
    pub door: Door,
    /// The environment's name, where there is one.
    pub name: Option<String>,
    /// The namespaces, where they are known.
    pub namespaces: Vec<String>,
    /// The control socket, where it is a local stack.
    pub control: Option<PathBuf>,
    /// The environment whose rules are shown.
    pub environment: Option<Load>,
    /// The stack, where it is one on AWS.
    pub stack: Option<Named>,
}

/// What the calls work with.
struct Parts {
    console: Console,
    feed: feed::Feed,
    live: Option<stack::Live>,
    watches: watch::Watches,
}

type App = Arc<Parts>;

/// Serves a console until `stop`.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    guard: Guard,
    mut console: Console,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let feed = feed::Feed::start(console.api.clone(), console.control.clone());
    let live = console.stack.take().map(stack::Live::new);
    let app = Arc::new(Parts {
        console,
        feed,
        live,
        watches: watch::Watches::default(),
    });
    let calls = Router::new()
        .route("/about", get(about))
        .route("/feed", get(listen))
        .route("/rules", get(stack::rules))
        .route("/live", get(stack::live))
        .route("/drift", get(stack::drift))
        .route("/local", post(actions::local))
        .route("/watch", get(watch::watch))
        .route("/v1/{*path}", any(proxy::forward))
        .fallback(nothing)
        .with_state(Arc::clone(&app))
        .layer(middleware::from_fn_with_state(
            guard.clone(),
            security::known,
        ));
    let router = Router::new()
        .nest("/api", calls)
        .merge(assets::router())
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(guard, security::own));
    let served = tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        () = stop => Ok(()),
    };
    app.watches.end().await;
    served
}

async fn nothing() -> axum::response::Response {
    security::refuse(StatusCode::NOT_FOUND, "the console has no such path")
}

/// `GET /api/about`: what the page is about. No secret is in it.
async fn about(State(app): State<App>) -> Json<Value> {
    let console = &app.console;
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "server": console.api.address.to_string(),
        "environment": console.name,
        "namespaces": console.namespaces,
        "local": console.control.is_some(),
        "rules": console.environment.is_some(),
        "aws": app.live.as_ref().map(stack::Live::name),
    }))
}

async fn listen(State(app): State<App>) -> impl axum::response::IntoResponse {
    app.feed.listen()
}
