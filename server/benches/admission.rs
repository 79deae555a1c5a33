//! What admission costs: nanoseconds for each handshake, join and request, and the memory of a
//! million addresses. `cargo bench -p server --bench admission`; it fails above the bounds that it
//! prints.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it measures"
)]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use server::admission::{Admission, Client, Limits, TrustedProxies};
use server::clock::Millis;
use server::keys::KeyRecord;
use server::metrics::Metrics;

/// Nanoseconds that one handshake may cost.
const MOST: f64 = 3_000.0;
const ROUNDS: u32 = 200_000;

fn main() {
    // `cargo test` runs benchmarks, too, without optimisation.
    let rounds = match cfg!(debug_assertions) {
        true => ROUNDS / 10,
        false => ROUNDS,
    };
    let limits = Limits {
        trusted_proxies: TrustedProxies::Hops(1),
        address_handshakes: Some(1_000_000),
        key_joins: Some(1_000_000),
        ..Limits::default()
    };
    let admission = Admission::new(limits, 20_000, Arc::new(Metrics::new()));
    let key = KeyRecord::issue("c".into(), vec!["n".into()], Millis(0), None).unwrap();
    println!("admission, ns each, {rounds} rounds:");
    handshakes(&admission, rounds);
    time("a join and a leave", rounds, |number| {
        black_box(
            admission
                .join(client(number % 40), &key.0, Millis(1))
                .unwrap(),
        );
    });
    time("a request", rounds, |number| {
        black_box(admission.request(client(number)).unwrap());
    });
    refusals(rounds);
    memory(if cfg!(debug_assertions) {
        10_000
    } else {
        1_000_000
    });
}

fn client(number: u32) -> Client {
    Client::new(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
}

/// The whole way of a handshake: its client, the rate, the place, its end.
fn handshakes(admission: &Arc<Admission>, rounds: u32) {
    let forwarded = HeaderName::from_static("x-forwarded-for");
    let headers: Vec<HeaderMap> = (0..1_000)
        .map(|number| {
            let text = format!("198.51.100.1, {}", client(number));
            [(forwarded.clone(), HeaderValue::from_str(&text).unwrap())]
                .into_iter()
                .collect()
        })
        .collect();
    let proxy = Ipv4Addr::new(10, 255, 0, 1).into();
    time("a handshake and its end", rounds, |number| {
        let client = admission.client(proxy, &headers[number as usize % headers.len()]);
        admission.arrive(client, false).unwrap();
        black_box(admission.handshake(client, None).unwrap());
    });
}

fn refusals(rounds: u32) {
    let limits = Limits {
        address_handshakes: Some(1),
        ..Limits::default()
    };
    let admission = Admission::new(limits, 20_000, Arc::new(Metrics::new()));
    time("a refused handshake", rounds, |_| {
        let _ = black_box(admission.arrive(client(1), false));
    });
}

/// What a million addresses leave behind in the process.
fn memory(addresses: u32) {
    let admission = Admission::new(Limits::default(), 20_000, Arc::new(Metrics::new()));
    let before = resident();
    for number in 0..addresses {
        let _ = black_box(admission.arrive(client(number), false));
        admission.failed_key(client(number));
    }
    let grown = resident().saturating_sub(before);
    println!(
        "  memory of {addresses} addresses: {:.1} MiB",
        grown as f64 / 1024.0
    );
    assert!(grown < 64 * 1024, "{grown} KiB");
}

/// The process's resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no VmRSS"))
}

/// The nanoseconds that this thread has had of a processor: other programs do not count.
fn on_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

fn time(name: &str, rounds: u32, mut work: impl FnMut(u32)) {
    let start = on_cpu();
    for number in 0..rounds {
        work(number);
    }
    let each = (on_cpu() - start) as f64 / f64::from(rounds);
    println!("  {name}: {each:.0}");
    assert!(
        cfg!(debug_assertions) || each < MOST,
        "{name} costs {each:.0} ns, above {MOST}"
    );
}
