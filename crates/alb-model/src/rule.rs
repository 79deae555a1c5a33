//! Whether a request meets a listener rule's conditions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use std::net::IpAddr;
use std::str::FromStr as _;

use http::request::Parts;
use http::{header, uri::Authority};

use super::config::{Action, Condition, Listener, QueryPair, Rule};

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
}
