//! Plugin keys: issued, shown, listed, revoked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;

use super::App;
use super::body::{self, Read, object};
use super::input::{self, Page, Parts, encode_cursor};
use super::key_body::{Asked, KeyBody};
use super::key_view::{KeyDetail, KeyView, KeyWithUsage};
use super::messages::List;
use crate::backends::Backend;
use crate::clock::Millis;
use crate::keys::{KeyKind, KeyRecord};
use crate::message::Mailbox;
use crate::names;
use crate::problem::{FieldError, Problem};
use crate::purge;
use crate::store::{self, Store};
use crate::tokens;

/// Bytes of a request for a key.
const MOST_BODY: usize = 16 * 1024;
/// Pages that one call reads at most, for those of its keys that are of the backend.
const MOST_SEARCHES: usize = 20;
/// Ids that are drawn for a new key at most. That none of them fits happens in one of 10^24 cases.
const DRAWS: usize = 1000;

type Caller = Extension<Arc<Backend>>;

/// `POST /v1/keys`: with an `id`, the same body again is answered with the same key, and another
/// end prolongs it.
pub(super) async fn issue(
    State(app): State<App>,
    Extension(backend): Caller,
    request: Request,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let backend_key = super::key_body::backend_key(request.headers());
    let bytes = body::read(request, MOST_BODY).await?;
    let Read { body, errors }: Read<KeyBody> = object(&bytes)?;
    let now = app.context.clock.now();
    body.check(&app.settings.namespaces, &backend, now, errors)?;
    let new_id = new_id(&*app.context.store, body.channel());
    let asked = body.issue(&backend_key, &new_id, now)?;
    if let Some(known) = app.context.store.key(&asked.record.id).await? {
        return prolong(&app, &backend, known, asked, now).await;
    }
    let Asked { record, key, .. } = asked;
    let record = in_place_of(&app, &backend, &body, record).await?;
    let (record, key) = match body.says_id() {
        true => {
            store(&app, &record).await?;
            (record, key)
        }
        false => store_somewhere(&app, record, key).await?,
    };
    tracing::info!(key = %record.id, channel = record.channel, backend = backend.name, "key issued");
    Ok((StatusCode::CREATED, Json(KeyView::new(record, Some(key)))))
}

/// An id for a new key of a channel: one by which the key is in the same part of the store as the
/// channel. Its plugin needs no other part to connect.
fn new_id(store: &dyn Store, channel: &str) -> String {
    // Any namespace does.
    let part = store.part_of(&Mailbox::channel("", channel));
    let fits = |id: &String| store.part_of(&Mailbox::of_key(id)) == part;
    // One of 18 fits; ids sort by their time all the same.
    let draw = || ulid::Ulid::generate().to_string();
    let mut ids = std::iter::repeat_with(draw).take(DRAWS);
    ids.find(fits).unwrap_or_else(draw)
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
        return Err(taken());
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
        if !app.context.store.prolong_key(later.clone()).await? {
            return Err(Problem::conflict("The key was revoked meanwhile"));
        }
        tracing::info!(key = %later.id, channel = later.channel, backend = backend.name, "key prolonged");
    }
    Ok((StatusCode::OK, Json(KeyView::new(later, Some(key)))))
}

/// Lets a key keep the receipts of the one that it replaces, if it says so.
async fn in_place_of(
    app: &App,
    backend: &Backend,
    body: &KeyBody,
    record: KeyRecord,
) -> Result<KeyRecord, Problem> {
    let Some(id) = body.replaces() else {
        return Ok(record);
    };
    let wrong = |detail| Problem::invalid(vec![FieldError::new("replaces", detail)]);
    let old = app.context.store.key(id).await?;
    let old = old.filter(|old| is_of(backend, old));
    let old = old.ok_or_else(|| wrong("there is no key with this id; issue before you revoke"))?;
    if old.channel != record.channel {
        return Err(wrong("that key is of another channel"));
    }
    if old.watch {
        return Err(wrong("that key only watches: it has no receipts"));
    }
    Ok(KeyRecord {
        receipts_of: Some(old.reader().clone()),
        since: if body.says_since() {
            record.since
        } else {
            old.since
        },
        ..record
    })
}

/// Stores a key whose id nobody has chosen. Where the part of the store that has its channel is
/// full, it gets an id of any other part.
async fn store_somewhere(
    app: &App,
    record: KeyRecord,
    key: String,
) -> Result<(KeyRecord, String), Problem> {
    if add(&*app.context.store, &record).await? {
        return Ok((record, key));
    }
    let id = ulid::Ulid::generate().to_string();
    let (record, key) = record.reissued(&id)?;
    store(app, &record).await?;
    Ok((record, key))
}

