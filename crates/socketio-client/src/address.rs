//! The address of a Socket.IO server as people give it: `https://drops.example.com`.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Scheme, host and port; the path is given apart, because in Socket.IO a URL's path is the
/// namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// HTTPS and `wss`.
    pub secure: bool,
    /// Host name or address, IPv6 in brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A text that is no address of a server.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NotAnAddress {
    /// No URL at all, or of another scheme.
    #[error("{0:?} is not a URL such as https://drops.example.com")]
    NotAUrl(String),
    /// It has a path, whose meaning would be a guess.
    #[error(
        "{0:?} has a path: give the Socket.IO path with --path and the namespace with --namespace"
    )]
    HasPath(String),
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let wrong = || NotAnAddress::NotAUrl(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(wrong()),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(NotAnAddress::HasPath(text.to_owned()));
        }
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(wrong)?
            .to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port })
    }
}

impl Address {
    /// Host and port, as the `Host` header has them: a default port is left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host == "[::1]" || self.host.starts_with("127.")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}",
            if self.secure { "https" } else { "http" },
            self.authority()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address_and_what_is_not() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080")),
            ("https://a.example/", Ok("https://a.example")),
            ("wss://a.example", Ok("https://a.example")),
            ("ws://[::1]:81", Ok("http://[::1]:81")),
            ("a.example", Err(false)),
            ("ftp://a.example", Err(false)),
            ("https://a.example/dropcodes", Err(true)),
            ("https://a.example?x", Err(true)),
        ] {
            match (text.parse::<Address>(), expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address.to_string(), expected),
                (Err(error), Err(path)) => {
                    assert_eq!(matches!(error, NotAnAddress::HasPath(_)), path, "{text}");
                }
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }
}
