//! What stands in front of the engine: who may open a session, and how much a request may carry.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use prometheus_client::metrics::gauge::Gauge;

use super::handler::Handler;
use super::handshake::Handshake;
use super::query::Query;
use super::session::Session;
use super::strangers::Strangers;
use crate::admission::{Client, Refused};
use crate::connection::Later;
use crate::engine::{self, Answer, Polled, Protocol, RequestError, Transport};
use crate::keys;
use crate::masked_headers::Masked;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// How long a polling body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Admits requests, limits what they carry, and hands them to the engine.
#[derive(Clone)]
pub struct Gate {
    handler: Arc<Handler>,
    strangers: Arc<Strangers>,
}

/// Why a request is not answered as it wants.
enum Refusal {
    /// In the form of the official servers.
    Engine(RequestError),
    Problem(Problem),
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Engine(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::Problem(refused.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Engine(error) => {
                let json = [(CONTENT_TYPE, "application/json")];
                (StatusCode::BAD_REQUEST, json, error.body()).into_response()
            }
        }
    }
}

impl Gate {
    /// The gate in front of the sessions that `handler` has.
    #[must_use]
    pub fn new(handler: Arc<Handler>) -> Self {
        let strangers = Arc::new(Strangers::new(&handler.settings));
        Self { handler, strangers }
    }

    /// Answers a request to the Socket.IO path.
    pub async fn answer(self, request: Request<Body>) -> Response<Body> {
        let answered = self.try_answer(request).await;
        answered.unwrap_or_else(IntoResponse::into_response)
    }

    async fn try_answer(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let Some(client) = request.extensions().get::<Client>().copied() else {
            return Err(Problem::internal("nobody has found out the client").into());
        };
        let query = Query::read(request.uri().query().unwrap_or_default())?;
        match query.sid {
            Some(sid) => {
                let headers = request.headers();
                if query.transport == Transport::Polling {
                    let metrics = &self.handler.context.metrics;
                    self.strangers.look_at_poll(headers, metrics);
                }
                let Some(session) = self.handler.sessions.get(&sid) else {
                    self.handler.admission.refused("unknown_session", client);
                    self.strangers.unknown_session(headers, client);
                    return Err(RequestError::UnknownSession.into());
                };
                self.go_on(request, client, query.transport, session).await
            }
            None => self.open(request, client, query).await,
        }
    }

    /// A request of a session.
    async fn go_on(
        &self,
        mut request: Request<Body>,
        client: Client,
        transport: Transport,
        session: Arc<Session>,
    ) -> Result<Response<Body>, Refusal> {
        session.engine.heard_now();
        match (transport, request.method()) {
            (Transport::WebSocket, _) => {
                check_allowance(&session, 0)?;
                self.upgrade(&mut request, &session)
            }
            (Transport::Polling, &Method::GET) => {
                check_allowance(&session, 0)?;
                match session.engine.poll()? {
                    Polled::Now(answer) => Ok(polled(Some(answer))),
                    Polled::Later(answer) => {
                        let waits = Waits::begin(&self.handler.context.metrics);
                        Ok(Later::response(async move {
                            let answer = answer.await;
                            drop(waits);
                            polled(answer)
                        }))
                    }
                }
            }
            (Transport::Polling, &Method::POST) => {
                let (parts, body) = request.into_parts();
                let body = self.read(&parts.headers, body, client).await?;
                check_allowance(&session, body.len())?;
                session.engine.post(&body)?;
                Ok(text("ok".to_owned()))
            }
            (Transport::Polling, _) => Err(RequestError::BadRequest.into()),
        }
    }

    /// Tries to carry a session by a WebSocket.
    fn upgrade(
        &self,
        request: &mut Request<Body>,
        session: &Session,
    ) -> Result<Response<Body>, Refusal> {
        let config = self.handler.engine.clone();
        if !config.allows(Transport::WebSocket) {
            return Err(RequestError::BadRequest.into());
        }
        let (response, upgrading) = engine::accept(request)?;
        let engine = session.engine.clone();
        let probe = engine.probe()?;
        tokio::spawn(async move {
            match upgrading.connected().await {
                Some(connected) => connected.try_out(engine, probe, &config),
                None => engine.probe_failed(probe),
            }
        });
        Ok(response)
    }

