//! The page itself: three files that are built from `deployer/console` and committed, so that
//! whoever builds the deployer needs no Node. They hold no secret.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const PAGE: &str = include_str!("../../console/dist/index.html");
const SCRIPT: &str = include_str!("../../console/dist/console.js");
const STYLE: &str = include_str!("../../console/dist/console.css");
const ICON: &str = include_str!("../../console/dist/icon.svg");

/// The paths of the page.
pub(super) fn router() -> Router {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, kind)], text) })
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route(
            "/console.js",
            file("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/console.css", file("text/css; charset=utf-8", STYLE))
        .route("/icon.svg", file("image/svg+xml", ICON))
}
