//! Publishing: one message to a channel, one to everyone, or a batch.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::App;
use super::body::{self, Read, Whole, add_missing, object};
use super::data;
use super::input::{self, Parts};
use super::messages::MessageView;
use super::notice;
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::metrics::MessageState;
use crate::names;
use crate::problem::{FieldError, Problem};
use crate::store::{Draft, Published, Store};

const HOUR: u64 = 3600 * 1000;
const DAY: u64 = 24 * HOUR;
/// How far ahead a message may be scheduled, in milliseconds.
const MOST_AHEAD: u64 = 30 * DAY;
/// How long a message is worth delivering unless it says otherwise, in milliseconds.
const DEFAULT_TTL: u64 = HOUR;
/// The most that it may say, in milliseconds: for a channel, and for everyone in a namespace.
const MOST_TTL: u64 = 7 * DAY;
const MOST_TTL_EVERYONE: u64 = HOUR;
/// Messages in a batch.
const MOST_BATCH: usize = 100;
/// Bytes of a batch, however large its messages may be; several of the largest fit.
const MOST_BATCH_BYTES: usize = 8 << 20;
/// Bytes of a message's body beside its `data`.
const ENVELOPE: usize = 2048;

/// A message as a backend sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageBody {
    /// In a batch alone.
    channel: Option<String>,
    event: Option<String>,
    #[serde(default, deserialize_with = "body::present")]
    data: Option<Box<RawValue>>,
    id: Option<String>,
    deliver_at: Option<Millis>,
    deliver_in: Option<Whole>,
    expires_at: Option<Millis>,
    ttl: Option<Whole>,
}

/// The answer for one message of a batch.
#[derive(Serialize)]
struct BatchAnswer {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// `POST …/channels/{channel}/messages`
pub(super) async fn to_channel(
    State(app): State<App>,
    Parts((namespace, channel)): Parts<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let mailbox = input::mailbox(&app, &namespace, Some(&channel))?;
    publish_one(&app, mailbox, request).await
}

/// `POST …/{namespace}/messages`
pub(super) async fn to_everyone(
    State(app): State<App>,
    Parts(namespace): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mailbox = input::mailbox(&app, &namespace, None)?;
    publish_one(&app, mailbox, request).await
}

async fn publish_one(app: &App, mailbox: Mailbox, request: Request) -> Result<Response, Problem> {
    let bytes = body::read(request, app.settings.max_message + ENVELOPE).await?;
    let Read { body, mut errors }: Read<MessageBody> = object(&bytes)?;
    if body.channel.is_some() {
        let detail = "is named by the path; leave it out here";
        errors.push(FieldError::new("channel", detail));
    }
    let draft = body.draft(app, mailbox.clone(), errors)?;
    let id = draft.id.clone();
    let answers = app.context.store.publish(vec![draft]).await;
    let answers = answers.map_err(|error| Problem::from(error).with_id(&id))?;
    let published = answers
        .into_iter()
        .next()
        .ok_or_else(|| Problem::internal("the store gave no answer"))?;
    let (status, mut message) = told(app, &id, published)?;
    message.notice = notice::of(app, &mailbox).await;
    Ok((status, Json(message)).into_response())
}

/// `POST …/{namespace}/batch`
pub(super) async fn batch(
    State(app): State<App>,
    Parts(namespace): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    input::known_namespace(&app, &namespace)?;
    let each = app.settings.max_message + ENVELOPE;
    let bytes = body::read(request, (MOST_BATCH * each).min(MOST_BATCH_BYTES)).await?;
    let items = body::list(&bytes)?;
    if !(1..=MOST_BATCH).contains(&items.len()) {
        let detail = format!("must hold 1 to {MOST_BATCH} messages, not {}", items.len());
        return Err(Problem::invalid(vec![FieldError::new("", detail)]));
    }
    let drafts: Vec<_> = items
        .iter()
        .map(|item| batch_draft(&app, &namespace, item))
        .collect();
    let sound: Vec<Draft> = drafts
        .iter()
        .filter_map(|draft| draft.as_ref().ok())
        .cloned()
        .collect();
    let answers = app.context.store.publish(sound).await;
    // A store that is away is one answer for all that were sound, each with its own id.
    let away = answers
        .as_ref()
        .err()
        .map(|error| Problem::from(error.clone()));
    let mut answers = answers.unwrap_or_default().into_iter();
    let notices = drafts.iter().map(async |draft| {
        let mailbox = &draft.as_ref().ok().filter(|_| away.is_none())?.mailbox;
        notice::of(&app, mailbox).await
    });
    let notices = join_all(notices).await;
    let told: Vec<_> = drafts
        .into_iter()
        .zip(notices)
        .map(|(draft, notice)| {
            let id = draft?.id;
            match (answers.next(), &away) {
                (Some(published), _) => {
                    let (status, mut message) = told(&app, &id, published)?;
                    message.notice = notice;
                    Ok((status, message))
                }
                (None, Some(away)) => Err(away.clone().with_id(id)),
                (None, None) => Err(Problem::internal("the store gave no answer")),
            }
        })
        .map(|answer| match answer {
            Ok((status, message)) => BatchAnswer {
                status: status.as_u16(),
                message: Some(message),
                error: None,
            },
            Err(problem) => BatchAnswer {
                status: problem.status(),
                message: None,
                error: Some(problem),
            },
        })
        .collect();
    Ok(Json(told).into_response())
}

fn batch_draft(app: &App, namespace: &str, item: &RawValue) -> Result<Draft, Problem> {
    let Read { body, mut errors }: Read<MessageBody> = object(item.get().as_bytes())?;
    let channel = body.channel.as_deref().unwrap_or_default();
    if body.channel.is_none() {
        add_missing(&mut errors, "channel");
    } else if !names::is_name(channel) {
        errors.push(FieldError::new("channel", names::EXPECTED));
    }
    let mailbox = Mailbox::channel(namespace, channel);
    body.draft(app, mailbox, errors)
}

/// What the backend is told of one message.
fn told(app: &App, id: &str, published: Published) -> Result<(StatusCode, MessageView), Problem> {
    let now = app.context.clock.now();
    match published {
        Published::Stored(status) => {
            app.context.metrics.count(MessageState::accepted, 1);
            let message = &status.message;
            tracing::info!(channel = %message.mailbox, message_id = id, deliver_at = %message.deliver_at, "accepted");
            Ok((StatusCode::ACCEPTED, MessageView::new(&status, now)))
        }
        Published::Repeated(status) => Ok((StatusCode::OK, MessageView::new(&status, now))),
        Published::Conflict => {
            let detail = format!("The id `{id}` belongs to another message; nothing was changed");
            Err(Problem::conflict(detail).with_id(id))
        }
        // Only now: a repeated request is one, however late it comes.
        Published::Expired => {
            let mistake =
                FieldError::new("expires_at", "must be later than now and than deliver_at");
            Err(Problem::invalid(vec![mistake]).with_id(id))
        }
        Published::Away(error) => Err(Problem::from(error).with_id(id)),
        Published::Full(bound) => {
            app.context.metrics.refused("mailbox_full");
            let detail = format!(
                "{bound} has reached its bound; it falls as messages expire or are cancelled"
            );
            Err(Problem::too_many(detail).with_id(id))
        }
    }
}

impl MessageBody {
    /// Checks every field and resolves the times; `errors` are those that it was read with.
    fn draft(
        self,
        app: &App,
        mailbox: Mailbox,
        mut errors: Vec<FieldError>,
    ) -> Result<Draft, Problem> {
        let most = app.settings.max_message;
        match &self.data {
            None => add_missing(&mut errors, "data"),
            Some(data) if data.get().len() > most => {
                let detail = format!("data has {} bytes; {most} at most", data.get().len());
                return Err(Problem::too_large(detail));
            }
            Some(data) => errors.extend(data::mistake(data.get())),
        }
        match &self.event {
            None => add_missing(&mut errors, "event"),
            Some(event) => {
                let mistake = names::event_mistake(event);
                errors.extend(mistake.map(|mistake| FieldError::new("event", mistake)));
            }
        }
        if self.id.as_deref().is_some_and(|id| !names::is_name(id)) {
            errors.push(FieldError::new("id", names::EXPECTED));
        }
        let now = app.context.clock.now();
        let deliver_at = self
            .moment(now)
            .map_err(|error| errors.push(error))
            .unwrap_or(now);
        let everyone = mailbox.channel_name().is_none();
        let expires_at = self
            .end(deliver_at, everyone)
            .map_err(|error| errors.push(error))
            .unwrap_or(now);
        let digest = self.digest();
        let (Some(event), Some(data), true) = (self.event, self.data, errors.is_empty()) else {
            return Err(Problem::invalid(errors));
        };
        let id = self
            .id
            .unwrap_or_else(|| ulid::Ulid::generate().to_string());
        Ok(Draft {
            mailbox,
            id,
            event,
            data,
            created_at: now,
            deliver_at,
            expires_at,
            digest,
        })
    }

