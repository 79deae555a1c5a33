//! The store in a directory: what its journal writes, how soon a message is on the disk, and what a
//! million live messages take of a server's start and memory.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use server::store::{Embedded, Store};
use server::tasks::Tasks;
use tokio::process::Child;
use tokio::time::{Instant, interval, sleep};

use super::load::{FLUSH, draft, now, publish, receipts};
use super::print;
use crate::process::{beside, child_command};

/// Live messages, and in one call.
const LIVE: u64 = 1_000_000;
const AT_ONCE: u64 = 500;
/// How long a server may take to start.
const STARTING: Duration = Duration::from_secs(120);

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    load(directory.path()).await?;
    million(directory.path()).await
}

/// What a directory's journal writes, and how soon a message is on the disk.
async fn load(directory: &Path) -> anyhow::Result<()> {
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&directory.join("paced"), &Tasks::new())?);
    let (mut tick, mut took) = (interval(Duration::from_millis(2)), Vec::new());
    let (begin, messages) = (written()?, 500 * 8);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..messages {
        tick.tick().await;
        let store = store.clone();
        tasks.spawn(async move {
            let start = Instant::now();
            let at = now(&*store).await?;
            let stored = publish(&*store, vec![draft(n, 600_000, at)?]).await?;
            let took = start.elapsed();
            sleep(FLUSH).await;
            receipts(&vec![store.clone(), store], &stored).await?;
            anyhow::Ok(took)
        });
    }
    while let Some(done) = tasks.join_next().await {
        took.push(done??);
    }
    took.sort_unstable();
    print(&format!(
        "file, 500 messages/s with two acknowledgements: {:.1} KB written per message (goal 12), stored within \
         {:?} (p50), {:?} (p99, goal 10 ms)",
        (written()? - begin) / messages as f64 / 1e3,
        took[took.len() / 2],
        took[took.len() * 99 / 100],
    ))?;
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&directory.join("fast"), &Tasks::new())?);
    let (begin, start, each) = (written()?, Instant::now(), 2_000_u64);
    let connections = (0..8).map(|c| {
        let store = store.clone();
        async move {
            for n in 0..each {
                let at = now(&*store).await?;
                publish(&*store, vec![draft(c * each + n, 600_000, at)?]).await?;
            }
            anyhow::Ok(())
        }
    });
    try_join_all(connections).await?;
    print(&format!(
        "file, 8 connections one message after the other: {:.0} messages/s, {:.1} KB written per message",
        8.0 * each as f64 / start.elapsed().as_secs_f64(),
        (written()? - begin) / (8 * each) as f64 / 1e3,
    ))
}

/// What a server takes that starts with a million live messages.
async fn million(directory: &Path) -> anyhow::Result<()> {
    let (empty, full) = (directory.join("empty"), directory.join("million"));
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&full, &Tasks::new())?);
    for first in (0..LIVE).step_by(AT_ONCE as usize) {
        let at = now(&*store).await?;
        let drafts = (first..first + AT_ONCE).map(|n| draft(n, 3_600_000, at));
        publish(&*store, drafts.collect::<anyhow::Result<_>>()?).await?;
    }
    drop(store);
    // Its thread lets go of the directory a moment later.
    while File::open(full.join("lock"))?.try_lock().is_err() {
        sleep(Duration::from_millis(5)).await;
    }
    let (_, without) = started(&empty).await?;
    let (took, with) = started(&full).await?;
    print(&format!(
        "file, {LIVE} live messages of 211 bytes: a server answers after {took:.2?} (goal 2 s), {:.0} bytes of memory \
         each (goal 600)",
        (with - without) / LIVE as f64
    ))
}

/// Starts a server on a directory. Returns how long it takes until it answers, and its memory then,
/// in bytes.
async fn started(directory: &Path) -> anyhow::Result<(Duration, f64)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let mut command = child_command(beside("server")?, &directory.with_extension("log"))?;
    command
        .env_clear()
        .env("BIND", format!("127.0.0.1:{port}"))
        .env("ADMIN_BIND", "127.0.0.1:0")
        .env("NAMESPACES", "n")
        .env("S2S_KEYS", "benchmark-backend-key-of-32-characters")
        .env("STORE", format!("file:{}", directory.display()));
    let start = Instant::now();
    let server = command.spawn().context("cannot start the server")?;
    let url = format!("http://127.0.0.1:{port}/healthcheck");
    while !reqwest::get(&url)
        .await
        .is_ok_and(|answer| answer.status().is_success())
    {
        ensure!(start.elapsed() < STARTING, "the server does not start");
        sleep(Duration::from_millis(5)).await;
    }
    Ok((start.elapsed(), resident(&server)?))
}

/// Bytes of memory that a process has.
fn resident(server: &Child) -> anyhow::Result<f64> {
    let pid = server.id().context("the server has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no VmRSS")?.trim().parse::<f64>()? * 1024.0)
}

/// Bytes that this process has had written to the disk.
fn written() -> anyhow::Result<f64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line
        .context("no write_bytes in /proc/self/io")?
        .trim()
        .parse()?)
}
