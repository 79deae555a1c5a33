//! The settings of limits: a number, or `none` where a limit can be switched off.

use ipnet::IpNet;
use timeouts::Setting;
use timeouts::grammar::{Proxies, items};

use super::parse::Reader;
use crate::admission::{Limits, TrustedProxies};

impl Reader<'_> {
    /// Reads all limits.
    pub(super) fn limits(&mut self) -> Limits {
        Limits {
            trusted_proxies: self.trusted_proxies(),
            connections: self.limit(Setting::MaxConnections),
            unjoined: self.limit(Setting::MaxUnjoined).unwrap_or(u32::MAX),
            address_connections: self.limit(Setting::ConnectionsPerAddress),
            address_handshakes: self.limit(Setting::HandshakesPerAddress),
            address_failed_keys: self.limit(Setting::FailedKeysPerAddress),
            key_sockets: self.limit(Setting::SocketsPerKey),
            key_joins: self.limit(Setting::JoinsPerKey),
            key_addresses: self.limit(Setting::AddressesPerKey),
        }
    }

    fn trusted_proxies(&mut self) -> TrustedProxies {
        let none = TrustedProxies::None;
        self.setting(Setting::TrustedProxies, none, |text, _| {
            Some(match Proxies::parse(text).ok()? {
                Proxies::None => TrustedProxies::None,
                Proxies::Hops(hops) => TrustedProxies::Hops(hops),
                Proxies::Networks(text) => {
                    let networks = items(text).map(str::parse::<IpNet>);
                    let networks = networks.collect::<Result<Vec<_>, _>>().ok()?;
                    TrustedProxies::Networks(networks.iter().map(IpNet::trunc).collect())
                }
            })
        })
    }
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
            ("MAX_UNJOINED", "many"),
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
