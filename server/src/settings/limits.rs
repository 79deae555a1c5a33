//! The settings of limits: a number, or `none` where a limit can be switched off.

use ipnet::IpNet;

use super::parse::Reader;
use super::texts::list;
use crate::admission::{Limits, TrustedProxies};

/// Proxies in a row that may speak for a client.
const MOST_HOPS: usize = 10;
/// What any limit may be set to. More than a node carries is as good as none.
const MOST: u32 = 1_000_000;

impl Reader<'_> {
    /// Reads all limits.
    pub(super) fn limits(&mut self) -> Limits {
        let default = Limits::default();
        Limits {
            trusted_proxies: self.trusted_proxies("TRUSTED_PROXIES"),
            connections: self.optional_limit("MAX_CONNECTIONS"),
            unjoined: self.bound("MAX_UNJOINED", default.unjoined),
            address_connections: self.limit("CONNECTIONS_PER_ADDRESS", default.address_connections),
            address_handshakes: self.limit("HANDSHAKES_PER_ADDRESS", default.address_handshakes),
            address_failed_keys: self.limit("FAILED_KEYS_PER_ADDRESS", default.address_failed_keys),
            key_sockets: self.limit("SOCKETS_PER_KEY", default.key_sockets),
            key_joins: self.limit("JOINS_PER_KEY", default.key_joins),
            key_addresses: self.limit("ADDRESSES_PER_KEY", default.key_addresses),
        }
    }

    /// A number, or `none`.
    pub(super) fn limit(&mut self, name: &str, default: Option<u32>) -> Option<u32> {
        let shown = default.map_or("none".to_owned(), |number| number.to_string());
        self.value(name, &shown, default, |text| match text {
            "none" => Ok(None),
            _ => number(text).map(Some).ok_or_else(|| {
                format!("expected a whole number from 1 to {MOST}, or none for no limit")
            }),
        })
    }

    fn bound(&mut self, name: &str, default: u32) -> u32 {
        self.value(name, &default.to_string(), default, |text| {
            number(text).ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
        })
    }

    /// A number, if the variable is set.
    fn optional_limit(&mut self, name: &str) -> Option<u32> {
        self.value(name, "", None, |text| match text {
            "" => Ok(None),
            _ => match number(text) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("expected a whole number from 1 to {MOST}")),
            },
        })
    }

    fn trusted_proxies(&mut self, name: &str) -> TrustedProxies {
        self.value(name, "none", TrustedProxies::None, |text| {
            if text == "none" || text == "0" {
                return Ok(TrustedProxies::None);
            }
            if let Ok(hops) = text.parse::<usize>() {
                return match hops <= MOST_HOPS {
                    true => Ok(TrustedProxies::Hops(hops)),
                    false => Err(format!("expected {MOST_HOPS} proxies in a row at most")),
                };
            }
            let networks = list(text).map(network).collect::<Result<Vec<_>, _>>()?;
            Ok(TrustedProxies::Networks(networks))
        })
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|number| (1..=MOST).contains(number))
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().map(|network| network.trunc());
    network.map_err(|_| {
        format!(
            "`{text}` is no network; expected none, a number of proxies such as 1, \
             or networks such as 10.0.0.0/8"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::{Environment, Settings};
    use super::*;

    struct Variables(HashMap<&'static str, &'static str>);

    impl Environment for Variables {
        fn get(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }
    }

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Limits, Vec<String>> {
        let mut variables: HashMap<_, _> = settings.iter().copied().collect();
        variables.insert("S2S_KEYS", "test-backend-key-of-32-characters");
        let read = Settings::read(&Variables(variables));
        read.map(|settings| settings.limits)
            .map_err(|mistakes| mistakes.0)
    }

    #[test]
    fn without_variables_the_defaults_hold() {
        assert_eq!(read(&[]).unwrap(), Limits::default());
    }

    #[test]
    fn limits_are_numbers_or_none() {
        let limits = read(&[
            ("MAX_CONNECTIONS", "5000"),
            ("CONNECTIONS_PER_ADDRESS", "none"),
            ("SOCKETS_PER_KEY", "7"),
        ]);
        let limits = limits.unwrap();
        assert_eq!(limits.connections, Some(5_000));
        assert_eq!(limits.address_connections, None);
        assert_eq!(limits.key_sockets, Some(7));
        let mistakes = read(&[
            ("MAX_CONNECTIONS", "0"),
            ("MAX_UNJOINED", "none"),
            ("JOINS_PER_KEY", "0"),
            ("ADDRESSES_PER_KEY", "-1"),
            ("HANDSHAKES_PER_ADDRESS", "1000001"),
            ("TRUSTED_PROXIES", "10.0.0.1"),
        ]);
        let mistakes = mistakes.unwrap_err();
        assert_eq!(mistakes.len(), 6, "{mistakes:#?}");
    }

    #[test]
    fn proxies_are_counted_or_named() {
        let proxies = |text| read(&[("TRUSTED_PROXIES", text)]).unwrap().trusted_proxies;
        assert_eq!(proxies("none"), TrustedProxies::None);
        assert_eq!(proxies("0"), TrustedProxies::None);
        assert_eq!(proxies("2"), TrustedProxies::Hops(2));
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().unwrap());
        let named = proxies("10.1.2.3/8, 2001:db8::/32");
        assert_eq!(named, TrustedProxies::Networks(networks.to_vec()));
    }
}
