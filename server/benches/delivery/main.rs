//! Figures of one node, each beside socket.io on Node in the same run: lateness, CPU per delivered
//! message, memory per idle connection. `make bench` prints them; nothing is asserted.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and prints"
)]

mod client;
mod process;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::Client;
use process::Process;
use serde_json::{Value, json};

const CHANNELS: usize = 200;
const MESSAGES: usize = 5_000;
/// Sockets of a broadcast, and how often it is made.
const AUDIENCE: usize = 1_000;
const BROADCASTS: usize = 50;
const IDLE: usize = 8_000;

#[tokio::main]
async fn main() {
    println!(
        "holdfast {} beside socket.io on Node, both on this machine",
        env!("CARGO_PKG_VERSION")
    );
    // `cargo bench … -- cpu` runs one of them; cargo adds a `--bench` of its own.
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|argument| argument == name);
    if wanted("lateness") {
        lateness().await;
    }
    if wanted("cpu") {
        cpu().await;
    }
    if wanted("memory") {
        memory().await;
    }
}

fn now_ms() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
        * 1000.0
}

/// From `deliver_at` to arrival at the client, on the same machine and clock.
async fn lateness() {
    let server = Process::holdfast().await;
    let mut clients = Vec::new();
    for n in 0..CHANNELS {
        let key = server.key(&format!("c{n}")).await;
        clients.push(Client::connect(&server, Some(key)).await);
    }
    // Spread over ten seconds, in an order that is the same in each run.
    let start = now_ms() + 3_000.0;
    for batch in 0..MESSAGES / 100 {
        let messages: Vec<Value> = (0..100)
            .map(|n| {
                let number = batch * 100 + n;
                let at = start + (number * 7919 % 10_000) as f64;
                let at = jiff::Timestamp::from_millisecond(at as i64).unwrap();
                json!({ "channel": format!("c{}", number % CHANNELS), "event": "e", "data": "x".repeat(200), "deliver_at": at.to_string() })
            })
            .collect();
        server
            .post("/v1/namespaces/dropcodes/batch", json!(messages))
            .await;
    }
    let mut late = Vec::new();
    for client in &mut clients {
        for _ in 0..MESSAGES / CHANNELS {
            let (at, message) = client.message().await;
            let due: jiff::Timestamp = message["deliver_at"].as_str().unwrap().parse().unwrap();
            late.push(at - due.as_millisecond() as f64);
        }
    }
    late.sort_by(f64::total_cmp);
    let at = |q: f64| late[((late.len() - 1) as f64 * q) as usize];
    println!(
        "lateness, {CHANNELS} channels, {MESSAGES} messages in 10 s, at the client: p50 {:.2} ms, \
         p99 {:.2} ms, max {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0),
    );
    println!(
        "lateness at emission, by the server's histogram: p99 at most {} ms",
        server.lateness_p99().await
    );
}

/// CPU of the server's process for each message that a client got, of broadcasts to many sockets.
async fn cpu() {
    let mut figures = Vec::new();
    for mut server in [Process::holdfast().await, Process::socketio().await] {
        let keys = keys(&server, AUDIENCE).await;
        let clients = audience(&server, AUDIENCE, &keys).await;
        let received = tokio::spawn(async move {
            for mut client in clients {
                for _ in 0..BROADCASTS {
                    client.message().await;
                }
            }
        });
        let before = server.cpu();
        for _ in 0..BROADCASTS {
            server.broadcast().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        received.await.unwrap();
        // Receipts are stored a moment later, and are part of the price.
        tokio::time::sleep(Duration::from_millis(500)).await;
        figures.push((server.cpu() - before).as_secs_f64() * 1e6 / (AUDIENCE * BROADCASTS) as f64);
    }
    println!(
        "CPU per delivered and acknowledged message, {BROADCASTS} broadcasts to {AUDIENCE} WebSockets: \
         {:.1} µs; socket.io {:.1} µs; ratio {:.2}",
        figures[0],
        figures[1],
        figures[0] / figures[1],
    );
}

/// Resident memory of the server's process for each idle WebSocket.
async fn memory() {
    let mut figures = Vec::new();
    for server in [Process::holdfast().await, Process::socketio().await] {
        let keys = keys(&server, 1).await;
        let warm = audience(&server, 100, &keys).await;
        let before = server.resident();
        let start = Instant::now();
        let clients = audience(&server, IDLE, &keys).await;
        let took = start.elapsed().as_secs_f64();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let each = (server.resident() - before) as f64 / IDLE as f64 / 1024.0;
        figures.push(each);
        println!("{}: {IDLE} connections in {took:.1} s", server.name());
        drop((warm, clients));
    }
    println!(
        "memory per idle WebSocket, {IDLE} connections: {:.1} KiB; socket.io {:.1} KiB; ratio \
         {:.2}",
        figures[0],
        figures[1],
        figures[0] / figures[1],
    );
}

/// Clients of one channel, some at a time.
async fn audience(server: &Process, number: usize, keys: &[String]) -> Vec<Client> {
    let key = |n: usize| keys.get(n % keys.len().max(1)).cloned();
    let mut clients = Vec::with_capacity(number);
    while clients.len() < number {
        let some = clients.len()..(clients.len() + 100).min(number);
        let connected = some.map(|n| Client::connect(server, key(n)));
        clients.extend(futures_util::future::join_all(connected).await);
    }
    clients
}

/// Keys of one channel; none for the peer, which asks for none.
async fn keys(server: &Process, number: usize) -> Vec<String> {
    let mut keys = Vec::new();
    if server.is_holdfast() {
        for _ in 0..number {
            keys.push(server.key("audience").await);
        }
    }
    keys
}
