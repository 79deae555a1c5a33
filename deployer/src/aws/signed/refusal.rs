//! How a service says no: with a code and a message, in JSON or in XML.

use aws_sdk_cloudformation::error::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::{ErrorKind, ProvideErrorKind};
use serde_json::Value;

use super::xml::{Xml, text};

/// A refusal of a service, in its own words.
#[derive(Debug)]
pub(in crate::aws) struct Refusal(ErrorMetadata);

impl Refusal {
    /// Reads the body of an answer. A page of a proxy has neither code nor message.
    pub(super) fn read(body: &str) -> Self {
        let (code, message) = of_json(body).or_else(|| of_xml(body)).unwrap_or_default();
        let mut meta = ErrorMetadata::builder();
        if !code.is_empty() {
            meta = meta.code(code).message(message);
        }
        Self(meta.build())
    }
}

/// `{"__type": "com.amazonaws.acm#ResourceNotFoundException", "message": "…"}`.
fn of_json(body: &str) -> Option<(String, String)> {
    let document: Value = serde_json::from_str(body).ok()?;
    let code = document["__type"].as_str()?;
    let code = code.rsplit('#').next().unwrap_or(code);
    let message = document["message"]
        .as_str()
        .or(document["Message"].as_str());
    Some((code.to_owned(), message.unwrap_or_default().to_owned()))
}

/// `<Error><Code>…</Code><Message>…</Message></Error>`, at whatever depth.
fn of_xml(body: &str) -> Option<(String, String)> {
    let document = Xml::parse(body).ok()?;
    let mut nodes = document.descendants();
    let error = nodes.find(|node| node.tag_name().name() == "Error")?;
    Some((
        text(error, "Code").to_owned(),
        text(error, "Message").to_owned(),
    ))
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl ProvideErrorKind for Refusal {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        None
    }

    fn code(&self) -> Option<&str> {
        self.0.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_is_read() {
        let cases = [
            (
                r#"{"__type":"com.amazonaws.acm#AccessDeniedException","Message":"no"}"#,
                Some("AccessDeniedException"),
            ),
            (
                r#"{"__type":"RepositoryNotFoundException","message":"none"}"#,
                Some("RepositoryNotFoundException"),
            ),
            (
                "<Response><Errors><Error><Code>UnauthorizedOperation</Code>\
                 <Message>no</Message></Error></Errors></Response>",
                Some("UnauthorizedOperation"),
            ),
            (
                r#"<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Code>NoSuchHostedZone</Code></Error></ErrorResponse>"#,
                Some("NoSuchHostedZone"),
            ),
            ("<html><body>Gateway Timeout</body></html>", None),
            ("", None),
        ];
        for (body, code) in cases {
            assert_eq!(
                ProvideErrorMetadata::code(&Refusal::read(body)),
                code,
                "{body}"
            );
        }
    }
}
