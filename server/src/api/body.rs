//! Reading bodies: within bounds of size and time, as JSON, with every mistake named by its field.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::problem::{FieldError, Problem};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a body that is too large which are read and dropped before it is refused.
const MOST_DISCARDED: usize = 32 << 20;

/// Reads a body of at most `most` bytes.
pub(super) async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let media_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type.map(|t| t.split(';').next().unwrap_or_default().trim());
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::unsupported_media_type());
    }
    let waits_for_go_ahead = request.headers().contains_key(EXPECT);
    let mut body = request.into_body();
    let read = async {
        if waits_for_go_ahead && body.size_hint().lower() > most as u64 {
            return Ok(None);
        }
        match Limited::new(&mut body, most).collect().await {
            Ok(read) => Ok(Some(read.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                discard(&mut body).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(Some(read))) => Ok(read),
        Ok(Ok(None)) => Err(Problem::too_large(format!(
            "The body of this request may have {most} bytes"
        ))),
        Ok(Err(_)) => Err(Problem::bad_request("The body ended early")),
        Err(_) => Err(Problem::timeout(format!(
            "The body took longer than {} s",
            BODY_TIMEOUT.as_secs()
        ))),
    }
}

/// Reads on, up to a bound: a client that is still sending would find its connection reset instead
/// of the answer.
async fn discard(body: &mut Body) {
    let mut left = MOST_DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
            return;
        };
        left = rest;
    }
}

/// A body of which some fields may be wrong.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// The fields that have the right shape.
    pub(super) body: T,
    /// What is wrong with the others.
    pub(super) errors: Vec<FieldError>,
}

/// Reads a JSON object: 400 if it is no JSON. Each field of another shape is told by its path; the
/// others are read, so that what they say can be checked too.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<Read<T>, Problem> {
    let text = syntax(bytes)?.get();
    // A derived struct would also be read from a list of its fields' values.
    if !text.starts_with('{') {
        return Err(Problem::invalid(vec![FieldError::new(
            "",
            "must be a JSON object",
        )]));
    }
    if let Ok(body) = shaped(text) {
        let errors = Vec::new();
        return Ok(Read { body, errors });
    }
    let Fields(fields) = serde_json::from_str(text)
        .map_err(|error| Problem::bad_request(format!("The body is not JSON: {error}")))?;
    let (mut errors, mut sound) = (Vec::<FieldError>::new(), BTreeMap::new());
    for (name, value) in fields {
        let alone = object_of([(&name, value)]);
        match shaped::<T>(&alone) {
            Err(mistake) if mistake.detail != MISSING => errors.push(mistake),
            _ if sound.contains_key(&name) => errors.push(FieldError::new(name, "is given twice")),
            _ => drop(sound.insert(name, value)),
        }
    }
    match shaped(&object_of(sound.iter().map(|(name, value)| (name, *value)))) {
        Ok(body) => Ok(Read { body, errors }),
        Err(missing) => {
            errors.push(missing);
            Err(Problem::invalid(errors))
        }
    }
}

const MISSING: &str = "is missing";

/// Adds that a field is missing, unless it is there and has the wrong shape.
pub(super) fn add_missing(errors: &mut Vec<FieldError>, field: &str) {
    let is_within = |error: &FieldError| {
        let rest = error.field.strip_prefix(field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if !errors.iter().any(is_within) {
        errors.push(FieldError::new(field, MISSING));
    }
}

/// Reads an object of the right shape, or says what is wrong with its first wrong field.
fn shaped<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        shape_mistake(path, error.inner())
    })
}

/// The JSON of an object with these fields.
fn object_of<'a>(fields: impl IntoIterator<Item = (&'a String, &'a RawValue)>) -> String {
    let fields = fields.into_iter().map(|(name, value)| {
        let name = serde_json::Value::from(name.as_str());
        format!("{name}:{value}")
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// The fields of an object, those given twice twice.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Reads a field that may be missing, and may be null.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a JSON list without looking into its items.
pub(super) fn list(bytes: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    serde_json::from_str(syntax(bytes)?.get())
        .map_err(|_| Problem::invalid(vec![FieldError::new("", "must be a JSON list")]))
}

fn syntax(bytes: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("The body is not JSON: {error}")))
}

/// What serde says, by field. It names some fields in its words alone, not in the path.
fn shape_mistake(path: String, error: &serde_json::Error) -> FieldError {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(said, _)| said);
    let quoted = |prefix| text.strip_prefix(prefix)?.split_once('`');
    let within = |name: &str| match path.strip_suffix(name) {
        Some(start) if start.is_empty() || start.ends_with('.') => path.clone(),
        _ if path.is_empty() => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    if let Some((name, _)) = quoted("missing field `") {
        FieldError::new(within(name), MISSING)
    } else if let Some((name, _)) = quoted("duplicate field `") {
        FieldError::new(within(name), "is given twice")
    } else if let Some((name, expected)) = quoted("unknown field `") {
        FieldError::new(
            within(name),
            format!("is not a field of this call{expected}"),
        )
    } else {
        FieldError::new(path, text)
    }
}

/// Whole milliseconds; `1000.0` is a whole number, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub(super) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of milliseconds, zero or more")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
                // Up to here every whole number has an f64 of its own.
                const EXACT: f64 = (1_u64 << 53) as f64;
                match number.fract() == 0.0 && (0.0..=EXACT).contains(&number) {
                    true => Ok(Whole(number as u64)),
                    false => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
                }
            }
        }
        deserializer.deserialize_u64(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_mistakes_are_told_apart() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its mistakes are looked at")]
        struct Body {
            list: Vec<Whole>,
        }
        for no_json in ["", "{", "{\"list\":[]} x", "[", "\"\x01\"", "{\"list\":[1}"] {
            assert_eq!(
                object::<Body>(no_json.as_bytes()).unwrap_err().status(),
                400
            );
        }
        for (body, field, detail) in [
            ("[[1]]", "", "must be a JSON object"),
            ("{}", "list", "is missing"),
            (r#"{"list":[],"list":[]}"#, "list", "is given twice"),
            (
                r#"{"lists":[]}"#,
                "lists",
                "is not a field of this call, expected `list`",
            ),
            (
                r#"{"list":[1,"a"]}"#,
                "list[1]",
                "invalid type: string \"a\", expected a whole number of milliseconds, zero or more",
            ),
        ] {
            let problem = match object::<Body>(body.as_bytes()) {
                Ok(read) => Problem::invalid(read.errors),
                Err(problem) => problem,
            };
            let problem = serde_json::to_value(problem).unwrap();
            let error = serde_json::json!({ "field": field, "detail": detail });
            assert_eq!(problem["errors"][0], error, "{body}");
        }
        assert_eq!(list(b"{}").unwrap_err().status(), 422);
        assert_eq!(list(b"[1, {}]").unwrap().len(), 2);
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        for (text, number) in [("0", 0), ("7", 7), ("7.0", 7), ("1e3", 1000)] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(number));
        }
        for bad in [
            "-1",
            "0.5",
            "1e300",
            "-1.0",
            "\"7\"",
            "null",
            "99999999999999999999",
        ] {
            assert!(serde_json::from_str::<Whole>(bad).is_err(), "{bad}");
        }
    }
}