    fn moment(&self, now: Millis) -> Result<Millis, FieldError> {
        match (self.deliver_at, self.deliver_in) {
            (Some(_), Some(_)) => Err(FieldError::new(
                "deliver_in",
                "contradicts deliver_at; send one of them",
            )),
            (Some(at), None) if at > later(now, MOST_AHEAD) => Err(FieldError::new(
                "deliver_at",
                "must be within 30 days from now",
            )),
            (None, Some(Whole(ms))) if ms > MOST_AHEAD => Err(FieldError::new(
                "deliver_in",
                format!("must be at most {MOST_AHEAD} ms, which is 30 days"),
            )),
            (Some(at), None) => Ok(at.max(now)),
            (None, ms) => Ok(later(now, ms.map_or(0, |Whole(ms)| ms))),
        }
    }

    fn end(&self, deliver_at: Millis, everyone: bool) -> Result<Millis, FieldError> {
        let (most, words) = match everyone {
            true => (MOST_TTL_EVERYONE, "an hour for a message to everyone"),
            false => (MOST_TTL, "7 days"),
        };
        match (self.expires_at, self.ttl) {
            (Some(_), Some(_)) => Err(FieldError::new(
                "ttl",
                "contradicts expires_at; send one of them",
            )),
            (Some(at), None) if at > later(deliver_at, most) => Err(FieldError::new(
                "expires_at",
                format!("must be within {words} from deliver_at"),
            )),
            (Some(at), None) => Ok(at),
            (None, Some(Whole(ttl))) if !(1..=most).contains(&ttl) => Err(FieldError::new(
                "ttl",
                format!("must be 1 to {most} ms, which is {words}"),
            )),
            (None, ttl) => Ok(later(deliver_at, ttl.map_or(DEFAULT_TTL, |Whole(ms)| ms))),
        }
    }

    /// Tells this body from another one under the same id: its fields as they were sent.
    fn digest(&self) -> [u8; 32] {
        let fields = (
            &self.event,
            self.data.as_ref().map(|data| data.get()),
            self.deliver_at,
            self.deliver_in.map(|Whole(ms)| ms),
            self.expires_at,
            self.ttl.map(|Whole(ms)| ms),
        );
        // Strings and numbers can always be written.
        let json = serde_json::to_vec(&fields).unwrap_or_default();
        Sha256::digest(json).into()
    }
}

fn later(at: Millis, ms: u64) -> Millis {
    at.plus(std::time::Duration::from_millis(ms))
}
