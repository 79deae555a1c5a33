//! Who asks: a client's address as the trusted proxies tell it, and the group that limits count it
//! in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Entries of `X-Forwarded-For` that are looked at, from the right. More proxies than that trust
/// nobody.
const MOST_ENTRIES: usize = 16;

/// Who may speak for a client's address in `X-Forwarded-For`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TrustedProxies {
    /// Nobody: the connection's own address counts.
    #[default]
    None,
    /// So many proxies in front, each of which appends the address that it was called from.
    Hops(usize),
    /// Every proxy in these networks.
    Networks(Vec<IpNet>),
}

impl TrustedProxies {
    /// Whether a connection from `peer` may carry the requests of many clients.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Hops(_) => true,
            Self::Networks(networks) => networks.iter().any(|net| net.contains(&peer)),
        }
    }

    /// The address of the client whose request came from `peer` with these headers: the rightmost
    /// entry of `X-Forwarded-For` that a trusted proxy wrote about somebody who is none.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut entries = entries(headers);
        match self {
            Self::None => peer,
            // A proxy's own health checks carry no entry: then the nearest that is known counts.
            Self::Hops(hops) => entries.take(*hops).last().unwrap_or(peer),
            Self::Networks(_) => {
                let mut nearest = peer;
                while self.trusts(nearest) {
                    match entries.next() {
                        Some(entry) => nearest = entry,
                        None => break,
                    }
                }
                nearest
            }
        }
    }
}

/// The entries from the right, up to the first that is no address: who wrote that is not known.
fn entries(headers: &HeaderMap) -> impl Iterator<Item = IpAddr> {
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or("?").rsplit(','))
        .take(MOST_ENTRIES)
        .map_while(|entry| address(entry.trim()))
}

/// An entry is an address, with a port where the load balancer is told to add it.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.parse().ok();
    let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port)
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}

/// The client of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address, IPv4 where it is one.
    pub address: IpAddr,
}

impl Client {
    /// The client at an address.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
        }
    }

    /// The network of its address: a /24, or a /48.
    #[must_use]
    pub fn network(self) -> String {
        self.group().prefix().to_string()
    }

    pub(super) fn group(self) -> Group {
        Group::of(self.address)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// What limits count as one: an IPv4 address, or the /64 that an IPv6 host picks its addresses
/// from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Group(u64);

/// Marks IPv4 addresses: the IPv6 network 0:ffff::/32 is assigned to nobody.
const IPV4: u64 = 0x0000_ffff_0000_0000;

impl Group {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IPV4 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }

    /// The network that log lines and the API show: a /24, or a /48.
    pub(super) fn prefix(self) -> Prefix {
        match self.0 & 0xffff_ffff_0000_0000 == IPV4 {
            true => Prefix(self.0 & !0xff),
            false => Prefix(self.0 & !0xffff),
        }
    }
}

/// A network of addresses that are likely to belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Prefix(u64);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & 0xffff_ffff_0000_0000 == IPV4 {
            write!(f, "{}/24", Ipv4Addr::from_bits(self.0 as u32))
        } else {
            write!(f, "{}/48", Ipv6Addr::from_bits(u128::from(self.0) << 64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (FORWARDED_FOR, line.parse().unwrap()))
            .collect()
    }

    fn client(proxies: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
        let peer = peer.parse().unwrap();
        proxies.client(peer, &headers(lines)).to_string()
    }

    #[test]
    fn nobody_speaks_for_a_client_unless_trusted() {
        let none = TrustedProxies::None;
        assert_eq!(client(&none, "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&none, "::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn hops_count_from_the_right_over_all_lines() {
        let one = TrustedProxies::Hops(1);
        let two = TrustedProxies::Hops(2);
        let cases: &[(&TrustedProxies, &[&str], &str)] = &[
            (&one, &["203.0.113.9"], "203.0.113.9"),
            // What the client itself has sent stands further left, in the same line or another.
            (&one, &["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            (&one, &["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
            (&two, &["6.6.6.6, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            (&two, &["203.0.113.9", "10.1.1.1"], "203.0.113.9"),
            // With a port, as the load balancer adds it on request.
            (&one, &["203.0.113.9:4711"], "203.0.113.9"),
            (&one, &["[2001:db8::1]:4711"], "2001:db8::1"),
            (&one, &["2001:db8::1"], "2001:db8::1"),
            // The balancer's own health check.
            (&one, &[], "10.0.0.1"),
            (&two, &["10.1.1.1"], "10.1.1.1"),
            // What is no address is nobody's word.
            (&one, &["203.0.113.9, unknown"], "10.0.0.1"),
            (&two, &["unknown, 10.1.1.1"], "10.1.1.1"),
            (&one, &["\u{e9}"], "10.0.0.1"),
        ];
        for (proxies, lines, expected) in cases {
            let found = client(proxies, "10.0.0.1", lines);
            assert_eq!(found, *expected, "{proxies:?} {lines:?}");
        }
    }

    #[test]
    fn networks_are_walked_until_somebody_outside() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().unwrap());
        let proxies = TrustedProxies::Networks(networks.to_vec());
        for (peer, lines, expected) in [
            (
                "10.0.0.1",
                &["6.6.6.6, 203.0.113.9, 10.2.2.2"][..],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("2001:db8::1", &["203.0.113.9"], "203.0.113.9"),
            // Who is no proxy may claim what he likes.
            ("203.0.113.50", &["6.6.6.6"], "203.0.113.50"),
            ("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("10.0.0.1", &["6.6.6.6, x, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_long_list_of_proxies_is_not_followed() {
        let all = TrustedProxies::Networks(vec!["0.0.0.0/0".parse().unwrap()]);
        let line = format!("1.2.3.4{}", ", 10.0.0.2".repeat(500));
        assert_eq!(client(&all, "10.0.0.1", &[&line]), "10.0.0.2");
    }

    #[test]
    fn groups_and_prefixes() {
        let group = |text: &str| Group::of(text.parse().unwrap());
        assert_eq!(group("192.0.2.1"), group("::ffff:192.0.2.1"));
        assert_ne!(group("192.0.2.1"), group("192.0.2.2"));
        assert_eq!(group("2001:db8:1:2::1"), group("2001:db8:1:2:ffff::9"));
        assert_ne!(group("2001:db8:1:2::1"), group("2001:db8:1:3::1"));
        for (address, prefix) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("255.255.255.255", "255.255.255.0/24"),
            ("2001:db8:1:2::1", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(group(address).prefix().to_string(), prefix);
        }
    }
}
