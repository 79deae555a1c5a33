//! What a setting can be set to. Durations print as an environment file writes them (`90s`), so
//! that what a finding proposes can be pasted.

use std::fmt;
use std::time::Duration;

/// The kind of value that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A length of time.
    Duration,
    /// A whole number of things: tasks, connections, CPU units, a port, a percentage.
    Count,
    /// A number of bytes.
    Bytes,
    /// A number of mebibytes.
    Mebibytes,
    /// On or off.
    Flag,
    /// A word, a path or a name.
    Text,
    /// Several words, in the order in which they were given.
    List,
    /// Ranges of ports.
    Ports,
}

/// A setting's value, in whole units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A length of time.
    Duration(Duration),
    /// A number, in the unit of the setting's [`Kind`].
    Count(u64),
    /// On or off.
    Flag(bool),
    /// A word, a path or a name.
    Text(String),
    /// Several words.
    List(Vec<String>),
    /// Ranges of ports, both ends included.
    Ports(Vec<(u16, u16)>),
    /// Seen to be set to nothing, which is a fact and differs from not having been seen.
    Unset,
}

impl Value {
    /// The length of time, where it is one.
    #[must_use]
    pub fn as_duration(&self) -> Option<Duration> {
        match self {
            Self::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// The number, where it is one.
    #[must_use]
    pub fn as_count(&self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(*count),
            _ => None,
        }
    }

    /// On or off, where it is that.
    #[must_use]
    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Whether a setting of this kind can have this value.
    #[must_use]
    pub fn is(&self, kind: Kind) -> bool {
        match self {
            Self::Duration(_) => kind == Kind::Duration,
            Self::Count(_) => matches!(kind, Kind::Count | Kind::Bytes | Kind::Mebibytes),
            Self::Flag(_) => kind == Kind::Flag,
            Self::Text(_) => kind == Kind::Text,
            Self::List(_) => kind == Kind::List,
            Self::Ports(_) => kind == Kind::Ports,
            Self::Unset => true,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(d) => f.write_str(&seconds(*d)),
            Self::Count(n) => n.fmt(f),
            Self::Flag(true) => f.write_str("on"),
            Self::Flag(false) => f.write_str("off"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) if items.is_empty() => f.write_str("none"),
            Self::List(items) => f.write_str(&items.join(", ")),
            Self::Ports(ranges) if ranges.is_empty() => f.write_str("none"),
            Self::Ports(ranges) => {
                f.write_str(&ranges.iter().map(ports).collect::<Vec<_>>().join(", "))
            }
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// A duration in the notation of environment files: `90s`, `1500ms`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

fn ports(&(low, high): &(u16, u16)) -> String {
    if low == high {
        low.to_string()
    } else {
        format!("{low}-{high}")
    }
}

impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::Duration(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}

impl From<&[&str]> for Value {
    fn from(value: &[&str]) -> Self {
        Self::List(value.iter().map(ToString::to_string).collect())
    }
}

/// `None` is [`Value::Unset`]: known to be absent.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unset, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_an_environment_file_writes_it() {
        let cases: [(Value, &str); 9] = [
            (Duration::from_secs(90).into(), "90s"),
            (Duration::from_millis(1500).into(), "1500ms"),
            (Duration::ZERO.into(), "0s"),
            (true.into(), "on"),
            (
                ["polling", "websocket"].as_slice().into(),
                "polling, websocket",
            ),
            (Value::List(Vec::new()), "none"),
            (Value::Ports(vec![(80, 80), (8080, 8090)]), "80, 8080-8090"),
            (None::<u64>.into(), "not set"),
            (Some("a").into(), "a"),
        ];
        for (value, text) in cases {
            assert_eq!(value.to_string(), text);
        }
    }
}
