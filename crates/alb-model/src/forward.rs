//! One request through the balancer: rule, target, connection, response, and what goes wrong on the
//! way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::activity::Activity;
use super::config::{Action, Fixed, Forward, Listener};
use super::connect;
use super::connection::Connection;
use super::cookie::Kind;
use super::event::{Cause, Event};
use super::group::TargetGroup;
use super::request_body::RequestBody;
use super::response_body::{Counted, ResponseBody};
use super::shared::Shared;
use super::target::Target;
use super::{headers, page, redirect, rule, tunnel};

/// Who asks, and where.
pub(crate) struct Client {
    pub(crate) listener: usize,
    pub(crate) port: u16,
    pub(crate) address: SocketAddr,
    pub(crate) activity: Arc<Activity>,
}

/// The answer to a client's request: a target's, or the balancer's own.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    client: &Client,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let mut answer = choose(shared, client, request).await;
    // After that age a connection gets this one answer more.
    if client.activity.age() >= shared.config.client_keep_alive
        && answer.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        answer.headers_mut().insert(
            header::CONNECTION,
            header::HeaderValue::from_static("close"),
        );
    }
    answer
}

async fn choose(
    shared: &Arc<Shared>,
    client: &Client,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let (parts, body) = request.into_parts();
    let listener = &shared.config.listeners[client.listener];
    if let Some(cause) = headers::refuse(&parts) {
        return fail(shared, cause, None, parts.uri.path());
    }
    match rule::route(listener, &parts, client.address.ip()) {
        Action::Fixed(Fixed {
            status,
            content_type,
            body,
        }) => page::page(*status, content_type, body.clone()),
        Action::Redirect(redirect) => {
            let location = redirect::location(redirect, &parts, listener.https, client.port);
            page::redirect(redirect.permanent, &location)
        }
        Action::Forward(forward) => {
            forward_to(shared, client, listener, forward, parts, body).await
        }
    }
}

fn fail(
    shared: &Shared,
    cause: Cause,
    target: Option<SocketAddr>,
    path: &str,
) -> Response<ResponseBody> {
    let (status, _) = page::status(cause);
    shared.events.send(Event::Failed {
        status,
        cause,
        target,
        path: path.to_owned(),
    });
    page::error(cause)
}

/// Group, target, and the cookies that keep a client with both.
async fn forward_to(
    shared: &Arc<Shared>,
    client: &Client,
    listener: &Listener,
    forward: &Forward,
    parts: Parts,
    body: Incoming,
) -> Response<ResponseBody> {
    let path = parts.uri.path().to_owned();
    let Some((number, group)) = pick_group(shared, forward, &parts) else {
        return fail(shared, Cause::NoTargets, None, &path);
    };
    let sticky = group
        .config
        .stickiness
        .and_then(|duration| shared.cookies.read(Kind::Target, &parts.headers, duration));
    let Some(target) = group.choose(sticky) else {
        return fail(shared, Cause::NoTargets, None, &path);
    };
    let left_early = LeftEarly {
        shared,
        target: target.address,
        path: &path,
        answered: false,
    };
    let result = exchange(shared, client, &target, parts, body).await;
    left_early.answered();
    let mut response =
        result.unwrap_or_else(|cause| fail(shared, cause, Some(target.address), &path));
    if group.config.stickiness.is_some() {
        shared.cookies.issue(
            Kind::Target,
            target.id,
            listener.https,
            response.headers_mut(),
        );
    }
    if forward.stickiness.is_some() {
        shared
            .cookies
            .issue(Kind::Group, number, listener.https, response.headers_mut());
    }
    response
}

/// The group that the cookie names, else one by weight. The number is the group's place in the
/// configuration.
fn pick_group<'a>(
    shared: &'a Shared,
    forward: &Forward,
    parts: &Parts,
) -> Option<(u64, &'a TargetGroup)> {
    let place = |name: &str| {
        shared
            .groups
            .iter()
            .position(|group| group.config.name == name)
    };
    let sticky = forward
        .stickiness
        .and_then(|duration| shared.cookies.read(Kind::Group, &parts.headers, duration));
    let by_cookie = sticky
        .and_then(|number| usize::try_from(number).ok())
        .filter(|&number| {
            forward
                .groups
                .iter()
                .any(|weighted| weighted.weight > 0 && place(&weighted.group) == Some(number))
        });
    let number = by_cookie.or_else(|| place(forward.by_weight(shared.next_share())?))?;
    Some((u64::try_from(number).ok()?, &shared.groups[number]))
}

