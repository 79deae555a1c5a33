//! What a node pays for announcements of channels that none of its clients is on: real ones, caught
//! on their way and sent again, twenty thousand a second.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::print;
use super::sample::cpu;
use crate::publisher::Load;
use crate::redis::Redis;
use crate::stage::{Cast, Stage, Transports};

/// Announcements a second, and how many at a time.
const RATE: usize = 20_000;
const AT_A_TIME: usize = 200;
/// How many different ones are caught.
const CAUGHT: usize = 64;
/// How long each figure is taken for.
const WHILE: Duration = Duration::from_secs(10);
/// How long catching may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    let cast = Cast {
        nodes: 2,
        clients: 1,
        channels: 1,
        transports: Transports::WebSocket,
        flaky: false,
        breaking: false,
        silent: false,
        server: None,
    };
    let mut stage = Stage::set(cast, &redis.url(), directory.path()).await?;
    // The only client is on the first channel, and nothing is published to that.
    let load = Load {
        rate: 50.0,
        channels: 1..1_000,
        ahead: Duration::ZERO,
        everyone: 0,
        brief: 0,
        poison: 0,
    };
    stage.publish(load);
    let announcements = timeout(PATIENCE, catch(&redis)).await;
    let announcements = announcements.context("no announcement is heard")??;
    stage.stop_publishing().await;
    let idle = measure(&stage, async {
        sleep(WHILE).await;
        Ok(())
    })
    .await?;
    let busy = measure(&stage, replay(&redis, &announcements)).await?;
    let share = (busy - idle) / 2.0 * 100.0;
    print(&format!(
        "{RATE} announcements/s of channels that a node does not have: {share:.1} % of a core, {:.2} µs each \
         (idle: {:.1} %)",
        share / 100.0 / RATE as f64 * 1e6,
        idle / 2.0 * 100.0
    ))
}

/// CPU seconds of all nodes a second, meanwhile.
async fn measure(
    stage: &Stage,
    meanwhile: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<f64> {
    let used = || {
        let nodes = stage.stack.nodes();
        nodes
            .values()
            .map(|node| cpu(node.pid))
            .sum::<anyhow::Result<f64>>()
    };
    let (before, start) = (used()?, Instant::now());
    meanwhile.await?;
    Ok((used()? - before) / start.elapsed().as_secs_f64())
}

/// Announcements as they are made, as commands that make them again.
async fn catch(redis: &Redis) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut stream = BufReader::new(TcpStream::connect(redis.address).await?);
    stream.write_all(b"PSUBSCRIBE *\r\n").await?;
    let mut caught = Vec::new();
    while caught.len() < CAUGHT {
        let parts = array(&mut stream).await?;
        if let [kind, _, channel, payload] = &parts[..]
            && kind == b"pmessage"
        {
            caught.push(publish(channel, payload));
        }
    }
    Ok(caught)
}

fn publish(channel: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut command = b"*3\r\n".to_vec();
    for part in [b"PUBLISH", channel, payload] {
        command.extend(format!("${}\r\n", part.len()).bytes());
        command.extend(part);
        command.extend(b"\r\n");
    }
    command
}

/// An array of strings and numbers, as Redis writes it.
async fn array(stream: &mut BufReader<TcpStream>) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    for _ in 0..length(stream, b'*').await?.1 {
        let (kind, length) = length(stream, b'$').await?;
        if kind == b':' {
            continue;
        }
        let mut part = vec![0; length + 2];
        stream.read_exact(&mut part).await?;
        part.truncate(length);
        parts.push(part);
    }
    Ok(parts)
}

async fn length(stream: &mut BufReader<TcpStream>, wanted: u8) -> anyhow::Result<(u8, usize)> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let kind = line.bytes().next().unwrap_or_default();
    ensure!(kind == wanted || kind == b':', "Redis said {line:?}");
    Ok((kind, line[1..].trim().parse()?))
}

/// Makes them again, at the rate.
async fn replay(redis: &Redis, announcements: &[Vec<u8>]) -> anyhow::Result<()> {
    let (answers, mut commands) = TcpStream::connect(redis.address).await?.into_split();
    let rounds = WHILE.as_secs() as usize * RATE / AT_A_TIME;
    let sent = async {
        let mut ticks = interval(Duration::from_secs_f64(AT_A_TIME as f64 / RATE as f64));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for round in 0..rounds {
            ticks.tick().await;
            let some = (0..AT_A_TIME).map(|n| &announcements[(round + n) % announcements.len()]);
            let some: Vec<u8> = some.flatten().copied().collect();
            commands.write_all(&some).await?;
        }
        anyhow::Ok(())
    };
    let answered = async {
        let mut lines = BufReader::new(answers).lines();
        for _ in 0..rounds * AT_A_TIME {
            let line = lines.next_line().await?.context("Redis hung up")?;
            ensure!(line.starts_with(':'), "Redis said {line:?}");
        }
        Ok(())
    };
    try_join(sent, answered).await.map(drop)
}
