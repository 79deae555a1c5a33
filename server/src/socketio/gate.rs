//! What stands in front of the engine: who may open a session, and how much a request may carry.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::http::header::{self, AUTHORIZATION, CONTENT_LENGTH, HeaderMap, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use engineioxide::TransportType;
use http_body_util::{BodyExt, Limited};

use super::answers;
use super::engines::Engines;
use super::handler::Handler;
use super::handshake::Handshake;
use super::session::Session;
use crate::admission::Client;
use crate::connection::{Allowance, Link};
use crate::keys;
use crate::masked_headers::Masked;
use crate::problem::Problem;
use crate::store;

/// How long a polling body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Clone)]
pub struct Gate {
    handler: Arc<Handler>,
    engines: Engines,
}

impl Gate {
    /// The gate in front of the engine whose sessions `handler` has.
    #[must_use]
    pub fn new(handler: Arc<Handler>) -> Self {
        let engines = Engines::new(&handler);
        Self { handler, engines }
    }

    /// Answers a request to the Socket.IO path.
    pub async fn answer(self, request: Request<Body>) -> Response<Body> {
        let uri = request.uri().clone();
        let query = Query::of(uri.query().unwrap_or_default());
        let Some(client) = request.extensions().get::<Client>().copied() else {
            return Problem::internal("nobody has found out the client").into_response();
        };
        let answered = match query.sid {
            Some(_) => self.go_on(request, client, &query).await,
            None => self.open(request, client, &query).await,
        };
        answered.unwrap_or_else(IntoResponse::into_response)
    }

    /// A request of a session.
    async fn go_on(
        self,
        request: Request<Body>,
        client: Client,
        query: &Query<'_>,
    ) -> Result<Response<Body>, Problem> {
        let upgrade = request.headers().get(UPGRADE);
        let upgrades = upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let link = request.extensions().get::<Arc<Link>>().cloned();
        let id = query.sid.and_then(|sid| sid.parse().ok());
        let session = id.and_then(|id| self.handler.sessions.get(&id));
        match &session {
            Some(session) => session.heard(link.filter(|_| upgrades)),
            None => self.handler.admission.refused("unknown_session", client),
        }
        let (mut parts, body) = request.into_parts();
        let polls = parts.method == Method::GET && !upgrades;
        let body = match parts.method {
            Method::POST => self.read(&parts.headers, body, client).await?,
            _ => Body::empty(),
        };
        if let Some(session) = &session {
            self.check_allowance(client, session, &body)?;
        }
        keep_needed(&mut parts);
        let begun_with = session
            .as_ref()
            .map_or(TransportType::Polling, |session| session.begun_with);
        let answer = self.ask(begun_with, Request::from_parts(parts, body));
        match session.filter(|_| polls) {
            None => answer.await,
            Some(session) => tokio::select! {
                biased;
                () = session.ending() => Err(Problem::unavailable("The session has ended; connect \
                    again")),
                response = answer => response,
            },
        }
    }

    /// Ends a session that sends more than it may.
    fn check_allowance(
        &self,
        client: Client,
        session: &Arc<Session>,
        body: &Body,
    ) -> Result<(), Problem> {
        let bytes = body.size_hint().exact().unwrap_or(0);
        if session
            .allowance
            .take(1, usize::try_from(bytes).unwrap_or(usize::MAX))
        {
            return Ok(());
        }
        session.close("noisy_client");
        let problem = Problem::too_many("The session has sent too much, and is closed");
        Err(self.refuse(client, "noisy_client", problem))
    }

    /// A request for a new session.
    async fn open(
        self,
        request: Request<Body>,
        client: Client,
        query: &Query<'_>,
    ) -> Result<Response<Body>, Problem> {
        tracing::debug!(%client, query = query.without_secrets(), headers = ?Masked(request.headers()), "handshake");
        if self.handler.is_draining() {
            return Err(self.refuse(
                client,
                "draining",
                Problem::unavailable("This node is shutting down; connect again"),
            ));
        }
        if self.handler.is_overloaded() {
            return Err(self.refuse(
                client,
                "overloaded",
                Problem::unavailable("Too many clients connect at once; connect again"),
            ));
        }
        let shows_key = request.headers().contains_key(AUTHORIZATION);
        self.handler.admission.arrive(client, shows_key)?;
        let key = self.header_key(request.headers(), client, query).await?;
        let place = self.handler.admission.handshake(client, key.as_deref())?;
        let (mut parts, _) = request.into_parts();
        let Some(link) = parts.extensions.get::<Arc<Link>>().cloned() else {
            return Err(Problem::internal(
                "the request came over no connection of this server",
            ));
        };
        let begins_with = if query.transport == Some("websocket") {
            TransportType::Websocket
        } else {
            TransportType::Polling
        };
        let settings = &self.handler.settings;
        let allowance = Arc::new(Allowance::new(settings.max_payload));
        if begins_with == TransportType::Websocket {
            link.allow(allowance.clone());
        }
        parts.extensions.insert(Handshake {
            key,
            link,
            allowance,
            client,
            place: Arc::new(place),
        });
        keep_needed(&mut parts);
        let request = Request::from_parts(parts, Body::empty());
        let response = self.ask(begins_with, request).await?;
        if response.status() == StatusCode::OK {
            let has_websocket = settings.transports.websocket;
            answers::handshake(response, settings.max_payload, has_websocket).await
        } else {
            Ok(response)
        }
    }

