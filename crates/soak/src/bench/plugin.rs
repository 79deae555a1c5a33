//! A plugin as cheap as can be: one read takes all that has come, one write acknowledges it. The
//! official library and this project's own take many times the processor time that the server
//! does, and the load shares its two cores.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::backend::NAMESPACE;
use crate::event::{Ms, now};
use crate::raw::{TEXT, first, frame, handshake, request};

/// How long a join may take.
const JOINING: Duration = Duration::from_secs(30);
/// Bytes that are read at once, at most.
const READ: usize = 16 * 1024;

/// A joined WebSocket. It is dropped without a word.
pub(super) struct Plugin {
    stream: TcpStream,
    /// What has come and is not understood yet.
    read: Vec<u8>,
}

impl Plugin {
    /// Connects to a node and joins with a key.
    ///
    /// # Errors
    /// When it is not let in within half a minute.
    pub(super) async fn join(node: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let joined = timeout(JOINING, Self::try_to_join(node, key));
        joined.await.context("a join takes too long")?
    }

    async fn try_to_join(node: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request("").as_bytes()).await?;
        let mut read = Vec::with_capacity(READ);
        let status = handshake(&mut stream, &mut read).await;
        ensure!(status == Some(101), "the handshake is answered {status:?}");
        let join = format!(r#"40/{NAMESPACE},{{"key":"{key}"}}"#);
        stream.write_all(&frame(TEXT, join.as_bytes())).await?;
        let mut plugin = Self { stream, read };
        loop {
            let text = plugin.next().await?;
            if text.starts_with("40") {
                return Ok(plugin);
            }
            ensure!(!text.starts_with("44"), "the join is refused: {text}");
        }
    }

    /// The next packet.
    async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some((_, payload, end)) = first(&self.read) {
                let text = String::from_utf8(payload.to_vec())?;
                self.read.drain(..end);
                return Ok(text);
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.read.reserve(READ);
        match self.stream.read_buf(&mut self.read).await? {
            0 => bail!("the server has closed the connection"),
            _ => Ok(()),
        }
    }

    /// Acknowledges what comes, until the connection ends. `hear` is told the number of each
    /// message and when it came.
    ///
    /// # Errors
    /// When the connection ends, or something comes that is not a message.
    pub(super) async fn listen(mut self, mut hear: impl FnMut(usize, Ms)) -> anyhow::Result<()> {
        let mut answers = Vec::new();
        loop {
            self.more().await?;
            self.take(&mut hear, &mut answers)?;
            self.stream.write_all(&answers).await?;
            answers.clear();
        }
    }

    /// Tells of all that has come, and adds what is to be answered.
    fn take(
        &mut self,
        hear: &mut impl FnMut(usize, Ms),
        answers: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let (at, mut used) = (now(), 0);
        while let Some((_, payload, length)) = first(&self.read[used..]) {
            used += length;
            if payload == b"2" {
                answers.extend(frame(TEXT, b"3"));
                continue;
            }
            let (packet, number) = event(payload)
                .with_context(|| format!("not a message: {}", String::from_utf8_lossy(payload)))?;
            hear(number, at);
            let answer = format!(r#"43/{NAMESPACE},{packet}["m-{number}"]"#);
            answers.extend(frame(TEXT, answer.as_bytes()));
        }
        self.read.drain(..used);
        Ok(())
    }
}

/// What to acknowledge an event by, and the number of its message.
fn event(payload: &[u8]) -> Option<(u64, usize)> {
    let text = std::str::from_utf8(payload).ok()?;
    let text = text.strip_prefix("42/")?.strip_prefix(NAMESPACE)?;
    let (packet, rest) = text.strip_prefix(',')?.split_once('[')?;
    let rest = rest.strip_prefix(r#""code",{"n":"#)?;
    let (number, _) = rest.split_once(',')?;
    Some((packet.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_packet_and_its_message() {
        let text = br#"42/dropcodes,17["code",{"n":1234,"code":"AB"},{"id":"m-1234"}]"#;
        assert_eq!(event(text), Some((17, 1234)));
        assert_eq!(event(br#"42/dropcodes,["code",{"n":1}]"#), None);
        assert_eq!(event(b"40/dropcodes,{}"), None);
    }
}
