//! Figures of one node beside its peers: the same clients and the same backend against each, three
//! rounds one after the other, medians. `make bench` prints them; nothing is asserted.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and prints"
)]

mod bare;
mod client;
mod floor;
mod process;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::{Client, Poller};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use process::{ACKNOWLEDGED, KINDS, Kind, PLAIN, Process};

const ROUNDS: usize = 3;
/// Idle WebSockets, each of a channel of its own; and idle sessions over polling.
const IDLE: usize = 8_000;
const POLLERS: usize = 2_000;
/// Sockets of a broadcast, and how often it is made before and while it is measured.
const AUDIENCE: usize = 1_000;
const WARM: usize = 30;
const BROADCASTS: usize = 50;
/// Messages to one channel each: as fast as 32 backends can, then so many a second.
const UNICASTS: usize = 20_000;
const BACKENDS: usize = 32;
const RATE: usize = 500;
/// Clients that come at once.
const CROWD: usize = 5_000;

/// The figures of each kind, a value a round.
type Figures = BTreeMap<&'static str, BTreeMap<Kind, Vec<f64>>>;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match *arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["serve", "Floor"] => return floor::serve().await,
        ["serve", "Socketioxide"] => return bare::serve().await,
        _ => {}
    }
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let mut figures = Figures::new();
    let kinds = wanted(&arguments);
    for round in 1..=ROUNDS {
        for &kind in &kinds {
            let started = Instant::now();
            for (name, value) in measure(kind).await {
                figures
                    .entry(name)
                    .or_default()
                    .entry(kind)
                    .or_default()
                    .push(value);
            }
            println!(
                "round {round}: {kind:?} {:.0} s",
                started.elapsed().as_secs_f64()
            );
        }
    }
    print(figures);
}

/// The kinds that are named, or all: `cargo bench --bench delivery -- holdfast bun`.
fn wanted(arguments: &[String]) -> Vec<Kind> {
    // Cargo itself adds an option.
    let names = arguments.iter().filter(|name| !name.starts_with('-'));
    let kinds: Vec<Kind> = names
        .map(|name| {
            let mut kinds = KINDS.into_iter();
            let found = kinds.find(|kind| format!("{kind:?}").eq_ignore_ascii_case(name));
            found.unwrap_or_else(|| panic!("unknown server `{name}`; there are {KINDS:?}"))
        })
        .collect();
    match kinds.is_empty() {
        true => KINDS.to_vec(),
        false => kinds,
    }
}

async fn measure(kind: Kind) -> Vec<(&'static str, f64)> {
    let mut figures = idle(kind).await;
    if matches!(kind, Kind::Holdfast | Kind::Node) {
        figures.push(("idle polling session, KiB", polling(kind).await));
    }
    figures.extend(crowd(kind).await);
    figures
}

/// Memory and processor time of connections, then messages to some of them.
async fn idle(kind: Kind) -> Vec<(&'static str, f64)> {
    let server = Process::start(kind).await;
    let keys = keys(&server, IDLE).await;
    // What each server allocates once is there before.
    drop(audience(&server, ACKNOWLEDGED, &keys[..100]).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (memory, cpu) = (server.resident(), server.cpu());
    let mut clients = audience(&server, ACKNOWLEDGED, &keys).await;
    let connect = micros(server.cpu() - cpu, IDLE);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (server.resident() - memory) as f64 / IDLE as f64 / 1024.0;
    clients.truncate(AUDIENCE);
    let mut figures = vec![
        ("connect and join, CPU µs", connect),
        ("idle WebSocket, KiB", each),
        (
            "broadcast, acknowledged, CPU µs",
            broadcast(&server, ACKNOWLEDGED, &mut clients).await,
        ),
    ];
    let channels: Vec<String> = (0..AUDIENCE).map(channel).collect();
    figures.push((
        "unicast, saturated, CPU µs",
        saturated(&server, &channels, &mut clients).await,
    ));
    let (cpu, latency) = paced(&server, &channels, &mut clients).await;
    figures.push(("unicast, 500/s, CPU µs", cpu));
    figures.push(("unicast, 500/s, p50 ms", latency));
    drop(clients);
    let mut clients = audience(&server, PLAIN, &keys[..AUDIENCE]).await;
    figures.push((
        "broadcast, CPU µs",
        broadcast(&server, PLAIN, &mut clients).await,
    ));
    figures
}

/// Processor time for each message that a client got.
async fn broadcast(server: &Process, namespace: &str, clients: &mut [Client]) -> f64 {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut before = server.cpu();
    for broadcast in 0..WARM + BROADCASTS {
        if broadcast == WARM {
            before = server.cpu();
        }
        let begun = Instant::now();
        server.emit(namespace, None).await;
        for client in &mut *clients {
            client.message().await;
        }
        tokio::time::sleep(Duration::from_millis(100).saturating_sub(begun.elapsed())).await;
    }
    settle().await;
    micros(server.cpu() - before, clients.len() * BROADCASTS)
}

/// Processor time for each message, published as fast as the backends can.
async fn saturated(server: &Process, channels: &[String], clients: &mut [Client]) -> f64 {
    let before = server.cpu();
    let published = stream::iter(0..UNICASTS).for_each_concurrent(BACKENDS, async |n| {
        server
            .emit(ACKNOWLEDGED, Some(&channels[n % channels.len()]))
            .await;
    });
    let received = join_all(clients.iter_mut().map(async |client| {
        for _ in 0..UNICASTS / AUDIENCE {
            client.message().await;
        }
    }));
    tokio::join!(published, received);
    settle().await;
    micros(server.cpu() - before, UNICASTS)
}

/// Processor time for each message at a steady pace, and half of them arrive within so many ms of
/// their request.
async fn paced(server: &Process, channels: &[String], clients: &mut [Client]) -> (f64, f64) {
    let messages = clients.len() * 2;
    let before = server.cpu();
    let mut latencies = Vec::with_capacity(messages);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE as u32);
    for n in 0..messages {
        ticks.tick().await;
        let n = n % clients.len();
        let asked = Instant::now();
        let received = async { clients[n].message().await };
        let emitted = server.emit(ACKNOWLEDGED, Some(&channels[n]));
        let (at, ()) = tokio::join!(received, emitted);
        latencies.push(at.duration_since(asked).as_secs_f64() * 1000.0);
    }
    settle().await;
    (micros(server.cpu() - before, messages), median(latencies))
}

