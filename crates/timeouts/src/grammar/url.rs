//! How URLs that the server calls are written.

use crate::value::Value;

/// A URL whose answer nobody on the way can change: HTTPS, or this machine.
pub(super) fn key_set(text: &str) -> Result<Value, String> {
    let secure = text.strip_prefix("https://");
    let own = ["127.0.0.1", "localhost", "[::1]"];
    let host = secure.or_else(|| {
        let rest = text.strip_prefix("http://")?;
        own.iter()
            .any(|host| {
                rest.strip_prefix(host)
                    .is_some_and(|rest| rest.starts_with([':', '/']))
            })
            .then_some(rest)
    });
    let sound = |rest: &str| !rest.is_empty() && !rest.contains([' ', '@', '#']);
    match text.is_empty() || host.is_some_and(sound) {
        true => Ok(text.into()),
        false => Err(
            "expected a URL such as https://id.example.com/.well-known/jwks.json; \
                      http:// only to this machine, and no credentials"
                .to_owned(),
        ),
    }
}

/// A host with or without a port, and a path.
pub(super) fn http(text: &str) -> Result<Value, String> {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://"));
    let sound = rest.is_some_and(|rest| {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        !host.is_empty() && host.bytes().all(is_host) && path.bytes().all(is_path)
    });
    match sound {
        true => Ok(text.into()),
        false => {
            let expected = "expected a URL such as http://collector.internal:4318, without \
                            credentials";
            Err(expected.to_owned())
        }
    }
}
