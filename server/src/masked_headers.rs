//! Headers for the log. Only those that carry no secret are shown: which of the others do is not
//! known.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::keys;

/// The headers that are shown as they are.
const SHOWN: [&str; 15] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// Headers as the log may show them.
pub(crate) struct Masked<'a>(pub(crate) &'a HeaderMap);

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), shown(name, value)));
        f.debug_map().entries(entries).finish()
    }
}

fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    if SHOWN.contains(&name.as_str()) {
        return String::from_utf8_lossy(value.as_bytes()).into_owned();
    }
    let id = (name == header::AUTHORIZATION)
        .then(|| value.to_str().ok())
        .flatten()
        .and_then(keys::of_header)
        .and_then(keys::id_of);
    match id {
        Some(id) => format!("ApiKey {id} (secret masked)"),
        None => "(masked)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_masked() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "x-api-key",
            "proxy-authorization",
            "x-other",
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("hunter2"),
            );
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static("curl"));
        let shown = format!("{:?}", Masked(&headers));
        assert!(
            !shown.contains("hunter2") && shown.contains("curl"),
            "{shown}"
        );
        assert_eq!(shown.matches("(masked)").count(), 5);
    }
}
