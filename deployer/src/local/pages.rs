//! The stack's own pages, behind its balancer: what runs, and the overlay of `examples/overlay`.
//! The template has no such thing; see `route`.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alb_model::{Action, Condition, Config, Forward, Group, HealthCheck, Rule};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::state::Local;

/// The target group that the pages are in.
pub(super) const GROUP: &str = "the stack's own pages";
const HOME: &str = include_str!("pages/home.html");
const OVERLAY: &str = include_str!("../../../examples/overlay/index.html");
const SCRIPT: &str = include_str!("../../../examples/overlay/holdfast-plugin.js");
/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The pages, on a port of their own. Dropping them closes it.
pub(super) struct Pages {
    pub(super) address: SocketAddr,
    home: Arc<OnceLock<String>>,
    _serving: AbortOnDropHandle<()>,
}

impl Pages {
    /// Listens.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) async fn listen() -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, home) = (socket.local_addr()?, Arc::default());
        let serving = tokio::spawn(serve(socket, Arc::clone(&home)));
        Ok(Self {
            address,
            home,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    /// Tells what runs, from now on.
    pub(super) fn tell(&self, local: &Local) {
        // What a stack is does not change.
        let _ = self.home.set(home(local));
    }
}

/// Leads the paths of the pages to their group, before any rule of the listener's own.
pub(super) fn route(config: &mut Config, listener: usize) {
    config.groups.push(Group {
        health_check: HealthCheck {
            path: "/".into(),
            ..HealthCheck::default()
        },
        ..Group::new(GROUP)
    });
    let paths = ["/", "/overlay", "/overlay/*"];
    if let Some(listener) = config.listeners.get_mut(listener) {
        listener.rules.push(Rule {
            priority: 0,
            conditions: vec![Condition::Path(paths.map(str::to_owned).to_vec())],
            action: Action::Forward(Forward::to(GROUP)),
        });
    }
}

/// The page of a stack. Its backend key is not on it: a page is no place for one.
fn home(local: &Local) -> String {
    let overlay = overlay(local);
    let namespace = local.namespaces.first().map_or("", String::as_str);
    [
        ("{url}", local.url.as_str()),
        ("{channel}", &local.channel),
        ("{key}", &local.plugin_key),
        ("{path}", &local.path),
        ("{namespace}", namespace),
        ("{overlay}", &overlay),
    ]
    .iter()
    .fold(HOME.to_owned(), |page, (name, value)| {
        page.replace(name, &escape(value))
    })
}

/// The address of the overlay with the demo channel's key.
pub(super) fn overlay(local: &Local) -> String {
    let mut address = format!("{}/overlay/#key={}", local.url, local.plugin_key);
    let namespace = local.namespaces.first().map_or("", String::as_str);
    // What the overlay takes unless told.
    for (name, value, usual) in [
        ("namespace", namespace, "dropcodes"),
        ("path", &local.path, "/websockets"),
    ] {
        if value != usual {
            address.push_str(&format!("&{name}={value}"));
        }
    }
    address
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

async fn serve(socket: TcpListener, home: Arc<OnceLock<String>>) {
    loop {
        let Ok((connection, _)) = socket.accept().await else {
            // Out of file descriptors, say: the next moment may have some.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let home = home.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let answer = answer(&home, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that breaks off is no matter.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(connection), answer)
                .await;
        });
    }
}

fn answer(home: &OnceLock<String>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost") {
        // A name of somebody else's that leads here would let their page read the key.
        let text = "this stack answers to 127.0.0.1 and localhost";
        return page(StatusCode::MISDIRECTED_REQUEST, "text/plain", text);
    }
    let html = "text/html; charset=utf-8";
    match request.uri().path() {
        "/" => {
            let starting = || "The stack is starting.".to_owned();
            page(
                StatusCode::OK,
                html,
                home.get().cloned().unwrap_or_else(starting),
            )
        }
        "/overlay" => {
            let mut answer = page(StatusCode::FOUND, html, "");
            let place = HeaderValue::from_static("/overlay/");
            answer.headers_mut().insert(header::LOCATION, place);
            answer
        }
        "/overlay/" => page(StatusCode::OK, html, OVERLAY),
        "/overlay/holdfast-plugin.js" => {
            page(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT)
        }
        _ => page(StatusCode::NOT_FOUND, "text/plain", "no such page"),
    }
}

fn page(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
