//! Reading requests: bodies within bounds of size and time, paths and queries with every mistake named.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::App;
use crate::message::Mailbox;
use crate::names;
use crate::problem::{FieldError, Problem};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Items of a list that are asked for without `limit`, and at most.
const DEFAULT_LIMIT: usize = 50;
const MOST_ITEMS: usize = 100;

/// Reads a body of at most `most` bytes.
pub(super) async fn body(request: Request, most: usize) -> Result<Bytes, Problem> {
    let media_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type.map(|t| t.split(';').next().unwrap_or_default().trim());
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::unsupported_media_type());
    }
    collect(request.into_body(), most).await
}

async fn collect(body: Body, most: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(format!(
            "The body of this request may have {most} bytes"
        ))),
        Ok(Err(_)) => Err(Problem::bad_request("The body broke off")),
        Err(_) => Err(Problem::timeout(format!(
            "The body took longer than {} s",
            BODY_TIMEOUT.as_secs()
        ))),
    }
}

/// Reads JSON: 400 if it is none, 422 with the field's path if it has another shape.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        match inner.is_data() {
            true => Problem::invalid(vec![FieldError::new(
                if field == "." { "" } else { &field },
                said(&inner),
            )]),
            false => Problem::bad_request(format!("The body is no JSON: {inner}")),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| Problem::bad_request(format!("The body is no JSON: {error}")))?;
    Ok(value)
}

/// What serde says, without the place in the text, which the field's path replaces.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(said, _)| said.to_owned())
}

/// The mailbox that a path names.
pub(super) fn mailbox(
    app: &App,
    namespace: &str,
    channel: Option<&str>,
) -> Result<Mailbox, Problem> {
    known_namespace(app, namespace)?;
    match channel {
        None => Ok(Mailbox::everyone(namespace)),
        Some(channel) if names::is_name(channel) => Ok(Mailbox::channel(namespace, channel)),
        Some(_) => Err(Problem::invalid(vec![FieldError::new(
            "channel",
            names::EXPECTED,
        )])),
    }
}

/// Refuses a namespace that does not exist.
pub(super) fn known_namespace(app: &App, namespace: &str) -> Result<(), Problem> {
    let known = &app.settings.namespaces;
    if known.iter().any(|name| name == namespace) {
        return Ok(());
    }
    Err(Problem::not_found(format!(
        "There is no namespace of this name; there are: {}",
        known.join(", ")
    )))
}

/// What a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) limit: usize,
    /// Where the page before this one ended, decoded.
    pub(super) cursor: Option<String>,
}

impl Page {
    /// Reads `?limit=&cursor=`.
    pub(super) fn of(query: Option<&str>) -> Result<Self, Problem> {
        let mut page = Self {
            limit: DEFAULT_LIMIT,
            cursor: None,
        };
        let mut errors = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            match pair.split_once('=') {
                Some(("limit", text)) => match text.parse() {
                    Ok(limit @ 1..=MOST_ITEMS) => page.limit = limit,
                    _ => errors.push(FieldError::new(
                        "limit",
                        format!("must be a whole number from 1 to {MOST_ITEMS}"),
                    )),
                },
                Some(("cursor", text)) => match decode_cursor(text) {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => errors.push(cursor_mistake()),
                },
                _ => {
                    let name = pair.split('=').next().unwrap_or_default();
                    errors.push(FieldError::new(
                        name,
                        "is no parameter of this call; there are limit and cursor",
                    ));
                }
            }
        }
        if errors.is_empty() {
            Ok(page)
        } else {
            Err(Problem::invalid(errors))
        }
    }
}

/// A cursor for clients: opaque, so that its content can change.
pub(super) fn encode_cursor(content: &str) -> String {
    URL_SAFE_NO_PAD.encode(content)
}

fn decode_cursor(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// That a cursor is none of ours.
pub(super) fn cursor_mistake() -> FieldError {
    FieldError::new("cursor", "must be the `next` of an earlier page, unchanged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_each_mistake() {
        assert_eq!(
            Page::of(None).unwrap(),
            Page {
                limit: 50,
                cursor: None
            }
        );
        let cursor = encode_cursor("1.2");
        let page = Page::of(Some(&format!("limit=7&cursor={cursor}"))).unwrap();
        assert_eq!(
            page,
            Page {
                limit: 7,
                cursor: Some("1.2".into())
            }
        );
        let problem = Page::of(Some("limit=0&cursor=!&ofset=3")).unwrap_err();
        let json = serde_json::to_value(&problem).unwrap();
        let fields: Vec<_> = json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["field"].as_str().unwrap())
            .collect();
        assert_eq!(fields, ["limit", "cursor", "ofset"]);
    }

    #[test]
    fn json_mistakes_are_told_apart() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only its mistakes are looked at")]
        struct Body {
            list: Vec<u8>,
        }
        assert_eq!(json::<Body>(b"{").unwrap_err().status(), 400);
        assert_eq!(json::<Body>(b"{\"list\":[]} x").unwrap_err().status(), 400);
        let problem =
            serde_json::to_value(json::<Body>(b"{\"list\":[1,\"a\"]}").unwrap_err()).unwrap();
        assert_eq!(problem["errors"][0]["field"], "list[1]");
        assert_eq!(
            problem["errors"][0]["detail"],
            "invalid type: string \"a\", expected u8"
        );
    }
}
