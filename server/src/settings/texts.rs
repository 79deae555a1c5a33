//! What single texts mean, and what was expected of one that means nothing; where they come from is the readers' business.

use std::time::Duration;

use axum::http::HeaderValue;
use redis::IntoConnectionInfo;
use timeouts::Setting;

/// A value as a mistake shows it: on one line, and without what a URL says before its `@`.
pub(super) fn shown(text: &str) -> String {
    let text = match text.split_once("://").zip(text.rsplit_once('@')) {
        Some(((scheme, _), (_, host))) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    };
    text.replace(char::is_control, "\u{fffd}")
}

pub(super) fn duration(text: &str, setting: Setting) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .ok()
        .filter(|d| setting.admits(*d).is_ok());
    let legal = setting.legal().unwrap_or_default();
    duration
        .ok_or_else(|| format!("expected a duration with a unit (such as 60s or 4m) from {legal}"))
}

/// The URL of a Redis, if it holds no secret: what is in it is logged.
pub(super) fn redis_url(text: &str) -> Result<String, String> {
    let url = redis::parse_redis_url(text).filter(|url| url.host().is_some());
    let url = url.ok_or("expected a URL such as rediss://cache.example.com:6379")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL may hold no credentials; set STORE_USERNAME and STORE_PASSWORD, or STORE_PASSWORD_FILE".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("expected nothing behind the database's number".into());
    }
    match text.into_connection_info() {
        Ok(info) if info.redis_settings().db() != 0 => Err(
            "expected database 0: Redis makes announcements to all its databases alike; give each environment a Redis of its own".into(),
        ),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; expected one such as redis://host:port/0")),
    }
}

pub(super) fn origin(text: &str) -> Result<HeaderValue, String> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let sound = host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    });
    match HeaderValue::from_str(text) {
        Ok(value) if sound => Ok(value),
        _ if text == "*" => {
            Err("`*` with credentials is refused by every browser; list exact origins".into())
        }
        _ => Err(format!(
            "`{text}` is no origin; expected one such as https://www.example.com"
        )),
    }
}

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
