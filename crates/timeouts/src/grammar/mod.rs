//! How a setting of the server is written. Its variable, the environment file, the flags and the
//! JSON Schema share this one grammar: what one of them accepts, the others accept.

mod proxies;
mod store;
mod url;

use std::time::Duration;

use crate::value::Value;

pub use proxies::Proxies;
pub use store::{RedisMode, RedisUrl, STORE_PARTS, Store};

/// The most characters of a name.
pub const NAME_MAX: usize = 128;
/// What [`is_name`] accepts, for messages.
pub const NAME_EXPECTED: &str = "expected 1 to 128 of the characters A-Z a-z 0-9 . _ : -";
/// The pattern of a name.
const NAME_PATTERN: &str = "^[A-Za-z0-9._:-]{1,128}$";
/// The pattern of a duration with the common units. [`duration`] knows more of them.
pub const DURATION_PATTERN: &str =
    "^[0-9]+(ms|s|m|h|d|min|hours?|days?)( ?[0-9]+(ms|s|m|h|d|min|hours?|days?))*$";
/// The paths that the server answers beside the Socket.IO path.
pub const SERVED_PATHS: [&str; 3] = ["/healthcheck", "/v1", "/openapi.json"];

/// The grammar of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// A duration with a unit: `60s`, `4m`.
    Duration,
    /// A whole number.
    Count,
    /// A number of bytes: `1024`, `1KiB`.
    Bytes,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, each once, one at least.
    Words(&'static [&'static str]),
    /// Names, each once, one at least.
    Names,
    /// Names, each once, or none.
    NamesOrNone,
    /// A name.
    Name,
    /// The path of Socket.IO requests.
    SocketPath,
    /// Origins of pages, exactly as browsers send them.
    Origins,
    /// Where messages are kept.
    Store,
    /// A log level, or directives: `info,server=debug`.
    LogFilter,
    /// A limit: a whole number from 1 to 1,000,000, or `none`.
    Limit,
    /// The proxies that may speak for a client's address.
    Proxies,
    /// Where a key set is fetched from, or nothing.
    KeySetUrl,
    /// An HTTP or HTTPS URL without credentials, query or fragment.
    HttpUrl,
    /// An address and a port.
    Address,
    /// Anything.
    Text,
}

impl Grammar {
    /// Reads a text. Ranges are the business of the setting.
    ///
    /// # Errors
    /// What was expected, for a message after the setting's name.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Duration => duration(text).map(Value::from),
            Self::Count => text
                .parse::<u64>()
                .map(Value::from)
                .map_err(|_| "expected a whole number".to_owned()),
            Self::Bytes => bytes(text).map(Value::from),
            Self::Flag => text
                .parse::<bool>()
                .map(Value::from)
                .map_err(|_| "expected true or false".to_owned()),
            Self::Word(words) if words.contains(&text) => Ok(text.into()),
            Self::Word(words) => Err(format!("expected one of {}", words.join(", "))),
            Self::Name => name(text).map(Value::from),
            Self::SocketPath => socket_path(text).map(Value::from),
            Self::Store => Store::parse(text).map(|store| store.kind().into()),
            Self::Address => text
                .parse::<core::net::SocketAddr>()
                .map(|address| u64::from(address.port()).into())
                .map_err(|_| "expected an address and port such as 0.0.0.0:8080".to_owned()),
            Self::Limit => limit(text),
            Self::Proxies => Proxies::parse(text).map(|_| text.into()),
            Self::LogFilter => log_filter(text),
            Self::KeySetUrl => url::key_set(text),
            Self::HttpUrl => url::http(text),
            Self::Text => Ok(text.into()),
            Self::Words(_) | Self::Names | Self::NamesOrNone | Self::Origins => {
                self.list(items(text))
            }
        }
    }

    /// Reads the items of a list.
    ///
    /// # Errors
    /// What was expected of the first item that is wrong, or that items are missing.
    pub fn list<'a>(self, items: impl IntoIterator<Item = &'a str>) -> Result<Value, String> {
        let mut read: Vec<String> = Vec::new();
        for item in items {
            let item = self.item(item)?;
            if read.contains(&item) {
                return Err(format!("`{item}` is named twice"));
            }
            read.push(item);
        }
        match self {
            Self::Words(words) if read.is_empty() => {
                Err(format!("expected at least one of {}", words.join(", ")))
            }
            Self::Names if read.is_empty() => Err("expected at least one name".to_owned()),
            _ => Ok(read.into()),
        }
    }

    /// Reads one item of a list, as the list keeps it.
    ///
    /// # Errors
    /// What was expected.
    pub fn item(self, text: &str) -> Result<String, String> {
        match self {
            Self::Words(words) if words.contains(&text) => Ok(text.to_owned()),
            Self::Words(words) => Err(format!("`{text}` is not one of {}", words.join(", "))),
            // Socket.IO writes a namespace with its slash.
            Self::Names | Self::NamesOrNone => name(text.trim_start_matches('/')),
            Self::Origins => origin(text),
            _ => Ok(text.to_owned()),
        }
    }

    /// Whether the text is a list, whose items an environment file writes one by one.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::Words(_) | Self::Names | Self::NamesOrNone | Self::Origins
        )
    }

    /// A regular expression for the text, or for each item of a list. It accepts no more than
    /// [`Self::parse`] wherever an expression can say so.
    #[must_use]
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Duration => Some(DURATION_PATTERN),
            Self::Bytes => Some("^[0-9]+ ?(B|KiB|MiB|GiB)$"),
            Self::Limit => Some("^(none|[1-9][0-9]{0,5}|1000000)$"),
            Self::Names | Self::NamesOrNone | Self::Name => Some(NAME_PATTERN),
            Self::LogFilter => Some(
                "^([^,=]+=)?(off|error|warn|info|debug|trace)\
                 (,([^,=]+=)?(off|error|warn|info|debug|trace))*$",
            ),
            Self::SocketPath => Some("^(/[A-Za-z0-9._~-]+)+$"),
            Self::KeySetUrl => Some("^(https?://[^ @#]+)?$"),
            Self::HttpUrl => Some("^https?://[A-Za-z0-9.:\\[\\]-]+(/[A-Za-z0-9._~/-]*)?$"),
            Self::Origins => Some("^https?://[a-z0-9.:\\[\\]-]+$"),
            _ => None,
        }
    }
}

