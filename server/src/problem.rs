//! Refusals as `application/problem+json` (RFC 9457): what is wrong, in which field, and what to
//! do.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::store::StoreError;

/// Seconds after which a refused request may be tried again, unless told otherwise.
const RETRY_AFTER_SECONDS: u64 = 2;

/// A refusal.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status_code: StatusCode,
    /// Seconds after which the request may be tried again.
    #[serde(skip)]
    retry_after: u64,
    status: u16,
    /// A short name for the kind of problem, the same for all of its kind.
    title: &'static str,
    /// What is wrong here, and what to do.
    detail: String,
    /// Each field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The id under which the request may be repeated safely.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path, such as `deliver_at` or `namespaces[0]`; empty for the body as a whole.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// What is wrong with `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            status_code: status,
            retry_after: RETRY_AFTER_SECONDS,
            status: status.as_u16(),
            title,
            detail,
            errors: Vec::new(),
            id: None,
        }
    }

    /// 400: not a request that can be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", detail)
    }

    /// 401: no key, or not a right one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", detail)
    }

    /// 403: the key is right, and not for this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    /// 405: the path exists, the method does not.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            "See /openapi.json for what this path takes",
        )
    }

    /// 408: the request came too slowly.
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "Request timeout", detail)
    }

    /// 409: it contradicts what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", detail)
    }

    /// 413: it is larger than allowed.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", detail)
    }

    /// 415: it is not JSON.
    pub fn unsupported_media_type() -> Self {
        let detail = "Send JSON with the header Content-Type: application/json";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            detail,
        )
    }

    /// 422: fields are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let list: Vec<_> = errors
            .iter()
            .map(|e| format!("{} {}", e.field, e.detail).trim().to_owned())
            .collect();
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid fields",
                list.join("; "),
            )
        }
    }

    /// 429: a bound is reached.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many", detail)
    }

    /// 500: a mistake of the server.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail)
    }

    /// 503: it may pass later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
    }

    /// Names the id under which the request may be repeated safely.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            ..self
        }
    }

    /// Says after how many seconds the request may be tried again.
    #[must_use]
    pub fn after(self, seconds: u64) -> Self {
        Self {
            retry_after: seconds,
            ..self
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        Self::internal(format!("no random numbers: {error}"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // What the store said is for the log; the caller learns that it may try again.
        tracing::warn!(%error, "a request could not be served");
        if let StoreError::Disk(_) = error {
            return Self::unavailable(
                "The store's disk takes no writes. Nothing was stored. Retry later",
            );
        }
        Self::unavailable(
            "The store does not answer. The request may have been applied. Retry with the same id",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status_code == StatusCode::INTERNAL_SERVER_ERROR {
            // The alarm of a deployment counts these lines.
            tracing::error!(detail = self.detail, "answered 500");
        }
        let mut response = (self.status_code, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self.status_code {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after));
            }
            _ => {}
        }
        response
    }
}
