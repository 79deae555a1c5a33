//! Who may use the console: pages that it has served itself, to whoever was told its address.
//!
//! The address carries a token behind its `#`, which browsers send to nobody. The page sends it as
//! a header on each call. A page of another origin cannot: without CORS headers a browser lets it
//! send no such header. A name of somebody else's that leads to 127.0.0.1 is refused by `Host`.

use std::fmt::Write as _;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

/// The header in which the page sends the token.
pub const TOKEN_HEADER: &str = "x-console-token";
/// Bytes of a token; it has as many bits as a key of AES-256.
const TOKEN_BYTES: usize = 32;
/// No script, style or connection but the console's own; no page of others around it.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; object-src 'none'";

/// What a request must have.
#[derive(Clone)]
pub struct Guard {
    token: String,
    /// The authorities that lead here.
    hosts: [String; 2],
}

impl Guard {
    /// One for a console on this port, with a token of its own.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(port: u16) -> std::io::Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
        let token = bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        // Clients leave out the port that is HTTP's own.
        let hosts = ["127.0.0.1", "localhost"].map(|name| match port {
            80 => name.to_owned(),
            port => format!("{name}:{port}"),
        });
        Ok(Self { token, hosts })
    }

    /// The address that opens the console, with its token.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}/#token={}", self.hosts[0], self.token)
    }

    /// The host that was asked for, if it is this console.
    fn host<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let mut all = request.headers().get_all(HOST).iter();
        let (host, others) = (all.next()?.to_str().ok()?, all.next());
        let in_line = request.uri().authority();
        let is_one = others.is_none() && in_line.is_none_or(|name| name.as_str() == host);
        (is_one && self.hosts.iter().any(|known| known == host)).then_some(host)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let sent = headers
            .get(TOKEN_HEADER)
            .map_or(&b""[..], HeaderValue::as_bytes);
        sent.ct_eq(self.token.as_bytes()).into()
    }
}

/// Middleware for every path: refuses other hosts and other origins, and adds the headers with
/// which browsers keep others out.
pub(super) async fn own(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.host(&request) {
        None => refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "the console answers to 127.0.0.1 and localhost with its port",
        ),
        Some(host) if is_foreign(request.headers(), host) => refuse(
            StatusCode::FORBIDDEN,
            "the console answers to pages of its own only",
        ),
        Some(_) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (SAME_OPENER, "same-origin"),
        (SAME_RESOURCE, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const SAME_OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SAME_RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Whether a page of another origin asks. Browsers name the origin on all that changes something.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let own = format!("http://{host}");
    headers
        .get_all(ORIGIN)
        .iter()
        .any(|origin| origin != own.as_str())
}

/// Middleware for every call: refuses those without the token.
pub(super) async fn known(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.knows(request.headers()) {
        true => next.run(request).await,
        false => refuse(
            StatusCode::UNAUTHORIZED,
            "open the address that `deployer console` printed: it carries a token",
        ),
    }
}

/// A refusal in the form of the server's.
pub(super) fn refuse(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let problem =
        serde_json::json!({ "status": status.as_u16(), "title": title, "detail": detail });
    let kind = [("content-type", "application/problem+json")];
    (status, kind, problem.to_string()).into_response()
}