/// Stores a key, or bars its id. Where there are too many, those that have expired make room.
async fn store(app: &App, record: &KeyRecord) -> Result<(), Problem> {
    let store: &dyn Store = &*app.context.store;
    if add(store, record).await? {
        return Ok(());
    }
    let deleted = purge::expired_keys(store, app.context.clock.now()).await?;
    if deleted > 0 && add(store, record).await? {
        return Ok(());
    }
    let known = store.key(&record.id).await?;
    Err(match known.filter(|known| known.kind == KeyKind::Barred) {
        Some(_) => taken(),
        None => Problem::too_many(
            "There are as many keys as the store may hold; revoke those no longer used",
        ),
    })
}

async fn add(store: &dyn Store, record: &KeyRecord) -> store::Result<bool> {
    match record.kind {
        KeyKind::Barred => store.bar_key(record.clone()).await,
        KeyKind::Stored | KeyKind::Token => store.put_key(record.clone()).await,
    }
}

fn taken() -> Problem {
    Problem::conflict(
        "There is or was a key with this id; it was revoked, has ended, or was issued for another \
         channel, for other namespaces or with another backend key",
    )
}

/// `GET /v1/keys/{id}`: with its use, and the networks of its sockets on the node that answers.
pub(super) async fn show(
    State(app): State<App>,
    Extension(backend): Caller,
    Parts(id): Parts<String>,
) -> Result<Json<KeyDetail>, Problem> {
    let record = find(&app, &backend, &id).await?;
    let used = app.admission.key_use(&id);
    let views = with_usage(&app, vec![record]).await?;
    let view = views.into_iter().next();
    let view = view.ok_or_else(|| Problem::internal("a key without a view"))?;
    Ok(Json(KeyDetail::new(view, used, &app.context.node)))
}

/// `GET /v1/keys`: the oldest first; with `channel`, those of one channel.
pub(super) async fn list(
    State(app): State<App>,
    Extension(backend): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<List<KeyWithUsage>>, Problem> {
    let (channel, rest) = input::take(query.as_deref().unwrap_or_default(), "channel")?;
    let page = Page::of(Some(&rest))?;
    let (store, now) = (&app.context.store, app.context.clock.now());
    let (mut after, mut found, mut is_last) = (page.cursor, Vec::new(), false);
    for _ in 0..MOST_SEARCHES {
        let some = match &channel {
            Some(channel) => store.keys_of(channel, after.as_deref(), page.limit).await?,
            None => store.keys(after.as_deref(), page.limit).await?,
        };
        is_last = some.len() < page.limit;
        for key in some {
            if found.len() == page.limit {
                is_last = false;
                break;
            }
            after = Some(key.id.to_string());
            if !key.has_expired(now) && is_of(&backend, &key) {
                found.push(key);
            }
        }
        if is_last || found.len() == page.limit {
            break;
        }
    }
    let items = with_usage(&app, found).await?;
    let next = after.filter(|_| !is_last).as_deref().map(encode_cursor);
    Ok(Json(List { items, next }))
}

async fn with_usage(app: &App, keys: Vec<KeyRecord>) -> Result<Vec<KeyWithUsage>, Problem> {
    let store = &app.context.store;
    let ids: Vec<_> = keys.iter().map(|key| key.id.clone()).collect();
    let mailboxes: Vec<_> = ids.iter().map(|id| Mailbox::of_key(id)).collect();
    let (uses, places) = (store.uses(&ids).await?, store.places(&mailboxes).await?);
    let all = keys.into_iter().zip(uses).zip(places);
    let view = |((key, used), places)| KeyWithUsage::new(key, used, places);
    Ok(all.map(view).collect())
}

/// `DELETE /v1/keys/{id}`: where tokens are taken, it bars every token with the id, too.
pub(super) async fn revoke(
    State(app): State<App>,
    Extension(backend): Caller,
    Parts(id): Parts<String>,
) -> Result<StatusCode, Problem> {
    // What a token opens is not known here: who may not use every namespace bars none.
    let bars = app.settings.token_keys.is_some() && names::is_name(&id) && backend.may_use_all();
    if bars {
        let now = app.context.clock.now();
        let end = Millis(now.0.saturating_add(tokens::LONGEST));
        store(&app, &KeyRecord::barring(&id, now, end)).await?;
    } else {
        find(&app, &backend, &id).await?;
        if !app.context.store.revoke_key(&id).await? {
            return Err(unknown());
        }
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
pub(super) fn is_of(backend: &Backend, key: &KeyRecord) -> bool {
    key.kind == KeyKind::Stored && key.namespaces.iter().all(|name| backend.may_use(name))
}

fn unknown() -> Problem {
    Problem::not_found("There is no key with this id")
}
