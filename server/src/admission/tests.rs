//! Limits as clients meet them, without a network.

use std::net::Ipv4Addr;

use super::*;

fn client(number: u32) -> Client {
    Client::new(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
}

fn admission(limits: Limits) -> Arc<Admission> {
    Admission::new(limits, 10_000, Arc::new(Metrics::new()))
}

fn key() -> KeyRecord {
    let issued = KeyRecord::issue("c".into(), vec!["n".into()], Millis(0), None);
    issued.unwrap().0
}

fn reason<T>(result: Result<T, Refused>) -> Reason {
    result.err().expect("it is refused").reason
}

#[tokio::test(start_paused = true)]
async fn five_hundred_plugins_behind_one_address_are_let_in_with_the_defaults() {
    let admission = Admission::new(Limits::default(), 19_800, Arc::new(Metrics::new()));
    let nat = client(1);
    let (key, mut held) = (key(), Vec::new());
    for _ in 0..500 {
        held.push(admission.connection(nat.address).unwrap());
        admission.arrive(nat, false).unwrap();
        held.push(admission.handshake(nat, None).unwrap());
    }
    // Each has a key of its own in truth; a key has fewer sockets than an address.
    for _ in 0..200 {
        held.push(admission.join(nat, &key, Millis(1)).unwrap());
    }
    assert_eq!(admission.key_use(&key.id).sockets, 200);
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_take_the_place_of_the_others() {
    let admission = admission(Limits {
        unjoined: 100,
        ..Limits::default()
    });
    let mut held = Vec::new();
    let refused = loop {
        match admission.handshake(client(1), None) {
            Ok(permit) => held.push(permit),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.reason, Reason::AddressUnjoined);
    assert_eq!(held.len(), 20, "most places are left for others");
    // Who shows a valid key passes this bound, and those that have joined make room.
    held.push(admission.handshake(client(1), Some(&key())).unwrap());
    for permit in &held[..20] {
        permit.joined();
    }
    assert!(admission.handshake(client(1), None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn under_a_flood_from_many_addresses_places_stay_free_for_who_has_none() {
    let admission = admission(Limits::default());
    let mut held = std::collections::VecDeque::new();
    let mut let_in = 0;
    // Each round is a tenth of the time that a session may stay unjoined.
    for round in 0..60 {
        for number in 0..300 {
            for _ in 0..5 {
                if let Ok(permit) = admission.handshake(client(number), None) {
                    held.push_back((round, permit));
                }
            }
        }
        held.retain(|(since, _)| round - since < 10);
        let newcomer = admission.handshake(client(1_000 + round), None);
        let_in += u32::from(round >= 20 && newcomer.is_ok());
    }
    assert_eq!(
        let_in, 40,
        "once the first sessions of the flood have ended"
    );
}

#[tokio::test(start_paused = true)]
async fn places_are_free_again_once_permits_are_dropped() {
    let admission = admission(Limits {
        address_connections: Some(3),
        key_sockets: Some(3),
        key_addresses: Some(1),
        ..Limits::default()
    });
    let (one, key) = (client(1), key());
    for _ in 0..5 {
        let connections: Vec<_> = (0..3)
            .map(|_| admission.connection(one.address).unwrap())
            .collect();
        let sessions: Vec<_> = (0..3)
            .map(|_| admission.handshake(one, Some(&key)).unwrap())
            .collect();
        let sockets: Vec<_> = (0..3)
            .map(|_| admission.join(one, &key, Millis(1)).unwrap())
            .collect();
        let requests: Vec<_> = (0..3).map(|_| admission.request(one).unwrap()).collect();
        assert_eq!(
            reason(admission.connection(one.address)),
            Reason::AddressConnections
        );
        assert_eq!(
            reason(admission.handshake(one, None)),
            Reason::AddressSessions
        );
        assert_eq!(
            reason(admission.handshake(one, Some(&key))),
            Reason::KeySockets
        );
        assert_eq!(
            reason(admission.join(one, &key, Millis(1))),
            Reason::KeySockets
        );
        assert_eq!(reason(admission.request(one)), Reason::AddressRequests);
        drop((connections, sessions, sockets, requests));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(admission.key_use(&key.id).sockets, 0);
    assert_eq!(admission.unjoined.free(), Limits::default().unjoined);
    assert_eq!(admission.connections.free(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_used_from_so_many_addresses_and_no_more() {
    let admission = admission(Limits {
        key_addresses: Some(2),
        ..Limits::default()
    });
    let key = key();
    let first = admission.join(client(1), &key, Millis(7)).unwrap();
    let _second = admission.join(client(2), &key, Millis(8)).unwrap();
    assert_eq!(
        reason(admission.join(client(3), &key, Millis(9))),
        Reason::KeyAddresses
    );
    drop(first);
    let _third = admission.join(client(3), &key, Millis(9)).unwrap();
    let used = admission.key_use(&key.id);
    assert_eq!((used.first, used.last), (Some(Millis(7)), Some(Millis(9))));
    assert_eq!(used.networks, [("10.0.0.0/24".to_owned(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_keys_own_bound_counts_where_it_is_lower() {
    let admission = admission(Limits::default());
    let key = KeyRecord {
        max_sockets: Some(1),
        ..key()
    };
    let _socket = admission.join(client(1), &key, Millis(1)).unwrap();
    assert_eq!(
        reason(admission.join(client(1), &key, Millis(1))),
        Reason::KeySockets
    );
}

#[tokio::test(start_paused = true)]
async fn bans_double_and_are_forgotten() {
    let admission = admission(Limits {
        address_failed_keys: Some(3),
        ..Limits::default()
    });
    let guesser = client(1);
    let guess_until_banned = || {
        for _ in 0..4 {
            admission.not_banned(guesser).unwrap();
            admission.failed_key(guesser);
        }
        let refused = admission.arrive(guesser, false).unwrap_err();
        assert_eq!(refused.reason, Reason::Banned);
        refused.retry_after
    };
    let mut last = Duration::ZERO;
    for expected in [10, 20, 40, 80, 160, 320, 640, 640] {
        last = guess_until_banned();
        assert_eq!(last, Duration::from_secs(expected));
        // Who shows a key may be right; who shows none waits. Others are not concerned.
        assert!(admission.arrive(guesser, true).is_ok());
        assert!(admission.arrive(client(2), false).is_ok());
        tokio::time::advance(last).await;
        assert!(admission.arrive(guesser, false).is_ok());
    }
    tokio::time::advance(last + Duration::from_secs(3_600)).await;
    assert_eq!(guess_until_banned(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn handshakes_have_a_rate_by_address() {
    let admission = admission(Limits {
        address_handshakes: Some(2),
        ..Limits::default()
    });
    let passed = (0..50).filter(|_| admission.arrive(client(1), true).is_ok());
    assert_eq!(passed.count(), 20);
    let refused = admission.arrive(client(1), true).unwrap_err();
    assert_eq!(refused.reason, Reason::AddressHandshakes);
    assert_eq!(refused.retry_after_seconds(), 1);
    assert!(admission.arrive(client(2), false).is_ok());
    tokio::time::advance(Duration::from_millis(500)).await;
    assert!(admission.arrive(client(1), false).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_last_connections_are_reserved_and_no_address_takes_them_all() {
    let admission = admission(Limits {
        address_connections: None,
        ..Limits::default()
    });
    let mut held: Vec<_> = (0..9_800)
        .map(|_| admission.connection(client(1).address).unwrap())
        .collect();
    assert!(held.iter().all(|permit| !permit.is_reserved()));
    while let Ok(permit) = admission.connection(client(1).address) {
        assert!(permit.is_reserved());
        held.push(permit);
    }
    assert_eq!(held.len(), 9_808, "eight of the reserved places");
    let balancer = admission.connection(client(2).address).unwrap();
    assert!(balancer.is_reserved() && balancer.peer() == Some(client(2).address));
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxys_connections_are_not_counted_as_its_own() {
    let admission = admission(Limits {
        trusted_proxies: TrustedProxies::Hops(1),
        address_connections: Some(2),
        ..Limits::default()
    });
    let held: Vec<_> = (0..10_000)
        .map_while(|_| admission.connection(client(1).address).ok())
        .collect();
    assert_eq!(held.len(), 10_000);
    assert_eq!(
        reason(admission.connection(client(1).address)),
        Reason::Connections
    );
}

#[tokio::test(start_paused = true)]
async fn without_limits_only_the_nodes_own_count() {
    let admission = admission(Limits {
        address_connections: None,
        address_handshakes: None,
        address_failed_keys: None,
        key_sockets: None,
        key_joins: None,
        key_addresses: None,
        ..Limits::default()
    });
    let (one, key) = (client(1), key());
    let mut held = Vec::new();
    for _ in 0..900 {
        admission.arrive(one, false).unwrap();
        admission.failed_key(one);
        held.push(admission.handshake(one, Some(&key)).unwrap());
        held.push(admission.join(one, &key, Millis(1)).unwrap());
    }
    assert!(admission.not_banned(one).is_ok());
}
