//! Which backend calls, and what it may do.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::admission::{Client, InFlight};
use crate::backends::{Backend, Scope};
use crate::keys;
use crate::problem::Problem;

/// Middleware: lets backends pass that may do what they ask for. The backend is in the request's
/// extensions from here on.
pub(super) async fn authenticate(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Extension(place): Extension<InFlight>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    let key = match header.map(keys::of_header) {
        Some(Some(key)) => key,
        Some(None) => {
            let detail = "The Authorization header must read: ApiKey <backend key>";
            return refuse(&app, client, detail);
        }
        None => {
            let detail = "Send a backend key as the header Authorization: ApiKey <backend key>";
            return refuse(&app, client, detail);
        }
    };
    let Some(backend) = app.settings.s2s_keys.find(key) else {
        if let Err(refused) = app.admission.not_banned(client) {
            return refused.into_response();
        }
        app.admission.failed_key(client);
        return refuse(&app, client, "This server does not know this backend key");
    };
    // Backends are known: what they have in flight is theirs to bound.
    place.release();
    if let Err(problem) = permitted(&backend, request.method(), request.uri().path()) {
        app.admission.refused("forbidden_backend", client);
        tracing::info!(backend = backend.name, %client, "a backend asked for what its key does \
                                                         not allow");
        return problem.into_response();
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let name = backend.name.clone();
    request.extensions_mut().insert(backend);
    let response = next.run(request).await;
    tracing::debug!(backend = name, %client, %method, path, status = response.status().as_u16(), "called");
    response
}

fn refuse(app: &App, client: Client, detail: &'static str) -> Response {
    app.admission.refused("invalid_backend_key", client);
    Problem::unauthorized(detail).into_response()
}

/// Whether a backend may do this. The path is that behind `/v1`.
fn permitted(backend: &Arc<Backend>, method: &Method, path: &str) -> Result<(), Problem> {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let mut segments = path.split('/').skip(1);
    let (first, second) = (segments.next(), segments.next());
    let scope = match (first, method) {
        (Some("keys"), _) => Scope::Keys,
        (_, &Method::GET | &Method::HEAD) => Scope::Read,
        _ => Scope::Publish,
    };
    if !backend.may(scope) {
        return Err(Problem::forbidden(format!(
            "This backend key does not have the scope {}",
            scope.name()
        )));
    }
    match second.filter(|_| first == Some("namespaces")) {
        Some(namespace) if !backend.may_use(namespace) => Err(Problem::forbidden(
            "This backend key does not open this namespace",
        )),
        _ => Ok(()),
    }
}
