//! Plugin keys: issued, shown, listed, revoked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;

use super::App;
use super::body::{self, object};
use super::input::{Page, Parts, encode_cursor};
use super::key_body::{Asked, KeyBody};
use super::key_view::{KeyDetail, KeyView};
use super::messages::List;
use crate::backends::Backend;
use crate::clock::Millis;
use crate::keys::{KeyKind, KeyRecord};
use crate::names;
use crate::problem::{FieldError, Problem};
use crate::purge;
use crate::store::Store;
use crate::tokens;

/// Bytes of a request for a key.
const MOST_BODY: usize = 16 * 1024;
/// Keys that are read at a time for those of one channel, and times that one call reads so many.
const SEARCH: usize = 500;
const MOST_SEARCHES: usize = 20;

type Caller = Extension<Arc<Backend>>;

/// `POST /v1/keys`: with an `id`, the same body again is answered with the same key, and another
/// end prolongs it.
pub(super) async fn issue(
    State(app): State<App>,
    Extension(backend): Caller,
    request: Request,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let backend_key = super::key_body::backend_key(request.headers());
    let body: KeyBody = object(&body::read(request, MOST_BODY).await?)?;
    let now = app.context.clock.now();
    body.check(&app.settings.namespaces, &backend, now)?;
    let asked = body.issue(&backend_key, now)?;
    if let Some(known) = app.context.store.key(&asked.record.id).await? {
        return prolong(&app, &backend, known, asked, now).await;
    }
    let Asked { record, key, .. } = asked;
    store(&app, &record).await?;
    tracing::info!(key = %record.id, channel = record.channel, backend = backend.name, "key issued");
    Ok((StatusCode::CREATED, Json(KeyView::new(record, Some(key)))))
}

/// Gives a key that exists a later end. An earlier one is left out: an old request that comes late
/// must not end it. Sockets that have joined with it see the new end when the old one comes.
async fn prolong(
    app: &App,
    backend: &Backend,
    known: KeyRecord,
    asked: Asked,
    now: Millis,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let mut same = asked.earlier.into_iter().chain([(asked.record, asked.key)]);
    let same = same.find(|(record, _)| {
        known.kind == KeyKind::Stored && record.hash == known.hash && !known.has_expired(now)
    });
    let Some((record, key)) = same else {
        return Err(Problem::conflict(
            "There is a key with this id; it has ended, or was issued for another channel, for \
             other namespaces or with another backend key",
        ));
    };
    let end = known
        .expires_at
        .zip(record.expires_at)
        .map(|(a, b)| a.max(b));
    let later = KeyRecord {
        expires_at: end,
        max_sockets: record.max_sockets,
        ..known.clone()
    };
    if later != known {
        if !app.context.store.replace_key(later.clone()).await? {
            return Err(Problem::conflict("The key was revoked meanwhile"));
        }
        tracing::info!(key = %later.id, channel = later.channel, backend = backend.name, "key prolonged");
    }
    Ok((StatusCode::OK, Json(KeyView::new(later, Some(key)))))
}

/// Stores a key. Where there are too many, those that have expired make room.
async fn store(app: &App, record: &KeyRecord) -> Result<(), Problem> {
    let store = &app.context.store;
    if store.put_key(record.clone()).await? {
        return Ok(());
    }
    let deleted = purge::expired_keys(&**store, app.context.clock.now()).await?;
    if deleted > 0 && store.put_key(record.clone()).await? {
        return Ok(());
    }
    Err(Problem::too_many(
        "There are as many keys as the store may hold; revoke those no longer used",
    ))
}

/// `GET /v1/keys/{id}`: with its use on the node that answers.
pub(super) async fn show(
    State(app): State<App>,
    Extension(backend): Caller,
    Parts(id): Parts<String>,
) -> Result<Json<KeyDetail>, Problem> {
    let record = find(&app, &backend, &id).await?;
    let used = app.admission.key_use(&id);
    Ok(Json(KeyDetail::new(record, used, &app.context.node)))
}

/// `GET /v1/keys`: the oldest first; with `channel`, those of one channel.
pub(super) async fn list(
    State(app): State<App>,
    Extension(backend): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<List<KeyView>>, Problem> {
    let (channel, rest) = channel_of(query.as_deref().unwrap_or_default())?;
    let page = Page::of(Some(&rest))?;
    let now = app.context.clock.now();
    let wanted = |key: &KeyRecord| {
        !key.has_expired(now)
            && channel
                .as_ref()
                .is_none_or(|channel| key.channel == *channel)
            && is_of(&backend, key)
    };
    let batch = if channel.is_some() {
        SEARCH
    } else {
        page.limit
    };
    let (mut after, mut items) = (page.cursor, Vec::new());
    for _ in 0..MOST_SEARCHES {
        let found = app.context.store.keys(after.as_deref(), batch).await?;
        let is_last = found.len() < batch;
        for key in found {
            after = Some(key.id.to_string());
            if wanted(&key) {
                items.push(KeyView::new(key, None));
            }
            if items.len() == page.limit {
                let next = after.as_deref().map(encode_cursor);
                return Ok(Json(List { items, next }));
            }
        }
        if is_last {
            return Ok(Json(List { items, next: None }));
        }
    }
    let next = after.as_deref().map(encode_cursor);
    Ok(Json(List { items, next }))
}

/// Takes `channel` out of a query.
fn channel_of(query: &str) -> Result<(Option<String>, String), Problem> {
    let mut channel = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("channel", text)) => {
                let mut decoded = form_urlencoded::parse(text.as_bytes());
                channel = decoded.next().map(|(name, _)| name.into_owned());
                if !channel.as_deref().is_some_and(names::is_name) {
                    let mistake = FieldError::new("channel", names::EXPECTED);
                    return Err(Problem::invalid(vec![mistake]));
                }
            }
            _ => rest.push(pair),
        }
    }
    Ok((channel, rest.join("&")))
}

/// `DELETE /v1/keys/{id}`: where tokens are taken, it bars every token with the id, too.
pub(super) async fn revoke(
    State(app): State<App>,
    Extension(backend): Caller,
    Parts(id): Parts<String>,
) -> Result<StatusCode, Problem> {
    let takes_tokens = app.settings.token_keys.is_some() && names::is_name(&id);
    match find(&app, &backend, &id).await {
        Ok(_) => {
            if !app.context.store.revoke_key(&id).await? {
                return Err(unknown());
            }
        }
        // What a token opens is not known here: who may not use every namespace bars none.
        Err(problem) if !takes_tokens || !backend.may_use_all() => return Err(problem),
        // The id of tokens, which may be barred already: it stays so for longer.
        Err(_) => {}
    }
    if takes_tokens {
        let now = app.context.clock.now();
        let end = Millis(now.0.saturating_add(tokens::LONGEST));
        store(&app, &KeyRecord::barring(&id, now, end)).await?;
    }
    tracing::info!(key = id, backend = backend.name, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, backend: &Backend, id: &str) -> Result<KeyRecord, Problem> {
    let (record, now) = (app.context.store.key(id).await?, app.context.clock.now());
    record
        .filter(|key| !key.has_expired(now) && is_of(backend, key))
        .ok_or_else(unknown)
}

/// Whether it is a key that opens nothing that the backend may not use.
fn is_of(backend: &Backend, key: &KeyRecord) -> bool {
    key.kind == KeyKind::Stored && key.namespaces.iter().all(|name| backend.may_use(name))
}

fn unknown() -> Problem {
    Problem::not_found("There is no key with this id")
}