    /// A request for a new session.
    async fn open(
        &self,
        mut request: Request<Body>,
        client: Client,
        query: Query,
    ) -> Result<Response<Body>, Refusal> {
        let Query {
            protocol,
            transport,
            takes_moved,
            ..
        } = query;
        let headers = request.headers();
        tracing::debug!(%client, ?protocol, ?transport, headers = ?Masked(headers), "handshake");
        if request.method() != Method::GET {
            return Err(RequestError::HandshakeMethod.into());
        }
        if !self.handler.engine.allows(transport) {
            return Err(RequestError::UnknownTransport.into());
        }
        if transport == Transport::WebSocket && !self.strangers.may_connect(headers, client) {
            let detail = "Pages of this origin may not connect";
            let problem = Problem::forbidden(detail);
            return Err(self.refuse(client, "other_origin", problem).into());
        }
        self.check_capacity(client)?;
        let shows_key = headers.contains_key(AUTHORIZATION);
        self.handler.admission.arrive(client, shows_key)?;
        let key = self.header_key(headers, client, protocol).await?;
        let place = self.handler.admission.handshake(client, key.as_deref())?;
        let handshake = Handshake {
            key,
            client,
            place,
            takes_moved,
        };
        let (handler, config) = (self.handler.clone(), &self.handler.engine);
        match transport {
            Transport::Polling => {
                let layer = |engine: &_| handler.open(engine, handshake);
                Ok(text(engine::open_polling(protocol, config, layer)))
            }
            Transport::WebSocket => {
                let (response, upgrading) = engine::accept(&mut request)?;
                let config = config.clone();
                tokio::spawn(async move {
                    if let Some(connected) = upgrading.connected().await {
                        let layer = |engine: &_| handler.open(engine, handshake);
                        connected.open(protocol, &config, layer);
                    }
                });
                Ok(response)
            }
        }
    }

    /// Whether the node takes new sessions now.
    fn check_capacity(&self, client: Client) -> Result<(), Problem> {
        if self.handler.is_draining() {
            let problem = Problem::unavailable("This node is shutting down; connect again");
            return Err(self.refuse(client, "draining", problem));
        }
        if self.handler.is_overloaded() {
            let problem = Problem::unavailable("Too many clients connect at once; connect again");
            return Err(self.refuse(client, "overloaded", problem));
        }
        Ok(())
    }

    /// The record of the header's key. Protocol 5 may say its key later, in the CONNECT packet.
    async fn header_key(
        &self,
        headers: &HeaderMap,
        client: Client,
        protocol: Protocol,
    ) -> Result<Option<Arc<keys::KeyRecord>>, Problem> {
        let Some(header) = headers.get(AUTHORIZATION) else {
            return match protocol {
                Protocol::V3 => {
                    let refusal = Problem::unauthorized(
                        "Protocol 4 has no auth: send the header Authorization: ApiKey <key>",
                    );
                    Err(self.refuse(client, "missing_key", refusal))
                }
                Protocol::V4 => Ok(None),
            };
        };
        let context = &self.handler.context;
        let Some(key) = header.to_str().ok().and_then(keys::of_header) else {
            let refusal = Problem::unauthorized("The Authorization header must read: ApiKey <key>");
            return Err(self.refuse(client, "invalid_key", refusal));
        };
        match self.handler.find_key(key, context.clock.now()).await {
            Ok(Ok(record)) => Ok(Some(Arc::new(record))),
            Ok(Err(why)) => {
                let refusal = Problem::unauthorized(why);
                self.handler.admission.failed_key(client);
                Err(self.refuse(client, "invalid_key", refusal))
            }
            Err(error) => {
                tracing::debug!(%client, %error, "handshake put off");
                let refusal = Problem::unavailable("The key cannot be checked now");
                Err(self.refuse(client, "store_unavailable", refusal))
            }
        }
    }

    fn refuse(&self, client: Client, reason: &'static str, problem: Problem) -> Problem {
        self.handler.admission.refused(reason, client);
        problem
    }

    /// Reads a polling body within its bounds.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        client: Client,
    ) -> Result<Bytes, Problem> {
        let most = self.handler.settings.max_payload;
        let too_large = || {
            let problem = Problem::too_large(format!("A polling body may have {most} bytes"));
            self.refuse(client, "payload_too_large", problem)
        };
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => {
                let problem = Problem::bad_request("The body ended early");
                Err(self.refuse(client, "body_broken", problem))
            }
            Err(_) => {
                let problem = Problem::timeout("The body took too long");
                Err(self.refuse(client, "slow_body", problem))
            }
        }
    }
}

/// Ends a session that sends more than it may.
fn check_allowance(session: &Session, bytes: usize) -> Result<(), Problem> {
    if session.engine.allowance.take(1, bytes) {
        return Ok(());
    }
    session.engine.refuse("noisy_client");
    Err(Problem::too_many(
        "The session has sent too much, and is closed",
    ))
}

/// A poll that waits: counted until it is dropped.
struct Waits(Gauge);

impl Waits {
    fn begin(metrics: &Metrics) -> Self {
        metrics.polls_waiting.inc();
        Self(metrics.polls_waiting.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The answer to a poll; none of a session that has gone.
fn polled(answer: Option<Answer>) -> Response<Body> {
    match answer {
        Some(Answer::Payload(payload)) => text(payload),
        Some(Answer::Unavailable) => {
            Problem::unavailable("The session has ended; connect again").into_response()
        }
        None => Refusal::Engine(RequestError::UnknownSession).into_response(),
    }
}

fn text(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let kind = HeaderValue::from_static("text/plain; charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