/// Tells of a client that closed its connection while its request was under way (460 in AWS's
/// logs).
struct LeftEarly<'a> {
    shared: &'a Shared,
    target: SocketAddr,
    path: &'a str,
    answered: bool,
}

impl LeftEarly<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for LeftEarly<'_> {
    fn drop(&mut self) {
        if !self.answered && !self.shared.closing.is_cancelled() {
            let (status, _) = page::status(Cause::ClientClosed);
            let (target, path) = (Some(self.target), self.path.to_owned());
            self.shared.events.send(Event::Failed {
                status,
                cause: Cause::ClientClosed,
                target,
                path,
            });
        }
    }
}

/// Sends the request to the target and waits for the head of its response.
async fn exchange(
    shared: &Arc<Shared>,
    client: &Client,
    target: &Arc<Target>,
    mut parts: Parts,
    body: Incoming,
) -> Result<Response<ResponseBody>, Cause> {
    let under_way = target.enter();
    let _client_waits = client.activity.begin();
    let upgrade = headers::is_upgrade(&parts.headers);
    headers::strip(&mut parts.headers, upgrade);
    headers::forward(
        &mut parts.headers,
        &shared.config,
        client.address,
        client.port,
        &shared.traces,
    );
    parts.version = http::Version::HTTP_11;
    let mut request = Request::from_parts(parts, body);
    let asked = upgrade.then(|| hyper::upgrade::on(&mut request));
    let sent = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let request = request.map(|body| RequestBody {
        body,
        sent: sent.clone(),
    });

    let (mut response, connection) = send(shared, client, target, request, &sent).await?;
    if headers::size(response.headers()) > headers::RESPONSE_LIMIT {
        return Err(Cause::ResponseHeaderTooLarge);
    }
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(asked)) = (switched, asked) {
        let granted = hyper::upgrade::on(&mut response);
        shared.tasks.spawn(tunnel::join(
            shared.clone(),
            target.clone(),
            asked,
            granted,
            under_way,
        ));
        headers::strip(response.headers_mut(), true);
        return Ok(response.map(BodyExt::boxed));
    }
    if switched {
        return Err(Cause::MalformedResponse);
    }
    target.give_back(connection);
    headers::strip(response.headers_mut(), false);
    Ok(response.map(|body| {
        Counted {
            body,
            _under_way: under_way,
        }
        .boxed()
    }))
}

/// Sends on an idle connection or a new one. A request that never left, because the connection
/// turned out closed, goes on a new one; one that may have left is never repeated.
async fn send(
    shared: &Arc<Shared>,
    client: &Client,
    target: &Arc<Target>,
    request: Request<RequestBody>,
    sent: &AtomicBool,
) -> Result<(Response<Incoming>, Connection), Cause> {
    let mut connection = connect::open(shared, target).await?;
    let mut request = request;
    loop {
        let _target_works = connection.activity.begin();
        let waiting = connection.sender.try_send_request(request);
        let quiet = Activity::quiet(
            [&client.activity, &connection.activity],
            shared.config.idle_timeout,
        );
        let outcome = tokio::select! {
            outcome = waiting => outcome,
            () = quiet => {
                return Err(if sent.load(Ordering::Relaxed) { Cause::Idle } else { Cause::ClientSilent });
            }
        };
        match outcome {
            Ok(response) => return Ok((response, connection)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None if target.gone.is_cancelled() => return Err(Cause::Deregistered),
                None => return Err(cause(error.error())),
            },
        }
        connection = connect::connect(shared, target).await?;
    }
}

fn cause(error: &hyper::Error) -> Cause {
    if error.is_parse_too_large() {
        Cause::ResponseHeaderTooLarge
    } else if error.is_parse() {
        Cause::MalformedResponse
    } else if error.is_user() {
        Cause::BadRequest
    } else {
        Cause::TargetClosed
    }
}