/// Memory of a session over polling whose poll waits.
async fn polling(kind: Kind) -> f64 {
    let server = Process::start(kind).await;
    let keys = keys(&server, POLLERS).await;
    let warm = pollers(&server, &keys[..100]).await;
    let before = server.resident();
    let rest = pollers(&server, &keys[100..]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (server.resident() - before) as f64 / rest.len() as f64 / 1024.0;
    drop(warm);
    each
}

async fn pollers(server: &Process, keys: &[String]) -> Vec<Poller> {
    let connected = keys.iter().map(|key| Poller::connect(&server.address, key));
    stream::iter(connected).buffered(50).collect().await
}

/// Clients that come all at once, and come again after a second where they are refused.
async fn crowd(kind: Kind) -> Vec<(&'static str, f64)> {
    let server = Process::start(kind).await;
    let keys = keys(&server, CROWD).await;
    let begun = Instant::now();
    let come = keys.iter().map(async |key| {
        let mut refusals = 0;
        loop {
            let client = Client::try_connect(&server.address, ACKNOWLEDGED, key).await;
            if let Some(client) = client {
                return (client, refusals);
            }
            refusals += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let come = join_all(come).await;
    let refused = come.iter().filter(|(_, refusals)| *refusals > 0).count();
    vec![
        ("5,000 at once, refused at first", refused as f64),
        (
            "5,000 at once, all in after s",
            begun.elapsed().as_secs_f64(),
        ),
    ]
}

/// Clients of one channel each, some at a time.
async fn audience(server: &Process, namespace: &str, keys: &[String]) -> Vec<Client> {
    let connected = keys
        .iter()
        .map(|key| Client::connect(&server.address, namespace, key));
    stream::iter(connected).buffered(100).collect().await
}

async fn keys(server: &Process, number: usize) -> Vec<String> {
    let keys = (0..number).map(async |n| server.key(&channel(n)).await);
    stream::iter(keys).buffered(32).collect().await
}

fn channel(n: usize) -> String {
    format!("c{n}")
}

/// Receipts are stored a moment later, and are part of the price.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn micros(cpu: Duration, messages: usize) -> f64 {
    cpu.as_secs_f64() * 1e6 / messages as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(figures: Figures) {
    println!("\nmedians of {ROUNDS} rounds; ratios are ours to theirs\n");
    println!("| | Holdfast | Bun | ratio | Node | ratio | socketioxide | ratio | floor | ratio |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, kinds) in figures {
        let median = |kind| kinds.get(&kind).cloned().map(median);
        let ours = median(Kind::Holdfast).unwrap_or(f64::NAN);
        let mut line = format!("| {name} | {ours:.2} |");
        for kind in [Kind::Bun, Kind::Node, Kind::Socketioxide, Kind::Floor] {
            line.push_str(&match median(kind) {
                Some(0.0) => " 0 | |".to_owned(),
                Some(theirs) => format!(" {theirs:.2} | {:.2} |", ours / theirs),
                None => " | |".to_owned(),
            });
        }
        println!("{line}");
    }
}
