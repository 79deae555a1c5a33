//! The attacks, each from hundreds of addresses, as fast as this machine can send beside the
//! others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::sockets::Wire;
use super::target::Target;

/// Connections that attack at the same time, and those of the slow attacks.
const FAST: usize = 32;
const SLOW: usize = 400;
/// Addresses that the attack comes from.
const ADDRESSES: u16 = 400;
/// How long an attacker waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two bytes of a slow attack.
const TRICKLE: Duration = Duration::from_millis(300);

/// An attack.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flood {
    /// Handshakes without a key, whose sessions join nothing.
    Handshakes,
    /// The same from one address, which takes every place that it can.
    OneAddress,
    /// Handshakes and calls with keys that are none.
    WrongKeys,
    /// Sessions with one valid key that a thief has.
    OneKey,
    /// Bodies of 40 KB that nobody has asked for.
    Bodies,
    /// The same in chunks, without a length in front.
    Chunked,
    /// The interface's description, over and over.
    Description,
    /// Requests that two servers in a row could understand differently.
    Smuggling,
    /// Bodies that come byte by byte.
    SlowBodies,
    /// Headers that do.
    SlowHeaders,
    /// Whatever a WebSocket can be misused for.
    Wire(Wire),
}

/// What was sent, and how it was answered.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) count: usize,
    statuses: BTreeMap<u16, usize>,
}

impl Sent {
    /// Answers by status; 0 is a connection that ended without one.
    pub(super) fn answers(&self) -> String {
        let status = |(status, count): (&u16, &usize)| format!("{status}: {count}");
        let all: Vec<_> = self.statuses.iter().map(status).collect();
        all.join(", ")
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}

impl Flood {
    pub(super) const ALL: [Self; 15] = [
        Self::Handshakes,
        Self::OneAddress,
        Self::WrongKeys,
        Self::OneKey,
        Self::Bodies,
        Self::Description,
        Self::Smuggling,
        Self::SlowBodies,
        Self::SlowHeaders,
        Self::Chunked,
        Self::Wire(Wire::UnreadPongs),
        Self::Wire(Wire::SlowReader),
        Self::Wire(Wire::Connects),
        Self::Wire(Wire::Noise),
        Self::Wire(Wire::Storm),
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::OneAddress => "one address",
            Self::WrongKeys => "wrong keys",
            Self::OneKey => "one key",
            Self::Bodies => "bodies",
            Self::Description => "description",
            Self::Smuggling => "smuggling",
            Self::SlowBodies => "slow bodies",
            Self::SlowHeaders => "slow headers",
            Self::Chunked => "chunked bodies",
            Self::Wire(Wire::UnreadPongs) => "unread pongs",
            Self::Wire(Wire::SlowReader) => "slow readers",
            Self::Wire(Wire::Connects) => "joins",
            Self::Wire(Wire::Noise) => "noise",
            Self::Wire(Wire::Storm) => "storm of one key",
        }
    }

    /// Attacks until `stop`.
    pub(super) async fn run(self, target: Arc<Target>, stop: CancellationToken) -> Sent {
        let slow = matches!(self, Self::SlowBodies | Self::SlowHeaders);
        let mut attackers = JoinSet::new();
        for _ in 0..if slow { SLOW } else { FAST } {
            let (target, stop) = (target.clone(), stop.clone());
            attackers.spawn(async move {
                let mut sent = Sent::default();
                while !stop.is_cancelled() {
                    let work = self.once(target.address, &target.stolen, &stop);
                    let status = timeout(PATIENCE, work).await.unwrap_or(None);
                    sent.count += 1;
                    *sent.statuses.entry(status.unwrap_or(0)).or_default() += 1;
                }
                sent
            });
        }
        let mut all = Sent::default();
        while let Some(sent) = attackers.join_next().await {
            all.add(&sent.unwrap_or_default());
        }
        all
    }

    /// One request on a connection of its own; the answer's status.
    async fn once(
        self,
        address: SocketAddr,
        stolen: &str,
        stop: &CancellationToken,
    ) -> Option<u16> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        if let Self::Wire(wire) = self {
            return wire.once(stream, &self.address(), stolen).await;
        }
        let slow = matches!(self, Self::SlowBodies | Self::SlowHeaders);
        let request = self.request(stolen);
        if !slow {
            // The server may answer and close before all is sent.
            let _ = stream.write_all(request.as_bytes()).await;
            return status(&mut stream).await;
        }
        let quick = request.len() - 20;
        stream.write_all(&request.as_bytes()[..quick]).await.ok()?;
        for byte in &request.as_bytes()[quick..] {
            tokio::select! {
                () = sleep(TRICKLE) => {}
                () = stop.cancelled() => return None,
            }
            stream.write_all(&[*byte]).await.ok()?;
        }
        status(&mut stream).await
    }

    /// Whom the attack comes from, as the load balancer tells it.
    fn address(self) -> String {
        let number = match self {
            Self::OneAddress => 0,
            _ => fastrand::u16(..ADDRESSES),
        };
        format!("203.{}.{}.9", number >> 8, number & 0xff)
    }

    fn request(self, stolen: &str) -> String {
        let from = self.address();
        let common = format!("host: x\r\nx-forwarded-for: {from}\r\nconnection: close\r\n");
        let handshake = "GET /websockets/?EIO=4&transport=polling HTTP/1.1\r\n";
        let wrong = format!("hfk_01K0ZQ4M9V3D5T7W8X2Y6B1C4E_{}", "x".repeat(43));
        match self {
            Self::Handshakes | Self::OneAddress | Self::Wire(_) => {
                format!("{handshake}{common}\r\n")
            }
            Self::WrongKeys => format!("{handshake}{common}authorization: ApiKey {wrong}\r\n\r\n"),
            Self::OneKey => format!("{handshake}{common}authorization: ApiKey {stolen}\r\n\r\n"),
            Self::Bodies => {
                let body = "x".repeat(40_000);
                format!("POST /v1/keys HTTP/1.1\r\n{common}content-length: 40000\r\n\r\n{body}")
            }
            Self::Chunked => {
                let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000)).repeat(4);
                format!(
                    "POST /v1/keys HTTP/1.1\r\n{common}transfer-encoding: chunked\r\n\r\n\
                     {chunk}0\r\n\r\n"
                )
            }
            Self::Description => format!("GET /openapi.json HTTP/1.1\r\n{common}\r\n"),
            Self::Smuggling => format!(
                "POST /v1/keys HTTP/1.1\r\n{common}content-length: 6\r\n\
                 transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/keys HTTP/1.1\r\nhost: \
                 x\r\n\r\n"
            ),
            Self::SlowBodies => {
                let body = "x".repeat(30);
                format!("POST /v1/keys HTTP/1.1\r\n{common}content-length: 30\r\n\r\n{body}")
            }
            Self::SlowHeaders => format!("{handshake}{common}x-slow: aaaaaaaaaaaaaaaa\r\n\r\n"),
        }
    }
}

async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.ok()?;
    let status = std::str::from_utf8(&head).ok()?.get(9..)?.parse().ok();
    // What else comes is read, so that the server's bandwidth is spent.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    status
}
