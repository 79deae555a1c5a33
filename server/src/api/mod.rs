//! The HTTP interface: JSON for backends, problem details for refusals, and the door to Socket.IO.

mod access;
mod body;
mod channels;
mod data;
mod description;
mod health;
mod input;
mod key_body;
mod key_view;
mod keys;
mod messages;
mod metrics;
mod notice;
mod origins;
mod publish;
mod refusals;
mod timeline;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware;
use axum::routing::{any, get, post};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::admission;
use crate::problem::Problem;
use crate::socketio::{Gate, Handler};

pub(crate) use metrics::page as metrics_page;

/// The header that names the node which answered.
const NODE_ID: HeaderName = HeaderName::from_static("x-node-id");

/// What every call works with.
type App = Arc<Handler>;

/// The public interface of a node.
pub fn router(app: &App, gate: Gate) -> Router {
    let (settings, node) = (&app.settings, &app.context.node);
    let socket_io = any(move |request: Request<Body>| gate.clone().answer(request));
    let router = Router::new()
        .nest("/v1", backend(app))
        .route("/healthcheck", get(health::check))
        .route("/openapi.json", get(description::show))
        .route(&settings.socket_path, socket_io.clone())
        .route(&format!("{}/", settings.socket_path), socket_io)
        .fallback(async || Problem::not_found("See /openapi.json for the paths of this server"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .with_state(app.clone())
        .layer(middleware::from_fn(admission::drained))
        .layer(middleware::from_fn_with_state(
            app.admission.clone(),
            admission::admit_request,
        ));
    let router = match settings.cors_origins.is_empty() {
        true => router,
        false => router.layer(cors(&settings.cors_origins)),
    };
    let origins = origins::Origins::new(settings.cors_origins.clone());
    let router = router.layer(middleware::from_fn_with_state(origins, origins::tell));
    // A node's name holds header characters only.
    let node = HeaderValue::from_str(node).unwrap_or(HeaderValue::from_static("unnamed"));
    router.layer(SetResponseHeaderLayer::overriding(NODE_ID, node))
}

/// What only backends may call.
fn backend(app: &App) -> Router<App> {
    let latest = Arc::new(metrics::Latest::default());
    let channel = "/namespaces/{namespace}/channels/{channel}";
    Router::new()
        .route(
            "/namespaces/{namespace}/messages",
            post(publish::to_everyone).get(messages::list),
        )
        .route(
            "/namespaces/{namespace}/messages/{id}",
            get(messages::show).delete(messages::cancel),
        )
        .route("/namespaces/{namespace}/batch", post(publish::batch))
        .route(channel, get(channels::show))
        .route(
            &format!("{channel}/messages"),
            post(publish::to_channel).get(messages::list),
        )
        .route(
            &format!("{channel}/messages/{{id}}"),
            get(messages::show).delete(messages::cancel),
        )
        .route("/channels", get(channels::list))
        .route("/metrics", get(metrics::show).layer(Extension(latest)))
        .route("/refusals", get(refusals::show))
        .route("/keys", post(keys::issue).get(keys::list))
        .route("/keys/{id}", get(keys::show).delete(keys::revoke))
        .fallback(async || Problem::not_found("See /openapi.json for the paths of this server"))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            access::authenticate,
        ))
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([NODE_ID, RETRY_AFTER])
}
