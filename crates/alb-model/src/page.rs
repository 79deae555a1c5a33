//! The answers that a load balancer gives by itself: bytes and headers as AWS sends them.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full};

use super::event::Cause;
use super::response_body::ResponseBody;

/// Status and text of what a client gets for `cause`. 460 and 463 are AWS's own numbers.
pub(crate) fn status(cause: Cause) -> (u16, &'static str) {
    match cause {
        Cause::BadRequest | Cause::RequestHeaderTooLarge => (400, "400 Bad Request"),
        Cause::MethodNotAllowed => (405, "405 Not Allowed"),
        Cause::ClientSilent => (408, "408 Request Time-out"),
        Cause::ClientClosed => (460, "460"),
        Cause::TooManyAddresses => (463, "463"),
        Cause::ConnectFailed
        | Cause::TargetClosed
        | Cause::MalformedResponse
        | Cause::ResponseHeaderTooLarge
        | Cause::Deregistered => (502, "502 Bad Gateway"),
        Cause::NoTargets => (503, "503 Service Temporarily Unavailable"),
        Cause::ConnectTimeout | Cause::Idle => (504, "504 Gateway Time-out"),
    }
}

fn html(title: &str) -> String {
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
}

/// The error page for `cause`.
pub(crate) fn error(cause: Cause) -> Response<ResponseBody> {
    let (code, title) = status(cause);
    page(code, "text/html", html(title))
}

/// The answer to a redirect.
pub(crate) fn redirect(permanent: bool, location: &str) -> Response<ResponseBody> {
    let (code, title) = if permanent {
        (301, "301 Moved Permanently")
    } else {
        (302, "302 Found")
    };
    let mut response = page(code, "text/html", html(title));
    if let Ok(location) = header::HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// An answer of the balancer's own.
pub(crate) fn page(code: u16, content_type: &str, body: String) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(body))
        .map_err(|never| match never {})
        .boxed();
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::SERVER,
        header::HeaderValue::from_static("awselb/2.0"),
    );
    if let Ok(content_type) = header::HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// What a client gets, byte by byte, when it stops in the middle of a request's head.
pub(crate) fn request_timeout() -> String {
    let body = html(status(Cause::ClientSilent).1);
    format!(
        "HTTP/1.1 408 Request Timeout\r\nServer: awselb/2.0\r\nContent-Type: \
         text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // The lengths that AWS's pages are seen to have in the field: 122 bytes for 502, 162 for 503,
    // 132 for 504.
    #[test]
    fn pages_have_the_length_of_awss() {
        let length = |cause| html(status(cause).1).len();
        assert_eq!(
            [Cause::TargetClosed, Cause::NoTargets, Cause::Idle].map(length),
            [122, 162, 132]
        );
    }
}
