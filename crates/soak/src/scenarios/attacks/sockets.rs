//! Attacks by WebSocket, written byte by byte: what no library sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::raw::{TEXT, frame, handshake, request};

/// Frames that are sent at once.
const AT_ONCE: usize = 64;
/// A reader that never quite stalls: so many bytes, then such a pause.
const SIP: usize = 2048;
const PAUSE: Duration = Duration::from_millis(20);
/// Sockets of a storm stay so long.
const BRIEF: Duration = Duration::from_millis(20);

/// An attack by WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Pings whose pongs nobody reads.
    UnreadPongs,
    /// Pings whose pongs are read 2 KiB at a time, so that there is always some progress.
    SlowReader,
    /// Joins with a key that is none.
    Connects,
    /// Empty fragments, pongs, and acknowledgements of what was never sent.
    Noise,
    /// Sockets with one valid key that come, join and are dropped.
    Storm,
}

impl Wire {
    /// Opens a WebSocket and misuses it until the server ends it. Returns the handshake's status.
    pub(super) async fn once(self, mut stream: TcpStream, from: &str, stolen: &str) -> Option<u16> {
        let request = request(&format!("x-forwarded-for: {from}\r\n"));
        stream.write_all(request.as_bytes()).await.ok()?;
        let status = handshake(&mut stream, &mut Vec::new()).await?;
        if status == 101 {
            self.misuse(&mut stream, stolen).await;
        }
        Some(status)
    }

    async fn misuse(self, stream: &mut TcpStream, stolen: &str) {
        let frames = self.frames(stolen);
        match self {
            Self::Storm => {
                let _ = stream.write_all(&frames).await;
                sleep(BRIEF).await;
            }
            Self::SlowReader => {
                let (mut read, mut write) = stream.split();
                let sends = async { while write.write_all(&frames).await.is_ok() {} };
                let sips = async {
                    let mut sip = [0; SIP];
                    while matches!(read.read(&mut sip).await, Ok(1..)) {
                        sleep(PAUSE).await;
                    }
                };
                tokio::select! { () = sends => {}, () = sips => {} }
            }
            Self::UnreadPongs | Self::Connects | Self::Noise => {
                while stream.write_all(&frames).await.is_ok() {}
            }
        }
    }

    fn frames(self, stolen: &str) -> Vec<u8> {
        const PING: u8 = 0x89;
        const BEGIN: u8 = 0x01;
        const GO_ON: u8 = 0x00;
        const PONG: u8 = 0x8a;
        let join = |key: &str| format!(r#"40/dropcodes,{{"key":"{key}"}}"#);
        match self {
            Self::UnreadPongs | Self::SlowReader => frame(PING, &[b'x'; 125]).repeat(AT_ONCE),
            Self::Connects => {
                let key = format!("hfk_01K0ZQ4M9V3D5T7W8X2Y6B1C4E_{}", "x".repeat(43));
                frame(TEXT, join(&key).as_bytes()).repeat(AT_ONCE)
            }
            Self::Noise => {
                let mut frames = frame(TEXT, b"3");
                frames.extend(frame(PONG, b""));
                frames.extend(frame(TEXT, br#"43/dropcodes,1["x"]"#));
                let mut frames = frames.repeat(AT_ONCE);
                frames.extend(frame(BEGIN, b""));
                frames.extend(frame(GO_ON, b"").repeat(AT_ONCE));
                frames.extend(frame(GO_ON | 0x80, b"3"));
                frames
            }
            Self::Storm => frame(TEXT, join(stolen).as_bytes()),
        }
    }
}
