//! Stickiness cookies: `AWSALB`, `AWSALBTG` and their CORS twins, with the duration inside the
//! value.
//!
//! Facts:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html>. AWS
//! encrypts the value; here it is authenticated, which is what clients can notice of it: a made-up
//! value is not honoured.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use tokio::time::Instant;

/// What `Expires` always says, whatever the stickiness duration is.
const EXPIRES: Duration = Duration::from_secs(7 * 24 * 3600);

/// The two kinds of stickiness, by the name of their cookie.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Target,
    Group,
}

impl Kind {
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Target => ["AWSALB", "AWSALBCORS"],
            Self::Group => ["AWSALBTG", "AWSALBTGCORS"],
        }
    }
}

/// Issues and reads the cookies of one balancer.
pub(crate) struct Cookies {
    key: RandomState,
    epoch: Instant,
}

impl Cookies {
    pub(crate) fn new() -> Self {
        Self {
            key: RandomState::new(),
            epoch: Instant::now(),
        }
    }

    /// Adds both cookies for `id`. On an HTTPS listener the second one is `Secure`, without which
    /// browsers drop `SameSite=None`; on HTTP listeners AWS leaves `Secure` out.
    pub(crate) fn issue(&self, kind: Kind, id: u64, https: bool, headers: &mut HeaderMap) {
        let value = self.seal(kind, id);
        let expires = httpdate::fmt_http_date(SystemTime::now() + EXPIRES);
        let [name, cors] = kind.names();
        let secure = if https { "; Secure" } else { "" };
        for cookie in [
            format!("{name}={value}; Expires={expires}; Path=/"),
            format!("{cors}={value}; Expires={expires}; Path=/; SameSite=None{secure}"),
        ] {
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(SET_COOKIE, cookie);
            }
        }
    }

    /// The id in a request's cookie, when this balancer issued it no longer than `duration` ago.
    pub(crate) fn read(&self, kind: Kind, headers: &HeaderMap, duration: Duration) -> Option<u64> {
        let names = kind.names();
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| names.contains(name))
            .find_map(|(_, value)| self.open(kind, value, duration))
    }

    fn seal(&self, kind: Kind, id: u64) -> String {
        let issued = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let tag = self.tag(kind, id, issued);
        BASE64.encode([id.to_be_bytes(), issued.to_be_bytes(), tag.to_be_bytes()].concat())
    }

    fn open(&self, kind: Kind, value: &str, duration: Duration) -> Option<u64> {
        let bytes = BASE64.decode(value).ok()?;
        let (words, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let &[id, issued, tag] = words else {
            return None;
        };
        let (id, issued) = (u64::from_be_bytes(id), u64::from_be_bytes(issued));
        let genuine = u64::from_be_bytes(tag) == self.tag(kind, id, issued);
        let age = self
            .epoch
            .elapsed()
            .saturating_sub(Duration::from_millis(issued));
        (genuine && age <= duration).then_some(id)
    }

    fn tag(&self, kind: Kind, id: u64, issued: u64) -> u64 {
        self.key.hash_one((kind.names(), id, issued))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_foreign_or_broken_value_is_not_honoured() {
        let cookies = Cookies::new();
        let foreign = Cookies::new().seal(Kind::Target, 1);
        let group = cookies.seal(Kind::Group, 1);
        for value in [foreign.as_str(), group.as_str(), "", "AAAA", "%2F", "_"] {
            let headers = request(&format!("AWSALB={value}"));
            assert_eq!(
                cookies.read(Kind::Target, &headers, EXPIRES),
                None,
                "{value}"
            );
        }
    }

    #[test]
    fn the_cors_twin_alone_is_enough() {
        let cookies = Cookies::new();
        let headers = request(&format!(
            "a=b; AWSALBCORS={}",
            cookies.seal(Kind::Target, 7)
        ));
        assert_eq!(cookies.read(Kind::Target, &headers, EXPIRES), Some(7));
    }
}