    /// The record of the header's key. Protocol 5 may say its key later, in the CONNECT packet.
    async fn header_key(
        &self,
        headers: &HeaderMap,
        client: Client,
        query: &Query<'_>,
    ) -> Result<Option<Arc<keys::KeyRecord>>, Problem> {
        let Some(header) = headers.get(AUTHORIZATION) else {
            let only_header = query.eio == Some("3");
            let refusal = || {
                Problem::unauthorized(
                    "Protocol 4 has no auth: send the header Authorization: ApiKey <key>",
                )
            };
            return if only_header {
                Err(self.refuse(client, "missing_key", refusal()))
            } else {
                Ok(None)
            };
        };
        let context = &self.handler.context;
        let Some(key) = header.to_str().ok().and_then(keys::of_header) else {
            let refusal = Problem::unauthorized("The Authorization header must read: ApiKey <key>");
            return Err(self.refuse(client, "invalid_key", refusal));
        };
        match store::find_key(&*context.store, key, context.clock.now()).await {
            Ok(Some(record)) => Ok(Some(Arc::new(record))),
            Ok(None) => {
                let refusal = Problem::unauthorized("This key is unknown, revoked or expired");
                self.handler.admission.failed_key(client);
                Err(self.refuse(client, "invalid_key", refusal))
            }
            Err(error) => {
                tracing::debug!(%client, %error, "handshake put off");
                Err(self.refuse(
                    client,
                    "store_unavailable",
                    Problem::unavailable("The key cannot be checked now"),
                ))
            }
        }
    }

    fn refuse(&self, client: Client, reason: &'static str, problem: Problem) -> Problem {
        self.handler.admission.refused(reason, client);
        problem
    }

    /// Reads a polling body within its bounds.
    async fn read(&self, headers: &HeaderMap, body: Body, client: Client) -> Result<Body, Problem> {
        let most = self.handler.settings.max_payload;
        let too_large = || {
            self.refuse(
                client,
                "payload_too_large",
                Problem::too_large(format!("A polling body may have {most} bytes")),
            )
        };
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => Ok(Body::from(body.to_bytes())),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(self.refuse(
                client,
                "body_broken",
                Problem::bad_request("The body ended early"),
            )),
            Err(_) => Err(self.refuse(
                client,
                "slow_body",
                Problem::timeout("The body took too long"),
            )),
        }
    }

    async fn ask(
        &self,
        begins_with: TransportType,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        answers::refusal(self.engines.answer(begins_with, request).await).await
    }
}

/// Leaves the engine the headers that it needs, and copies of them: it keeps a handshake's request
/// as long as the session lives, and with it the whole buffer of 8 KiB that the request was read
/// into, of which all parts are slices.
fn keep_needed(parts: &mut Parts) {
    const NEEDED: [header::HeaderName; 5] = [
        header::CONNECTION,
        UPGRADE,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::CONTENT_TYPE,
    ];
    let mut kept = HeaderMap::with_capacity(NEEDED.len());
    for name in NEEDED {
        if let Some(Ok(copy)) = parts
            .headers
            .get(&name)
            .map(|value| HeaderValue::from_bytes(value.as_bytes()))
        {
            kept.insert(name, copy);
        }
    }
    parts.headers = kept;
    if let Ok(copy) = parts.uri.to_string().parse() {
        parts.uri = copy;
    }
}

/// The parts of the query that matter here.
struct Query<'a> {
    sid: Option<&'a str>,
    eio: Option<&'a str>,
    transport: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn of(text: &'a str) -> Self {
        let find = |name| {
            text.split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(n, _)| *n == name)
        };
        let value = |name| find(name).map(|(_, value)| value);
        Self {
            sid: value("sid"),
            eio: value("EIO"),
            transport: value("transport"),
        }
    }

    fn without_secrets(&self) -> String {
        format!(
            "EIO={} transport={}",
            self.eio.unwrap_or("-"),
            self.transport.unwrap_or("-")
        )
    }
}
