//! Which proxies may speak for a client's address.

use super::items;

/// Proxies in a row that may speak for a client.
const MOST_HOPS: usize = 10;

/// Who may speak for a client's address, as `TRUSTED_PROXIES` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies<'a> {
    /// Nobody.
    None,
    /// So many proxies in a row.
    Hops(usize),
    /// The proxies in these networks, comma-separated.
    Networks(&'a str),
}

impl<'a> Proxies<'a> {
    /// Reads `none`, a number, or networks such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let hops = text.parse::<usize>().ok();
        match hops {
            Some(0) => return Ok(Self::None),
            Some(hops) if hops <= MOST_HOPS => return Ok(Self::Hops(hops)),
            Some(_) => return Err(format!("expected {MOST_HOPS} proxies in a row at most")),
            None if text == "none" => return Ok(Self::None),
            None => {}
        }
        match items(text).find(|item| !is_network(item)) {
            Some(wrong) => Err(format!(
                "`{wrong}` is not a network: expected none, a number of proxies such as 1, \
                 or networks such as 10.0.0.0/8"
            )),
            None if items(text).next().is_none() => Err("expected at least one network".to_owned()),
            None => Ok(Self::Networks(text)),
        }
    }
}

/// An address, a slash and the length of its prefix.
fn is_network(text: &str) -> bool {
    use core::net::IpAddr;
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}
