//! `GET /v1/refusals`: from which networks clients are refused or banned, and why. It is of the node
//! that answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};

use super::App;
use crate::admission::Refusing;
use crate::backends::Backend;
use crate::problem::Problem;

/// For a backend. One that may use some namespaces only must not see clients of the others.
pub(super) async fn show(
    State(app): State<App>,
    Extension(backend): Extension<Arc<Backend>>,
) -> Result<Json<Refusing>, Problem> {
    if backend.is_limited() {
        return Err(Problem::forbidden(
            "Refusals are of all namespaces, and this backend key opens some only",
        ));
    }
    Ok(Json(app.admission.refusing(app.context.clock.now())))
}
