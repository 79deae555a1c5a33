//! Reading paths and queries, with every mistake named.

use axum::extract::{FromRequestParts, Path};
use axum::http::request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use super::App;
use crate::message::Mailbox;
use crate::names;
use crate::problem::{FieldError, Problem};

/// Items of a list that are asked for without `limit`, and at most.
const DEFAULT_LIMIT: usize = 50;
const MOST_ITEMS: usize = 100;

/// The parts of a path by name.
pub(super) struct Parts<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parts<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
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
                        "is not a parameter of this call; the parameters are limit and cursor",
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

/// Takes the parameter `name`, which is a channel's name, out of a query. Returns it with the rest.
pub(super) fn take(query: &str, name: &str) -> Result<(Option<String>, String), Problem> {
    let (mut taken, mut rest) = (None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((found, text)) if found == name => {
                let mut decoded = form_urlencoded::parse(text.as_bytes());
                taken = decoded.next().map(|(value, _)| value.into_owned());
                if !taken.as_deref().is_some_and(names::is_name) {
                    let mistake = FieldError::new(name, names::EXPECTED);
                    return Err(Problem::invalid(vec![mistake]));
                }
            }
            _ => rest.push(pair),
        }
    }
    Ok((taken, rest.join("&")))
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
}
