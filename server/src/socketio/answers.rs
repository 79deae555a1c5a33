//! What the engine answers over HTTP, put right: the bounds that a handshake announces, and errors
//! in the form that official servers give them, whose `code` is a number.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use crate::problem::Problem;

/// Bytes of an answer that is read here: handshakes and errors are much shorter.
const MOST: usize = 1024;
/// Any error that the engine does not name. Source: the error codes of `engine.io`'s
/// `Server.errors`.
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;

/// Puts the answer to a handshake right: the engine announces its own bound on polling answers as
/// `maxPayload`, and an upgrade that is switched off.
pub(super) async fn handshake(
    response: Response<Body>,
    max_payload: usize,
    has_websocket: bool,
) -> Result<Response<Body>, Problem> {
    rewrite(response, |body| {
        announcing(body, max_payload, has_websocket)
    })
    .await
}

/// Gives a refusal of the engine the form that clients read.
pub(super) async fn refusal(response: Response<Body>) -> Result<Response<Body>, Problem> {
    if response.status() != StatusCode::BAD_REQUEST {
        return Ok(response);
    }
    let mut answer = rewrite(response, |body| Some(with_number(body))).await?;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    Ok(answer)
}

async fn rewrite(
    response: Response<Body>,
    change: impl FnOnce(&str) -> Option<String>,
) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = response.into_parts();
    let body = Limited::new(body, MOST).collect().await;
    let body = body
        .map_err(|_| Problem::internal("the engine's answer has no end"))?
        .to_bytes();
    let changed = std::str::from_utf8(&body).ok().and_then(change);
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(
        parts,
        changed.map_or_else(|| Body::from(body), Body::from),
    ))
}

/// A handshake's packet with the bounds that hold. Protocol 4 puts the number of characters in
/// front.
fn announcing(packet: &str, max_payload: usize, has_websocket: bool) -> Option<String> {
    let (before, json) = packet.split_at(packet.find('{')?);
    let mut open: Value = serde_json::from_str(json).ok()?;
    open["maxPayload"] = max_payload.into();
    if !has_websocket {
        open["upgrades"] = json!([]);
    }
    let packet = format!("0{open}");
    Some(match before {
        "0" => packet,
        _ => format!("{}:{packet}", packet.chars().count()),
    })
}

fn with_number(body: &str) -> String {
    let number = |error: &Value| error["code"].as_str()?.parse::<u8>().ok();
    match serde_json::from_str::<Value>(body) {
        Ok(mut error) if number(&error).is_some() => {
            error["code"] = number(&error).into();
            error.to_string()
        }
        _ => BAD_REQUEST.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = r#"{"sid":"s","upgrades":["websocket"],"maxPayload":4194304}"#;

    #[test]
    fn handshakes_announce_what_holds() {
        let five = announcing(&format!("0{OPEN}"), 1024, true).unwrap();
        let open: Value = serde_json::from_str(five.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(
            open,
            json!({ "sid": "s", "upgrades": ["websocket"], "maxPayload": 1024 })
        );
        let four = announcing(&format!("58:0{OPEN}"), 1024, false).unwrap();
        let (length, packet) = four.split_once(':').unwrap();
        assert_eq!(length.parse(), Ok(packet.len()));
        let open: Value = serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(
            open,
            json!({ "sid": "s", "upgrades": [], "maxPayload": 1024 })
        );
        assert_eq!(announcing("", 1024, true), None);
    }

    #[test]
    fn errors_carry_a_number() {
        let unknown = with_number(r#"{"code":"1","message":"Session ID unknown"}"#);
        let unknown: Value = serde_json::from_str(&unknown).unwrap();
        assert_eq!(
            unknown,
            json!({ "code": 1, "message": "Session ID unknown" })
        );
        for other in ["", "{}", "x", r#"{"code":"x"}"#] {
            assert_eq!(with_number(other), BAD_REQUEST);
        }
    }
}
