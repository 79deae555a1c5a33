//! Plugin keys: issued, listed, revoked.

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::App;
use super::body::{self, object};
use super::input::{Page, Parts, encode_cursor};
use super::messages::List;
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::names;
use crate::problem::{FieldError, Problem};
use crate::store::Store;

/// Bytes of a request for a key.
const MOST_BODY: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    channel: String,
    namespaces: Vec<String>,
    expires_at: Option<Millis>,
}

/// A key as backends see it; the key itself only in the answer that issues it.
#[derive(Serialize)]
pub(super) struct KeyView {
    id: String,
    channel: String,
    namespaces: Vec<String>,
    created_at: Millis,
    expires_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyView {
    fn new(record: KeyRecord, key: Option<String>) -> Self {
        let KeyRecord {
            id,
            channel,
            namespaces,
            created_at,
            expires_at,
            ..
        } = record;
        Self {
            id: id.to_string(),
            channel,
            namespaces,
            created_at,
            expires_at,
            key,
        }
    }
}

/// `POST /v1/keys`
pub(super) async fn issue(
    State(app): State<App>,
    request: Request,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let body: KeyBody = object(&body::read(request, MOST_BODY).await?)?;
    let now = app.context.clock.now();
    check(&app, &body, now)?;
    let (record, key) = KeyRecord::issue(body.channel, body.namespaces, now, body.expires_at)
        .map_err(|error| Problem::internal(format!("no random numbers: {error}")))?;
    if !app.context.store.put_key(record.clone()).await? {
        return Err(Problem::too_many(
            "There are as many keys as the store may hold; revoke those no longer used",
        ));
    }
    tracing::info!(key = %record.id, channel = record.channel, "key issued");
    Ok((StatusCode::CREATED, Json(KeyView::new(record, Some(key)))))
}

fn check(app: &App, body: &KeyBody, now: Millis) -> Result<(), Problem> {
    let mut errors = Vec::new();
    if !names::is_name(&body.channel) {
        errors.push(FieldError::new("channel", names::EXPECTED));
    }
    if body.namespaces.is_empty() {
        errors.push(FieldError::new("namespaces", "must name one at least"));
    }
    for (index, namespace) in body.namespaces.iter().enumerate() {
        let field = format!("namespaces[{index}]");
        if !app.settings.namespaces.contains(namespace) {
            let known = app.settings.namespaces.join(", ");
            errors.push(FieldError::new(
                field,
                format!("is not known; there are: {known}"),
            ));
        } else if body.namespaces[..index].contains(namespace) {
            errors.push(FieldError::new(field, "is named twice"));
        }
    }
    if body.expires_at.is_some_and(|end| end <= now) {
        errors.push(FieldError::new("expires_at", "must be later than now"));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(errors))
    }
}

/// `GET /v1/keys`: the oldest first, expired ones included until they are revoked.
pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<List<KeyView>>, Problem> {
    let page = Page::of(query.as_deref())?;
    let found = app
        .context
        .store
        .keys(page.cursor.as_deref(), page.limit)
        .await?;
    let next = found
        .last()
        .filter(|_| found.len() == page.limit)
        .map(|last| encode_cursor(&last.id));
    Ok(Json(List {
        items: found
            .into_iter()
            .map(|record| KeyView::new(record, None))
            .collect(),
        next,
    }))
}

/// `DELETE /v1/keys/{id}`
pub(super) async fn revoke(
    State(app): State<App>,
    Parts(id): Parts<String>,
) -> Result<StatusCode, Problem> {
    if !app.context.store.revoke_key(&id).await? {
        return Err(Problem::not_found("There is no key with this id"));
    }
    tracing::info!(key = id, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}
