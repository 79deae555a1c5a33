//! Whether a request meets a listener rule's conditions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use std::net::IpAddr;
use std::str::FromStr;

use http::request::Parts;
use http::{header, uri::Authority};

use super::config::{Condition, Listener, QueryPair};
use super::{Action, Rule};

/// The action for a request: the matching rule with the lowest priority number, else the default.
pub(crate) fn route<'a>(listener: &'a Listener, request: &Parts, client: IpAddr) -> &'a Action {
    let matching = listener
        .rules
        .iter()
        .filter(|rule| matches(rule, request, client));
    matching
        .min_by_key(|rule| rule.priority)
        .map_or(&listener.default, |rule| &rule.action)
}

fn matches(rule: &Rule, request: &Parts, client: IpAddr) -> bool {
    rule.conditions
        .iter()
        .all(|condition| holds(condition, request, client))
}

fn holds(condition: &Condition, request: &Parts, client: IpAddr) -> bool {
    match condition {
        Condition::Path(patterns) => patterns
            .iter()
            .any(|pattern| glob(pattern, request.uri.path())),
        Condition::Host(patterns) => {
            let host = host(request).to_ascii_lowercase();
            patterns
                .iter()
                .any(|pattern| glob(&pattern.to_ascii_lowercase(), &host))
        }
        Condition::Method(methods) => methods
            .iter()
            .any(|method| method == request.method.as_str()),
        Condition::Header { name, values } => {
            let sent = request
                .headers
                .get_all(name.as_str())
                .iter()
                .filter_map(|value| value.to_str().ok());
            let sent: Vec<_> = sent.map(str::to_ascii_lowercase).collect();
            values.iter().any(|pattern| {
                sent.iter()
                    .any(|value| glob(&pattern.to_ascii_lowercase(), value))
            })
        }
        Condition::Query(pairs) => {
            let query = request.uri.query().unwrap_or_default().to_ascii_lowercase();
            pairs
                .iter()
                .any(|pair| query.split('&').any(|part| query_matches(pair, part)))
        }
        Condition::SourceIp(ranges) => ranges.iter().any(|range| range.contains(client)),
    }
}

fn query_matches(pair: &QueryPair, part: &str) -> bool {
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    let key_matches = pair
        .key
        .as_ref()
        .is_none_or(|pattern| glob(&pattern.to_ascii_lowercase(), key));
    key_matches && glob(&pair.value.to_ascii_lowercase(), value)
}

/// The host that a request names, without its port.
pub(crate) fn host(request: &Parts) -> String {
    let header = request
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = header
        .and_then(|value| Authority::from_str(value).ok())
        .or(request.uri.authority().cloned());
    authority
        .map(|authority| authority.host().to_owned())
        .unwrap_or_default()
}

/// `*` for any characters, `?` for exactly one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*` when what follows it does not fit: one character further.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t + 1));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((after_star, next)) => {
                    (p, t) = (after_star, next);
                    retry = Some((after_star, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// A range of addresses, as `source-ip` conditions have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    bits: u8,
}

/// A text that is not `address/bits`.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a CIDR block such as 10.0.0.0/8")]
pub struct NotACidr(String);

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let wrong = || NotACidr(text.to_owned());
        let (network, bits) = text.split_once('/').ok_or_else(wrong)?;
        let network: IpAddr = network.parse().map_err(|_| wrong())?;
        let bits = bits.parse().map_err(|_| wrong())?;
        let widest = if network.is_ipv4() { 32 } else { 128 };
        if bits > widest {
            Err(wrong())
        } else {
            Ok(Self { network, bits })
        }
    }
}

impl Cidr {
    fn contains(self, address: IpAddr) -> bool {
        let differing = match (self.network, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("/img/*", "/img/picture.jpg", true),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/*", "/IMG/a", false),
            ("*.example.com", "test.example.com", true),
            ("*.example.com", "example.com", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("*", "", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axbxb", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn ranges_of_addresses() {
        for (range, address, expected) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ] {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                expected,
                "{range:?} {address}"
            );
        }
        assert!("10.0.0.0/33".parse::<Cidr>().is_err());
        assert!("10.0.0.0".parse::<Cidr>().is_err());
    }
}
