//! How much the load balancer model costs with 5,000 WebSockets open, beside HAProxy and no
//! balancer at all.
//!
//! Each part is a process of its own: 5,000 connections are 20,000 file descriptors in all, the
//! most that one may have.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alb_model::{Action, Balancer, Config, Forward, Group, HealthCheck, Listener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SOCKETS: usize = 5000;
/// Messages there and back on each socket.
const ROUNDS: u32 = 10;
const MESSAGE: [u8; 100] = [b'x'; 100];
const ASK: &[u8] = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const GRANT: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match args.get(1).map(String::as_str) {
        Some("target") => runtime.block_on(target()),
        Some("model") => runtime.block_on(model(args[2].parse()?)),
        _ => compare(&runtime),
    }
}

/// Grants every upgrade, then sends back what comes.
async fn target() -> Outcome<()> {
    let listener = listen().await?;
    loop {
        let (mut tcp, _) = listener.accept().await?;
        tokio::spawn(async move {
            tcp.set_nodelay(true)?;
            read_head(&mut tcp).await?;
            tcp.write_all(GRANT).await?;
            let mut message = MESSAGE;
            while tcp.read_exact(&mut message).await.is_ok() {
                tcp.write_all(&message).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

async fn model(target: SocketAddr) -> Outcome<()> {
    // The target knows nothing but upgrades: 101 passes its health check.
    let check = HealthCheck {
        matcher: vec![(100, 499)],
        interval: Duration::from_secs(300),
        ..HealthCheck::default()
    };
    let group = Group {
        health_check: check,
        ..Group::new("tg")
    };
    let listener = Listener {
        https: false,
        rules: vec![],
        default: Action::Forward(Forward::to("tg")),
    };
    let config = Config {
        listeners: vec![listener],
        groups: vec![group],
        ..Config::default()
    };
    let (balancer, mut events) = Balancer::new(config)?;
    balancer.register("tg", target)?;
    // Healthy, or unhealthy and thus failing open: either way it is used.
    events.recv().await;
    balancer
        .serve(0, listen().await?, std::future::pending())?
        .await;
    Ok(())
}

/// A socket on any port, told on stdout.
async fn listen() -> Outcome<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    Ok(listener)
}

async fn read_head(tcp: &mut TcpStream) -> std::io::Result<()> {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        last[3] = tcp.read_u8().await?;
    }
    Ok(())
}

/// A part of the measurement. Killed when dropped.
struct Part {
    child: Child,
    address: SocketAddr,
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Part {
    fn own(args: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        Ok(Self {
            child,
            address: line.trim().parse()?,
        })
    }

    fn haproxy(target: SocketAddr) -> Outcome<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut file = tempfile::NamedTempFile::new()?;
        write!(
            file,
            "global\n  maxconn 6000\n  nbthread 2\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  \
             timeout server 60s\n  timeout tunnel 60s\nfrontend f\n  bind {address}\n  default_backend b\n\
             backend b\n  server t {target}\n"
        )?;
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(file.path())
            .stderr(Stdio::null())
            .spawn()?;
        let part = Self { child, address };
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err()
            && began.elapsed() < Duration::from_secs(10)
        {
            std::thread::yield_now();
        }
        Ok(part)
    }

    /// CPU time so far, and resident memory in bytes.
    fn usage(&self) -> Outcome<(Duration, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .ok_or("no stat")?
            .split_whitespace()
            .collect();
        // utime, stime and rss, counted from the state; a tick is 10 ms and a page 4 KiB on Linux.
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok((
            Duration::from_millis(ticks * 10),
            fields[21].parse::<u64>()? * 4096,
        ))
    }
}

struct Figures {
    opening: Duration,
    cpu_each: f64,
    memory_each: f64,
    rounds: Duration,
}

fn compare(runtime: &tokio::runtime::Runtime) -> Outcome<()> {
    let target = Part::own(&["target"])?;
    let mut out = std::io::stdout();
    let direct = runtime.block_on(load(target.address, None))?;
    let part = Part::own(&["model", &target.address.to_string()])?;
    let model = runtime.block_on(load(part.address, Some(&part)))?;
    drop(part);
    writeln!(
        out,
        "{SOCKETS} WebSockets, {ROUNDS} messages of 100 bytes there and back on each"
    )?;
    writeln!(
        out,
        "{:<10} {:>9} {:>11} {:>16} {:>16}",
        "", "opening", "messages", "CPU each message", "memory each"
    )?;
    show(&mut out, "none", &direct)?;
    show(&mut out, "model", &model)?;
    let Ok(part) = Part::haproxy(target.address) else {
        writeln!(out, "haproxy is not installed: `make tools`")?;
        return Ok(());
    };
    let haproxy = runtime.block_on(load(part.address, Some(&part)))?;
    show(&mut out, "haproxy", &haproxy)?;
    writeln!(
        out,
        "model / haproxy: time {:.2}, CPU {:.2}, memory {:.2}",
        model.rounds.as_secs_f64() / haproxy.rounds.as_secs_f64(),
        model.cpu_each / haproxy.cpu_each,
        model.memory_each / haproxy.memory_each
    )?;
    Ok(())
}

fn show(out: &mut impl std::io::Write, name: &str, f: &Figures) -> std::io::Result<()> {
    let (opening, rounds) = (f.opening.as_secs_f64(), f.rounds.as_secs_f64());
    writeln!(
        out,
        "{name:<10} {opening:>7.2} s {rounds:>9.2} s {:>13.1} µs {:>12.1} KiB",
        f.cpu_each, f.memory_each
    )
}

/// Opens all sockets, then sends on all at once and waits for every echo, round after round.
async fn load(address: SocketAddr, part: Option<&Part>) -> Outcome<Figures> {
    let usage = || part.map_or(Ok((Duration::ZERO, 0)), Part::usage);
    let (_, memory_before) = usage()?;
    let began = Instant::now();
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        let mut tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        tcp.write_all(ASK).await?;
        read_head(&mut tcp).await?;
        sockets.push(tcp);
    }
    let opening = began.elapsed();
    let (cpu_before, memory) = usage()?;
    let began = Instant::now();
    let all = sockets.into_iter().map(|mut tcp| {
        tokio::spawn(async move {
            let mut back = MESSAGE;
            for _ in 0..ROUNDS {
                tcp.write_all(&MESSAGE).await?;
                tcp.read_exact(&mut back).await?;
            }
            Ok::<_, std::io::Error>(tcp)
        })
    });
    let open = futures_util::future::try_join_all(all).await?;
    for socket in open {
        socket?;
    }
    let rounds = began.elapsed();
    let messages = f64::from(ROUNDS) * SOCKETS as f64 * 2.0;
    let cpu = usage()?.0 - cpu_before;
    Ok(Figures {
        opening,
        rounds,
        cpu_each: cpu.as_secs_f64() * 1e6 / messages,
        memory_each: memory.saturating_sub(memory_before) as f64 / 1024.0 / SOCKETS as f64,
    })
}