/// The items of a list that is written as one text: comma-separated, blanks around them ignored.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// Whether a text can name a channel, message, namespace or node.
///
/// ```
/// assert!(timeouts::grammar::is_name("streamer-42"));
/// assert!(!timeouts::grammar::is_name("a b"));
/// ```
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a name: {NAME_EXPECTED}"))
    }
}

/// Reads a duration: a number is nothing without its unit, since readers disagree about it.
///
/// # Errors
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let has_unit = text.contains(|c: char| c.is_ascii_alphabetic());
    humantime::parse_duration(text)
        .ok()
        .filter(|_| has_unit)
        .ok_or_else(|| "expected a duration with a unit, such as 60s or 4m".to_owned())
}

/// The bytes in a unit. `KB` is 1000 to some and 1024 to others: it is not read.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// Reads a number of bytes, with or without a binary unit.
///
/// # Errors
/// What was expected.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes)))
        .unwrap_or((text, 1));
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "expected a number of bytes, such as 1024 or 1KiB".to_owned())
}

/// A level alone, or one for a target. A bare word that is no level would silence everything else.
fn log_filter(text: &str) -> Result<Value, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
    let sound = items(text).all(|part| match part.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(part),
    });
    if sound && items(text).next().is_some() {
        Ok(text.into())
    } else {
        Err(
            "expected error, warn, info, debug or trace, or directives such as info,server=debug"
                .to_owned(),
        )
    }
}

/// What a limit may be. More than a node carries is as good as none.
pub const MOST_LIMIT: u64 = 1_000_000;

fn limit(text: &str) -> Result<Value, String> {
    let sound = |number: &u64| (1..=MOST_LIMIT).contains(number);
    match text.parse::<u64>().ok().filter(sound) {
        Some(number) => Ok(number.to_string().into()),
        None if text == "none" => Ok(text.into()),
        None => Err(format!(
            "expected a whole number from 1 to {MOST_LIMIT}, or none"
        )),
    }
}

fn socket_path(text: &str) -> Result<String, String> {
    let sound = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    // A client library adds a slash at the end: both spellings are one path.
    let path = text.strip_suffix('/').unwrap_or(text);
    if !path
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(sound))
    {
        return Err("expected a path such as /websockets".to_owned());
    }
    let taken = SERVED_PATHS
        .iter()
        .any(|taken| path == *taken || path.starts_with(&format!("{taken}/")));
    if taken {
        return Err("this path belongs to the HTTP interface; choose another".to_owned());
    }
    Ok(path.to_owned())
}

/// An origin exactly as a browser sends it: another spelling would never be equal to one.
fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Err(
            "`*` with credentials is refused by every browser; list exact origins".to_owned(),
        );
    }
    let wrong = |help: &str| Err(format!("`{text}` is not an origin: {help}"));
    let (port, host) = match text.split_once("://") {
        Some(("https", host)) => (":443", host),
        Some(("http", host)) => (":80", host),
        _ => return wrong("expected one such as https://www.example.com"),
    };
    if host.ends_with('/') {
        return wrong("it has no slash at its end");
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return wrong("browsers send it in lower case");
    }
    if host.ends_with(port) {
        return wrong("browsers leave out the default port");
    }
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(sound) {
        return wrong("expected one such as https://www.example.com");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
